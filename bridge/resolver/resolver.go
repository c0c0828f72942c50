// Package resolver asks DNS servers (RFC 1035) and remembers what they said, for as long as they said.
//
// It is a stub: it hands each question to a recursive server, over UDP with EDNS (RFC 6891) and over TCP where the answer is cut off
// (RFC 7766), and follows aliases that the server has not followed. Negative answers are remembered as RFC 2308 says. All is bounded: the time
// of one look-up, how many are under way, what is remembered. The same question asked twice at once goes out once.
//
// Each [Answer] has its TTL and the AD bit (RFC 4035, section 3.2.3), which is worth as much as the server and the way to it: believe it
// from a validating server on this machine or on a network of one's own, and nowhere else.
//
// The errors of all methods are *net.DNSError with IsNotFound for a name or a type that is certainly not there, and IsTemporary where nobody
// knows. The Lookup methods have the shapes of those of *net.Resolver.
//
// It must not know what the records are for.
package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Config is what a Resolver can be told. The zero value asks the servers of /etc/resolv.conf.
type Config struct {
	Servers  []string      // recursive servers as host:port, or an address alone for port 53; host is an IP address. Those of /etc/resolv.conf if empty
	Timeout  time.Duration // for one server's answer to one question; default 2 seconds
	Rounds   int           // how often all servers are tried; default 2
	MaxTTL   time.Duration // nothing is remembered longer; default 1 hour
	MinTTL   time.Duration // everything is remembered so long, since one mail's questions repeat; default 5 seconds
	MaxNames int           // answers that are remembered; default 20,000
	MaxSize  int           // octets of them, about; default 16 MiB
	MaxBusy  int           // questions under way at once; default 256. Others wait
	Now      func() time.Time
}

// Resolver answers questions. It may be used by several goroutines at once.
type Resolver struct {
	Config
	cache  cache
	busy   chan struct{}
	flight flight
	first  atomic.Uint32 // the server that answered last, which is asked first
}

// New returns a Resolver, or an error that says which setting is wrong.
func New(c Config) (*Resolver, error) {
	servers := make([]string, 0, len(c.Servers))
	for _, s := range c.Servers {
		a, err := serverAddress(s)
		if err != nil {
			return nil, err
		}
		servers = append(servers, a)
	}
	if len(servers) == 0 {
		system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			return nil, fmt.Errorf("none is set, and those of this machine can't be read: %w", err)
		}
		for _, s := range system.Servers {
			servers = append(servers, net.JoinHostPort(s, system.Port))
		}
		if len(servers) == 0 {
			return nil, errors.New("/etc/resolv.conf names no DNS server")
		}
	}
	c.Servers = servers
	defaults(&c.Timeout, 2*time.Second)
	defaults(&c.Rounds, 2)
	defaults(&c.MaxTTL, time.Hour)
	defaults(&c.MinTTL, 5*time.Second)
	defaults(&c.MaxNames, 20_000)
	defaults(&c.MaxSize, 16<<20)
	defaults(&c.MaxBusy, 256)
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Resolver{Config: c, busy: make(chan struct{}, c.MaxBusy)}
	r.cache.entries, r.cache.maxNames, r.cache.maxSize = make(map[question]*entry), c.MaxNames, c.MaxSize
	r.flight.calls = make(map[question]*call)
	return r, nil
}

// serverAddress completes what a person writes to host:port.
func serverAddress(s string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPortFrom(ip, 53).String(), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 {
		return ap.String(), nil
	}
	return "", fmt.Errorf("DNS server %q is neither an IP address nor IP:PORT", s)
}

