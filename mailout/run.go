package mailout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"letterlock/bridge"
)

const (
	maxBatch = 200
	// What one claim brings should be on its way within this time, so that a code which comes then need not wait longer.
	batchTime = 500 * time.Millisecond
	// How long to sleep at most: another process may add deliveries without our being told.
	maxSleep = 30 * time.Second
	// How long to sleep at least, however clocks and leases fall.
	minSleep = 20 * time.Millisecond
)

// Run empties the outbox until ctx ends. Then it claims nothing more, gives back what it has not begun, waits up to Grace for
// the mails on their way, breaks off those that remain, and returns nil.
func (w *Worker) Run(ctx context.Context) error {
	// What is on its way outlives ctx by the grace.
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()

	var deliveries, keeper sync.WaitGroup
	keep, stopKeeping := context.WithCancel(work)
	keeper.Go(func() { w.keepLeases(keep) })

	if err := w.c.Gateway.ReleaseLeases(ctx, w.c.Name); err != nil && ctx.Err() == nil {
		w.c.Log.ErrorContext(ctx, "leases of an earlier run not released: they have to run out", "error", err)
	}
	w.claimUntilDone(ctx, work, &deliveries)

	grace := time.AfterFunc(w.c.Grace, abort)
	deliveries.Wait()
	grace.Stop()
	stopKeeping()
	keeper.Wait()
	return nil
}

// claimUntilDone claims and starts deliveries until ctx ends.
func (w *Worker) claimUntilDone(ctx, work context.Context, deliveries *sync.WaitGroup) {
	limit, faults := w.c.Concurrency, 0
	for {
		if !w.awaitRelay(ctx) {
			return
		}
		batch, err := w.claim(ctx, limit)
		if ctx.Err() != nil {
			w.giveBack(ctx, batch)
			return
		}
		if err != nil {
			faults++
			w.c.Log.ErrorContext(ctx, "deliveries not claimed", "error", err)
			if !sleep(ctx, w.spread(pause(faults, 250*time.Millisecond, 15*time.Second))) {
				return
			}
			continue
		}
		faults = 0

		began := time.Now()
		if !w.start(ctx, work, batch, deliveries) {
			return
		}
		switch took := time.Since(began); {
		case len(batch) < limit:
			if !w.awaitWork(ctx) {
				return
			}
		case took < batchTime/2:
			limit = min(2*limit, maxBatch)
		case took > batchTime:
			limit = max(limit/2, w.c.Concurrency)
		}
	}
}

func (w *Worker) claim(ctx context.Context, limit int) ([]bridge.Delivery, error) {
	batch, err := w.c.Gateway.ClaimDeliveries(ctx, w.c.Name, w.c.Lease, limit)
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(batch, func(d bridge.Delivery) bool {
		if h := w.held[d.ID]; h != nil {
			// What is on its way comes again if the store could not renew its lease in time. It is still one mail.
			h.again = true
			return true
		}
		w.held[d.ID] = &holding{}
		return false
	}), err
}

// start gives each delivery its goroutine, in order, as slots become free. It returns false once ctx has ended. What it did not
// start it gave back.
func (w *Worker) start(ctx, work context.Context, batch []bridge.Delivery, deliveries *sync.WaitGroup) bool {
	for i, d := range batch {
		w.c.AfterClaim(d.ID)
		if !acquire(ctx, w.flying) {
			w.giveBack(ctx, batch[i:])
			return false
		}
		if !acquire(ctx, w.slots) {
			<-w.flying
			w.giveBack(ctx, batch[i:])
			return false
		}
		if w.relay.down() {
			<-w.slots
			<-w.flying
			w.giveBack(ctx, batch[i:])
			return true
		}
		deliveries.Go(func() {
			defer func() { <-w.flying }()
			w.deliver(work, d)
		})
	}
	return true
}

// acquire reports whether it got a place before ctx ended.
func acquire(ctx context.Context, places chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// awaitWork sleeps until there may be something to claim. It returns false once ctx has ended.
func (w *Worker) awaitWork(ctx context.Context) bool {
	wait := maxSleep
	next, err := w.c.Gateway.NextDelivery(ctx)
	switch {
	case err == nil:
		wait = min(max(next.Sub(w.c.Now()), minSleep), maxSleep)
	case !errors.Is(err, bridge.ErrNotFound) && ctx.Err() == nil:
		w.c.Log.ErrorContext(ctx, "next delivery not known", "error", err)
		wait = time.Second
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.c.Gateway.Outbox():
	case <-w.nudge:
	case <-ctx.Done():
		return false
	}
	return true
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
