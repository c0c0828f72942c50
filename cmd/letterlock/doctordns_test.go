package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/bridge"
	"letterlock/bridge/resolver/dnstest"
	"letterlock/mailout/mtasts"
	"letterlock/mailout/submit/relaytest"
)

// zoneFor is what a clinic that has done everything right publishes, without its keys.
const rightZone = `
clinic.example. MX 10 portal.clinic.example.
clinic.example. TXT "v=spf1 mx -all"
clinic.example. TXT "other=thing"
_dmarc.clinic.example. TXT "v=DMARC1; p=reject"
portal.clinic.example. A 9.9.9.25
portal.clinic.example. AAAA 2001:db8::25
25.9.9.9.in-addr.arpa. PTR portal.clinic.example.
5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR portal.clinic.example.
relay.example. A 9.9.9.26
`

// examine runs one check of a clinic whose zone is given, with lines taken out of it and others put in.
func examine(t *testing.T, check func(context.Context, *patient) []finding, zone string, set func(*Config, *dnstest.Server)) []finding {
	t.Helper()
	server, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := newPatient(t, server, set)
	return check(t.Context(), p)
}

func newPatient(t *testing.T, server *dnstest.Server, set func(*Config, *dnstest.Server)) *patient {
	t.Helper()
	c := defaultConfig()
	c.Domain, c.BaseURL, c.DNS.Servers, c.Relay.Address = "Clinic.example", "https://portal.clinic.example", []string{server.Addr}, "localhost:25"
	c.DNS.Timeout = Duration(100 * time.Millisecond)
	if set != nil {
		set(&c, server)
	}
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	p := &patient{config: c, now: time.Now}
	if f := checkDNS(t.Context(), p); len(f) != 1 || f[0].State != stateOK {
		t.Fatalf("got %+v, want that DNS answers", f)
	}
	return p
}

// without takes the lines of a zone that hold a word out of it.
func without(zone string, words ...string) string {
	lines := slices.DeleteFunc(strings.Split(zone, "\n"), func(line string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) })
	})
	return strings.Join(lines, "\n") + "\n"
}

