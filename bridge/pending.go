package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Pending is a message that staff wrote and that has not gone out: it waits for its time, was taken back, or could not be sent. It is no
// message of its thread before it goes out, so nobody but staff knows of it: it is in no list of messages, no search and no export.
type Pending struct {
	ID     ID // its message has the same one once it has gone out
	State  PendingState
	Thread ID        // where it answers; zero if it starts a conversation
	At     time.Time // when it goes out; where it does not wait, since when
	MadeAt time.Time
	By     ID         // the person or the program's key; zero for the operator
	ByKind AuthorKind // ByStaff or ByProgram
	ByName string     // as it was when it was written
	Undo   bool       // it waits for no reason but that it can be taken back
	Chosen time.Time  // when it was to go out, where somebody chose that; it stays when it is taken back
	Zone   string     // the IANA name of the time zone in which that was chosen
	Why    string     // why it stopped: a clause for staff
	Stays  []string   // why no copy would leave as things are; filled by Schedule and ScheduleStart alone

	Start   *PendingStart // what starts a conversation; nil for an answer
	Subject string        // of the conversation where it answers; filled by ListPending alone
	Begin   string        // the beginning of its text
	// What follows is not in lists.
	Text   string
	HTML   string
	Secure bool
	Via    Via
	Files  []Attachment // in lists without content
}

// PendingStart is a conversation that begins when its first message goes out. Until then nobody is made a contact, and there is no thread.
type PendingStart struct {
	Thread   ID // which it will have
	Subject  string
	Contacts []Recipient
	Mode     Mode
}

// PendingState says what a pending message waits for.
type PendingState string

// The states. One that has gone out is no longer kept: PendingSent is only told.
const (
	PendingWaits   PendingState = "waiting" // for its time
	PendingHeld    PendingState = "held"    // taken back, for somebody to send or discard
	PendingStopped PendingState = "stopped" // it could not go out
	PendingSent    PendingState = "sent"
)

// Pendings keeps what has not gone out.
type Pendings interface {
	// AddPending keeps p with its files.
	AddPending(ctx context.Context, p Pending) error
	// Pending returns one with everything, the content of small files included.
	Pending(ctx context.Context, id ID) (Pending, error)
	UpdatePending(ctx context.Context, p Pending) error // State, At, Undo and Why
	RemovePending(ctx context.Context, id ID) error
	// TakeDue removes one that waits and is due, and returns ErrNotFound for any other.
	TakeDue(ctx context.Context, id ID, now time.Time) error
	// DuePending returns those that wait and are due, in the order of At, then ID, from after a cursor on.
	DuePending(ctx context.Context, now time.Time, after Cursor, limit int) ([]Cursor, error)
	// NextPending returns when the first of those that wait is due, or ErrNotFound.
	NextPending(ctx context.Context) (time.Time, error)
	// ListPending returns those of a thread, or all for the zero ID, in the order of At, then ID, from after a cursor on.
	ListPending(ctx context.Context, thread ID, after Cursor, limit int) ([]Pending, error)
	// CountStopped counts those that could not go out.
	CountStopped(ctx context.Context) (int, error)
	// ForgetPending removes what starts a conversation, does not wait, and has been so since before a moment. It returns how many it removed.
	ForgetPending(ctx context.Context, before time.Time, limit int) (int, error)
}

// MaxLater is how far ahead a message can be scheduled.
const MaxLater = 366 * 24 * time.Hour

// beginOctets is how much of a text a list shows.
const beginOctets = 1000

// author is who it goes out as.
func (p *Pending) author() Actor {
	switch {
	case p.ByKind == ByStaff:
		return AsPerson(p.By)
	case p.By.IsZero():
		return AsOperator()
	}
	return AsKey(p.By)
}

// errGone says that what was to be changed went out meanwhile.
var errGone = fmt.Errorf("it has gone out already: %w", ErrConflict)

// pendingNow reads one that has not gone out: errGone if it has.
func pendingNow(ctx context.Context, tx Tx, id ID) (Pending, error) {
	p, err := tx.Pending(ctx, id)
	if errors.Is(err, ErrNotFound) {
		if _, sent := tx.Message(ctx, id); sent == nil {
			err = errGone
		}
	}
	return p, err
}

// PendingMessage returns one with everything. Of one that has gone out it returns ID, Thread, PendingSent, when that was, and whose it is. Staff only.
func (g *Gateway) PendingMessage(ctx context.Context, a Actor, id ID) (Pending, error) {
	var out Pending
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		var err error
		out, err = pendingOrSent(ctx, tx, id)
		return err
	})
	return out, wrap("pending message", err)
}

