package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/bridge/resolver/dnstest"
	"letterlock/mailout/compose"
	"letterlock/mailout/submit/relaytest"
)

// internet is a small one: DNS, mail servers and a web server at addresses that lead to this machine.
type internet struct {
	tb        testing.TB
	dns       *dnstest.Server
	authority *relaytest.Authority
	keeper    *memory

	mu    sync.Mutex
	at    map[string]string // where an address and port really is
	dials []string
	ahead time.Duration
}

// memory keeps policies and counts.
type memory struct {
	mu       sync.Mutex
	policies map[string]bridge.STSPolicy
	results  []bridge.TLSResult
}

func (m *memory) STSPolicy(_ context.Context, domain string, now time.Time) (bridge.STSPolicy, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.policies[domain]
	if !ok || !now.Before(p.ExpiresAt) {
		return bridge.STSPolicy{}, bridge.ErrNotFound
	}
	return p, nil
}

func (m *memory) SetSTSPolicy(_ context.Context, p bridge.STSPolicy) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.policies[p.Domain] = p
	return nil
}

func (m *memory) AddTLSResults(_ context.Context, all []bridge.TLSResult) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, all...)
	return nil
}

func newInternet(tb testing.TB, zone string) *internet {
	tb.Helper()
	server, err := dnstest.Start(zone)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(server.Close)
	return &internet{
		tb: tb, dns: server, authority: relaytest.NewAuthority(tb), at: map[string]string{},
		keeper: &memory{policies: map[string]bridge.STSPolicy{}},
	}
}

func (w *internet) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *internet) forward(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *internet) zone(text string) {
	w.tb.Helper()
	if err := w.dns.Set(text); err != nil {
		w.tb.Fatal(err)
	}
}

// dial leads addresses to where they really are; nobody is at any other.
func (w *internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dials = append(w.dials, address)
	really := w.at[address]
	w.mu.Unlock()
	if really == "" {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	return (&net.Dialer{}).DialContext(ctx, network, really)
}

func (w *internet) dialled() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.dials
	w.dials = nil
	return all
}

// put has a server be at an address.
func (w *internet) put(address, really string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[address] = really
}

// mailServer runs one at an IP address.
func (w *internet) mailServer(ip string, c relaytest.Config) *relaytest.Relay {
	w.tb.Helper()
	r := relaytest.Start(w.tb, c)
	w.put(net.JoinHostPort(ip, "25"), r.Addr)
	return r
}

// web serves a domain's policy at an IP address.
func (w *internet) web(ip string, certificate *tls.Certificate, serve http.HandlerFunc) *httptest.Server {
	w.tb.Helper()
	s := httptest.NewUnstartedServer(serve)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
	s.Config.ErrorLog = discard()
	s.StartTLS()
	w.tb.Cleanup(s.Close)
	w.put(net.JoinHostPort(ip, "443"), s.Listener.Addr().String())
	return s
}

// direct is a way out into this internet.
func (w *internet) direct(set func(*DirectConfig)) *Direct {
	w.tb.Helper()
	// It forgets at once, so that a test can change its zone.
	r, err := resolver.New(resolver.Config{Servers: []string{w.dns.Addr}, MinTTL: time.Nanosecond, MaxTTL: time.Nanosecond, Timeout: time.Second, Rounds: 1})
	if err != nil {
		w.tb.Fatal(err)
	}
	c := DirectConfig{
		Resolver: r, Keeper: w.keeper, LocalName: "gateway.example", TLS: &tls.Config{RootCAs: w.authority.Pool}, Dial: w.dial, Now: w.now,
		Shuffle:        func(int, func(int, int)) {},
		ConnectTimeout: 3 * time.Second, CommandTimeout: 3 * time.Second, BlockTimeout: 3 * time.Second, FinalTimeout: 3 * time.Second,
	}
	if set != nil {
		set(&c)
	}
	d, err := NewDirect(c)
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { d.Close() })
	return d
}

// bring has one mail for ann@home.example brought, on a connection of its own, and returns what the way was.
func bring(d *Direct, m compose.Mail) (bridge.Path, error) {
	s, err := d.Connect(context.Background(), bridge.DomainOf(m.Recipient))
	if err != nil {
		return bridge.PathUnknown, err
	}
	defer s.Close()
	s.(*session).brief = true
	_, err = s.Send(context.Background(), m)
	return s.Path(), err
}

