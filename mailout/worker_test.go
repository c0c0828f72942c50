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
	attempts, last := 0, time.Duration(0)
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
			break
		}
		wait := d.NextAt.Sub(b.now())
		if wait > 5*time.Hour || wait < last/2 {
			t.Errorf("attempt %d waits %s after %s", attempts, wait, last)
		}
		last = wait
		b.forward(wait + time.Second)
	}
	if age := b.now().Sub(b.get(id).CreatedAt); age < 40*time.Hour || age > 49*time.Hour || attempts < 12 || attempts > 40 {
		t.Errorf("given up after %s and %d attempts", age, attempts)
	}
}

func TestModeIsDecidedAtEachAttempt(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{OnRcpt: func(n int, _ string) error {
		if n == 1 {
			return reply(451, "later")
		}
		return nil
	}})
	b := newBox()
	var secure atomic.Bool
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) {
		if secure.Load() {
			return noticeFor(d), nil
		}
		return copyFor(d), nil
	}
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	b.await(t, id, bridge.Deferred, 1)
	secure.Store(true)
	b.forward(3 * time.Minute)
	if d := b.await(t, id, bridge.Relayed, 2); d.Form != bridge.FormNotice {
		t.Errorf("recorded as %s", d.Form)
	}
	if m := server.Mails()[0]; bytes.Contains(m.Data, []byte("Secret")) {
		t.Errorf("the mail holds the message:\n%s", m.Data)
	}
}

// TestModeIsDecidedAfterConnecting switches to secure while the worker waits for a relay that is slow to answer.
func TestModeIsDecidedAfterConnecting(t *testing.T) {
	b := newBox()
	var secure atomic.Bool
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) {
		if secure.Load() {
			return noticeFor(d), nil
		}
		return copyFor(d), nil
	}
	server := relaytest.Start(t, relaytest.Config{OnConnect: func(int, net.Conn) error {
		secure.Store(true)
		return nil
	}})
	ids := b.add(8, bridge.DeliverMessage, 5)
	run(t, b, relayTo(t, server.Addr, 4), nil)
	for _, id := range ids {
		if d := b.await(t, id, bridge.Relayed, 1); d.Form != bridge.FormNotice {
			t.Errorf("recorded as %s", d.Form)
		}
	}
	for _, m := range server.Mails() {
		if bytes.Contains(m.Data, []byte("Secret")) {
			t.Errorf("a mail holds the message:\n%s", m.Data)
		}
	}
}

