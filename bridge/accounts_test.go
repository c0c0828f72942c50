package bridge_test

import (
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// The office's mailbox and the relay, as the configuration has them.
func configured() []bridge.MailAccount {
	return []bridge.MailAccount{{Name: "office", Where: "INBOX of imap.example.com:993"}, {Name: "relay", Sends: true, Where: "smtp.example.com:587"}}
}

func (w *world) report(reports ...bridge.MailAccount) []bridge.MailAccount {
	w.t.Helper()
	w.must(w.g.ReportAccounts(w.t.Context(), configured(), reports))
	list, err := w.g.MailAccounts(w.t.Context(), w.operator)
	w.must(err)
	return list
}

// What is reported of one account leaves the other as it was; what the configuration has no more is forgotten.
func TestAccountsAreReported(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	list := w.report()
	if len(list) != 2 || list[0].Name != "office" || !list[1].Sends || !list[0].ReportedAt.IsZero() || !list[0].Silent(at) {
		t.Fatalf("before anything is known: %+v", list)
	}
	w.report(bridge.MailAccount{Name: "office", ReportedAt: at, WorkedAt: at, Taken: 3, Waiting: 4, Where: "nowhere"})
	list = w.report(bridge.MailAccount{Name: "relay", Sends: true, ReportedAt: at, Failure: "no\r\n" + strings.Repeat("x", 10_000)}, bridge.MailAccount{Name: "gone", ReportedAt: at})
	if a := list[0]; a.Waiting != 4 || !a.WorkedAt.Equal(at) || a.Where != "INBOX of imap.example.com:993" || a.Silent(at.Add(time.Minute)) || !a.Silent(at.Add(time.Hour)) {
		t.Errorf("office: %+v", a)
	}
	if a := list[1]; len(a.Failure) > 600 || strings.ContainsAny(a.Failure, "\r\n") {
		t.Errorf("relay: %+v", a)
	}
	if err := w.g.ReportAccounts(t.Context(), make([]bridge.MailAccount, 1001), nil); err == nil {
		t.Error("1001 accounts were taken")
	}
	w.must(w.g.ReportAccounts(t.Context(), nil, nil))
	if list, err := w.g.MailAccounts(t.Context(), w.operator); err != nil || len(list) != 0 {
		t.Errorf("without accounts: %+v, %v", list, err)
	}
}

// A restart in the middle of a failure does not make it a new one, nor forget when the account worked last; one between two failures does.
func TestFailureOutlivesARestart(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	after := func(minutes int) time.Time { return at.Add(time.Duration(minutes) * time.Minute) }
	w.report(bridge.MailAccount{Name: "office", ReportedAt: at, WorkedAt: at, FailingSince: after(1)})
	list := w.report(bridge.MailAccount{Name: "office", ReportedAt: after(20), FailingSince: after(20)})
	if a := list[0]; !a.FailingSince.Equal(after(1)) || !a.WorkedAt.Equal(at) {
		t.Errorf("after a restart: %+v", a)
	}
	list = w.report(bridge.MailAccount{Name: "office", ReportedAt: after(40), WorkedAt: after(30), FailingSince: after(40)})
	if a := list[0]; !a.FailingSince.Equal(after(40)) {
		t.Errorf("a failure after it worked: %+v", a)
	}
}

func TestTrouble(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	in := func(days float64) time.Time { return at.Add(time.Duration(days * 24 * float64(time.Hour))) }
	for name, c := range map[string]struct {
		account bridge.MailAccount
		want    bridge.Trouble
	}{
		"all is well":             {bridge.MailAccount{WorkedAt: at}, bridge.NoTrouble},
		"a hiccup":                {bridge.MailAccount{FailingSince: at.Add(-29 * time.Minute)}, bridge.NoTrouble},
		"down":                    {bridge.MailAccount{FailingSince: at.Add(-30 * time.Minute)}, bridge.Failing},
		"a secret for a year":     {bridge.MailAccount{Ends: in(365)}, bridge.NoTrouble},
		"a secret for two weeks":  {bridge.MailAccount{Ends: in(14)}, bridge.EndsSoon},
		"a secret for three days": {bridge.MailAccount{Ends: in(3)}, bridge.EndsNow},
		"a secret that ran out":   {bridge.MailAccount{Ends: at}, bridge.Failing},
	} {
		if got := c.account.Trouble(at); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// Admins are mailed when a mailbox has failed for a while, once, and a day later again; and before a secret runs out. The mail leads to the
// page and names no account. Staff get none.
func TestTroubleIsMailed(t *testing.T) {
	w := newWorld(t)
	mails := func() (n int) {
		t.Helper()
		for _, o := range w.outgoing() {
			if o.Delivery.Kind != bridge.DeliverTrouble {
				continue
			}
			n++
			if o.Recipient.Addr != w.admin.Address || !strings.HasSuffix(o.Link, "/admin/mailboxes") || o.Reason != "" || o.Words() == "" {
				t.Errorf("mailed %+v", o)
			}
		}
		return n
	}
	failing := w.clock.now()
	for _, step := range []struct {
		after time.Duration
		fails bool
		ends  time.Duration
		want  int
	}{
		{0, true, 0, 0},
		{29 * time.Minute, true, 0, 0},
		{time.Minute, true, 0, 1},
		{time.Minute, true, 0, 0},
		{23 * time.Hour, true, 0, 0},
		{time.Hour, true, 0, 1},
		{time.Minute, false, 0, 0},
		{time.Minute, false, 15 * 24 * time.Hour, 0},
		{time.Minute, false, 14 * 24 * time.Hour, 1},
		{time.Minute, false, 13 * 24 * time.Hour, 0},
		{time.Minute, false, 3 * 24 * time.Hour, 1},
		{time.Minute, false, time.Hour, 0},
		{time.Minute, false, -time.Hour, 1},
		{time.Minute, false, 300 * 24 * time.Hour, 0},
	} {
		w.clock.forward(step.after)
		a := bridge.MailAccount{Name: "office", ReportedAt: w.clock.now(), WorkedAt: w.clock.now()}
		if step.fails {
			a.FailingSince, a.WorkedAt = failing, time.Time{}
		}
		if step.ends != 0 {
			a.Ends, a.What = w.clock.now().Add(step.ends), "the client secret"
		}
		w.report(a)
		if got := mails(); got != step.want {
			t.Errorf("%+v: %d mails, want %d", step, got, step.want)
		}
	}
}

// While gateways that share a database don't have the same configuration yet, they don't make each other forget what admins were mailed about.
func TestAccountsOfTwoConfigurations(t *testing.T) {
	w := newWorld(t)
	mails := 0
	for range 3 {
		w.report(bridge.MailAccount{Name: "office", ReportedAt: w.clock.now(), Ends: w.clock.now().Add(24 * time.Hour)})
		w.must(w.g.ReportAccounts(t.Context(), nil, nil)) // as one with an older configuration does
		w.clock.forward(time.Minute)
		for _, o := range w.outgoing() {
			if o.Delivery.Kind == bridge.DeliverTrouble {
				mails++
			}
		}
	}
	if mails != 1 {
		t.Errorf("%d mails to the admin, want 1", mails)
	}
	w.clock.forward(10 * time.Minute)
	w.must(w.g.ReportAccounts(t.Context(), nil, nil))
	if list, err := w.g.MailAccounts(t.Context(), w.operator); err != nil || len(list) != 0 {
		t.Errorf("nobody has them any more: %+v, %v", list, err)
	}
}
