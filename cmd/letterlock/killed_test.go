package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKilledUnderLoad kills the gateway with SIGKILL at random moments while 20 senders send, as often as LETTERLOCK_TEST_CRASH_ROUNDS says (10), and
// starts it again. A sender that got no answer sends the same mail again, as a mail server does. In the end every mail that was answered 250 is there
// once, and only those. As many rounds as a release wants:
//
//	LETTERLOCK_TEST_CRASH_ROUNDS=200 go test -run KilledUnderLoad -timeout 60m -v ./cmd/letterlock
func TestKilledUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes several seconds")
	}
	t.Parallel()
	rounds := 10
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_TEST_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	p := newProcess(t, "LETTERLOCK_LOG_LEVEL=warn")
	p.serve()
	senders := make([]*tireless, 20)
	for i := range senders {
		senders[i] = &tireless{number: i, conversation: p.converse(fmt.Sprintf("ann%d@example.org", i)), addr: p.smtp}
	}
	var over atomic.Bool
	var sending sync.WaitGroup
	for _, s := range senders {
		sending.Go(func() { s.send(&over) })
	}
	sum := func() (n int) {
		for _, s := range senders {
			n += int(s.taken.Load())
		}
		return n
	}
	began := time.Now()
	for round := range rounds {
		before := sum()
		// At a random number of mails, so that a slow machine is under load as well, and a random moment after that; now and then while it begins.
		if most := rand.IntN(100); round%10 != 9 {
			for bound := time.Now().Add(10 * time.Second); sum()-before < most && time.Now().Before(bound); {
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		p.kill()
		if round%20 == 19 || round == rounds-1 {
			t.Logf("round %d, after %s: %d mails were answered 250", round+1, time.Since(began).Round(time.Second), sum())
		}
		p.serve()
	}
	time.Sleep(200 * time.Millisecond)
	over.Store(true)
	sending.Wait()

	again := 0
	for _, s := range senders {
		if s.fault != nil {
			t.Errorf("sender %d: %v", s.number, s.fault)
		}
		again += s.again
		count := map[string]int{}
		for _, text := range p.texts(s.conversation.id)[1:] {
			count[text]++
		}
		sent := int(s.taken.Load())
		for i := range sent {
			if n := count[s.text(i)]; n != 1 {
				t.Errorf("%q was answered 250 and is there %d times", s.text(i), n)
			}
		}
		// The last one may be there without an answer.
		if n := count[s.text(sent)]; n > 1 || len(count) != sent+n {
			t.Errorf("sender %d: %d messages are there, %d were answered 250, and the one under way is there %d times", s.number, len(count), sent, n)
		}
	}
	if sum() < rounds {
		t.Errorf("only %d mails were taken in %d rounds", sum(), rounds)
	}
	t.Logf("%d rounds: %d mails were answered 250; %d had been sent before without an answer", rounds, sum(), again)
	p.stop()
	t.Log(strings.TrimSpace(p.do("check")))
}

// tireless sends one mail after the other, each until it is answered 250.
type tireless struct {
	number       int
	conversation dialogue
	addr         string
	taken        atomic.Int64
	again        int // mails that were sent to their end more than once
	fault        error
}

func (s *tireless) text(i int) string { return fmt.Sprintf("Letter %d of sender %d.", i, s.number) }

func (s *tireless) mail(i int) string {
	m := fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: Re: Your appointment\r\nMessage-ID: <%d.%d@ann.example>\r\nMIME-Version: 1.0\r\n",
		s.conversation.contact, s.conversation.reply, s.number, i)
	if i%10 != 9 {
		return m + "\r\n" + s.text(i) + "\r\n"
	}
	// One in ten has a file that does not fit into the database.
	return m + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + s.text(i) + "\r\n--b\r\nContent-Type: text/plain\r\n" +
		"Content-Disposition: attachment; filename=plan.txt\r\n\r\n" + strings.Repeat(s.text(i)+"\r\n", 4000) + "--b--\r\n"
}

// send runs until over, across as many connections as it takes.
func (s *tireless) send(over *atomic.Bool) {
	next, ended := 0, false // ended: the mail in hand was sent to its end before
	for !over.Load() && s.fault == nil {
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c := textproto.NewConn(conn)
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		_, _, err = c.ReadResponse(220)
		if err == nil {
			err = s.ask(c, "EHLO client.example", 250)
		}
		for err == nil && !over.Load() {
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			if err = s.one(c, next, &ended); err == nil {
				next++
				ended = false
				s.taken.Add(1)
			}
		}
		var said *textproto.Error
		if errors.As(err, &said) && said.Code >= 500 {
			s.fault = fmt.Errorf("mail %d was refused: %w", next, said)
		}
		_ = c.Close()
	}
}

func (s *tireless) one(c *textproto.Conn, i int, ended *bool) error {
	if err := s.ask(c, "MAIL FROM:<"+s.conversation.contact+">", 250); err != nil {
		return err
	}
	if err := s.ask(c, "RCPT TO:<"+s.conversation.reply+">", 250); err != nil {
		return err
	}
	if err := s.ask(c, "DATA", 354); err != nil {
		return err
	}
	if *ended {
		s.again++
	}
	if _, err := io.WriteString(c.W, s.mail(i)+".\r\n"); err != nil {
		return err
	}
	if err := c.W.Flush(); err != nil {
		return err
	}
	*ended = true
	_, _, err := c.ReadResponse(250)
	return err
}

func (s *tireless) ask(c *textproto.Conn, line string, want int) error {
	if err := c.PrintfLine("%s", line); err != nil {
		return err
	}
	_, _, err := c.ReadResponse(want)
	return err
}
