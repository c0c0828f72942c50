package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// Security says how much TLS is wanted on the way to the relay.
type Security string

// The securities.
const (
	// TLSRequired: nothing is said to a relay that does not prove its name with a valid certificate.
	TLSRequired Security = "required"
	// TLSOpportunistic: TLS where it is offered, with any certificate, else in clear (RFC 7435). With a user name it is as strict
	// as TLSRequired, unless the relay is on this machine, because a password must not go to whoever answers.
	TLSOpportunistic Security = "opportunistic"
	// TLSNone: in clear. For a relay on this machine or on a network of its own.
	TLSNone Security = "none"
)

// ParseSecurity reads "required", "opportunistic" or "none".
func ParseSecurity(s string) (Security, error) {
	switch v := Security(s); v {
	case TLSRequired, TLSOpportunistic, TLSNone:
		return v, nil
	}
	return "", fmt.Errorf("%q is none of required, opportunistic and none", s)
}

// RelayConfig says how to reach a relay. Zero values mean what is said with them.
type RelayConfig struct {
	Address   string   // host:port
	Security  Security // TLSRequired
	Implicit  bool     // TLS from the first octet; always so on port 465
	TLS       *tls.Config
	Username  string // empty: no AUTH
	Password  string
	LocalName string // for EHLO: our own domain name or address literal

	Connections int           // at most so many at once; 4
	MaxMails    int           // on one connection, after which it is closed; 100
	IdleTimeout time.Duration // how long an unused connection is kept; 30 s

	// The timeouts of each step are those of RFC 5321, section 4.5.3.2, where the standard names one.
	ConnectTimeout time.Duration // TCP, and TLS once more; 30 s
	CommandTimeout time.Duration // the greeting and each reply; 5 min
	BlockTimeout   time.Duration // each piece of the message; 3 min
	FinalTimeout   time.Duration // the reply to its end; 10 min

	// Dial opens the connection; a net.Dialer by default.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Relay submits to one relay. It can be used by several goroutines at once.
type Relay struct {
	c     RelayConfig
	host  string
	slots chan struct{} // one for each connection that may be in use

	mu     sync.Mutex
	idle   []*conn // most recently used last
	closed bool
	quits  sync.WaitGroup // connections being closed in good form
}

// NewRelay returns a Relay. It connects when it is first used.
func NewRelay(c RelayConfig) (*Relay, error) {
	host, port, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("new relay: %q is not host:port", c.Address)
	}
	if c.Security == "" {
		c.Security = TLSRequired
	}
	if _, err := ParseSecurity(string(c.Security)); err != nil {
		return nil, fmt.Errorf("new relay: %w", err)
	}
	if c.Implicit = c.Implicit || port == "465"; c.Implicit && c.Security == TLSNone {
		return nil, errors.New("new relay: TLS from the first octet contradicts no TLS")
	}
	if c.LocalName == "" || strings.ContainsAny(c.LocalName, " \t\r\n") {
		return nil, errors.New("new relay: the name for EHLO is missing or has spaces")
	}
	if strings.ContainsRune(c.Username+c.Password, 0) {
		return nil, errors.New("new relay: the user name or password holds a NUL")
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{}
	}
	c.TLS = c.TLS.Clone()
	if c.TLS.ServerName == "" {
		c.TLS.ServerName = host
	}
	c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	for _, d := range []struct {
		is  *time.Duration
		std time.Duration
	}{
		{&c.IdleTimeout, 30 * time.Second},
		{&c.ConnectTimeout, 30 * time.Second},
		{&c.CommandTimeout, 5 * time.Minute},
		{&c.BlockTimeout, 3 * time.Minute},
		{&c.FinalTimeout, 10 * time.Minute},
	} {
		if *d.is <= 0 {
			*d.is = d.std
		}
	}
	if c.Connections <= 0 {
		c.Connections = 4
	}
	if c.MaxMails <= 0 {
		c.MaxMails = 100
	}
	return &Relay{c: c, host: host, slots: make(chan struct{}, c.Connections)}, nil
}

// healthy is how long a connection is trusted after its last use; later, NOOP asks first.
const healthy = 2 * time.Second

// NextHop implements Transport.
func (r *Relay) NextHop(string) string { return r.c.Address }