func pendingOrSent(ctx context.Context, tx Tx, id ID) (Pending, error) {
	p, err := tx.Pending(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	m, err := tx.Message(ctx, id)
	return Pending{ID: m.ID, Thread: m.Thread, State: PendingSent, At: m.At, By: m.Author, ByKind: m.AuthorKind, ByName: m.AuthorName, Via: m.Via}, err
}

// PendingList asks for a page of what has not gone out.
type PendingList struct {
	Thread ID     // zero for all
	After  Cursor // of (At, ID), in rising order
	Limit  int    // 50 if zero, at most 200
}

// ListPending lists what has not gone out, without texts: first what was taken back or could not go out, then what waits, the next first. Staff only.
// As with any list, no conversation counts as looked at.
func (g *Gateway) ListPending(ctx context.Context, a Actor, l PendingList) (page []Pending, next Cursor, err error) {
	limit := pageLimit(l.Limit)
	err = g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		next = Cursor{}
		if page, err = tx.ListPending(ctx, l.Thread, l.After, limit+1); err != nil {
			return err
		}
		if len(page) > limit {
			page = page[:limit]
			next = Cursor{At: page[limit-1].At, ID: page[limit-1].ID}
		}
		return fillSubjects(ctx, tx, page)
	})
	return page, next, wrap("list pending", err)
}

// fillSubjects says where answers that have not gone out belong.
func fillSubjects(ctx context.Context, tx Tx, page []Pending) error {
	subjects := map[ID]string{}
	for i := range page {
		p := &page[i]
		if p.Thread.IsZero() {
			continue
		}
		if _, known := subjects[p.Thread]; !known {
			t, err := tx.Thread(ctx, p.Thread)
			if err != nil {
				return err
			}
			subjects[p.Thread] = t.Subject
		}
		p.Subject = subjects[p.Thread]
	}
	return nil
}

// CountStopped counts the messages that could not go out. Staff only.
func (g *Gateway) CountStopped(ctx context.Context, a Actor) (int, error) {
	n := 0
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveStaff(ctx, tx, a)
		if err == nil {
			n, err = tx.CountStopped(ctx)
		}
		return err
	})
	return n, wrap("count stopped", err)
}

// TakeBack keeps a message from going out, and returns it for somebody to change. ErrConflict if it has gone out. Staff only: colleagues stand in
// for each other.
func (g *Gateway) TakeBack(ctx context.Context, a Actor, id ID) (Pending, error) {
	var out Pending
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		if out, err = pendingNow(ctx, tx, id); err != nil || out.State != PendingWaits {
			return err
		}
		due := out.At
		out.State, out.At = PendingHeld, g.now()
		if err := tx.UpdatePending(ctx, out); err != nil {
			return err
		}
		return g.auditPending(ctx, tx, p, out, "message.takeback", "was to go out at "+stamp(due))
	})
	return out, wrap("take back", err)
}

// DiscardPending removes a message that has not gone out, for good. ErrConflict if it has, or while its conversation is on legal hold and it was
// taken back there: it can be taken back then and not removed. Staff only.
func (g *Gateway) DiscardPending(ctx context.Context, a Actor, id ID) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		was, err := pendingNow(ctx, tx, id)
		if err != nil {
			return err
		}
		held, err := onHold(ctx, tx, was.Thread)
		if err == nil && held {
			err = fmt.Errorf("this conversation is on legal hold: %w", ErrConflict)
		}
		if err != nil {
			return err
		}
		if err := tx.RemovePending(ctx, id); err != nil {
			return err
		}
		return g.auditPending(ctx, tx, p, was, "message.discard", "had not gone out")
	})
	return wrap("discard", err)
}

// onHold reports whether a thread is on legal hold. One that has not begun is not.
func onHold(ctx context.Context, tx Tx, thread ID) (bool, error) {
	if thread.IsZero() {
		return false, nil
	}
	r, err := tx.Retention(ctx, thread)
	return r.Hold, err
}

// auditPending records what somebody did about a message that has not gone out, but for taking back one's own at once.
func (g *Gateway) auditPending(ctx context.Context, tx Tx, p principal, of Pending, action, detail string) error {
	if of.Undo && of.By == p.id() {
		return nil
	}
	return g.audit(ctx, tx, p, AuditEntry{Action: action, Thread: of.Thread, Detail: fmt.Sprintf("%s, by %s", detail, p.name())})
}

// stamp is how the audit log writes a moment.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
