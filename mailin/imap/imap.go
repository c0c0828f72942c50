// Package imap reads mail from mailboxes on IMAP servers (RFC 9051, RFC 3501), for those whose mail does not come by SMTP.
//
// Each account is read by a goroutine of its own that connects again whenever the connection is lost, so one that does not work
// holds up no other. New mail is announced by IDLE (RFC 2177), or looked for now and then. Messages are recorded durably, many in one
// transaction while the next ones are fetched, and then flagged, moved or deleted: a crash in between makes them come again, and the
// [Gateway] knows them then. A message that can't be taken is put aside and tried again after the others, until that is given up and
// recorded; it is left in the mailbox.
//
// How far a mailbox has been read is kept as its UIDVALIDITY, the last UID (RFC 9051, section 2.3.1.1), and the UIDs below it that were
// not dealt with. On each connection, and now and then on one that lasts, these are compared with what the mailbox holds, since a message
// may show up below the last UID: a server that came back from an outage brings some, as may one that takes several mails at once. Where the
// server counts changes (CONDSTORE, RFC 7162) it is asked only about what changed since.
//
// Who signs in does so with a password (PLAIN, RFC 4616, or LOGIN) or with an access token (XOAUTH2; OAUTHBEARER, RFC 7628).
//
// IMAP can't refuse a mail. What the Gateway refuses is dealt with all the same; telling the sender, if that is right, is its
// business.
//
// The client library is in beta and appears nowhere outside of this package. It must not know threads, or what a mail means.
package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

// Gateway decides what becomes of mail. A *bridge.Gateway is one.
type Gateway interface {
	// Author says who would have to have written a mail.
	Author(ctx context.Context, e bridge.Envelope, m *bridge.Mail) (bridge.Claim, error)
	// ReceiveAll records mails durably, in their order. Taking the same mail again changes nothing. Its error means that nothing was kept.
	ReceiveAll(ctx context.Context, mails []bridge.Arrival) ([]bridge.Received, error)
	// Domain is that of the postmaster, who is told of messages that could not be read.
	Domain() string
}

var _ Gateway = (*bridge.Gateway)(nil)

// Progress keeps how far mailboxes have been read. A *store.DB does.
type Progress interface {
	// Mailbox returns bridge.ErrNotFound for a mailbox that was never read.
	Mailbox(ctx context.Context, account, mailbox string) (bridge.MailboxState, error)
	SetMailbox(ctx context.Context, s bridge.MailboxState) error
}

// Tokens gives access tokens. An *oauth.Source does.
type Tokens interface {
	// Token returns one that is believed to work.
	Token(ctx context.Context) (string, error)
	// Refused says that the server did not take one, so that the next is another.
	Refused(token string)
}

// Security is how the connection to a server is protected.
type Security string

// The kinds of security. Plain sends the password in clear text, so it is used with a server on this machine only.
const (
	TLS      Security = "tls"
	StartTLS Security = "starttls"
	Plain    Security = "none"
)

// After is what is done with a message that was recorded.
type After string

// What can be done. Keep leaves the message as it is.
const (
	Keep   After = "keep"
	Seen   After = "seen"   // flag it \Seen
	Move   After = "move"   // move it to Account.Folder
	Delete After = "delete" // delete it
)

// Account is one mailbox to read.
type Account struct {
	Name     string   // unique; it appears in the log and with each received mail
	Addr     string   // host:port
	Security Security // TLS if empty
	Username string
	Password string
	Tokens   Tokens    // used instead of the password, if set
	Shared   string    // the user whose mailboxes are opened, where that is another one than Username: a shared mailbox
	Mailbox  string    // INBOX if empty
	After    After     // Keep if empty
	Folder   string    // for Move; made if it is not there
	Since    time.Time // when a mailbox is read for the first time, or anew, mail that came before this day is passed over; zero takes all
}

