package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout/submit/relaytest"
)

func TestREQUIRETLS(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	wrong, _ := relaytest.Certificate(t, "other.example")
	refusing := func(code int, status smtp.EnhancedCode) func(smtp.MailOptions) error {
		return func(o smtp.MailOptions) error {
			if o.RequireTLS {
				return reply(code, status, "no such thing here")
			}
			return nil
		}
	}
	for _, tt := range []struct {
		name     string
		server   relaytest.Config
		security Security
		path     bridge.Path
		weak     bool // a copy that needs a verified path is not taken, although it was offered
	}{
		{"offered", relaytest.Config{Certificate: good, RequireTLS: true}, TLSRequired, bridge.PathVerified, false},
		{"offered on a connection that is opportunistic and proven all the same", relaytest.Config{Certificate: good, RequireTLS: true}, TLSOpportunistic, bridge.PathVerified, false},
		{"not offered", relaytest.Config{Certificate: good}, TLSRequired, bridge.PathTLS, true},
		{"offered by somebody unproven", relaytest.Config{Certificate: wrong, RequireTLS: true}, TLSOpportunistic, bridge.PathEncrypted, true},
		{"offered and not known", relaytest.Config{Certificate: good, RequireTLS: true, OnOptions: refusing(555, smtp.NoEnhancedCode)}, TLSRequired, bridge.PathVerified, true},
		{"offered and not implemented", relaytest.Config{Certificate: good, RequireTLS: true, OnOptions: refusing(504, smtp.EnhancedCode{5, 5, 4})}, TLSRequired, bridge.PathVerified, true},
		{"offered and not possible", relaytest.Config{Certificate: good, RequireTLS: true, OnOptions: refusing(550, smtp.EnhancedCode{5, 7, 30})}, TLSRequired, bridge.PathVerified, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := relaytest.Start(t, tt.server)
			r := newRelay(t, server.Addr, func(c *RelayConfig) { c.Security, c.TLS = tt.security, &tls.Config{RootCAs: pool} })
			if path, err := r.Path(t.Context(), "anywhere.example"); err != nil || path != tt.path {
				t.Errorf("the path is %q, %v, want %q", path, err, tt.path)
			}
			_, err := r.Send(t.Context(), copyNeeding(bridge.NeedVerified))
			if tt.weak {
				if e := asError(t, err); !e.Weak || e.Permanent || e.Relay {
					t.Errorf("a copy: got %+v, want that a notice may go", e)
				}
			} else if err != nil {
				t.Errorf("a copy: %v", err)
			}
			// A notice, and a copy that needs less, ask for nothing.
			for _, m := range []bridge.Need{"", bridge.NeedTLS, bridge.NeedAny} {
				mail := copyNeeding(m)
				if m == "" {
					mail = notice()
				}
				if !mail.Need.MetBy(tt.path) && m != "" {
					continue
				}
				if _, err := r.Send(t.Context(), mail); err != nil {
					t.Errorf("a mail that needs %q: %v", m, err)
				}
			}
			for i, m := range server.Mails() {
				if want := i == 0 && !tt.weak; m.Mail.RequireTLS != want {
					t.Errorf("mail %d was sent with REQUIRETLS: %v, want %v", i, m.Mail.RequireTLS, want)
				}
			}
		})
	}
	t.Run("offered in clear alone", func(t *testing.T) {
		server := script(t, func(p *peer) {
			p.say("220 hi")
			p.expect("EHLO")
			p.say("250-hi\r\n250 REQUIRETLS")
			p.mail("250 ok")
		})
		r := newRelay(t, server, func(c *RelayConfig) { c.Security = TLSOpportunistic })
		if path, err := r.Path(t.Context(), ""); err != nil || path != bridge.PathClear {
			t.Errorf("got %q, %v", path, err)
		}
	})
}

// A copy's octets never cross a connection that is not what the copy needs, however the relay is set up.
func TestCopiesKeepToTheirNeed(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	server := script(t, func(p *peer) {
		p.greet()
		for p.next() {
			mu.Lock()
			heard = append(heard, p.line)
			mu.Unlock()
			p.say("250 ok")
		}
	})
	r := newRelay(t, server, nil)
	for _, need := range []bridge.Need{"", bridge.NeedTLS, bridge.NeedVerified, "newer"} {
		s, err := r.Connect(t.Context(), "home.example")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), copyNeeding(need)); !asError(t, err).Weak {
			t.Errorf("%q: got %v", need, err)
		}
		s.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	for _, line := range heard {
		if line != "QUIT" && line != "NOOP" && line != "RSET" {
			t.Errorf("the relay heard %q", line)
		}
	}
}

// tokens gives one token after the other; each that is refused is never given again.
type tokens struct {
	mu      sync.Mutex
	list    []string
	refused []string
	err     error
}

