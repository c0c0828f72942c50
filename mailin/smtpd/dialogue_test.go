package smtpd

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

func TestOneMail(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, nil)
	c := dial(t, addr)
	c.talk(`
		< 220 mx.desk.example
		> EHLO client.example
		< 250-PIPELINING
		> MAIL FROM:<ann@example.org> SIZE=200 BODY=8BITMIME
		<- 250 2.0.0
		> RCPT TO:<Reply+ann@DESK.example>
		<- 250 2.0.0
		> DATA
		<- 354
		> From: ann@example.org
		> Subject: hello
		>
		> ..a dot
		> grün`)
	c.talk(`
		> .
		<- 250 2.0.0 OK
		> QUIT
		<- 221
		closed`)
	mails := o.got()
	if len(mails) != 1 {
		t.Fatalf("got %d mails, want 1", len(mails))
	}
	m := mails[0]
	if m.envelope.ReversePath != "ann@example.org" || m.envelope.ForwardPath != "Reply+ann@DESK.example" || m.envelope.Route != bridge.RouteSMTP {
		t.Errorf("envelope %+v", m.envelope)
	}
	if m.verdict.Result != bridge.VerdictPass || m.verdict.Address != "ann@example.org" {
		t.Errorf("verdict %+v", m.verdict)
	}
	head, body, _ := strings.Cut(m.raw, "From: ")
	for _, part := range []string{
		"Received: from client.example ([127.0.0.1])\r\n", "\tby mx.desk.example with ESMTP id ", "\tfor <Reply+ann@DESK.example>;\r\n",
	} {
		if !strings.Contains(head, part) {
			t.Errorf("no %q in %q", part, head)
		}
	}
	if want := "ann@example.org\r\nSubject: hello\r\n\r\n.a dot\r\ngrün\r\n"; body != want {
		t.Errorf("got body %q, want %q", body, want)
	}
}

func TestEhlo(t *testing.T) {
	addr, _ := start(t, newOffice(), func(c *Config) { c.TLS = certificate(t) })
	c := dial(t, addr)
	c.talk("< 220 mx.desk.example\n> EHLO client.example")
	reply := c.reply()
	for _, want := range []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "SMTPUTF8", "SIZE 102400"} {
		if !begins(reply, "250-"+want) && !begins(reply, "250 "+want) {
			t.Errorf("no %s in %q", want, reply)
		}
	}
	for _, l := range reply {
		if strings.Contains(l, "CHUNKING") || strings.Contains(l, "AUTH") {
			t.Errorf("%q is offered", l)
		}
	}
}