// Connect implements Transport. It waits for one of the connections to be free, and opens one where none is kept.
func (r *Relay) Connect(ctx context.Context, _ string) (Session, error) {
	c, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	if c != nil && time.Since(c.used) > healthy && c.noop(ctx) != nil {
		c.drop()
		c = nil
	}
	if c == nil {
		if c, err = r.connect(ctx); err != nil {
			<-r.slots
			return nil, err
		}
	}
	return &session{conn: c, keep: true, path: c.path}, nil
}

// Send submits one mail in a session of its own.
func (r *Relay) Send(ctx context.Context, m compose.Mail) (string, error) {
	s, err := r.Connect(ctx, "")
	if err != nil {
		return "", err
	}
	defer s.Close()
	return s.Send(ctx, m)
}

// session is the use of one connection, which holds its slot.
type session struct {
	conn *conn // nil once it is closed
	keep bool  // the connection can be used again
	path bridge.Path
}

// Path implements Session.
func (s *session) Path() bridge.Path { return s.path }

// Send implements Session.
func (s *session) Send(ctx context.Context, m compose.Mail) (string, error) {
	if s.conn == nil || !s.keep {
		return "", &Error{Stage: StageMail, Stale: true, Text: "the session is over", Err: net.ErrClosed}
	}
	if m.Form == bridge.FormCopy && !m.Need.MetBy(s.path) {
		return "", &Error{Stage: StageMail, Weak: true, Text: "a copy was not offered: " + m.Need.Lack(s.path)}
	}
	used := s.conn.mails > 0
	said, fault := s.conn.send(ctx, m)
	s.keep = s.conn.mails < s.conn.r.c.MaxMails
	if fault == nil {
		return said, nil
	}
	// A connection that was closed while it waited shows it at the first command, whose loss costs nothing.
	fault.Stale = used && fault.Stage == StageMail && (fault.Code == 0 || fault.Code == 421) && ctx.Err() == nil
	s.keep = s.keep && fault.Code >= 400 && !fault.Relay && s.conn.reset(ctx, fault.Stage) == nil
	return "", fault
}

// Close implements Session.
func (s *session) Close() {
	if s.conn != nil {
		s.conn.r.release(s.conn, s.keep)
		s.conn = nil
	}
}

// take waits for a slot and returns the connection used last, or nil if none waits. The caller owns the slot until release.
func (r *Relay) take(ctx context.Context) (*conn, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &Error{Stage: StageConnect, Text: "stopped while waiting for a connection", Err: ctx.Err()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		<-r.slots
		return nil, &Error{Stage: StageConnect, Relay: true, Text: "the relay's connections are closed for good", Err: net.ErrClosed}
	}
	for len(r.idle) > 0 {
		c := r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
		if c.expiry.Stop() {
			r.quits.Done()
			return c, nil
		}
		// Its time was up this very moment, and it is being closed.
	}
	return nil, nil
}

// release gives the slot back, and keeps the connection or closes it.
func (r *Relay) release(c *conn, keep bool) {
	r.mu.Lock()
	r.quits.Add(1) // until it is taken again, or closed
	if keep && !r.closed {
		c.used = time.Now()
		c.expiry = time.AfterFunc(r.c.IdleTimeout, func() {
			defer r.quits.Done()
			r.forget(c)
			c.quit()
		})
		r.idle = append(r.idle, c)
	} else {
		// The next mail need not wait for the farewell.
		go func() {
			defer r.quits.Done()
			c.quit()
		}()
	}
	r.mu.Unlock()
	<-r.slots
}

// forget takes a connection off the list of those that wait.
func (r *Relay) forget(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = slices.DeleteFunc(r.idle, func(other *conn) bool { return other == c })
}

// Close closes all connections, those in use as soon as their mail is through, and waits for it. Nothing can be sent afterwards.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	idle := r.idle
	r.idle = nil
	r.mu.Unlock()
	for _, c := range idle {
		if c.expiry.Stop() {
			go func() {
				defer r.quits.Done()
				c.quit()
			}()
		}
	}
	// Holding every slot means that no connection is in use.
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	for range cap(r.slots) {
		<-r.slots
	}
	r.quits.Wait()
	return nil
}
