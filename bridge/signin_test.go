package bridge_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// password is one that all members of staff here have: nobody said that they are wise.
const password = "plain sailing at dawn"

func (w *world) withPassword(address string) bridge.Person {
	w.t.Helper()
	return try(w, func() (bridge.Person, error) {
		return w.g.AddStaff(w.t.Context(), w.operator, "", address, bridge.RoleStaff, password)
	})
}

func TestRightPasswordsFromOneOfficeAreNoGuesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 8 {
		address := fmt.Sprintf("p%d@example.com", i)
		w.withPassword(address)
		for n := range 8 {
			if _, err := w.g.SignInWithPassword(t.Context(), address, password, "192.0.2.1", ""); err != nil {
				t.Fatalf("sign-in %d: %v", 8*i+n+1, err)
			}
		}
	}
}

func TestGuessesAtOnceLearnNoMoreThanOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var told, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 75 {
		all.Go(func() {
			_, err := w.g.SignInWithPassword(t.Context(), fmt.Sprintf("guess%d@example.net", i), password, "192.0.2.1", "")
			switch {
			case errors.Is(err, bridge.ErrWrongCode):
				told.Add(1)
			case errors.Is(err, bridge.ErrTooMany):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if told.Load() != 60 || refused.Load() != 15 {
		t.Errorf("%d guesses learnt something and %d did not, want 60 and 15", told.Load(), refused.Load())
	}
}

func TestOldPasswordOpensNothingOnceChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	p := w.withPassword("p@example.com")
	for range 10 {
		w.clock.forward(20 * time.Minute)
		w.must(w.g.SetPassword(ctx, w.operator, p.ID, bridge.Proof{}, password))
		var in bridge.SignedIn
		done := make(chan error, 1)
		go func() {
			var err error
			in, err = w.g.SignInWithPassword(ctx, p.Address, password, "192.0.2.1", "")
			done <- err
		}()
		w.must(w.g.SetPassword(ctx, w.operator, p.ID, bridge.Proof{}, "another dawn entirely"))
		switch err := <-done; {
		case err == nil:
			if _, err := w.g.SessionPerson(ctx, p.ID, in.At); !errors.Is(err, bridge.ErrSignedOut) {
				t.Fatalf("the old password's session after the change: %v, want ErrSignedOut", err)
			}
		case !errors.Is(err, bridge.ErrWrongCode):
			t.Fatal(err)
		}
	}
}
