package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/oauth"
	"letterlock/mailin/imap"
)

// ledger keeps what an accountWatch reports.
type reportLedger struct {
	mu      sync.Mutex
	all     []bridge.MailAccount
	reports [][]bridge.MailAccount
	changed chan struct{}
}

func (l *reportLedger) report(_ context.Context, all, reports []bridge.MailAccount) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.reports = all, append(l.reports, reports)
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return nil
}

// await waits for a report that something holds of.
func (l *reportLedger) await(t *testing.T, what string, holds func([]bridge.MailAccount) bool) {
	t.Helper()
	over := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		n := len(l.reports)
		ok := n > 0 && holds(l.reports[n-1])
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-l.changed:
		case <-over:
			t.Fatalf("%s: it was not reported", what)
		}
	}
}

// A process reports the mailboxes that it reads, at once where they turn, and only lists those that another one reads.
func TestAccountsAreWatched(t *testing.T) {
	synctest.Test(t, accountsAreWatched)
}

func accountsAreWatched(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	l := &reportLedger{changed: make(chan struct{}, 1)}
	w := &accountWatch{report: l.report, now: func() time.Time { return at }, log: silent(), changed: make(chan struct{}, 1)}
	office := w.add(bridge.MailAccount{Name: "office"}, nil, func(error) string { return "do something" })
	w.add(bridge.MailAccount{Name: "elsewhere"}, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { _ = office.while(func(ctx context.Context) error { <-ctx.Done(); return nil })(ctx) })
	for !office.runs.Load() {
		time.Sleep(time.Millisecond) // until it runs: nothing else tells
	}
	running.Go(func() { _ = w.Run(ctx) })
	l.await(t, "that it is looked after", func(r []bridge.MailAccount) bool {
		return len(r) == 1 && r[0].Name == "office" && r[0].ReportedAt.Equal(at)
	})
	if len(l.all) != 2 {
		t.Errorf("listed are %+v", l.all)
	}
	office.told(imap.Status{Taken: 1, Waiting: 9})
	l.await(t, "a long reading", func(r []bridge.MailAccount) bool { return r[0].Waiting == 9 })
	office.told(imap.Status{Looked: at})
	l.await(t, "that it is read", func(r []bridge.MailAccount) bool { return r[0].WorkedAt.Equal(at) && r[0].Waiting == 0 })
	office.told(imap.Status{Looked: at, Failing: at, Err: &imap.ProbeError{Stage: imap.Connect, Err: errors.New("no route")}})
	l.await(t, "a failure", func(r []bridge.MailAccount) bool {
		return r[0].FailingSince.Equal(at) && r[0].Failure == "the server can't be reached: no route" && r[0].Advice == "do something"
	})
	cancel()
	running.Wait()
	w.write(t.Context())
	if last := l.reports[len(l.reports)-1]; len(last) != 0 {
		t.Errorf("after the end it reports %+v", last)
	}
}

// A mailbox that gets mail after mail is written about every few seconds, not for each of them.
func TestMailsAreNotReportedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &reportLedger{changed: make(chan struct{}, 1)}
		w := &accountWatch{report: l.report, now: time.Now, log: silent(), changed: make(chan struct{}, 1)}
		office := w.add(bridge.MailAccount{Name: "office"}, nil, nil)
		office.runs.Store(true)
		office.told(imap.Status{Looked: time.Now()})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = w.Run(ctx) })
		for range 600 {
			office.told(imap.Status{Looked: time.Now(), Waiting: 1})
			time.Sleep(50 * time.Millisecond)
			office.told(imap.Status{Looked: time.Now()})
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(2 * lull)
		cancel()
		running.Wait()
		if n := len(l.reports); n < 10 || n > 20 {
			t.Errorf("a minute of mail made %d reports", n)
		}
		if last := l.reports[len(l.reports)-1][0]; time.Since(last.WorkedAt) > 3*lull {
			t.Errorf("the last report is of %v", last.WorkedAt)
		}
	})
}

// The token server is away while the last token still works: the mailbox is read, and the fault is shown.
func TestTokensOfAWatchedAccount(t *testing.T) {
	source, err := oauth.New(oauth.Config{
		Name: "office", Grant: oauth.ClientCredentials, TokenURL: "http://127.0.0.1:1/token", ClientID: "a", ClientSecret: "quay", SecretExpires: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &accountWatch{now: time.Now}
	a := w.add(bridge.MailAccount{Name: "office"}, source, func(err error) string { return mailboxAdvice(err, IMAPConfig{Name: "office"}) })
	a.status = imap.Status{Looked: time.Now()}
	if s := a.state(time.Now()); s.Failure != "" || s.What != "the client secret" || s.Ends.Day() != 1 {
		t.Errorf("before: %+v", s)
	}
	if _, err := source.Token(t.Context()); err == nil {
		t.Fatal("a token came out of nowhere")
	}
	s := a.state(time.Now())
	if !strings.HasPrefix(s.Failure, "the provider gives no access: get an access token: ask 127.0.0.1:1") || s.FailingSince.IsZero() || s.WorkedAt.IsZero() || strings.Contains(s.Failure, "quay") {
		t.Errorf("after: %+v", s)
	}
}

func TestFaultOfAnAccountInPlainWords(t *testing.T) {
	fault := func(stage imap.Stage, err error) error {
		return &imap.ProbeError{Stage: stage, Refused: true, Err: err}
	}
	for want, err := range map[string]error{
		"the server can't be reached: x":                         fault(imap.Connect, errors.New("x")),
		"the server does not let us in: x":                       fault(imap.SignIn, errors.New("x")),
		"the provider gives no access: the token server refuses": fault(imap.SignIn, oauth.ErrRefused),
		"nobody has given consent yet":                           fault(imap.SignIn, fmt.Errorf("sign in: %w", oauth.ErrNoConsent)),
		"the mailbox can't be opened: x":                         fault(imap.Open, errors.New("x")),
		"the connection broke while the mailbox was read: x":     fault(imap.Read, errors.New("x")),
		"mail can't be kept: x":                                  fault(imap.Record, errors.New("x")),
		"the provider gives no access: x":                        errors.New("x"),
	} {
		if got := accountFault(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if mailboxAdvice(err, IMAPConfig{Name: "office"}) == "" {
			t.Errorf("%s: there is no advice", want)
		}
	}
}
