package bridge_test

import (
	"slices"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestRenewLeases(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	claim := func(worker string) []bridge.Delivery {
		list, err := w.g.ClaimDeliveries(ctx, worker, time.Minute, 100)
		w.must(err)
		return list
	}
	held := claim("one")
	if len(held) < 3 {
		t.Fatalf("%d deliveries to hold, want some", len(held))
	}
	var ids []bridge.ID
	for _, d := range held {
		ids = append(ids, d.ID)
	}

	// Renewed in time, again and again, they stay with the first worker.
	for range 3 {
		w.clock.forward(50 * time.Second)
		lost, err := w.g.RenewLeases(ctx, "one", time.Minute, ids...)
		w.must(err)
		if len(lost) != 0 || len(claim("two")) != 0 {
			t.Fatalf("%d lost although they were renewed in time", len(lost))
		}
	}

	// What is done, and what there is not, can't be held; and nobody renews for somebody else.
	w.must(w.g.RecordRelayed(ctx, "one", ids[0], bridge.Departure{Form: bridge.FormNotice, Said: "250 ok"}))
	nothing := bridge.NewID()
	lost, err := w.g.RenewLeases(ctx, "one", time.Minute, append(ids, nothing)...)
	w.must(err)
	if want := []bridge.ID{ids[0], nothing}; !slices.Equal(lost, want) {
		t.Errorf("lost %v, want %v", lost, want)
	}
	if lost, err = w.g.RenewLeases(ctx, "two", time.Minute, ids...); err != nil || len(lost) != len(ids) {
		t.Errorf("another worker: %d lost of %d, %v", len(lost), len(ids), err)
	}

	// A lease of zero gives back at once, untried.
	lost, err = w.g.RenewLeases(ctx, "one", 0, ids[1])
	w.must(err)
	back := claim("two")
	if len(lost) != 0 || len(back) != 1 || back[0].ID != ids[1] || back[0].Attempts != 0 {
		t.Errorf("given back: %+v", back)
	}
}
