package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// Fault is something that is not as this program left it.
type Fault struct {
	Table string `json:"table"`
	Row   string `json:"row,omitempty"` // the key, in hexadecimal, or the id
	What  string `json:"what"`
}

// Checked is what Check found.
type Checked struct {
	Rows   int64   `json:"rows"`  // whose sealed values were opened
	Files  int64   `json:"files"` // whose content was read to its end
	Octets int64   `json:"octets"`
	Audit  int64   `json:"audit"` // entries of the audit log
	Head   string  `json:"head"`  // the code of its last entry, in hexadecimal
	Faults []Fault `json:"faults"`
	More   int     `json:"more"` // faults beyond the first maxFaults
}

// maxFaults bounds what is listed; the rest is counted.
const maxFaults = 1000

// Progress is told of a long work's progress: so many steps of so many, in a part of it.
type Progress func(part string, done, total int64)

// checker is one check under way.
type checker struct {
	db       *DB
	progress Progress
	part     string
	done     int64
	total    int64
	found    Checked
}

// Check goes through everything that is stored: the database file itself, every sealed value, every file, the chain of the audit log, the search
// index, and what must agree between the tables. It reads beside a running gateway, in short transactions. The error is for a check that could not be made;
// what it found is in the result.
func (d *DB) Check(ctx context.Context, progress Progress) (Checked, error) {
	c := &checker{db: d, progress: progress}
	if progress == nil {
		c.progress = func(string, int64, int64) {}
	}
	for _, step := range []struct {
		part string
		run  func(context.Context) error
	}{
		{"database", c.engine}, {"counts", c.counts}, {"search index", c.index}, {"audit log", c.chain}, {"rows", c.rows}, {"files", c.files},
	} {
		c.part, c.done, c.total = step.part, 0, 0
		c.progress(c.part, 0, 0)
		if err := step.run(ctx); err != nil {
			return c.found, fmt.Errorf("check the %s: %w", step.part, err)
		}
	}
	return c.found, nil
}

func (c *checker) fault(table string, row []byte, format string, args ...any) {
	if len(c.found.Faults) >= maxFaults {
		c.found.More++
		return
	}
	name := hex.EncodeToString(row)
	if len(row) == len(bridge.ID{}) {
		name = bridge.ID(row).String()
	}
	c.found.Faults = append(c.found.Faults, Fault{Table: table, Row: name, What: fmt.Sprintf(format, args...)})
}

func (c *checker) step(n int64) {
	c.done += n
	c.progress(c.part, c.done, max(c.total, c.done))
}

