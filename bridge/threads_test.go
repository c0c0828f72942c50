package bridge_test

import (
	"errors"
	"fmt"
	"strings"
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

// Messages of millions of characters come a few at a time, from whichever end the reader begins.
func TestVeryLongMessagesComeInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	ann := bridge.AsPerson(w.inside.ID)
	big := strings.Repeat("all work and no play ", 1<<20/21)
	for range 20 {
		_, err := w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: big, HTML: "<p>" + big[:1<<20-100] + "</p>"})
		w.must(err)
	}
	const last = 22 // after a message and a note
	var seqs []int
	for after, more := 0, true; more; {
		v, err := w.g.ReadThread(ctx, ann, bridge.ThreadRead{Thread: w.thread.ID, AfterSeq: after})
		w.must(err)
		octets := 0
		for _, m := range v.Messages {
			octets += len(m.Text) + len(m.HTML)
			seqs = append(seqs, m.Seq)
			after = m.Seq
		}
		if octets > 16<<20 || len(v.Messages) == 0 {
			t.Fatalf("%d messages with %d octets after %d", len(v.Messages), octets, after)
		}
		more = v.More
	}
	if len(seqs) != 21 || seqs[20] != last {
		t.Errorf("got %v", seqs)
	}
	for _, a := range []bridge.Actor{ann, bridge.AsPerson(w.staff.ID)} {
		v, err := w.g.ReadThread(ctx, a, bridge.ThreadRead{Thread: w.thread.ID, Last: true})
		w.must(err)
		n := len(v.Messages)
		if n == 0 || n > 8 || v.Messages[n-1].Seq != last || v.AfterSeq != v.Messages[0].Seq-1 || v.More {
			t.Errorf("its end: %d messages after %d, more %v", n, v.AfterSeq, v.More)
		}
	}
	// A note at the end is nothing more for a contact.
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "So long.", Note: true})
	w.must(err)
	if v, err := w.g.ReadThread(ctx, ann, bridge.ThreadRead{Thread: w.thread.ID, AfterSeq: last - 1}); err != nil || len(v.Messages) != 1 || v.More {
		t.Errorf("before a note: %d messages, more %v, %v", len(v.Messages), v.More, err)
	}
}

// A page of a long thread carries the fates of its own messages only, however many came before.
func TestPageHasItsOwnDeliveriesAndReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for i := range 6 { // 3 to 8
		_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: fmt.Sprint(i)})
		w.must(err)
	}
	_, err := w.g.OpenThread(ctx, bridge.AsPerson(w.inside.ID), bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	for _, c := range []struct {
		read                           bridge.ThreadRead
		messages, deliveries, receipts int
	}{
		{bridge.ThreadRead{Last: true, Limit: 2}, 2, 6, 2},
		{bridge.ThreadRead{AfterSeq: 2, Limit: 3}, 3, 9, 3},
		{bridge.ThreadRead{AfterSeq: 1 << 30}, 0, 0, 0},
	} {
		c.read.Thread = w.thread.ID
		v, err := w.g.ReadThread(ctx, w.operator, c.read)
		w.must(err)
		if len(v.Messages) != c.messages || len(v.Deliveries) != c.deliveries || len(v.Receipts) != c.receipts {
			t.Errorf("%+v: %d messages, %d deliveries and %d receipts, want %d, %d and %d",
				c.read, len(v.Messages), len(v.Deliveries), len(v.Receipts), c.messages, c.deliveries, c.receipts)
		}
	}
}
