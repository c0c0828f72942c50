package mailout_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/compose"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/relaytest"
)

func reply(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

func TestMailsAreRelayedOnce(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	ids := b.add(150, bridge.DeliverMessage, 5)
	stop := run(t, b, relayTo(t, server.Addr, 4), nil)
	for _, id := range ids {
		d := b.await(t, id, bridge.Relayed, 1)
		if d.Form != bridge.FormNotice || !strings.HasPrefix(d.Diagnostic, "250 ") || d.Attempts != 1 {
			t.Fatalf("got %+v", d)
		}
	}
	more := b.add(1, bridge.DeliverMessage, 5)[0]
	b.await(t, more, bridge.Relayed, 1)
	stop()
	if got := len(server.Mails()); got != 151 {
		t.Errorf("the relay has %d mails, want 151", got)
	}
}

func TestCodesLeaveFirst(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	b.add(5, bridge.DeliverAlert, 9)
	b.add(20, bridge.DeliverMessage, 5)
	b.add(2, bridge.DeliverCode, 0)
	run(t, b, relayTo(t, server.Addr, 1), func(c *mailout.Config) { c.Concurrency = 1 })
	for i, m := range server.Await(t, 27)[:2] {
		if !bytes.Contains(m.Data, []byte("123456")) {
			t.Errorf("mail %d is no code:\n%s", i, m.Data)
		}
	}
}

func TestTemporaryRefusalIsTriedAgainWithTheSameMessageID(t *testing.T) {
	for name, config := range map[string]relaytest.Config{
		"451 at RCPT": {OnRcpt: func(n int, _ string) error {
			if n == 1 {
				return reply(451, "secret-person@home.example is greylisted")
			}
			return nil
		}},
		"452 after the data": {OnData: func(n int, _ relaytest.Mail, _ net.Conn) error {
			if n == 1 {
				return reply(452, "no room")
			}
			return nil
		}},
		"421 at MAIL": {OnMail: func(n int) error {
			if n == 1 {
				return reply(421, "busy")
			}
			return nil
		}},
		"dropped after the data": {OnData: func(n int, _ relaytest.Mail, c net.Conn) error {
			if n == 1 {
				c.Close()
				return relaytest.ErrDrop
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first atomic.Pointer[relaytest.Mail]
			inner := config.OnData
			config.OnData = func(n int, m relaytest.Mail, c net.Conn) error {
				first.CompareAndSwap(nil, &m)
				if inner != nil {
					return inner(n, m, c)
				}
				return nil
			}
			server := relaytest.Start(t, config)
			b := newBox()
			id := b.add(1, bridge.DeliverMessage, 5)[0]
			run(t, b, relayTo(t, server.Addr, 2), nil)
			d := b.await(t, id, bridge.Deferred, 1)
			if wait := d.NextAt.Sub(b.now()); wait < 30*time.Second || wait > 3*time.Minute || d.Diagnostic == "" {
				t.Errorf("deferred for %s: %q", wait, d.Diagnostic)
			}
			b.forward(3 * time.Minute)
			b.await(t, id, bridge.Relayed, 2)
			mails := server.Mails()
			if len(mails) != 1 || !bytes.Equal(mails[0].Data, first.Load().Data) {
				t.Errorf("got %d mails, want one, the same as the first", len(mails))
			}
		})
	}
}

func TestRefusalForGoodFails(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{OnRcpt: func(int, string) error { return reply(550, "no such user") }})
	b := newBox()
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	if d := b.await(t, id, bridge.Failed, 1); d.Diagnostic != "550 5.1.1 no such user" {
		t.Errorf("got %q", d.Diagnostic)
	}
}

func TestGivenUpAfterTwoDays(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{OnRcpt: func(int, string) error { return reply(451, "later") }})
	b := newBox()
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	if attempts, age := triesUntilGivenUp(t, b, id); age < 40*time.Hour || age > 49*time.Hour || attempts < 12 || attempts > 40 {
		t.Errorf("given up after %s and %d attempts", age, attempts)
	}
	// An admin puts it back, old as it is.
	b.retry(id)
	if attempts, age := triesUntilGivenUp(t, b, id); attempts != 8 || age > 60*time.Hour {
		t.Errorf("put back, it was given up at an age of %s after %d attempts, want 8", age, attempts)
	}
}

// triesUntilGivenUp turns the clock forward to each attempt of a delivery, until it failed, and returns how many there were, and its age then.
func triesUntilGivenUp(t *testing.T, b *box, id bridge.ID) (attempts int, age time.Duration) {
	t.Helper()
	last := time.Duration(0)
	for {
		attempts++
		var d bridge.Delivery
		deadline := time.Now().Add(20 * time.Second)
		for d = b.get(id); d.Attempts < attempts; d = b.get(id) {
			if time.Now().After(deadline) {
				t.Fatalf("stuck at %+v", d)
			}
			runtime.Gosched()
		}
		if d.State == bridge.Failed {
			if !strings.HasPrefix(d.Diagnostic, "given up after ") || !strings.HasSuffix(d.Diagnostic, "451 4.1.1 later") {
				t.Errorf("got %q", d.Diagnostic)
			}
			return attempts, b.now().Sub(d.CreatedAt)
		}
		wait := d.NextAt.Sub(b.now())
		if wait > 5*time.Hour || wait < last/2 {
			t.Errorf("attempt %d waits %s after %s", attempts, wait, last)
		}
		last = wait
		b.forward(wait + time.Second)
	}
}

