package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

// AddStaged implements bridge.Staging. The same content staged again counts again.
func (t *tx) AddStaged(ctx context.Context, owner bridge.ID, b bridge.Blob, at time.Time) error {
	err := t.send(ctx, `insert into staged (owner, blob_key, size, at) values (?, ?, ?, ?)
		on conflict (owner, blob_key) do update set size = staged.size + excluded.size, at = excluded.at`, owner, b.Key, b.Size, micros(at))
	return err
}

// UseStaged implements bridge.Staging.
func (t *tx) UseStaged(ctx context.Context, owner bridge.ID, b bridge.Blob) error {
	err := t.send(ctx, "delete from staged where owner = ? and blob_key = ?", owner, b.Key)
	return err
}

// Staged implements bridge.Staging.
func (t *tx) Staged(ctx context.Context, owner bridge.ID, since time.Time) (int64, error) {
	var n int64
	err := t.one(ctx, "select cast(coalesce(sum(size), 0) as bigint) from staged where owner = ? and at >= ?", []any{owner, micros(since)}, &n)
	return n, err
}
