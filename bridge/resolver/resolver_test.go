package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/bridge/resolver/dnstest"
)

const zone = `
example.org.       300 IN TXT  "v=spf1 ip4:192.0.2.1" " -all"
example.org.       300 IN TXT  "a \"quoted\" one; with \195\164"
example.org.           IN MX   20 b.example.org.
example.org.           IN MX   10 a.example.org.
a.example.org.         IN A    192.0.2.1
a.example.org.         IN AAAA 2001:db8::1
four.example.org.      IN A    192.0.2.4
alias.example.org. 60  IN CNAME second.example.org.
second.example.org.    IN CNAME a.example.org.
loop.example.org.      IN CNAME pool.example.org.
pool.example.org.      IN CNAME loop.example.org.
nowhere.example.org.   IN CNAME gone.example.org.
1.2.0.192.in-addr.arpa. IN PTR a.example.org.
`

// clock is a time that the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func start(t testing.TB, c Config) (*Resolver, *dnstest.Server, *clock) {
	t.Helper()
	server, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	now := &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	c.Servers, c.Now = append(c.Servers, server.Addr), now.now
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, server, now
}

func TestLookups(t *testing.T) {
	r, server, _ := start(t, Config{})
	ctx := t.Context()
	for range 2 {
		texts, err := r.LookupTXT(ctx, "Example.ORG")
		if err != nil || len(texts) != 2 || texts[0] != "v=spf1 ip4:192.0.2.1 -all" || texts[1] != `a "quoted" one; with ä` {
			t.Errorf("TXT: got %q, %v", texts, err)
		}
		mxs, err := r.LookupMX(ctx, "example.org.")
		if err != nil || len(mxs) != 2 || mxs[0].Host != "a.example.org." || mxs[1].Pref != 20 {
			t.Errorf("MX: got %v, %v", mxs, err)
		}
		ips, err := r.LookupIPAddr(ctx, "alias.example.org")
		if err != nil || fmt.Sprint(ips) != "[{192.0.2.1 } {2001:db8::1 }]" {
			t.Errorf("addresses through an alias: got %v, %v", ips, err)
		}
		if ips, err = r.LookupIPAddr(ctx, "four.example.org"); err != nil || len(ips) != 1 {
			t.Errorf("IPv4 alone: got %v, %v", ips, err)
		}
		names, err := r.LookupAddr(ctx, "::ffff:192.0.2.1")
		if err != nil || len(names) != 1 || names[0] != "a.example.org." {
			t.Errorf("PTR: got %v, %v", names, err)
		}
	}
	if n := server.Asked("example.org"); n != 2 {
		t.Errorf("asked %d times about example.org, want once for each type", n)
	}
}

func TestNotFound(t *testing.T) {
	r, server, now := start(t, Config{})
	for _, name := range []string{
		"gone.example.org", "four.example.org", "nowhere.example.org", "", ".", "a..b", strings.Repeat("a", 64) + ".example",
		strings.Repeat("a.", 127) + "example",
	} {
		for range 2 {
			if _, err := r.LookupTXT(t.Context(), name); !IsNotFound(err) {
				t.Errorf("%q: got %v, want that it's not there", name, err)
			}
		}
	}
	if n := server.Asked("four.example.org"); n != 1 {
		t.Errorf("asked %d times, want the negative answer to be remembered", n)
	}
	now.pass(31 * time.Second) // the SOA's minimum is 30
	if _, err := r.LookupTXT(t.Context(), "four.example.org"); !IsNotFound(err) {
		t.Errorf("got %v", err)
	}
	if n := server.Asked("four.example.org"); n != 2 {
		t.Errorf("asked %d times, want the negative answer to be forgotten", n)
	}
}

func TestTTL(t *testing.T) {
	r, server, now := start(t, Config{})
	server.Verify()
	a, err := r.Lookup(t.Context(), "alias.example.org", dns.TypeA)
	if err != nil || a.TTL != time.Minute || !a.Authenticated || a.Name != "a.example.org." {
		t.Errorf("got %+v, %v, want the shortest TTL on the way and the AD bit", a, err)
	}
	now.pass(45 * time.Second)
	if a, err = r.Lookup(t.Context(), "alias.example.org", dns.TypeA); err != nil || a.TTL != 15*time.Second {
		t.Errorf("got a TTL of %s, %v, want what is left", a.TTL, err)
	}
	now.pass(15 * time.Second)
	if _, err = r.Lookup(t.Context(), "alias.example.org", dns.TypeA); err != nil || server.Asked("alias.example.org") != 2 {
		t.Errorf("asked %d times, %v, want that it was asked again", server.Asked("alias.example.org"), err)
	}
	if a, err = r.Lookup(t.Context(), "a.example.org", dns.TypeA); err != nil || a.TTL != time.Hour {
		t.Errorf("got %s, %v", a.TTL, err)
	}
}

