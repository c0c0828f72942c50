package store_test

import (
	"errors"
	"testing"

	"letterlock/bridge"
)

// A rotated refresh token takes the place of the one before, and each name has its own.
func TestRefreshToken(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	if _, err := d.RefreshToken(ctx, "office"); !errors.Is(err, bridge.ErrNotFound) {
		t.Fatalf("a token that was never kept: got %v", err)
	}
	for _, want := range []string{"first", "second"} {
		if err := d.KeepRefreshToken(ctx, "office", want); err != nil {
			t.Fatal(err)
		}
		if got, err := d.RefreshToken(ctx, "office"); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if _, err := d.RefreshToken(ctx, "another"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("another's: got %v", err)
	}
}
