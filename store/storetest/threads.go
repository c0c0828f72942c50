package storetest

import (
	"context"
	"slices"
	"time"

	"letterlock/bridge"
)

func people(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	ann.Locale, ann.Mode = "de-AT", bridge.ModeSecure
	bob := h.person(bridge.Staff, "")
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.PersonByAddress(ctx, ann.Address)
		want := ann
		want.Locale, want.Mode = "", ""
		same(h, "by address", got, want)
		return err
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		ann.Disabled, ann.SignedOutAt, ann.Address, ann.Name = true, h.tick(), "new@example.com", "Ann B."
		return tx.UpdatePerson(ctx, ann)
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Person(ctx, ann.ID)
		same(h, "after update", got, ann)
		return err
	})
	h.fails("unknown person", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Person(ctx, bridge.NewID()); return err })
	h.fails("old address", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.PersonByAddress(ctx, "p1@example.com")
		return err
	})
	h.fails("update nobody", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdatePerson(ctx, bridge.Person{ID: bridge.NewID(), Address: "x@example.com"})
	})
	h.fails("a taken address", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddPerson(ctx, bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: bob.Address, CreatedAt: h.now})
	})
	h.fails("move to a taken address", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error {
		taken := ann
		taken.Address = bob.Address
		return tx.UpdatePerson(ctx, taken)
	})
	// A conflict is an answer, not an accident: the transaction goes on.
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		if err := tx.AddPerson(ctx, bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: bob.Address, CreatedAt: h.now}); err == nil {
			h.Error("a taken address was given twice")
		}
		return tx.SetPasswordHash(ctx, bob.ID, "$argon2id$one")
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		hash, err := tx.PasswordHash(ctx, bob.ID)
		same(h, "password", hash, "$argon2id$one")
		got, _ := tx.Person(ctx, bob.ID)
		same(h, "has a password", got.HasPassword, true)
		return err
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.SetPasswordHash(ctx, bob.ID, "") })
	h.fails("no password", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.PasswordHash(ctx, bob.ID); return err })
	h.fails("a password for nobody", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { return tx.SetPasswordHash(ctx, bridge.NewID(), "x") })

	var want []bridge.ID
	for range 7 {
		want = append(want, h.person(bridge.Contact, "").ID)
	}
	// Two made at the same moment are told apart by their IDs.
	twin := h.person(bridge.Contact, "twin")
	other := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: "twin@example.com", CreatedAt: twin.CreatedAt}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddPerson(ctx, other) })
	want = append(want, twin.ID, other.ID)
	slices.Reverse(want)
	want = append(want, ann.ID)
	got := pages(h, 3, func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]bridge.Person, error) {
		return tx.ListPeople(ctx, bridge.Contact, after, 3)
	}, func(p bridge.Person) bridge.Cursor { return bridge.Cursor{At: p.CreatedAt, ID: p.ID} })
	same(h, "contacts, newest first", ids(got, func(p bridge.Person) bridge.ID { return p.ID }), want)
}

func ids[V any](all []V, id func(V) bridge.ID) []bridge.ID {
	var out []bridge.ID
	for _, v := range all {
		out = append(out, id(v))
	}
	return out
}

func threads(h *house) {
	ann, bob, eve := h.person(bridge.Contact, "Ann"), h.person(bridge.Staff, "Bob"), h.person(bridge.Contact, "Eve")
	t := h.thread("Results", ann, bob)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Thread(ctx, t.ID)
		same(h, "new thread", got, t)
		return err
	})
	t.Subject, t.Status, t.Mode, t.Awaiting = "Other results", bridge.Closed, bridge.ModeSecure, true
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateThread(ctx, t) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Thread(ctx, t.ID)
		same(h, "updated thread", got, t)
		return err
	})
	nowhere := bridge.NewID()
	h.fails("unknown thread", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Thread(ctx, nowhere); return err })
	h.fails("update no thread", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdateThread(ctx, bridge.Thread{ID: nowhere, Status: bridge.Open})
	})
	h.fails("join no thread", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddParticipant(ctx, bridge.Participant{Thread: nowhere, Person: ann.ID, Kind: bridge.Contact, JoinedAt: h.now})
	})
	h.fails("not in it", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Participant(ctx, t.ID, eve.ID); return err })
	h.fails("leave what one is not in", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, t.ID, eve.ID, h.now) })

	left := h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, t.ID, ann.ID, left) })
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, t.ID, ann.ID, h.tick()) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		in, err := tx.Participants(ctx, t.ID)
		if len(in) != 2 || in[0].Person != ann.ID || in[1].Person != bob.ID || !in[0].LeftAt.Equal(left) || !in[1].LeftAt.IsZero() {
			h.Errorf("participants in order of joining, who left at the first time: got %+v", in)
		}
		return err
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: ann.ID, Kind: bridge.Contact, JoinedAt: h.tick()})
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		in, err := tx.Participant(ctx, t.ID, ann.ID)
		same(h, "left, and came back", in.LeftAt, time.Time{})
		return err
	})
}

