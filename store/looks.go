package store

import (
	"context"
	"errors"
	"time"

	"letterlock/bridge"
)

// LookedAt implements bridge.Looks.
func (t *tx) LookedAt(ctx context.Context, thread, person bridge.ID) (time.Time, error) {
	var at time.Time
	err := t.one(ctx, "select at from look where thread = ? and person = ?", []any{thread, person}, moment(&at))
	if errors.Is(err, bridge.ErrNotFound) {
		err = nil
	}
	return at, err
}

// SetLookedAt implements bridge.Looks.
func (t *tx) SetLookedAt(ctx context.Context, thread, person bridge.ID, at time.Time) error {
	err := t.send(ctx, "insert into look (thread, person, at) values (?, ?, ?) on conflict (thread, person) do update set at = excluded.at",
		thread, person, micros(at))
	return err
}

// MessageBefore implements bridge.Looks.
func (t *tx) MessageBefore(ctx context.Context, d bridge.Delivery) (bridge.Delivery, error) {
	return t.neighbour(ctx, d, "and coalesce(state, '') in ('queued', 'deferred') order by created_at, id limit 1")
}

// NoticeBefore implements bridge.Looks.
func (t *tx) NoticeBefore(ctx context.Context, d bridge.Delivery) (bridge.Delivery, error) {
	return t.neighbour(ctx, d, "and coalesce(state, '') = 'relayed' and form = 'notice' order by created_at desc, id desc limit 1")
}

// neighbour returns a delivery from before d of the same thread to the same person. The state is wrapped in the queries, so that no engine
// is tempted to start from all that were ever relayed.
func (t *tx) neighbour(ctx context.Context, d bridge.Delivery, which string) (bridge.Delivery, error) {
	all, err := t.deliveries(ctx, selectDelivery+"where thread = ? and person = ? and (created_at, id) < (?, ?) and kind = 'message' "+which,
		d.Thread, d.Person, micros(d.CreatedAt), d.ID)
	if err == nil && len(all) == 0 {
		return bridge.Delivery{}, bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Delivery{}, err
	}
	return all[0], nil
}