func TestDialogues(t *testing.T) {
	tests := []struct {
		name, script string
		mails        int
	}{
		{"the null reverse-path", `
			> MAIL FROM:<>
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> DATA
			<- 354
			> Subject: bounce
			>
			> .
			<- 250 2.0.0 OK`, 1},
		{"nothing is relayed", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<bob@elsewhere.example>
			<- 550 5.1.1 Not here
			> RCPT TO:<@desk.example:bob@elsewhere.example>
			<- 550 5.1.1
			> RCPT TO:<bob%elsewhere.example@desk.example>
			<- 550 5.1.1
			> DATA
			<- 502`, 0},
		{"refusals at RCPT", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<reply+forged@desk.example>
			<- 550 5.1.1
			> RCPT TO:<reply+old@desk.example>
			<- 550 5.1.1
			> RCPT TO:<reply+off@desk.example>
			<- 550 5.7.1 Please sign in at https://desk.example
			> RCPT TO:<busy@desk.example>
			<- 451 4.3.0
			> RCPT TO:<broken@desk.example>
			<- 451 4.3.0
			> RCPT TO:<reply+ann@desk.example>
			<- 250`, 0},
		{"postmaster without a domain", `
			> MAIL FROM:<>
			<- 250
			> rcpt to: <PostMaster>
			<- 250
			> DATA
			<- 354
			> .
			<- 250 2.0.0`, 1},
		{"several recipients, one refused at DATA", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<no-reply@desk.example>
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> RCPT TO:<REPLY+ann@desk.example>
			<- 250
			> RCPT TO:<reply+bob@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 250 2.0.0 OK`, 2},
		{"all refused at DATA", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<no-reply@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 550 5.7.1 Please sign in at https://desk.example
			> NOOP
			<- 250`, 0},
		{"two mails in one session", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> MAIL FROM:<ann@example.org>
			<- 503 5.5.1
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 502
			> MAIL FROM:<ann@example.org>
			<- 250
			> RSET
			<- 250
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 250`, 2},
		{"pipelining", `
			>> "MAIL FROM:<ann@example.org>\r\nRCPT TO:<reply+ann@desk.example>\r\nRCPT TO:<x@desk.example>\r\nDATA\r\n"
			<- 250
			<- 250
			<- 550 5.1.1
			<- 354
			>> "Subject: a\r\n\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<reply+bob@desk.example>\r\nDATA\r\n"
			<- 250
			<- 250
			<- 250
			<- 354
			>> ".\r\nQUIT\r\n"
			<- 250
			<- 221
			closed`, 2},
		{"declared too large", `
			> MAIL FROM:<ann@example.org> SIZE=102401
			<- 552 5.3.4
			> MAIL FROM:<ann@example.org> SIZE=102400
			<- 250`, 0},
		{"SMTPUTF8", `
			> MAIL FROM:<grün@example.org>
			<- 553 5.6.7
			> MAIL FROM:<grün@example.org> SMTPUTF8
			<- 250
			> RCPT TO:<grün@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 250`, 1},
		{"odd paths", `
			>> "MAIL FROM:<a\xff@example.org> SMTPUTF8\r\n"
			<- 501 5.1.3
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<reply+ann@desk.example
			<- 501`, 0},
		{"BDAT is not taken", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<x@desk.example>
			<- 550
			>> "BDAT 60 LAST\r\nMAIL FROM:<>\r\nRCPT TO:<reply+ann@desk.example>\r\nDATA\r\n.\r\n"
			<- 502 5.5.1
			closed`, 0},
		{"a bare LF in a command", `
			>> "MAIL FROM:<ann@example.org>\nRCPT TO:<reply+ann@desk.example>\r\n"
			<- 500 5.5.2
			closed`, 0},
		{"a bare CR in a command", `
			>> "MAIL FROM:<ann@example.org>\rRCPT TO:<reply+ann@desk.example>\r\n"
			<- 500 5.5.2
			closed`, 0},
		{"NUL in a command", `
			>> "MAIL FROM:<ann\x00@example.org>\r\n"
			<- 500 5.5.2
			closed`, 0},
		{"STARTTLS where there is none", `
			> STARTTLS
			<- 502
			> NOOP
			<- 250`, 0},
		{"a mail that is cut off", `
			> MAIL FROM:<ann@example.org>
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> DATA
			<- 354
			> Subject: half a`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice()
			addr, stop := start(t, o, nil)
			c := dial(t, addr)
			c.talk("< 220\n> EHLO client.example\n< 250-8BITMIME\n" + tt.script)
			c.conn.Close()
			stop()
			if got := len(o.got()); got != tt.mails {
				t.Errorf("got %d mails, want %d", got, tt.mails)
			}
		})
	}
}

// Smuggling: what follows the first mail is a second one to a program that takes the form of dot line in it for an end. None of
// them may ever give two mails, or one.
func TestSmuggling(t *testing.T) {
	for _, end := range []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\r\n.\r\n", "\r\n.\r\r\n", "\r\n\r.\r\n", "\n\n.\r\n", "\r\n.\r\r\n.\r\n", "x\n\r\n.\r\n",
	} {
		t.Run(fmt.Sprintf("%q", end), func(t *testing.T) {
			o := newOffice()
			addr, stop := start(t, o, nil)
			c := dial(t, addr)
			hello(c)
			c.send("Subject: one\r\n\r\ntext" + end + "MAIL FROM:<boss@example.org>\r\nRCPT TO:<reply+bob@desk.example>\r\nDATA\r\nSubject: two\r\n\r\nsmuggled\r\n.\r\nNOOP\r\n")
			c.talk("<- 550 5.6.0\nclosed")
			c.conn.Close()
			stop()
			if mails := o.got(); len(mails) != 0 {
				t.Errorf("got %d mails, want none", len(mails))
			}
		})
	}
}

