// Package mailout empties the outbox: a [Worker] claims deliveries with a lease, has the mode decided for each immediately
// before it leaves, composes it, submits it and records what became of it.
//
// What it promises: a delivery ends as relayed, failed or suppressed and is never lost. A crash between the relay's reply and
// our record, or a reply that is lost, repeats a submission with the same Message-ID, since nobody can tell whether the mail
// was taken (RFC 5321, section 6.1); nothing else does. Refusals for good (5yz) fail at once, everything else is tried again with
// growing pauses for two days (section 4.5.4.1). One-time codes leave first.
//
// Each next hop (the relay, or a recipients' domain) has a queue, a bound and a state of its own: one that is slow or down does not
// hold up mail to others, one that is down is tried by one mail at a time after growing pauses, and one that says that there are too many
// connections gets fewer, and more again once it keeps taking mail. What is claimed for a hop that can't take it now is put off by keeping
// its lease for a while, which is no attempt.
//
// The goroutines: Run's own claims deliveries, keeps the queues and starts one goroutine for each; at most Concurrency of them are on their
// way, while some more write down how it went, so that no connection waits for the disk. One further goroutine
// renews leases. All have ended when Run returns.
//
// The package knows nothing of SQL and decides nothing about modes. Its logs hold ids, reply codes and durations, never a word
// or an address.
package mailout

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/compose"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
)

// Outbox tells when there is something to do.
type Outbox interface {
	Outbox() <-chan struct{}
	NextDelivery(ctx context.Context) (time.Time, error)
}

// Leases hands out deliveries.
type Leases interface {
	ClaimDeliveries(ctx context.Context, worker string, lease time.Duration, limit int) ([]bridge.Delivery, error)
	RenewLeases(ctx context.Context, worker string, lease time.Duration, ids ...bridge.ID) (lost []bridge.ID, err error)
	ReturnDeliveries(ctx context.Context, worker string, wait time.Duration, ids ...bridge.ID) error
	ReleaseLeases(ctx context.Context, worker string) error
}

// Contents is what deliveries carry.
type Contents interface {
	Prepare(ctx context.Context, worker string, d bridge.Delivery) (bridge.Outgoing, error)
	OpenBlob(ctx context.Context, b bridge.Blob) (io.ReadCloser, error)
}

// Records is where the outcome is written down.
type Records interface {
	RecordRelayed(ctx context.Context, worker string, d bridge.ID, how bridge.Departure) error
	RecordDeferred(ctx context.Context, worker string, d bridge.ID, next time.Time, said string) error
	RecordFailed(ctx context.Context, worker string, d bridge.ID, said string) error
	// RecordBounced is RecordFailed where the recipient's address was refused for good.
	RecordBounced(ctx context.Context, worker string, d bridge.ID, said string) error
}

// Gateway is what the worker needs of the domain.
type Gateway interface {
	Outbox
	Leases
	Contents
	Records
}

var _ Gateway = (*bridge.Gateway)(nil)

// Signer signs mails.
type Signer interface {
	// Sign returns the fields to put before a message; none if nothing is to be signed.
	Sign(ctx context.Context, message []byte) (fields []byte, err error)
}

var _ Signer = (*dkim.Signer)(nil)

// Config is what a Worker needs. Gateway and Transport must be set; zero values mean what is said with them.
type Config struct {
	Gateway   Gateway
	Transport submit.Transport // stays the caller's: close it after Run
	Signer    Signer           // nil: nothing is signed
	MaxFiles  int64            // octets of all files in one copy; see compose.Config

	// Name is this worker's among those that share the outbox. One that stays the same when the process starts again lets it take
	// up at once what it held; two processes must never have the same. Random by default.
	Name        string
	Concurrency int           // mails on their way at once; 4
	PerHop      int           // of them, to one next hop; Concurrency. More than the transport has connections to it is of no use
	Lease       time.Duration // how long a crash keeps a delivery from being tried again; 2 min, at least 1 s
	MaxAge      time.Duration // when to give up; 48 h
	Grace       time.Duration // how long Run waits at its end for mails on their way; 20 s

	Log    *slog.Logger     // none
	Now    func() time.Time // time.Now
	Jitter func() float64   // at least 0 and below 1; math/rand/v2.Float64

	// For tests of what a crash leaves behind: called, where not nil, at these points of each delivery.
	AfterClaim, BeforeSend, AfterSend, AfterRecord func(bridge.ID)
}

// Worker empties the outbox.
type Worker struct {
	c        Config
	composer *compose.Composer
	single   bool          // there is one next hop for all mail
	flying   chan struct{} // one for each delivery that has a goroutine
	free     chan struct{} // a mail is no longer on its way
	nudge    chan struct{} // like Gateway.Outbox, from within

	renewing sync.Mutex // so that a lease which is given back is not renewed at the same time

	mu   sync.Mutex
	held map[bridge.ID]*holding
	hops map[string]*hop // by submit.Transport's name for them
	busy int             // mails on their way

	counters counters
}

// recorders is how many deliveries may wait for their record, for each that may be on its way.
const recorders = 8

// New returns a Worker.
func New(c Config) (*Worker, error) {
	if c.Gateway == nil || c.Transport == nil {
		return nil, errors.New("new worker: it needs a gateway and a transport")
	}
	if c.Name == "" {
		c.Name = "worker-" + rand.Text()[:12]
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 4
	}
	if c.PerHop <= 0 || c.PerHop > c.Concurrency {
		c.PerHop = c.Concurrency
	}
	if c.Lease <= 0 {
		c.Lease = 2 * time.Minute
	}
	c.Lease = max(c.Lease, time.Second)
	if c.MaxAge <= 0 {
		c.MaxAge = 48 * time.Hour
	}
	if c.Grace <= 0 {
		c.Grace = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Jitter == nil {
		c.Jitter = mathrand.Float64
	}
	nothing := func(bridge.ID) {}
	for _, hook := range []*func(bridge.ID){&c.AfterClaim, &c.BeforeSend, &c.AfterSend, &c.AfterRecord} {
		if *hook == nil {
			*hook = nothing
		}
	}
	composer, err := compose.New(compose.Config{Files: c.Gateway, MaxFiles: c.MaxFiles})
	if err != nil {
		return nil, err
	}
	return &Worker{
		c:        c,
		composer: composer,
		single:   c.Transport.NextHop("one.invalid") == c.Transport.NextHop("two.invalid"),
		free:     make(chan struct{}, 1),
		flying:   make(chan struct{}, c.Concurrency*(1+recorders)),
		nudge:    make(chan struct{}, 1),
		held:     make(map[bridge.ID]*holding),
		hops:     make(map[string]*hop),
	}, nil
}
