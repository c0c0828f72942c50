package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"letterlock/bridge"
)

// What happens when many do the same at once. On one engine they stand in line, on the other they meet and run again; what they
// leave behind is the same.

// together runs fn n times at once, each in an Update, and returns how many were kept. Errors other than allowed ones are faults.
func (h *house) together(n int, allowed error, fn func(ctx context.Context, tx bridge.Tx, i int) error) (kept int) {
	h.Helper()
	var all sync.WaitGroup
	var count atomic.Int64
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			err := h.store.Update(h.Context(), func(tx bridge.Tx) error { return fn(h.Context(), tx, i) })
			switch {
			case err == nil:
				count.Add(1)
			case allowed == nil || !errors.Is(err, allowed):
				h.Errorf("%d of %d at once: %v", i, n, err)
			}
		})
	}
	close(begin)
	all.Wait()
	return int(count.Load())
}

func writingAtOnce(h *house) {
	const n = 60
	ann, bob := h.person(bridge.Contact, "Ann"), h.person(bridge.Staff, "Bob")
	t := h.thread("Busy", ann, bob)
	at := h.tick()
	h.together(n, nil, func(ctx context.Context, tx bridge.Tx, i int) error {
		return tx.AddMessage(ctx, &bridge.Message{
			ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: bob.ID, AuthorKind: bridge.ByStaff, Via: bridge.ViaWeb, At: at, Text: fmt.Sprint(i),
		})
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.ListMessages(ctx, t.ID, true, 0, 2*n)
		if err != nil {
			return err
		}
		texts := map[string]bool{}
		for i, m := range got {
			texts[m.Text] = true
			if m.Seq != i+1 {
				h.Fatalf("message %d has the number %d", i+1, m.Seq)
			}
		}
		same(h, "texts", len(texts), n)
		p, err := tx.Participant(ctx, t.ID, ann.ID)
		same(h, "unread", p.Unread, n)
		return err
	})

	// Each adds one to what it read.
	d := h.delivery(bridge.Delivery{Person: ann.ID})
	h.together(40, nil, func(ctx context.Context, tx bridge.Tx, _ int) error {
		now, err := tx.Delivery(ctx, d.ID)
		if err != nil {
			return err
		}
		now.Attempts++
		return tx.UpdateDelivery(ctx, now)
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Delivery(ctx, d.ID)
		same(h, "counted by all", got.Attempts, 40)
		return err
	})

	// One setting, written by all.
	h.together(20, nil, func(ctx context.Context, tx bridge.Tx, i int) error { return tx.SetSetting(ctx, "name", fmt.Sprint(i)) })
	h.together(20, nil, func(ctx context.Context, tx bridge.Tx, i int) error {
		return tx.AddAudit(ctx, bridge.AuditEntry{ID: bridge.NewID(), At: at, Actor: "system", Action: "tried"})
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		all, err := tx.ListAudit(ctx, "tried", bridge.Cursor{}, 100)
		same(h, "audited", len(all), 20)
		return err
	})
}

func duplicatesAtOnce(h *house) {
	if kept := h.together(20, bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx, i int) error {
		return tx.AddPerson(ctx, bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: "one@example.com", CreatedAt: h.now})
	}); kept != 1 {
		h.Errorf("%d people have one address", kept)
	}
	// Each looks for the mail, and takes it only if it is not there: as by SMTP and from the mailbox in the same moment.
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Twice", ann)
	for round := range 5 {
		identity := [32]byte{1, byte(round)}
		var taken, known atomic.Int64
		h.together(8, nil, func(ctx context.Context, tx bridge.Tx, i int) error {
			r := bridge.Received{ID: bridge.NewID(), Envelope: bridge.Envelope{Route: bridge.RouteSMTP, At: h.now}, Disposition: bridge.Duplicate}
			first, err := tx.ReceivedByIdentity(ctx, identity)
			switch {
			case err == nil:
				r.Original = first.ID
				if err := tx.AddReceived(ctx, r, bridge.Blob{}); err != nil {
					return err
				}
				known.Add(1)
				return nil
			case !errors.Is(err, bridge.ErrNotFound):
				return err
			}
			m := bridge.Message{ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: ann.ID, AuthorKind: bridge.ByContact, Via: bridge.ViaSMTP, At: h.now, Text: "x"}
			if err := tx.AddMessage(ctx, &m); err != nil {
				return err
			}
			r.Disposition, r.Identity, r.Message = bridge.Appended, identity, m.ID
			if err := tx.AddReceived(ctx, r, bridge.Blob{}); err != nil {
				return err
			}
			taken.Add(1)
			return nil
		})
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			th, err := tx.Thread(ctx, t.ID)
			same(h, "messages", th.Seq, round+1)
			return err
		})
		if known.Load() < 7 {
			h.Errorf("round %d: taken %d times, known %d times", round, taken.Load(), known.Load())
		}
	}
}

