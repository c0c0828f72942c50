package bridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// recorded returns the entries of one action, oldest first.
func (w *world) recorded(action string) []bridge.AuditEntry {
	w.t.Helper()
	var found []bridge.AuditEntry
	w.must(w.g.ExportAudit(w.t.Context(), w.operator, func(e bridge.AuditEntry) error {
		if e.Action == action {
			found = append(found, e)
		}
		return nil
	}))
	return found
}

func TestLooksAreRecorded(t *testing.T) {
	w := newWorld(t)
	ctx, staff := t.Context(), bridge.AsPerson(w.staff.ID)
	look := func() {
		_, err := w.g.OpenThread(ctx, staff, bridge.ThreadRead{Thread: w.thread.ID})
		w.must(err)
		_, err = w.g.ReadThread(ctx, staff, bridge.ThreadRead{Thread: w.thread.ID})
		w.must(err)
		_, content, err := w.g.OpenAttachment(ctx, staff, w.file)
		w.must(err)
		w.must(content.Close())
	}
	for range 5 {
		look() // reloads of one page
	}
	w.clock.forward(6 * time.Minute)
	look()
	_, err := w.g.ReadThread(ctx, bridge.AsPerson(w.colleague.ID), bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err)
	_, err = w.g.OpenThread(ctx, bridge.AsPerson(w.inside.ID), bridge.ThreadRead{Thread: w.thread.ID})
	w.must(err) // a contact's are receipts

	views := w.recorded("thread.view")
	if len(views) != 3 || views[0].By != w.staff.ID || views[1].By != w.staff.ID || views[2].By != w.colleague.ID || views[0].Thread != w.thread.ID {
		t.Errorf("views of the thread: got %+v", views)
	}
	files := w.recorded("file.download")
	if len(files) != 2 || files[0].By != w.staff.ID || !strings.Contains(files[0].Detail, w.file.String()) {
		t.Errorf("downloads: got %+v", files)
	}
	held, err := w.g.OpenHeld(ctx, staff, w.held())
	w.must(err)
	w.must(held.Raw.Close())
	if got := w.recorded("held.view"); len(got) != 1 || got[0].By != w.staff.ID {
		t.Errorf("looks at held mail: got %+v", got)
	}
}

func TestFailedSignInsAreRecorded(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for i := range 21 {
		_, err := w.g.SignInWithPassword(ctx, fmt.Sprintf("guess%d@example.net", i), "sesame open please", fmt.Sprintf("192.0.2.%d", i), "")
		if !errors.Is(err, bridge.ErrWrongCode) {
			t.Fatal(err)
		}
	}
	_, err := w.g.SignInWithPassword(ctx, w.staff.Address, "sesame open please", "198.51.100.7", "")
	if !errors.Is(err, bridge.ErrWrongCode) {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := w.g.SignInWithCode(ctx, "a browser that never asked", "12345678", "203.0.113.9"); err == nil {
			t.Fatal("a code that nobody sent was taken")
		}
	}
	got := w.recorded("signin.failed")
	if len(got) != 30 {
		t.Errorf("in one minute %d failures were recorded, want 30", len(got))
	}
	if e := got[21]; e.Person != w.staff.ID || e.Actor != "anonymous" || !strings.Contains(e.Detail, "198.51.100.7") {
		t.Errorf("a wrong password: got %+v", e)
	}
	w.clock.forward(2 * time.Minute)
	_, _ = w.g.SignInWithCode(ctx, "a browser that never asked", "12345678", "203.0.113.9")
	got = w.recorded("signin.failed")
	if last := got[len(got)-1]; len(got) != 31 || !strings.Contains(last.Detail, "32 more") {
		t.Errorf("a minute later: got %d, last %+v", len(got), last)
	}
}
