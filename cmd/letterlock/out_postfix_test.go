package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/bridge/resolver/dnstest"
	"letterlock/mailout/submit/postfixtest"
	"letterlock/mailout/submit/relaytest"
)

// nextHop starts a real Postfix at an address, with a certificate and settings, which hands everything on to the relay of p.
func nextHop(t *testing.T, p *process, addr string, certificate *tls.Certificate, settings ...string) {
	t.Helper()
	chain, key := relaytest.PEM(t, certificate)
	postfixtest.Start(t, postfixtest.Config{Addr: addr, Next: p.relay.addr, Chain: append(key, chain...), Settings: append(settings, "myhostname=next.example")})
}

// passwords is Dovecot's side of its authentication protocol, with which Postfix asks whether somebody may sign in: one user, one password.
func passwords(t *testing.T, mechanism, user, password string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go judgePasswords(c, mechanism, user, password)
		}
	}()
	return l.Addr().String()
}

func judgePasswords(c net.Conn, mechanism, user, password string) {
	defer c.Close()
	fmt.Fprintf(c, "VERSION\t1\t2\nMECH\t%s\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n", mechanism)
	asked := map[string][]string{} // what each request was told, in LOGIN
	for lines := bufio.NewScanner(c); lines.Scan(); {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) < 3 || parts[0] != "AUTH" && parts[0] != "CONT" {
			continue
		}
		id, response := parts[1], ""
		if parts[0] == "CONT" {
			response = parts[2]
		}
		for _, part := range parts {
			if rest, ok := strings.CutPrefix(part, "resp="); ok {
				response = rest
			}
		}
		said, _ := base64.StdEncoding.DecodeString(response)
		good := false
		if mechanism == "PLAIN" {
			good = string(said) == "\x00"+user+"\x00"+password
		} else {
			if parts[0] == "CONT" {
				asked[id] = append(asked[id], string(said))
			}
			if n := len(asked[id]); n < 2 {
				fmt.Fprintf(c, "CONT\t%s\t%s\n", id, base64.StdEncoding.EncodeToString([]byte([]string{"Username:", "Password:"}[n])))
				continue
			}
			good = asked[id][0] == user && asked[id][1] == password
		}
		if good {
			fmt.Fprintf(c, "OK\t%s\tuser=%s\n", id, user)
		} else {
			fmt.Fprintf(c, "FAIL\t%s\tuser=%s\n", id, user)
		}
	}
}

// fate is what the API says of the only delivery of a thread's first message.
type fate struct{ State, Form, Why, Diagnostic string }

// fate waits until the delivery was tried.
func (p *process) fate(thread string) fate {
	p.t.Helper()
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(150 * time.Millisecond) {
		_, answer := p.call(http.MethodGet, "/threads/"+thread, "")
		var read struct {
			Messages []struct{ Deliveries []fate }
		}
		if err := json.Unmarshal(answer, &read); err != nil || len(read.Messages) != 1 || len(read.Messages[0].Deliveries) != 1 {
			p.t.Fatalf("read a thread: %s", answer)
		}
		if f := read.Messages[0].Deliveries[0]; f.State != "queued" {
			return f
		}
	}
	p.t.Fatalf("no mail was tried:\n%s", p.logged())
	return fate{}
}

// write begins a thread with somebody and returns its id.
func (p *process) write(contact string) string {
	p.t.Helper()
	status, answer := p.call(http.MethodPost, "/threads", fmt.Sprintf(`{"subject":"CANARY subject","text":"CANARY text","contacts":[{"address":%q}]}`, contact))
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || status >= 300 {
		p.t.Fatalf("start a thread: %d %s", status, answer)
	}
	return made.ID
}

// arrived returns the mails that came through to somebody, once there is one.
func (p *process) arrived(contact string) []byte {
	p.t.Helper()
	var all []byte
	if !p.relay.wait(func() bool {
		all = nil
		for _, m := range p.relay.mails {
			if m.to == contact {
				all = append(all, m.data...)
			}
		}
		return all != nil
	}) {
		p.t.Fatalf("nothing came to %s:\n%s", contact, p.logged())
	}
	return all
}

