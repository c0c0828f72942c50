package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	Address   string   // host:port, or with LMTP also unix:PATH
	LMTP      bool     // it speaks LMTP (RFC 2033) and not SMTP
	Security  Security // TLSRequired
	Implicit  bool     // TLS from the first octet; always so on port 465
	TLS       *tls.Config
	Username  string // empty: no AUTH
	Password  string
	Tokens    Tokens // signs in with access tokens instead of a password; nil for none
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
	c        RelayConfig
	settings settings
	way      way
	pool     *pool

	mu     sync.Mutex
	path   bridge.Path // of the last connection that was made
	pathAt time.Time
}

// NewRelay returns a Relay. It connects when it is first used.
func NewRelay(c RelayConfig) (*Relay, error) {
	host, port := "localhost", ""
	path, isPath := strings.CutPrefix(c.Address, "unix:")
	if !isPath {
		var err error
		if host, port, err = net.SplitHostPort(c.Address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("new relay: %q is not host:port", c.Address)
		}
	} else if !c.LMTP || path == "" {
		return nil, errors.New("new relay: a socket in the file system is for LMTP, and needs its path")
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
	if c.Tokens != nil && (c.Username == "" || c.Password != "") {
		return nil, errors.New("new relay: access tokens need a user name, and take the place of a password")
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	c.TLS = clientTLS(c.TLS, host)
	c.defaults()
	r := &Relay{
		c: c, pool: newPool(c.Connections, c.IdleTimeout),
		settings: settings{
			localName: c.LocalName, maxMails: c.MaxMails, dial: c.Dial,
			connect: c.ConnectTimeout, command: c.CommandTimeout, block: c.BlockTimeout, final: c.FinalTimeout,
		},
		way: way{
			network: "tcp", address: c.Address, lmtp: c.LMTP, implicit: c.Implicit, tls: c.TLS, prove: named(c.TLS, c.TLS.ServerName),
			wantTLS: c.Security != TLSNone, mustTLS: c.Security == TLSRequired, mustProve: c.Security == TLSRequired,
		},
	}
	if isPath {
		r.way.network, r.way.address = "unix", path
	}
	if c.Username != "" {
		r.way.account = &account{username: c.Username, password: c.Password, tokens: c.Tokens, address: c.Address}
	}
	return r, nil
}

// clientTLS completes a configuration for a server of a name.
func clientTLS(c *tls.Config, name string) *tls.Config {
	if c == nil {
		c = &tls.Config{}
	}
	c = c.Clone()
	if c.ServerName == "" {
		c.ServerName = name
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}

func (c *RelayConfig) defaults() {
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
}

// NextHop implements Transport.
func (r *Relay) NextHop(string) string { return r.c.Address }

// Connect implements Transport. It waits for one of the connections to be free, and opens one where none is kept.
func (r *Relay) Connect(ctx context.Context, _ string) (Session, error) {
	s, err := r.pool.session(ctx, r.connect)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// connect opens a connection, and remembers what it has proven.
func (r *Relay) connect(ctx context.Context) (*conn, error) {
	c, err := open(ctx, &r.settings, r.way)
	e := (*Error)(nil)
	switch {
	case err == nil || !errors.As(err, &e) || ctx.Err() != nil:
	case e.Stage == StageTLS && r.c.Security == TLSOpportunistic && !r.c.Implicit:
		// It offers TLS and can't do it. In clear is what was asked for then (RFC 7435, section 3); open refuses to sign in that way.
		clear := r.way
		clear.wantTLS = false
		c, err = open(ctx, &r.settings, clear)
	case e.Stage == StageAuth && r.c.Tokens != nil && (e.Code == 0 || e.Code >= 500):
		// The token may have been taken back before its time; the next one is new.
		c, err = open(ctx, &r.settings, r.way)
	}
	if err != nil {
		return nil, err
	}
	if offered, _ := c.smtp.Extension("REQUIRETLS"); offered && c.path == bridge.PathTLS {
		c.path, c.onward = bridge.PathVerified, true
	}
	r.mu.Lock()
	r.path, r.pathAt = c.path, time.Now()
	r.mu.Unlock()
	return c, nil
}

// pathLife is how long what a connection has proven is taken to hold for the next.
const pathLife = 10 * time.Minute

// Path implements bridge.Paths. What the last connection has proven holds for the next, for some minutes; otherwise it makes one.
func (r *Relay) Path(ctx context.Context, _ string) (bridge.Path, error) {
	r.mu.Lock()
	path, fresh := r.path, time.Since(r.pathAt) < pathLife
	r.mu.Unlock()
	if fresh && path != bridge.PathUnknown {
		return path, nil
	}
	s, err := r.Connect(ctx, "")
	if err != nil && r.c.Security == TLSRequired {
		return bridge.PathTLS, nil // or nothing leaves at all
	}
	if err != nil {
		return bridge.PathUnknown, err
	}
	defer s.Close()
	return s.Path(), nil
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

// Close closes all connections, those in use as soon as their mail is through, and waits for it. Nothing can be sent afterwards.
func (r *Relay) Close() error {
	r.pool.close()
	return nil
}
