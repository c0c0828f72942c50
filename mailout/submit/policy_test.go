package submit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/mailout/submit/relaytest"
)

// announced is the zone of a domain with a policy.
func announced(id string) string {
	return oneHost + "\n_mta-sts.home.example. TXT \"v=STSv1; id=" + id + ";\"\nmta-sts.home.example. A 9.9.9.200"
}

func policy(mode, mx string) string {
	return "version: STSv1\nmode: " + mode + "\nmx: " + mx + "\nmax_age: 86400\n"
}

// say answers with a policy, and counts how often it was asked.
func say(n *atomic.Int32, text func() string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		n.Add(1)
		if r.Host != "mta-sts.home.example" || r.URL.Path != "/.well-known/mta-sts.txt" || r.Method != http.MethodGet {
			http.NotFound(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = rw.Write([]byte(text()))
	}
}

func TestMTASTS(t *testing.T) {
	const mx = "mx.home.example"
	for _, tt := range []struct {
		name, policy string
		certificate  func(w *internet) *tls.Certificate
		path         bridge.Path // empty: nothing must arrive
		result       string
	}{
		{"enforced, and kept to", policy("enforce", mx), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, bridge.PathVerified, ""},
		{"enforced by a pattern", policy("enforce", "*.home.example"), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, bridge.PathVerified, ""},
		{"enforced, by a certificate's pattern", policy("enforce", mx), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, "*.home.example") }, bridge.PathVerified, ""},
		{"enforced, and STARTTLS is taken away", policy("enforce", mx), func(*internet) *tls.Certificate { return nil }, "", "starttls-not-supported"},
		{"enforced, another name", policy("enforce", mx), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, "home.example") }, "", "certificate-host-mismatch"},
		{"enforced, expired", policy("enforce", mx), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 48*time.Hour, mx) }, "", "certificate-expired"},
		{"enforced, self-signed", policy("enforce", mx), func(*internet) *tls.Certificate {
			c, _ := relaytest.Certificate(t, mx)
			return c
		}, "", "certificate-not-trusted"},
		{"enforced, and DNS names another host", policy("enforce", "mx.elsewhere.example"), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, "", "validation-failure"},
		{"enforced, a pattern of another level", policy("enforce", "*.mx.home.example"), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, "", "validation-failure"},
		{"tested, and kept to", policy("testing", mx), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, bridge.PathTLS, ""},
		{"tested, and no TLS", policy("testing", mx), func(*internet) *tls.Certificate { return nil }, bridge.PathClear, "starttls-not-supported"},
		{"tested, and DNS names another host", policy("testing", "mx.elsewhere.example"), func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, bridge.PathTLS, "validation-failure"},
		{"none", "version: STSv1\nmode: none\nmax_age: 86400\n", func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, mx) }, bridge.PathTLS, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newInternet(t, announced("1"))
			server := w.mailServer("9.9.9.1", relaytest.Config{Certificate: tt.certificate(w)})
			var asked atomic.Int32
			w.web("9.9.9.200", w.authority.Issue(t, 0, "mta-sts.home.example"), say(&asked, func() string { return tt.policy }))
			d := w.direct(nil)
			for range 2 {
				path, err := bring(d, notice())
				if path != tt.path || (err == nil) != (tt.path != "") {
					t.Fatalf("got %q, %v, want %q", path, err, tt.path)
				}
				if err != nil {
					if e := asError(t, err); e.Permanent || !e.Relay {
						t.Errorf("got %+v, want that it is tried again", e)
					}
				}
			}
			if tt.path == "" && len(server.Mails()) != 0 {
				t.Error("something arrived")
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("the policy was asked for %d times, want once", n)
			}
			d.flush(t.Context())
			policyType := "sts"
			if tt.name == "none" {
				policyType = "no-policy-found"
			}
			if r := w.keeper.results; len(r) != 1 || r[0].Result != tt.result || r[0].Policy != policyType || r[0].Count != 2 {
				t.Errorf("counted %+v, want %q", r, tt.result)
			}
		})
	}
}