// Config is what a Poller needs. Gateway, Progress, Parse and Judge must be set; zero limits and times take the defaults.
type Config struct {
	Gateway  Gateway
	Progress Progress
	Parse    func(raw []byte) *bridge.Mail // reads one mail; it keeps raw
	Judge    sender.Judge
	Accounts []Account
	TLS      *tls.Config // for all accounts; the system's roots if nil

	MaxSize    int64 // octets of one mail; default 50 MiB. A larger one is recorded by its beginning and left in the mailbox
	Batch      int   // messages in one FETCH; default 500
	BatchBytes int64 // octets in one FETCH, unless one message has more; default 8 MiB. Each account holds two such batches in memory
	Together   int   // messages recorded in one transaction; default 250
	Tries      int   // failures of one message, with others going through meanwhile, before it is given up; default 5

	Poll     time.Duration // between looks where there is no IDLE, and to the first look after news where there is; default 1 minute
	IdleFor  time.Duration // how long one IDLE lasts; default 10 minutes, at most 28 (RFC 2177 wants less than 29)
	Compare  time.Duration // how often a mailbox that stays open is searched for messages that were missed; default 1 hour
	RetryMin time.Duration // before the first try after a failure, doubled each time; default 1 second
	RetryMax time.Duration // default 5 minutes
	Timeout  time.Duration // for one command; default 1 minute. Messages have more, by their size

	Now func() time.Time // default time.Now
	Log *slog.Logger     // discarded if nil

	// Told, if set, is told how the reading of each account goes, whenever that changes. It is called by the account's goroutine, and must
	// return at once.
	Told func(Status)

	// AfterReceive, if set, is called when messages are recorded and before they are flagged, moved or deleted. Crash tests use it.
	AfterReceive func()
}

// Poller reads mailboxes.
type Poller struct{ Config }

// New returns a Poller, or an error that names the setting that is wrong.
func New(c Config) (*Poller, error) {
	if c.Gateway == nil || c.Progress == nil || c.Parse == nil || c.Judge == nil {
		return nil, errors.New("an IMAP poller needs a gateway, a place for its progress, a parser and a judge")
	}
	names := make(map[string]bool)
	accounts := make([]Account, len(c.Accounts))
	for i, a := range c.Accounts {
		if err := a.complete(); err != nil {
			return nil, fmt.Errorf("IMAP account %q: %w", a.Name, err)
		}
		if names[a.Name] {
			return nil, fmt.Errorf("IMAP account %q: the name is there twice", a.Name)
		}
		names[a.Name] = true
		accounts[i] = a
	}
	c.Accounts = accounts
	defaults(&c.MaxSize, 50<<20)
	defaults(&c.Batch, 500)
	defaults(&c.BatchBytes, 8<<20)
	defaults(&c.Together, 250)
	defaults(&c.Tries, 5)
	defaults(&c.Poll, time.Minute)
	defaults(&c.IdleFor, 10*time.Minute)
	c.IdleFor = min(c.IdleFor, 28*time.Minute)
	defaults(&c.Compare, time.Hour)
	defaults(&c.RetryMin, time.Second)
	defaults(&c.RetryMax, 5*time.Minute)
	defaults(&c.Timeout, time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Poller{c}, nil
}

// complete checks an account and fills in what is empty.
func (a *Account) complete() error {
	if a.Name == "" {
		return errors.New("it has no name")
	}
	if host, _, err := net.SplitHostPort(a.Addr); err != nil || host == "" {
		return fmt.Errorf("address %q is not host:port", a.Addr)
	}
	if a.Username == "" {
		return errors.New("it has no user name")
	}
	if a.Security == "" {
		a.Security = TLS
	}
	if a.Mailbox == "" {
		a.Mailbox = "INBOX"
	}
	if a.After == "" {
		a.After = Keep
	}
	switch a.Security {
	case TLS, StartTLS, Plain:
	default:
		return fmt.Errorf("security %q is none of tls, starttls and none", a.Security)
	}
	switch a.After {
	case Keep, Seen, Delete:
	case Move:
		if a.Folder == "" || a.Folder == a.Mailbox {
			return errors.New("to move messages it needs another folder")
		}
	default:
		return fmt.Errorf("after %q is none of keep, seen, move and delete", a.After)
	}
	return nil
}

// defaults sets what is zero or below.
func defaults[T int | int64 | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Run reads all accounts until ctx ends, and returns nil when nothing of it runs any more. It is called once.
func (p *Poller) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	for _, a := range p.Accounts {
		readers.Go(func() { newReader(p, a).run(ctx) })
	}
	readers.Wait()
	return nil
}
