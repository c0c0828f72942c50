package mailout

import (
	"context"
	"maps"
	"slices"
	"time"

	"letterlock/bridge"
)

// recordTime bounds one attempt to write to the store. It is apart from the worker's life, since what happened must still be
// recorded at its end.
const recordTime = 15 * time.Second

// keepLeases renews the lease of everything that this worker holds, until ctx ends.
func (w *Worker) keepLeases(ctx context.Context) {
	tick := time.NewTicker(w.c.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.renew(ctx)
	}
}

func (w *Worker) renew(ctx context.Context) {
	w.renewing.Lock()
	defer w.renewing.Unlock()
	ids := w.holdings()
	if len(ids) == 0 {
		return
	}
	lost, err := w.c.Gateway.RenewLeases(ctx, w.c.Name, w.c.Lease, ids...)
	if err != nil && ctx.Err() == nil {
		w.c.Log.ErrorContext(ctx, "leases not renewed", "deliveries", len(ids), "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range lost {
		if h := w.held[id]; h != nil && h.cancel != nil {
			// Somebody else has it, or cancelled it: what has not left yet should not leave from here.
			h.cancel()
		}
	}
}

// holding is one delivery that this worker has claimed.
type holding struct {
	cancel context.CancelFunc // breaks it off; nil until it has a goroutine
	again  bool               // it was claimed once more meanwhile
}

func (w *Worker) holdings() []bridge.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.held))
}

// begin notes by what a delivery can be broken off.
func (w *Worker) begin(id bridge.ID, cancel context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.held[id]; h != nil {
		h.cancel = cancel
	}
}

// end lets go of a delivery that is dealt with.
func (w *Worker) end(ctx context.Context, d bridge.Delivery) {
	if !w.letGo(d.ID) {
		return
	}
	w.giveBack(ctx, []bridge.Delivery{d})
	w.signal(w.nudge)
}

// letGo reports whether any of them was claimed again meanwhile.
func (w *Worker) letGo(ids ...bridge.ID) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if h := w.held[id]; h != nil {
			again = again || h.again
			delete(w.held, id)
		}
	}
	return again
}

// giveBack ends the lease of deliveries that were not tried, so that they need not wait for it to run out.
func (w *Worker) giveBack(ctx context.Context, batch []bridge.Delivery) { w.keepOff(ctx, batch, 0) }

// keepOff lets go of deliveries that were not tried. Nobody claims them for a while.
func (w *Worker) keepOff(ctx context.Context, batch []bridge.Delivery, wait time.Duration) {
	if len(batch) == 0 {
		return
	}
	ids := make([]bridge.ID, len(batch))
	for i, d := range batch {
		ids[i] = d.ID
	}
	w.renewing.Lock()
	defer w.renewing.Unlock()
	w.letGo(ids...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err := w.c.Gateway.ReturnDeliveries(ctx, w.c.Name, wait, ids...); err != nil {
		w.c.Log.ErrorContext(ctx, "deliveries not given back: they wait for their lease to run out", "deliveries", len(ids), "error", err)
	}
}
