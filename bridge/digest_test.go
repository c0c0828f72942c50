package bridge_test

import (
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

// until turns the clock to a moment.
func (c *clock) until(at time.Time) { c.forward(at.Sub(c.now())) }

// desk is a world at the beginning of a day in which all mail has left and nothing waits, with a clock in a zone.
func desk(t *testing.T, zone string, y int, m time.Month, d int) (*world, *time.Location) {
	t.Helper()
	l, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.clock.until(time.Date(y, m, d, 0, 0, 1, 0, l))
	w.outgoing()
	rows, err := w.g.ListThreads(t.Context(), w.operator, bridge.ThreadList{Awaiting: true})
	w.must(err)
	for _, row := range rows.Threads {
		w.must(w.g.CloseThread(t.Context(), w.operator, row.ID))
	}
	return w, l
}

// digests lets the gateway look for summaries, and returns those that leave for somebody.
func (w *world) digests(p bridge.Person) (all []bridge.Outgoing) {
	w.t.Helper()
	w.must(w.g.SendDigests(w.t.Context()))
	for _, o := range to(p, w.outgoing()) {
		if o.Delivery.Kind == bridge.DeliverDigest {
			all = append(all, o)
		}
	}
	return all
}

func TestDailySummary(t *testing.T) {
	t.Parallel()
	w, l := desk(t, "Europe/Berlin", 2031, time.May, 5)
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Europe/Berlin", Hour: 8})
	at := func(day, hour, minute int) { w.clock.until(time.Date(2031, time.May, day, hour, minute, 0, 0, l)) }

	at(5, 8, 1)
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("with nothing to tell, %d left", len(got))
	}
	w.post(w.inside, "Here I am.")
	w.held()
	w.outgoing()
	at(6, 7, 59)
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("%d left before their time", len(got))
	}
	at(6, 8, 0)
	got := w.digests(w.staff)
	if len(got) != 1 {
		t.Fatalf("%d left at 8, want 1", len(got))
	}
	o := got[0]
	if want := (bridge.Tally{New: 1, Waiting: 1, Held: 1}); o.Tally != want || o.Link != "https://portal.example.com/desk" || o.Unsubscribe == "" {
		t.Errorf("it tells %+v, with the link %s, want %+v", o.Tally, o.Link, want)
	}
	if o.Subject != "" || o.Author != "" || o.Text != "" || o.Form != bridge.FormNotice || !o.Delivery.Thread.IsZero() {
		t.Errorf("it holds content: %+v", o)
	}
	at(6, 23, 59)
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("%d more left on the same day", len(got))
	}
	at(7, 8, 1)
	if got := w.digests(w.staff); len(got) != 1 || got[0].Tally != (bridge.Tally{Waiting: 1, Held: 1}) {
		t.Errorf("on the day after: %+v, want what still waits, and nothing new", got)
	}
	w.must(w.g.CloseThread(t.Context(), w.operator, w.thread.ID))
	list, _, err := w.g.ListReceived(t.Context(), w.operator, bridge.ReceivedQuery{Waiting: true})
	w.must(err)
	for _, r := range list {
		w.must(w.g.DiscardHeld(t.Context(), w.operator, r.ID))
	}
	at(8, 8, 1)
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("with all of it done, %d left", len(got))
	}
}

func TestWeeklySummary(t *testing.T) {
	t.Parallel()
	w, l := desk(t, "America/New_York", 2031, time.May, 6) // a Tuesday
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyWeekly, Zone: "America/New_York", Hour: 17})
	w.post(w.inside, "Here I am.")
	w.outgoing()
	var left []string
	for day := 6; day < 28; day++ {
		for _, hour := range []int{9, 17, 22} {
			w.clock.until(time.Date(2031, time.May, day, hour, 3, 0, 0, l))
			for range w.digests(w.staff) {
				left = append(left, w.clock.now().In(l).Format("Mon 2 15h"))
			}
		}
	}
	if want := []string{"Mon 12 17h", "Mon 19 17h", "Mon 26 17h"}; len(left) != 3 || left[0] != want[0] || left[1] != want[1] || left[2] != want[2] {
		t.Errorf("they left on %v, want %v", left, want)
	}
}

