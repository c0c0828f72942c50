package bridge

import (
	"context"
	"errors"
	"time"
)

// RenewLeases lets a worker hold deliveries for a lease from now on, because it still works on them: a slow relay may take minutes
// over one mail (RFC 5321, section 4.5.3.2). It returns those that the worker holds no more.
func (g *Gateway) RenewLeases(ctx context.Context, worker string, lease time.Duration, ids ...ID) (lost []ID, err error) {
	err = g.store.Update(ctx, func(tx Tx) error {
		lost = nil
		until := g.now().Add(lease)
		for _, id := range ids {
			d, err := tx.Delivery(ctx, id)
			if errors.Is(err, ErrNotFound) || err == nil && (d.State.final() || d.LeaseBy != worker) {
				lost = append(lost, id)
				continue
			}
			if err != nil {
				return err
			}
			d.LeaseUntil = until
			if err := tx.UpdateDelivery(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
	return lost, wrap("renew leases", err)
}

// PutOff reports whether a delivery waits only because its next hop is down.
func (d Delivery) PutOff(now time.Time) bool {
	return (d.State == Queued || d.State == Deferred) && d.LeaseBy == "" && now.Before(d.LeaseUntil)
}

// ReturnDeliveries gives back what a worker holds and has not tried, and lets nobody claim it before wait is over: as long as its next hop
// is down there is no use in it. An admin can hold it meanwhile, or have it tried at once. What the worker holds no more stays as it is.
func (g *Gateway) ReturnDeliveries(ctx context.Context, worker string, wait time.Duration, ids ...ID) error {
	return wrap("return deliveries", g.store.Update(ctx, func(tx Tx) error {
		var until time.Time
		if wait > 0 {
			until = g.now().Add(wait)
		}
		for _, id := range ids {
			d, err := tx.Delivery(ctx, id)
			if errors.Is(err, ErrNotFound) || err == nil && d.LeaseBy != worker {
				continue
			}
			if err != nil {
				return err
			}
			d.LeaseBy, d.LeaseUntil = "", until
			if err := tx.UpdateDelivery(ctx, d); err != nil {
				return err
			}
		}
		return nil
	}))
}