func listOfThreads(h *house) {
	ann, eve := h.person(bridge.Contact, "Ann"), h.person(bridge.Contact, "")
	bob, joe, kim := h.person(bridge.Staff, "Bob"), h.person(bridge.Contact, "Joe"), h.person(bridge.Contact, "Kim")
	var all []bridge.Thread
	for i := range 9 {
		in := []bridge.Person{ann, bob}
		if i%3 == 0 {
			in = []bridge.Person{eve, bob, joe, ann, kim}
		}
		t := h.thread("Thread", in...)
		h.message(t, in[0], bridge.Public, "hello")
		all = append(all, t)
	}
	// A message moves a thread to the top, a note doesn't, and a program's doesn't wait for staff.
	h.message(all[2], bridge.Person{}, bridge.Public, "a program wrote")
	h.message(all[3], bob, bridge.Note, "only for us")
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		for _, i := range []int{4, 6} {
			t, err := tx.Thread(ctx, all[i].ID)
			if err != nil {
				return err
			}
			t.Status, t.Awaiting = bridge.Closed, false
			if err := tx.UpdateThread(ctx, t); err != nil {
				return err
			}
		}
		return tx.LeaveThread(ctx, all[7].ID, ann.ID, h.tick())
	})
	list := func(q bridge.ThreadQuery) []bridge.ThreadRow {
		h.Helper()
		q.Limit = 2
		return pages(h, 2, func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]bridge.ThreadRow, error) {
			q.After = after
			return tx.ListThreads(ctx, q)
		}, func(r bridge.ThreadRow) bridge.Cursor { return bridge.Cursor{At: r.LastAt, ID: r.ID} })
	}
	for _, c := range []struct {
		name string
		q    bridge.ThreadQuery
		want []int
	}{
		{"all", bridge.ThreadQuery{Reader: bob.ID}, []int{2, 8, 7, 6, 5, 4, 3, 1, 0}},
		{"all, for a program", bridge.ThreadQuery{}, []int{2, 8, 7, 6, 5, 4, 3, 1, 0}},
		{"open", bridge.ThreadQuery{Reader: bob.ID, Status: bridge.Open}, []int{2, 8, 7, 5, 3, 1, 0}},
		{"closed", bridge.ThreadQuery{Reader: bob.ID, Status: bridge.Closed}, []int{6, 4}},
		{"awaiting", bridge.ThreadQuery{Reader: bob.ID, Awaiting: true}, []int{8, 7, 5, 3, 1, 0}},
		{"awaiting and closed", bridge.ThreadQuery{Reader: bob.ID, Awaiting: true, Status: bridge.Closed}, nil},
		{"Ann's, who left one", bridge.ThreadQuery{Participant: ann.ID, Reader: ann.ID}, []int{2, 8, 6, 5, 4, 3, 1, 0}},
		{"Ann's closed", bridge.ThreadQuery{Participant: ann.ID, Reader: ann.ID, Status: bridge.Closed}, []int{6, 4}},
		{"Ann's awaiting", bridge.ThreadQuery{Participant: ann.ID, Reader: ann.ID, Awaiting: true}, []int{8, 5, 3, 1, 0}},
		{"Eve's", bridge.ThreadQuery{Participant: eve.ID, Reader: eve.ID}, []int{6, 3, 0}},
		{"Eve's, for Bob", bridge.ThreadQuery{Participant: eve.ID, Reader: bob.ID}, []int{6, 3, 0}},
	} {
		got := list(c.q)
		var want []bridge.ID
		for _, i := range c.want {
			want = append(want, all[i].ID)
		}
		same(h, c.name, ids(got, func(r bridge.ThreadRow) bridge.ID { return r.ID }), want)
	}
	rows := list(bridge.ThreadQuery{Reader: bob.ID})
	first, wide := rows[0], rows[6]
	if first.Subject != "Thread" || first.Preview != "a program wrote" || first.Seq != 2 || first.Count != 1 || !slices.Equal(first.People, []string{"Ann"}) {
		h.Errorf("the first row: got %+v", first)
	}
	if want := []string{eve.Address, "Joe", "Ann"}; wide.Count != 4 || !slices.Equal(wide.People, want) {
		h.Errorf("contacts of a row: got %d, %q, want 4, %q", wide.Count, wide.People, want)
	}
	if wide.Unread != 0 || wide.Seq != 2 || first.Unread != 2 {
		h.Errorf("Bob has read what he wrote below, and nothing else: got %d unread of %d, and %d", wide.Unread, wide.Seq, first.Unread)
	}
	for _, r := range list(bridge.ThreadQuery{}) {
		if r.Unread != 0 {
			h.Errorf("unread for nobody: got %d", r.Unread)
		}
	}
	if got := list(bridge.ThreadQuery{Participant: bridge.NewID(), Reader: bob.ID}); len(got) != 0 {
		h.Errorf("a stranger's list: got %d rows", len(got))
	}
}

