package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DueTopic is rung when there may be a message that goes out sooner than was known.
const DueTopic = "due"

// Due receives after messages were scheduled, so that whoever calls PostDue need not wait for the next time.
func (g *Gateway) Due() <-chan struct{} { return g.due }

// wakeDue tells of a message that was scheduled, here or in another process. It is called after the commit.
func (g *Gateway) wakeDue() {
	g.wakePoster()
	if g.bell != nil {
		g.bell.Ring(DueTopic)
	}
}

func (g *Gateway) wakePoster() {
	select {
	case g.due <- struct{}{}:
	default:
	}
}

const (
	dueBatch = 100
	// dueFaults is for how long it is tried to send a message that fails for a reason that may pass. What was due while nothing ran has that
	// time from the beginning of this process on.
	dueFaults = time.Hour
)

// errNotDue means that a message was sent, taken back or moved meanwhile.
var errNotDue = errors.New("it does not wait any more")

// PostDue posts the messages whose time has come, each in a transaction of its own, and returns when the next one's comes: the zero time if none
// waits. What can't be posted stays, stopped, with the reason for staff to see. Several processes may call it at once. The error is of those that
// will be tried again.
func (g *Gateway) PostDue(ctx context.Context) (next time.Time, err error) {
	var faults []error
	for after, more := (Cursor{}), true; more; {
		var due []Cursor
		err := g.store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.DuePending(ctx, g.now(), after, dueBatch)
			return err
		})
		if err != nil {
			return time.Time{}, wrap("post what is due", err)
		}
		for _, one := range due {
			after = one
			var s *cannotSend
			if _, err := g.postDue(ctx, one.ID); err != nil && !errors.Is(err, errNotDue) && !errors.As(err, &s) {
				faults = append(faults, fmt.Errorf("message %s: %w", one.ID, err))
			}
			if ctx.Err() != nil {
				return time.Time{}, wrap("post what is due", ctx.Err())
			}
		}
		more = len(due) == dueBatch
	}
	err = g.store.View(ctx, func(tx Tx) (err error) {
		next, err = tx.NextPending(ctx)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return next, wrap("post what is due", errors.Join(append(faults, err)...))
}

// cannotSend is the error about a message that can't go out, once it was written down why.
type cannotSend struct{ why string }

// Error implements error.
func (s *cannotSend) Error() string { return s.why + ": " + ErrConflict.Error() }

// Unwrap makes it a conflict.
func (s *cannotSend) Unwrap() error { return ErrConflict }

// SendPending sends a message now that waits, was taken back, or was stopped, as its author's. ErrConflict if it can't go out; why is kept with it. Staff only.
func (g *Gateway) SendPending(ctx context.Context, a Actor, id ID) (Message, error) {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		was, err := pendingNow(ctx, tx, id)
		if err != nil {
			return err
		}
		if was.Start == nil && was.Thread.IsZero() { // of orphanPending
			return fmt.Errorf("%s: %w", was.Why, ErrConflict)
		}
		if err := g.auditPending(ctx, tx, p, was, "message.sendnow", "was written by "+was.ByName); err != nil {
			return err
		}
		was.State, was.At, was.Why = PendingWaits, g.now(), ""
		return tx.UpdatePending(ctx, was)
	})
	if err != nil {
		return Message{}, wrap("send pending", err)
	}
	m, err := g.postDue(ctx, id)
	if errors.Is(err, errNotDue) {
		// Another process was faster.
		err = g.store.View(ctx, func(tx Tx) (err error) {
			m, err = tx.Message(ctx, id)
			return err
		})
	}
	if err != nil {
		g.wakeDue()
	}
	return m, wrap("send pending", err)
}

// postDue posts one message, or stops it.
func (g *Gateway) postDue(ctx context.Context, id ID) (Message, error) {
	var p Pending
	err := g.store.View(ctx, func(tx Tx) (err error) {
		p, err = tx.Pending(ctx, id)
		return err
	})
	if errors.Is(err, ErrNotFound) || err == nil && (p.State != PendingWaits || p.At.After(g.now())) {
		return Message{}, errNotDue
	}
	var m Message
	if err == nil {
		m, err = g.postPending(ctx, p)
	}
	if err == nil || errors.Is(err, errNotDue) || ctx.Err() != nil {
		return m, err
	}
	why, final := g.whyStopped(p, err)
	since := p.At
	if since.Before(g.began) {
		since = g.began
	}
	if !final && (p.ID.IsZero() || g.now().Sub(since) < dueFaults) {
		return m, err
	}
	if stopping := g.stop(ctx, id, why); stopping != nil {
		if final {
			return m, stopping // err may name somebody, and no address is for the log
		}
		return m, errors.Join(err, stopping)
	}
	return m, &cannotSend{why}
}

