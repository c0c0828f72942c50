package storetest

import (
	"context"
	"time"

	"letterlock/bridge"
)

// choices checks what people decided about their mails, whom a link names, and whose summary is due.
func choices(h *house) {
	ada, ben, sam := h.person(bridge.Contact, "ada"), h.person(bridge.Contact, "ben"), h.person(bridge.Staff, "sam")
	h.fails("choices of who made none", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.MailChoices(ctx, ada.ID)
		return err
	})
	keeps := func(who bridge.Person, c bridge.MailChoices) {
		h.Helper()
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.SetMailChoices(ctx, who.ID, c) })
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.MailChoices(ctx, who.ID)
			same(h, "choices of "+who.Name, got, c)
			return err
		})
	}
	keeps(ada, bridge.MailChoices{Notify: bridge.NotifyEach, NoReminders: true})
	keeps(ada, bridge.MailChoices{Notify: bridge.NotifyNone, OffAt: h.tick()})
	due, last := h.now.Add(time.Hour), h.now.Add(-time.Hour)
	keeps(sam, bridge.MailChoices{Notify: bridge.NotifyDaily, Zone: "Europe/Berlin", Hour: 23}.WithDigest(due, last))
	keeps(ben, bridge.MailChoices{Notify: bridge.NotifyWeekly}.WithDigest(due.Add(time.Second), time.Time{}))

	wantDue := func(at time.Time, limit int, want ...bridge.ID) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.DueDigests(ctx, at, at.Add(9*24*time.Hour), limit)
			if len(got) == 0 && len(want) == 0 {
				return err
			}
			same(h, "due at "+at.String(), got, want)
			return err
		})
	}
	wantDue(due.Add(-1), 10)
	wantDue(due, 10, sam.ID)
	wantDue(due.Add(time.Second), 10, sam.ID, ben.ID)
	wantDue(due.Add(time.Second), 1, sam.ID)
	wantDue(due.Add(-20*24*time.Hour), 10, sam.ID, ben.ID) // a clock that was turned back
	keeps(sam, bridge.MailChoices{Notify: bridge.NotifyEach}.WithDigest(time.Time{}, last))
	wantDue(due, 10)

	// Only contacts who are in the conversation, and want nothing, are silent.
	keeps(sam, bridge.MailChoices{Notify: bridge.NotifyNone})
	thread := h.thread("subject", ada, ben, sam)
	silent := func(want ...bridge.ID) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.SilentIn(ctx, thread.ID)
			if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
				h.Errorf("silent are %v, want %v", got, want)
			}
			return err
		})
	}
	silent(ada.ID)
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return tx.LeaveThread(ctx, thread.ID, ada.ID, h.tick())
	})
	silent()

	h.fails("whom a link names that names nobody", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.PersonByUnsubscribe(ctx, bridge.NewID())
		return err
	})
	h.fails("whom nothing names", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.PersonByUnsubscribe(ctx, bridge.ID{})
		return err
	})
	cleo := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: "cleo", Address: "cleo@example.com", CreatedAt: h.tick(), Unsubscribe: bridge.NewID()}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddPerson(ctx, cleo) })
	renamed := cleo
	renamed.Name, renamed.Unsubscribe = "cleopatra", bridge.NewID()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdatePerson(ctx, renamed) })
	renamed.Unsubscribe = cleo.Unsubscribe // which an update leaves as it is
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.PersonByUnsubscribe(ctx, cleo.Unsubscribe)
		same(h, "whom a link names", got, renamed)
		return err
	})
	h.fails("a second person of that name", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error {
		return tx.AddPerson(ctx, bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Address: "other@example.com", CreatedAt: h.now, Unsubscribe: cleo.Unsubscribe})
	})
}

// tally checks what is counted of the desk.
func tally(h *house) {
	ada := h.person(bridge.Contact, "ada")
	want := bridge.Tally{}
	counted := func(since time.Time) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.DeskTally(ctx, since)
			same(h, "tally since "+since.String(), got, want)
			return err
		})
	}
	counted(time.Time{})
	first := h.thread("one", ada)
	h.message(first, ada, bridge.Public, "text")
	since := h.tick()
	second := h.thread("two", ada)
	h.message(second, ada, bridge.Public, "text")
	h.message(second, ada, bridge.Public, "text")
	answered := h.thread("three", ada)
	h.message(answered, ada, bridge.Public, "text")
	m := h.message(answered, bridge.Person{}, bridge.Public, "an answer")
	want = bridge.Tally{New: 1, Waiting: 2}
	counted(since)
	want.New = 2
	counted(time.Time{})
	want.New = 0
	counted(h.tick())

	// Nobody opened the answer, of which two people in one conversation were to be told.
	ben := h.person(bridge.Contact, "ben")
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		err := tx.AddParticipant(ctx, bridge.Participant{Thread: answered.ID, Person: ben.ID, Kind: ben.Kind, JoinedAt: h.tick()})
		for _, who := range []bridge.ID{ada.ID, ben.ID} {
			if err == nil {
				err = tx.SetReminder(ctx, bridge.Reminder{Thread: answered.ID, Person: who, Since: m.At, Step: 2, UnopenedAt: h.now})
			}
		}
		if err != nil {
			return err
		}
		return tx.AddReceived(ctx, bridge.Received{ID: bridge.NewID(), Envelope: bridge.Envelope{At: h.now}, Disposition: bridge.Held}, bridge.Blob{})
	})
	want.Unopened, want.Held = 1, 1
	counted(h.now)
}
