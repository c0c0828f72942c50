package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Later says when a message goes out.
type Later struct {
	At   time.Time // at once, but for the time in which it can be taken back (Timing.Undo), if zero
	Zone string    // the IANA name of the time zone in which it was chosen, to be shown again; may be empty
}

// check returns an error that wraps ErrInvalid and says what is wrong.
func (l Later) check(now time.Time) error {
	switch {
	case l.At.IsZero():
		return nil
	case !l.At.After(now):
		return fmt.Errorf("the time to send it has passed: %w", ErrInvalid)
	case l.At.After(now.Add(MaxLater)):
		return fmt.Errorf("a message can be sent within a year: %w", ErrInvalid)
	case len(l.Zone) > 64:
		return fmt.Errorf("there is no such time zone: %w", ErrInvalid)
	}
	return nil
}

// Schedule keeps an answer that goes out later, or a moment later so that it can be taken back. It is then posted as Post would: who gets it,
// and in which form, is decided at that time. Staff only; a note goes nowhere and can't be scheduled.
func (g *Gateway) Schedule(ctx context.Context, a Actor, r Post, l Later) (Pending, error) {
	if r.Note {
		return Pending{}, fmt.Errorf("schedule: a note is kept at once: %w", ErrInvalid)
	}
	kept, err := g.keptFiles(ctx, a, r.Replaces, r.Keep)
	if err != nil {
		return Pending{}, wrap("schedule", err)
	}
	body, err := g.body(r.Text, r.HTML, slices.Concat(kept, r.Files))
	if err != nil {
		return Pending{}, err
	}
	body.Secure = r.Secure
	p := Pending{Thread: r.Thread, Via: r.Via}
	err = g.schedule(ctx, a, &p, "", body, l, r.Once, r.Replaces, func(tx Tx) error {
		_, err := tx.Thread(ctx, r.Thread)
		return err
	})
	return p, wrap("schedule", err)
}

// ScheduleStart is Schedule for the first message of a conversation, which begins when it goes out. Nobody becomes a contact before.
func (g *Gateway) ScheduleStart(ctx context.Context, a Actor, s ThreadStart, l Later) (Pending, error) {
	kept, err := g.keptFiles(ctx, a, s.Replaces, s.Keep)
	if err != nil {
		return Pending{}, wrap("schedule start", err)
	}
	body, err := g.body(s.Text, s.HTML, slices.Concat(kept, s.Files))
	if err != nil {
		return Pending{}, err
	}
	if _, err := ParseMode(string(s.Mode)); err != nil {
		return Pending{}, err
	}
	body.Secure = s.Secure
	subject := cleanLine(s.Subject, maxSubject+1)
	p := Pending{Via: s.Via, Start: &PendingStart{Thread: NewID(), Subject: subject, Contacts: slices.Clone(s.Contacts), Mode: s.Mode}}
	for i, r := range p.Start.Contacts {
		p.Start.Contacts[i].Name = cleanLine(r.Name, maxName)
	}
	err = g.schedule(ctx, a, &p, subject, body, l, s.Once, s.Replaces, func(tx Tx) error {
		if err := checkStart(subject, len(s.Contacts)); err != nil {
			return err
		}
		people, err := g.named(ctx, tx, s.Contacts)
		for _, one := range people {
			if err == nil && one.Disabled {
				err = fmt.Errorf("%s is disabled: %w", one.Address, ErrInvalid)
			}
		}
		return err
	})
	return p, wrap("schedule start", err)
}

// checkStart returns an error that wraps ErrInvalid for a conversation that staff can't start.
func checkStart(subject string, contacts int) error {
	switch {
	case contacts == 0:
		return fmt.Errorf("name at least one contact to write to: %w", ErrInvalid)
	case contacts > maxContacts:
		return fmt.Errorf("at most %d contacts at once: %w", maxContacts, ErrInvalid)
	}
	return checkSubject(subject)
}

func checkSubject(subject string) error {
	switch {
	case subject == "":
		return fmt.Errorf("a subject is needed: %w", ErrInvalid)
	case len([]rune(subject)) > maxSubject:
		return fmt.Errorf("the subject is longer than %d characters: %w", maxSubject, ErrInvalid)
	}
	return nil
}

