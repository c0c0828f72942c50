package bridge_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

// asConfig is a gateway on the same store with another configuration.
func (w *world) asConfig(change func(*bridge.Config)) *world {
	w.t.Helper()
	c := w.config
	change(&c)
	g, err := bridge.New(c)
	w.must(err)
	other := *w
	other.g, other.config = g, c
	return &other
}

// patient is a world in which notices wait for 30 seconds, and from which all older mail has left.
func patient(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.outgoing()
	w.clock.forward(time.Hour)
	return w.asConfig(func(c *bridge.Config) { c.Timing.NoticeDelay = 30 * time.Second })
}

func (w *world) post(by bridge.Person, text string) bridge.Message {
	w.t.Helper()
	return try(w, func() (bridge.Message, error) {
		return w.g.Post(w.t.Context(), bridge.AsPerson(by.ID), bridge.Post{Thread: w.thread.ID, Text: text, Via: bridge.ViaWeb})
	})
}

func (w *world) open(by bridge.Person) bridge.ThreadView {
	w.t.Helper()
	return try(w, func() (bridge.ThreadView, error) {
		return w.g.OpenThread(w.t.Context(), bridge.AsPerson(by.ID), bridge.ThreadRead{Thread: w.thread.ID})
	})
}

// to returns what left to somebody.
func to(p bridge.Person, all []bridge.Outgoing) (mine []bridge.Outgoing) {
	for _, o := range all {
		if o.Delivery.Person == p.ID {
			mine = append(mine, o)
		}
	}
	return mine
}

// fate returns what became of the mail about a message to somebody.
func (w *world) fate(m bridge.Message, p bridge.Person) bridge.Delivery {
	w.t.Helper()
	v, err := w.g.ReadThread(w.t.Context(), w.operator, bridge.ThreadRead{Thread: m.Thread})
	w.must(err)
	for _, d := range v.Deliveries {
		if d.Message == m.ID && d.Person == p.ID {
			return d
		}
	}
	w.t.Fatalf("no mail about %s to %s", m.ID, p.Address)
	return bridge.Delivery{}
}

func TestNoticeWaits(t *testing.T) {
	t.Parallel()
	w := patient(t)
	w.post(w.staff, "Please come by.")
	if out := w.outgoing(); len(out) != 0 {
		t.Fatalf("%d mails left at once", len(out))
	}
	w.clock.forward(29 * time.Second)
	if out := w.outgoing(); len(out) != 0 {
		t.Fatalf("%d mails left after 29 seconds", len(out))
	}
	w.clock.forward(2 * time.Second)
	if out := w.outgoing(); len(to(w.inside, out)) != 1 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d mails after 31 seconds, want one for each of two", len(out))
	}
}

func TestReadBeforeTheNotice(t *testing.T) {
	t.Parallel()
	w := patient(t)
	m := w.post(w.staff, "Please come by.")
	w.clock.forward(10 * time.Second)
	w.open(w.inside)
	w.clock.forward(time.Hour)
	out := w.outgoing()
	if len(to(w.inside, out)) != 0 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d mails to who read it and %d to who did not", len(to(w.inside, out)), len(to(w.second, out)))
	}
	if d := w.fate(m, w.inside); d.State != bridge.Suppressed || d.Diagnostic != "it was read in the portal before a notice left" {
		t.Errorf("it is %s: %s", d.State, d.Diagnostic)
	}
}

func TestMessagesShareANotice(t *testing.T) {
	t.Parallel()
	w := patient(t)
	w.post(w.staff, "One.")
	w.clock.forward(10 * time.Second)
	w.post(w.staff, "Two.")
	w.clock.forward(15 * time.Second)
	third := w.post(w.staff, "Three.")
	var out []bridge.Outgoing
	for range 20 {
		w.clock.forward(5 * time.Second)
		out = append(out, w.outgoing()...)
	}
	if got := to(w.inside, out); len(got) != 1 {
		t.Fatalf("got %d notices of three messages, want 1", len(got))
	}
	if d := w.fate(third, w.inside); d.State != bridge.Suppressed || d.Diagnostic != "the notice of an earlier message tells of it" {
		t.Errorf("the last is %s: %s", d.State, d.Diagnostic)
	}
	// What comes after it left is told by another.
	w.post(w.staff, "Four.")
	w.clock.forward(time.Minute)
	if got := to(w.inside, w.outgoing()); len(got) != 1 {
		t.Errorf("got %d notices of the next message, want 1", len(got))
	}
}

