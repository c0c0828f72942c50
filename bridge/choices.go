package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Notify is how often a person wants to be told by email of what happens in the portal.
type Notify string

// The choices. Daily and weekly summaries are for staff.
const (
	NotifyEach   Notify = "each" // of each message at once; what holds for who chose nothing
	NotifyDaily  Notify = "daily"
	NotifyWeekly Notify = "weekly" // on Mondays
	NotifyNone   Notify = "none"   // never: they look themselves
)

// digest reports whether a choice asks for summaries, and not for each message.
func (n Notify) digest() bool { return n == NotifyDaily || n == NotifyWeekly }

// period is how far apart summaries are.
func (n Notify) period() time.Duration {
	if n == NotifyWeekly {
		return 7 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// MailChoices is what a person decided about the mails that they get. Codes, first notices, mails about new browsers and alerts to admins are
// none of them: they leave whatever is chosen.
type MailChoices struct {
	Notify      Notify
	NoReminders bool   // a contact is not reminded of what is unread
	Zone        string // of the Hour, as the IANA database names it; empty for UTC
	Hour        int    // of the day at which a summary leaves, 0 to 23
	// OffAt is when a link in a mail turned everything off; zero if none did since they last chose for themselves.
	OffAt time.Time

	digestAt time.Time // when the next summary is due; zero for none
	digestOf time.Time // when the last one was due that was looked at; zero if there was none
}

// Reminders reports whether a contact is reminded of what is unread.
func (c MailChoices) Reminders() bool { return c.Notify == NotifyEach && !c.NoReminders }

// defaultHour is when summaries leave until somebody says otherwise.
const defaultHour = 8

// Digest returns when the next summary is due and when the last one was looked at. It is for a Store.
func (c MailChoices) Digest() (next, last time.Time) { return c.digestAt, c.digestOf }

// WithDigest is c with what Digest returned. It is for a Store.
func (c MailChoices) WithDigest(next, last time.Time) MailChoices {
	c.digestAt, c.digestOf = next, last
	return c
}

// Choices keeps what people decided about their mails.
type Choices interface {
	// MailChoices returns ErrNotFound for who never decided.
	MailChoices(ctx context.Context, person ID) (MailChoices, error)
	SetMailChoices(ctx context.Context, person ID, c MailChoices) error
	// PersonByUnsubscribe returns whose Person.Unsubscribe it is.
	PersonByUnsubscribe(ctx context.Context, id ID) (Person, error)
	// SilentIn returns the contacts in a thread who chose NotifyNone.
	SilentIn(ctx context.Context, thread ID) ([]ID, error)
	// DueDigests returns whose summary is due, and those for whom one is due later than latest, which a clock that was turned back leaves behind.
	DueDigests(ctx context.Context, now, latest time.Time, limit int) ([]ID, error)
	// DeskTally counts what the desk holds. New counts what came after since.
	DeskTally(ctx context.Context, since time.Time) (Tally, error)
}

// choicesOf returns what holds for a person.
func choicesOf(ctx context.Context, tx Tx, person ID) (MailChoices, error) {
	c, err := tx.MailChoices(ctx, person)
	if errors.Is(err, ErrNotFound) {
		return MailChoices{Notify: NotifyEach, Hour: defaultHour}, nil
	}
	return c, err
}

// MailChoices returns what a person decided about their mails: to staff, and to the person.
func (g *Gateway) MailChoices(ctx context.Context, a Actor, person ID) (MailChoices, error) {
	var c MailChoices
	err := g.viewPerson(ctx, a, person, func(tx Tx, _ Person) (err error) {
		c, err = choicesOf(ctx, tx, person)
		return err
	})
	return c, wrap("mail choices", err)
}

// SetMailChoices decides about the actor's own mails, from the next one that leaves on: nobody does it for somebody else, and no program.
// ErrInvalid says what can't be. It also takes back what a link in a mail turned off.
func (g *Gateway) SetMailChoices(ctx context.Context, a Actor, c MailChoices) error {
	return wrap("set mail choices", g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err == nil && p.person.ID.IsZero() {
			err = ErrForbidden
		}
		if err != nil {
			return err
		}
		next, err := c.checked(p.person.Kind)
		if err != nil {
			return err
		}
		was, err := choicesOf(ctx, tx, p.person.ID)
		if err != nil {
			return err
		}
		next.digestOf = was.digestOf
		if next.Notify.digest() {
			next.digestAt = next.nextDigest(g.now())
		}
		if next == was {
			return nil
		}
		if err := tx.SetMailChoices(ctx, p.person.ID, next); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "person.mails", Person: p.person.ID, Detail: was.summary() + " → " + next.summary()})
	}))
}

