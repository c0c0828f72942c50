package bridge_test

import (
	"errors"
	"fmt"
	"testing"

	"letterlock/bridge"
)

func TestEndOfALongThread(t *testing.T) {
	w := newWorld(t)
	ctx, ann, staff := t.Context(), bridge.AsPerson(w.inside.ID), bridge.AsPerson(w.staff.ID)
	post := func(note bool, text string) bridge.Message {
		return try(w, func() (bridge.Message, error) {
			return w.g.Post(ctx, staff, bridge.Post{Thread: w.thread.ID, Text: text, Note: note})
		})
	}
	for i := range 12 {
		post(false, fmt.Sprint(i))
	}
	read := func(a bridge.Actor, limit int) string {
		v, err := w.g.ReadThread(ctx, a, bridge.ThreadRead{Thread: w.thread.ID, Last: true, Limit: limit})
		w.must(err)
		texts := fmt.Sprintf("after %d:", v.AfterSeq)
		for _, m := range v.Messages {
			texts += " " + m.Text
		}
		if v.More {
			texts += " and more"
		}
		return texts
	}
	// The thread began with a message and a note.
	if got, want := read(ann, 3), "after 11: 9 10 11"; got != want {
		t.Errorf("its end: got %q, want %q", got, want)
	}
	if got, want := read(ann, 13), "after 1: 0 1 2 3 4 5 6 7 8 9 10 11"; got != want {
		t.Errorf("nearly all: got %q, want %q", got, want)
	}
	for range 7 {
		post(true, "note")
	}
	if got, want := read(ann, 3), "after 12: 10 11"; got != want {
		t.Errorf("behind notes: got %q, want %q", got, want)
	}
	if got, want := read(staff, 2), "after 19: note note"; got != want {
		t.Errorf("for staff: got %q, want %q", got, want)
	}
	if got, want := read(ann, 100)[:8], "after 0:"; got != want {
		t.Errorf("all: got %q, want %q", got, want)
	}
}

func TestMessageStaysInItsThread(t *testing.T) {
	w := newWorld(t)
	other, m, err := w.g.StartThread(t.Context(), bridge.AsPerson(w.staff.ID), bridge.ThreadStart{
		Subject: "Another", Text: "For Cleo.", Contacts: []bridge.Recipient{{ID: w.outside.ID}},
	})
	w.must(err)
	// Ann may read her thread, but not by it what is in another.
	if _, err := w.g.Message(t.Context(), bridge.AsPerson(w.inside.ID), w.thread.ID, m.ID); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if got, err := w.g.Message(t.Context(), bridge.AsPerson(w.outside.ID), other.ID, m.ID); err != nil || got.Text != "For Cleo." {
		t.Errorf("Cleo gets %q, %v", got.Text, err)
	}
}