// Clocks are changed, and each day still has one summary, at the hour that clocks on the wall show.
func TestSummariesWhenClocksAreChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone string
		month      time.Month
		day, hour  int
	}{
		{"an hour that is left out", "Europe/Berlin", time.March, 30, 2},
		{"an hour that comes twice", "Europe/Berlin", time.October, 26, 2},
		{"the hour after it", "Europe/Berlin", time.March, 30, 3},
		{"a midnight that is left out", "Africa/Cairo", time.April, 25, 0},
		{"half an hour", "Australia/Lord_Howe", time.October, 5, 2},
		{"a zone far ahead", "Pacific/Kiritimati", time.March, 30, 0},
		{"no change", "UTC", time.March, 30, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, l := desk(t, c.zone, 2031, c.month, c.day-2)
			w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: c.zone, Hour: c.hour})
			w.post(w.inside, "Here I am.")
			w.outgoing()
			var left []time.Time
			for end := w.clock.now().Add(6 * day); w.clock.now().Before(end); w.clock.forward(10 * time.Minute) {
				for range w.digests(w.staff) {
					left = append(left, w.clock.now().In(l))
				}
			}
			if len(left) != 6 && len(left) != 5 { // the hour of the first day may be over
				t.Errorf("%d left in six days: %v", len(left), left)
			}
			for i, at := range left {
				if i > 0 && (at.Sub(left[i-1]) > 26*time.Hour || at.Sub(left[i-1]) < 22*time.Hour) {
					t.Errorf("%v and then %v", left[i-1], at)
				}
				if at.Hour() != c.hour && i != 0 && (at.Hour()-c.hour > 1 || c.hour-at.Hour() > 1 && c.hour != 0) {
					t.Errorf("one left at %v, want %d o'clock", at, c.hour)
				}
			}
		})
	}
}

// A gateway that was down for days makes up for them by one.
func TestSummaryAfterDays(t *testing.T) {
	t.Parallel()
	w, _ := desk(t, "UTC", 2031, time.May, 5)
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 23})
	w.post(w.inside, "Here I am.")
	w.outgoing()
	w.clock.until(time.Date(2031, time.May, 12, 0, 5, 0, 0, time.UTC))
	if got := w.digests(w.staff); len(got) != 1 {
		t.Errorf("%d left after a week, want 1", len(got))
	}
	w.clock.forward(time.Hour)
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("%d more left", len(got))
	}
	// One that was made a little after midnight does not stand for the next day.
	w.clock.until(time.Date(2031, time.May, 14, 0, 5, 0, 0, time.UTC))
	if got := w.digests(w.staff); len(got) != 1 {
		t.Errorf("%d left five minutes after midnight, want 1", len(got))
	}
	w.clock.until(time.Date(2031, time.May, 14, 23, 1, 0, 0, time.UTC))
	if got := w.digests(w.staff); len(got) != 1 {
		t.Errorf("%d left on the day after, want 1", len(got))
	}
}