// postPending takes a message from what waits and posts it, in one transaction. Everything about it is decided anew: what its author may do, who
// gets it, and what of it may leave.
func (g *Gateway) postPending(ctx context.Context, p Pending) (Message, error) {
	body, err := g.body(p.Text, p.HTML, p.Files)
	if err != nil {
		return Message{}, err
	}
	body.Secure, body.Via = p.Secure, p.Via
	subject := "" // of an answer it is the thread's
	if p.Start != nil {
		subject = p.Start.Subject
	}
	if body.Stays, err = g.stays(ctx, subject, &body); err != nil {
		return Message{}, err
	}
	var m Message
	err = g.update(ctx, func(tx Tx) error {
		if err := tx.TakeDue(ctx, p.ID, g.now()); errors.Is(err, ErrNotFound) {
			return errNotDue
		} else if err != nil {
			return err
		}
		who, err := g.resolveStaff(ctx, tx, p.author())
		if err != nil {
			return err
		}
		var t Thread
		if s := p.Start; s != nil {
			contacts, err := g.recipients(ctx, tx, who, s.Contacts)
			if err != nil {
				return err
			}
			t, err = g.addThreadAs(ctx, tx, s.Thread, s.Subject, s.Mode, contacts)
			if err != nil {
				return err
			}
		} else if t, err = tx.Thread(ctx, p.Thread); err != nil {
			return err
		}
		m = body
		return g.append(ctx, tx, who, &t, &m, p.ID)
	})
	return m, err
}

// whyStopped says why a message can't go out, and whether that is final: trying it again would change nothing.
func (g *Gateway) whyStopped(p Pending, err error) (why string, final bool) {
	switch {
	case errors.Is(err, ErrSignedOut) && p.ByKind == ByStaff:
		return "the account of " + p.ByName + ", who wrote it, is disabled", true
	case errors.Is(err, ErrSignedOut):
		return "the key of the program that wrote it was revoked", true
	case errors.Is(err, ErrForbidden):
		return "who wrote it may not write here any more", true
	}
	for _, kind := range []error{ErrInvalid, ErrTooLarge, ErrConflict, ErrNotFound} {
		if errors.Is(err, kind) {
			why := strings.TrimSuffix(strings.TrimSuffix(err.Error(), kind.Error()), ": ")
			if why == "" {
				why = "something that it needs is gone"
			}
			return why, true
		}
	}
	return "it failed again and again, for a reason that the log of the gateway tells", false
}

// stop writes down why a message can't go out, unless it was taken back or moved meanwhile.
func (g *Gateway) stop(ctx context.Context, id ID, why string) error {
	return g.store.Update(ctx, func(tx Tx) error {
		p, err := tx.Pending(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && (p.State != PendingWaits || p.At.After(g.now())) {
			return nil
		}
		if err != nil {
			return err
		}
		p.State, p.At, p.Why, p.Undo = PendingStopped, g.now(), why, false
		if err := tx.UpdatePending(ctx, p); err != nil {
			return err
		}
		return tx.AddAudit(ctx, AuditEntry{ID: NewID(), At: g.now(), Actor: "system", Action: "message.stop", Thread: p.Thread, Detail: why})
	})
}

// orphanPending keeps, of the messages that wait in a thread which is deleted, that they will not go out, and nothing of what they say.
func (g *Gateway) orphanPending(ctx context.Context, tx Tx, thread ID, by string) (waited int, err error) {
	for after := (Cursor{}); ; {
		page, err := tx.ListPending(ctx, thread, after, dueBatch)
		if err != nil {
			return waited, err
		}
		for _, p := range page {
			after = Cursor{At: p.At, ID: p.ID}
			if p.State != PendingWaits {
				continue
			}
			waited++
			left := Pending{
				ID: NewID(), State: PendingStopped, At: g.now(), MadeAt: p.MadeAt, By: p.By, ByKind: p.ByKind, ByName: p.ByName,
				Why: "its conversation was deleted, with what it said, by " + by + "; it was to go out on " + p.At.UTC().Format("2 January 2006 at 15:04 UTC"),
			}
			if err := tx.AddPending(ctx, left); err != nil {
				return waited, err
			}
		}
		if len(page) < dueBatch {
			return waited, nil
		}
	}
}