// A notice that its reader followed at once stands for nothing that was written afterwards, even if its departure was written down late.
func TestNoticeThatWasReadTellsNothingMore(t *testing.T) {
	t.Parallel()
	w := patient(t)
	ctx := t.Context()
	w.post(w.staff, "One.")
	w.clock.forward(31 * time.Second)
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Hour, 100)
	w.must(err)
	list = slices.DeleteFunc(list, func(d bridge.Delivery) bool {
		_, err := w.g.Prepare(ctx, "worker", d)
		return err != nil // to somebody who is disabled
	})
	if len(list) != 2 {
		t.Fatalf("%d notices may leave, want one for each of two people", len(list))
	}
	w.open(w.inside)
	w.clock.forward(time.Second)
	w.post(w.staff, "Two.")
	w.clock.forward(time.Second)
	for _, d := range list {
		w.must(w.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: bridge.FormNotice}))
	}
	w.clock.forward(5 * time.Minute)
	out := w.outgoing()
	if len(to(w.inside, out)) != 1 {
		t.Errorf("got %d notices for who read the first, want 1", len(to(w.inside, out)))
	}
	if len(to(w.second, out)) != 0 {
		t.Errorf("got %d notices for who did not, want 0: the first tells of both", len(to(w.second, out)))
	}
}

// While the first of two is on its way nobody knows how it ends, so the second waits, and leaves by itself if the first never does.
func TestSecondNoticeWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	for name, relayed := range map[string]bool{"relayed": true, "refused": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := patient(t)
			ctx := t.Context()
			w.post(w.staff, "One.")
			w.post(w.staff, "Two.")
			w.clock.forward(time.Hour)
			list, err := w.g.ClaimDeliveries(ctx, "worker", time.Hour, 100)
			w.must(err)
			var first []bridge.Delivery
			for _, d := range list {
				_, err := w.g.Prepare(ctx, "worker", d)
				switch {
				case err == nil:
					first = append(first, d)
				case !errors.Is(err, bridge.ErrLeaseLost) && !asSuppression(err, new(*bridge.Suppression)):
					t.Fatal(err)
				}
			}
			if len(first) != 2 {
				t.Fatalf("%d of %d notices may leave at once, want one for each of two people", len(first), len(list))
			}
			for _, d := range first {
				if relayed {
					err = w.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: bridge.FormNotice})
				} else {
					err = w.g.RecordFailed(ctx, "worker", d.ID, "552 too much")
				}
				w.must(err)
			}
			w.clock.forward(10 * time.Second)
			want := 1
			if relayed {
				want = 0
			}
			if got := len(to(w.inside, w.outgoing())); got != want {
				t.Errorf("got %d more notices, want %d", got, want)
			}
		})
	}
}

func TestNoNoticeWhileTheThreadIsOpen(t *testing.T) {
	t.Parallel()
	w := patient(t)
	w.open(w.inside)
	m := w.post(w.staff, "Are you there?")
	for range 10 {
		w.clock.forward(25 * time.Second)
		n, err := w.g.Looking(t.Context(), bridge.AsPerson(w.inside.ID), w.thread.ID)
		w.must(err)
		if n != 1 {
			t.Fatalf("the page is told of %d new messages, want 1", n)
		}
		if out := to(w.inside, w.outgoing()); len(out) != 0 {
			t.Fatal("a notice left while the thread was open")
		}
	}
	if d := w.fate(m, w.inside); d.State != bridge.Queued {
		t.Fatalf("it is %s, want queued", d.State)
	}
	w.clock.forward(61 * time.Second)
	if out := to(w.inside, w.outgoing()); len(out) != 1 {
		t.Errorf("got %d notices a minute after the last look, want 1", len(out))
	}
}

func TestClockTurnedBack(t *testing.T) {
	t.Parallel()
	w := patient(t)
	w.open(w.inside) // at a moment that will be in the future
	w.clock.forward(-48 * time.Hour)
	w.post(w.staff, "When is it?")
	w.clock.forward(31 * time.Second)
	if out := to(w.inside, w.outgoing()); len(out) != 1 {
		t.Errorf("got %d notices, want 1: a look from the future says nothing", len(out))
	}
}

func TestCopyDoesNotWait(t *testing.T) {
	t.Parallel()
	w := patient(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.must(w.g.SetContactMode(ctx, w.operator, w.second.ID, bridge.ModeSecure))
	w.post(w.staff, "One.")
	w.post(w.staff, "Two.")
	out := w.outgoing()
	if got := to(w.inside, out); len(got) != 2 || got[0].Form != bridge.FormCopy {
		t.Errorf("got %d mails at once, want two copies", len(got))
	}
	if got := to(w.second, out); len(got) != 0 {
		t.Errorf("got %d notices at once to somebody in secure mode, want 0", len(got))
	}
	w.clock.forward(31 * time.Second)
	w.outgoing()
	w.clock.forward(5 * time.Second)
	w.outgoing()
	if d, err := w.g.CountDeliveries(ctx, w.operator); err != nil || d[bridge.Queued] != 0 {
		t.Errorf("%d still wait (%v)", d[bridge.Queued], err)
	}
}

// What was to be a copy when it was written, and is a notice when it leaves, has waited as a notice does.
func TestCopyThatBecomesANotice(t *testing.T) {
	t.Parallel()
	w := patient(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.post(w.staff, "One.")
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeSecure))
	if out := w.outgoing(); len(out) != 0 {
		t.Fatalf("%d notices left at once", len(out))
	}
	w.clock.forward(31 * time.Second)
	if out := to(w.inside, w.outgoing()); len(out) != 1 || out[0].Form != bridge.FormNotice {
		t.Errorf("got %d mails, want one notice", len(out))
	}
}