// However many processes look at the same moment, and whatever is chosen anew, there is one for each day.
func TestOneSummaryForEachDay(t *testing.T) {
	t.Parallel()
	w, _ := desk(t, "UTC", 2031, time.May, 5)
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 8})
	w.choose(w.colleague, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 8})
	w.post(w.inside, "Here I am.")
	w.outgoing()
	w.clock.until(time.Date(2031, time.May, 5, 8, 0, 30, 0, time.UTC))
	others := []*world{w, w.asConfig(func(*bridge.Config) {}), w.asConfig(func(*bridge.Config) {})}
	var all sync.WaitGroup
	for range 4 {
		for _, o := range others {
			all.Go(func() {
				if err := o.g.SendDigests(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	out := w.outgoing()
	if len(to(w.staff, out)) != 1 || len(to(w.colleague, out)) != 1 {
		t.Errorf("got %d and %d, want one each", len(to(w.staff, out)), len(to(w.colleague, out)))
	}
	for _, c := range []bridge.MailChoices{
		{Notify: bridge.NotifyDaily, Hour: 17},
		{Notify: bridge.NotifyEach},
		{Notify: bridge.NotifyDaily, Hour: 18},
		{Notify: bridge.NotifyNone},
		{Notify: bridge.NotifyDaily, Hour: 19, Zone: "Europe/Berlin"},
	} {
		w.choose(w.staff, c)
	}
	w.clock.until(time.Date(2031, time.May, 5, 21, 0, 0, 0, time.UTC))
	if got := w.digests(w.staff); len(got) != 0 {
		t.Errorf("%d more left on the same day", len(got))
	}
	w.clock.until(time.Date(2031, time.May, 6, 17, 0, 0, 0, time.UTC))
	if got := w.digests(w.staff); len(got) != 1 {
		t.Errorf("%d left on the next, want 1", len(got))
	}
}

func TestSummariesThatAreNotSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after func(w *world) // it is queued
		left          int
	}{
		"as it should be":    {left: 1},
		"at once again":      {after: func(w *world) { w.choose(w.colleague, bridge.MailChoices{Notify: bridge.NotifyEach}) }},
		"turned off":         {after: func(w *world) { w.choose(w.colleague, bridge.MailChoices{Notify: bridge.NotifyNone}) }},
		"the next one's day": {after: func(w *world) { w.clock.forward(day) }},
		"somebody disabled":  {before: func(w *world) { w.must(w.g.SetDisabled(w.t.Context(), w.operator, w.colleague.ID, true)) }},
		"the portal only":    {before: func(w *world) { w.must(w.g.SetTiming(w.t.Context(), w.operator, bridge.Timing{EmailOff: true})) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := desk(t, "UTC", 2031, time.May, 5)
			w.choose(w.colleague, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 8})
			w.post(w.inside, "Here I am.")
			w.outgoing()
			w.clock.until(time.Date(2031, time.May, 5, 8, 0, 0, 0, time.UTC))
			if c.before != nil {
				c.before(w)
			}
			w.must(w.g.SendDigests(t.Context()))
			if c.after != nil {
				c.after(w)
			}
			list, _, err := w.g.ListDeliveries(t.Context(), w.operator, bridge.DeliveryQuery{State: bridge.Queued})
			w.must(err)
			if c.before != nil && len(list) != 0 {
				t.Errorf("%d wait to be sent", len(list))
			}
			if got := to(w.colleague, w.outgoing()); len(got) != c.left {
				t.Errorf("%d left, want %d", len(got), c.left)
			}
		})
	}
}

// A clock that ran ahead and was turned back keeps no summary away for ever.
func TestSummaryAfterTheClockWasTurnedBack(t *testing.T) {
	t.Parallel()
	w, _ := desk(t, "UTC", 2041, time.May, 5)
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 8})
	w.post(w.inside, "Here I am.")
	w.clock.until(time.Date(2041, time.May, 5, 9, 0, 0, 0, time.UTC))
	w.must(w.g.SendDigests(t.Context()))
	w.clock.until(time.Date(2031, time.May, 5, 7, 0, 0, 0, time.UTC))
	w.must(w.g.SendDigests(t.Context()))
	w.clock.until(time.Date(2031, time.May, 5, 8, 0, 0, 0, time.UTC))
	w.must(w.g.SendDigests(t.Context()))
	list, _, err := w.g.ListDeliveries(t.Context(), w.operator, bridge.DeliveryQuery{State: bridge.Queued, Limit: 100})
	w.must(err)
	n := 0
	for _, d := range list {
		if d.Kind == bridge.DeliverDigest {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d summaries are queued, want one of each time", n)
	}
}
