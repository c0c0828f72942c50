package bridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// Tries with a known device are counted by themselves; a token that is somebody else's, altered or cut counts for nothing.
func TestDeviceHasTriesOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	mine, other := w.withPassword("p@example.com"), w.withPassword("q@example.com")
	in, err := w.g.SignInWithPassword(ctx, mine.Address, password, "192.0.2.1", "")
	w.must(err)
	hers, err := w.g.SignInWithPassword(ctx, other.Address, password, "192.0.2.1", "")
	w.must(err)
	if in.ByCode || in.Device == "" || in.Device == hers.Device {
		t.Errorf("signed in as %+v and %+v", in, hers)
	}
	for range 12 {
		_, _ = w.g.SignInWithPassword(ctx, mine.Address, "a guess", "203.0.113.1", "")
	}
	for _, device := range []string{"", hers.Device, in.Device[1:], "A" + in.Device, strings.Repeat("A", 64), strings.Repeat("A", 1<<20), "%"} {
		if _, err := w.g.SignInWithPassword(ctx, mine.Address, password, "192.0.2.1", device); !errors.Is(err, bridge.ErrTooMany) {
			t.Errorf("with the device %.20q: %v, want ErrTooMany", device, err)
		}
	}
	_, err = w.g.SignInWithPassword(ctx, mine.Address, password, "192.0.2.1", in.Device)
	w.must(err)
	for range 6 {
		_ = w.g.RequestCode(ctx, bridge.CodeRequest{Address: mine.Address, Browser: strings.Repeat("s", 32), Network: "203.0.113.1"})
	}
	w.must(w.g.RequestCode(ctx, bridge.CodeRequest{Address: mine.Address, Browser: strings.Repeat("m", 32), Network: "192.0.2.1", Device: in.Device}))
}

func TestProofForAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ann := bridge.AsPerson(w.inside.ID)
	now := w.clock.now()
	set := func(p bridge.Proof) error { return w.g.SetPassword(ctx, ann, w.inside.ID, p, password) }
	for _, p := range []bridge.Proof{{}, {Password: password}, {CodeAt: now.Add(-bridge.CodeProof)}, {CodeAt: now.Add(time.Hour)}} {
		if err := set(p); !errors.Is(err, bridge.ErrWrongCode) {
			t.Errorf("a first password with %+v: %v, want ErrWrongCode", p, err)
		}
	}
	w.must(set(bridge.Proof{CodeAt: now}))
	// That signed her out, so the same sign-in proves nothing any more.
	for _, p := range []bridge.Proof{{}, {CodeAt: now}, {Password: "a guess"}} {
		if err := set(p); !errors.Is(err, bridge.ErrWrongCode) {
			t.Errorf("another password with %+v: %v, want ErrWrongCode", p, err)
		}
	}
	w.must(set(bridge.Proof{Password: password}))
	w.clock.forward(time.Minute)
	w.must(set(bridge.Proof{CodeAt: w.clock.now()}))
}
