package bridge

import (
	"context"
	"errors"
	"fmt"
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
	Files    []Attachment // from StageFile
	Via      Via
	Once     Once
}

// StartThread makes a thread, its first message and the deliveries to its participants, all in one transaction.
// ErrTooMany for a contact who sends too many messages (Config.Pace).
func (g *Gateway) StartThread(ctx context.Context, a Actor, s ThreadStart) (Thread, Message, error) {
	subject := cleanLine(s.Subject, maxSubject+1)
	body, err := g.body(s.Text, s.HTML, s.Files)
	if err != nil {
		return Thread{}, Message{}, err
	}
	if _, err := ParseMode(string(s.Mode)); err != nil {
		return Thread{}, Message{}, err
	}
	var t Thread
	var m Message
	turn := turn{pace: &g.pace}
	err = g.store.Update(ctx, func(tx Tx) error {
		turn.giveBack()
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		switch {
		case p.isStaff() && len(s.Contacts) == 0:
			return fmt.Errorf("name at least one contact to write to: %w", ErrInvalid)
		case len(s.Contacts) > maxContacts:
			return fmt.Errorf("at most %d contacts at once: %w", maxContacts, ErrInvalid)
		case !p.isStaff() && (!p.isContact() || len(s.Contacts) > 0 || s.Mode != ModeInherit):
			return ErrForbidden
		case subject == "":
			return fmt.Errorf("a subject is needed: %w", ErrInvalid)
		case len([]rune(subject)) > maxSubject:
			return fmt.Errorf("the subject is longer than %d characters: %w", maxSubject, ErrInvalid)
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
		if err := g.append(ctx, tx, p, &t, &m); err != nil {
			return err
		}
		return g.onceAfter(ctx, tx, p, s.Once, OnceRecord{Thread: t.ID, Message: m.ID})
	})
	if err != nil {
		turn.giveBack()
		return Thread{}, Message{}, fmt.Errorf("start thread: %w", err)
	}
	g.wake()
	return t, m, nil
}

// addThread makes an empty thread with contacts in it, each with a reply address.
func (g *Gateway) addThread(ctx context.Context, tx Tx, subject string, mode Mode, contacts []Person) (Thread, error) {
	now := g.now()
	t := Thread{ID: NewID(), Subject: subject, Status: Open, Mode: mode, CreatedAt: now, LastAt: now}
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

// ThreadRead asks for a thread's messages from after AfterSeq on, at most Limit (200 if zero).
type ThreadRead struct {
	Thread   ID
	AfterSeq int
	Limit    int
	Last     bool // the thread's end instead: what there is among its last Limit entries, or fewer where these are very long
}

// ParticipantView is a participant as others may see them.
type ParticipantView struct {
	Participant
	Name     string
	Address  string // for staff, and for oneself
	Mode     Mode   // the one that holds for this person in this thread
	Disabled bool
}

// ThreadView is a thread as one actor may see it.
type ThreadView struct {
	Thread       Thread
	Participants []ParticipantView // without those who left
	Messages     []Message
	AfterSeq     int  // what they come after; zero if they begin the thread
	More         bool // there are messages after the last
	Deliveries   []Delivery
	Receipts     []Receipt
	Mode         Mode // the organization's and the thread's together
	Unread       int  // before it was opened
}

// ReadThread returns a thread and marks nothing. Contacts see public messages only, and neither deliveries nor receipts.
func (g *Gateway) ReadThread(ctx context.Context, a Actor, r ThreadRead) (ThreadView, error) {
	var v ThreadView
	var p principal
	err := g.store.View(ctx, func(tx Tx) (err error) {
		v, p, err = g.viewThread(ctx, tx, a, r)
		return err
	})
	if err == nil {
		err = g.noteLook(ctx, p, AuditEntry{Action: "thread.view", Thread: r.Thread}, r.Thread)
	}
	if err != nil {
		return ThreadView{}, wrap("read thread", err)
	}
	return v, nil
}

// OpenThread is ReadThread for a person in front of the viewer: what it returns is marked as read, and a contact's receipts for just that are recorded.
func (g *Gateway) OpenThread(ctx context.Context, a Actor, r ThreadRead) (ThreadView, error) {
	var v ThreadView
	var p principal
	var first, seen int // the numbers of the first and the last message shown
	var lacking bool    // of receipts
	err := g.store.View(ctx, func(tx Tx) (err error) {
		first, seen, lacking = 0, 0, false
		if v, p, err = g.viewThread(ctx, tx, a, r); err != nil || len(v.Messages) == 0 {
			return err
		}
		first, seen = v.Messages[0].Seq, v.Messages[len(v.Messages)-1].Seq
		if p.isContact() {
			lacking, err = tx.LacksReceipts(ctx, r.Thread, p.person.ID, first, seen)
		}
		return err
	})
	if err != nil {
		return ThreadView{}, wrap("open thread", err)
	}
	look, unseen := g.unseen(p, "thread.view", r.Thread)
	read := v.Unread > 0 && seen > 0
	if !read && !lacking && !unseen {
		return v, nil
	}
	err = g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, p.actor)
		if err != nil {
			return err
		}
		if err := p.mayRead(ctx, tx, r.Thread); err != nil {
			return err
		}
		if unseen {
			if err := g.audit(ctx, tx, p, AuditEntry{Action: look.action, Thread: r.Thread}); err != nil {
				return err
			}
		}
		if lacking {
			if err := tx.AddReceipts(ctx, r.Thread, p.person.ID, first, seen, g.now()); err != nil {
				return err
			}
		}
		if !read || p.person.ID.IsZero() {
			return nil
		}
		return tx.MarkRead(ctx, r.Thread, p.person.ID, seen)
	})
	if err != nil {
		return ThreadView{}, wrap("open thread", err)
	}
	if unseen {
		g.looks.remember(look, g.now())
	}
	return v, nil
}