// defaults sets what is zero or below.
func defaults[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Answer is what is known about one name and type: at least one record.
type Answer struct {
	Records       []dns.RR      // of the type that was asked for, in the server's order; nobody may change them
	Name          string        // that the records are of, after aliases, in lower case with a final dot
	Authenticated bool          // the AD bit
	TTL           time.Duration // what is left of it: that of the shortest-lived record on the way
}

// question is what an answer is remembered by.
type question struct {
	name string // in lower case, with a final dot, escaped as in a zone file
	kind uint16
}

// Lookup asks for the records of one type, such as dns.TypeMX. A name that cannot be in DNS at all is not found.
func (r *Resolver) Lookup(ctx context.Context, name string, kind uint16) (Answer, error) {
	full, ok := wireName(name)
	if !ok {
		return Answer{}, notFound(name, "no such name is possible")
	}
	q := question{full, kind}
	if e, ok := r.cache.get(q, r.Now()); ok {
		return e.answer(name, r.Now())
	}
	if ctx.Err() != nil {
		return Answer{}, temporary(name, ctx.Err())
	}
	e, err := r.flight.do(ctx, q, r.fetch)
	if err != nil {
		return Answer{}, temporary(name, err)
	}
	return e.answer(name, r.Now())
}

// fetch asks the servers and remembers the answer. It never fails: that nobody answered is an entry, too, and remembered for a moment so that
// a hostile sender with a dead server of his own does not keep us asking.
func (r *Resolver) fetch(q question) *entry {
	// Not the context of whoever asked: others may be waiting for the same by now.
	ctx, cancel := context.WithTimeout(context.Background(), r.patience())
	defer cancel()
	var e *entry
	select {
	case r.busy <- struct{}{}:
		e = r.ask(ctx, q)
		<-r.busy
	case <-ctx.Done():
		return &entry{failure: ctx.Err()} // it was not asked, so nothing is known of the servers
	}
	e.ttl = max(min(e.ttl, r.MaxTTL), r.MinTTL)
	if e.failure != nil {
		e.ttl = r.MinTTL
	}
	e.until = r.Now().Add(e.ttl)
	r.cache.put(q, e, r.Now())
	return e
}

// patience is the most that one question may take, all servers, rounds and aliases together.
func (r *Resolver) patience() time.Duration {
	return time.Duration(r.Rounds*len(r.Servers)+1) * r.Timeout
}

// entry is one remembered answer, or that there is none.
type entry struct {
	records       []dns.RR
	name          string
	authenticated bool
	ttl           time.Duration
	missing       string // why there are no records; empty where there are
	failure       error  // why nobody knows
	until         time.Time
	size          int

	q            question // for the cache's list
	older, newer *entry
}

func (e *entry) answer(name string, now time.Time) (Answer, error) {
	switch {
	case e.failure != nil:
		return Answer{}, temporary(name, e.failure)
	case e.missing != "":
		return Answer{}, notFound(name, e.missing)
	}
	return Answer{Records: e.records, Name: e.name, Authenticated: e.authenticated, TTL: max(0, min(e.ttl, e.until.Sub(now)))}, nil
}

func notFound(name, why string) error {
	return &net.DNSError{Err: why, Name: name, IsNotFound: true}
}

func temporary(name string, err error) error {
	return &net.DNSError{
		Err: err.Error(), Name: name, IsTemporary: true,
		IsTimeout: errors.Is(err, context.DeadlineExceeded), UnwrapErr: err,
	}
}

// wireName returns a name in lower case with a final dot, with odd octets escaped so that they are themselves and not syntax. It
// reports false for what does not fit into a question (RFC 1035, section 2.3.4).
func wireName(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > 253 {
		return "", false
	}
	var b strings.Builder
	b.Grow(len(name) + 1)
	label := 0
	for i := range len(name) {
		c := name[i]
		if c == '.' {
			if label == 0 {
				return "", false
			}
			label = -1
		}
		if label++; label > 63 {
			return "", false
		}
		escapeOctet(&b, c)
	}
	if label == 0 {
		return "", false
	}
	b.WriteByte('.')
	return b.String(), true
}

// escapeOctet writes one octet of a name in lower case, escaped as in a zone file if it could be taken for syntax.
func escapeOctet(b *strings.Builder, c byte) {
	switch {
	case 'A' <= c && c <= 'Z':
		b.WriteByte(c + 'a' - 'A')
	case c <= ' ' || c >= 0x7f || strings.IndexByte(`\"();@$`, c) >= 0:
		fmt.Fprintf(b, `\%03d`, c)
	default:
		b.WriteByte(c)
	}
}
