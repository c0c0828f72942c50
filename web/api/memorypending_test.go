package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"letterlock/bridge"
)

func (t *memoryTx) AddPending(_ context.Context, p bridge.Pending) error {
	t.pending = append(t.pending, p)
	return nil
}

func (t *memoryTx) Pending(_ context.Context, id bridge.ID) (bridge.Pending, error) {
	i := slices.IndexFunc(t.pending, func(p bridge.Pending) bool { return p.ID == id })
	if i < 0 {
		return bridge.Pending{}, bridge.ErrNotFound
	}
	return t.pending[i], nil
}

func (t *memoryTx) UpdatePending(ctx context.Context, p bridge.Pending) error {
	if err := t.RemovePending(ctx, p.ID); err != nil {
		return err
	}
	return t.AddPending(ctx, p)
}

func (t *memoryTx) RemovePending(_ context.Context, id bridge.ID) error {
	before := len(t.pending)
	t.pending = slices.DeleteFunc(t.pending, func(p bridge.Pending) bool { return p.ID == id })
	if len(t.pending) == before {
		return bridge.ErrNotFound
	}
	return nil
}

func (t *memoryTx) TakeDue(ctx context.Context, id bridge.ID, now time.Time) error {
	p, err := t.Pending(ctx, id)
	if err == nil && (p.State != bridge.PendingWaits || p.At.After(now)) {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return err
	}
	return t.RemovePending(ctx, id)
}

func (t *memoryTx) ListPending(_ context.Context, thread bridge.ID, after bridge.Cursor, limit int) ([]bridge.Pending, error) {
	place := func(p bridge.Pending, c bridge.Cursor) int {
		return cmp.Or(p.At.Compare(c.At), slices.Compare(p.ID[:], c.ID[:]))
	}
	var all []bridge.Pending
	for _, p := range t.pending {
		if (thread.IsZero() || p.Thread == thread) && (after.IsZero() || place(p, after) > 0) {
			p.Text, p.HTML = "", ""
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b bridge.Pending) int { return place(a, bridge.Cursor{At: b.At, ID: b.ID}) })
	return all[:min(limit, len(all))], nil
}