// Message returns one message of a thread, to whoever may read it there. It marks nothing.
func (g *Gateway) Message(ctx context.Context, a Actor, thread, id ID) (Message, error) {
	var m Message
	var p principal
	err := g.store.View(ctx, func(tx Tx) (err error) {
		if p, err = g.resolve(ctx, tx, a); err != nil {
			return err
		}
		if err = p.mayRead(ctx, tx, thread); err != nil {
			return err
		}
		if m, err = tx.Message(ctx, id); err != nil {
			return err
		}
		if m.Thread != thread || m.Kind != Public && !p.isStaff() {
			return ErrNotFound
		}
		if !p.isStaff() {
			m.AuthorName = authorFor(p.person.ID, m)
		}
		return nil
	})
	if err == nil {
		err = g.noteLook(ctx, p, AuditEntry{Action: "thread.view", Thread: thread}, thread)
	}
	if err != nil {
		return Message{}, wrap("message", err)
	}
	return m, nil
}

func (g *Gateway) viewThread(ctx context.Context, tx Tx, a Actor, r ThreadRead) (ThreadView, principal, error) {
	var v ThreadView
	p, err := g.resolve(ctx, tx, a)
	if err != nil {
		return v, p, err
	}
	if err := p.mayRead(ctx, tx, r.Thread); err != nil {
		return v, p, err
	}
	if v.Thread, err = tx.Thread(ctx, r.Thread); err != nil {
		return v, p, err
	}
	limit := r.Limit
	if limit <= 0 || limit > 200 {
		limit = 200
	}
	v.AfterSeq = r.AfterSeq
	if r.Last {
		v.AfterSeq = max(0, v.Thread.Seq-limit)
	}
	if err := p.listThread(ctx, tx, &v, r.Last, limit); err != nil {
		return v, p, err
	}
	org, err := g.organizationMode(ctx, tx)
	if err != nil {
		return v, p, err
	}
	v.Mode = Strictest(org, v.Thread.Mode)
	in, err := tx.Participants(ctx, r.Thread)
	if err != nil {
		return v, p, err
	}
	for _, one := range in {
		if one.Person == p.person.ID {
			v.Unread = one.Unread
		}
		if !one.LeftAt.IsZero() {
			continue
		}
		person, err := tx.Person(ctx, one.Person)
		if err != nil {
			return v, p, err
		}
		pv := ParticipantView{Participant: one, Name: person.Name, Mode: Strictest(v.Mode, person.Mode), Disabled: person.Disabled}
		if p.isStaff() || person.ID == p.person.ID {
			pv.Address = person.Address
		} else if pv.Name == "" {
			pv.Name = maskAddress(person.Address)
		}
		v.Participants = append(v.Participants, pv)
	}
	if !p.isStaff() {
		v.Thread.Seq = 0 // counts notes, which are none of theirs
		for i := range v.Messages {
			v.Messages[i].AuthorName = authorFor(p.person.ID, v.Messages[i])
		}
		return v, p, nil
	}
	if !p.person.ID.IsZero() {
		// Staff also read threads that they take no part in.
		read, err := tx.ReadSeq(ctx, r.Thread, p.person.ID)
		if err != nil {
			return v, p, err
		}
		v.Unread = v.Thread.Seq - read
	}
	if v.Deliveries, err = tx.ThreadDeliveries(ctx, r.Thread); err != nil {
		return v, p, err
	}
	v.Receipts, err = tx.Receipts(ctx, r.Thread)
	return v, p, err
}

// listThread fills in a view's messages after its AfterSeq, or the last ones of them.
func (p principal) listThread(ctx context.Context, tx Tx, v *ThreadView, end bool, limit int) error {
	list := tx.ListMessages
	if end {
		list = tx.LastMessages
	}
	var err error
	for {
		if v.Messages, err = list(ctx, v.Thread.ID, p.isStaff(), v.AfterSeq, limit+1); err != nil {
			return err
		}
		if !end || len(v.Messages) > 0 || v.AfterSeq == 0 {
			break
		}
		v.AfterSeq = max(0, v.AfterSeq-limit) // all of them were notes, which a contact does not see
	}
	if len(v.Messages) > limit {
		v.Messages, v.More = v.Messages[:limit], true
	}
	if len(v.Messages) == 0 || v.More {
		return nil
	}
	// Where they are very long there may be fewer than were asked for, although the thread has more on that side.
	first, last := v.Messages[0].Seq, v.Messages[len(v.Messages)-1].Seq
	switch {
	case end && first > v.AfterSeq+1:
		left, err := tx.ListMessages(ctx, v.Thread.ID, p.isStaff(), v.AfterSeq, 1)
		if err == nil && len(left) > 0 && left[0].Seq < first {
			v.AfterSeq = first - 1
		}
		return err
	case !end && last < v.Thread.Seq:
		left, err := tx.ListMessages(ctx, v.Thread.ID, p.isStaff(), last, 1)
		v.More = len(left) > 0
		return err
	}
	return nil
}

// ThreadList asks for a page of a list of threads.
type ThreadList struct {
	Status   ThreadStatus // empty for both
	Awaiting bool         // only those that wait for staff
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
		q := ThreadQuery{Reader: p.person.ID, Status: l.Status, Awaiting: l.Awaiting, After: l.After, Limit: limit + 1}
		switch {
		case p.isStaff():
		case p.isContact():
			q.Participant, q.Awaiting = p.person.ID, false
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
