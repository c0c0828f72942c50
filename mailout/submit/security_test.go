package submit

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"letterlock/mailout/submit/relaytest"
)

func TestTLS(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1", "relay.example")
	wrong, wrongPool := relaytest.Certificate(t, "other.example")
	trust := func(security Security) func(*RelayConfig) {
		return func(c *RelayConfig) { c.Security, c.TLS = security, &tls.Config{RootCAs: pool} }
	}
	t.Run("required and offered", func(t *testing.T) {
		server := relaytest.Start(t, relaytest.Config{Certificate: good})
		if _, err := newRelay(t, server.Addr, trust(TLSRequired)).Send(context.Background(), letter(1)); err != nil {
			t.Fatal(err)
		}
		if !server.Mails()[0].TLS {
			t.Error("it went in clear")
		}
	})
	t.Run("from the first octet", func(t *testing.T) {
		server := relaytest.Start(t, relaytest.Config{Certificate: good, Implicit: true})
		r := newRelay(t, server.Addr, func(c *RelayConfig) { trust(TLSRequired)(c); c.Implicit = true })
		if _, err := r.Send(context.Background(), letter(1)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("required and not offered", func(t *testing.T) {
		server := relaytest.Start(t, relaytest.Config{})
		e := fault(t, newRelay(t, server.Addr, trust(TLSRequired)), letter(1))
		if e.Permanent || !e.Relay || e.Stage != StageTLS || len(server.Mails()) != 0 {
			t.Errorf("got %+v", e)
		}
	})
	for name, c := range map[string]*tls.Config{
		"for another name": {RootCAs: wrongPool},
		"of nobody known":  {RootCAs: pool},
	} {
		t.Run("a certificate "+name, func(t *testing.T) {
			server := relaytest.Start(t, relaytest.Config{Certificate: wrong})
			e := fault(t, newRelay(t, server.Addr, func(r *RelayConfig) { r.Security, r.TLS = TLSRequired, c }), letter(1))
			if e.Permanent || !e.Relay || e.Stage != StageTLS {
				t.Errorf("got %+v", e)
			}
			if _, err := newRelay(t, server.Addr, func(r *RelayConfig) { r.Security, r.TLS = TLSOpportunistic, c }).Send(context.Background(), letter(1)); err != nil {
				t.Errorf("opportunistic: %v", err)
			}
			if !server.Mails()[0].TLS {
				t.Error("opportunistic went in clear although TLS was there")
			}
		})
	}
	t.Run("opportunistic and not offered", func(t *testing.T) {
		server := relaytest.Start(t, relaytest.Config{})
		if _, err := newRelay(t, server.Addr, trust(TLSOpportunistic)).Send(context.Background(), letter(1)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("offered, and broken", func(t *testing.T) {
		server := script(t, func(p *peer) {
			p.say("220 hi")
			p.expect("EHLO gateway.example")
			p.say("250-hi\r\n250 STARTTLS")
			if p.expect("STARTTLS") {
				p.say("454 4.7.0 no TLS now")
				return
			}
			p.mail("250 ok")
		})
		if _, err := newRelay(t, server, trust(TLSOpportunistic)).Send(context.Background(), letter(1)); err != nil {
			t.Errorf("opportunistic: %v", err)
		}
		if e := fault(t, newRelay(t, server, trust(TLSRequired)), letter(1)); e.Code != 454 || e.Permanent || !e.Relay {
			t.Errorf("required: %+v", e)
		}
	})
	t.Run("words slipped in before TLS", func(t *testing.T) {
		server := script(t, func(p *peer) {
			p.say("220 hi")
			p.expect("EHLO")
			p.say("250-hi\r\n250 STARTTLS")
			p.expect("STARTTLS")
			p.say("220 go\r\n250 slipped in")
			io.Copy(io.Discard, p.r)
		})
		if e := fault(t, newRelay(t, server, trust(TLSRequired)), letter(1)); e.Stage != StageTLS || !strings.Contains(e.Text, "before TLS") {
			t.Errorf("got %+v", e)
		}
	})
}

func TestSignIn(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	with := func(password string, security Security) func(*RelayConfig) {
		return func(c *RelayConfig) {
			c.Username, c.Password, c.Security, c.TLS = "gateway", password, security, &tls.Config{RootCAs: pool}
		}
	}
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		server := relaytest.Start(t, relaytest.Config{Certificate: good, Password: "secret", Mechanisms: []string{mechanism}})
		if _, err := newRelay(t, server.Addr, with("secret", TLSRequired)).Send(context.Background(), letter(1)); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
		e := fault(t, newRelay(t, server.Addr, with("wrong", TLSRequired)), letter(1))
		if e.Code != 535 || e.Permanent || !e.Relay || e.Stage != StageAuth {
			t.Errorf("%s, wrong password: %+v", mechanism, e)
		}
		if strings.Contains(e.Said(), "wrong") {
			t.Errorf("the password shows: %s", e.Said())
		}
	}
	server := relaytest.Start(t, relaytest.Config{Password: "secret"})
	if _, err := newRelay(t, server.Addr, with("secret", TLSNone)).Send(context.Background(), letter(1)); err != nil {
		t.Errorf("in clear to this machine: %v", err)
	}
	server = relaytest.Start(t, relaytest.Config{Certificate: good, Password: "secret", Mechanisms: []string{"CRAM-MD5"}})
	if e := fault(t, newRelay(t, server.Addr, with("secret", TLSRequired)), letter(1)); e.Stage != StageAuth || e.Permanent {
		t.Errorf("no mechanism: %+v", e)
	}
}

// elsewhere makes a connection look as if it led to another machine.
type elsewhere struct{ net.Conn }

func TestPasswordIsNotSentInClear(t *testing.T) {
	said := make(chan string, 100)
	server := script(t, func(p *peer) {
		p.say("220 hi")
		for p.next() {
			said <- p.line
			switch {
			case strings.HasPrefix(p.line, "EHLO"):
				p.say("250-hi\r\n250 AUTH PLAIN LOGIN")
			default:
				p.say("250 ok")
			}
		}
	})
	for _, security := range []Security{TLSNone, TLSOpportunistic, TLSRequired} {
		r := newRelay(t, server, func(c *RelayConfig) {
			c.Security, c.Username, c.Password = security, "gateway", "secret"
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return elsewhere{conn}, err
			}
		})
		if e := fault(t, r, letter(1)); e.Permanent || !e.Relay || e.Stage != StageTLS {
			t.Errorf("%s: got %+v", security, e)
		}
	}
	close(said)
	for line := range said {
		if strings.HasPrefix(line, "AUTH") || strings.HasPrefix(line, "MAIL") {
			t.Errorf("said in clear: %q", line)
		}
	}
}
