package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"letterlock/bridge"
)

// pending checks what is kept of messages that have not gone out.
func pending(h *house) {
	ann, bob := h.person(bridge.Contact, "Ann"), h.person(bridge.Staff, "Bob")
	t, other := h.thread("Later", ann, bob), h.thread("Another", ann, bob)
	large := h.stage(bytes.Repeat([]byte("large "), 50_000))
	file := func(name string, b bridge.Blob) bridge.Attachment {
		return bridge.Attachment{ID: bridge.NewID(), Filename: name, ContentType: "text/plain", Blob: b}
	}
	base := h.tick()
	add := func(thread bridge.ID, state bridge.PendingState, at time.Time, text string, files ...bridge.Attachment) bridge.Pending {
		p := bridge.Pending{
			ID: bridge.NewID(), State: state, Thread: thread, At: at, MadeAt: base, By: bob.ID, ByKind: bridge.ByStaff, ByName: "Bob",
			Chosen: at, Zone: "Europe/Berlin", Begin: "Begin", Text: text, HTML: "<p>" + text + "</p>", Secure: true, Via: bridge.ViaWeb, Files: files,
		}
		if thread.IsZero() {
			p.Start = &bridge.PendingStart{
				Thread: bridge.NewID(), Subject: "Subject", Mode: bridge.ModeSecure,
				Contacts: []bridge.Recipient{{ID: ann.ID}, {Address: "new@example.net", Name: "New"}},
			}
		}
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddPending(ctx, p) })
		return p
	}
	second := add(t.ID, bridge.PendingWaits, base.Add(2*time.Hour), "second", file("small.txt", h.stage([]byte("small"))), file("large.txt", large), file("empty.txt", h.stage(nil)))
	first := add(bridge.ID{}, bridge.PendingWaits, base.Add(time.Hour), "first")
	held := add(t.ID, bridge.PendingHeld, base.Add(-time.Hour), "held")
	third := add(other.ID, bridge.PendingWaits, base.Add(2*time.Hour), "")
	h.fails("the same id twice", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error { return tx.AddPending(ctx, first) })
	h.fails("content of another row", bridge.ErrInvalid, func(ctx context.Context, tx bridge.Tx) error {
		p := first
		p.ID, p.Files = bridge.NewID(), []bridge.Attachment{file("x", bridge.Blob{Key: "attachment/x"})}
		return tx.AddPending(ctx, p)
	})

	get := func(id bridge.ID) (p bridge.Pending) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
			p, err = tx.Pending(ctx, id)
			return err
		})
		return p
	}
	same(h, "what starts a conversation", get(first.ID), first)
	got := get(second.ID)
	for i, f := range got.Files {
		r, err := h.store.OpenBlob(h.Context(), f.Blob)
		if err != nil {
			h.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if want := []int{5, 300_000, 0}[i]; err != nil || len(content) != want || r.Close() != nil {
			h.Errorf("file %d: got %d octets, %v, want %d", i, len(content), err, want)
		}
		if f.Blob.Key == "" && f.Blob.Inline == nil {
			got.Files[i].Blob.Inline = []byte{}
		}
		if len(second.Files[i].Blob.Inline) == 0 && f.Blob.Key == "" {
			second.Files[i].Blob.Inline = []byte{}
		}
	}
	same(h, "an answer", got, second)

	list := func(thread bridge.ID, limit int) (texts []bridge.ID) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			for after := (bridge.Cursor{}); ; {
				page, err := tx.ListPending(ctx, thread, after, limit)
				for _, p := range page {
					if p.Text != "" || p.HTML != "" || p.Begin != "Begin" {
						h.Errorf("a list has the text %q and the beginning %q", p.Text, p.Begin)
					}
					if p.ID == second.ID && (len(p.Files) != 3 || p.Files[1].Filename != "large.txt" || p.Files[0].Blob.Inline != nil) {
						h.Errorf("a list has the files %+v", p.Files)
					}
					texts, after = append(texts, p.ID), bridge.Cursor{At: p.At, ID: p.ID}
				}
				if err != nil || len(page) < limit {
					return err
				}
			}
		})
		return texts
	}
	same(h, "all", list(bridge.ID{}, 3), []bridge.ID{held.ID, first.ID, second.ID, third.ID})
	same(h, "one by one", list(bridge.ID{}, 1), []bridge.ID{held.ID, first.ID, second.ID, third.ID})
	same(h, "of the thread", list(t.ID, 1), []bridge.ID{held.ID, second.ID})
	same(h, "of no thread", list(bridge.NewID(), 5), nil)
	due := func(at time.Time, limit int) (ids []bridge.ID) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			for after := (bridge.Cursor{}); ; {
				page, err := tx.DuePending(ctx, at, after, limit)
				for _, c := range page {
					ids, after = append(ids, c.ID), c
				}
				if err != nil || len(page) < limit {
					return err
				}
			}
		})
		return ids
	}
	next := func() (at time.Time) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			var err error
			if at, err = tx.NextPending(ctx); errors.Is(err, bridge.ErrNotFound) {
				err = nil
			}
			return err
		})
		return at
	}
	same(h, "due before", due(base, 10), nil)
	same(h, "due after an hour", due(base.Add(time.Hour), 10), []bridge.ID{first.ID})
	same(h, "due after two", due(base.Add(2*time.Hour), 1), []bridge.ID{first.ID, second.ID, third.ID})
	same(h, "next", next(), base.Add(time.Hour))

	h.fails("taking one that is not due", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.TakeDue(ctx, first.ID, base.Add(time.Hour-time.Microsecond))
	})
	h.fails("taking one that was taken back", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.TakeDue(ctx, held.ID, base.Add(time.Hour))
	})
	if n := h.together(8, bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx, _ int) error {
		return tx.TakeDue(ctx, first.ID, base.Add(time.Hour))
	}); n != 1 {
		h.Errorf("%d processes took the same message, want 1", n)
	}
	h.fails("taking it again", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.TakeDue(ctx, first.ID, base.Add(time.Hour))
	})
	third.State, third.Why, third.At, third.Undo = bridge.PendingStopped, strings.Repeat("why ", 100), base.Add(3*time.Hour), true
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdatePending(ctx, third) })
	same(h, "what was stopped", get(third.ID), third)
	h.fails("changing what is gone", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { return tx.UpdatePending(ctx, first) })
	h.fails("removing what is gone", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { return tx.RemovePending(ctx, first.ID) })
	count := func(want int) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			n, err := tx.CountStopped(ctx)
			same(h, "stopped", n, want)
			return err
		})
	}
	count(1)

	// What waits keeps its thread from expiring; what does not wait goes with it, and its large file too.
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		ids, err := tx.ExpiredThreads(ctx, base.AddDate(1, 0, 0), 30, 10)
		same(h, "expired", ids, []bridge.ID{other.ID})
		if err == nil {
			err = tx.SetRetention(ctx, t.ID, bridge.Retention{Days: 1})
		}
		return err
	})
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		ids, err := tx.ExpiredThreads(ctx, base.AddDate(1, 0, 0), 30, 10)
		same(h, "expired by their own days", ids, []bridge.ID{other.ID})
		return errors.Join(err, tx.DeleteThread(ctx, t.ID))
	})
	if err := h.store.RemoveDeleted(h.Context()); err != nil {
		h.Fatal(err)
	}
	same(h, "after its thread was deleted", list(bridge.ID{}, 10), []bridge.ID{third.ID})
	if _, err := h.store.OpenBlob(h.Context(), large); !errors.Is(err, bridge.ErrNotFound) {
		h.Errorf("its file is still there: %v", err)
	}
	same(h, "next", next(), time.Time{})

	old := add(bridge.ID{}, bridge.PendingStopped, base.Add(-time.Hour), "old", file("a", h.stage(bytes.Repeat([]byte("other "), 50_000))))
	young := add(bridge.ID{}, bridge.PendingHeld, base.Add(time.Hour), "young")
	waits := add(bridge.ID{}, bridge.PendingWaits, base.Add(-time.Hour), "waits")
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		n, err := tx.ForgetPending(ctx, base, 10)
		same(h, "forgotten", n, 1)
		return err
	})
	same(h, "after a while", list(bridge.ID{}, 10), []bridge.ID{waits.ID, young.ID, third.ID})
	if err := h.store.RemoveDeleted(h.Context()); err != nil {
		h.Fatal(err)
	}
	if _, err := h.store.OpenBlob(h.Context(), old.Files[0].Blob); !errors.Is(err, bridge.ErrNotFound) {
		h.Errorf("the file of what was forgotten is still there: %v", err)
	}
}
