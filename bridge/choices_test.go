package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

const turnedOff = "has turned notifications off, and will see it at sign-in"

// signIn has a person sign in by code, so that they are no newcomer any more.
func (w *world) signIn(p bridge.Person) {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: p.Address, Browser: strings.Repeat("b", 32), Network: "192.0.2.1"}))
	for _, o := range w.outgoing() {
		if o.Code != "" {
			in, err := w.g.SignInWithCode(ctx, strings.Repeat("b", 32), o.Code, "192.0.2.1")
			w.must(err)
			w.must(w.g.NoteSignIn(ctx, bridge.AsPerson(in.Person.ID), "", ""))
			w.outgoing()
			return
		}
	}
	w.t.Fatal("no code left")
}

func (w *world) choose(p bridge.Person, c bridge.MailChoices) {
	w.t.Helper()
	w.must(w.g.SetMailChoices(w.t.Context(), bridge.AsPerson(p.ID), c))
}

func (w *world) chosen(p bridge.Person) bridge.MailChoices {
	w.t.Helper()
	return try(w, func() (bridge.MailChoices, error) {
		return w.g.MailChoices(w.t.Context(), bridge.AsPerson(p.ID), p.ID)
	})
}

// Who has never signed in is told all the same, so staff don't hear that they won't be; of a copy they hear it.
func TestNewcomersAreNotSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyNone})
	for _, c := range []struct {
		mode bridge.Mode
		want int
	}{{bridge.ModeSecure, 0}, {bridge.ModeConvenience, 1}} {
		w.must(w.g.SetMode(t.Context(), w.operator, c.mode))
		if got := w.open(w.staff).Silent; len(got) != c.want {
			t.Errorf("%s: %v are silent, want %d", c.mode, got, c.want)
		}
	}
}

func TestWhoWantsNoMailGetsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.signIn(w.inside)
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyNone})

	// Staff see it before they write.
	before, err := w.g.Preview(ctx, bridge.AsPerson(w.staff.ID), bridge.Draft{Thread: w.thread.ID, Text: "Please come by."})
	w.must(err)
	for _, l := range before {
		want := bridge.FormNotice
		switch l.Person {
		default:
			want = "" // disabled
		case w.second.ID:
		case w.inside.ID:
			want = ""
			if len(l.Why) != 1 || l.Why[0] != turnedOff {
				t.Errorf("it is said that %q", l.Why)
			}
		}
		if l.Form != want {
			t.Errorf("%s is to get %q, want %q", l.Name, l.Form, want)
		}
	}
	v := w.open(w.staff)
	if len(v.Silent) != 1 || v.Silent[0] != w.inside.ID {
		t.Errorf("in the conversation, %v want no mail", v.Silent)
	}
	if mine := w.open(w.second); len(mine.Silent) != 0 {
		t.Error("another customer is told who wants no mail")
	}

	// And after.
	m := w.post(w.staff, "Please come by.")
	if out := w.outgoing(); len(to(w.inside, out)) != 0 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d and %d mails, want 0 and 1", len(to(w.inside, out)), len(to(w.second, out)))
	}
	if d := w.fate(m, w.inside); d.State != bridge.Suppressed || d.Diagnostic != turnedOff {
		t.Errorf("it is %s: %s", d.State, d.Diagnostic)
	}

	// An admin can't send it all the same.
	w.must(w.g.RetryDelivery(ctx, w.operator, w.fate(m, w.inside).ID))
	if out := w.outgoing(); len(out) != 0 {
		t.Error("it left since an admin said so")
	}

	// A code and a mail about a new browser leave.
	w.signIn(w.inside)
	w.must(w.g.NoteSignIn(ctx, bridge.AsPerson(w.inside.ID), "", ""))
	if out := w.outgoing(); len(out) != 1 || out[0].Delivery.Kind != bridge.DeliverDevice {
		t.Errorf("got %v, want one about a new browser", out)
	}

	// Turned on again, the next one leaves.
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyEach})
	w.open(w.inside)
	w.post(w.staff, "And again.")
	if out := w.outgoing(); len(to(w.inside, out)) != 1 {
		t.Error("no mail left to who wants them again")
	}
	log, _, err := w.g.ListAudit(ctx, w.operator, "person.mails", bridge.Cursor{}, 0)
	w.must(err)
	if len(log) != 2 || log[1].Detail != "each → none" || log[0].Detail != "none → each" || log[0].By != w.inside.ID {
		t.Errorf("the audit log has %+v", log)
	}
}

