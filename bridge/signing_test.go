package bridge_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// signing returns a pair of keys in a state, made up so that it takes no time.
func (w *world) signing(s bridge.SigningState) bridge.ID {
	w.t.Helper()
	var p bridge.SigningPair
	w.must(w.db.Update(w.t.Context(), func(tx bridge.Tx) error {
		var err error
		if p, err = tx.SigningPairIn(w.t.Context(), s); !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
		p = bridge.SigningPair{ID: bridge.NewID(), State: s, MadeAt: w.clock.now(), Keys: []bridge.SigningKey{{Selector: "made-up", Private: []byte("x")}}}
		return tx.AddSigningPair(w.t.Context(), p)
	}))
	return p.ID
}

// TestSigningKeys follows the operator through a change of keys: publish, wait, switch, retire.
func TestSigningKeys(t *testing.T) {
	w := newWorld(t)
	ctx, g, admin := t.Context(), w.g, bridge.AsPerson(w.admin.ID)
	if _, err := g.SigningKeys(ctx); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("got %v, want that nothing signs yet", err)
	}
	first := try(w, func() (bridge.SigningPair, error) { return g.MakeSigningPair(ctx, admin) })
	if _, err := g.MakeSigningPair(ctx, admin); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("made twice: got %v, want a conflict", err)
	}
	if err := g.RetireSigning(ctx, admin, bridge.NewID(), false); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("got %v, want that there are no such keys", err)
	}
	w.must(g.SwitchSigning(ctx, admin, first.ID))
	w.must(g.SwitchSigning(ctx, admin, first.ID)) // again, after an answer that was lost
	if err := g.RetireSigning(ctx, admin, first.ID, true); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("retired the keys that sign: %v", err)
	}

	now := try(w, func() (bridge.SigningPair, error) { return g.SigningKeys(ctx) })
	rsaKey, err := x509.ParsePKCS8PrivateKey(now.Keys[0].Private)
	w.must(err)
	edKey, err := x509.ParsePKCS8PrivateKey(now.Keys[1].Private)
	w.must(err)
	if k, ok := rsaKey.(*rsa.PrivateKey); !ok || k.N.BitLen() != 2048 {
		t.Errorf("got %T, want RSA with 2048 bits", rsaKey)
	}
	if k, ok := edKey.(ed25519.PrivateKey); !ok || !k.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(now.Keys[1].Public)) {
		t.Errorf("got %T, want Ed25519 with its public key", edKey)
	}
	if r := now.Keys[0].Record(); !strings.HasPrefix(r, "v=DKIM1; k=rsa; p=MII") || len(r) < 255 {
		t.Errorf("got record %q", r)
	}
	if n := now.Keys[1].Name("example.com"); n != now.Keys[1].Selector+"._domainkey.example.com." {
		t.Errorf("got name %q", n)
	}

	second := try(w, func() (bridge.SigningPair, error) { return g.MakeSigningPair(ctx, w.operator) })
	if second.Keys[0].Selector == first.Keys[0].Selector {
		t.Error("a selector is used twice")
	}
	if again := try(w, func() (bridge.SigningPair, error) { return g.SigningKeys(ctx) }); again.ID != first.ID {
		t.Error("keys sign that are not published yet")
	}
	w.must(g.SwitchSigning(ctx, w.operator, second.ID))
	if err := g.SwitchSigning(ctx, w.operator, first.ID); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("switched back: got %v, want a conflict", err)
	}
	if err := g.RetireSigning(ctx, admin, first.ID, false); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("retired while mail is on its way: %v", err)
	}
	w.clock.forward(bridge.SigningRest + time.Minute)
	w.must(g.RetireSigning(ctx, admin, first.ID, false))
	w.must(g.RetireSigning(ctx, admin, first.ID, false))

	var states []bridge.SigningState
	for _, p := range try(w, func() ([]bridge.SigningPair, error) { return g.ListSigningPairs(ctx, admin) }) {
		states = append(states, p.State)
		for _, k := range p.Keys {
			if k.Private != nil {
				t.Error("a private key is shown")
			}
		}
	}
	if len(states) != 2 || states[0] != bridge.SigningCurrent || states[1] != bridge.SigningRetired {
		t.Errorf("got %v", states)
	}
	w.must(w.db.View(ctx, func(tx bridge.Tx) error {
		p, err := tx.SigningPair(ctx, first.ID)
		if err == nil && (p.Keys[0].Private != nil || p.Keys[1].Private != nil || len(p.Keys[0].Public) == 0) {
			t.Error("retired keys are not destroyed, or not known any more")
		}
		return err
	}))
	for action, n := range map[string]int{"signing.make": 2, "signing.switch": 2, "signing.retire": 1} {
		if got := len(w.recorded(action)); got != n {
			t.Errorf("%s is recorded %d times, want %d", action, got, n)
		}
	}
}

// TestSwitchAtOnce has several switch, and asks which keys sign meanwhile.
func TestSwitchAtOnce(t *testing.T) {
	w := newWorld(t)
	old := w.signing(bridge.SigningNext)
	w.must(w.g.SwitchSigning(t.Context(), w.operator, old))
	next := w.signing(bridge.SigningNext)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := w.g.SwitchSigning(t.Context(), w.operator, next); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			p, err := w.g.SigningKeys(t.Context())
			if err != nil || p.ID != old && p.ID != next {
				t.Errorf("got %v, %v, want one of the two", p.ID, err)
			}
		})
	}
	all.Wait()
	if p, err := w.g.SigningKeys(t.Context()); err != nil || p.ID != next {
		t.Errorf("got %v, %v, want the new ones", p.ID, err)
	}
}

// TestFirstSigningKeys has several processes begin at the same time on data that has never had keys.
func TestFirstSigningKeys(t *testing.T) {
	w := newWorld(t)
	var made atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			p, err := w.g.FirstSigningKeys(t.Context())
			switch {
			case err == nil:
				made.Add(1)
				if p.State != bridge.SigningCurrent || len(p.Keys) != 2 || p.Keys[0].Private != nil || p.Keys[1].Private != nil {
					t.Errorf("got %s with %d keys, want both that sign, without what is private", p.State, len(p.Keys))
				}
			case !errors.Is(err, bridge.ErrConflict):
				t.Error(err)
			}
		})
	}
	all.Wait()
	pairs := try(w, func() ([]bridge.SigningPair, error) { return w.g.ListSigningPairs(t.Context(), w.operator) })
	if made.Load() != 1 || len(pairs) != 1 {
		t.Errorf("they were made %d times, and there are %d pairs, want one", made.Load(), len(pairs))
	}
	now := try(w, func() (bridge.SigningPair, error) { return w.g.SigningKeys(t.Context()) })
	if _, err := x509.ParsePKCS8PrivateKey(now.Keys[0].Private); err != nil || now.ID != pairs[0].ID {
		t.Errorf("got %v, %v, want the pair that was made", now.ID, err)
	}
	if got := len(w.recorded("signing.make")); got != 1 {
		t.Errorf("it is recorded %d times, want once", got)
	}

	// Where an admin has begun to make some, they wait for their records.
	w = newWorld(t)
	w.signing(bridge.SigningNext)
	if _, err := w.g.FirstSigningKeys(t.Context()); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("got %v, want a conflict with those that wait", err)
	}
}
