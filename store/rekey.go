package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge"
)

// Sealing anew goes through all tables in the order of their keys, a batch in each transaction, and writes down how far it came in the same
// transaction: so it can be stopped and goes on there. A value is replaced only if it is still the one that was read, so that what the gateway
// writes meanwhile stays. The content of files is sealed under keys of its own, which are values in rows; see the inventory.

// rekeyBatch is how many rows are sealed anew in one transaction: other writers wait no longer than for these.
const rekeyBatch = 64

// Resealed is what Reseal did.
type Resealed struct {
	Values int64 // that were sealed anew
	Files  int64 // of the first format, that were made into today's
	Passes int   // through all tables
}

// maxPasses bounds how often the tables are gone through. The first pass does nearly all; the second finds what a gateway sealed with the
// old key before it had seen the new one.
const maxPasses = 5

// Reseal seals every value anew that is not sealed with the key that seals now, beside a running gateway. If it is stopped it goes on where it
// was. When it returns without error, nothing is sealed with another key any more.
func (d *DB) Reseal(ctx context.Context, progress Progress) (Resealed, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	var done Resealed
	for done.Passes < maxPasses {
		done.Passes++
		n, err := d.resealFiles(ctx, progress)
		done.Files += n
		if err == nil {
			n, err = d.resealAll(ctx, progress)
			done.Values += n
		}
		if err != nil {
			return done, fmt.Errorf("seal anew: %w", err)
		}
		left, err := d.SealedWithOld(ctx, progress)
		if err != nil {
			return done, fmt.Errorf("seal anew: %w", err)
		}
		if left == 0 {
			return done, nil
		}
		if err := d.forgetPlaces(ctx); err != nil {
			return done, fmt.Errorf("seal anew: %w", err)
		}
	}
	return done, fmt.Errorf("seal anew: a gateway goes on sealing with the old key: can it read the key file?")
}

func (d *DB) resealAll(ctx context.Context, progress Progress) (sealed int64, err error) {
	total, err := d.inventoryRows(ctx)
	if err != nil {
		return 0, err
	}
	var before int64
	for _, s := range inventory {
		for ended := false; !ended; {
			var n, rows int64
			err := d.update(ctx, func(t *tx) (err error) {
				n, rows, ended, err = t.reseal(ctx, s)
				return err
			})
			if err != nil {
				return sealed, err
			}
			sealed += n
			progress("sealing", before+rows, max(total, before+rows))
			if ended {
				before += rows
			}
		}
	}
	var singles int64
	err = d.update(ctx, func(t *tx) error {
		singles = 0
		for _, one := range sealedSingles {
			var was []byte
			err := t.one(ctx, "select "+one.sqlColumn+" from "+one.table+" where "+one.where, nil, &was)
			if errors.Is(err, bridge.ErrNotFound) || err == nil && d.keys.Current(was) {
				continue
			}
			if err != nil {
				return err
			}
			plain, err := d.keys.Open(was, one.table, one.column, one.row)
			if err != nil {
				return err
			}
			n, err := t.exec(ctx, "update "+one.table+" set "+one.sqlColumn+" = ? where "+one.where+" and "+one.sqlColumn+" = ?",
				d.keys.Seal(plain, one.table, one.column, one.row), was)
			if err != nil {
				return err
			}
			singles += n
		}
		return nil
	})
	return sealed + singles, err
}

// reseal does one batch of a table. It returns how many values it sealed, how many rows of the table are behind it, and whether that was the end.
func (t *tx) reseal(ctx context.Context, s sealedTable) (sealed, rowsDone int64, ended bool, err error) {
	keys := t.conn.keys
	var place []byte
	err = t.one(ctx, "select place, rows_done, done from rekey where name = ? and key_id = ?", []any{s.name, int64(keys.KeyID())}, &place, &rowsDone, &ended)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) || ended {
		return 0, rowsDone, ended, err
	}
	after, err := unpackKey(place)
	if err != nil {
		return 0, rowsDone, false, err
	}
	rows, err := s.page(ctx, t, after, rekeyBatch)
	if err != nil {
		return 0, rowsDone, false, err
	}
	for _, r := range rows {
		n, err := t.resealRow(ctx, s, r)
		if err != nil {
			return 0, rowsDone, false, err
		}
		sealed += n
		place = packKey(r.key)
	}
	rowsDone += int64(len(rows))
	ended = len(rows) < rekeyBatch
	_, err = t.exec(ctx, `insert into rekey (name, key_id, place, rows_done, done) values (?, ?, ?, ?, ?)
		on conflict (name) do update set key_id = excluded.key_id, place = excluded.place, rows_done = excluded.rows_done, done = excluded.done`,
		s.name, int64(keys.KeyID()), place, rowsDone, ended)
	return sealed, rowsDone, ended, err
}

func (t *tx) resealRow(ctx context.Context, s sealedTable, r sealedRow) (sealed int64, err error) {
	keys, bound := t.conn.keys, r.bound()
	for i, was := range r.values {
		if was == nil || keys.Current(was) {
			continue
		}
		plain, err := keys.Open(was, s.name, s.columns[i], bound)
		if err != nil {
			return sealed, fmt.Errorf(`%w: run "letterlock check"`, err)
		}
		column := "sealed_" + s.columns[i]
		args := append([]any{keys.Seal(plain, s.name, s.columns[i], bound)}, s.args(r.key)...)
		n, err := t.exec(ctx, "update "+s.name+" set "+column+" = ? where "+strings.Join(s.key, " = ? and ")+" = ? and "+column+" = ?", append(args, was)...)
		clear(plain)
		if err != nil {
			return sealed, err
		}
		sealed += n
	}
	return sealed, nil
}