func TestWhatIsNotToBeSent(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	answers := map[bridge.ID]error{}
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) {
		if err := answers[d.ID]; err != nil {
			return bridge.Outgoing{}, err
		}
		o := noticeFor(d)
		if _, known := answers[d.ID]; known {
			o.Recipient.Addr = "no address"
		}
		return o, nil
	}
	ids := b.add(5, bridge.DeliverMessage, 5)
	b.mu.Lock()
	answers[ids[0]] = fmt.Errorf("prepare: %w", &bridge.Suppression{Reason: "switched off"})
	answers[ids[1]] = fmt.Errorf("prepare: %w", bridge.ErrLeaseLost)
	answers[ids[2]] = fmt.Errorf("prepare: %w", bridge.ErrNotFound)
	answers[ids[3]] = errors.New("the disk is gone")
	answers[ids[4]] = nil
	b.mu.Unlock()
	run(t, b, relayTo(t, server.Addr, 2), nil)
	b.await(t, ids[2], bridge.Failed, 1)
	b.await(t, ids[3], bridge.Deferred, 1)
	if d := b.await(t, ids[4], bridge.Failed, 1); !strings.Contains(d.Diagnostic, "not an address") {
		t.Errorf("got %q", d.Diagnostic)
	}
	for _, id := range ids[:2] {
		if d := b.get(id); d.State != bridge.Queued || d.Attempts != 0 {
			t.Errorf("got %+v", d)
		}
	}
	if n := len(server.Mails()); n != 0 {
		t.Errorf("%d mails left", n)
	}
}

func TestPanicDefersOneMailAndStopsNoOther(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	var bad bridge.ID
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) { return noticeFor(d), nil }
	ids := b.add(10, bridge.DeliverMessage, 5)
	bad = ids[0]
	run(t, b, relayTo(t, server.Addr, 2), func(c *mailout.Config) {
		c.BeforeSend = func(id bridge.ID) {
			if id == bad {
				panic("secret-person@home.example")
			}
		}
	})
	b.await(t, bad, bridge.Deferred, 1)
	for _, id := range ids[1:] {
		b.await(t, id, bridge.Relayed, 1)
	}
}

func TestWorkersShareTheOutbox(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	for range 3 {
		run(t, b, relayTo(t, server.Addr, 2), nil)
	}
	ids := b.add(300, bridge.DeliverMessage, 5)
	for _, id := range ids {
		b.await(t, id, bridge.Relayed, 1)
	}
	if n := len(server.Mails()); n != 300 {
		t.Errorf("%d mails, want 300", n)
	}
}

// scripted is a transport that answers as a test wants.
type scripted struct {
	connect func() error
	send    func(compose.Mail) (string, error)
}

func (s scripted) NextHop(string) string { return "relay.example" }
func (s scripted) Path() bridge.Path     { return bridge.PathTLS }

func (s scripted) Connect(context.Context, string) (submit.Session, error) {
	if s.connect != nil {
		return s, s.connect()
	}
	return s, nil
}

func (s scripted) Send(_ context.Context, m compose.Mail) (string, error) { return s.send(m) }
func (s scripted) Close()                                                 {}

func TestStaleConnectionIsTriedAgainAtOnce(t *testing.T) {
	b := newBox()
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	var sends atomic.Int32
	run(t, b, scripted{send: func(compose.Mail) (string, error) {
		if sends.Add(1) == 1 {
			return "", &submit.Error{Stage: submit.StageMail, Relay: true, Stale: true, Text: "closed"}
		}
		return "250 ok", nil
	}}, nil)
	b.await(t, id, bridge.Relayed, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.prepared[id] != 2 {
		t.Errorf("prepared %d times, want 2: the mode is decided anew", b.prepared[id])
	}
}

func TestNewWantsWhatItNeeds(t *testing.T) {
	if _, err := mailout.New(mailout.Config{Gateway: newBox()}); err == nil {
		t.Error("no transport, no error")
	}
	if _, err := mailout.New(mailout.Config{Transport: scripted{}}); err == nil {
		t.Error("no gateway, no error")
	}
}

// BenchmarkWorker drains an outbox in memory into a relay on loopback that shares the processors.
func BenchmarkWorker(b *testing.B) {
	for _, connections := range []int{1, 10} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			server := relaytest.Start(b, relaytest.Config{})
			out := newBox()
			ids := out.add(b.N, bridge.DeliverMessage, 5)
			b.ResetTimer()
			stop := run(b, out, relayTo(b, server.Addr, connections), func(c *mailout.Config) { c.Concurrency = connections })
			out.await(b, ids[len(ids)-1], bridge.Relayed, 1)
			b.StopTimer()
			stop()
		})
	}
}
