package submit

import (
	"context"
	"errors"
	"fmt"
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
		if m.Mail.EnvelopeID != fmt.Sprint(n) || m.Mail.Return != smtp.DSNReturnHeaders || m.Mail.Size != int64(len(want.Data)) || m.Mail.Body != smtp.Body8BitMIME {
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
			Error{Permanent: true, TooLarge: true, Stage: StageMail, Code: 552, Enhanced: "5.3.4", Text: "the mail has 30 octets, and the mail server takes at most 10"},
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

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

func TestSessions(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	r := newRelay(t, server.Addr, func(c *RelayConfig) { c.Connections = 2 })
	var open []Session
	for range 2 {
		s, err := r.Connect(context.Background(), "")
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
	if _, err := r.Connect(ctx, ""); !errors.Is(err, context.DeadlineExceeded) {
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
