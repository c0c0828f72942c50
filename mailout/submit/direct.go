package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/mtasts"
)

const (
	smtpPort = 25
	// maxTries is how many addresses are tried for one mail.
	maxTries = 6
	// maxKept is with how many domains connections are kept that nobody uses.
	maxKept = 100
)

// DirectConfig is what a Direct needs. Resolver, Keeper and LocalName must be set; zero values mean what is said with them.
type DirectConfig struct {
	Resolver  Resolver
	Validates bool        // the resolver checks DNSSEC, and the way to it can be trusted: its AD bit is believed, which makes DANE possible
	Keeper    Keeper      // of MTA-STS policies and of counts
	LocalName string      // for EHLO: our own domain name, which leads to our address and back
	Ourselves []string    // names that mean this gateway: mail that DNS brings back to one of them is refused
	TLS       *tls.Config // roots and the clock, for mail servers and for MTA-STS policies

	// Allowed are networks that may be connected to although they are private, or this machine's own.
	Allowed []netip.Prefix

	Connections int           // at most so many at once to one domain; 4
	MaxMails    int           // on one connection; 100
	IdleTimeout time.Duration // how long an unused connection is kept; 10 s

	ConnectTimeout time.Duration // as in RelayConfig, for each address
	CommandTimeout time.Duration
	BlockTimeout   time.Duration
	FinalTimeout   time.Duration

	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // to an IP address and port; a net.Dialer by default
	Shuffle func(n int, swap func(i, j int))                                     // math/rand/v2.Shuffle
	Now     func() time.Time                                                     // time.Now
	Log     *slog.Logger                                                         // none
}

// Keeper keeps what outlives the process. A *store.DB does.
type Keeper interface {
	mtasts.Keeper
	AddTLSResults(ctx context.Context, results []bridge.TLSResult) error
}

// Direct brings mail to the recipients' own mail exchangers. It can be used by several goroutines at once.
type Direct struct {
	c         DirectConfig
	settings  settings
	guard     guard
	ourselves map[string]bool
	policies  *mtasts.Client
	web       *http.Transport
	results   results
	foresight foresight

	mu     sync.Mutex
	pools  map[string]*destination
	closed bool
}

// destination is the connections to one domain's exchangers.
type destination struct {
	pool  *pool
	users int // who have it and may not have a connection of it yet
}

var (
	_ Transport    = (*Direct)(nil)
	_ bridge.Paths = (*Direct)(nil)
)

// NewDirect returns a Direct. It connects when it is first used.
func NewDirect(c DirectConfig) (*Direct, error) {
	if c.Resolver == nil || c.Keeper == nil {
		return nil, errors.New("new direct: it needs a resolver and somewhere to keep policies")
	}
	if c.LocalName == "" || strings.ContainsAny(c.LocalName, " \t\r\n") {
		return nil, errors.New("new direct: the name for EHLO is missing or has spaces")
	}
	// What both ways out have in common has the same defaults.
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = 10 * time.Second
	}
	r := RelayConfig{
		Connections: c.Connections, MaxMails: c.MaxMails, IdleTimeout: c.IdleTimeout,
		ConnectTimeout: c.ConnectTimeout, CommandTimeout: c.CommandTimeout, BlockTimeout: c.BlockTimeout, FinalTimeout: c.FinalTimeout,
	}
	r.defaults()
	c.Connections, c.IdleTimeout = r.Connections, r.IdleTimeout
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Shuffle == nil {
		c.Shuffle = rand.Shuffle
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.TLS == nil {
		c.TLS = &tls.Config{}
	}
	d := &Direct{
		c: c, guard: guard{allowed: c.Allowed, own: ownAddresses()}, ourselves: map[string]bool{hostName(c.LocalName): true}, pools: map[string]*destination{},
		settings: settings{
			localName: c.LocalName, maxMails: r.MaxMails, dial: c.Dial,
			connect: r.ConnectTimeout, command: r.CommandTimeout, block: r.BlockTimeout, final: r.FinalTimeout,
		},
	}
	for _, name := range c.Ourselves {
		d.ourselves[hostName(name)] = true
	}
	d.results.now = c.Now
	d.foresight.begin(c.Now)
	d.web = d.webTransport()
	d.policies = mtasts.New(mtasts.Config{Texts: c.Resolver, Keeper: c.Keeper, HTTP: d.web, Now: c.Now, Log: c.Log})
	return d, nil
}

