package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/oauth"
	"letterlock/mailin/imap"
)

const (
	// heartbeat is how often it is written down that an account is looked after.
	heartbeat = time.Minute
	// lull is the least time between reports, but for those of what admins want to know at once.
	lull = 5 * time.Second
)

// accountWatch writes down how the accounts stand that mail is fetched from, and the relay's, for the page of admins. Each process reports those
// that it looks after.
type accountWatch struct {
	report   func(ctx context.Context, all, reports []bridge.MailAccount) error
	now      func() time.Time
	log      *slog.Logger
	accounts []*watchedAccount
	changed  chan struct{}
	urgent   atomic.Bool
}

// watchedAccount is one of them.
type watchedAccount struct {
	watch  *accountWatch
	is     bridge.MailAccount // Name, Sends and Where
	tokens *oauth.Source      // nil with a password
	advice func(error) string
	runs   atomic.Bool // this process looks after it

	mu     sync.Mutex
	status imap.Status
}

func newAccountWatch(g *bridge.Gateway, now func() time.Time, log *slog.Logger) *accountWatch {
	return &accountWatch{report: g.ReportAccounts, now: now, log: log, changed: make(chan struct{}, 1)}
}

// add adds an account, before anything runs.
func (w *accountWatch) add(is bridge.MailAccount, tokens *oauth.Source, advice func(error) string) *watchedAccount {
	a := &watchedAccount{watch: w, is: is, tokens: tokens, advice: advice}
	w.accounts = append(w.accounts, a)
	return a
}

// while returns run, as it is noticed.
func (a *watchedAccount) while(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		a.runs.Store(true)
		defer a.runs.Store(false)
		return run(ctx)
	}
}

// told takes what the reader of a mailbox tells.
func (a *watchedAccount) told(s imap.Status) {
	a.mu.Lock()
	turned := s.Failing.IsZero() != a.status.Failing.IsZero() || a.status.Looked.IsZero() != s.Looked.IsZero()
	a.status = s
	a.mu.Unlock()
	if turned {
		a.watch.urgent.Store(true)
	}
	select {
	case a.watch.changed <- struct{}{}:
	default:
	}
}

// state returns how the account stands.
func (a *watchedAccount) state(now time.Time) bridge.MailAccount {
	s := a.is
	s.ReportedAt = now
	a.mu.Lock()
	status := a.status
	a.mu.Unlock()
	s.WorkedAt, s.FailingSince = status.Looked, status.Failing
	s.Taken, s.Waiting, s.Aside = status.Taken, status.Waiting, status.Aside
	var failure error
	if status.Err != nil {
		failure = status.Err
	}
	if a.tokens != nil {
		t := a.tokens.State()
		s.Ends, s.What = t.Ends, t.What
		if s.Sends {
			s.WorkedAt = t.Got
		}
		if failure == nil && !t.Failing.IsZero() {
			// The last token may still work: this is told before it matters.
			failure, s.FailingSince = t.Failure, t.Failing
		}
	}
	if failure != nil {
		s.Failure, s.Advice = accountFault(failure), a.advice(failure)
	}
	return s
}

// Run reports until ctx ends.
func (w *accountWatch) Run(ctx context.Context) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		w.urgent.Store(false)
		w.write(ctx)
		last := time.Now()
		var lulled <-chan time.Time // what may wait is reported then, at the latest
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				due = true
			case <-lulled:
				due = true
			case <-w.changed:
				if due = w.urgent.Load(); lulled == nil {
					lulled = time.After(lull - time.Since(last))
				}
			}
		}
	}
}

func (w *accountWatch) write(ctx context.Context) {
	all := make([]bridge.MailAccount, len(w.accounts))
	var reports []bridge.MailAccount
	for i, a := range w.accounts {
		if all[i] = a.is; a.runs.Load() {
			reports = append(reports, a.state(w.now()))
		}
	}
	if err := w.report(ctx, all, reports); err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, "how the mail accounts stand was not written down", "error", err)
	}
}
