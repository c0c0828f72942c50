package storetest

import (
	"context"
	"errors"
	"time"

	"letterlock/bridge"
)

// looks checks when people looked, and which mails stand before others.
func looks(h *house) {
	ada, ben := h.person(bridge.Contact, "ada"), h.person(bridge.Contact, "ben")
	thread := h.thread("subject", ada, ben)
	var m [3]bridge.Message
	for i := range m {
		m[i] = h.message(thread, bridge.Person{}, bridge.Public, "text")
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		at, err := tx.LookedAt(ctx, thread.ID, ada.ID)
		if err != nil || !at.IsZero() {
			h.Errorf("got %v, %v of who never looked", at, err)
		}
		for range 2 {
			if err := tx.SetLookedAt(ctx, thread.ID, ada.ID, h.tick()); err != nil {
				return err
			}
		}
		at, err = tx.LookedAt(ctx, thread.ID, ada.ID)
		if err != nil || !at.Equal(h.now) {
			h.Errorf("got %v, %v, want %v", at, err, h.now)
		}
		at, err = tx.LookedAt(ctx, thread.ID, ben.ID)
		if err != nil || !at.IsZero() {
			h.Errorf("got %v, %v of somebody else", at, err)
		}
		return nil
	})

	var d [3]bridge.Delivery
	for i := range d {
		d[i] = bridge.Delivery{
			ID: bridge.NewID(), Kind: bridge.DeliverMessage, Thread: thread.ID, Message: m[i].ID, Person: ada.ID,
			State: bridge.Queued, CreatedAt: m[i].At, NextAt: m[i].At,
		}
	}
	other := d[0]
	other.ID, other.Person = bridge.NewID(), ben.ID
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		for _, one := range append(d[:], other) {
			if err := tx.AddDelivery(ctx, one); err != nil {
				return err
			}
		}
		return nil
	})
	expect := func(what string, find func(bridge.Tx) func(context.Context, bridge.Delivery) (bridge.Delivery, error), of, want bridge.ID) {
		h.Helper()
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			one, err := tx.Delivery(ctx, of)
			if err != nil {
				return err
			}
			got, err := find(tx)(ctx, one)
			if want.IsZero() && errors.Is(err, bridge.ErrNotFound) {
				return nil
			}
			if err != nil || got.ID != want {
				h.Errorf("%s: got %v, %v, want %v", what, got.ID, err, want)
			}
			return nil
		})
	}
	before := func(tx bridge.Tx) func(context.Context, bridge.Delivery) (bridge.Delivery, error) {
		return tx.MessageBefore
	}
	notice := func(tx bridge.Tx) func(context.Context, bridge.Delivery) (bridge.Delivery, error) {
		return tx.NoticeBefore
	}
	expect("nothing is before the first", before, d[0].ID, bridge.ID{})
	expect("the first is before the last", before, d[2].ID, d[0].ID)
	expect("nobody else's is before", before, other.ID, bridge.ID{})
	expect("no notice has left", notice, d[2].ID, bridge.ID{})
	for i, form := range []bridge.Form{bridge.FormNotice, bridge.FormCopy} {
		d[i].State, d[i].Form, d[i].DoneAt = bridge.Relayed, form, h.tick()
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateDelivery(ctx, d[i]) })
	}
	expect("nothing that left waits", before, d[2].ID, bridge.ID{})
	expect("a copy is no notice", notice, d[2].ID, d[0].ID)
	expect("its own is not before it", notice, d[0].ID, bridge.ID{})

	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.DeleteThread(ctx, thread.ID) })
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		at, err := tx.LookedAt(ctx, thread.ID, ada.ID)
		if err == nil && at != (time.Time{}) {
			h.Error("a look outlived its thread")
		}
		return err
	})
}
