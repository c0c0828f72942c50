package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Recipient names a contact for a thread: by ID, or by an address, for which a contact is made if there is none.
type Recipient struct {
	ID      ID
	Address string
	Name    string // for a contact that is made; never changes one that is there
}

// ThreadStart is the request to start a thread with its first message.
type ThreadStart struct {
	Subject  string
	Text     string
	HTML     string       // cleaned here; Text is made from it if empty
	Contacts []Recipient  // by staff at least one; by a contact none: the thread is between them and staff
	Mode     Mode         // staff may begin a thread stricter than the organization
	Secure   bool         // the first message's email is a notice, whatever the mode
	Files    []Attachment // from StageFile
	Via      Via
	Once     Once

	Replaces ID   // a pending message that was taken back, which this one takes the place of; for staff
	Keep     []ID // those of its files that this one has too, before its own
}

// StartThread makes a thread, its first message and the deliveries to its participants, all in one transaction.
// ErrTooMany for a contact who sends too many messages (Config.Pace).
func (g *Gateway) StartThread(ctx context.Context, a Actor, s ThreadStart) (Thread, Message, error) {
	subject := cleanLine(s.Subject, maxSubject+1)
	kept, err := g.keptFiles(ctx, a, s.Replaces, s.Keep)
	if err != nil {
		return Thread{}, Message{}, wrap("start thread", err)
	}
	body, err := g.body(s.Text, s.HTML, slices.Concat(kept, s.Files))
	if err != nil {
		return Thread{}, Message{}, err
	}
	if _, err := ParseMode(string(s.Mode)); err != nil {
		return Thread{}, Message{}, err
	}
	body.Secure = s.Secure
	if body.Stays, err = g.stays(ctx, subject, &body); err != nil {
		return Thread{}, Message{}, fmt.Errorf("start thread: %w", err)
	}
	var t Thread
	var m Message
	turn := turn{pace: &g.pace}
	err = g.update(ctx, func(tx Tx) error {
		turn.giveBack()
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		switch {
		case p.isStaff():
			err = checkStart(subject, len(s.Contacts))
		case !p.isContact() || len(s.Contacts) > 0 || s.Mode != ModeInherit || !s.Replaces.IsZero():
			err = ErrForbidden
		default:
			err = checkSubject(subject)
		}
		if err != nil {
			return err
		}
		if done, err := g.onceBefore(ctx, tx, p, s.Once); err != nil {
			return err
		} else if done != nil {
			if t, err = tx.Thread(ctx, done.Thread); err != nil {
				return err
			}
			m, err = tx.Message(ctx, done.Message)
			return err
		}
		if err := turn.post(p, g.now()); err != nil {
			return err
		}
		contacts, err := g.recipients(ctx, tx, p, s.Contacts)
		if err != nil {
			return err
		}
		if p.isContact() {
			contacts = []Person{p.person}
		}
		if t, err = g.addThread(ctx, tx, subject, s.Mode, contacts); err != nil {
			return err
		}
		m = body
		m.Via = s.Via
		if err := supplant(ctx, tx, s.Replaces, ID{}); err != nil {
			return err
		}
		if err := g.append(ctx, tx, p, &t, &m, NewID()); err != nil {
			return err
		}
		return g.onceAfter(ctx, tx, p, s.Once, OnceRecord{Thread: t.ID, Message: m.ID})
	})
	if err != nil {
		turn.giveBack()
		return Thread{}, Message{}, fmt.Errorf("start thread: %w", err)
	}
	return t, m, nil
}

// addThread makes an empty thread with contacts in it, each with a reply address.
func (g *Gateway) addThread(ctx context.Context, tx Tx, subject string, mode Mode, contacts []Person) (Thread, error) {
	return g.addThreadAs(ctx, tx, NewID(), subject, mode, contacts)
}

// addThreadAs is addThread with an id that was promised.
func (g *Gateway) addThreadAs(ctx context.Context, tx Tx, id ID, subject string, mode Mode, contacts []Person) (Thread, error) {
	now := g.now()
	t := Thread{ID: id, Subject: subject, Status: Open, Mode: mode, CreatedAt: now, LastAt: now}
	if err := tx.AddThread(ctx, t); err != nil {
		return Thread{}, err
	}
	for _, c := range contacts {
		if _, err := g.join(ctx, tx, t.ID, c); err != nil {
			return Thread{}, err
		}
	}
	return t, nil
}

// join makes a person a participant. A contact gets a reply address, whatever the mode: whether it accepts is decided when it is used.
func (g *Gateway) join(ctx context.Context, tx Tx, thread ID, p Person) (Participant, error) {
	in, err := tx.Participant(ctx, thread, p.ID)
	if err == nil && in.LeftAt.IsZero() {
		return in, nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Participant{}, err
	}
	in = Participant{Thread: thread, Person: p.ID, Kind: p.Kind, JoinedAt: g.now()}
	if err := tx.AddParticipant(ctx, in); err != nil {
		return Participant{}, err
	}
	if p.Kind == Contact {
		if err := tx.AddReplyAddress(ctx, ReplyAddress{ID: NewID(), Thread: thread, Person: p.ID, CreatedAt: g.now()}); err != nil {
			return Participant{}, err
		}
	}
	return tx.Participant(ctx, thread, p.ID)
}