func TestDoctorLooksIntoDNS(t *testing.T) {
	relay := func(c *Config, _ *dnstest.Server) { c.Relay.Address = "relay.example:587" }
	for _, tt := range []struct {
		name    string
		check   func(context.Context, *patient) []finding
		zone    string
		set     func(*Config, *dnstest.Server)
		want    state
		says    string
		publish string // a line of the records to add
	}{
		{name: "MX", check: checkMX, zone: rightZone, want: stateOK, says: "portal.clinic.example (9.9.9.25, 2001:db8::25)"},
		{name: "MX, none", check: checkMX, zone: without(rightZone, " MX "), want: stateFault, says: "no MX record", publish: "clinic.example.  MX  10 portal.clinic.example."},
		{name: "MX, null", check: checkMX, zone: without(rightZone, " MX ") + "clinic.example. MX 0 .", want: stateFault, says: "takes no mail", publish: "clinic.example.  MX  10 portal.clinic.example."},
		{name: "MX, elsewhere", check: checkMX, zone: without(rightZone, " MX ") + "clinic.example. MX 5 mx.big.example.", want: stateFault, says: "goes to mx.big.example", publish: "clinic.example.  MX  10 portal.clinic.example."},
		{name: "MX, elsewhere and polled", check: checkMX, zone: without(rightZone, " MX ") + "clinic.example. MX 5 mx.big.example.", set: func(c *Config, _ *dnstest.Server) {
			c.SMTP.Listen, c.LMTP.Listen = "", "127.0.0.1:24"
		}, want: stateOK, says: "must come to this gateway"},
		{name: "MX, another name of ours", check: checkMX, zone: without(rightZone, " MX ") + "clinic.example. MX 5 mx.clinic.example.\nmx.clinic.example. A 9.9.9.25", want: stateOK, says: "has an address of portal.clinic.example"},
		{name: "MX without an address", check: checkMX, zone: without(rightZone, " A ", " AAAA "), want: stateFault, says: "no address"},
		{name: "MX, unknown", check: checkMX, zone: rightZone, set: func(_ *Config, s *dnstest.Server) { s.Answer("portal.clinic.example", dns.RcodeServerFailure) }, want: stateWarning, says: "DNS does not answer"},

		{name: "PTR", check: checkPTR, zone: rightZone, want: stateOK, says: "leads back"},
		{name: "PTR, none", check: checkPTR, zone: without(rightZone, " PTR "), want: stateFault, says: "no PTR record"},
		{name: "PTR, none, behind a relay", check: checkPTR, zone: without(rightZone, " PTR "), set: relay, want: stateWarning, says: "no PTR record"},
		{name: "PTR, another's", check: checkPTR, zone: without(rightZone, " PTR ", " AAAA ") + "25.9.9.9.in-addr.arpa. PTR host25.provider.example.", want: stateFault, says: "host25.provider.example, which does not lead back"},

		{name: "SPF", check: checkSPF, zone: rightZone, want: stateOK, says: "lets portal.clinic.example (9.9.9.25)"},
		{name: "SPF, none", check: checkSPF, zone: without(rightZone, "spf1"), want: stateFault, says: "no SPF record", publish: `clinic.example.  TXT  "v=spf1 mx -all"`},
		{name: "SPF, none, with a relay", check: checkSPF, zone: without(rightZone, "spf1"), set: relay, want: stateFault, says: "no SPF record", publish: `clinic.example.  TXT  "v=spf1 mx a:relay.example ~all"`},
		{name: "SPF, two", check: checkSPF, zone: rightZone + `clinic.example. TXT "v=spf1 -all"`, want: stateFault, says: "2 SPF records"},
		{name: "SPF, not for us", check: checkSPF, zone: without(rightZone, "spf1") + `clinic.example. TXT "v=spf1 ip4:9.9.9.1 -all"`, want: stateFault, says: "fail for portal.clinic.example (9.9.9.25)", publish: `clinic.example.  TXT  "v=spf1 ip4:9.9.9.1 a:portal.clinic.example -all"`},
		{name: "SPF, not for the relay", check: checkSPF, zone: rightZone, set: relay, want: stateWarning, says: "relay.example (9.9.9.26)", publish: `clinic.example.  TXT  "v=spf1 mx a:relay.example -all"`},
		{name: "SPF, for a relay's address", check: checkSPF, zone: rightZone, set: func(c *Config, _ *dnstest.Server) { c.Relay.Address = "[2001:db8::99]:25" }, want: stateWarning, says: "2001:db8::99", publish: `clinic.example.  TXT  "v=spf1 mx ip6:2001:db8::99 -all"`},
		{name: "SPF, for everybody", check: checkSPF, zone: without(rightZone, "spf1") + `clinic.example. TXT "v=spf1 +all"`, want: stateFault, says: "everybody may send"},
		{name: "SPF, broken", check: checkSPF, zone: without(rightZone, "spf1") + `clinic.example. TXT "v=spf1 nonsense:x -all"`, want: stateFault, says: "can't be evaluated"},
		{name: "SPF, broken, addresses unknown", check: checkSPF, zone: without(rightZone, "spf1", " A ", " AAAA ") + `clinic.example. TXT "v=spf1 nonsense:x -all"`, want: stateFault, says: "can't be evaluated"},
		{name: "SPF, addresses unknown", check: checkSPF, zone: without(rightZone, " A ", " AAAA "), want: stateOK, says: "can't be seen from here"},
		{name: "SPF, unknown", check: checkSPF, zone: rightZone, set: func(_ *Config, s *dnstest.Server) { s.Answer("portal.clinic.example", dns.RcodeServerFailure) }, want: stateWarning, says: "DNS does not answer"},

		{name: "DMARC", check: checkDMARC, zone: rightZone, want: stateOK, says: "policy is reject"},
		{name: "DMARC, none", check: checkDMARC, zone: without(rightZone, "DMARC1"), want: stateFault, says: "no DMARC record", publish: `_dmarc.clinic.example.  TXT  "v=DMARC1; p=quarantine; rua=mailto:postmaster@clinic.example"`},
		{name: "DMARC that asks for nothing", check: checkDMARC, zone: without(rightZone, "DMARC1") + `_dmarc.clinic.example. TXT "v=DMARC1; p=none"`, want: stateWarning, says: "policy is none", publish: "p=quarantine"},
		{name: "DMARC, two", check: checkDMARC, zone: rightZone + `_dmarc.clinic.example. TXT "v=DMARC1; p=none"`, want: stateFault, says: "2 DMARC records"},
		{name: "DMARC, broken", check: checkDMARC, zone: without(rightZone, "DMARC1") + `_dmarc.clinic.example. TXT "v=DMARC1; p=maybe"`, want: stateFault, says: "can't be read", publish: "p=quarantine"},
		{name: "DMARC of the organization", check: checkDMARC, zone: rightZone + "mail.clinic.example. A 9.9.9.1", set: func(c *Config, _ *dnstest.Server) { c.Domain = "mail.clinic.example" }, want: stateOK, says: "clinic.example"},
		{name: "DMARC of the organization for subdomains", check: checkDMARC, zone: without(rightZone, "DMARC1") + "mail.clinic.example. A 9.9.9.1\n" + `_dmarc.clinic.example. TXT "v=DMARC1; p=reject; sp=none"`, set: func(c *Config, _ *dnstest.Server) { c.Domain = "mail.clinic.example" }, want: stateWarning, says: "policy is none", publish: "_dmarc.mail.clinic.example."},
		{name: "DMARC, unknown", check: checkDMARC, zone: rightZone, set: func(_ *Config, s *dnstest.Server) { s.Silence("_dmarc.clinic.example") }, want: stateWarning, says: "DNS does not answer"},

		{name: "MTA-STS, none", check: checkSTS, zone: rightZone, want: stateOK, says: "no MTA-STS policy"},
		{name: "MTA-STS, misspelt", check: checkSTS, zone: rightZone + `_mta-sts.clinic.example. TXT "v=STS1; id=1"`, want: stateFault, says: "no record of MTA-STS", publish: `_mta-sts.clinic.example.  TXT  "v=STSv1; id=`},
		{name: "MTA-STS, no policy there", check: checkSTS, zone: rightZone + "_mta-sts.clinic.example. TXT \"v=STSv1; id=1\"\nmta-sts.clinic.example. A 127.0.0.1", want: stateFault, says: "can't be had (sts-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found := examine(t, tt.check, tt.zone, tt.set)
			if len(found) == 0 {
				t.Fatal("it found nothing")
			}
			f := found[0]
			var out bytes.Buffer
			if err := f.tell(&environment{stdout: &out}); err != nil {
				t.Fatal(err)
			}
			if f.State != tt.want || !strings.Contains(out.String(), tt.says) {
				t.Errorf("got %s, want %s with %q", out.String(), tt.want, tt.says)
			}
			if !strings.Contains(out.String(), tt.publish) || tt.publish == "" && len(f.Publish) > 0 {
				t.Errorf("got\n%s\nwant the record %q", out.String(), tt.publish)
			}
			if f.State != stateOK && f.Advice == "" {
				t.Errorf("it gives no advice: %s", out.String())
			}
		})
	}
}