// schedule completes p from its body and keeps it, if fits says that it could be sent.
func (g *Gateway) schedule(ctx context.Context, a Actor, p *Pending, subject string, body Message, l Later, once Once, replaces ID, fits func(Tx) error) error {
	stays, err := g.stays(ctx, subject, &body)
	if err != nil {
		return err
	}
	p.Text, p.HTML, p.Secure, p.Begin = body.Text, body.HTML, body.Secure, begin(body.Text)
	fresh := *p
	err = g.store.Update(ctx, func(tx Tx) error {
		who, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		if done, err := g.onceBefore(ctx, tx, who, once); err != nil {
			return err
		} else if done != nil {
			*p, err = pendingOrSent(ctx, tx, done.Message)
			if errors.Is(err, ErrNotFound) {
				err = fmt.Errorf("this message was discarded before it went out: %w", ErrConflict)
			}
			return err
		}
		now := g.now()
		if err := l.check(now); err != nil {
			return err
		}
		if err := fits(tx); err != nil {
			return err
		}
		*p = fresh
		p.ID, p.State, p.MadeAt = NewID(), PendingWaits, now
		p.By, p.ByKind, p.ByName = who.id(), ByProgram, g.organization
		if who.actor.kind == actorPerson {
			p.ByKind, p.ByName = ByStaff, who.person.DisplayName()
		}
		if !l.At.IsZero() {
			p.At, p.Zone = l.At.UTC().Truncate(time.Microsecond), l.Zone
			p.Chosen = p.At
		} else {
			t, err := g.timingNow(ctx, tx)
			if err != nil {
				return err
			}
			p.Undo, p.At = true, now.Add(t.Undo)
		}
		p.Files = make([]Attachment, len(body.Attachments))
		for i, f := range body.Attachments {
			f.ID, f.Message, f.Thread, f.Note = NewID(), ID{}, ID{}, false
			p.Files[i] = f
		}
		if err := supplant(ctx, tx, replaces, p.Thread); err != nil {
			return err
		}
		if err := who.useStaged(ctx, tx, &body); err != nil {
			return err
		}
		if err := tx.AddPending(ctx, *p); err != nil {
			return err
		}
		if err := g.auditScheduled(ctx, tx, who, *p); err != nil {
			return err
		}
		thread := p.Thread
		if p.Start != nil {
			thread = p.Start.Thread
		}
		return g.onceAfter(ctx, tx, who, once, OnceRecord{Thread: thread, Message: p.ID})
	})
	if err != nil {
		return err
	}
	p.Stays = stays
	g.wakeDue()
	return nil
}

func (g *Gateway) auditScheduled(ctx context.Context, tx Tx, who principal, p Pending) error {
	if p.Undo {
		return nil
	}
	return g.auditPending(ctx, tx, who, p, "message.schedule", "goes out at "+stamp(p.At))
}

// begin returns the beginning of a text.
func begin(text string) string {
	if len(text) <= beginOctets {
		return text
	}
	end := beginOctets
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// keptFiles returns the files of a message that was taken back which its next version keeps, with the content of small ones.
func (g *Gateway) keptFiles(ctx context.Context, a Actor, from ID, keep []ID) ([]Attachment, error) {
	if from.IsZero() || len(keep) == 0 {
		return nil, nil
	}
	var files []Attachment
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		p, err := tx.Pending(ctx, from)
		if errors.Is(err, ErrNotFound) {
			return nil // the transaction that replaces it tells, unless it is a repetition
		}
		files = slices.DeleteFunc(p.Files, func(f Attachment) bool { return !slices.Contains(keep, f.ID) })
		return err
	})
	return files, err
}

// supplant removes a message that was taken back: another takes its place in the same thread, or as the beginning of one where thread is zero.
// On legal hold the one that was taken back stays.
func supplant(ctx context.Context, tx Tx, id, thread ID) error {
	if id.IsZero() {
		return nil
	}
	was, err := pendingNow(ctx, tx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("what this replaces is gone, since somebody discarded or sent it: %w", ErrConflict)
	case err != nil:
		return err
	case was.Thread != thread || was.Start == nil && thread.IsZero():
		return fmt.Errorf("what this replaces is of another conversation: %w", ErrInvalid)
	case was.State == PendingWaits:
		return fmt.Errorf("what this replaces is about to go out, so it has to be taken back first: %w", ErrConflict)
	}
	if held, err := onHold(ctx, tx, thread); err != nil || held {
		return err
	}
	return tx.RemovePending(ctx, id)
}