func TestTemporary(t *testing.T) {
	r, server, now := start(t, Config{Timeout: 20 * time.Millisecond, Rounds: 1})
	server.Answer("broken.example.org", dns.RcodeServerFailure)
	server.Answer("refused.example.org", dns.RcodeRefused)
	server.Silence("silent.example.org")
	for _, name := range []string{"broken.example.org", "refused.example.org", "silent.example.org", "loop.example.org"} {
		for range 2 {
			_, err := r.LookupMX(t.Context(), name)
			var d *net.DNSError
			if !errors.As(err, &d) || !d.Temporary() || d.IsNotFound {
				t.Errorf("%s: got %v, want a temporary failure", name, err)
			}
		}
		if n := server.Asked(name); name != "loop.example.org" && n != 1 {
			t.Errorf("%s: asked %d times, want the failure to be remembered for a moment", name, n)
		}
	}
	server.Answer("broken.example.org", dns.RcodeSuccess)
	now.pass(6 * time.Second)
	if _, err := r.LookupMX(t.Context(), "broken.example.org"); !IsNotFound(err) {
		t.Errorf("got %v, want the recovered server's answer", err)
	}
}

func TestAliasesOneByOne(t *testing.T) {
	r, server, _ := start(t, Config{})
	server.Lone()
	ips, err := r.LookupIPAddr(t.Context(), "alias.example.org")
	if err != nil || len(ips) != 2 {
		t.Errorf("got %v, %v", ips, err)
	}
	if _, err := r.LookupIPAddr(t.Context(), "loop.example.org"); err == nil || IsNotFound(err) {
		t.Errorf("a loop: got %v, want a failure", err)
	}
}

func TestSecondServer(t *testing.T) {
	dead, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	r, _, _ := start(t, Config{Servers: []string{dead.LocalAddr().String()}, Timeout: 50 * time.Millisecond})
	if _, err := r.LookupMX(t.Context(), "example.org"); err != nil {
		t.Errorf("got %v, want the second server's answer", err)
	}
	if r.first.Load() != 1 {
		t.Error("the server that answered is not asked first from then on")
	}
}

func TestTruncated(t *testing.T) {
	r, server, _ := start(t, Config{})
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "long.example.org. IN TXT \"%d %s\"\n", i, strings.Repeat("x", 100))
	}
	if err := server.Set(b.String()); err != nil {
		t.Fatal(err)
	}
	texts, err := r.LookupTXT(t.Context(), "long.example.org")
	if err != nil || len(texts) != 40 {
		t.Errorf("got %d records, %v, want all 40 by TCP", len(texts), err)
	}
}

// A liar answers another question than was asked, or with another id, or with garbage.
func TestLiar(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	go func() {
		b := make([]byte, 2048)
		for i := 0; ; i++ {
			n, from, err := socket.ReadFrom(b)
			if err != nil {
				return
			}
			ask := new(dns.Msg)
			if ask.Unpack(b[:n]) != nil {
				continue
			}
			m := new(dns.Msg)
			m.SetReply(ask)
			rr, _ := dns.NewRR("victim.example. 300 IN TXT \"forged\"")
			m.Answer = append(m.Answer, rr)
			switch i % 3 {
			case 0:
				m.Question[0].Name = "other.example."
			case 1:
				m.Response = false
			}
			out, _ := m.Pack()
			if i%3 == 2 {
				out = out[:len(out)-5]
			}
			_, _ = socket.WriteTo(out, from)
		}
	}()
	r, err := New(Config{Servers: []string{socket.LocalAddr().String()}, Timeout: 50 * time.Millisecond, Rounds: 3})
	if err != nil {
		t.Fatal(err)
	}
	if texts, err := r.LookupTXT(t.Context(), "victim.example"); err == nil || IsNotFound(err) {
		t.Errorf("got %q, %v, want a failure", texts, err)
	}
}