func TestMailLoop(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, nil)
	c := dial(t, addr)
	hello(c)
	c.send(strings.Repeat("Received: from a by b; c\r\n", maxHops) + "Subject: a\r\n\r\n.\r\n")
	c.talk("<- 554 5.4.6")
	c.talk(`
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> DATA
		<- 354`)
	// In the body they count for nothing.
	c.send("Subject: a\r\n\r\n" + strings.Repeat("Received: from a by b; c\r\n", maxHops+1) + ".\r\n")
	c.talk("<- 250")
	if got := len(o.got()); got != 1 {
		t.Errorf("got %d mails, want 1", got)
	}
}

func TestUnavailable(t *testing.T) {
	o := newOffice()
	o.result["reply+bob@desk.example"] = fmt.Errorf("receive: %w", bridge.ErrUnavailable)
	var committed int
	addr, _ := start(t, o, func(c *Config) { c.AfterReceive = func() { committed++ } })
	c := dial(t, addr)
	c.talk(`
		< 220
		> HELO client.example
		<- 250
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> RCPT TO:<reply+bob@desk.example>
		<- 250
		> DATA
		<- 354
		> .
		<- 451 4.3.0`)
	if got := len(o.got()); got != 1 || committed != 1 {
		t.Errorf("got %d mails and %d calls of AfterReceive, want one each", got, committed)
	}
}

func TestPanic(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) {
		c.Judge = judgeFunc(func(raw []byte) bridge.Verdict {
			if bytes.Contains(raw, []byte("boom")) {
				panic("a bug")
			}
			return bridge.Verdict{Result: bridge.VerdictNone}
		})
	})
	c := dial(t, addr)
	hello(c)
	c.send("Subject: boom\r\n\r\n.\r\n")
	c.talk("<- 451 4.3.0")
	c = dial(t, addr)
	hello(c)
	c.send("Subject: fine\r\n\r\n.\r\n")
	c.talk("<- 250")
}

type judgeFunc func(raw []byte) bridge.Verdict

func (f judgeFunc) Judge(_ context.Context, _ bridge.Envelope, _ sender.Peer, raw []byte, _ *bridge.Mail, _ bridge.Claim) bridge.Verdict {
	return f(raw)
}

func TestTemporaryVerdict(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) {
		c.Judge = judgeFunc(func([]byte) bridge.Verdict { return bridge.Verdict{Result: bridge.VerdictTemporary} })
	})
	c := dial(t, addr)
	hello(c)
	c.talk("> .\n<- 451 4.7.0")
	if len(o.got()) != 0 {
		t.Error("a mail was taken whose sender is not known yet")
	}
}

// The reply comes after the commit, and not before.
func TestDurableFirst(t *testing.T) {
	o := newOffice()
	committed, release := make(chan int, 1), make(chan struct{})
	addr, _ := start(t, o, func(c *Config) {
		c.AfterReceive = func() {
			committed <- len(o.got())
			<-release
		}
	})
	c := dial(t, addr)
	hello(c)
	c.talk("> .")
	select {
	case n := <-committed:
		if n != 1 {
			t.Errorf("got %d mails before the reply, want 1", n)
		}
	case <-time.After(wait):
		t.Fatal("no mail came")
	}
	c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := c.r.ReadByte(); err == nil {
		t.Errorf("a reply begins with %q already", b)
	}
	close(release)
	c.talk("<- 250 2.0.0 OK " + o.got()[0].id.String())
}
