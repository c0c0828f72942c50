package bridge_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

const day = 24 * time.Hour

// ladder is a world with reminders after 3 and 7 days and a warning after 14, from which all older mail has left and was read.
func ladder(t *testing.T) *world {
	t.Helper()
	w := newWorld(t).asConfig(func(c *bridge.Config) {
		c.Timing = bridge.Timing{Reminders: []time.Duration{3 * day, 7 * day}, Unopened: 14 * day}
	})
	w.outgoing()
	w.open(w.inside)
	w.open(w.second)
	w.clock.forward(time.Hour)
	return w
}

// later lets time pass, with the look every hour only at its end, and returns what leaves to somebody then.
func (w *world) later(d time.Duration, p bridge.Person) (kinds []bridge.DeliveryKind) {
	w.t.Helper()
	w.clock.forward(d)
	w.must(w.g.Remind(w.t.Context()))
	for _, o := range to(p, w.outgoing()) {
		if o.Form != bridge.FormNotice {
			w.t.Errorf("a %s left as a %s", o.Delivery.Kind, o.Form)
		}
		if o.Subject != "" || o.Author != "" || o.Text != "" {
			w.t.Errorf("a %s holds content", o.Delivery.Kind)
		}
		kinds = append(kinds, o.Delivery.Kind)
	}
	return kinds
}

func (w *world) wantKinds(got []bridge.DeliveryKind, want ...bridge.DeliveryKind) {
	w.t.Helper()
	if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
		w.t.Errorf("got %v, want %v", got, want)
	}
}

func (w *world) unopened() (list int, in []bridge.ID) {
	w.t.Helper()
	rows, err := w.g.ListThreads(w.t.Context(), w.operator, bridge.ThreadList{Unopened: true})
	w.must(err)
	v, err := w.g.ReadThread(w.t.Context(), w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	return len(rows.Threads), v.Unopened
}

func TestLadderOfReminders(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.post(w.staff, "Please read this.")
	w.wantKinds(w.later(time.Minute, w.inside), bridge.DeliverMessage)
	w.wantKinds(w.later(3*day-2*time.Minute, w.inside))
	w.wantKinds(w.later(2*time.Minute, w.inside), bridge.DeliverReminder)
	w.wantKinds(w.later(time.Hour, w.inside))
	w.wantKinds(w.later(4*day, w.inside), bridge.DeliverReminder)
	if n, who := w.unopened(); n != 0 || len(who) != 0 {
		t.Fatalf("it is marked after 7 days: %d, %v", n, who)
	}
	w.clock.forward(7 * day)
	w.must(w.g.Remind(t.Context()))
	out := w.outgoing()
	if got := to(w.staff, out); len(got) != 1 || got[0].Delivery.Kind != bridge.DeliverUnopened {
		t.Errorf("staff got %d mails, want one warning of both contacts", len(got))
	}
	if len(to(w.inside, out)) != 0 {
		t.Error("the contact is warned too")
	}
	if n, who := w.unopened(); n != 1 || len(who) != 2 {
		t.Fatalf("got %d conversations and %d people who never opened it, want 1 and 2", n, len(who))
	}
	w.wantKinds(w.later(100*day, w.inside))

	// Read at last: the mark goes, and what comes next begins anew.
	w.open(w.inside)
	w.open(w.second)
	if n, who := w.unopened(); n != 0 || len(who) != 0 {
		t.Errorf("it is marked although it was read: %d, %v", n, who)
	}
	w.post(w.staff, "And this.")
	w.wantKinds(w.later(time.Minute, w.inside), bridge.DeliverMessage)
	w.wantKinds(w.later(2*day, w.inside))
	w.wantKinds(w.later(day, w.inside), bridge.DeliverReminder)
}

func TestNoReminderOfWhatWasRead(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.post(w.staff, "Please read this.")
	w.outgoing()
	w.clock.forward(4 * day)
	w.must(w.g.Remind(t.Context()))
	w.open(w.inside) // after the reminder was queued, before it leaves
	if got := to(w.inside, w.outgoing()); len(got) != 0 {
		t.Errorf("got %d reminders of what was read", len(got))
	}
	w.wantKinds(w.later(30*day, w.inside))
}

// Who opens one message and not the next is reminded of the next by its own age.
func TestReminderOfTheNextMessage(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	first := w.post(w.staff, "One.")
	w.outgoing()
	w.clock.forward(2 * day)
	w.post(w.staff, "Two.")
	w.outgoing()
	_, err := w.g.OpenThread(t.Context(), bridge.AsPerson(w.inside.ID), bridge.ThreadRead{Thread: w.thread.ID, AfterSeq: first.Seq - 1, Limit: 1})
	w.must(err)
	w.wantKinds(w.later(day+time.Minute, w.inside)) // the first would be 3 days old
	w.wantKinds(w.later(2*day, w.inside), bridge.DeliverReminder)
}

func TestNoReminderOfACopy(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.must(w.g.SetMode(t.Context(), w.operator, bridge.ModeConvenience))
	w.post(w.staff, "It is all in the mail.")
	if got := to(w.inside, w.outgoing()); len(got) != 1 || got[0].Form != bridge.FormCopy {
		t.Fatalf("got %d mails, want a copy", len(got))
	}
	w.wantKinds(w.later(30*day, w.inside))
	if n, _ := w.unopened(); n != 0 {
		t.Error("it is marked as never opened")
	}
}

// A gateway that was down, or a clock that jumps ahead, makes up for all that was missed by one reminder.
func TestMissedReminders(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.post(w.staff, "Please read this.")
	w.outgoing()
	w.wantKinds(w.later(300*day, w.inside), bridge.DeliverReminder)
	if n, who := w.unopened(); n != 1 || len(who) != 2 {
		t.Errorf("got %d conversations and %d people who never opened it, want 1 and 2", n, len(who))
	}
	w.clock.forward(-200 * day)
	w.must(w.g.Remind(t.Context()))
	w.wantKinds(w.later(300*day, w.inside))
}

func TestRemindersAtOnce(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	ctx := context.WithoutCancel(t.Context())
	w.post(w.staff, "Please read this.")
	w.outgoing()
	w.clock.forward(4 * day)
	var row sync.WaitGroup
	for range 4 {
		row.Go(func() {
			if err := w.g.Remind(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	row.Wait()
	if got := to(w.inside, w.outgoing()); len(got) != 1 {
		t.Errorf("got %d reminders, want 1", len(got))
	}
}

func TestNoReminderForWhoLeft(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.post(w.staff, "Please read this.")
	w.outgoing()
	w.must(w.g.RemoveParticipant(t.Context(), w.operator, w.thread.ID, w.inside.ID))
	w.wantKinds(w.later(30*day, w.inside))
	w.must(w.g.DeleteThread(t.Context(), w.operator, w.thread.ID))
	w.wantKinds(w.later(30*day, w.second))
}

// What an admin switches off does not happen, also for what was written before.
func TestRemindersSwitchedOff(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.post(w.staff, "Please read this.")
	w.outgoing()
	w.must(w.g.SetTiming(t.Context(), w.operator, bridge.Timing{}))
	w.wantKinds(w.later(30*day, w.inside))
}