// Postfix is the relay, with TLS and a password. What it proves decides what leaves.
func TestPostfixAsRelay(t *testing.T) {
	t.Parallel()
	postfixtest.Need(t)
	authority := relaytest.NewAuthority(t)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, mechanism, need, tls, certified, password, form, why string }{
		{name: "PLAIN", mechanism: "PLAIN", need: "tls", tls: "required", certified: "localhost", password: "open sesame", form: "copy"},
		{name: "LOGIN", mechanism: "LOGIN", need: "tls", tls: "required", certified: "localhost", password: "open sesame", form: "copy"},
		{name: "no REQUIRETLS", mechanism: "PLAIN", need: "verified", tls: "required", certified: "localhost", password: "open sesame", form: "notice", why: "REQUIRETLS"},
		{name: "another name", mechanism: "PLAIN", need: "tls", tls: "required", certified: "elsewhere.example", password: "open sesame"},
		{name: "a wrong password", mechanism: "PLAIN", need: "tls", tls: "required", certified: "localhost", password: "wrong"},
		{name: "another name, and that is all right", need: "tls", tls: "opportunistic", certified: "elsewhere.example", form: "notice", why: "certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			addr, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(addr)
			settings := []string{
				"SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir(), "LETTERLOCK_RELAY_ADDRESS=localhost:" + port,
				"LETTERLOCK_RELAY_TLS=" + tt.tls, "LETTERLOCK_COPIES_NEED=" + tt.need,
			}
			main := []string{"mynetworks=127.0.0.0/8"}
			if tt.mechanism != "" {
				settings = append(settings, "LETTERLOCK_RELAY_USERNAME=gateway", "LETTERLOCK_RELAY_PASSWORD="+tt.password)
				main = []string{
					"mynetworks=", "smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=dovecot", "smtpd_sasl_path=inet:" + passwords(t, tt.mechanism, "gateway", "open sesame"),
					"smtpd_tls_auth_only=yes", "smtpd_relay_restrictions=permit_sasl_authenticated,reject",
				}
			}
			p := newProcess(t, settings...)
			nextHop(t, p, addr, authority.Issue(t, 0, tt.certified), main...)
			p.serve()
			thread := p.write("ann@example.org")
			got := p.fate(thread)
			if tt.form == "" {
				if got.State != "deferred" || strings.Contains(got.Diagnostic, tt.password) {
					t.Errorf("got %+v, want that it waits", got)
				}
				return
			}
			if got.State != "relayed" || got.Form != tt.form || !strings.Contains(got.Why, tt.why) || (got.Why != "") != (tt.why != "") {
				t.Fatalf("got %+v, want a %s (%s)", got, tt.form, tt.why)
			}
			if came := p.arrived("ann@example.org"); bytes.Contains(came, []byte("CANARY")) != (tt.form == "copy") {
				t.Errorf("a %s came as\n%s", tt.form, came)
			}
		})
	}
}

