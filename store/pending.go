package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"letterlock/bridge"
)

// pendingHead is what is sealed of a pending message beside its text.
type pendingHead struct {
	Name   string        `json:"name"` // of its author
	Undo   bool          `json:"undo,omitempty"`
	Chosen int64         `json:"chosen,omitempty"` // as a column has it
	Zone   string        `json:"zone,omitempty"`
	Why    string        `json:"why,omitempty"`
	Begin  string        `json:"begin,omitempty"`
	Secure bool          `json:"secure,omitempty"`
	Via    bridge.Via    `json:"via,omitempty"`
	Start  *pendingStart `json:"start,omitempty"`
}

type pendingStart struct {
	Thread   bridge.ID     `json:"thread"`
	Subject  string        `json:"subject"`
	Mode     bridge.Mode   `json:"mode,omitempty"`
	Contacts []pendingName `json:"contacts"`
}

type pendingName struct {
	ID      bridge.ID `json:"id,omitzero"`
	Address string    `json:"address,omitempty"`
	Name    string    `json:"name,omitempty"`
}

func headOf(p bridge.Pending) pendingHead {
	h := pendingHead{Name: p.ByName, Undo: p.Undo, Chosen: micros(p.Chosen), Zone: p.Zone, Why: p.Why, Begin: p.Begin, Secure: p.Secure, Via: p.Via}
	if s := p.Start; s != nil {
		h.Start = &pendingStart{Thread: s.Thread, Subject: s.Subject, Mode: s.Mode}
		for _, r := range s.Contacts {
			h.Start.Contacts = append(h.Start.Contacts, pendingName{r.ID, r.Address, r.Name})
		}
	}
	return h
}

func (h pendingHead) fill(p *bridge.Pending) {
	p.ByName, p.Undo, p.Chosen, p.Zone, p.Why, p.Begin, p.Secure, p.Via = h.Name, h.Undo, fromMicros(h.Chosen), h.Zone, h.Why, h.Begin, h.Secure, h.Via
	if s := h.Start; s != nil {
		p.Start = &bridge.PendingStart{Thread: s.Thread, Subject: s.Subject, Mode: s.Mode}
		for _, r := range s.Contacts {
			p.Start.Contacts = append(p.Start.Contacts, bridge.Recipient{ID: r.ID, Address: r.Address, Name: r.Name})
		}
	}
}

