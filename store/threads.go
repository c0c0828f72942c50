package store

import (
	"context"
	"strings"

	"letterlock/bridge"
)

const threadColumns = `t.id, t.status, t.mode, t.awaiting, t.seq, t.created_at, t.last_at, t.sealed_subject, t.sealed_preview`

// threadDest is where threadColumns go, followed by more columns.
func (t *tx) threadDest(h *bridge.Thread, more ...any) []any {
	return append([]any{
		&h.ID, &h.Status, &h.Mode, &h.Awaiting, &h.Seq, moment(&h.CreatedAt), moment(&h.LastAt),
		t.text(&h.Subject, "thread", "subject", h.ID[:]), t.text(&h.Preview, "thread", "preview", h.ID[:]),
	}, more...)
}

// Thread implements bridge.Threads.
func (t *tx) Thread(ctx context.Context, id bridge.ID) (bridge.Thread, error) {
	var h bridge.Thread
	err := t.one(ctx, "select "+threadColumns+" from thread t where t.id = ?", []any{id}, t.threadDest(&h)...)
	return h, err
}

// AddThread implements bridge.Threads.
func (t *tx) AddThread(ctx context.Context, h bridge.Thread) error {
	err := t.send(ctx, `insert into thread (id, status, mode, awaiting, seq, created_at, last_at, sealed_subject, sealed_preview)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		h.ID, h.Status, h.Mode, h.Awaiting, h.Seq, micros(h.CreatedAt), micros(h.LastAt),
		t.seal(h.Subject, "thread", "subject", h.ID[:]), t.seal(h.Preview, "thread", "preview", h.ID[:]))
	return err
}

// UpdateThread implements bridge.Threads.
func (t *tx) UpdateThread(ctx context.Context, h bridge.Thread) error {
	was, err := t.Thread(ctx, h.ID)
	if err != nil {
		return err
	}
	if was.Status != h.Status || was.Subject != h.Subject {
		if err := t.queueThread(ctx, h.ID); err != nil {
			return err
		}
	}
	err = t.change(ctx, "update thread set status = ?, mode = ?, awaiting = ?, sealed_subject = ? where id = ?",
		h.Status, h.Mode, h.Awaiting, t.seal(h.Subject, "thread", "subject", h.ID[:]), h.ID)
	if err != nil {
		return err
	}
	err = t.send(ctx, "update participant set status = ? where thread = ? and status <> ?", h.Status, h.ID, h.Status)
	return err
}

// Where a list of threads comes from. A person's own list reads the person's rows of participant and nothing else but the
// threads on the page; the list of all reads thread, and then how far the reader is.
const (
	fromOwn = " from participant p join thread t on t.id = p.thread where p.person = ? and p.left_at = 0"
	fromAll = ` from thread t
		left join participant p on p.thread = t.id and p.person = ?
		left join reader r on r.thread = t.id and r.person = ?
		where`
)

// ListThreads implements bridge.Threads.
func (t *tx) ListThreads(ctx context.Context, q bridge.ThreadQuery) ([]bridge.ThreadRow, error) {
	at, id := before(q.After)
	var query string
	var args []any
	all := q.Participant.IsZero()
	if all {
		query = "select " + threadColumns + ", coalesce(p.kind, ''), coalesce(p.unread, 0), coalesce(p.read_seq, r.read_seq, 0)" + fromAll
		args = append(args, q.Reader, q.Reader)
		if q.Unopened {
			query += " t.id in (select u.thread " + fromUnopened + ") and"
		}
		switch {
		case q.Awaiting && q.Status != "":
			// Nearly all that wait are open, so the index of those that wait is the one to read, and the status is wrapped to say so.
			query += " t.awaiting and coalesce(t.status, '') = ? and"
			args = append(args, q.Status)
		case q.Awaiting:
			query += " t.awaiting and"
		case q.Status != "":
			query += " t.status = ? and"
			args = append(args, q.Status)
		}
		query += " (t.last_at, t.id) < (?, ?) order by t.last_at desc, t.id desc limit ?"
	} else {
		query = "select " + threadColumns + ", p.kind, p.unread, p.read_seq" + fromOwn
		args = append(args, q.Participant)
		if q.Status != "" {
			query += " and coalesce(p.status, '') = ?" // wrapped, so that the order decides the index
			args = append(args, q.Status)
		}
		if q.Awaiting {
			query += " and t.awaiting"
		}
		query += " and (p.last_at, p.thread) < (?, ?) order by p.last_at desc, p.thread desc limit ?"
	}
	args = append(args, at, id, q.Limit)

	rows := make([]bridge.ThreadRow, 0, min(max(q.Limit, 0), 256))
	err := t.each(ctx, query, args, func(r row) error {
		rows = append(rows, bridge.ThreadRow{})
		h := &rows[len(rows)-1]
		var kind bridge.PersonKind
		var read int
		if err := r.Scan(t.threadDest(&h.Thread, &kind, &h.Unread, &read)...); err != nil {
			return err
		}
		switch {
		case q.Reader.IsZero():
			h.Unread = 0
		case kind != bridge.Contact:
			h.Unread = h.Seq - read
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if all {
		if err := t.markUnopened(ctx, rows); err != nil {
			return nil, err
		}
		return rows, t.nameContacts(ctx, rows)
	}
	if q.Reader != q.Participant && !q.Reader.IsZero() {
		return rows, t.countFor(ctx, q.Reader, rows)
	}
	return rows, nil
}

// countFor sets the unread counts of somebody else than whose list it is.
func (t *tx) countFor(ctx context.Context, reader bridge.ID, rows []bridge.ThreadRow) error {
	for i := range rows {
		in, err := t.Participant(ctx, rows[i].ID, reader)
		if err == nil && in.Kind == bridge.Contact {
			rows[i].Unread = in.Unread
			continue
		}
		read, err := t.ReadSeq(ctx, rows[i].ID, reader)
		if err != nil {
			return err
		}
		rows[i].Unread = rows[i].Seq - read
	}
	return nil
}

// ofThreads returns a list of placeholders for the threads of a page that has some, their values, and where each stands on the page. The
// number of placeholders is rounded up, so that there are few different statements to keep prepared.
func ofThreads(rows []bridge.ThreadRow) (in string, args []any, at map[bridge.ID]int) {
	size := 8
	for size < len(rows) {
		size *= 2
	}
	args, at = make([]any, size, size+1), make(map[bridge.ID]int, len(rows))
	for i := range args {
		place := min(i, len(rows)-1)
		args[i] = rows[place].ID
		at[rows[place].ID] = place
	}
	return "(?" + strings.Repeat(", ?", size-1) + ")", args, at
}

// shownContacts is how many names a line in the list of all threads has.
const shownContacts = 3

// nameContacts fills in who the contacts of the threads on a page are.
func (t *tx) nameContacts(ctx context.Context, rows []bridge.ThreadRow) error {
	if len(rows) == 0 {
		return nil
	}
	in, args, at := ofThreads(rows)
	args = append(args, shownContacts)
	return t.each(ctx, `select c.thread, c.total, pe.id, pe.sealed_name, pe.sealed_address
		from (select thread, person, joined_at,
				row_number() over (partition by thread order by joined_at, person) as place,
				count(*) over (partition by thread) as total
			from participant
			where thread in `+in+` and kind = 'contact' and left_at = 0) c
		join person pe on pe.id = c.person
		where c.place <= ? order by c.thread, c.place`, args, func(r row) error {
		var thread bridge.ID
		var p bridge.Person
		var total int
		err := r.Scan(&thread, &total, &p.ID, t.text(&p.Name, "person", "name", p.ID[:]), t.text(&p.Address, "person", "address", p.ID[:]))
		if err != nil {
			return err
		}
		h := &rows[at[thread]]
		h.Count = total
		h.People = append(h.People, p.DisplayName())
		return nil
	})
}
