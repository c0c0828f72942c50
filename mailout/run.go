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
	// How many claimed deliveries wait at most, for all next hops together.
	maxWaiting = 10 * maxBatch
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
	defer func() { w.giveBack(ctx, w.unqueue()) }()
	limit, faults, more := w.c.Concurrency, 0, true
	var claimed time.Time // when a full batch last was
	for {
		if w.single && !w.awaitRelay(ctx) {
			return
		}
		if !w.start(ctx, work, deliveries) {
			return
		}
		if more && w.wants(limit) {
			if took := time.Since(claimed); took < batchTime/2 {
				limit = min(2*limit, maxBatch)
			} else if took > batchTime {
				limit = max(limit/2, w.c.Concurrency)
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
			faults, claimed, more = 0, time.Now(), len(batch) == limit
			w.take(ctx, batch)
			continue
		}
		due, ok := w.await(ctx, more)
		if !ok {
			return
		}
		more = more || due
	}
}

// wants reports whether more is to be claimed: little waits, or all that waits is for next hops that can't take it now.
func (w *Worker) wants(limit int) bool {
	now := w.c.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting, stuck := 0, true
	for _, h := range w.hops {
		waiting += len(h.queue)
		stuck = stuck && (len(h.queue) == 0 || !h.ready(now))
	}
	return waiting < limit/2 || stuck && w.busy < w.c.Concurrency && waiting < maxWaiting
}

// take puts what was claimed into its queues, or puts it off.
func (w *Worker) take(ctx context.Context, batch []bridge.Delivery) {
	now := w.c.Now()
	for _, d := range batch {
		w.c.AfterClaim(d.ID)
	}
	off, old := w.hand(batch, now)
	for wait, list := range off {
		w.keepOff(ctx, list, w.spread(wait))
	}
	for _, d := range batch {
		if fault := old[d.ID]; fault != nil {
			w.giveUp(ctx, d, now, fault.Said())
			w.end(ctx, d)
		}
	}
	w.mu.Lock()
	w.forgetHops(now)
	w.mu.Unlock()
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

// start gives each delivery that may leave its goroutine, the most urgent first. It returns false once ctx has ended.
func (w *Worker) start(ctx, work context.Context, deliveries *sync.WaitGroup) bool {
	for {
		if !acquire(ctx, w.flying) {
			return false
		}
		d, ok := w.next(w.c.Now())
		if !ok {
			<-w.flying
			return true
		}
		deliveries.Go(func() {
			defer func() { <-w.flying }()
			w.deliver(work, d)
		})
	}
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

// await sleeps until something can be started, or there may be something to claim, which it reports as due. It returns false once ctx has
// ended.
func (w *Worker) await(ctx context.Context, more bool) (due, ok bool) {
	wait := w.wake(w.c.Now())
	if !more {
		next, err := w.c.Gateway.NextDelivery(ctx)
		switch {
		case err == nil:
			wait = min(wait, max(next.Sub(w.c.Now()), minSleep))
		case !errors.Is(err, bridge.ErrNotFound) && ctx.Err() == nil:
			w.c.Log.ErrorContext(ctx, "next delivery not known", "error", err)
			wait = min(wait, time.Second)
		}
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true, true
	case <-w.c.Gateway.Outbox():
		return true, true
	case <-w.nudge:
		return true, true
	case <-w.free:
		return false, true
	case <-ctx.Done():
		return false, false
	}
}

// signal tells a channel that something has changed, if nobody has yet.
func (w *Worker) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
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