func unread(h *house) {
	ann, eve := h.person(bridge.Contact, "Ann"), h.person(bridge.Contact, "Eve")
	bob, cat := h.person(bridge.Staff, "Bob"), h.person(bridge.Staff, "Cat")
	t := h.thread("Counting", ann, bob)
	check := func(when string, who bridge.Person, wantList, wantSeq int) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			q := bridge.ThreadQuery{Reader: who.ID, Limit: 10}
			if who.Kind == bridge.Contact {
				q.Participant = who.ID
			}
			rows, err := tx.ListThreads(ctx, q)
			if err != nil {
				return err
			}
			if len(rows) != 1 || rows[0].Unread != wantList {
				h.Errorf("%s, %s: got %+v, want %d unread", when, who.Name, rows, wantList)
			}
			seq, err := tx.ReadSeq(ctx, t.ID, who.ID)
			if seq != wantSeq {
				h.Errorf("%s, %s has read to %d, want %d", when, who.Name, seq, wantSeq)
			}
			return err
		})
	}
	read := func(who bridge.Person, seq int) {
		h.Helper()
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.MarkRead(ctx, t.ID, who.ID, seq) })
	}
	h.message(t, bob, bridge.Public, "one")
	h.message(t, bob, bridge.Note, "two, internal")
	h.message(t, bridge.Person{}, bridge.Public, "three")
	check("after three", ann, 2, 0)
	check("after three", bob, 1, 2)
	check("after three", cat, 3, 0)
	read(ann, 1)
	check("after reading one", ann, 1, 1)
	read(ann, 3)
	read(ann, 2)
	check("never down", ann, 0, 3)
	read(cat, 2)
	read(cat, 1)
	check("staff outside it", cat, 1, 2)
	h.message(t, cat, bridge.Note, "four, by one outside")
	check("who writes has read", cat, 0, 4)
	check("a note is nothing to a contact", ann, 0, 3)
	h.message(t, ann, bridge.Public, "five")
	check("her own", ann, 0, 5)
	check("hers", bob, 3, 2)
	h.message(t, bob, bridge.Public, "six")
	check("by Bob", ann, 1, 5)
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		for _, p := range []bridge.Person{eve, cat} {
			if err := tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: p.ID, Kind: p.Kind, JoinedAt: h.tick()}); err != nil {
				return err
			}
		}
		return nil
	})
	check("who joins later sees it all", eve, 4, 0)
	check("who joins keeps what was read", cat, 2, 4)
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		in, err := tx.Participant(ctx, t.ID, cat.ID)
		if in.Unread != 2 || in.ReadSeq != 4 {
			h.Errorf("Cat as participant: got %+v, want 2 public ones unread after 4", in)
		}
		return err
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.LeaveThread(ctx, t.ID, eve.ID, h.tick()) })
	h.message(t, bob, bridge.Public, "seven, without Eve")
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: eve.ID, Kind: bridge.Contact, JoinedAt: h.tick()})
	})
	check("who comes back", eve, 5, 0)
	read(eve, 7)
	check("who has read all", eve, 0, 7)
}

func transactions(h *house) {
	ann := h.person(bridge.Contact, "Ann")
	bad := context.DeadlineExceeded
	h.fails("a function that fails", bad, func(ctx context.Context, tx bridge.Tx) error {
		ann.Name = "changed"
		if err := tx.UpdatePerson(ctx, ann); err != nil {
			return err
		}
		return bad
	})
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Person(ctx, ann.ID)
		same(h, "after a failure", got.Name, "Ann")
		before := got
		// A view keeps its state while others write.
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdatePerson(ctx, ann) })
		got, _ = tx.Person(ctx, ann.ID)
		same(h, "within a view", got, before)
		return err
	})
	if err := h.store.View(h.Context(), func(tx bridge.Tx) error { return tx.UpdatePerson(h.Context(), ann) }); err == nil {
		h.Error("a view wrote")
	}
	ended, cancel := context.WithCancel(h.Context())
	cancel()
	if err := h.store.Update(ended, func(bridge.Tx) error { return nil }); err == nil {
		h.Error("an update ran although its context had ended")
	}
	if err := h.store.View(ended, func(tx bridge.Tx) error { _, err := tx.Person(ended, ann.ID); return err }); err == nil {
		h.Error("a view ran although its context had ended")
	}
}
