package store

import (
	"context"
	"fmt"
	"strings"

	"letterlock/bridge"
)

// record is what is sealed of a received mail's record: all that says who wrote to whom, and the token in the forward-path.
type record struct {
	Reverse  string   `json:"reverse,omitempty"`
	Forward  string   `json:"forward,omitempty"`
	Peer     string   `json:"peer,omitempty"`
	Reasons  []string `json:"reasons,omitempty"`
	Author   string   `json:"author,omitempty"`
	Judged   []string `json:"judged,omitempty"`
	From     string   `json:"from,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	MailID   string   `json:"mail_id,omitempty"`
	Identity []byte   `json:"identity,omitempty"`
}

const selectReceived = `select id, at, route, kind, disposition, verdict, method, size, thread, message, person, original,
	resolved_by, resolved_at, resolution, sealed_record from received `

func (t *tx) scanReceived(r row, m *bridge.Received) error {
	var plain []byte
	err := r.Scan(&m.ID, moment(&m.Envelope.At), &m.Envelope.Route, &m.Kind, &m.Disposition, &m.Verdict.Result, &m.Verdict.Method, &m.Size,
		&m.Thread, &m.Message, &m.Person, &m.Original, &m.ResolvedBy, moment(&m.ResolvedAt), &m.Resolution,
		t.octets(&plain, "received", "record", m.ID[:]))
	if err != nil {
		return err
	}
	var s record
	if err := openJSON(plain, &s, "received", "record"); err != nil {
		return err
	}
	m.Envelope.ReversePath, m.Envelope.ForwardPath, m.Envelope.Peer = s.Reverse, s.Forward, s.Peer
	m.Reasons, m.Verdict.Address, m.Verdict.Reasons = s.Reasons, s.Author, s.Judged
	m.From, m.Subject, m.MailID = s.From, s.Subject, s.MailID
	copy(m.Identity[:], s.Identity)
	return nil
}

func (t *tx) receivedMails(ctx context.Context, query string, args ...any) ([]bridge.Received, error) {
	var all []bridge.Received
	err := t.each(ctx, query, args, func(r row) error {
		all = append(all, bridge.Received{})
		return t.scanReceived(r, &all[len(all)-1])
	})
	return all, err
}

func (t *tx) receivedMail(ctx context.Context, query string, args ...any) (bridge.Received, error) {
	all, err := t.receivedMails(ctx, query, args...)
	if err == nil && len(all) == 0 {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Received{}, err
	}
	return all[0], nil
}

// identityHash is null for the zero Identity. It is keyed, since an Identity can be computed by whoever guesses a mail.
func (t *tx) identityHash(identity [32]byte) []byte {
	if identity == [32]byte{} {
		return nil
	}
	return t.conn.keys.Lookup("received.identity", identity[:])
}

// waitingSince is when a mail came that waits to be decided, and nil for all others, so that an index holds those alone.
func waitingSince(m bridge.Received) any {
	if m.Disposition != bridge.Held || m.Resolution != "" {
		return nil
	}
	return micros(m.Envelope.At)
}

// AddReceived implements bridge.ReceivedMail.
func (t *tx) AddReceived(ctx context.Context, m bridge.Received, raw bridge.Blob) error {
	if strings.Contains(raw.Key, "/") {
		return fmt.Errorf("received mail %s: its content belongs to another row: %w", m.ID, bridge.ErrInvalid)
	}
	s := record{
		Reverse: m.Envelope.ReversePath, Forward: m.Envelope.ForwardPath, Peer: m.Envelope.Peer,
		Reasons: m.Reasons, Author: m.Verdict.Address, Judged: m.Verdict.Reasons,
		From: m.From, Subject: m.Subject, MailID: m.MailID,
	}
	hash := t.identityHash(m.Identity)
	if hash != nil {
		s.Identity = m.Identity[:]
	}
	sealed, err := t.sealJSON(s, "received", "record", m.ID[:])
	if err != nil {
		return err
	}
	err = t.add(ctx, `insert into received (id, at, route, kind, disposition, verdict, method, size, thread, message, person, original,
			identity_hash, resolved_by, resolved_at, resolution, waiting_at, sealed_record)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		m.ID, micros(m.Envelope.At), m.Envelope.Route, m.Kind, m.Disposition, m.Verdict.Result, m.Verdict.Method, m.Size,
		m.Thread, m.Message, m.Person, m.Original, hash, m.ResolvedBy, micros(m.ResolvedAt), m.Resolution, waitingSince(m), sealed)
	if err != nil || raw.Key == "" && raw.Inline == nil {
		return err
	}
	var content []byte
	if raw.Key == "" {
		content = t.conn.keys.Seal(raw.Inline, "received_raw", "content", m.ID[:])
	} else if err := t.useBlob(ctx, raw.Key); err != nil {
		return err
	}
	err = t.send(ctx, "insert into received_raw (received, size, blob_key, sealed_sum, sealed_content) values (?, ?, ?, ?, ?)",
		m.ID, raw.Size, nullable(raw.Key), t.conn.keys.Seal(raw.SHA256[:], "received_raw", "sum", m.ID[:]), content)
	return err
}

