package bridge_test

import (
	"fmt"
	"slices"
	"testing"

	"letterlock/bridge"
)

// unread returns how many unread messages a contact's list shows for the thread.
func (w *world) unread(p bridge.Person) int {
	w.t.Helper()
	l, err := w.g.ListThreads(w.t.Context(), bridge.AsPerson(p.ID), bridge.ThreadList{})
	w.must(err)
	return l.Threads[slices.IndexFunc(l.Threads, func(r bridge.ThreadRow) bool { return r.ID == w.thread.ID })].Unread
}

// openedBy returns which messages of the thread a contact has opened.
func (w *world) openedBy(p bridge.Person) (seqs []int) {
	w.t.Helper()
	v, err := w.g.ReadThread(w.t.Context(), w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	for _, m := range v.Messages {
		if slices.ContainsFunc(v.Receipts, func(r bridge.Receipt) bool { return r.Message == m.ID && r.Person == p.ID }) {
			seqs = append(seqs, m.Seq)
		}
	}
	return seqs
}

// What crossed a contact's own message was not seen by writing that.
func TestWritingIsNotReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, ann, staff := t.Context(), bridge.AsPerson(w.inside.ID), bridge.AsPerson(w.staff.ID)
	to := w.replyAddress(w.inside) // 3
	_, err := w.g.OpenThread(ctx, ann, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	_, err = w.g.Post(ctx, staff, bridge.Post{Thread: w.thread.ID, Text: "Stop taking the pills!"}) // 4
	w.must(err)
	_, err = w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "All is well."})
	w.must(err)
	w.receive(w.mail("ann@example.org", "An answer to the one before."), to)
	if n := w.unread(w.inside); n != 1 {
		t.Errorf("her list shows %d unread, want 1", n)
	}
	if got := fmt.Sprint(w.openedBy(w.inside)); got != "[1 3]" {
		t.Errorf("she opened %s, want [1 3]", got)
	}
	v, err := w.g.OpenThread(ctx, ann, bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	if v.Unread != 1 || w.unread(w.inside) != 0 {
		t.Errorf("%d unread before and %d after she looked, want 1 and 0", v.Unread, w.unread(w.inside))
	}
	if got := fmt.Sprint(w.openedBy(w.inside)); got != "[1 3 4]" {
		t.Errorf("she opened %s, want [1 3 4]", got)
	}
	// With nothing unread, her own message is none for her either.
	_, err = w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "Thank you."})
	w.must(err)
	if n := w.unread(w.inside); n != 0 {
		t.Errorf("her own message is unread (%d)", n)
	}
}

// A receipt is for what was on the page, whichever part of a long thread that was.
func TestReceiptsAreForWhatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, ann := t.Context(), bridge.AsPerson(w.inside.ID)
	for i := range 10 { // 3 to 12
		_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: fmt.Sprint(i)})
		w.must(err)
	}
	for _, c := range []struct {
		read bridge.ThreadRead
		want string
	}{
		{bridge.ThreadRead{Last: true, Limit: 3}, "[10 11 12]"},
		{bridge.ThreadRead{Last: true, Limit: 3}, "[10 11 12]"},
		{bridge.ThreadRead{AfterSeq: 6, Limit: 3}, "[7 8 9 10 11 12]"},
		{bridge.ThreadRead{Limit: 2}, "[1 3 7 8 9 10 11 12]"},
		{bridge.ThreadRead{}, "[1 3 4 5 6 7 8 9 10 11 12]"},
	} {
		c.read.Thread = w.thread.ID
		_, err := w.g.OpenThread(ctx, ann, c.read)
		w.must(err)
		if got := fmt.Sprint(w.openedBy(w.inside)); got != c.want {
			t.Errorf("after %+v: she opened %s, want %s", c.read, got, c.want)
		}
	}
}
