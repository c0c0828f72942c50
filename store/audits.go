package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"letterlock/bridge"
)

// The audit log is a chain: each entry has the next number and a code, keyed with a key that is not in the database, over its own content and
// the code before it. So nothing can be changed, taken out, put in or moved without the key. The sealed head names the last entry, so that
// cutting off the end shows too. Only the database as a whole can be put back to an earlier state unnoticed: what notices that is a head
// that was written down elsewhere, which every export is.

const selectAudit = "select id, at, actor, by_id, action, thread, person, sealed_detail, coalesce(seq, 0), link from audit "

const (
	headRow      = 1
	linkSize     = 32
	chainPurpose = "audit.chain"
)

func (t *tx) scanAudit(r row, e *bridge.AuditEntry) error {
	return r.Scan(&e.ID, moment(&e.At), &e.Actor, &e.By, &e.Action, &e.Thread, &e.Person, t.text(&e.Detail, "audit", "detail", e.ID[:]),
		&e.Seq, &e.Link)
}

// linked writes what an entry's code is computed over: the code before it, and everything in the entry. Lengths make it unambiguous.
func linked(before []byte, e bridge.AuditEntry) []byte {
	b := make([]byte, 0, 256+len(e.Detail))
	b = append(b, before...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(e.At)))
	for _, id := range []bridge.ID{e.ID, e.By, e.Thread, e.Person} {
		b = append(b, id[:]...)
	}
	for _, s := range []string{e.Actor, e.Action, e.Detail} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

// noLink is the code before the first entry.
var noLink = make([]byte, linkSize)

func headRowBytes() []byte { return []byte{headRow} }

func (t *tx) sealHead(seq int64, link []byte) []byte {
	return t.conn.keys.Seal(append(binary.BigEndian.AppendUint64(nil, uint64(seq)), link...), "audit_head", "head", headRowBytes())
}

func openHead(plain []byte) (seq int64, link []byte, err error) {
	if len(plain) != 8+linkSize {
		return 0, nil, errors.New("the head of the audit log has another length than a head")
	}
	return int64(binary.BigEndian.Uint64(plain)), plain[8:], nil
}

// AddAudit implements bridge.Audits. Whoever comes first to the head has it until the end of their transaction, so that numbers have no gaps.
func (t *tx) AddAudit(ctx context.Context, e bridge.AuditEntry) error {
	var plain []byte
	err := t.one(ctx, "update audit_head set seq = seq + 1 where id = ? returning seq, sealed_head", []any{headRow},
		&e.Seq, t.octets(&plain, "audit_head", "head", headRowBytes()))
	if errors.Is(err, bridge.ErrNotFound) {
		return errors.New(`add to the audit log: its head is gone: run "letterlock check"`)
	}
	if err != nil {
		return fmt.Errorf("add to the audit log: %w", err)
	}
	last, before, err := openHead(plain)
	if err != nil {
		return fmt.Errorf("add to the audit log: %w", err)
	}
	if e.Seq != last+1 {
		return errors.New(`add to the audit log: its head was changed: run "letterlock check"`)
	}
	e.Link = t.conn.keys.Sign(chainPurpose, linked(before, e))
	err = t.send(ctx, `insert into audit (id, at, actor, by_id, action, thread, person, sealed_detail, seq, link)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, micros(e.At), e.Actor, e.By, e.Action, e.Thread, e.Person, t.seal(e.Detail, "audit", "detail", e.ID[:]), e.Seq, e.Link)
	if err != nil {
		return err
	}
	err = t.send(ctx, "update audit_head set sealed_head = ? where id = ?", t.sealHead(e.Seq, e.Link), headRow)
	return err
}

// ListAudit implements bridge.Audits.
func (t *tx) ListAudit(ctx context.Context, action string, after bridge.Cursor, limit int) ([]bridge.AuditEntry, error) {
	at, id := before(after)
	query, args := selectAudit+"where ", []any(nil)
	if action != "" {
		query, args = query+"action = ? and ", append(args, action)
	}
	return t.audits(ctx, query+"(at, id) < (?, ?) order by at desc, id desc limit ?", append(args, at, id, limit)...)
}

// AuditFrom implements bridge.Audits.
func (t *tx) AuditFrom(ctx context.Context, after int64, limit int) ([]bridge.AuditEntry, error) {
	return t.audits(ctx, selectAudit+"where seq > ? order by seq limit ?", after, limit)
}

func (t *tx) audits(ctx context.Context, query string, args ...any) ([]bridge.AuditEntry, error) {
	var all []bridge.AuditEntry
	err := t.each(ctx, query, args, func(r row) error {
		all = append(all, bridge.AuditEntry{})
		return t.scanAudit(r, &all[len(all)-1])
	})
	return all, err
}

// beginAudit makes the chain of a database that has none yet, through the entries that are there. It runs before anything is added.
func (d *DB) beginAudit(ctx context.Context) error {
	begun := func(t *tx) (bool, error) {
		var n int
		err := t.one(ctx, "select id from audit_head where id = ?", []any{headRow}, &n)
		if errors.Is(err, bridge.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	is := false
	err := d.view(ctx, func(t *tx) (err error) {
		is, err = begun(t)
		return err
	})
	if err != nil || is {
		return err
	}
	return d.update(ctx, func(t *tx) error {
		// Entries with numbers and no head: somebody took it away. It is not made again, which would hide that; see AddAudit.
		var numbered int
		err := t.one(ctx, "select 1 from audit where seq is not null limit 1", nil, &numbered)
		if !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		// The row keeps other processes away until it is done.
		n, err := t.exec(ctx, "insert into audit_head (id, seq, sealed_head) values (?, 0, ?) on conflict do nothing", headRow, t.sealHead(0, noLink))
		if err != nil || n == 0 {
			return err
		}
		return t.chainOld(ctx)
	})
}

// chainOld gives the entries from before the chain their places in it.
func (t *tx) chainOld(ctx context.Context) error {
	var place bridge.Cursor
	seq, link := int64(0), noLink
	for {
		old, err := t.audits(ctx, selectAudit+"where (at, id) > (?, ?) order by at, id limit 500", micros(place.At), place.ID[:])
		if err != nil {
			return err
		}
		for _, e := range old {
			seq++
			e.Seq = seq
			link = t.conn.keys.Sign(chainPurpose, linked(link, e))
			if err := t.change(ctx, "update audit set seq = ?, link = ? where id = ?", seq, link, e.ID); err != nil {
				return err
			}
			place = bridge.Cursor{At: e.At, ID: e.ID}
		}
		if len(old) < 500 {
			break
		}
	}
	err := t.send(ctx, "update audit_head set seq = ?, sealed_head = ? where id = ?", seq, t.sealHead(seq, link), headRow)
	return err
}
