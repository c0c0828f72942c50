package mailout_test

import (
	"bytes"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/relaytest"
)

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

func waitFor(tb testing.TB, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			tb.Fatalf("it does not come to be:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}
