package bridge

import (
	"context"
	"errors"
	"fmt"
)

// ExportedThread is a thread with all that belongs to it, for an archive.
type ExportedThread struct {
	Thread       Thread
	Participants []Participant // those who left too
	People       map[ID]Person // participants, authors, and who else is named
	Messages     []Message     // without notes unless they were asked for; their files' content is had from OpenBlob
	Deliveries   []Delivery
	Receipts     []Receipt
}

// ExportThread returns a thread as a whole, with internal notes if asked for. Admins only; the audit log keeps it.
func (g *Gateway) ExportThread(ctx context.Context, a Actor, id ID, notes bool) (ExportedThread, error) {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if _, err := tx.Thread(ctx, id); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "export.thread", Thread: id, Detail: withNotes(notes)})
	})
	var e ExportedThread
	if err == nil {
		e, err = g.exported(ctx, a, id, notes)
	}
	return e, wrap("export thread", err)
}

// ExportedPerson is what is known of a person beside the threads that they are or were in.
type ExportedPerson struct {
	Person
	Choices MailChoices
}

// ExportPerson returns a person and hands out all threads that they are or were in, one after the other. fn's error ends it. Admins only; the
// audit log keeps it.
func (g *Gateway) ExportPerson(ctx context.Context, a Actor, id ID, notes bool, fn func(ExportedThread) error) (ExportedPerson, error) {
	var who ExportedPerson
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if who.Person, err = tx.Person(ctx, id); err != nil {
			return err
		}
		if who.Choices, err = choicesOf(ctx, tx, id); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "export.person", Person: id, Detail: withNotes(notes)})
	})
	const page = 100
	for after := (ID{}); err == nil; {
		var ids []ID
		err = g.store.View(ctx, func(tx Tx) error {
			if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
				return err
			}
			var err error
			ids, err = tx.ThreadsOf(ctx, id, after, page)
			return err
		})
		for i := 0; err == nil && i < len(ids); i++ {
			var e ExportedThread
			after = ids[i]
			e, err = g.exported(ctx, a, after, notes)
			if errors.Is(err, ErrNotFound) {
				err = nil // it was deleted meanwhile
				continue
			}
			if err == nil {
				err = fn(e)
			}
		}
		if len(ids) < page {
			break
		}
	}
	return who, wrap("export person", err)
}

func withNotes(notes bool) string {
	if notes {
		return "with internal notes"
	}
	return ""
}

// exported reads a thread in one state.
func (g *Gateway) exported(ctx context.Context, a Actor, id ID, notes bool) (ExportedThread, error) {
	var e ExportedThread
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		e = ExportedThread{People: map[ID]Person{}}
		if e.Thread, err = tx.Thread(ctx, id); err != nil {
			return err
		}
		if e.Participants, err = tx.Participants(ctx, id); err != nil {
			return err
		}
		const page = 500
		for after := 0; ; {
			messages, err := tx.ListMessages(ctx, id, notes, after, page)
			if err != nil {
				return err
			}
			e.Messages = append(e.Messages, messages...)
			if len(messages) == 0 {
				break // fewer than a page are no end: there is a bound of octets too
			}
			after = messages[len(messages)-1].Seq
		}
		if e.Deliveries, err = tx.ThreadDeliveries(ctx, id, 1, e.Thread.Seq); err != nil {
			return err
		}
		if e.Receipts, err = tx.Receipts(ctx, id, 1, e.Thread.Seq); err != nil {
			return err
		}
		return e.name(ctx, tx)
	})
	if err != nil {
		return ExportedThread{}, fmt.Errorf("thread %s: %w", id, err)
	}
	return e, nil
}

// name looks up everybody who is named.
func (e *ExportedThread) name(ctx context.Context, tx Tx) error {
	var ids []ID
	for _, p := range e.Participants {
		ids = append(ids, p.Person)
	}
	for _, m := range e.Messages {
		ids = append(ids, m.Author)
	}
	for _, d := range e.Deliveries {
		ids = append(ids, d.Person)
	}
	for _, r := range e.Receipts {
		ids = append(ids, r.Person)
	}
	for _, id := range ids {
		if _, known := e.People[id]; known || id.IsZero() {
			continue
		}
		p, err := tx.Person(ctx, id)
		if err != nil {
			return err
		}
		e.People[id] = p
	}
	return nil
}
