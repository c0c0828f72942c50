package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// orphanAge is how long staged content waits for the transaction that refers to it.
const orphanAge = 24 * time.Hour

// sweepBatch is how many files' rows one transaction of a sweep looks at: others wait for it.
const sweepBatch = 100

// Sweep removes what nothing needs any more: content that was staged or attached a day ago and that nothing refers to, and sessions that
// have expired. Call it now and then.
func (d *DB) Sweep(ctx context.Context, now time.Time) error {
	before := now.Add(-orphanAge)
	err := d.update(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, "delete from session where expires_at > ? and expires_at < ?", -micros(now), micros(now)); err != nil {
			return err
		}
		_, err := t.exec(ctx, "delete from staged where at < ?", micros(before))
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep sessions: %w", err)
	}
	for _, key := range d.surplus.take() {
		err = errors.Join(err, d.blobs.Remove(ctx, key))
	}
	err = errors.Join(err, d.sweepTransport(ctx, now), d.sweepBlobs(ctx, now, before))
	_, orphans := d.blobs.Sweep(ctx, before, d.knownBlobs)
	return errors.Join(err, orphans)
}

// sweepBlobs removes files that no row refers to. The rows go first, in a transaction that meets whoever is about to refer to one (see
// useBlob, keepBlob): either they come first and the row stays, or they find no row and write the content anew.
func (d *DB) sweepBlobs(ctx context.Context, now, before time.Time) error {
	for {
		var gone []string
		seen := 0
		err := d.update(ctx, func(t *tx) (err error) {
			gone, seen, err = t.sweepBlobs(ctx, now, before)
			return err
		})
		for i := 0; err == nil && i < len(gone); i++ {
			// A file that stays behind here is found by its age.
			err = d.blobs.Remove(ctx, gone[i])
		}
		if err != nil {
			return fmt.Errorf("sweep blobs: %w", err)
		}
		if seen < sweepBatch {
			return nil
		}
	}
}

func (t *tx) sweepBlobs(ctx context.Context, now, before time.Time) (gone []string, seen int, err error) {
	var keys []string
	err = t.each(ctx, "select key from blob where idle and used_at < ? order by used_at, key limit ?", []any{micros(before), sweepBatch}, func(r row) error {
		keys = append(keys, "")
		return r.Scan(&keys[len(keys)-1])
	})
	if err != nil {
		return nil, 0, err
	}
	for _, key := range keys {
		var refs int
		err := t.one(ctx, `select count(*) from (select 1 from attachment where blob_key = ?
			union all select 1 from received_raw where blob_key = ?
			union all select 1 from pending_file where blob_key = ?) u`, []any{key, key, key}, &refs)
		if err != nil {
			return nil, 0, err
		}
		if refs > 0 {
			// It had more references than the one that went: look again tomorrow.
			if _, err := t.exec(ctx, "update blob set used_at = ? where key = ?", micros(now), key); err != nil {
				return nil, 0, err
			}
			continue
		}
		if _, err := t.exec(ctx, "delete from blob where key = ?", key); err != nil {
			return nil, 0, err
		}
		gone = append(gone, key)
	}
	return gone, len(keys), nil
}

// knownBlobs says which files have rows.
func (d *DB) knownBlobs(ctx context.Context, keys []string) (map[string]bool, error) {
	known := make(map[string]bool, len(keys))
	err := d.view(ctx, func(t *tx) error {
		for _, key := range keys {
			var n int
			if err := t.one(ctx, "select count(*) from blob where key = ?", []any{key}, &n); err != nil {
				return err
			}
			known[key] = n > 0
		}
		return nil
	})
	return known, err
}
