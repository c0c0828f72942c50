package submit

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout/compose"
	"letterlock/mailout/submit/relaytest"
)

func newRelay(tb testing.TB, addr string, set func(*RelayConfig)) *Relay {
	tb.Helper()
	c := RelayConfig{
		Address: addr, Security: TLSNone, LocalName: "gateway.example",
		ConnectTimeout: 3 * time.Second, CommandTimeout: 3 * time.Second, BlockTimeout: 3 * time.Second, FinalTimeout: 3 * time.Second,
	}
	if set != nil {
		set(&c)
	}
	r, err := NewRelay(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

func letter(n int) compose.Mail {
	return compose.Mail{
		Delivery: bridge.ID{byte(n), 1}, ReversePath: fmt.Sprintf("bounce+%d@gateway.example", n), Recipient: "ann@home.example",
		Data: []byte(fmt.Sprintf("Subject: %d\r\n\r\n.dot\r\n..\r\nbody\r\n", n)),
	}
}

// fault sends one mail, which must fail, and returns why.
func fault(tb testing.TB, r *Relay, m compose.Mail) *Error {
	tb.Helper()
	_, err := r.Send(context.Background(), m)
	var e *Error
	if !errors.As(err, &e) {
		tb.Fatalf("got %v, want an *Error", err)
	}
	return e
}

func reply(code int, status smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: status, Message: text}
}

func TestSend(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	r := newRelay(t, server.Addr, nil)
	for n := range 5 {
		said, err := r.Send(context.Background(), letter(n))
		if err != nil || !strings.HasPrefix(said, "250 ") {
			t.Fatalf("got %q, %v", said, err)
		}
	}
	mails := server.Mails()
	if len(mails) != 5 || server.Connects() != 1 {
		t.Fatalf("got %d mails on %d connections, want 5 on 1", len(mails), server.Connects())
	}
	for n, m := range mails {
		want := letter(n)
		if m.From != want.ReversePath || m.To != want.Recipient || string(m.Data) != string(want.Data) {
			t.Errorf("mail %d arrived as %+v\n%s", n, m, m.Data)
		}
		if m.Mail.EnvelopeID != want.Delivery.String() || m.Mail.Return != smtp.DSNReturnHeaders || m.Mail.Size != int64(len(want.Data)) || m.Mail.Body != smtp.Body8BitMIME {
			t.Errorf("mail %d: MAIL had %+v", n, m.Mail)
		}
		if got := fmt.Sprint(m.Rcpt.Notify); got != "[FAILURE DELAY]" && got != "[DELAY FAILURE]" {
			t.Errorf("mail %d: NOTIFY %s", n, got)
		}
	}
}

func TestNullReversePathAsksForNoReport(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	m := letter(1)
	m.ReversePath = ""
	if _, err := newRelay(t, server.Addr, nil).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails()[0]; got.From != "" || fmt.Sprint(got.Rcpt.Notify) != "[NEVER]" {
		t.Errorf("got from %q, notify %v", got.From, got.Rcpt.Notify)
	}
}

func TestConnectionsAreBoundedAndReplaced(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	r := newRelay(t, server.Addr, func(c *RelayConfig) { c.Connections, c.MaxMails = 3, 10 })
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			if _, err := r.Send(context.Background(), letter(n)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := server.Connects(); len(server.Mails()) != 60 || n < 6 || n > 12 {
		t.Errorf("got %d mails on %d connections, want 60 on about 6", len(server.Mails()), n)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	gone := make(chan struct{}, 1)
	server := script(t, func(p *peer) {
		p.greet()
		p.mail("250 ok")
		if p.expect("QUIT") {
			gone <- struct{}{}
		}
		p.say("221 bye")
	})
	r := newRelay(t, server, func(c *RelayConfig) { c.IdleTimeout = 20 * time.Millisecond })
	if _, err := r.Send(context.Background(), letter(1)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("an unused connection stays open")
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		server relaytest.Config
		want   Error
	}{
		{"no such mailbox", relaytest.Config{OnRcpt: func(int, string) error {
			return reply(550, smtp.EnhancedCode{5, 1, 1}, "no such user")
		}}, Error{Permanent: true, Stage: StageRcpt, Code: 550, Enhanced: "5.1.1", Text: "no such user"}},
		{"greylisted", relaytest.Config{OnRcpt: func(int, string) error {
			return reply(451, smtp.EnhancedCode{4, 7, 1}, "try later")
		}}, Error{Stage: StageRcpt, Code: 451, Enhanced: "4.7.1", Text: "try later"}},
		{"too many recipients", relaytest.Config{OnRcpt: func(int, string) error {
			return reply(552, smtp.NoEnhancedCode, "too many")
		}}, Error{Stage: StageRcpt, Code: 552, Text: "too many"}},
		{"the sender is refused", relaytest.Config{OnMail: func(int) error {
			return reply(550, smtp.EnhancedCode{5, 7, 1}, "not you")
		}}, Error{Permanent: true, Stage: StageMail, Code: 550, Enhanced: "5.7.1", Text: "not you"}},
		{"the content is refused", relaytest.Config{OnData: func(int, relaytest.Mail, net.Conn) error {
			return reply(554, smtp.EnhancedCode{5, 6, 0}, "spam\tor\x07 so")
		}}, Error{Permanent: true, Stage: StageContent, Code: 554, Enhanced: "5.6.0", Text: "spam or so"}},
		{"the content is too large", relaytest.Config{OnData: func(int, relaytest.Mail, net.Conn) error {
			return reply(552, smtp.EnhancedCode{5, 3, 4}, "too big")
		}}, Error{Permanent: true, TooLarge: true, Stage: StageContent, Code: 552, Enhanced: "5.3.4", Text: "too big"}},
		{"the mailbox is full", relaytest.Config{OnData: func(int, relaytest.Mail, net.Conn) error {
			return reply(552, smtp.EnhancedCode{5, 2, 2}, "full")
		}}, Error{Permanent: true, Stage: StageContent, Code: 552, Enhanced: "5.2.2", Text: "full"}},
		{
			"SIZE says that it is too large",
			relaytest.Config{MaxSize: 10},
			Error{Permanent: true, TooLarge: true, Stage: StageMail, Code: 552, Enhanced: "5.3.4", Text: "the mail has 30 octets, and the relay takes at most 10"},
		},
		{"closing", relaytest.Config{OnMail: func(int) error {
			return reply(421, smtp.EnhancedCode{4, 3, 2}, "shutting down")
		}}, Error{Relay: true, Stage: StageMail, Code: 421, Enhanced: "4.3.2", Text: "shutting down"}},
		{
			"we should have signed in",
			relaytest.Config{Password: "x"},
			Error{Relay: true, Stage: StageMail, Code: 530, Enhanced: "5.7.0", Text: "Authentication required"},
		},
		{"too many connections", relaytest.Config{OnConnect: func(int, net.Conn) error {
			return reply(554, smtp.EnhancedCode{5, 7, 0}, "go away")
		}}, Error{Relay: true, Stage: StageHello, Code: 554, Enhanced: "5.7.0", Text: "go away"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := relaytest.Start(t, test.server)
			got := *fault(t, newRelay(t, server.Addr, nil), letter(1))
			got.Err = nil
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestConnectionIsUsedAgainAfterARefusal(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{OnRcpt: func(n int, _ string) error {
		if n == 1 {
			return reply(550, smtp.EnhancedCode{5, 1, 1}, "no")
		}
		return nil
	}})
	r := newRelay(t, server.Addr, nil)
	fault(t, r, letter(1))
	if _, err := r.Send(context.Background(), letter(2)); err != nil {
		t.Fatal(err)
	}
	if got := server.Connects(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

func TestSMTPUTF8(t *testing.T) {
	m := letter(1)
	m.Recipient, m.UTF8 = "åse@home.example", true
	e := fault(t, newRelay(t, relaytest.Start(t, relaytest.Config{}).Addr, nil), m)
	if !e.Permanent || e.Enhanced != "5.6.7" {
		t.Errorf("got %+v", e)
	}
	server := relaytest.Start(t, relaytest.Config{SMTPUTF8: true})
	if _, err := newRelay(t, server.Addr, nil).Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails()[0]; got.To != "åse@home.example" || !got.Mail.UTF8 {
		t.Errorf("got %+v", got)
	}
}

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

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

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

func TestFaultsOfTheConnection(t *testing.T) {
	short := func(c *RelayConfig) {
		c.ConnectTimeout, c.CommandTimeout, c.BlockTimeout, c.FinalTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	}
	for _, test := range []struct {
		name  string
		peer  func(*peer)
		stage Stage
		relay bool
	}{
		{"never greets", func(p *peer) { p.next() }, StageHello, true},
		{"hangs up", func(*peer) {}, StageHello, true},
		{"greets without end", func(p *peer) {
			for p.say("220-hello there") {
			}
		}, StageHello, true},
		{"one line without end", func(p *peer) {
			for p.write(strings.Repeat("x", 4096)) {
			}
		}, StageHello, true},
		{"talks of something else", func(p *peer) { p.say("HTTP/1.1 400 Bad Request"); p.next() }, StageHello, true},
		{"hangs up at MAIL", func(p *peer) { p.greet(); p.expect("MAIL") }, StageMail, true},
		{"hangs up at RCPT", func(p *peer) { p.greet(); p.expect("MAIL"); p.say("250 ok"); p.expect("RCPT") }, StageRcpt, true},
		{"an odd reply to DATA", func(p *peer) {
			p.greet()
			p.expect("MAIL")
			p.say("250 ok")
			p.expect("RCPT")
			p.say("250 ok")
			p.expect("DATA")
			p.say("250 what?")
			p.next()
		}, StageData, true},
		{"drops after the data, before its reply", func(p *peer) { p.greet(); p.mail("") }, StageContent, false},
		{"never replies to the data", func(p *peer) { p.greet(); p.mail(""); p.next() }, StageContent, false},
		{"half a reply to the data", func(p *peer) { p.greet(); p.mail(""); p.write("250-o") }, StageContent, false},
		{"stops reading the data", func(p *peer) {
			p.greet()
			p.expect("MAIL")
			p.say("250 ok")
			p.expect("RCPT")
			p.say("250 ok")
			p.expect("DATA")
			p.say("354 go")
			time.Sleep(2 * time.Second)
		}, StageData, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := letter(1)
			if test.stage == StageData {
				m.Data = append(m.Data, strings.Repeat(strings.Repeat("x", 76)+"\r\n", 300_000)...)
			}
			e := fault(t, newRelay(t, script(t, test.peer), short), m)
			if e.Permanent || e.Stage != test.stage || e.Relay != test.relay || e.Stale || e.Said() == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		r := newRelay(t, l.Addr().String(), nil)
		if e := fault(t, r, letter(1)); e.Permanent || !e.Relay || e.Stage != StageConnect {
			t.Errorf("got %+v", e)
		}
	})
}

func TestStaleConnection(t *testing.T) {
	for name, farewell := range map[string]string{"closed": "", "closed with a word": "421 4.4.2 idle too long"} {
		t.Run(name, func(t *testing.T) {
			server := script(t, func(p *peer) {
				p.greet()
				p.mail("250 ok")
				if farewell != "" {
					p.say(farewell)
				}
			})
			r := newRelay(t, server, nil)
			if _, err := r.Send(context.Background(), letter(1)); err != nil {
				t.Fatal(err)
			}
			e := fault(t, r, letter(2))
			if !e.Stale || e.Permanent || e.Stage != StageMail {
				t.Errorf("got %+v", e)
			}
			if _, err := r.Send(context.Background(), letter(2)); err != nil {
				t.Errorf("at once again: %v", err)
			}
		})
	}
}

func TestConnectReplacesADeadConnection(t *testing.T) {
	server := script(t, func(p *peer) {
		p.greet()
		p.mail("250 ok")
	})
	r := newRelay(t, server, nil)
	for n := range 3 {
		if _, err := r.Send(context.Background(), letter(n)); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.idle {
			c.used = c.used.Add(-time.Minute)
		}
	}
}

func TestSessions(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	r := newRelay(t, server.Addr, func(c *RelayConfig) { c.Connections = 2 })
	var open []Session
	for range 2 {
		s, err := r.Connect(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, s)
	}
	// Both connections are made before anything is sent, and there is no third.
	if got := server.Connects(); got != 2 {
		t.Errorf("got %d connections, want 2", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third: %v", err)
	}
	for i, s := range open {
		for n := range 3 {
			if _, err := s.Send(context.Background(), letter(10*i+n)); err != nil {
				t.Error(err)
			}
		}
		s.Close()
		s.Close()
		if _, err := s.Send(context.Background(), letter(1)); err == nil {
			t.Error("sent in a session that is over")
		}
	}
	if got := len(server.Mails()); got != 6 || server.Connects() != 2 {
		t.Errorf("got %d mails on %d connections, want 6 on 2", got, server.Connects())
	}
}

func TestCancelledWhileSending(t *testing.T) {
	server := script(t, func(p *peer) { p.greet(); p.mail(""); p.next() })
	r := newRelay(t, server, nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := r.Send(ctx, letter(1))
	var e *Error
	if !errors.As(err, &e) || e.Permanent || time.Since(began) > 2*time.Second {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]RelayConfig{
		"no port":            {Address: "relay.example", LocalName: "x"},
		"no host":            {Address: ":25", LocalName: "x"},
		"no name":            {Address: "relay.example:25"},
		"a name with a line": {Address: "relay.example:25", LocalName: "x\r\nMAIL"},
		"unknown security":   {Address: "relay.example:25", LocalName: "x", Security: "some"},
		"465 without TLS":    {Address: "relay.example:465", LocalName: "x", Security: TLSNone},
	} {
		if _, err := NewRelay(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	r, err := NewRelay(RelayConfig{Address: "relay.example:465", LocalName: "x"})
	if err != nil || !r.c.Implicit || r.c.Security != TLSRequired || r.c.TLS.ServerName != "relay.example" {
		t.Errorf("got %+v, %v", r, err)
	}
	r.Close()
	r.Close()
	if _, err := r.Send(context.Background(), letter(1)); err == nil {
		t.Error("sent after Close")
	}
}

func TestCleanText(t *testing.T) {
	for given, want := range map[string]string{
		"2.0.0 Ok:\nqueued\r\nas \x00X": "2.0.0 Ok: queued as X",
		"\xff\u202eabc":                 "\uFFFDabc",
		"":                              "",
	} {
		if got := cleanText(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
	if got := cleanText(strings.Repeat("ä", 100_000)); len(got) > maxText+len("…") {
		t.Errorf("%d octets", len(got))
	}
}

// peer is one connection of a server that says what a test's script says.
type peer struct {
	net.Conn
	r    *bufio.Reader
	line string
	held bool // the line was looked at and not what was expected
}

// script runs a server whose connections each follow the script, and returns its address.
func script(tb testing.TB, play func(*peer)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				play(&peer{Conn: c, r: bufio.NewReader(c)})
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func (p *peer) write(s string) bool {
	_, err := io.WriteString(p.Conn, s)
	return err == nil
}

func (p *peer) say(s string) bool { return p.write(s + "\r\n") }

func (p *peer) next() bool {
	if p.held {
		p.held = false
		return true
	}
	line, err := p.r.ReadString('\n')
	p.line = strings.TrimRight(line, "\r\n")
	return err == nil
}

func (p *peer) expect(prefix string) bool {
	ok := p.next() && strings.HasPrefix(p.line, prefix)
	p.held = !ok
	return ok
}

func (p *peer) greet() {
	p.say("220 hi")
	p.expect("EHLO")
	p.say("250-hi\r\n250 DSN")
}

// mail takes one mail up to its end, and then says how it went, if anything.
func (p *peer) mail(end string) {
	for p.next() {
		switch {
		case p.line == "DATA":
			p.say("354 go")
			for p.next() && p.line != "." {
			}
			if end != "" {
				p.say(end)
			}
			return
		default:
			p.say("250 ok")
		}
	}
}
