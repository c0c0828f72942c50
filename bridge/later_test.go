package bridge_test

import (
	"slices"
	"testing"
	"time"

	"letterlock/bridge"
)

// takenBack is an answer that Marlene wrote for tomorrow and took back.
func (w *world) takenBack(text string) bridge.Pending {
	w.t.Helper()
	p := w.schedule(w.staff, text, 24*time.Hour)
	return try(w, func() (bridge.Pending, error) { return w.g.TakeBack(w.t.Context(), w.actor("staff"), p.ID) })
}

// What replaces an answer is one in the same thread: otherwise it would be a way to remove what a legal hold keeps.
func TestAnswerIsReplacedInItsThread(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene := t.Context(), w.actor("staff")
	other, _, err := w.g.StartThread(ctx, marlene, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
	w.must(err)
	p := w.takenBack("A first version.")
	start := bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.inside.ID}}, Replaces: p.ID}
	answer := bridge.Post{Thread: other.ID, Text: "Elsewhere.", Replaces: p.ID}
	_, err = w.g.Post(ctx, marlene, answer)
	wantError(t, err, bridge.ErrInvalid)
	_, err = w.g.Schedule(ctx, marlene, answer, bridge.Later{})
	wantError(t, err, bridge.ErrInvalid)
	_, _, err = w.g.StartThread(ctx, marlene, start)
	wantError(t, err, bridge.ErrInvalid)
	_, err = w.g.ScheduleStart(ctx, marlene, start, bridge.Later{})
	wantError(t, err, bridge.ErrInvalid)
	if got := w.pending(bridge.ID{}); len(got) != 1 || got[0].ID != p.ID {
		t.Errorf("there is %+v, want what was taken back alone", got)
	}
}

// On legal hold nothing is removed, also not by writing something else in its place.
func TestHoldKeepsWhatIsReplaced(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene := t.Context(), w.actor("staff")
	p := w.takenBack("A first version.")
	w.must(w.g.SetThreadRetention(ctx, w.operator, w.thread.ID, bridge.Retention{Hold: true}))
	_, err := w.g.Post(ctx, marlene, bridge.Post{Thread: w.thread.ID, Text: "x", Note: true, Replaces: p.ID})
	w.must(err)
	_, err = w.g.Schedule(ctx, marlene, bridge.Post{Thread: w.thread.ID, Text: "A second version.", Replaces: p.ID}, bridge.Later{})
	w.must(err)
	w.due(time.Minute)
	if got := w.reads(w.actor("inside")); !slices.Contains(got, "A second version.") {
		t.Errorf("Ann reads %q", got)
	}
	kept := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, marlene, p.ID) })
	if kept.State != bridge.PendingHeld || kept.Text != "A first version." {
		t.Errorf("it is %+v", kept)
	}
	w.must(w.g.SetThreadRetention(ctx, w.operator, w.thread.ID, bridge.Retention{}))
	_, err = w.g.Post(ctx, marlene, bridge.Post{Thread: w.thread.ID, Text: "A third version.", Replaces: p.ID})
	w.must(err)
	if got := w.pending(bridge.ID{}); len(got) != 0 {
		t.Errorf("without a hold there is still %+v", got)
	}
}

// Who writes to an address of the gateway's own hears it at once, and not when the message does not go out.
func TestNobodyWritesToTheGatewayLater(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene := t.Context(), w.actor("staff")
	ours := []bridge.Recipient{{Address: "Reply+abc@" + w.g.Domain()}}
	_, err := w.g.ScheduleStart(ctx, marlene, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: ours}, bridge.Later{})
	wantError(t, err, bridge.ErrInvalid)
	_, err = w.g.Preview(ctx, marlene, bridge.Draft{Subject: "s", Text: "t", Contacts: ours})
	wantError(t, err, bridge.ErrInvalid)
	if got := w.pending(bridge.ID{}); len(got) != 0 {
		t.Errorf("there waits %+v", got)
	}
}