// Records without data are no answer, and don't come out as addresses and names that are none.
func TestEmptyRecords(t *testing.T) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: socket, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, ask *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(ask)
		q := ask.Question[0]
		if q.Qtype != dns.TypeTXT {
			m.Answer = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 60}}}
		} else {
			m.Answer = []dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60}}}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = s.ActivateAndServe() }()
	defer func() { _ = s.Shutdown() }()
	r, err := New(Config{Servers: []string{socket.LocalAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	temporary := func(what string, err error) {
		t.Helper()
		if err == nil || IsNotFound(err) || !strings.Contains(err.Error(), "without data") {
			t.Errorf("%s: got %v, want a failure that may pass", what, err)
		}
	}
	addresses, err := r.LookupIPAddr(t.Context(), "a.example.org")
	temporary(fmt.Sprint("addresses ", addresses), err)
	exchangers, err := r.LookupMX(t.Context(), "a.example.org")
	temporary(fmt.Sprint("exchangers ", exchangers), err)
	texts, err := r.LookupTXT(t.Context(), "a.example.org")
	temporary(fmt.Sprint("an alias to nowhere, ", texts), err)
}

func TestTogether(t *testing.T) {
	r, server, _ := start(t, Config{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := r.LookupIPAddr(t.Context(), "a.example.org"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := server.Asked("a.example.org"); n != 2 {
		t.Errorf("asked %d times, want once for A and once for AAAA", n)
	}
}

func TestImpatient(t *testing.T) {
	r, server, _ := start(t, Config{Timeout: 5 * time.Second})
	server.Silence("silent.example.org")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.LookupTXT(ctx, "silent.example.org")
	if !errors.Is(err, context.Canceled) || IsNotFound(err) {
		t.Errorf("got %v, want a temporary failure at once", err)
	}
}

func TestBounds(t *testing.T) {
	r, _, now := start(t, Config{MaxNames: 10, MaxSize: 5000, MaxTTL: 10 * time.Second})
	for i := range 100 {
		_, _ = r.LookupTXT(t.Context(), fmt.Sprintf("n%d.example.org", i))
		if n := len(r.cache.entries); n > 10 || r.cache.size > 5000 {
			t.Fatalf("%d names of %d octets are remembered", n, r.cache.size)
		}
	}
	if a, err := r.Lookup(t.Context(), "a.example.org", dns.TypeA); err != nil || a.TTL != 10*time.Second {
		t.Errorf("got a TTL of %s, %v, want the most that is allowed", a.TTL, err)
	}
	now.pass(time.Hour)
	for i := range 20 {
		_, _ = r.LookupTXT(t.Context(), fmt.Sprintf("m%d.example.org", i))
	}
	sum := 0
	for e := r.cache.ends.newer; e != &r.cache.ends; e = e.newer {
		sum += e.size
	}
	if sum != r.cache.size {
		t.Errorf("the list has %d octets, the count says %d", sum, r.cache.size)
	}
}

func TestServers(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:53", "192.0.2.1:5353": "192.0.2.1:5353", "2001:db8::1": "[2001:db8::1]:53", "[2001:db8::1]": "[2001:db8::1]:53",
		"[2001:db8::1]:5353": "[2001:db8::1]:5353", "dns.example.org": "", "192.0.2.1:": "", "": "", "192.0.2.1:0": "",
	} {
		r, err := New(Config{Servers: []string{s}})
		if (err == nil) != (want != "") || err == nil && r.Servers[0] != want {
			t.Errorf("%q: got %v, %v, want %q", s, r, err, want)
		}
	}
}

func FuzzWireName(f *testing.F) {
	for _, s := range []string{"example.org", "a b.example", "\x00.example", `a\.b`, "ä.example", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, ok := wireName(s)
		if !ok {
			return
		}
		if canonical(name) != name {
			t.Errorf("%q became %q, and that %q", s, name, canonical(name))
		}
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypeTXT)
		b, err := m.Pack()
		if err != nil {
			t.Fatalf("%q became %q, which can't be sent: %v", s, name, err)
		}
		if labels := strings.Count(strings.TrimSuffix(s, "."), ".") + 1; dns.CountLabel(name) != labels {
			t.Errorf("%q became %q, with %d labels and not %d (%x)", s, name, dns.CountLabel(name), labels, b)
		}
	})
}

func FuzzPlainText(f *testing.F) {
	f.Add("a\\032b", "\\\\")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := plainText([]string{a, b}); len(got) > len(a)+len(b) {
			t.Errorf("%q grew to %q", a+b, got)
		}
	})
}

func BenchmarkCached(b *testing.B) {
	r, _, _ := start(b, Config{})
	for b.Loop() {
		if _, err := r.LookupTXT(b.Context(), "example.org"); err != nil {
			b.Fatal(err)
		}
	}
}