func TestNoticesAtOnceFromTwoWorkers(t *testing.T) {
	t.Parallel()
	w := patient(t)
	ctx := context.WithoutCancel(t.Context())
	for range 5 {
		w.post(w.staff, "Again.")
	}
	w.clock.forward(time.Minute)
	var mu sync.Mutex
	sent := map[bridge.ID]int{}
	for range 6 {
		var row sync.WaitGroup
		for _, worker := range []string{"one", "two", "three"} {
			row.Go(func() {
				list, err := w.g.ClaimDeliveries(ctx, worker, time.Minute, 3)
				if err != nil {
					t.Error(err)
				}
				for _, d := range list {
					o, err := w.g.Prepare(ctx, worker, d)
					if err != nil {
						continue
					}
					if err := w.g.RecordRelayed(ctx, worker, d.ID, bridge.Departure{Form: o.Form}); err != nil {
						t.Error(err)
					}
					mu.Lock()
					sent[d.Person]++
					mu.Unlock()
				}
			})
		}
		row.Wait()
		w.clock.forward(10 * time.Second)
	}
	if sent[w.inside.ID] != 1 || sent[w.second.ID] != 1 {
		t.Errorf("got %d and %d notices of five messages, want one for each of two people", sent[w.inside.ID], sent[w.second.ID])
	}
}

func TestTimingIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	day := 24 * time.Hour
	for name, one := range map[string]struct {
		timing bridge.Timing
		want   bool
	}{
		"nothing at all":             {bridge.Timing{}, true},
		"the usual":                  {bridge.Timing{NoticeDelay: 30 * time.Second, Reminders: []time.Duration{3 * day, 7 * day}, Unopened: 14 * day}, true},
		"a whole day":                {bridge.Timing{NoticeDelay: day}, true},
		"more than a day":            {bridge.Timing{NoticeDelay: day + 1}, false},
		"before it was written":      {bridge.Timing{NoticeDelay: -1}, false},
		"reminders in disorder":      {bridge.Timing{Reminders: []time.Duration{7 * day, 3 * day}}, false},
		"a reminder twice":           {bridge.Timing{Reminders: []time.Duration{3 * day, 3 * day}}, false},
		"a reminder at once":         {bridge.Timing{Reminders: []time.Duration{0}}, false},
		"six reminders":              {bridge.Timing{Reminders: []time.Duration{day, 2 * day, 3 * day, 4 * day, 5 * day, 6 * day}}, false},
		"a warning before reminders": {bridge.Timing{Reminders: []time.Duration{7 * day}, Unopened: 5 * day}, false},
	} {
		err := w.g.SetTiming(ctx, w.operator, one.timing)
		if one.want != (err == nil) || err != nil && !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%s: got %v, want allowed: %v", name, err, one.want)
		}
		if err != nil {
			continue
		}
		got, err := w.g.Timing(ctx, w.operator)
		if err != nil || got.String() != one.timing.String() {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestPortalOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.outgoing()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.must(w.g.SetTiming(ctx, w.operator, bridge.Timing{EmailOff: true}))
	m := w.post(w.staff, "Only here.")
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: w.inside.Address, Browser: "0123456789abcdef", Network: "192.0.2.1"}))
	out := w.outgoing()
	if len(out) != 1 || out[0].Delivery.Kind != bridge.DeliverCode {
		t.Fatalf("%d mails left, want the code alone", len(out))
	}
	if d := w.fate(m, w.inside); d.State != bridge.Suppressed || d.Diagnostic != "email is switched off: the organization uses the portal only" {
		t.Errorf("it is %s: %s", d.State, d.Diagnostic)
	}
	all, err := w.g.Preview(ctx, w.operator, bridge.Draft{Thread: w.thread.ID, Text: "And now?"})
	w.must(err)
	for _, l := range all {
		if l.Form != "" || len(l.Why) == 0 {
			t.Errorf("staff are told that %s gets a %s by email", l.Name, l.Form)
		}
	}
	// What was queued before it was switched off stays in too; switched on again, what is written from then on leaves.
	w.must(w.g.SetTiming(ctx, w.operator, bridge.Timing{}))
	w.post(w.staff, "By email again.")
	if out := w.outgoing(); len(to(w.inside, out)) != 1 {
		t.Errorf("%d mails left, want 1", len(to(w.inside, out)))
	}
}
