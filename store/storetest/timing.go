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

// reminders checks what is due, and what was never opened.
func reminders(h *house) {
	ada, ben := h.person(bridge.Contact, "ada"), h.person(bridge.Contact, "ben")
	thread := h.thread("subject", ada, ben)
	m := h.message(thread, bridge.Person{}, bridge.Public, "text")
	r := bridge.Reminder{Thread: thread.ID, Person: ada.ID, Since: m.At, DueAt: m.At.Add(time.Hour)}
	due := func(at time.Time, want ...bridge.Reminder) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.DueReminders(ctx, at, 10)
			if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
				h.Errorf("due at %v: got %v, want %v", at, got, want)
			}
			return err
		})
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		other := r
		other.Step, other.DueAt = 1, m.At
		if err := tx.AddReminder(ctx, r); err != nil {
			return err
		}
		return tx.AddReminder(ctx, other) // there is one
	})
	due(m.At)
	due(r.DueAt, r)
	unopened := func(want ...bridge.ID) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.UnopenedIn(ctx, thread.ID)
			if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
				h.Errorf("never opened by %v, want %v", got, want)
			}
			if err != nil {
				return err
			}
			rows, err := tx.ListThreads(ctx, bridge.ThreadQuery{Unopened: true, Limit: 10})
			if (len(rows) > 0) != (len(want) > 0) || len(rows) > 0 && !rows[0].Unopened {
				h.Errorf("%d threads are listed as never opened by %d people", len(rows), len(want))
			}
			return err
		})
	}
	unopened()
	r.Step, r.DueAt, r.UnopenedAt = 2, time.Time{}, h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.SetReminder(ctx, r) })
	due(h.now.Add(time.Hour))
	unopened(ada.ID)

	first := func(who bridge.Person, want time.Time) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.FirstUnopened(ctx, thread.ID, who.ID)
			if want.IsZero() && errors.Is(err, bridge.ErrNotFound) {
				return nil
			}
			if err != nil || !got.Equal(want) {
				h.Errorf("unopened by %s since %v, %v, want %v", who.Name, got, err, want)
			}
			return nil
		})
	}
	first(ada, time.Time{}) // nothing was to be mailed
	d := bridge.Delivery{ID: bridge.NewID(), Kind: bridge.DeliverMessage, Thread: thread.ID, Message: m.ID, Person: ada.ID, State: bridge.Queued, CreatedAt: m.At, NextAt: m.At}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddDelivery(ctx, d) })
	first(ada, m.At)
	first(ben, time.Time{})
	d.State, d.Form = bridge.Relayed, bridge.FormCopy
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateDelivery(ctx, d) })
	first(ada, time.Time{})
	d.Form = bridge.FormNotice
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateDelivery(ctx, d) })
	first(ada, m.At)
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.MarkRead(ctx, thread.ID, ada.ID, m.Seq) })
	first(ada, time.Time{})
	unopened()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.RemoveReminder(ctx, thread.ID, ada.ID) })
	due(h.now.Add(1000 * time.Hour))
}
