package mailout

import (
	"context"
	"time"

	"letterlock/bridge"
)

// recordTime bounds one attempt to write to the store. It is apart from the worker's life, since what happened must still be recorded at its end.
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
	ids := w.holding()
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
		if cancel := w.held[id]; cancel != nil {
			// Somebody else has it, or cancelled it: what has not left yet should not leave from here.
			cancel()
		}
	}
}

func (w *Worker) holding() []bridge.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]bridge.ID, 0, len(w.held))
	for id := range w.held {
		ids = append(ids, id)
	}
	return ids
}

// begin notes that a delivery is being worked on, by what can break it off.
func (w *Worker) begin(id bridge.ID, cancel context.CancelFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[id] = cancel
}

func (w *Worker) letGo(ids ...bridge.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		delete(w.held, id)
	}
}

// giveBack ends the lease of deliveries that were not tried, so that they need not wait for it to run out.
func (w *Worker) giveBack(ctx context.Context, batch []bridge.Delivery) {
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
	if _, err := w.c.Gateway.RenewLeases(ctx, w.c.Name, 0, ids...); err != nil {
		w.c.Log.ErrorContext(ctx, "deliveries not given back: they wait for their lease to run out", "deliveries", len(ids), "error", err)
	}
}