// rows opens every sealed value.
func (c *checker) rows(ctx context.Context) error {
	err := c.db.view(ctx, func(t *tx) error {
		for _, s := range inventory {
			n, err := s.count(ctx, t)
			if err != nil {
				return err
			}
			c.total += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range inventory {
		var after [][]byte
		for {
			var rows []sealedRow
			err := c.db.view(ctx, func(t *tx) (err error) {
				rows, err = s.page(ctx, t, after, inventoryPage)
				return err
			})
			if err != nil {
				return err
			}
			for _, r := range rows {
				c.row(s, r)
				after = r.key
			}
			c.step(int64(len(rows)))
			if len(rows) < inventoryPage {
				break
			}
		}
	}
	return c.db.view(ctx, func(t *tx) error {
		for _, one := range sealedSingles {
			var sealed []byte
			err := t.one(ctx, "select "+one.sqlColumn+" from "+one.table+" where "+one.where, nil, &sealed)
			if errors.Is(err, bridge.ErrNotFound) {
				continue // the audit log's own check tells
			}
			if err != nil {
				return err
			}
			if _, err := c.db.keys.Open(sealed, one.table, one.column, one.row); err != nil {
				c.fault(one.table, nil, "its sealed value does not open")
			}
		}
		return c.lookups(ctx, t)
	})
}

func (c *checker) row(s sealedTable, r sealedRow) {
	c.found.Rows++
	bound := r.bound()
	for i, sealed := range r.values {
		if sealed == nil {
			continue
		}
		plain, err := c.db.keys.Open(sealed, s.name, s.columns[i], bound)
		if err != nil {
			c.fault(s.name, bound, "the sealed %s does not open: it was changed, or belongs to another row", s.columns[i])
		}
		clear(plain)
	}
}

// lookups compares the hashes by which people and mails are found with the sealed values they stand for.
func (c *checker) lookups(ctx context.Context, t *tx) error {
	var have []byte
	var p bridge.Person
	err := t.each(ctx, "select id, address_hash, sealed_address from person", nil, func(r row) error {
		var sealed []byte
		if err := r.Scan(&p.ID, &have, &sealed); err != nil {
			return err
		}
		if plain, err := c.db.keys.Open(sealed, "person", "address", p.ID[:]); err == nil && !bytes.Equal(have, t.addressHash(string(plain))) {
			c.fault("person", p.ID[:], "the hash of the address is that of another address")
		}
		return nil
	})
	if err != nil {
		return err
	}
	var key string
	err = t.each(ctx, "select key, content_hash, sealed_secret from blob where content_hash is not null and sealed_secret is not null", nil, func(r row) error {
		var sealed []byte
		if err := r.Scan(&key, &have, &sealed); err != nil {
			return err
		}
		plain, err := c.db.keys.Open(sealed, "blob", "secret", []byte(key))
		const before = 1 + seal.ChunkKeySize // see secretOf
		if err == nil && len(plain) >= before+sha256.Size && !bytes.Equal(have, t.conn.keys.Lookup("blob.content", plain[before:before+sha256.Size])) {
			c.fault("blob", []byte(key), "the hash of the content is that of another file")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.each(ctx, "select id, identity_hash, sealed_record from received where identity_hash is not null", nil, func(r row) error {
		var id bridge.ID
		var sealed []byte
		if err := r.Scan(&id, &have, &sealed); err != nil {
			return err
		}
		plain, err := c.db.keys.Open(sealed, "received", "record", id[:])
		if err != nil {
			return nil // told already
		}
		var rec record
		var identity [32]byte
		if err := openJSON(plain, &rec, "received", "record"); err != nil {
			c.fault("received", id[:], "the sealed record can't be read")
			return nil
		}
		copy(identity[:], rec.Identity)
		if !bytes.Equal(have, t.identityHash(identity)) {
			c.fault("received", id[:], "the hash of the identity is that of another mail")
		}
		return nil
	})
}

// chain follows the audit log from its first entry to its head.
func (c *checker) chain(ctx context.Context) error {
	link, last := noLink, int64(0)
	says := newRights()
	for {
		var entries []bridge.AuditEntry
		var headless, done bool
		var headSeq, rowSeq, unnumbered int64
		var headLink []byte
		err := c.db.view(ctx, func(t *tx) error {
			if err := t.one(ctx, "select coalesce(max(seq), 0), count(*) - count(seq) from audit", nil, &c.total, &unnumbered); err != nil {
				return err
			}
			err := t.each(ctx, selectAudit+"where seq > ? order by seq limit 500", []any{last}, func(r row) error {
				var e bridge.AuditEntry
				if err := t.scanAudit(r, &e); err != nil {
					if e.ID.IsZero() {
						return err
					}
					c.fault("audit", e.ID[:], "the sealed detail does not open: it was changed, or belongs to another row")
				}
				entries = append(entries, e)
				return nil
			})
			if err != nil || len(entries) == 500 {
				return err
			}
			// The head is read with the last entries, so that they are of one state.
			done = true
			var plain []byte
			err = t.one(ctx, "select seq, sealed_head from audit_head where id = ?", []any{headRow}, &rowSeq, t.octets(&plain, "audit_head", "head", headRowBytes()))
			if err == nil {
				headSeq, headLink, err = openHead(plain)
			}
			headless = err != nil
			for _, e := range entries {
				says.read(e)
			}
			if err := c.compare(ctx, t, says); err != nil {
				return err
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			switch {
			case e.Seq > last+1:
				c.fault("audit", e.ID[:], "entries %d to %d before it are gone", last+1, e.Seq-1)
			case !c.db.keys.Verify(chainPurpose, linked(link, e), e.Link):
				c.fault("audit", e.ID[:], "entry %d was changed, or is not where it was", e.Seq)
			}
			link, last = e.Link, e.Seq
			c.found.Audit++
		}
		c.step(int64(len(entries)))
		if !done {
			for _, e := range entries {
				says.read(e)
			}
			continue
		}
		if unnumbered > 0 {
			c.fault("audit", nil, "%d entries have no number", unnumbered)
		}
		switch {
		case headless:
			c.fault("audit_head", nil, "the head of the audit log is gone or does not open, so its end may have been cut off")
		case headSeq > last:
			c.fault("audit_head", nil, "the last %d entries of the audit log are gone", headSeq-last)
		case headSeq != last || rowSeq != headSeq || !bytes.Equal(headLink, link):
			c.fault("audit_head", nil, "the head of the audit log names another entry than the last one")
		}
		c.found.Head = hex.EncodeToString(link)
		return nil
	}
}

// files reads the content of every attachment, every file of a message that has not gone out, and every received mail that was kept, and compares it with its sealed sum.
func (c *checker) files(ctx context.Context) error {
	kinds := []struct {
		table, key string
		find       func(t *tx, id bridge.ID) (bridge.Blob, error)
	}{
		{"attachment", "id", func(t *tx, id bridge.ID) (bridge.Blob, error) {
			a, err := t.Attachment(ctx, id)
			return a.Blob, err
		}},
		{"received_raw", "received", func(t *tx, id bridge.ID) (bridge.Blob, error) { return t.RawMail(ctx, id) }},
		{"pending_file", "id", func(t *tx, id bridge.ID) (bridge.Blob, error) { return t.pendingFile(ctx, id) }},
	}
	err := c.db.view(ctx, func(t *tx) error {
		return t.one(ctx, "select (select count(*) from attachment) + (select count(*) from received_raw) + (select count(*) from pending_file)", nil, &c.total)
	})
	if err != nil {
		return err
	}
	for _, k := range kinds {
		for after := (bridge.ID{}); ; {
			var ids []bridge.ID
			err := c.db.view(ctx, func(t *tx) error {
				return t.each(ctx, "select "+k.key+" from "+k.table+" where "+k.key+" > ? order by "+k.key+" limit 500", []any{after[:]}, func(r row) error {
					ids = append(ids, bridge.ID{})
					return r.Scan(&ids[len(ids)-1])
				})
			})
			if err != nil {
				return err
			}
			for _, id := range ids {
				after = id
				if err := c.file(ctx, k.table, id, func(t *tx) (bridge.Blob, error) { return k.find(t, id) }); err != nil {
					return err
				}
				c.step(1)
			}
			if len(ids) < 500 {
				break
			}
		}
	}
	return nil
}

func (c *checker) file(ctx context.Context, table string, id bridge.ID, find func(*tx) (bridge.Blob, error)) error {
	var b bridge.Blob
	look := func() error {
		return c.db.view(ctx, func(t *tx) (err error) {
			b, err = find(t)
			return err
		})
	}
	err := look()
	if err == nil {
		err = c.content(ctx, b)
	}
	switch {
	case err == nil:
		c.found.Files++
		c.found.Octets += b.Size
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if errors.Is(look(), bridge.ErrNotFound) {
		return nil // it was purged meanwhile
	}
	c.fault(table, id[:], "its content can't be read: %v", err)
	return nil
}

// content reads a blob to its end.
func (c *checker) content(ctx context.Context, b bridge.Blob) error {
	r, err := c.db.OpenBlob(ctx, b)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	switch {
	case err != nil:
		return err
	case n != b.Size:
		return fmt.Errorf("it has %d octets, not %d", n, b.Size)
	case [32]byte(h.Sum(nil)) != b.SHA256:
		return errors.New("its check sum is another")
	}
	return nil
}