// webTransport is the way to the hosts of policies: through the same resolver, and not to addresses where mail would not go either.
func (d *Direct) webTransport() *http.Transport {
	config := d.c.TLS.Clone()
	config.ServerName, config.MinVersion = "", max(config.MinVersion, tls.VersionTLS12)
	return &http.Transport{
		TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 15 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			name, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			h, err := d.host(ctx, name)
			if err != nil {
				return nil, err
			}
			addresses, err := d.reachable(h)
			if err != nil {
				return nil, err
			}
			for _, ip := range addresses[:min(len(addresses), 4)] {
				var conn net.Conn
				within, cancel := context.WithTimeout(ctx, 10*time.Second)
				conn, err = d.c.Dial(within, network, net.JoinHostPort(ip.String(), port))
				cancel()
				if err == nil {
					return conn, nil
				}
			}
			return nil, err
		},
	}
}

// NextHop implements Transport.
func (d *Direct) NextHop(domain string) string { return hostName(domain) }

// Connect implements Transport. Where several mails are for one domain, connections to it are shared and bounded.
func (d *Direct) Connect(ctx context.Context, domain string) (Session, error) {
	domain = hostName(domain)
	to, err := d.enter(domain)
	if err != nil {
		return nil, err
	}
	s, err := to.pool.session(ctx, func(ctx context.Context) (*conn, error) { return d.connect(ctx, domain) })
	if err != nil {
		d.leave(to)
		return nil, err
	}
	s.domain, s.brief, s.end = domain, d.crowded(), func() { d.leave(to) }
	return s, nil
}

func (d *Direct) enter(domain string) (*destination, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, &Error{Stage: StageConnect, Relay: true, Text: "the connections to mail servers are closed for good", Err: net.ErrClosed}
	}
	to := d.pools[domain]
	if to == nil {
		// One that comes is the time for those to go that nobody needs.
		for name, other := range d.pools {
			if other.users == 0 && other.pool.unused() {
				delete(d.pools, name)
			}
			if len(d.pools) < maxKept {
				break
			}
		}
		to = &destination{pool: newPool(d.c.Connections, d.c.IdleTimeout)}
		d.pools[domain] = to
	}
	to.users++
	return to, nil
}

// crowded reports whether so many domains have connections that those which nobody uses can't be kept.
func (d *Direct) crowded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pools) > maxKept
}

func (d *Direct) leave(to *destination) {
	d.mu.Lock()
	defer d.mu.Unlock()
	to.users--
}

// connect opens a connection to the first of a domain's exchangers that answers and proves what it must.
func (d *Direct) connect(ctx context.Context, domain string) (*conn, error) {
	e, err := d.exchangers(ctx, domain)
	if err != nil {
		return nil, err
	}
	found, err := d.policies.Find(ctx, domain)
	if err != nil {
		return nil, unresolved(err)
	}
	if found.Fault != "" {
		d.results.add(domain, "", policySTS, found.Fault)
	}
	a := &attempt{d: d, e: e, sts: found.Policy}
	c, err := a.first(ctx)
	if err == nil {
		d.foresight.learn(domain, c.path)
	}
	return c, err
}

// attempt is one try at a domain's exchangers.
type attempt struct {
	d         *Direct
	e         exchangers
	sts       mtasts.Policy
	anyhow    bool // whatever TLS proves; see Direct.SendReport
	tried     int  // addresses
	forbidden bool
	last      *Error
}

// first tries the exchangers in their order.
func (a *attempt) first(ctx context.Context) (*conn, error) {
	for _, name := range a.e.hosts {
		if c := a.host(ctx, name); c != nil {
			return c, nil
		}
		if ctx.Err() != nil || a.tried >= maxTries {
			break
		}
	}
	if a.last == nil {
		a.last = &Error{Stage: StageConnect, Relay: true, Text: "none of the domain's mail servers can be used"}
	}
	if a.forbidden && a.tried == 0 {
		// Whoever runs the domain has to change it; nothing was reached that could have.
		return nil, unroutable(550, "5.4.4", "the domain's mail servers have no public address")
	}
	return nil, a.last
}