// Rules over rows that nobody changes: each sees that there is room for one more.
func limitsAtOnce(h *house) {
	const most = 5
	tooMany := errors.New("too many")
	kept := h.together(24, tooMany, func(ctx context.Context, tx bridge.Tx, _ int) error {
		n, err := tx.CountAttempts(ctx, "ann@example.com", start)
		if err != nil {
			return err
		}
		if n >= most {
			return tooMany
		}
		return tx.AddAttempt(ctx, "ann@example.com", h.now)
	})
	same(h, "attempts", kept, most)

	for range 5 {
		admins := [2]bridge.Person{h.person(bridge.Staff, "Ann"), h.person(bridge.Staff, "Bob")}
		for i := range admins {
			admins[i].Role = bridge.RoleAdmin
			h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdatePerson(ctx, admins[i]) })
		}
		last := errors.New("the last admin")
		kept := h.together(2, last, func(ctx context.Context, tx bridge.Tx, i int) error {
			other, err := tx.Person(ctx, admins[1-i].ID)
			if err != nil {
				return err
			}
			if other.Role != bridge.RoleAdmin {
				return last
			}
			me := admins[i]
			me.Role = bridge.RoleStaff
			return tx.UpdatePerson(ctx, me)
		})
		same(h, "demoted", kept, 1)
	}
}

// faults are functions that go wrong in the middle.
func faults(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	t := h.thread("Faults", ann)
	changed := t
	changed.Subject = "changed"
	check := func(after string) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.Thread(ctx, t.ID)
			same(h, after, got.Subject, t.Subject)
			return err
		})
	}
	// A statement that fails spoils its transaction, even if the function keeps quiet about it.
	err := h.store.Update(h.Context(), func(tx bridge.Tx) error {
		if err := tx.UpdateThread(h.Context(), changed); err != nil {
			return err
		}
		_ = tx.AddThread(h.Context(), t) // it may say so only when the transaction ends
		return nil
	})
	if err == nil {
		h.Error("a spoiled transaction was kept")
	}
	check("after a statement that failed")
	func() {
		defer func() {
			if recover() == nil {
				h.Error("the panic did not reach its caller")
			}
		}()
		_ = h.store.Update(h.Context(), func(tx bridge.Tx) error {
			if err := tx.UpdateThread(h.Context(), changed); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	check("after a panic")
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = h.store.Update(h.Context(), func(tx bridge.Tx) error {
			if err := tx.UpdateThread(h.Context(), changed); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-over
	check("after a goroutine that ended")
	ctx, cancel := context.WithCancel(h.Context())
	err = h.store.Update(ctx, func(tx bridge.Tx) error {
		if err := tx.UpdateThread(ctx, changed); err != nil {
			return err
		}
		cancel()
		_, err := tx.Thread(ctx, t.ID)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		h.Errorf("a context that ended in the middle: got %v", err)
	}
	check("after a context that ended")
	var kept bridge.Tx
	h.update(func(_ context.Context, tx bridge.Tx) error {
		kept = tx
		return nil
	})
	if err := kept.UpdateThread(h.Context(), changed); err == nil {
		h.Error("a transaction was used after its end")
	}
	check("after its end")
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateThread(ctx, changed) })
}