// Once a policy was seen it holds until it expires, whatever somebody in between does to DNS and to the web.
func TestKeptPolicyHolds(t *testing.T) {
	w := newInternet(t, announced("1"))
	w.mailServer("9.9.9.1", relaytest.Config{Certificate: w.authority.Issue(t, 0, "mx.home.example")})
	clear := relaytest.Start(t, relaytest.Config{})
	var asked atomic.Int32
	text := policy("enforce", "mx.home.example")
	web := w.web("9.9.9.200", w.authority.Issue(t, 0, "mta-sts.home.example"), say(&asked, func() string { return text }))
	good := w.at["9.9.9.1:25"]
	verified := func(when string) {
		t.Helper()
		// Another process, with nothing in memory: only what was kept counts.
		path, err := bring(w.direct(nil), notice())
		if err != nil || path != bridge.PathVerified {
			t.Errorf("%s: got %q, %v", when, path, err)
		}
		w.put("9.9.9.1:25", clear.Addr)
		if path, err := bring(w.direct(nil), notice()); err == nil {
			t.Errorf("%s: it went without TLS (%q)", when, path)
		}
		w.put("9.9.9.1:25", good)
	}
	verified("at first")
	w.zone(oneHost)
	verified("the record is gone")
	w.zone(announced("2") + "\n_mta-sts.home.example. TXT \"v=STSv1; id=3;\"")
	verified("there are two records")
	w.dns.Answer("_mta-sts.home.example", dns.RcodeServerFailure)
	verified("DNS fails")
	w.dns.Answer("_mta-sts.home.example", dns.RcodeSuccess)
	w.zone(announced("4"))
	text = "<html>"
	verified("a new one can't be read")
	text = policy("none", "x.example")
	w.put("9.9.9.200:443", relaytest.Start(t, relaytest.Config{}).Addr)
	verified("a new one can't be fetched")
	w.put("9.9.9.200:443", web.Listener.Addr().String())

	w.forward(25 * time.Hour)
	w.zone(oneHost)
	if path, err := bring(w.direct(nil), notice()); err == nil && path == bridge.PathVerified {
		t.Errorf("it holds although it has expired: %q, %v", path, err)
	}
	w.forward(-25 * time.Hour)
	// The domain itself may take its policy back, by another one.
	w.zone(announced("5"))
	w.put("9.9.9.1:25", clear.Addr)
	if path, err := bring(w.direct(nil), notice()); err != nil || path != bridge.PathClear {
		t.Errorf("the domain took its policy back: got %q, %v", path, err)
	}
	// Who uses a policy daily renews it long before it expires.
	w.zone(announced("6"))
	text = policy("enforce", "mx.home.example")
	w.put("9.9.9.1:25", good)
	verified("it is back")
	w.forward(13 * time.Hour)
	verified("half of its time is over, and it is fetched again")
	w.put("9.9.9.200:443", "")
	w.forward(23 * time.Hour)
	verified("a day and a half after it was first seen, and it can't be fetched any more")
}

// unsigned takes the AD bit off the answers of one type.
type unsigned struct {
	Resolver
	kind uint16
}

func (u unsigned) Lookup(ctx context.Context, name string, kind uint16) (resolver.Answer, error) {
	a, err := u.Resolver.Lookup(ctx, name, kind)
	a.Authenticated = a.Authenticated && kind != u.kind
	return a, err
}

// DNSSEC must hold all the way: somebody who can forge any one of the answers could else bring in records of their own.
func TestDANENeedsAllToBeSigned(t *testing.T) {
	selfSigned, _ := relaytest.Certificate(t, "mx.home.example")
	for kind, want := range map[uint16]bridge.Path{
		dns.TypeNULL: bridge.PathVerified, dns.TypeMX: bridge.PathEncrypted, dns.TypeA: bridge.PathEncrypted, dns.TypeTLSA: bridge.PathEncrypted,
	} {
		w := newInternet(t, oneHost+tlsaOf(t, "mx.home.example", 3, 1, 1, selfSigned.Leaf))
		w.dns.Verify()
		w.mailServer("9.9.9.1", relaytest.Config{Certificate: selfSigned})
		path, err := bring(w.direct(func(c *DirectConfig) { c.Validates, c.Resolver = true, unsigned{c.Resolver, kind} }), notice())
		if err != nil || path != want {
			t.Errorf("without a signature on %s: got %q, %v, want %q", dns.TypeToString[kind], path, err, want)
		}
	}
}