func (a *attempt) fail(host string, err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		a.last = e
		return
	}
	a.last = &Error{Stage: StageConnect, Relay: true, Text: cleanText(fmt.Sprintf("the mail server %s was not used: %v", host, err)), Err: err}
}

// host tries one exchanger, and returns a connection or nil.
func (a *attempt) host(ctx context.Context, name string) *conn {
	h, err := a.d.host(ctx, name)
	if err != nil {
		a.fail(name, unresolved(err))
		return nil
	}
	addresses, err := a.d.reachable(h)
	if err != nil {
		a.forbidden = a.forbidden || errors.Is(err, errForbidden)
		a.fail(name, err)
		return nil
	}
	want, err := reportDemand(h), error(nil)
	if !a.anyhow {
		want, err = a.d.demand(ctx, a.e, h, a.sts)
	}
	if err != nil {
		result := "dnssec-invalid"
		if errors.Is(err, errNotInPolicy) {
			result = "validation-failure"
		}
		a.d.results.add(a.e.domain, name, want.policyOr(policyTLSA), result)
		a.fail(name, err)
		return nil
	}
	for _, ip := range addresses[:min(len(addresses), maxAddresses)] {
		if a.tried++; a.tried > maxTries || ctx.Err() != nil {
			return nil
		}
		c, err := a.d.open(ctx, a.e.domain, h, ip, want)
		if err == nil {
			return c
		}
		a.fail(name, err)
	}
	return nil
}

func (w demand) policyOr(other string) string {
	if w.policy == "" {
		return other
	}
	return w.policy
}

// open opens a connection to one address of a host.
func (d *Direct) open(ctx context.Context, domain string, h host, ip netip.Addr, want demand) (*conn, error) {
	config := d.c.TLS.Clone()
	config.ServerName = ""
	config = clientTLS(config, want.name)
	w := way{
		network: "tcp", address: net.JoinHostPort(ip.String(), strconv.Itoa(smtpPort)), tls: config, prove: want.prove(config),
		wantTLS: true, mustTLS: want.mustTLS, mustProve: want.mustProve,
	}
	c, err := open(ctx, &d.settings, w)
	e, _ := errors.AsType[*Error](err)
	if e != nil && e.Stage == StageTLS && !want.mustTLS && ctx.Err() == nil {
		// It offers TLS and can't do it. Without a promise that it can, a mail in clear is better than none (RFC 7435, section 3).
		d.count(want, domain, h.name, resultOf(err))
		w.wantTLS = false
		c, err = open(ctx, &d.settings, w)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	switch {
	case err == nil && want.stray:
		d.count(want, domain, h.name, "validation-failure")
	case err == nil && c.path == bridge.PathClear:
		d.count(want, domain, h.name, "starttls-not-supported")
	case err == nil && c.unproven != nil:
		d.count(want, domain, h.name, resultOf(c.unproven))
	case err == nil:
		d.count(want, domain, h.name, "")
	case e != nil && e.Stage == StageTLS:
		d.count(want, domain, h.name, resultOf(err))
	}
	return c, err
}

// Run writes counts down now and then until ctx ends, and once more then.
func (d *Direct) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			d.flush(last)
			return nil
		}
	}
}

func (d *Direct) flush(ctx context.Context) {
	taken := d.results.take()
	if len(taken) == 0 {
		return
	}
	if err := d.c.Keeper.AddTLSResults(ctx, taken); err != nil {
		d.c.Log.WarnContext(ctx, "counts of TLS results were not kept", "error", err)
		d.results.restore(taken)
	}
}

// Close closes all connections, those in use as soon as their mail is through, and waits for it. Nothing can be sent afterwards.
func (d *Direct) Close() error {
	d.foresight.close()
	d.mu.Lock()
	d.closed = true
	all := d.pools
	d.pools = nil
	d.mu.Unlock()
	for _, to := range all {
		to.pool.close()
	}
	d.policies.Close()
	d.web.CloseIdleConnections()
	return nil
}