// AddPending implements bridge.Pendings.
func (t *tx) AddPending(ctx context.Context, p bridge.Pending) error {
	head, err := t.sealJSON(headOf(p), "pending", "head", p.ID[:])
	if err != nil {
		return err
	}
	err = t.add(ctx, `insert into pending (id, thread, state, at, made_at, by_id, by_kind, files, sealed_head, sealed_text, sealed_html)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		p.ID, p.Thread, string(p.State), micros(p.At), micros(p.MadeAt), p.By, string(p.ByKind), len(p.Files), head,
		t.seal(p.Text, "pending", "text", p.ID[:]), t.seal(p.HTML, "pending", "html", p.ID[:]))
	if err != nil {
		return err
	}
	for i, f := range p.Files {
		if err := t.addPendingFile(ctx, p.ID, i, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) addPendingFile(ctx context.Context, of bridge.ID, i int, f bridge.Attachment) error {
	if strings.Contains(f.Blob.Key, "/") {
		return fmt.Errorf("file %s: its content belongs to another row: %w", f.ID, bridge.ErrInvalid)
	}
	sealed, err := t.sealJSON(label{f.Filename, f.ContentType, f.ContentID, f.Blob.SHA256}, "pending_file", "label", f.ID[:])
	if err != nil {
		return err
	}
	var content []byte
	if f.Blob.Key == "" {
		content = t.conn.keys.Seal(f.Blob.Inline, "pending_file", "content", f.ID[:])
	} else if err := t.useBlob(ctx, f.Blob.Key); err != nil {
		return err
	}
	err = t.send(ctx, `insert into pending_file (id, pending, position, size, blob_key, sealed_label, sealed_content)
		values (?, ?, ?, ?, ?, ?, ?)`, f.ID, of, i, f.Blob.Size, nullable(f.Blob.Key), sealed, content)
	return err
}

const pendingColumns = "id, thread, state, at, made_at, by_id, by_kind, files, sealed_head"

func (t *tx) scanPending(r row, p *bridge.Pending, files *int, more ...any) error {
	var plain []byte
	err := r.Scan(append([]any{
		&p.ID, &p.Thread, &p.State, moment(&p.At), moment(&p.MadeAt), &p.By, &p.ByKind, files, t.octets(&plain, "pending", "head", p.ID[:]),
	}, more...)...)
	if err != nil {
		return err
	}
	var h pendingHead
	if err := openJSON(plain, &h, "pending", "head"); err != nil {
		return err
	}
	h.fill(p)
	return nil
}

// Pending implements bridge.Pendings.
func (t *tx) Pending(ctx context.Context, id bridge.ID) (bridge.Pending, error) {
	var p bridge.Pending
	found, files := false, 0
	err := t.each(ctx, "select "+pendingColumns+", sealed_text, sealed_html from pending where id = ?", []any{id}, func(r row) error {
		found = true
		return t.scanPending(r, &p, &files, t.text(&p.Text, "pending", "text", p.ID[:]), t.text(&p.HTML, "pending", "html", p.ID[:]))
	})
	if err == nil && !found {
		err = bridge.ErrNotFound
	}
	if err == nil && files > 0 {
		p.Files, err = t.pendingFiles(ctx, "pending = ? order by position", id, true)
	}
	return p, err
}

// pendingFiles reads files, with the content of small ones if asked for.
func (t *tx) pendingFiles(ctx context.Context, where string, id bridge.ID, content bool) ([]bridge.Attachment, error) {
	var all []bridge.Attachment
	column := "null"
	if content {
		column = "sealed_content"
	}
	err := t.each(ctx, "select id, size, coalesce(blob_key, ''), sealed_label, "+column+" from pending_file where "+where, []any{id}, func(r row) error {
		all = append(all, bridge.Attachment{})
		f := &all[len(all)-1]
		var plain []byte
		err := r.Scan(&f.ID, &f.Blob.Size, &f.Blob.Key, t.octets(&plain, "pending_file", "label", f.ID[:]),
			t.octets(&f.Blob.Inline, "pending_file", "content", f.ID[:]))
		if err != nil {
			return err
		}
		var l label
		if err := openJSON(plain, &l, "pending_file", "label"); err != nil {
			return err
		}
		f.Filename, f.ContentType, f.ContentID, f.Blob.SHA256 = l.Name, l.Type, l.ID, l.Sum
		return nil
	})
	return all, err
}

// pendingFile returns one file's content, or where it is.
func (t *tx) pendingFile(ctx context.Context, id bridge.ID) (bridge.Blob, error) {
	all, err := t.pendingFiles(ctx, "id = ?", id, true)
	if err == nil && len(all) == 0 {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Blob{}, err
	}
	return all[0].Blob, nil
}

// UpdatePending implements bridge.Pendings.
func (t *tx) UpdatePending(ctx context.Context, p bridge.Pending) error {
	head, err := t.sealJSON(headOf(p), "pending", "head", p.ID[:])
	if err != nil {
		return err
	}
	return t.change(ctx, "update pending set state = ?, at = ?, sealed_head = ? where id = ?", string(p.State), micros(p.At), head, p.ID)
}

// RemovePending implements bridge.Pendings.
func (t *tx) RemovePending(ctx context.Context, id bridge.ID) error {
	return t.change(ctx, "delete from pending where id = ?", id)
}

// TakeDue implements bridge.Pendings. Where several processes do this at once, one removes the row, and the others find none.
func (t *tx) TakeDue(ctx context.Context, id bridge.ID, now time.Time) error {
	return t.change(ctx, "delete from pending where id = ? and state = 'waiting' and at <= ?", id, micros(now))
}

// DuePending implements bridge.Pendings.
func (t *tx) DuePending(ctx context.Context, now time.Time, after bridge.Cursor, limit int) ([]bridge.Cursor, error) {
	at, id := behind(after)
	var all []bridge.Cursor
	err := t.each(ctx, "select at, id from pending where state = 'waiting' and at <= ? and (at, id) > (?, ?) order by at, id limit ?",
		[]any{micros(now), at, id, limit}, func(r row) error {
			all = append(all, bridge.Cursor{})
			return r.Scan(moment(&all[len(all)-1].At), &all[len(all)-1].ID)
		})
	return all, err
}

// behind returns the two values above which the rows after a cursor are, in a list that begins with the earliest.
func behind(c bridge.Cursor) (int64, []byte) {
	if c.IsZero() {
		return math.MinInt64, c.ID[:]
	}
	return micros(c.At), c.ID[:]
}

// NextPending implements bridge.Pendings.
func (t *tx) NextPending(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := t.one(ctx, "select at from pending where state = 'waiting' order by at, id limit 1", nil, moment(&at))
	return at, err
}

// ListPending implements bridge.Pendings.
func (t *tx) ListPending(ctx context.Context, thread bridge.ID, after bridge.Cursor, limit int) ([]bridge.Pending, error) {
	at, id := behind(after)
	query, args := "select "+pendingColumns+" from pending where (at, id) > (?, ?) order by at, id limit ?", []any{at, id, limit}
	if !thread.IsZero() {
		query, args = "select "+pendingColumns+" from pending where thread = ? and (at, id) > (?, ?) order by at, id limit ?", []any{thread, at, id, limit}
	}
	var all []bridge.Pending
	var files []int
	err := t.each(ctx, query, args, func(r row) error {
		all, files = append(all, bridge.Pending{}), append(files, 0)
		i := len(all) - 1
		return t.scanPending(r, &all[i], &files[i])
	})
	for i := 0; err == nil && i < len(all); i++ {
		if files[i] > 0 {
			all[i].Files, err = t.pendingFiles(ctx, "pending = ? order by position", all[i].ID, false)
		}
	}
	return all, err
}

// CountStopped implements bridge.Pendings.
func (t *tx) CountStopped(ctx context.Context) (n int, err error) {
	err = t.one(ctx, "select count(*) from pending where state = 'stopped'", nil, &n)
	return n, err
}

// ForgetPending implements bridge.Pendings.
func (t *tx) ForgetPending(ctx context.Context, before time.Time, limit int) (int, error) {
	var ids []bridge.ID
	err := t.each(ctx, "select id from pending where at < ? and thread is null and state <> 'waiting' order by at, id limit ?",
		[]any{micros(before), limit}, func(r row) error {
			ids = append(ids, bridge.ID{})
			return r.Scan(&ids[len(ids)-1])
		})
	for _, id := range ids {
		if err == nil {
			err = t.send(ctx, `insert into removal (blob_key, at) select blob_key, cast(? as bigint) from pending_file
				where pending = ? and blob_key is not null on conflict do nothing`, micros(time.Now()), id)
		}
		if err == nil {
			if err = t.RemovePending(ctx, id); errors.Is(err, bridge.ErrNotFound) {
				err = nil
			}
		}
	}
	return len(ids), err
}