// resealFiles makes files of the first format, whose keys are not their own but the keyring's, into files of today's.
func (d *DB) resealFiles(ctx context.Context, progress Progress) (sealed int64, err error) {
	var keys []string
	err = d.view(ctx, func(t *tx) error {
		keys = nil
		return t.each(ctx, oldFilesQuery, nil, func(r row) error {
			keys = append(keys, "")
			return r.Scan(&keys[len(keys)-1])
		})
	})
	for i, key := range keys {
		if err != nil {
			break
		}
		progress("files", int64(i), int64(len(keys)))
		if err = d.resealFile(ctx, key); err == nil {
			sealed++
		}
	}
	if err == nil && len(keys) > 0 {
		err = d.RemoveDeleted(ctx)
	}
	return sealed, err
}

// oldFilesQuery lists the files of the first format that something refers to.
const oldFilesQuery = `select b.key from blob b where b.sealed_secret is null
	and (exists (select 1 from attachment a where a.blob_key = b.key) or exists (select 1 from received_raw w where w.blob_key = b.key))`

// resealFile stores the content of a file once more, and has everything that refers to it refer to the new file. If it stops in the middle,
// the new file is one that nothing refers to, and the sweep removes it.
func (d *DB) resealFile(ctx context.Context, key string) error {
	var was bridge.Blob
	err := d.view(ctx, func(t *tx) error {
		var id bridge.ID
		err := t.one(ctx, "select id from attachment where blob_key = ? limit 1", []any{key}, &id)
		if err == nil {
			var a bridge.Attachment
			a, err = t.Attachment(ctx, id)
			was = a.Blob
			return err
		}
		if errors.Is(err, bridge.ErrNotFound) {
			err = t.one(ctx, "select received from received_raw where blob_key = ? limit 1", []any{key}, &id)
		}
		if err == nil {
			was, err = t.RawMail(ctx, id)
		}
		return err
	})
	if errors.Is(err, bridge.ErrNotFound) {
		return nil // it was deleted meanwhile
	}
	if err != nil {
		return err
	}
	r, err := d.OpenBlob(ctx, was)
	if err != nil {
		return err
	}
	fresh, err := d.StageBlob(ctx, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if fresh.SHA256 != was.SHA256 || fresh.Key == "" {
		return fmt.Errorf("file %s: it is not the content that was stored", key)
	}
	return d.update(ctx, func(t *tx) error {
		if err := t.useBlob(ctx, fresh.Key); err != nil {
			return err
		}
		for _, query := range []string{"update attachment set blob_key = ? where blob_key = ?", "update received_raw set blob_key = ? where blob_key = ?"} {
			if _, err := t.exec(ctx, query, fresh.Key, key); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, "update blob set idle = ? where key = ?", true, key); err != nil {
			return err
		}
		_, err := t.exec(ctx, "insert into removal (blob_key, at) values (?, ?) on conflict do nothing", key, micros(time.Now()))
		return err
	})
}

// forgetPlaces lets the next pass begin at the beginning.
func (d *DB) forgetPlaces(ctx context.Context) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.exec(ctx, "delete from rekey")
		return err
	})
}

func (d *DB) inventoryRows(ctx context.Context) (total int64, err error) {
	err = d.view(ctx, func(t *tx) error {
		total = 0
		for _, s := range inventory {
			n, err := s.count(ctx, t)
			if err != nil {
				return err
			}
			total += n
		}
		return nil
	})
	return total, err
}

// SealedWithOld counts the values that are not sealed with the key that seals now, and the files of the first format. It looks at all of them.
func (d *DB) SealedWithOld(ctx context.Context, progress Progress) (old int64, err error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	total, err := d.inventoryRows(ctx)
	if err != nil {
		return 0, err
	}
	var seen int64
	for _, s := range inventory {
		var after [][]byte
		for {
			var rows []sealedRow
			err := d.view(ctx, func(t *tx) (err error) {
				rows, err = s.page(ctx, t, after, inventoryPage)
				return err
			})
			if err != nil {
				return old, err
			}
			for _, r := range rows {
				for _, v := range r.values {
					if v != nil && !d.keys.Current(v) {
						old++
					}
				}
				after = r.key
			}
			seen += int64(len(rows))
			progress("looking", seen, max(total, seen))
			if len(rows) < inventoryPage {
				break
			}
		}
	}
	err = d.view(ctx, func(t *tx) error {
		for _, one := range sealedSingles {
			var v []byte
			err := t.one(ctx, "select "+one.sqlColumn+" from "+one.table+" where "+one.where, nil, &v)
			if err == nil && !d.keys.Current(v) {
				old++
			}
			if err != nil && !errors.Is(err, bridge.ErrNotFound) {
				return err
			}
		}
		var files int64
		err := t.one(ctx, "select count(*) from ("+oldFilesQuery+") u", nil, &files)
		old += files
		return err
	})
	return old, err
}

// Rekey is a change of keys that one process makes at a time.
type Rekey struct {
	db     *DB
	holder string
}

const (
	rekeyLease = "rekey"
	rekeyTerm  = 2 * time.Minute
)

// BeginRekey keeps other processes from changing keys until End, or for two minutes after the last Renew.
func (d *DB) BeginRekey(ctx context.Context) (*Rekey, error) {
	r := &Rekey{db: d, holder: bridge.NewID().String()}
	return r, r.Renew(ctx)
}

// Renew keeps the others away for longer.
func (r *Rekey) Renew(ctx context.Context) error {
	held, err := r.db.Lease(ctx, rekeyLease, r.holder, rekeyTerm)
	if err == nil && !held {
		err = fmt.Errorf("another process is changing the keys just now: %w", bridge.ErrConflict)
	}
	return err
}

// End lets others change keys.
func (r *Rekey) End(ctx context.Context) error { return r.db.EndLease(ctx, rekeyLease, r.holder) }