func notice() compose.Mail {
	m := letter(1)
	m.Form = bridge.FormNotice
	return m
}

func copyNeeding(n bridge.Need) compose.Mail {
	m := letter(2)
	m.Form, m.Need = bridge.FormCopy, n
	return m
}

func asError(tb testing.TB, err error) *Error {
	tb.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		tb.Fatalf("got %v, want an *Error", err)
	}
	return e
}

const oneHost = `home.example. MX 10 mx.home.example.
	mx.home.example. A 9.9.9.1`

func TestExchangers(t *testing.T) {
	for _, tt := range []struct {
		name, zone string
		up         []string // where servers are
		want       []string // which addresses are tried, in this order
		code       int      // of a permanent failure
		temporary  bool
	}{
		{name: "one", zone: oneHost, up: []string{"9.9.9.1"}, want: []string{"9.9.9.1"}},
		{
			name: "the preferred first, and the next where it is down", zone: `home.example. MX 20 b.home.example.
				home.example. MX 5 a.home.example.
				home.example. MX 30 c.home.example.
				a.home.example. A 9.9.9.1
				b.home.example. A 9.9.9.2
				c.home.example. A 9.9.9.3`,
			up: []string{"9.9.9.2", "9.9.9.3"}, want: []string{"9.9.9.1", "9.9.9.2"},
		},
		{
			name: "both kinds of addresses", zone: `home.example. MX 10 mx.home.example.
				mx.home.example. A 9.9.9.1
				mx.home.example. A 9.9.9.2
				mx.home.example. AAAA 2620:fe::1`,
			up: []string{"9.9.9.2"}, want: []string{"2620:fe::1", "9.9.9.1", "9.9.9.2"},
		},
		{name: "no MX", zone: "home.example. A 9.9.9.7", up: []string{"9.9.9.7"}, want: []string{"9.9.9.7"}},
		{name: "an alias", zone: "home.example. MX 10 mx.home.example.\nmx.home.example. CNAME x.host.example.\nx.host.example. A 9.9.9.1", up: []string{"9.9.9.1"}, want: []string{"9.9.9.1"}},
		{name: "a null MX", zone: "home.example. MX 0 .\nhome.example. A 9.9.9.1", up: []string{"9.9.9.1"}, code: 556},
		{name: "a null MX among others counts for nothing", zone: oneHost + "\nhome.example. MX 0 .", up: []string{"9.9.9.1"}, want: []string{"9.9.9.1"}},
		{name: "no such domain", zone: "else.example. A 9.9.9.1", code: 550},
		{name: "a domain without mail", zone: "home.example. TXT \"hello\"", code: 550},
		{name: "a host without an address", zone: "home.example. MX 10 mx.home.example.", temporary: true},
		{name: "nobody there", zone: oneHost, want: []string{"9.9.9.1"}, temporary: true},
		{name: "we are the exchanger", zone: "home.example. MX 10 Gateway.Example.\ngateway.example. A 9.9.9.1", up: []string{"9.9.9.1"}, code: 554},
		{
			name: "we are the second one", zone: oneHost + "\nhome.example. MX 20 mail.ours.example.\nhome.example. MX 30 c.home.example.\nmail.ours.example. A 9.9.9.2\nc.home.example. A 9.9.9.3",
			up: []string{"9.9.9.2", "9.9.9.3"}, want: []string{"9.9.9.1"}, temporary: true,
		},
		{name: "this machine", zone: "home.example. MX 10 mx.home.example.\nmx.home.example. A 127.0.0.1\nmx.home.example. AAAA ::1", up: []string{"127.0.0.1", "::1"}, code: 550},
		{name: "behind a firewall", zone: "home.example. MX 10 mx.home.example.\nmx.home.example. A 10.1.2.3\nmx.home.example. AAAA fd00::1", up: []string{"10.1.2.3"}, code: 550},
		{
			name: "private and public", zone: "home.example. MX 10 mx.home.example.\nmx.home.example. A 192.168.1.1\nmx.home.example. A 9.9.9.1",
			up: []string{"192.168.1.1", "9.9.9.1"}, want: []string{"9.9.9.1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newInternet(t, tt.zone)
			for _, ip := range tt.up {
				w.mailServer(ip, relaytest.Config{})
			}
			d := w.direct(func(c *DirectConfig) { c.Ourselves = []string{"mail.ours.example"} })
			_, err := bring(d, notice())
			var got []string
			for _, a := range w.dialled() {
				host, _, _ := net.SplitHostPort(a)
				if !slices.Contains(got, host) { // TLS that can't be had is followed by a second try in clear
					got = append(got, host)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("tried %q, want %q", got, tt.want)
			}
			switch {
			case tt.code != 0:
				if e := asError(t, err); !e.Permanent || e.Code != tt.code || e.Relay {
					t.Errorf("got %+v, want a permanent %d", e, tt.code)
				}
			case tt.temporary:
				if e := asError(t, err); e.Permanent || !e.Relay {
					t.Errorf("got %+v, want a temporary fault of the next hop", e)
				}
			case err != nil:
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestExchangersThatNobodyKnows(t *testing.T) {
	w := newInternet(t, oneHost)
	w.mailServer("9.9.9.1", relaytest.Config{})
	d := w.direct(nil)
	w.dns.Answer("home.example", dns.RcodeServerFailure)
	if e := asError(t, errOf(bring(d, notice()))); e.Permanent {
		t.Errorf("a mail is lost to DNS that fails: %+v", e)
	}
	w.dns.Answer("home.example", dns.RcodeSuccess)
	w.dns.Answer("mx.home.example", dns.RcodeServerFailure)
	if e := asError(t, errOf(bring(d, notice()))); e.Permanent {
		t.Errorf("a mail is lost to a host that DNS fails for: %+v", e)
	}
	for _, domain := range []string{"", "[9.9.9.1]", "localhost", "-", "a..b", strings.Repeat("a.", 200) + "b"} {
		if s, err := d.Connect(t.Context(), domain); err == nil {
			s.Close()
			t.Errorf("a session for %q", domain)
		}
	}
}

func errOf(_ bridge.Path, err error) error { return err }

// Those that are preferred equally share the load, and a cheaper one is never tried after a dearer one.
func TestExchangersShareTheLoad(t *testing.T) {
	var zone strings.Builder
	for i := range 6 {
		fmt.Fprintf(&zone, "home.example. MX %d m%d.home.example.\n", 10+10*(i/3), i)
	}
	w := newInternet(t, zone.String())
	d := w.direct(func(c *DirectConfig) { c.Shuffle = nil })
	first := map[string]bool{}
	for range 60 {
		e, err := d.exchangers(t.Context(), "home.example")
		if err != nil || len(e.hosts) != 6 {
			t.Fatalf("got %+v, %v", e, err)
		}
		first[e.hosts[0]] = true
		head := slices.Sorted(slices.Values(e.hosts[:3]))
		if !slices.Equal(head, []string{"m0.home.example", "m1.home.example", "m2.home.example"}) {
			t.Fatalf("the first three are %q", head)
		}
	}
	if len(first) != 3 {
		t.Errorf("of three equal ones %d came first within 60 times", len(first))
	}
}

// Without a policy TLS is used where it is there, and what the certificate proves decides what may cross.
func TestOpportunisticTLS(t *testing.T) {
	stranger := relaytest.NewAuthority(t)
	for _, tt := range []struct {
		name   string
		server func(w *internet) relaytest.Config
		path   bridge.Path
		result string
	}{
		{"a valid certificate", func(w *internet) relaytest.Config {
			return relaytest.Config{Certificate: w.authority.Issue(t, 0, "mx.home.example")}
		}, bridge.PathTLS, ""},
		{"a certificate for another name", func(w *internet) relaytest.Config {
			return relaytest.Config{Certificate: w.authority.Issue(t, 0, "home.example")}
		}, bridge.PathEncrypted, "certificate-host-mismatch"},
		{"one that has expired", func(w *internet) relaytest.Config {
			return relaytest.Config{Certificate: w.authority.Issue(t, 48*time.Hour, "mx.home.example")}
		}, bridge.PathEncrypted, "certificate-expired"},
		{"one of nobody known", func(*internet) relaytest.Config {
			return relaytest.Config{Certificate: stranger.Issue(t, 0, "mx.home.example")}
		}, bridge.PathEncrypted, "certificate-not-trusted"},
		{"a self-signed one", func(*internet) relaytest.Config {
			c, _ := relaytest.Certificate(t, "mx.home.example")
			return relaytest.Config{Certificate: c}
		}, bridge.PathEncrypted, "certificate-not-trusted"},
		{"no TLS, or somebody took it away", func(*internet) relaytest.Config { return relaytest.Config{} }, bridge.PathClear, "starttls-not-supported"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newInternet(t, oneHost)
			server := w.mailServer("9.9.9.1", tt.server(w))
			d := w.direct(nil)
			path, err := bring(d, notice())
			if err != nil || path != tt.path {
				t.Fatalf("a notice: got %q, %v, want %q", path, err, tt.path)
			}
			for _, need := range []bridge.Need{bridge.NeedVerified, bridge.NeedTLS, "", "newer"} {
				_, err := bring(d, copyNeeding(need))
				if need.MetBy(tt.path) {
					if err != nil {
						t.Errorf("a copy that needs %q: %v", need, err)
					}
					continue
				}
				if e := asError(t, err); !e.Weak || e.Permanent || e.Relay {
					t.Errorf("a copy that needs %q: got %+v", need, e)
				}
			}
			if _, err := bring(d, copyNeeding(bridge.NeedAny)); err != nil {
				t.Errorf("a copy that needs nothing: %v", err)
			}
			for _, m := range server.Mails() {
				if m.TLS != (tt.path != bridge.PathClear) {
					t.Errorf("it went with TLS: %v", m.TLS)
				}
			}
			if got, want := len(server.Mails()), 2; tt.path != bridge.PathTLS && got != want {
				t.Errorf("%d mails arrived, want %d", got, want)
			}
			if foreseen, err := d.Path(t.Context(), "home.example"); err != nil || foreseen != tt.path {
				t.Errorf("it foretells %q, %v", foreseen, err)
			}
			d.flush(t.Context())
			if r := w.keeper.results; len(r) != 1 || r[0].Result != tt.result || r[0].Policy != "no-policy-found" || r[0].Count < 3 || r[0].Domain != "home.example" || r[0].Host != "mx.home.example" {
				t.Errorf("counted %+v, want %q", r, tt.result)
			}
		})
	}
}

// Who asks before anything was sent is told what a connection proves that is made for it, and the mail that follows has that connection.
func TestForesight(t *testing.T) {
	w := newInternet(t, oneHost+"\nsilent.example. MX 1 mx.silent.example.\nmx.silent.example. A 9.9.9.9")
	server := w.mailServer("9.9.9.1", relaytest.Config{Certificate: w.authority.Issue(t, 0, "mx.home.example")})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w.put("9.9.9.9:25", l.Addr().String()) // takes connections and says nothing
	d := w.direct(nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if path, err := d.Path(t.Context(), "HOME.example."); err != nil || path != bridge.PathTLS {
				t.Errorf("got %q, %v", path, err)
			}
		})
	}
	all.Wait()
	s, err := d.Connect(t.Context(), "home.example")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Send(t.Context(), copyNeeding(bridge.NeedTLS)); err != nil {
		t.Fatal(err)
	}
	if n := server.Connects(); n != 1 {
		t.Errorf("%d connections, want 1 for all", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if path, err := d.Path(ctx, "silent.example"); err == nil {
		t.Errorf("a server that says nothing: got %q", path)
	}
	m := notice()
	m.Recipient = "ann@elsewhere.example"
	if e := asError(t, errSend(s.Send(t.Context(), m))); e.Permanent || e.Code != 0 {
		t.Errorf("a mail for another domain on this connection: %+v", e)
	}
	if n := len(server.Mails()); n != 1 {
		t.Errorf("%d mails arrived, want 1", n)
	}
}

func errSend(_ string, err error) error { return err }

func TestGuard(t *testing.T) {
	g := guard{own: []netip.Addr{netip.MustParseAddr("9.9.9.9")}, allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for ip, want := range map[string]bool{
		"9.9.9.1": true, "2620:fe::1": true, "10.1.2.3": true, "64:ff9b::909:901": true, "2002:909:901::1": true,
		"9.9.9.9": false, "10.2.0.1": false, "127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "::": false, "::1": false, "::ffff:127.0.0.1": false,
		"::ffff:10.2.0.1": false, "::7f00:1": false, "172.16.0.1": false, "192.168.0.1": false, "169.254.169.254": false, "100.64.0.1": false, "224.0.0.1": false,
		"255.255.255.255": false, "fe80::1": false, "fe80::1%eth0": false, "fd00::1": false, "ff02::1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::1": false,
		"64:ff9b::a02:1": false, "192.0.2.1": false, "2001:db8::1": false,
	} {
		if got := g.permits(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: got %v, want %v", ip, got, want)
		}
	}
	if g.permits(netip.Addr{}) {
		t.Error("no address at all is permitted")
	}
}