// recipients finds the contacts that were named, and makes those that are new.
func (g *Gateway) recipients(ctx context.Context, tx Tx, p principal, named []Recipient) ([]Person, error) {
	var out []Person
	seen := make(map[ID]bool)
	for _, r := range named {
		var c Person
		var err error
		if r.ID.IsZero() {
			c, err = g.contactAt(ctx, tx, p, r.Address, r.Name, "")
		} else if c, err = tx.Person(ctx, r.ID); errors.Is(err, ErrNotFound) {
			err = fmt.Errorf("no contact %s: %w", r.ID, ErrInvalid)
		}
		if err != nil {
			return nil, err
		}
		switch {
		case c.Kind != Contact:
			return nil, fmt.Errorf("%s is staff, not a contact: %w", c.Address, ErrInvalid)
		case c.Disabled:
			return nil, fmt.Errorf("%s is disabled: %w", c.Address, ErrInvalid)
		case !seen[c.ID]:
			seen[c.ID] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// ThreadList asks for a page of a list of threads.
type ThreadList struct {
	Status   ThreadStatus // empty for both
	Awaiting bool         // only those that wait for staff
	Unopened bool         // only those with a message that was never opened, for staff
	After    Cursor
	Limit    int // 50 if zero, at most 200
}

// ThreadPage is one page of a list, newest first.
type ThreadPage struct {
	Threads []ThreadRow
	Next    Cursor // zero at the end
}

// ListThreads lists a contact's own threads, or all of them for staff.
func (g *Gateway) ListThreads(ctx context.Context, a Actor, l ThreadList) (ThreadPage, error) {
	var page ThreadPage
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		limit := pageLimit(l.Limit)
		q := ThreadQuery{Reader: p.person.ID, Status: l.Status, Awaiting: l.Awaiting, Unopened: l.Unopened, After: l.After, Limit: limit + 1}
		switch {
		case p.isStaff():
		case p.isContact():
			q.Participant, q.Awaiting, q.Unopened = p.person.ID, false, false
		default:
			return ErrForbidden
		}
		rows, err := tx.ListThreads(ctx, q)
		if err != nil {
			return err
		}
		page = ThreadPage{Threads: rows}
		if len(rows) > limit {
			last := rows[limit-1]
			page = ThreadPage{Threads: rows[:limit], Next: Cursor{At: last.LastAt, ID: last.ID}}
		}
		if p.isContact() {
			for i := range page.Threads {
				page.Threads[i].Seq = 0
			}
		}
		return nil
	})
	return page, wrap("list threads", err)
}

// CloseThread closes a thread; ErrForbidden for anybody but staff.
func (g *Gateway) CloseThread(ctx context.Context, a Actor, id ID) error {
	return wrap("close thread", g.setStatus(ctx, a, id, Closed))
}

// ReopenThread opens a closed thread again; ErrForbidden for anybody but staff.
func (g *Gateway) ReopenThread(ctx context.Context, a Actor, id ID) error {
	return wrap("reopen thread", g.setStatus(ctx, a, id, Open))
}

func (g *Gateway) setStatus(ctx context.Context, a Actor, id ID, status ThreadStatus) error {
	return g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		t, err := tx.Thread(ctx, id)
		if err != nil || t.Status == status {
			return err
		}
		t.Status = status
		if status == Closed {
			t.Awaiting = false
		}
		if err := tx.UpdateThread(ctx, t); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "thread." + string(status), Thread: id})
	})
}

// AddParticipant lets a contact into a thread, who then sees all public messages in it.
func (g *Gateway) AddParticipant(ctx context.Context, a Actor, thread ID, r Recipient, once Once) (Participant, error) {
	var in Participant
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		if _, err := tx.Thread(ctx, thread); err != nil {
			return err
		}
		if done, err := g.onceBefore(ctx, tx, p, once); err != nil {
			return err
		} else if done != nil {
			in, err = tx.Participant(ctx, done.Thread, done.Person)
			return err
		}
		contacts, err := g.recipients(ctx, tx, p, []Recipient{r})
		if err != nil {
			return err
		}
		if in, err = g.join(ctx, tx, thread, contacts[0]); err != nil {
			return err
		}
		if err := g.audit(ctx, tx, p, AuditEntry{Action: "participant.add", Thread: thread, Person: in.Person}); err != nil {
			return err
		}
		return g.onceAfter(ctx, tx, p, once, OnceRecord{Thread: thread, Person: in.Person})
	})
	return in, wrap("add participant", err)
}

// RemoveParticipant takes a contact out of a thread and revokes their reply address there.
func (g *Gateway) RemoveParticipant(ctx context.Context, a Actor, thread, person ID) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		in, err := tx.Participant(ctx, thread, person)
		if err != nil || !in.LeftAt.IsZero() {
			return err
		}
		now := g.now()
		if err := tx.LeaveThread(ctx, thread, person, now); err != nil {
			return err
		}
		if err := tx.RevokeReplyAddresses(ctx, thread, person, now); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "participant.remove", Thread: thread, Person: person})
	})
	return wrap("remove participant", err)
}

// pageLimit bounds the length of a page: 50 if unset, at most 200.
func pageLimit(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