// TestDoctorWithoutDNS: one finding says so, and the others say nothing.
func TestDoctorWithoutDNS(t *testing.T) {
	c := defaultConfig()
	c.Domain, c.DNS.Servers, c.DNS.Timeout = "clinic.example", []string{"127.0.0.1:1"}, Duration(50*time.Millisecond)
	p := &patient{config: c, now: time.Now}
	if f := checkDNS(t.Context(), p); len(f) != 1 || f[0].State != stateFault || !strings.Contains(f[0].What, "does not answer") {
		t.Errorf("got %+v", f)
	}
	for _, check := range []func(context.Context, *patient) []finding{checkMX, checkPTR, checkSPF, checkDKIM, checkDMARC, checkSTS, checkServed} {
		if f := check(t.Context(), p); len(f) > 0 {
			t.Errorf("got %+v, want nothing", f)
		}
	}
}

// TestDoctorLooksAtKeys follows keys through a change.
func TestDoctorLooksAtKeys(t *testing.T) {
	t.Chdir(t.TempDir())
	if status, _, stderr := runIt("", "init", "--domain", "clinic.example", "--base-url", "https://portal.clinic.example"); status != exitOK {
		t.Fatal(stderr)
	}
	server, err := dnstest.Start(rightZone)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx := t.Context()
	now := time.Now()
	clock := func() time.Time { return now }
	p := newPatient(t, server, nil)
	if p.kept, err = openKept(ctx, p.config, silent(), clock); err != nil {
		t.Fatal(err)
	}
	defer p.kept.db.Close()
	g, operator := p.kept.gateway, bridge.AsOperator()
	looks := func(records []dnsRecord, wants ...string) {
		t.Helper()
		zone := rightZone
		for _, r := range records {
			zone += r.String() + "\n"
		}
		if err := server.Set(zone); err != nil {
			t.Fatal(err)
		}
		p = &patient{config: p.config, kept: p.kept, now: clock}
		checkDNS(ctx, p) // anew, without what was remembered
		var got []string
		for _, f := range checkDKIM(ctx, p) {
			got = append(got, fmt.Sprintf("%s: %s %s %v", f.State, f.What, f.Advice, f.Publish))
		}
		for i, want := range wants {
			if len(got) != len(wants) || !strings.HasPrefix(got[i], want[:strings.Index(want, ":")]) || !strings.Contains(got[i], want[strings.Index(want, ":")+1:]) {
				t.Errorf("got %q\nwant %q", got, wants)
				return
			}
		}
	}
	pairs := func() []bridge.SigningPair {
		all, err := g.ListSigningPairs(ctx, operator)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	first := keyRecords("clinic.example", pairs()[0])
	looks(nil, "fault:"+first[0].String(), "fault:"+first[1].String())
	looks(first[:1], "ok:is published", "fault:not in DNS")
	looks(first, "ok:is published", "ok:is published")
	wrong := []dnsRecord{first[0], {Name: first[1].Name, Type: "TXT", Value: "v=DKIM1; k=ed25519; p=AAAA"}}
	looks(wrong, "ok:is published", "fault:p= is not this key")

	next, err := g.MakeSigningPair(ctx, operator)
	if err != nil {
		t.Fatal(err)
	}
	second := keyRecords("clinic.example", next)
	looks(first, "warning:"+second[0].String(), "warning:"+second[1].String(), "ok:is published", "ok:is published")
	both := slices.Concat(first, second)
	looks(both, "ok:letterlock dkim switch", "ok:letterlock dkim switch", "ok:is published", "ok:is published")
	if err := g.SwitchSigning(ctx, operator, next.ID); err != nil {
		t.Fatal(err)
	}
	looks(both, "ok:the key that signs", "ok:the key that signs")
	looks(second, "ok:the key that signs", "ok:the key that signs", "warning:leave it published for a week", "warning:leave it published for a week")
	now = now.Add(bridge.SigningRest + time.Hour)
	looks(both, "ok:the key that signs", "ok:the key that signs", "ok:letterlock dkim retire", "ok:letterlock dkim retire")
	if err := g.RetireSigning(ctx, operator, pairs()[1].ID, false); err != nil {
		t.Fatal(err)
	}
	looks(second, "ok:the key that signs", "ok:the key that signs")
	now = now.Add(keyAge)
	looks(second, "ok:the key that signs", "ok:the key that signs", "warning:the same keys sign since")
}

// TestDoctorLooksAtTLS connects to what people and mail servers connect to.
func TestDoctorLooksAtTLS(t *testing.T) {
	ca := relaytest.NewAuthority(t)
	var certificate *tls.Certificate
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil }}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	site := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the portal")
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func() { _ = site.Serve(l) }()
	t.Cleanup(func() { _ = site.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())

	server, err := dnstest.Start("portal.clinic.example. A 127.0.0.1\nclinic.example. MX 10 portal.clinic.example.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := newPatient(t, server, func(c *Config, _ *dnstest.Server) {
		c.BaseURL = "https://portal.clinic.example:" + port
		c.SMTP.Listen, c.LMTP.Listen = "", "127.0.0.1:24"
	})
	p.roots = ca.Pool
	look := func(want state, says string) {
		t.Helper()
		f := checkServed(t.Context(), p)
		if len(f) != 1 || f[0].State != want || !strings.Contains(f[0].What+" "+f[0].Advice, says) {
			t.Errorf("got %+v, want %s with %q", f, want, says)
		}
	}
	certificate = ca.Issue(t, 0, "portal.clinic.example")
	look(stateWarning, "runs out on") // within a day
	p.now = func() time.Time { return time.Now().Add(-certificateNotice + 12*time.Hour) }
	look(stateFault, "look at this machine's clock") // it begins later
	p.now = time.Now
	certificate = ca.Issue(t, 48*time.Hour, "portal.clinic.example")
	look(stateFault, "renew it")
	certificate = ca.Issue(t, 0, "other.example")
	look(stateFault, "get a certificate for portal.clinic.example")
	certificate = relaytest.NewAuthority(t).Issue(t, 0, "portal.clinic.example")
	look(stateFault, "from an authority that everybody trusts")
	_ = site.Close()
	look(stateWarning, "was not reached")
}