// Received implements bridge.ReceivedMail.
func (t *tx) Received(ctx context.Context, id bridge.ID) (bridge.Received, error) {
	return t.receivedMail(ctx, selectReceived+"where id = ?", id)
}

// ReceivedByIdentity implements bridge.ReceivedMail.
func (t *tx) ReceivedByIdentity(ctx context.Context, identity [32]byte) (bridge.Received, error) {
	return t.receivedMail(ctx, selectReceived+"where identity_hash = ?", t.identityHash(identity))
}

// UpdateReceived implements bridge.ReceivedMail.
func (t *tx) UpdateReceived(ctx context.Context, m bridge.Received) error {
	return t.change(ctx, `update received set disposition = ?, thread = ?, message = ?, person = ?, resolved_by = ?, resolved_at = ?,
		resolution = ?, waiting_at = ? where id = ?`,
		m.Disposition, m.Thread, m.Message, m.Person, m.ResolvedBy, micros(m.ResolvedAt), m.Resolution, waitingSince(m), m.ID)
}

// RawMail implements bridge.ReceivedMail. Small mail stays where it is: OpenBlob finds it.
func (t *tx) RawMail(ctx context.Context, id bridge.ID) (bridge.Blob, error) {
	var b bridge.Blob
	var sum []byte
	err := t.one(ctx, "select size, coalesce(blob_key, ''), sealed_sum from received_raw where received = ?", []any{id},
		&b.Size, &b.Key, t.octets(&sum, "received_raw", "sum", id[:]))
	copy(b.SHA256[:], sum)
	if b.Key == "" {
		b.Key = inReceived + id.String()
	}
	if err != nil {
		return bridge.Blob{}, err
	}
	return b, nil
}

// ListReceived implements bridge.ReceivedMail.
func (t *tx) ListReceived(ctx context.Context, q bridge.ReceivedQuery) ([]bridge.Received, error) {
	at, id := before(q.After)
	const page = "(at, id) < (?, ?) order by at desc, id desc limit ?"
	switch {
	case q.Waiting:
		return t.receivedMails(ctx, selectReceived+"where waiting_at is not null and (waiting_at, id) < (?, ?) order by waiting_at desc, id desc limit ?", at, id, q.Limit)
	case q.Disposition != "":
		return t.receivedMails(ctx, selectReceived+"where disposition = ? and "+page, q.Disposition, at, id, q.Limit)
	}
	return t.receivedMails(ctx, selectReceived+"where "+page, at, id, q.Limit)
}

// CountWaiting implements bridge.ReceivedMail.
func (t *tx) CountWaiting(ctx context.Context) (int, error) {
	var n int
	err := t.one(ctx, "select count(*) from received where waiting_at is not null", nil, &n)
	return n, err
}