func (k *tokens) Token(context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return "", k.err
	}
	return k.list[0], nil
}

func (k *tokens) Refused(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = append(k.refused, token)
	if len(k.list) > 1 {
		k.list = k.list[1:]
	}
}

func TestSignInWithTokens(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	relay := func(addr string, k Tokens) *Relay {
		return newRelay(t, addr, func(c *RelayConfig) {
			c.Username, c.Tokens, c.Security, c.TLS = "office@example.org", k, TLSRequired, &tls.Config{RootCAs: pool}
		})
	}
	for _, mechanisms := range [][]string{{"XOAUTH2"}, {"OAUTHBEARER"}, {"PLAIN", "XOAUTH2", "OAUTHBEARER"}} {
		name := strings.Join(mechanisms, " ")
		server := relaytest.Start(t, relaytest.Config{Certificate: good, Token: "good", Mechanisms: mechanisms})
		if _, err := relay(server.Addr, &tokens{list: []string{"good"}}).Send(t.Context(), letter(1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// One that was taken back before its time is replaced at once.
		k := &tokens{list: []string{"old", "good"}}
		if _, err := relay(server.Addr, k).Send(t.Context(), letter(1)); err != nil || len(k.refused) != 1 {
			t.Errorf("%s, the second token: %v, refused %q", name, err, k.refused)
		}
		k = &tokens{list: []string{"secret-token"}}
		e := fault(t, relay(server.Addr, k), letter(1))
		if e.Permanent || !e.Relay || e.Stage != StageAuth || strings.Contains(e.Said(), "secret") || len(k.refused) != 2 {
			t.Errorf("%s, no token is taken: got %+v, refused %d", name, e, len(k.refused))
		}
		e = fault(t, relay(server.Addr, &tokens{err: errors.New("the token server is away")}), letter(1))
		if e.Permanent || !e.Relay || !strings.Contains(e.Said(), "away") {
			t.Errorf("%s, no token is to be had: got %+v", name, e)
		}
	}
	server := relaytest.Start(t, relaytest.Config{Certificate: good, Password: "x"})
	if e := fault(t, relay(server.Addr, &tokens{list: []string{"good"}}), letter(1)); e.Stage != StageAuth || !strings.Contains(e.Text, "XOAUTH2") {
		t.Errorf("a relay that wants passwords: got %+v", e)
	}
	if _, err := NewRelay(RelayConfig{Address: "relay.example:587", LocalName: "x", Tokens: &tokens{}}); err == nil {
		t.Error("tokens without a user name were taken")
	}
}

func TestLMTP(t *testing.T) {
	good, pool := relaytest.Certificate(t, "127.0.0.1")
	refuse := false
	server := relaytest.Start(t, relaytest.Config{Certificate: good, LMTP: true, OnData: func(int, relaytest.Mail, net.Conn) error {
		if refuse {
			return reply(552, smtp.EnhancedCode{5, 2, 2}, "full")
		}
		return nil
	}})
	r := newRelay(t, server.Addr, func(c *RelayConfig) {
		c.LMTP, c.Security, c.TLS, c.FinalTimeout = true, TLSRequired, &tls.Config{RootCAs: pool}, time.Hour
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n := range 3 {
		said, err := r.Send(ctx, letter(n))
		if err != nil || !strings.HasPrefix(said, "250 ") {
			t.Errorf("got %q, %v", said, err)
		}
	}
	if got := len(server.Mails()); got != 3 || server.Connects() != 1 {
		t.Errorf("got %d mails on %d connections", got, server.Connects())
	}
	refuse = true
	if e := fault(t, r, letter(1)); !e.Permanent || e.Stage != StageContent || e.Enhanced != "5.2.2" {
		t.Errorf("got %+v", e)
	}
	refuse = false
	if _, err := r.Send(ctx, letter(4)); err != nil {
		t.Errorf("after a refusal: %v", err)
	}

	socket := filepath.Join(t.TempDir(), "lmtp")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := relaytest.Serve(t, relaytest.Config{LMTP: true}, l)
	r = newRelay(t, "unix:"+socket, func(c *RelayConfig) { c.LMTP = true })
	if _, err := r.Send(t.Context(), letter(1)); err != nil || len(local.Mails()) != 1 {
		t.Errorf("over a socket: %v", err)
	}
	if _, err := r.Send(t.Context(), copyNeeding(bridge.NeedTLS)); !asError(t, err).Weak {
		t.Errorf("a copy that needs TLS, over a socket: %v", err)
	}
	for _, c := range []RelayConfig{{Address: "unix:/x", LocalName: "x"}, {Address: "unix:", LocalName: "x", LMTP: true}} {
		if _, err := NewRelay(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