// A policy that is announced and can't be had protects nobody yet, and nobody waits for it again and again.
func TestPolicyThatCannotBeHad(t *testing.T) {
	stranger := relaytest.NewAuthority(t)
	for _, tt := range []struct {
		name        string
		serve       http.HandlerFunc
		certificate func(w *internet) *tls.Certificate
		ip, result  string
	}{
		{name: "not found", serve: http.NotFound, result: "sts-policy-fetch-error"},
		{name: "sent elsewhere", serve: func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "there") {
				rw.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(rw, policy("enforce", "mx.home.example"))
				return
			}
			http.Redirect(rw, r, "/there", http.StatusMovedPermanently)
		}, result: "sts-policy-fetch-error"},
		{name: "HTML", serve: func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprint(rw, policy("enforce", "mx.home.example"))
		}, result: "sts-policy-invalid"},
		{name: "without end", serve: func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(rw, policy("enforce", "mx.home.example"))
			for range 10_000 {
				if _, err := fmt.Fprint(rw, strings.Repeat("x: y\n", 1000)); err != nil {
					return
				}
			}
		}, result: "sts-policy-invalid"},
		{name: "a certificate of another host", certificate: func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, "home.example") }, result: "sts-webpki-invalid"},
		{name: "a certificate of nobody known", certificate: func(*internet) *tls.Certificate { return stranger.Issue(t, 0, "mta-sts.home.example") }, result: "sts-webpki-invalid"},
		{name: "behind a firewall", ip: "10.0.0.1", result: "sts-policy-fetch-error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newInternet(t, announced("1"))
			if tt.ip == "" {
				tt.ip = "9.9.9.200"
			}
			w.zone(strings.ReplaceAll(announced("1"), "9.9.9.200", tt.ip))
			server := w.mailServer("9.9.9.1", relaytest.Config{Certificate: w.authority.Issue(t, 0, "mx.home.example")})
			if tt.certificate == nil {
				tt.certificate = func(w *internet) *tls.Certificate { return w.authority.Issue(t, 0, "mta-sts.home.example") }
			}
			var asked atomic.Int32
			if tt.serve == nil {
				tt.serve = say(&asked, func() string { return policy("enforce", "mx.home.example") })
			}
			serve := tt.serve
			w.web(tt.ip, tt.certificate(w), func(rw http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				serve(rw, r)
			})
			d := w.direct(nil)
			for range 3 {
				if path, err := bring(d, notice()); err != nil || path != bridge.PathTLS {
					t.Fatalf("got %q, %v, want %q", path, err, bridge.PathTLS)
				}
			}
			if n := asked.Load(); n > 1 {
				t.Errorf("it was asked for %d times, want once", n)
			}
			d.flush(t.Context())
			found := false
			for _, r := range w.keeper.results {
				found = found || r.Result == tt.result && r.Policy == "sts"
			}
			if !found || len(server.Mails()) != 3 {
				t.Errorf("counted %+v, want %q; %d mails", w.keeper.results, tt.result, len(server.Mails()))
			}
			for _, a := range w.dialled() {
				if strings.HasPrefix(a, "10.") {
					t.Errorf("connected to %s", a)
				}
			}
		})
	}
}

// tlsaOf is a TLSA record of the host.
func tlsaOf(tb testing.TB, host string, usage, selector, matching uint8, c *x509.Certificate) string {
	tb.Helper()
	text, err := dns.CertificateToDANE(selector, matching, c)
	if err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("\n_25._tcp.%s. TLSA %d %d %d %s", host, usage, selector, matching, text)
}

func TestDANE(t *testing.T) {
	const mx = "mx.home.example"
	selfSigned, _ := relaytest.Certificate(t, "whatever.example")
	other, _ := relaytest.Certificate(t, mx)
	issuer := relaytest.NewAuthority(t) // nobody's machine knows it
	issued := issuer.Issue(t, 0, mx)
	misnamed := issuer.Issue(t, 0, "mx.elsewhere.example")
	for _, tt := range []struct {
		name        string
		zone        string
		certificate *tls.Certificate // nil: no TLS
		unsigned    bool             // DNS has no AD bit
		untrusted   bool             // and we would not believe it
		failing     bool             // the TLSA records can't be had
		path        bridge.Path      // empty: nothing must arrive
		policy      string
	}{
		{name: "its own key", zone: tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), certificate: selfSigned, path: bridge.PathVerified, policy: "tlsa"},
		{name: "its own certificate", zone: tlsaOf(t, mx, 3, 0, 2, selfSigned.Leaf), certificate: selfSigned, path: bridge.PathVerified, policy: "tlsa"},
		{name: "its issuer", zone: tlsaOf(t, mx, 2, 0, 1, issuer.Certificate), certificate: issued, path: bridge.PathVerified, policy: "tlsa"},
		{name: "its issuer, another name", zone: tlsaOf(t, mx, 2, 0, 1, issuer.Certificate), certificate: misnamed, policy: "tlsa"},
		{name: "another key", zone: tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), certificate: other, policy: "tlsa"},
		{name: "the key before, and the one now", zone: tlsaOf(t, mx, 3, 1, 1, other.Leaf) + tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), certificate: selfSigned, path: bridge.PathVerified, policy: "tlsa"},
		{name: "TLS is taken away", zone: tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), policy: "tlsa"},
		{name: "records of no use, and TLS", zone: tlsaOf(t, mx, 1, 1, 1, selfSigned.Leaf), certificate: selfSigned, path: bridge.PathEncrypted, policy: "tlsa"},
		{name: "records of no use, and no TLS", zone: tlsaOf(t, mx, 1, 1, 1, selfSigned.Leaf), policy: "tlsa"},
		{name: "records that nobody signed", zone: tlsaOf(t, mx, 3, 1, 1, other.Leaf), certificate: selfSigned, unsigned: true, path: bridge.PathEncrypted, policy: "no-policy-found"},
		{name: "a resolver that is not believed", zone: tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), certificate: selfSigned, untrusted: true, path: bridge.PathEncrypted, policy: "no-policy-found"},
		{name: "records that can't be had", zone: tlsaOf(t, mx, 3, 1, 1, selfSigned.Leaf), certificate: selfSigned, failing: true, policy: "tlsa"},
		{name: "none", certificate: selfSigned, path: bridge.PathEncrypted, policy: "no-policy-found"},
		{name: "of another host", zone: tlsaOf(t, "mx.elsewhere.example", 3, 1, 1, selfSigned.Leaf), certificate: selfSigned, path: bridge.PathEncrypted, policy: "no-policy-found"},
		{name: "of another port", zone: strings.ReplaceAll(tlsaOf(t, mx, 3, 1, 1, other.Leaf), "_25.", "_465."), certificate: selfSigned, path: bridge.PathEncrypted, policy: "no-policy-found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newInternet(t, oneHost+tt.zone)
			if !tt.unsigned {
				w.dns.Verify()
			}
			if tt.failing {
				w.dns.Answer("_25._tcp."+mx, dns.RcodeServerFailure)
			}
			server := w.mailServer("9.9.9.1", relaytest.Config{Certificate: tt.certificate})
			d := w.direct(func(c *DirectConfig) { c.Validates = !tt.untrusted })
			path, err := bring(d, notice())
			if path != tt.path || (err == nil) != (tt.path != "") {
				t.Fatalf("got %q, %v, want %q", path, err, tt.path)
			}
			if tt.path == "" && (len(server.Mails()) != 0 || asError(t, err).Permanent) {
				t.Errorf("%d mails arrived, %v", len(server.Mails()), err)
			}
			_, err = bring(d, copyNeeding(bridge.NeedVerified))
			if (err == nil) != (tt.path == bridge.PathVerified) {
				t.Errorf("a copy that needs a verified path: %v", err)
			}
			d.flush(t.Context())
			if r := w.keeper.results; len(r) != 1 || r[0].Policy != tt.policy || (r[0].Result == "") != (tt.path == bridge.PathVerified) {
				t.Errorf("counted %+v, want %q", r, tt.policy)
			}
		})
	}
}

