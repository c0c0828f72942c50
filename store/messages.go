package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"letterlock/bridge"
)

const messageColumns = `m.id, m.thread, m.seq, m.kind, m.author, m.author_kind, m.via, m.at, m.received, m.files,
	c.sealed_author_name, c.sealed_text, c.sealed_html, c.sealed_quoted, c.sealed_signature, c.sealed_mail_id, c.sealed_stays`

// stays is what is sealed of why a message stays in.
type stays struct {
	Secure bool     `json:"secure,omitempty"`
	Why    []string `json:"why,omitempty"`
}

func (t *tx) scanMessage(r row, m *bridge.Message, files *int) error {
	var plain []byte
	sealed := func(to *string, column string) sealedText { return t.text(to, "message_content", column, m.ID[:]) }
	err := r.Scan(&m.ID, &m.Thread, &m.Seq, &m.Kind, &m.Author, &m.AuthorKind, &m.Via, moment(&m.At), &m.Received, files,
		sealed(&m.AuthorName, "author_name"), sealed(&m.Text, "text"), sealed(&m.HTML, "html"),
		sealed(&m.Quoted, "quoted"), sealed(&m.Signature, "signature"), sealed(&m.MailID, "mail_id"), t.octets(&plain, "message_content", "stays", m.ID[:]))
	if err != nil || plain == nil {
		return err
	}
	var s stays
	err = openJSON(plain, &s, "message_content", "stays")
	m.Secure, m.Stays = s.Secure, s.Why
	return err
}