// A choice is looked at when the mail leaves, so one that waits does not leave either.
func TestChoiceHoldsForWhatWaits(t *testing.T) {
	t.Parallel()
	w := patient(t)
	w.signIn(w.inside)
	w.post(w.staff, "Please come by.")
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyNone})
	w.clock.forward(time.Minute)
	if out := w.outgoing(); len(to(w.inside, out)) != 0 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d and %d mails, want 0 and 1", len(to(w.inside, out)), len(to(w.second, out)))
	}
}

// A contact who has never signed in could not know of the portal: what they turned off are copies.
func TestFirstNoticeLeavesWhateverIsChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyNone})
	w.post(w.staff, "Please come by.")
	out := to(w.inside, w.outgoing())
	if len(out) == 0 || !out[len(out)-1].First || out[len(out)-1].Unsubscribe != "" {
		t.Fatalf("got %+v, want a first notice without a link that turns it off", out)
	}
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	told := func(text string) bridge.Leaving {
		t.Helper()
		all, err := w.g.Preview(ctx, w.operator, bridge.Draft{Thread: w.thread.ID, Text: text})
		w.must(err)
		for _, l := range all {
			if l.Person == w.inside.ID {
				return l
			}
		}
		return bridge.Leaving{}
	}
	for text, want := range map[string]bridge.Form{"All is well.": "", "Your card 4111 1111 1111 1111": bridge.FormNotice} {
		if l := told(text); l.Form != want {
			t.Errorf("%q: foretold as %q, want %q", text, l.Form, want)
		}
		m := w.post(w.staff, text)
		out := to(w.inside, w.outgoing())
		if (len(out) == 1) != (want != "") || len(out) == 1 && (out[0].Form != want || out[0].Text != "") {
			t.Errorf("%q: got %+v, want %q; %+v", text, out, want, w.fate(m, w.inside))
		}
	}
}

func TestNoReminders(t *testing.T) {
	t.Parallel()
	w := ladder(t)
	w.signIn(w.inside)
	w.signIn(w.second)
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyEach, NoReminders: true})
	w.post(w.staff, "Please come by.")
	if out := w.outgoing(); len(to(w.inside, out)) != 1 || len(to(w.second, out)) != 1 {
		t.Fatal("not everybody was told")
	}
	w.clock.forward(4 * 24 * time.Hour)
	w.must(w.g.Remind(t.Context()))
	if out := w.outgoing(); len(to(w.inside, out)) != 0 || len(to(w.second, out)) != 1 {
		t.Errorf("got %d and %d reminders, want 0 and 1", len(to(w.inside, out)), len(to(w.second, out)))
	}
}

func TestChoicesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		who    bridge.Person
		choice bridge.MailChoices
		want   string
	}{
		"nothing":                  {w.inside, bridge.MailChoices{}, "come at once"},
		"something else":           {w.staff, bridge.MailChoices{Notify: "hourly"}, "come at once"},
		"summaries for a customer": {w.inside, bridge.MailChoices{Notify: bridge.NotifyDaily}, "summaries are for staff"},
		"an hour of 24":            {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: 24}, "0 to 23"},
		"an hour before midnight":  {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Hour: -1}, "0 to 23"},
		"a zone of nowhere":        {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Europe/Atlantis"}, "no time zone"},
		"the machine's own":        {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Local"}, "no time zone"},
		"a file":                   {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "/etc/localtime"}, "no time zone"},
		"a file above":             {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Europe/../../../../etc/localtime"}, "no time zone"},
		"a folder":                 {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Europe"}, "no time zone"},
		"an endless name":          {w.staff, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: strings.Repeat("Europe/", 1e5)}, "no time zone"},
	} {
		err := w.g.SetMailChoices(t.Context(), bridge.AsPerson(c.who.ID), c.choice)
		if !errors.Is(err, bridge.ErrInvalid) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
		if got := w.chosen(c.who); got.Notify != bridge.NotifyEach || got.NoReminders {
			t.Errorf("%s: it is kept as %+v", name, got)
		}
	}
	// What is not for a customer to choose is not kept.
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyNone, Zone: "Europe/Berlin", Hour: 3})
	if got := w.chosen(w.inside); got.Notify != bridge.NotifyNone || got.Zone != "" || got.Hour != 8 {
		t.Errorf("got %+v", got)
	}
}

