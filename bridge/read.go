package bridge

import (
	"context"
	"slices"
)

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
	AfterSeq     int        // what they come after; zero if they begin the thread
	More         bool       // there are messages after the last
	Deliveries   []Delivery // of these messages, for staff
	Receipts     []Receipt  // likewise
	Silent       []ID       // contacts who turned their mails off and get none, for staff
	Pending      []Pending  // what has not gone out, for staff: the first 50, without texts
	Unopened     []ID       // contacts who have never opened a message although they were reminded, for staff
	Mode         Mode       // the organization's and the thread's together
	Unread       int        // before it was opened
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
	var stale bool      // when they last looked is not of now
	err := g.store.View(ctx, func(tx Tx) (err error) {
		first, seen, lacking = 0, 0, false
		if v, p, err = g.viewThread(ctx, tx, a, r); err != nil {
			return err
		}
		if stale, err = g.staleLook(ctx, tx, p, r.Thread); err != nil || len(v.Messages) == 0 {
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
	if !read && !lacking && !unseen && !stale {
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
		if stale {
			if err := tx.SetLookedAt(ctx, r.Thread, p.person.ID, g.now()); err != nil {
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
			m.AuthorName, m.Secure, m.Stays = authorFor(p.person.ID, m), false, nil
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
	told := map[ID]bool{} // who gets a notice whatever they chose; see unwanted
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
		told[person.ID] = person.first() && pv.Mode == ModeSecure
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
			v.Messages[i].Secure, v.Messages[i].Stays = false, nil
		}
		return v, p, nil
	}
	if v.Silent, err = tx.SilentIn(ctx, r.Thread); err != nil {
		return v, p, err
	}
	v.Silent = slices.DeleteFunc(v.Silent, func(id ID) bool { return told[id] })
	if !p.person.ID.IsZero() {
		// Staff also read threads that they take no part in.
		read, err := tx.ReadSeq(ctx, r.Thread, p.person.ID)
		if err != nil {
			return v, p, err
		}
		v.Unread = v.Thread.Seq - read
	}
	if v.Pending, err = tx.ListPending(ctx, r.Thread, Cursor{}, pageLimit(0)); err != nil {
		return v, p, err
	}
	if v.Unopened, err = tx.UnopenedIn(ctx, r.Thread); err != nil || len(v.Messages) == 0 {
		return v, p, err
	}
	first, last := v.Messages[0].Seq, v.Messages[len(v.Messages)-1].Seq
	if v.Deliveries, err = tx.ThreadDeliveries(ctx, r.Thread, first, last); err != nil {
		return v, p, err
	}
	v.Receipts, err = tx.Receipts(ctx, r.Thread, first, last)
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