// TestDoctorAsksItsOwnDoor begins TLS as another mail server would.
func TestDoctorAsksItsOwnDoor(t *testing.T) {
	ca := relaytest.NewAuthority(t)
	door := relaytest.Start(t, relaytest.Config{Certificate: ca.Issue(t, 0, "portal.clinic.example")})
	server, err := dnstest.Start(rightZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name   string
		set    func(*Config, *dnstest.Server)
		trust  bool
		want   state
		says   string
		silent bool
	}{
		{name: "trusted", set: func(c *Config, _ *dnstest.Server) {
			c.SMTP.Listen, c.SMTP.TLSCert, c.SMTP.TLSKey = door.Addr, "cert", "key"
		}, trust: true, want: stateWarning, says: "runs out on"},
		{name: "not trusted", set: func(c *Config, _ *dnstest.Server) {
			c.SMTP.Listen, c.SMTP.TLSCert, c.SMTP.TLSKey = door.Addr, "cert", "key"
		}, want: stateWarning, says: "most servers deliver mail all the same"},
		{name: "another name", set: func(c *Config, _ *dnstest.Server) {
			c.SMTP.Listen, c.SMTP.Hostname, c.SMTP.TLSCert, c.SMTP.TLSKey = door.Addr, "mx.clinic.example", "cert", "key"
		}, trust: true, want: stateWarning, says: "get a certificate for mx.clinic.example"},
		{name: "not running", set: func(c *Config, _ *dnstest.Server) {
			c.SMTP.Listen, c.SMTP.TLSCert, c.SMTP.TLSKey = "127.0.0.1:1", "cert", "key"
		}, want: stateOK, says: "does not run"},
		{name: "without TLS", set: func(c *Config, _ *dnstest.Server) { c.SMTP.Listen = door.Addr }, want: stateWarning, says: "mail comes in without TLS"},
		{name: "behind a balancer", set: func(c *Config, _ *dnstest.Server) { c.SMTP.ProxyProtocol = []string{"10.0.0.0/8"} }, silent: true},
		{name: "closed", set: func(c *Config, _ *dnstest.Server) { c.SMTP.Listen, c.LMTP.Listen = "", "127.0.0.1:24" }, silent: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPatient(t, server, tt.set)
			p.roots = relaytest.NewAuthority(t).Pool
			if tt.trust {
				p.roots = ca.Pool
			}
			f, tell := p.checkSTARTTLS(t.Context())
			if tell == tt.silent || f.State != tt.want || !strings.Contains(f.What+f.Advice, tt.says) {
				t.Errorf("got %+v, %v", f, tell)
			}
		})
	}
}

