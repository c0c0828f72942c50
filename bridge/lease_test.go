package bridge_test

import (
	"errors"
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

	// What is given back is there at once, untried.
	w.must(w.g.ReturnDeliveries(ctx, "one", 0, ids[1], nothing))
	back := claim("two")
	if len(back) != 1 || back[0].ID != ids[1] || back[0].Attempts != 0 {
		t.Errorf("given back: %+v", back)
	}
}

// What a worker puts off is claimed by nobody for so long, and is not being tried: an admin can hold it, or have it tried at once.
func TestReturnDeliveries(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	claim := func() (ids []bridge.ID) {
		list, err := w.g.ClaimDeliveries(ctx, "one", time.Minute, 100)
		w.must(err)
		for _, d := range list {
			ids = append(ids, d.ID)
		}
		return ids
	}
	id := w.deferred()
	w.clock.forward(72 * time.Hour)
	if !slices.Contains(claim(), id) {
		t.Fatal("it is not claimed")
	}
	if err := w.g.RetryDelivery(ctx, w.operator, id); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("try what is on its way: %v, want ErrConflict", err)
	}
	w.must(w.g.ReturnDeliveries(ctx, "another", time.Hour, id)) // which does not hold it
	if _, err := w.g.RenewLeases(ctx, "one", time.Minute, id); err != nil {
		t.Fatal(err)
	}
	w.must(w.g.ReturnDeliveries(ctx, "one", time.Hour, id))
	if slices.Contains(claim(), id) {
		t.Fatal("it was claimed before its time")
	}
	w.must(w.g.RetryDelivery(ctx, w.operator, id))
	if !slices.Contains(claim(), id) {
		t.Fatal("it is not tried at once")
	}
	w.must(w.g.ReturnDeliveries(ctx, "one", time.Hour, id))
	w.must(w.g.HoldDelivery(ctx, w.operator, id))
	w.clock.forward(2 * time.Hour)
	if slices.Contains(claim(), id) {
		t.Fatal("what is on hold was claimed")
	}
	w.must(w.g.RetryDelivery(ctx, w.operator, id))
	if d := w.delivery(id); d.PutOff(w.clock.now()) {
		t.Errorf("it is put off: %+v", d)
	}
	if err := w.g.RetryDelivery(ctx, w.operator, id); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("try what is to leave now: %v, want ErrConflict", err)
	}
	w.must(w.g.ReturnDeliveries(ctx, "one", time.Hour, id)) // it does not hold it any more
	if !slices.Contains(claim(), id) {
		t.Fatal("what was let go does not go")
	}
	// It was never tried since it was let go, and can be all the same.
	w.must(w.g.ReturnDeliveries(ctx, "one", time.Hour, id))
	if d := w.delivery(id); d.State != bridge.Queued || !d.PutOff(w.clock.now()) {
		t.Errorf("it is not put off: %+v", d)
	}
	w.must(w.g.RetryDelivery(ctx, w.operator, id))
	if !slices.Contains(claim(), id) {
		t.Fatal("what was put off is not tried at once")
	}
	w.must(w.g.ReturnDeliveries(ctx, "one", time.Hour, id))
	w.clock.forward(time.Hour)
	if !slices.Contains(claim(), id) {
		t.Fatal("it is never tried again")
	}
}
