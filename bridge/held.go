package bridge

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// ListReceived lists the log of received mail, newest first, to staff.
func (g *Gateway) ListReceived(ctx context.Context, a Actor, q ReceivedQuery) ([]Received, Cursor, error) {
	var list []Received
	var next Cursor
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		q := q
		limit := pageLimit(q.Limit)
		q.Limit = limit + 1
		var err error
		if list, err = tx.ListReceived(ctx, q); err != nil {
			return err
		}
		next = Cursor{}
		if len(list) > limit {
			list = list[:limit]
			last := list[limit-1]
			next = Cursor{At: last.Envelope.At, ID: last.ID}
		}
		return nil
	})
	return list, next, wrap("list received mail", err)
}

// CountWaiting returns how many held mails nobody has decided yet, to staff.
func (g *Gateway) CountWaiting(ctx context.Context, a Actor) (int, error) {
	var n int
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveStaff(ctx, tx, a)
		if err == nil {
			n, err = tx.CountWaiting(ctx)
		}
		return err
	})
	return n, wrap("count waiting mail", err)
}

// HeldView is a held mail for whoever decides about it.
type HeldView struct {
	Received Received
	Raw      io.ReadCloser // the mail as it came; the caller closes it
	Thread   *Thread       // where it wants to go; nil if nowhere known
	Person   *Person       // whose reply address it used; likewise
}

// OpenHeld returns a mail that is, or was, held, to staff.
func (g *Gateway) OpenHeld(ctx context.Context, a Actor, id ID) (HeldView, error) {
	var v HeldView
	var raw Blob
	var p principal
	err := g.store.View(ctx, func(tx Tx) (err error) {
		if p, err = g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		v = HeldView{}
		if v.Received, err = tx.Received(ctx, id); err != nil {
			return err
		}
		if v.Received.Disposition != Held && v.Received.Resolution == "" {
			return ErrNotFound
		}
		if raw, err = tx.RawMail(ctx, id); err != nil {
			return err
		}
		if !v.Received.Thread.IsZero() {
			t, err := tx.Thread(ctx, v.Received.Thread)
			if err != nil {
				return err
			}
			v.Thread = &t
		}
		if !v.Received.Person.IsZero() {
			p, err := tx.Person(ctx, v.Received.Person)
			if err != nil {
				return err
			}
			v.Person = &p
		}
		return nil
	})
	if err == nil {
		err = g.noteLook(ctx, p, AuditEntry{Action: "held.view", Thread: v.Received.Thread, Detail: "mail " + id.String()}, id)
	}
	if err == nil {
		v.Raw, err = g.store.OpenBlob(ctx, raw)
	}
	return v, wrap("open held mail", err)
}

// ReleaseHeld puts a held mail into the thread it was meant for, or into a new one, in its claimed sender's name and marked with
// who released it: staff only, and only once. m is the raw mail of OpenHeld, read again.
func (g *Gateway) ReleaseHeld(ctx context.Context, a Actor, id ID, m *Mail) (Message, error) {
	err := g.store.View(ctx, func(tx Tx) error { _, err := g.resolveStaff(ctx, tx, a); return err })
	if err != nil {
		return Message{}, wrap("release held mail", err)
	}
	// The rules may be newer than the mail, and the scanner wiser.
	bad, err := g.inspect(ctx, m)
	if err == nil && bad != nil {
		err = bad
	}
	var files []Attachment
	if err == nil {
		files, err = g.stageFiles(ctx, m)
	}
	var stays []string
	if err == nil {
		draft := mailMessage(m, RouteSMTP, files)
		stays, err = g.stays(ctx, m.Subject, &draft)
	}
	if err != nil {
		return Message{}, wrap("release held mail", err)
	}
	var msg Message
	err = g.update(ctx, func(tx Tx) error {
		p, r, err := g.waiting(ctx, tx, a, id)
		if err != nil {
			return err
		}
		sender, err := g.claimed(ctx, tx, m)
		if err != nil {
			return err
		}
		var t Thread
		if !r.Thread.IsZero() {
			t, err = tx.Thread(ctx, r.Thread)
		} else {
			t, sender, err = g.threadForHeld(ctx, tx, p, m, sender)
		}
		if err != nil {
			return err
		}
		msg = mailMessage(m, r.Envelope.Route, files)
		msg.Stays = stays
		msg.AuthorKind, msg.Received = ByContact, r.ID
		// Only the participant speaks as the participant. Anybody else is shown by what the mail claims, as a claim.
		if sender.Kind == Contact && (sender.ID == r.Person || r.Thread.IsZero()) {
			msg.Author, msg.AuthorName = sender.ID, sender.DisplayName()
		} else {
			msg.AuthorName = fmt.Sprintf("%s (released by %s)", r.From, p.name())
		}
		if err := g.add(ctx, tx, &t, &msg); err != nil {
			return err
		}
		r.Resolution, r.ResolvedAt, r.ResolvedBy, r.Thread, r.Message = Released, g.now(), p.id(), t.ID, msg.ID
		if err := tx.UpdateReceived(ctx, r); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "held.release", Thread: t.ID, Detail: "mail " + r.ID.String()})
	})
	if err != nil {
		return Message{}, wrap("release held mail", err)
	}
	return msg, nil
}

// threadForHeld makes the thread for a held mail that names none, with its sender as the contact.
func (g *Gateway) threadForHeld(ctx context.Context, tx Tx, p principal, m *Mail, sender Person) (Thread, Person, error) {
	if sender.ID.IsZero() {
		if len(m.From) != 1 {
			return Thread{}, Person{}, fmt.Errorf("it has not exactly one sender, so it can't become a conversation: %w", ErrInvalid)
		}
		var err error
		if sender, err = g.contactAt(ctx, tx, p, m.From[0].Addr, m.From[0].Name, ""); err != nil {
			return Thread{}, Person{}, err
		}
	}
	if sender.Kind != Contact {
		return Thread{}, Person{}, fmt.Errorf("it names staff as its sender, so it can't become a conversation: %w", ErrInvalid)
	}
	subject := cleanLine(m.Subject, maxSubject)
	if subject == "" {
		subject = "(no subject)"
	}
	t, err := g.addThread(ctx, tx, subject, ModeInherit, []Person{sender})
	return t, sender, err
}

// DiscardHeld decides that a held mail stays out of every thread: staff only. The record and the mail are kept.
func (g *Gateway) DiscardHeld(ctx context.Context, a Actor, id ID) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, r, err := g.waiting(ctx, tx, a, id)
		if err != nil {
			return err
		}
		r.Resolution, r.ResolvedAt, r.ResolvedBy = Discarded, g.now(), p.id()
		if err := tx.UpdateReceived(ctx, r); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "held.discard", Thread: r.Thread, Detail: "mail " + r.ID.String()})
	})
	return wrap("discard held mail", err)
}

// waiting returns a held mail that nobody has decided yet, or ErrConflict.
func (g *Gateway) waiting(ctx context.Context, tx Tx, a Actor, id ID) (principal, Received, error) {
	p, err := g.resolveStaff(ctx, tx, a)
	if err != nil {
		return p, Received{}, err
	}
	r, err := tx.Received(ctx, id)
	switch {
	case err != nil:
		return p, r, err
	case r.Disposition != Held:
		return p, r, ErrNotFound
	case r.Resolution != "":
		return p, r, fmt.Errorf("it was %s already: %w", strings.ToLower(string(r.Resolution)), ErrConflict)
	}
	return p, r, nil
}