// Until somebody chooses, staff are mailed as they always were.
func TestStaffAreToldAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post(w.staff, "What do you think?") // who answers is told of what comes next
	w.outgoing()
	tell := func() (mine []bridge.Outgoing, d bridge.Delivery) {
		t.Helper()
		m := w.post(w.inside, "Here I am.")
		return to(w.staff, w.outgoing()), w.fate(m, w.staff)
	}
	if out, _ := tell(); len(out) != 1 || !out[0].ToStaff || !strings.HasPrefix(out[0].Unsubscribe, "https://portal.example.com/u/") {
		t.Errorf("got %+v", out)
	}
	for notify, want := range map[bridge.Notify]string{
		bridge.NotifyDaily: "gets summaries instead", bridge.NotifyWeekly: "gets summaries instead", bridge.NotifyNone: turnedOff,
	} {
		w.choose(w.staff, bridge.MailChoices{Notify: notify})
		if out, d := tell(); len(out) != 0 || d.State != bridge.Suppressed || d.Diagnostic != want {
			t.Errorf("%s: %d mails; it is %s: %s", notify, len(out), d.State, d.Diagnostic)
		}
	}
	// What waits for an admin's decision is told to them all the same.
	w.choose(w.admin, bridge.MailChoices{Notify: bridge.NotifyNone})
	w.clock.forward(2 * time.Hour)
	w.held()
	if out := to(w.admin, w.outgoing()); len(out) != 1 || out[0].Delivery.Kind != bridge.DeliverAlert || out[0].Unsubscribe != "" {
		t.Errorf("got %+v, want an alert", out)
	}
}

// Who can't be mailed is named before a message is sent, too.
func TestPreviewKnowsOfStoppedMail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stopped(w.inside)
	all, err := w.g.Preview(t.Context(), w.operator, bridge.Draft{Thread: w.thread.ID, Text: "Please come by."})
	w.must(err)
	for _, l := range all {
		if l.Person == w.inside.ID && (l.Form != "" || len(l.Why) != 1 || !strings.Contains(l.Why[0], "refused for good")) {
			t.Errorf("got %+v", l)
		}
	}
}

// What somebody chose is known of them, so it is in what is written down of them.
func TestChoicesAreExported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exported := func(p bridge.Person) bridge.ExportedPerson {
		return try(w, func() (bridge.ExportedPerson, error) {
			return w.g.ExportPerson(t.Context(), w.operator, p.ID, false, func(bridge.ExportedThread) error { return nil })
		})
	}
	if got := exported(w.inside); got.ID != w.inside.ID || got.Choices.Notify != bridge.NotifyEach || !got.Choices.Reminders() {
		t.Errorf("who never chose: got %+v", got)
	}
	w.choose(w.inside, bridge.MailChoices{Notify: bridge.NotifyEach, NoReminders: true})
	if got := exported(w.inside).Choices; got.Notify != bridge.NotifyEach || got.Reminders() {
		t.Errorf("got %+v", got)
	}
	w.choose(w.staff, bridge.MailChoices{Notify: bridge.NotifyWeekly, Zone: "Europe/Berlin", Hour: 7})
	if got := exported(w.staff).Choices; got.Notify != bridge.NotifyWeekly || got.Zone != "Europe/Berlin" || got.Hour != 7 {
		t.Errorf("got %+v", got)
	}
}
