package imap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Found is what Probe found out about an account that works.
type Found struct {
	Messages  uint32 // in the mailbox
	Idle      bool   // new mail is announced
	CondStore bool   // changes are counted
	Move      bool   // messages can be moved in one step
	NoFolder  bool   // Account.Folder is not there yet; it is made when it is needed
}

// Stage is how far Probe, or a connection, came.
type Stage string

// The stages.
const (
	Settings Stage = "settings"
	Connect  Stage = "connect" // TLS and the greeting included
	SignIn   Stage = "sign in"
	Open     Stage = "open"
	Read     Stage = "read"   // the mailbox is open; of a Status only, as what follows
	Record   Stage = "record" // the server is not to blame
)

// ProbeError says what of an account does not work.
type ProbeError struct {
	Stage   Stage
	Refused bool // the server said no; otherwise it did not come to that
	Err     error
}

// Error implements error.
func (e *ProbeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ProbeError) Unwrap() error { return e.Err }

func failedAt(stage Stage, err error) error {
	var signIn *signInError
	if errors.As(err, &signIn) {
		stage = SignIn
	}
	return &ProbeError{stage, isRefused(err), err}
}

// Probe tries an account: it connects, signs in, and looks at the mailbox, in which it changes nothing. Its error is a *ProbeError. Of the
// Config it needs TLS and Timeout only.
func Probe(ctx context.Context, c Config, a Account) (Found, error) {
	if err := a.complete(); err != nil {
		return Found{}, failedAt(Settings, err)
	}
	defaults(&c.Timeout, time.Minute)
	r := &reader{Poller: &Poller{c}, account: a}
	conn, err := r.connect(ctx)
	if err != nil {
		return Found{}, failedAt(Connect, err)
	}
	defer conn.close()
	m, err := conn.open(a.Mailbox, true)
	if err != nil {
		return Found{}, failedAt(Open, err)
	}
	f := Found{Messages: m.messages, Idle: conn.canIdle(), CondStore: m.modSeq > 0, Move: conn.caps.Has(imap.CapMove)}
	if a.After == Move {
		if f.NoFolder, err = conn.lacks(a.Folder); err != nil {
			return f, failedAt(Open, err)
		}
	}
	return f, nil
}

// lacks reports whether a mailbox is not there.
func (c *connection) lacks(name string) (bool, error) {
	defer c.bound(c.timeout)()
	_, err := c.client.Status(name, &imap.StatusOptions{NumMessages: true}).Wait()
	switch {
	case isRefused(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look at mailbox %q: %w", name, err)
	}
	return false, nil
}
