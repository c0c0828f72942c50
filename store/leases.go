package store

import (
	"context"
	"fmt"
	"time"
)

// Lease takes a named lease for a holder, or renews the one it has, for a term from now on by the database's clock. It reports
// whether the holder has it then; another who does not renew loses it when their term is over.
func (d *DB) Lease(ctx context.Context, name, holder string, term time.Duration) (held bool, err error) {
	err = d.update(ctx, func(t *tx) error {
		if err := t.latest(ctx); err != nil {
			return err
		}
		now := t.conn.engine.clock()
		n, err := t.exec(ctx, `insert into lease (name_hash, holder, until_at) values (?, ?, `+now+` + ?)
			on conflict (name_hash) do update set holder = excluded.holder, until_at = excluded.until_at
			where lease.holder = excluded.holder or lease.until_at <= `+now,
			t.leaseHash(name), holder, term.Microseconds())
		held = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take the lease of %s: %w", name, err)
	}
	return held, nil
}

// EndLease gives a lease back before its term is over. It does nothing if the holder has it no longer.
func (d *DB) EndLease(ctx context.Context, name, holder string) error {
	err := d.update(ctx, func(t *tx) error {
		_, err := t.exec(ctx, "delete from lease where name_hash = ? and holder = ?", t.leaseHash(name), holder)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the lease of %s: %w", name, err)
	}
	return nil
}

// leaseHash names a lease. A mailbox may be called after a customer, so the name itself is not kept.
func (t *tx) leaseHash(name string) []byte { return t.conn.keys.Lookup("lease", []byte(name)) }