func TestCopyThatIsTooLargeLeavesWithoutItsFiles(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{MaxSize: 7000})
	b := newBox()
	b.prepare = func(d bridge.Delivery) (bridge.Outgoing, error) { return copyFor(d), nil }
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	if d := b.await(t, id, bridge.Relayed, 1); d.Form != bridge.FormCopy {
		t.Errorf("recorded as %s", d.Form)
	}
	if m := server.Mails()[0]; !bytes.Contains(m.Data, []byte("* secret.txt (5 kB)")) {
		t.Errorf("the file is not named:\n%s", m.Data)
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

func TestRelayThatIsDownCostsFewAttempts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	b := newBox()
	ids := b.add(500, bridge.DeliverMessage, 5)
	run(t, b, relayTo(t, addr, 4), nil)
	late := time.Now().Add(20 * time.Second)
	for b.count(bridge.Deferred) == 0 {
		if time.Now().After(late) {
			t.Fatal("nothing is deferred")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if n := b.count(bridge.Deferred); n > 10 {
		t.Errorf("%d deliveries were tried on a relay that is down", n)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	server := relaytest.Serve(t, relaytest.Config{}, l)
	server.Await(t, 490)
	b.forward(4 * time.Minute)
	for _, id := range ids {
		b.await(t, id, bridge.Relayed, 1)
	}
	if n := len(server.Mails()); n != 500 {
		t.Errorf("%d mails, want 500", n)
	}
}

func TestRecordIsWrittenInTheEnd(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	faults := 3
	b.failWrite = func() error {
		if faults--; faults >= 0 {
			return errors.New("the database is locked")
		}
		return nil
	}
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	run(t, b, relayTo(t, server.Addr, 2), nil)
	b.await(t, id, bridge.Relayed, 1)
	if n := len(server.Mails()); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

// TestCrashBetweenReplyAndRecord ends a worker that the relay has answered and that could write nothing down any more.
func TestCrashBetweenReplyAndRecord(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	sent := make(chan struct{}, 1)
	b.failWrite = func() error { return errors.New("crashed") }
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	stop := run(t, b, relayTo(t, server.Addr, 2), func(c *mailout.Config) {
		c.Grace = time.Millisecond
		c.AfterSend = func(bridge.ID) { sent <- struct{}{} }
	})
	<-sent
	stop()
	b.mu.Lock()
	b.failWrite = nil
	b.mu.Unlock()
	b.forward(5 * time.Minute)
	run(t, b, relayTo(t, server.Addr, 2), nil)
	b.await(t, id, bridge.Relayed, 1)
	mails := server.Mails()
	if len(mails) != 2 || !bytes.Equal(mails[0].Data, mails[1].Data) {
		t.Errorf("got %d mails, want the same one twice", len(mails))
	}
}

func TestStopFinishesWhatIsOnItsWay(t *testing.T) {
	began, release := make(chan struct{}, 10), make(chan struct{})
	server := relaytest.Start(t, relaytest.Config{OnData: func(int, relaytest.Mail, net.Conn) error {
		began <- struct{}{}
		<-release
		return nil
	}})
	b := newBox()
	ids := b.add(20, bridge.DeliverMessage, 5)
	before := runtime.NumGoroutine()
	transport := relayTo(t, server.Addr, 2)
	stop := run(t, b, transport, func(c *mailout.Config) { c.Concurrency = 2 })
	<-began
	<-began
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	stop()
	if n := b.count(bridge.Relayed); n != 2 || len(server.Mails()) != 2 {
		t.Errorf("%d recorded and %d taken, want 2", n, len(server.Mails()))
	}
	for _, id := range ids {
		if d := b.get(id); d.State == bridge.Queued && (d.Attempts != 0 || d.LeaseUntil.After(b.now())) {
			t.Errorf("not given back: %+v", d)
		}
	}
	transport.Close()
	waitFor(t, func() bool { return runtime.NumGoroutine() <= before+1 })
}

func TestStopDoesNotWaitForever(t *testing.T) {
	began := make(chan struct{}, 10)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	server := relaytest.Start(t, relaytest.Config{OnMail: func(int) error {
		began <- struct{}{}
		<-hang
		return nil
	}})
	b := newBox()
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	stop := run(t, b, relayTo(t, server.Addr, 2), func(c *mailout.Config) { c.Grace = 50 * time.Millisecond })
	<-began
	at := time.Now()
	stop()
	if took := time.Since(at); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	if d := b.get(id); d.State != bridge.Queued || d.Attempts != 0 || d.LeaseUntil.After(b.now()) {
		t.Errorf("not given back: %+v", d)
	}
}

func TestLeaseIsKeptWhileTheRelayTakesItsTime(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{OnData: func(int, relaytest.Mail, net.Conn) error {
		time.Sleep(2500 * time.Millisecond)
		return nil
	}})
	b := newBox()
	id := b.add(1, bridge.DeliverMessage, 5)[0]
	for range 2 {
		run(t, b, relayTo(t, server.Addr, 2), func(c *mailout.Config) { c.Lease = time.Second })
	}
	b.await(t, id, bridge.Relayed, 1)
	if n := len(server.Mails()); n != 1 {
		t.Errorf("%d mails, want 1", n)
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

func (s scripted) Connect(context.Context) (submit.Session, error) {
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

func TestOldDeliveriesFailEvenWhileTheRelayIsDown(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for several probes of a relay that is down; run without -short")
	}
	b := newBox()
	old := b.add(1, bridge.DeliverMessage, 5)[0]
	b.forward(49 * time.Hour)
	b.add(5, bridge.DeliverMessage, 5)
	var probes atomic.Int32
	run(t, b, scripted{connect: func() error {
		probes.Add(1)
		// So that the pauses between the probes pass quickly.
		b.mu.Lock()
		b.ahead += time.Minute
		b.mu.Unlock()
		return &submit.Error{Stage: submit.StageConnect, Relay: true, Text: "connection refused"}
	}}, nil)
	if d := b.await(t, old, bridge.Failed, 1); !strings.Contains(d.Diagnostic, "connection refused") {
		t.Errorf("got %q", d.Diagnostic)
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

func waitFor(tb testing.TB, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			tb.Fatalf("it does not come to be:\n%s", buf[:runtime.Stack(buf, true)])
		}
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
