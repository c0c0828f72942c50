package bridge_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// What is left of an answer whose thread was deleted can't be sent, and goes on to say why.
func TestNothingIsLeftToSend(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene := t.Context(), w.actor("staff")
	w.schedule(w.staff, "Secret words.", time.Hour)
	w.must(w.g.DeleteThread(ctx, w.actor("admin"), w.thread.ID))
	left := w.pending(bridge.ID{})[0]
	if _, err := w.g.SendPending(ctx, marlene, left.ID); !errors.Is(err, bridge.ErrConflict) || !strings.Contains(err.Error(), "its conversation was deleted") {
		t.Errorf("sent: %v", err)
	}
	if now := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, marlene, left.ID) }); now.State != bridge.PendingStopped || now.Why != left.Why {
		t.Errorf("it is %s, %q, want %q as before", now.State, now.Why, left.Why)
	}
	w.must(w.g.DiscardPending(ctx, marlene, left.ID))
}

// fileless is a store that for a while takes no messages, as where their files can't be reached.
type fileless struct {
	bridge.Store
	fail *atomic.Bool
}

// Update implements bridge.Store.
func (f fileless) Update(ctx context.Context, fn func(bridge.Tx) error) error {
	return f.Store.Update(ctx, func(tx bridge.Tx) error { return fn(filelessTx{tx, f.fail}) })
}

type filelessTx struct {
	bridge.Tx
	fail *atomic.Bool
}

// AddMessage implements bridge.Messages.
func (f filelessTx) AddMessage(ctx context.Context, m *bridge.Message) error {
	if f.fail.Load() {
		return bridge.ErrUnavailable
	}
	return f.Tx.AddMessage(ctx, m)
}

// What was due while the gateway was down is tried for an hour too, if something it needs comes up after it.
func TestFaultsAfterAStart(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	p := w.schedule(w.staff, "Late but whole.", time.Minute)
	state := func() bridge.PendingState {
		return try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, w.actor("staff"), p.ID) }).State
	}
	w.clock.forward(9 * time.Hour)
	var fail atomic.Bool
	fail.Store(true)
	started := w.asConfig(func(c *bridge.Config) { c.Store = fileless{c.Store, &fail} })
	for range 2 {
		if _, err := started.g.PostDue(ctx); !errors.Is(err, bridge.ErrUnavailable) || state() != bridge.PendingWaits {
			t.Fatalf("just after the start: %v, and it is %s", err, state())
		}
		w.clock.forward(29 * time.Minute)
	}
	w.clock.forward(2 * time.Minute)
	if _, err := started.g.PostDue(ctx); err != nil || state() != bridge.PendingStopped {
		t.Errorf("after an hour: %v, and it is %s", err, state())
	}
	fail.Store(false)
	if _, err := started.g.SendPending(ctx, w.actor("staff"), p.ID); err != nil || state() != bridge.PendingSent {
		t.Errorf("sent again: %v, and it is %s", err, state())
	}
}