// checked returns what of a choice is kept for a kind of person, or an error that wraps ErrInvalid.
func (c MailChoices) checked(kind PersonKind) (MailChoices, error) {
	next := MailChoices{Notify: c.Notify, Hour: defaultHour}
	switch {
	case c.Notify != NotifyEach && c.Notify != NotifyNone && !c.Notify.digest():
		return next, fmt.Errorf("emails come at once, once a day, once a week or not at all: %w", ErrInvalid)
	case kind == Contact && c.Notify.digest():
		return next, fmt.Errorf("summaries are for staff: %w", ErrInvalid)
	case kind == Contact:
		next.NoReminders = c.NoReminders
		return next, nil
	}
	if next.Zone, next.Hour = c.Zone, c.Hour; next.Hour < 0 || next.Hour > 23 {
		return next, fmt.Errorf("the hour of a summary is 0 to 23: %w", ErrInvalid)
	}
	if _, err := zone(next.Zone); err != nil {
		return next, err
	}
	return next, nil
}

// summary is how the audit log tells it.
func (c MailChoices) summary() string {
	switch {
	case c.Notify.digest():
		return fmt.Sprintf("%s at %02d:00 %s", c.Notify, c.Hour, c.location())
	case c.Notify == NotifyEach && c.NoReminders:
		return "each, no reminders"
	}
	return string(c.Notify)
}

// What is said of mails that somebody does not want, in clauses for staff.
const (
	whyOff         = "has turned notifications off, and will see it at sign-in"
	whyNoReminders = "wants no reminders"
	whyDigest      = "gets summaries instead"
)

// stoppable reports whether a kind of delivery is for its recipient to turn off.
func (k DeliveryKind) stoppable() bool {
	switch k {
	case DeliverMessage, DeliverReminder, DeliverUnopened, DeliverDigest:
		return true
	}
	return false
}

// unwanted says why a delivery is not to be sent, as its recipient chose; nothing if it is. A contact who has never signed in is told of a
// message all the same (off is true then): without that first notice they could not know of the portal. What they turned off are copies.
func (g *Gateway) unwanted(ctx context.Context, tx Tx, d Delivery, p Person) (off bool, err error) {
	if !d.Kind.stoppable() {
		return false, nil
	}
	c, err := choicesOf(ctx, tx, p.ID)
	if err != nil {
		return false, err
	}
	if d.Kind == DeliverDigest {
		return false, c.wantsDigest(d, g.now())
	}
	switch {
	case c.Notify == NotifyNone && d.Kind == DeliverMessage && p.first():
		return true, nil
	case c.Notify == NotifyNone:
		err = &Suppression{Reason: whyOff}
	case c.Notify.digest():
		err = &Suppression{Reason: whyDigest}
	case c.NoReminders && d.Kind == DeliverReminder:
		err = &Suppression{Reason: whyNoReminders}
	}
	return false, err
}

// first reports whether somebody is a contact who has never signed in.
func (p Person) first() bool { return p.Kind == Contact && p.SignedInAt.IsZero() }

// quiet takes those who turned their mails off out of what would leave, once all else about it is known.
func quiet(all []Leaving, off map[ID]Person) {
	for i := range all {
		l := &all[i]
		p, isOff := off[l.Person]
		if isOff && l.Form != "" && !(p.first() && l.Form == FormNotice) {
			l.Form, l.Why = "", []string{whyOff}
		}
	}
}
