package mailout_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit/relaytest"
)

// signerFunc is a Signer.
type signerFunc func(message []byte) ([]byte, error)

func (f signerFunc) Sign(_ context.Context, message []byte) ([]byte, error) { return f(message) }

func TestMailsLeaveSigned(t *testing.T) {
	server := relaytest.Start(t, relaytest.Config{})
	b := newBox()
	var broken atomic.Bool
	broken.Store(true)
	var seen atomic.Value
	run(t, b, relayTo(t, server.Addr, 1), func(c *mailout.Config) {
		c.Signer = signerFunc(func(message []byte) ([]byte, error) {
			if broken.Load() {
				return nil, errors.New("no keys")
			}
			seen.Store(string(message))
			return []byte("DKIM-Signature: of this mail\r\n"), nil
		})
	})
	id := b.add(1, bridge.DeliverCode, 0)[0]

	// Without its signature it waits.
	if d := b.await(t, id, bridge.Deferred, 1); !strings.Contains(d.Diagnostic, "could not be signed") {
		t.Errorf("got %+v", d)
	}
	if n := len(server.Mails()); n != 0 {
		t.Fatalf("%d mails left unsigned", n)
	}
	broken.Store(false)
	b.forward(time.Hour)
	b.await(t, id, bridge.Relayed, 2)
	if got := string(server.Await(t, 1)[0].Data); got != "DKIM-Signature: of this mail\r\n"+seen.Load().(string) {
		t.Errorf("what left is not the signature and what it was made over:\n%s", got)
	}
}