// AddMessage implements bridge.Messages.
func (t *tx) AddMessage(ctx context.Context, m *bridge.Message) error {
	seq, err := t.touchThread(ctx, m)
	if err != nil {
		return err
	}
	err = t.send(ctx, `insert into message (id, thread, seq, kind, author, author_kind, via, at, received, files)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.Thread, seq, m.Kind, m.Author, m.AuthorKind, m.Via, micros(m.At), m.Received, len(m.Attachments))
	if err != nil {
		return err
	}
	sealed := func(plain, column string) []byte { return t.seal(plain, "message_content", column, m.ID[:]) }
	var why []byte
	if m.Secure || len(m.Stays) > 0 {
		if why, err = t.sealJSON(stays{m.Secure, m.Stays}, "message_content", "stays", m.ID[:]); err != nil {
			return err
		}
	}
	err = t.send(ctx, `insert into message_content
		(message, sealed_author_name, sealed_text, sealed_html, sealed_quoted, sealed_signature, sealed_mail_id, sealed_stays)
		values (?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, sealed(m.AuthorName, "author_name"), sealed(m.Text, "text"), sealed(m.HTML, "html"),
		sealed(m.Quoted, "quoted"), sealed(m.Signature, "signature"), sealed(m.MailID, "mail_id"), why)
	if err != nil {
		return err
	}
	for i := range m.Attachments {
		if err := t.addAttachment(ctx, m, seq, i); err != nil {
			return err
		}
	}
	if err := t.touchParticipants(ctx, m, seq); err != nil {
		return err
	}
	if err := t.queueIndex(ctx, m.Thread, seq, seq); err != nil {
		return err
	}
	m.Seq = seq
	return nil
}

// touchThread gives the message its number, and brings the thread up to date. It comes first: on PostgreSQL it holds the
// thread's row, so that numbers have no gaps.
func (t *tx) touchThread(ctx context.Context, m *bridge.Message) (seq int, err error) {
	if m.Kind == bridge.Note {
		err = t.one(ctx, "update thread set seq = seq + 1 where id = ? returning seq", []any{m.Thread}, &seq)
		return seq, err
	}
	err = t.one(ctx, "update thread set seq = seq + 1, last_at = ?, awaiting = ?, sealed_preview = ? where id = ? returning seq",
		[]any{micros(m.At), m.AuthorKind == bridge.ByContact, t.seal(m.Preview(), "thread", "preview", m.Thread[:]), m.Thread}, &seq)
	return seq, err
}

// touchParticipants brings what the lists of the thread's participants show up to date. Its author has read it; but by writing a contact
// has not seen what came just before, nor what they answered by email without looking.
func (t *tx) touchParticipants(ctx context.Context, m *bridge.Message, seq int) error {
	if m.Kind != bridge.Note {
		err := t.send(ctx, `update participant set last_at = ?, unread = case when person = ? then unread else unread + 1 end,
			read_seq = case when person = ? and unread = 0 then ? else read_seq end where thread = ?`, micros(m.At), m.Author, m.Author, seq, m.Thread)
		if err != nil || m.AuthorKind != bridge.ByStaff {
			return err
		}
	}
	if m.Author.IsZero() {
		return nil
	}
	n, err := t.exec(ctx, "update participant set read_seq = ?, unread = 0 where thread = ? and person = ?", seq, m.Thread, m.Author)
	if err != nil || n > 0 || m.AuthorKind != bridge.ByStaff {
		return err
	}
	err = t.send(ctx, `insert into reader (thread, person, read_seq) values (?, ?, ?)
		on conflict (thread, person) do update set read_seq = excluded.read_seq`, m.Thread, m.Author, seq)
	return err
}

// Message implements bridge.Messages.
func (t *tx) Message(ctx context.Context, id bridge.ID) (bridge.Message, error) {
	all, err := t.messages(ctx, "select "+messageColumns+" from message m join message_content c on c.message = m.id where m.id = ?", id)
	if err == nil && len(all) == 0 {
		return bridge.Message{}, bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Message{}, err
	}
	return all[0], nil
}

// ListMessages implements bridge.Messages.
func (t *tx) ListMessages(ctx context.Context, thread bridge.ID, notes bool, afterSeq, limit int) ([]bridge.Message, error) {
	return t.listMessages(ctx, thread, notes, afterSeq, limit, "order by m.seq limit ?")
}

// LastMessages implements bridge.Messages.
func (t *tx) LastMessages(ctx context.Context, thread bridge.ID, notes bool, afterSeq, limit int) ([]bridge.Message, error) {
	return t.listMessages(ctx, thread, notes, afterSeq, limit, "order by m.seq desc limit ?")
}

func (t *tx) listMessages(ctx context.Context, thread bridge.ID, notes bool, afterSeq, limit int, order string) ([]bridge.Message, error) {
	where := " from message m join message_content c on c.message = m.id where m.thread = ? and m.seq > ?"
	if !notes {
		where += " and m.kind = 'public'"
	}
	where += " " + order
	// How long they are is looked at first, which reads none of them: so no more is taken into memory, or over a network, than fits.
	count, octets := 0, 0
	err := t.each(ctx, `select coalesce(length(c.sealed_text), 0) + coalesce(length(c.sealed_html), 0)
		+ coalesce(length(c.sealed_quoted), 0) + coalesce(length(c.sealed_signature), 0)`+where, []any{thread, afterSeq, limit}, func(r row) error {
		n := 0
		err := r.Scan(&n)
		if octets += n; count == 0 || octets <= bridge.ListOctets {
			count++
		}
		return err
	})
	if err != nil || count == 0 {
		return nil, err
	}
	return t.messages(ctx, "select "+messageColumns+where, thread, afterSeq, count)
}

// MessageSeq implements bridge.Messages.
func (t *tx) MessageSeq(ctx context.Context, id bridge.ID) (int, error) {
	var seq int
	err := t.one(ctx, "select seq from message where id = ?", []any{id}, &seq)
	return seq, err
}

// messages reads messages of one thread, in order, with their attachments.
func (t *tx) messages(ctx context.Context, query string, args ...any) ([]bridge.Message, error) {
	var all []bridge.Message
	files := 0
	err := t.each(ctx, query, args, func(r row) error {
		all = append(all, bridge.Message{})
		n := 0
		err := t.scanMessage(r, &all[len(all)-1], &n)
		files += n
		return err
	})
	if n := len(all); n > 1 && all[0].Seq > all[n-1].Seq {
		slices.Reverse(all)
	}
	if err == nil && files > 0 {
		err = t.attach(ctx, all)
	}
	return all, err
}

// LacksReceipts implements bridge.Messages. How far all receipts were recorded is kept with the participant, so that looking again
// costs nothing.
func (t *tx) LacksReceipts(ctx context.Context, thread, person bridge.ID, fromSeq, seq int) (bool, error) {
	var done int
	err := t.one(ctx, "select receipt_seq from participant where thread = ? and person = ?", []any{thread, person}, &done)
	if err != nil || done >= seq {
		return false, err
	}
	var one int
	err = t.one(ctx, `select 1 from message m where m.thread = ? and m.seq >= ? and m.seq <= ? and m.kind = 'public' and m.author is distinct from ?
		and not exists (select 1 from receipt r where r.thread = m.thread and r.message = m.id and r.person = ?) limit 1`,
		[]any{thread, max(fromSeq, done+1), seq, person, person}, &one)
	if errors.Is(err, bridge.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// AddReceipts implements bridge.Messages.
func (t *tx) AddReceipts(ctx context.Context, thread, person bridge.ID, fromSeq, seq int, at time.Time) error {
	var done int
	err := t.one(ctx, "select receipt_seq from participant where thread = ? and person = ?", []any{thread, person}, &done)
	if err != nil || done >= seq {
		return err
	}
	err = t.send(ctx, `insert into receipt (thread, message, person, at)
		select m.thread, m.id, ?, ? from message m
		where m.thread = ? and m.seq >= ? and m.seq <= ? and m.kind = 'public' and m.author is distinct from ?
		on conflict do nothing`, person, micros(at), thread, max(fromSeq, done+1), seq, person)
	if err != nil || fromSeq > done+1 {
		return err // something before was never shown
	}
	err = t.send(ctx, `update participant set receipt_seq =
		(select case when t.seq < ? then t.seq else ? end from thread t where t.id = participant.thread)
		where thread = ? and person = ?`, seq, seq, thread, person)
	return err
}

// Receipts implements bridge.Messages.
func (t *tx) Receipts(ctx context.Context, thread bridge.ID, fromSeq, seq int) ([]bridge.Receipt, error) {
	var all []bridge.Receipt
	err := t.each(ctx, `select r.message, r.person, r.at from message m cross join receipt r
		where r.thread = m.thread and r.message = m.id and m.thread = ? and m.seq >= ? and m.seq <= ?`, []any{thread, fromSeq, seq}, func(r row) error {
		all = append(all, bridge.Receipt{})
		one := &all[len(all)-1]
		return r.Scan(&one.Message, &one.Person, moment(&one.At))
	})
	slices.SortFunc(all, func(a, b bridge.Receipt) int {
		return cmp.Or(slices.Compare(a.Message[:], b.Message[:]), slices.Compare(a.Person[:], b.Person[:]))
	})
	return all, err
}
