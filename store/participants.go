package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"letterlock/bridge"
)

const selectParticipant = "select thread, person, kind, joined_at, left_at, read_seq, unread from participant "

func participantDest(p *bridge.Participant) []any {
	return []any{&p.Thread, &p.Person, &p.Kind, moment(&p.JoinedAt), moment(&p.LeftAt), &p.ReadSeq, &p.Unread}
}

// AddParticipant implements bridge.Threads.
func (t *tx) AddParticipant(ctx context.Context, p bridge.Participant) error {
	read := p.ReadSeq
	if p.Kind == bridge.Staff {
		// They may have read it before they took part.
		seen, err := t.ReadSeq(ctx, p.Thread, p.Person)
		if err != nil {
			return err
		}
		read = max(read, seen)
	}
	err := t.change(ctx, `insert into participant
		(thread, person, kind, joined_at, left_at, read_seq, receipt_seq, unread, status, last_at)
		select t.id, ?, ?, ?, 0, ?, 0,
			(select count(*) from message m where m.thread = t.id and m.seq > ? and m.kind = 'public' and m.author is distinct from ?),
			t.status, t.last_at
		from thread t where t.id = ?
		on conflict (thread, person) do update set left_at = 0`,
		p.Person, p.Kind, micros(p.JoinedAt), read, read, p.Person, p.Thread)
	if err != nil || p.Kind != bridge.Contact {
		return err
	}
	return t.queueThread(ctx, p.Thread) // the index names the contacts who read a message
}

// Participant implements bridge.Threads.
func (t *tx) Participant(ctx context.Context, thread, person bridge.ID) (bridge.Participant, error) {
	var p bridge.Participant
	err := t.one(ctx, selectParticipant+"where thread = ? and person = ?", []any{thread, person}, participantDest(&p)...)
	return p, err
}

// Participants implements bridge.Threads.
func (t *tx) Participants(ctx context.Context, thread bridge.ID) ([]bridge.Participant, error) {
	var all []bridge.Participant
	err := t.each(ctx, selectParticipant+"where thread = ?", []any{thread}, func(r row) error {
		all = append(all, bridge.Participant{})
		return r.Scan(participantDest(&all[len(all)-1])...)
	})
	// They come by person, and people join in another order.
	slices.SortStableFunc(all, func(a, b bridge.Participant) int {
		return cmp.Or(a.JoinedAt.Compare(b.JoinedAt), slices.Compare(a.Person[:], b.Person[:]))
	})
	return all, err
}

// LeaveThread implements bridge.Threads.
func (t *tx) LeaveThread(ctx context.Context, thread, person bridge.ID, at time.Time) error {
	err := t.change(ctx, "update participant set left_at = case when left_at = 0 then ? else left_at end where thread = ? and person = ?",
		micros(at), thread, person)
	if err != nil {
		return err
	}
	return t.queueThread(ctx, thread)
}

// MarkRead implements bridge.Threads.
func (t *tx) MarkRead(ctx context.Context, thread, person bridge.ID, seq int) error {
	n, err := t.exec(ctx, `update participant set read_seq = ?,
		unread = (select count(*) from message m where m.thread = participant.thread and m.seq > ?
			and m.kind = 'public' and m.author is distinct from participant.person)
		where thread = ? and person = ? and read_seq < ?`, seq, seq, thread, person, seq)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.Participant(ctx, thread, person)
	if !errors.Is(err, bridge.ErrNotFound) {
		return err // they have read further already
	}
	err = t.send(ctx, `insert into reader (thread, person, read_seq) values (?, ?, ?)
		on conflict (thread, person) do update set read_seq = excluded.read_seq where reader.read_seq < excluded.read_seq`,
		thread, person, seq)
	return err
}

// ReadSeq implements bridge.Threads.
func (t *tx) ReadSeq(ctx context.Context, thread, person bridge.ID) (int, error) {
	var seq int
	err := t.one(ctx, `select coalesce((select read_seq from participant where thread = ? and person = ?),
		(select read_seq from reader where thread = ? and person = ?), 0)`, []any{thread, person, thread, person}, &seq)
	return seq, err
}