// Postfix is the recipients' mail server. DNS, and the policies over HTTPS, are the test's own.
func TestPostfixAsExchanger(t *testing.T) {
	t.Parallel()
	postfixtest.Need(t)
	authority := relaytest.NewAuthority(t)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	// Addresses of loopback that nobody else uses, so that the ports are free which the protocols ask for.
	seed := time.Now().UnixNano()
	address := func(n int64) string { return fmt.Sprintf("127.%d.%d.%d", 64+seed%100, 1+seed/100%250, n) }
	mx, unproven, web := address(1), address(2), address(3)
	certificate := authority.Issue(t, 0, "mx.home.example")
	stranger := relaytest.NewAuthority(t).Issue(t, 0, "mx.own.example")
	key, err := dns.CertificateToDANE(1, 1, stranger.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := dnstest.Start(fmt.Sprintf(`mx.home.example. A %[1]s
		mx.own.example. A %[2]s
		_25._tcp.mx.own.example. TLSA 3 1 1 %[4]s
		mx.other.example. A %[2]s
		strict.example. MX 10 mx.home.example.
		_mta-sts.strict.example. TXT "v=STSv1; id=1;"
		mta-sts.strict.example. A %[3]s
		elsewhere.example. MX 10 mx.home.example.
		_mta-sts.elsewhere.example. TXT "v=STSv1; id=1;"
		mta-sts.elsewhere.example. A %[3]s
		bare.example. MX 10 mx.home.example.
		own.example. MX 10 mx.own.example.
		other.example. MX 10 mx.other.example.
		none.example. MX 0 .`, mx, unproven, web, key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(zone.Close)
	zone.Verify()
	policies := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		names := map[string]string{"mta-sts.strict.example": "*.home.example", "mta-sts.elsewhere.example": "mx.elsewhere.example"}
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(rw, "version: STSv1\nmode: enforce\nmx: %s\nmax_age: 86400\n", names[r.Host])
	}))
	if policies.Listener, err = net.Listen("tcp", web+":443"); err != nil {
		t.Fatal(err)
	}
	policies.Config.ErrorLog = log.New(io.Discard, "", 0)
	policies.TLS = &tls.Config{Certificates: []tls.Certificate{*authority.Issue(t, 0, "mta-sts.strict.example", "mta-sts.elsewhere.example")}}
	policies.StartTLS()
	t.Cleanup(policies.Close)

	p := newProcess(t, "SSL_CERT_FILE="+roots, "SSL_CERT_DIR="+t.TempDir(), "LETTERLOCK_RELAY_ADDRESS=", "LETTERLOCK_DIRECT_ENABLED=true",
		"LETTERLOCK_DIRECT_NETWORKS=127.0.0.0/8", "LETTERLOCK_DNS_SERVERS="+zone.Addr, "LETTERLOCK_COPIES_NEED=verified")
	accept := []string{"mynetworks=", "relay_domains=strict.example elsewhere.example bare.example own.example other.example", "relay_recipient_maps="}
	nextHop(t, p, mx+":25", certificate, accept...)
	nextHop(t, p, unproven+":25", stranger, accept...)
	p.serve()
	for _, tt := range []struct{ domain, state, form, says string }{
		{"strict.example", "relayed", "copy", ""},
		{"elsewhere.example", "deferred", "", "MTA-STS policy"},
		{"bare.example", "relayed", "notice", "nothing proves the whole way"},
		{"own.example", "relayed", "copy", ""},
		{"other.example", "relayed", "notice", "no valid certificate"},
		{"none.example", "failed", "", "takes no mail"},
	} {
		got := p.fate(p.write("ann@" + tt.domain))
		if got.State != tt.state || got.Form != tt.form || !strings.Contains(got.Why+got.Diagnostic, tt.says) {
			t.Errorf("%s: got %+v, want %+v", tt.domain, got, tt)
			continue
		}
		if tt.form == "" {
			continue
		}
		if came := p.arrived("ann@" + tt.domain); bytes.Contains(came, []byte("CANARY")) != (tt.form == "copy") {
			t.Errorf("%s: a %s came as\n%s", tt.domain, tt.form, came)
		}
	}
	// What the policy's host and DNS say later changes nothing: the policy was kept, and another process knows it.
	p.stop()
	if err := zone.Set(strings.ReplaceAll(fmt.Sprintf("mx.own.example. A %s\nstrict.example. MX 10 mx.own.example.", unproven), "\t", "")); err != nil {
		t.Fatal(err)
	}
	policies.Close()
	p.serve()
	if got := p.fate(p.write("ben@strict.example")); got.State != "deferred" || !strings.Contains(got.Diagnostic, "MTA-STS policy") {
		t.Errorf("after DNS led elsewhere: got %+v, want that it waits\n%s", got, p.logged())
	}
	p.stop()
}
