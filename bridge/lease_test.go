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

// What is held and let go again while it leaves is left to the worker that sends it, so that one mail is sent once.
func TestHeldWhileItLeaves(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	claim := func(worker string) []bridge.Delivery {
		list, err := w.g.ClaimDeliveries(ctx, worker, time.Minute, 100)
		w.must(err)
		return list
	}
	w.outgoing()
	// leaving is a mail that the first worker has composed, and is about to send.
	leaving := func() bridge.ID {
		t.Helper()
		try(w, func() (bridge.Message, error) {
			return w.g.Post(ctx, w.actor("staff"), bridge.Post{Thread: w.thread.ID, Text: "A word."})
		})
		var id bridge.ID
		for _, d := range claim("one") {
			if d.Person == w.inside.ID {
				try(w, func() (bridge.Outgoing, error) { return w.g.Prepare(ctx, "one", d) })
				id = d.ID
				continue
			}
			w.must(w.g.RecordRelayed(ctx, "one", d.ID, bridge.Departure{Form: bridge.FormNotice}))
		}
		return id
	}
	relayed := bridge.Departure{Form: bridge.FormNotice, Said: "250 ok"}
	hold := func(id bridge.ID) { t.Helper(); w.must(w.g.HoldDelivery(ctx, w.operator, id)) }
	retry := func(id bridge.ID) { t.Helper(); w.must(w.g.RetryDelivery(ctx, w.operator, id)) }
	// free checks that the mail is there to be sent by another worker, and sends it.
	free := func(id bridge.ID) {
		t.Helper()
		if list := claim("two"); len(list) != 1 || list[0].ID != id {
			t.Fatalf("claimed %+v, want what was let go", list)
		}
		w.must(w.g.RecordRelayed(ctx, "two", id, relayed))
	}
	is := func(id bridge.ID, want bridge.DeliveryState) {
		t.Helper()
		if got := w.delivery(id); got.State != want || want != bridge.Queued && got.LeaseBy != "" {
			t.Errorf("it is %s, and %q has it; want it %s", got.State, got.LeaseBy, want)
		}
	}

	id := leaving()
	hold(id)
	retry(id)
	if lost, err := w.g.RenewLeases(ctx, "one", time.Minute, id); err != nil || len(lost) != 0 {
		t.Errorf("who sends it has lost it: %v, %v", lost, err)
	}
	if list := claim("two"); len(list) != 0 {
		t.Errorf("it would be sent twice: %+v", list)
	}
	w.must(w.g.RecordRelayed(ctx, "one", id, relayed))
	is(id, bridge.Relayed)

	// It was refused for now, which is one attempt like any other.
	id = leaving()
	hold(id)
	retry(id)
	w.must(w.g.RecordDeferred(ctx, "one", id, w.clock.now().Add(time.Hour), "451 later"))
	is(id, bridge.Deferred)
	retry(id)
	free(id)

	// Let go only after that, it goes at once.
	id = leaving()
	hold(id)
	wantError(t, w.g.RecordDeferred(ctx, "one", id, w.clock.now().Add(time.Hour), "451 later"), bridge.ErrLeaseLost)
	is(id, bridge.OnHold)
	retry(id)
	free(id)

	// Held before it is composed, it does not leave, and whoever claimed it has it no more.
	id = leaving()
	hold(id)
	_, err := w.g.Prepare(ctx, "one", w.delivery(id))
	wantError(t, err, bridge.ErrLeaseLost)
	is(id, bridge.OnHold)
	retry(id)
	free(id)

	// The worker was killed: another sends it once the lease has run out.
	id = leaving()
	hold(id)
	retry(id)
	if list := claim("two"); len(list) != 0 {
		t.Errorf("claimed %+v before the lease ran out", list)
	}
	w.clock.forward(time.Minute)
	free(id)

	// It was killed, and the mail stayed on hold until nobody had it any more.
	id = leaving()
	hold(id)
	w.clock.forward(time.Minute)
	retry(id)
	free(id)

	// What was cancelled while it leaves can be sent after all once it is known that it has not left.
	id = leaving()
	w.must(w.g.CancelDelivery(ctx, w.operator, id))
	wantError(t, w.g.RetryDelivery(ctx, w.operator, id), bridge.ErrConflict)
	if lost, err := w.g.RenewLeases(ctx, "one", time.Minute, id); err != nil || len(lost) != 1 {
		t.Errorf("who sends it has not lost it: %v, %v", lost, err)
	}
	w.must(w.g.ReturnDeliveries(ctx, "one", 0, id))
	is(id, bridge.Suppressed)
	retry(id)
	free(id)
	id = leaving()
	w.must(w.g.CancelDelivery(ctx, w.operator, id))
	wantError(t, w.g.RecordBounced(ctx, "one", id, "550 5.1.1 no such user"), bridge.ErrLeaseLost)
	is(id, bridge.Suppressed)
	id = leaving()
	w.must(w.g.CancelDelivery(ctx, w.operator, id))
	w.must(w.g.RecordRelayed(ctx, "one", id, relayed))
	is(id, bridge.Relayed)
}