// TestDoctorReadsPolicies compares MTA-STS policies with where mail goes.
func TestDoctorReadsPolicies(t *testing.T) {
	server, err := dnstest.Start(rightZone + "clinic.example. MX 20 backup.other.example.")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := newPatient(t, server, nil)
	for policy, want := range map[string]state{
		"mode: enforce\nmx: *.clinic.example\nmx: backup.other.example\n": stateOK,
		"mode: enforce\nmx: portal.clinic.example\n":                      stateFault,
		"mode: testing\nmx: portal.clinic.example\n":                      stateWarning,
		"mode: none\n": stateOK,
	} {
		read, err := mtasts.Parse("version: STSv1\nmax_age: 86400\n" + policy)
		if err != nil {
			t.Fatal(err)
		}
		f := p.checkMatches(t.Context(), read, "there")
		if f.State != want || want != stateOK && !strings.Contains(f.Advice, `"mx: backup.other.example"`) {
			t.Errorf("%q: got %+v", policy, f)
		}
	}
}

func TestWithMechanism(t *testing.T) {
	for in, want := range map[string]string{
		"v=spf1 mx -all":             "v=spf1 mx a:h -all",
		"v=spf1":                     "v=spf1 a:h",
		"v=spf1 redirect=other.test": "v=spf1 a:h redirect=other.test",
		"v=spf1 include:x ?ALL":      "v=spf1 include:x a:h ?ALL",
	} {
		if got := withMechanism(in, "a:h"); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
