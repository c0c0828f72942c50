package mailout_test

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/submit/relaytest"
)

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