// DANE does not give way to MTA-STS, and MTA-STS holds where there is no DANE (RFC 8461, section 2).
func TestDANEAndMTASTS(t *testing.T) {
	w := newInternet(t, "")
	w.dns.Verify()
	valid := w.authority.Issue(t, 0, "mx.home.example")
	selfSigned, _ := relaytest.Certificate(t, "mx.home.example")
	var asked atomic.Int32
	w.web("9.9.9.200", w.authority.Issue(t, 0, "mta-sts.home.example"), say(&asked, func() string { return policy("enforce", "mx.home.example") }))
	for _, tt := range []struct {
		name        string
		zone        string
		certificate *tls.Certificate
		path        bridge.Path
	}{
		{"valid, and not what DANE says", tlsaOf(t, "mx.home.example", 3, 1, 1, selfSigned.Leaf), valid, ""},
		{"what DANE says, and not valid", tlsaOf(t, "mx.home.example", 3, 1, 1, selfSigned.Leaf), selfSigned, bridge.PathVerified},
		{"no DANE, valid", "", valid, bridge.PathVerified},
		{"no DANE, not valid", "", selfSigned, ""},
	} {
		w.zone(announced("1") + tt.zone)
		w.mailServer("9.9.9.1", relaytest.Config{Certificate: tt.certificate})
		path, err := bring(w.direct(func(c *DirectConfig) { c.Validates = true }), notice())
		if path != tt.path || (err == nil) != (tt.path != "") {
			t.Errorf("%s: got %q, %v, want %q", tt.name, path, err, tt.path)
		}
	}
}

// The records of an exchanger that is an alias are those of the name behind it, if DNSSEC proves the alias, else its own (RFC 7672, section 2.2.2).
func TestDANEBehindAnAlias(t *testing.T) {
	selfSigned, _ := relaytest.Certificate(t, "whatever.example")
	for _, owner := range []string{"x.host.example", "mx.home.example"} {
		w := newInternet(t, "home.example. MX 10 mx.home.example.\nmx.home.example. CNAME x.host.example.\nx.host.example. A 9.9.9.1"+tlsaOf(t, owner, 3, 1, 1, selfSigned.Leaf))
		w.dns.Verify()
		w.mailServer("9.9.9.1", relaytest.Config{Certificate: selfSigned})
		path, err := bring(w.direct(func(c *DirectConfig) { c.Validates = true }), notice())
		if err != nil || path != bridge.PathVerified {
			t.Errorf("records of %s: got %q, %v", owner, path, err)
		}
	}
}
