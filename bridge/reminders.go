package bridge

import (
	"context"
	"errors"
	"time"
)

// Reminder is what is to be asked about one contact in one thread: whether something is still unopened.
type Reminder struct {
	Thread     ID
	Person     ID
	Since      time.Time // when the first message was written that they have not opened
	Step       int       // what comes next: one of Timing.Reminders, then the warning to staff
	DueAt      time.Time // when to look again; zero once nothing more is to come
	UnopenedAt time.Time // when staff were told that it was never opened; zero if they were not
}

// Reminders keeps them.
type Reminders interface {
	// AddReminder does nothing if there is one for this thread and person.
	AddReminder(ctx context.Context, r Reminder) error
	SetReminder(ctx context.Context, r Reminder) error
	RemoveReminder(ctx context.Context, thread, person ID) error
	DueReminders(ctx context.Context, now time.Time, limit int) ([]Reminder, error)
	// FirstUnopened returns when the first message was written that the participant has not opened, of those that were to be mailed to them and
	// did not leave as a copy, or ErrNotFound.
	FirstUnopened(ctx context.Context, thread, person ID) (time.Time, error)
	// UnopenedIn returns who has still not opened the message of which staff were told so.
	UnopenedIn(ctx context.Context, thread ID) ([]ID, error)
}

// steps returns the ages of a message at which something happens: reminders, and last the warning to staff.
func (t Timing) steps() []time.Duration {
	steps := t.Reminders[:len(t.Reminders):len(t.Reminders)]
	if t.Unopened > 0 {
		steps = append(steps, t.Unopened)
	}
	return steps
}

// watch sees to it that a contact is reminded of a message that was just added. What is unread since earlier is watched already.
func (t Timing) watch(ctx context.Context, tx Tx, in Participant, at time.Time) error {
	steps := t.steps()
	if in.Kind != Contact || len(steps) == 0 {
		return nil
	}
	r := Reminder{Thread: in.Thread, Person: in.Person, Since: at, DueAt: at.Add(steps[0])}
	if in.Unread <= 1 {
		return tx.SetReminder(ctx, r)
	}
	return tx.AddReminder(ctx, r)
}

// remindBatch is how many reminders are looked at in one transaction.
const remindBatch = 50

// Remind queues the reminders that are due, and warnings to staff about what was never opened. It is called every hour or so; what was missed
// meanwhile is made up for by one reminder.
func (g *Gateway) Remind(ctx context.Context) error {
	for {
		n := 0
		err := g.update(ctx, func(tx Tx) error {
			now := g.now()
			t, err := g.timingNow(ctx, tx)
			if err != nil {
				return err
			}
			due, err := tx.DueReminders(ctx, now, remindBatch)
			if err != nil {
				return err
			}
			n = len(due)
			warned := map[ID]bool{}
			for _, r := range due {
				unopened, err := g.remind(ctx, tx, t, r, now)
				if err == nil && unopened && !warned[r.Thread] {
					warned[r.Thread] = true
					err = g.warn(ctx, tx, r.Thread, now)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || n < remindBatch {
			return wrap("remind", err)
		}
	}
}

// remind deals with one that is due, and reports whether staff are to be warned. Afterwards it is due later, or never.
func (g *Gateway) remind(ctx context.Context, tx Tx, t Timing, r Reminder, now time.Time) (unopened bool, err error) {
	p, err := tx.Person(ctx, r.Person)
	if err != nil {
		return false, err
	}
	since, err := tx.FirstUnopened(ctx, r.Thread, r.Person)
	if err == nil && p.Disabled || errors.Is(err, ErrNotFound) {
		return false, tx.RemoveReminder(ctx, r.Thread, r.Person) // they have opened it, or have it by email, or can't
	}
	if err != nil {
		return false, err
	}
	if !since.Equal(r.Since) {
		// They have opened what it was about, and not what came after it.
		r = Reminder{Thread: r.Thread, Person: r.Person, Since: since}
	}
	steps := t.steps()
	called := false
	for r.Step < len(steps) && !since.Add(steps[r.Step]).After(now) {
		if r.Step < len(t.Reminders) {
			called = true
		} else {
			r.UnopenedAt, unopened = now, true
		}
		r.Step++
	}
	if called {
		if err := tx.AddDelivery(ctx, late(DeliverReminder, r.Thread, r.Person, now)); err != nil {
			return false, err
		}
	}
	r.DueAt = time.Time{}
	if r.Step < len(steps) {
		r.DueAt = since.Add(steps[r.Step])
	}
	return unopened, tx.SetReminder(ctx, r)
}

// warn tells the staff who take part in a thread that a message in it was never opened.
func (g *Gateway) warn(ctx context.Context, tx Tx, thread ID, now time.Time) error {
	in, err := tx.Participants(ctx, thread)
	if err != nil {
		return err
	}
	for _, one := range in {
		if one.Kind != Staff || !one.LeftAt.IsZero() {
			continue
		}
		if err := tx.AddDelivery(ctx, late(DeliverUnopened, thread, one.Person, now)); err != nil {
			return err
		}
	}
	return nil
}

// late is a delivery that nothing waits for.
func late(kind DeliveryKind, thread, person ID, now time.Time) Delivery {
	return Delivery{ID: NewID(), Kind: kind, Thread: thread, Person: person, Priority: priorityLate, State: Queued, CreatedAt: now, NextAt: now}
}

// stillUnopened returns a *Suppression if a reminder or a warning has nothing to say any more.
func stillUnopened(ctx context.Context, tx Tx, d Delivery) error {
	var err error
	switch d.Kind {
	case DeliverReminder:
		_, err = tx.FirstUnopened(ctx, d.Thread, d.Person)
	case DeliverUnopened:
		var who []ID
		if who, err = tx.UnopenedIn(ctx, d.Thread); err == nil && len(who) == 0 {
			err = ErrNotFound
		}
	}
	if errors.Is(err, ErrNotFound) {
		err = &Suppression{Reason: "it was read in the portal before a reminder left"}
	}
	return err
}
