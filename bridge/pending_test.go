package bridge_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// undoable is a world in which staff have ten seconds to take a message back, and from which all older mail has left.
func undoable(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.outgoing()
	return w.asConfig(func(c *bridge.Config) { c.Timing.Undo = 10 * time.Second })
}

func (w *world) schedule(by bridge.Person, text string, in time.Duration) bridge.Pending {
	w.t.Helper()
	var l bridge.Later
	if in > 0 {
		l = bridge.Later{At: w.clock.now().Add(in), Zone: "Europe/Berlin"}
	}
	return try(w, func() (bridge.Pending, error) {
		return w.g.Schedule(w.t.Context(), bridge.AsPerson(by.ID), bridge.Post{Thread: w.thread.ID, Text: text, Via: bridge.ViaWeb}, l)
	})
}

// due lets a time pass and posts what is due.
func (w *world) due(after time.Duration) time.Time {
	w.t.Helper()
	w.clock.forward(after)
	return try(w, func() (time.Time, error) { return w.g.PostDue(w.t.Context()) })
}

// reads returns what somebody reads in the thread.
func (w *world) reads(as bridge.Actor) []string {
	w.t.Helper()
	v := try(w, func() (bridge.ThreadView, error) {
		return w.g.ReadThread(w.t.Context(), as, bridge.ThreadRead{Thread: w.thread.ID})
	})
	if as == bridge.AsPerson(w.inside.ID) && len(v.Pending) > 0 {
		w.t.Error("a contact is told of what has not gone out")
	}
	var all []string
	for _, m := range v.Messages {
		all = append(all, m.Text)
	}
	return all
}

func (w *world) pending(thread bridge.ID) []bridge.Pending {
	w.t.Helper()
	list, _, err := w.g.ListPending(w.t.Context(), w.operator, bridge.PendingList{Thread: thread})
	w.must(err)
	return list
}

// Marlene sends an answer. For ten seconds nobody but staff knows of it; then Ann has it.
func TestAnswerGoesOutAfterTenSeconds(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ann := bridge.AsPerson(w.inside.ID)
	before := w.unread(w.inside)
	p := w.schedule(w.staff, "All is well.", 0)
	if p.State != bridge.PendingWaits || !p.Undo || p.At.Sub(p.MadeAt) != 10*time.Second || p.Thread != w.thread.ID {
		t.Fatalf("got %+v, want one that waits for ten seconds", p)
	}
	select {
	case <-w.g.Due():
	default:
		t.Error("nobody is woken to send it")
	}
	if next := w.due(9 * time.Second); !next.Equal(p.At) {
		t.Errorf("the next is due %v, want %v", next, p.At)
	}
	if got := w.reads(ann); slices.Contains(got, "All is well.") || w.unread(w.inside) != before || len(w.outgoing()) != 0 {
		t.Errorf("before its time Ann reads %q, has %d unread (%d before), or mail has left", got, w.unread(w.inside), before)
	}
	v := try(w, func() (bridge.ThreadView, error) {
		return w.g.ReadThread(t.Context(), bridge.AsPerson(w.colleague.ID), bridge.ThreadRead{Thread: w.thread.ID})
	})
	if len(v.Pending) != 1 || v.Pending[0].Begin != "All is well." || v.Pending[0].ByName != "Marlene Voss" {
		t.Errorf("a colleague sees %+v", v.Pending)
	}
	if next := w.due(time.Second); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}
	if got := w.reads(ann); got[len(got)-1] != "All is well." {
		t.Errorf("Ann reads %q", got)
	}
	if len(w.pending(w.thread.ID)) != 0 || w.unread(w.inside) != before+1 || len(to(w.inside, w.outgoing())) != 1 {
		t.Error("it still waits, is not unread, or no mail left about it")
	}
	m := try(w, func() (bridge.Message, error) { return w.g.Message(t.Context(), ann, w.thread.ID, p.ID) })
	if m.Author != w.staff.ID || !m.At.After(p.MadeAt) || m.Via != bridge.ViaWeb {
		t.Errorf("the message is %+v", m)
	}
	w.due(time.Hour)
	if n := len(w.reads(ann)); n != 2 {
		t.Errorf("Ann reads %d messages, want 2", n)
	}
	_, err := w.g.TakeBack(t.Context(), bridge.AsPerson(w.staff.ID), p.ID)
	wantError(t, err, bridge.ErrConflict)
	wantError(t, w.g.DiscardPending(t.Context(), bridge.AsPerson(w.staff.ID), p.ID), bridge.ErrConflict)
}

// Taken back, the text and its files are there to be changed, and nothing of it ever goes out by itself.
func TestTakenBackAndChanged(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene, ann := t.Context(), bridge.AsPerson(w.staff.ID), bridge.AsPerson(w.inside.ID)
	stage := func(name, content string) bridge.Attachment {
		return try(w, func() (bridge.Attachment, error) {
			return w.g.StageFile(ctx, marlene, name, "text/plain", stringsReader(content))
		})
	}
	large := strings.Repeat("The whole report. ", 9000)
	p, err := w.g.Schedule(ctx, marlene, bridge.Post{
		Thread: w.thread.ID, Text: "Dear Bob,", Secure: true, Via: bridge.ViaWeb, Once: bridge.Once{Key: "form"},
		Files: []bridge.Attachment{stage("small.txt", "a line"), stage("large.txt", large), stage("wrong.txt", "of somebody else")},
	}, bridge.Later{})
	w.must(err)
	again, err := w.g.Schedule(ctx, marlene, bridge.Post{Thread: w.thread.ID, Text: "Dear Bob,", Once: bridge.Once{Key: "form"}}, bridge.Later{})
	if err != nil || again.ID != p.ID {
		t.Fatalf("sending the form twice: got %v, %v", again.ID, err)
	}
	for range 2 {
		back := try(w, func() (bridge.Pending, error) { return w.g.TakeBack(ctx, marlene, p.ID) })
		if back.State != bridge.PendingHeld || back.Text != "Dear Bob," || !back.Secure || len(back.Files) != 3 {
			t.Fatalf("taken back: %+v", back)
		}
	}
	w.due(time.Hour)
	w.must(w.db.Sweep(ctx, w.clock.now().Add(50*time.Hour)))
	if got := w.reads(ann); slices.Contains(got, "Dear Bob,") {
		t.Fatalf("Ann reads %q", got)
	}
	kept := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, marlene, p.ID) })
	next := bridge.Post{
		Thread: w.thread.ID, Text: "Dear Ann,", Via: bridge.ViaWeb, Replaces: p.ID, Keep: []bridge.ID{kept.Files[0].ID, kept.Files[1].ID},
		Files: []bridge.Attachment{stage("right.txt", "yours")}, Once: bridge.Once{Key: "form 2"},
	}
	q := try(w, func() (bridge.Pending, error) { return w.g.Schedule(ctx, marlene, next, bridge.Later{}) })
	if _, err := w.g.PendingMessage(ctx, marlene, p.ID); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("what was replaced is still there: %v", err)
	}
	again, err = w.g.Schedule(ctx, marlene, next, bridge.Later{})
	if err != nil || again.ID != q.ID {
		t.Errorf("sending the second form twice: got %v, %v", again.ID, err)
	}
	w.due(10 * time.Second)
	m := try(w, func() (bridge.Message, error) { return w.g.Message(ctx, ann, w.thread.ID, q.ID) })
	var files []string
	for _, f := range m.Attachments {
		_, r, err := w.g.OpenAttachment(ctx, ann, f.ID)
		w.must(err)
		content, err := io.ReadAll(r)
		w.must(err)
		w.must(r.Close())
		files = append(files, f.Filename+": "+string(content))
	}
	if want := []string{"small.txt: a line", "large.txt: " + large, "right.txt: yours"}; !slices.Equal(files, want) {
		t.Errorf("she gets %.200q", files)
	}
	_, err = w.g.Post(ctx, marlene, bridge.Post{Thread: w.thread.ID, Text: "Once more", Replaces: p.ID})
	wantError(t, err, bridge.ErrConflict)
	_, err = w.g.Post(ctx, ann, bridge.Post{Thread: w.thread.ID, Text: "By a contact", Replaces: p.ID})
	wantError(t, err, bridge.ErrForbidden)
}

// A message for tomorrow waits, is listed, and can be sent at once by a colleague: as its author's.
func TestSendLater(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, tom := t.Context(), bridge.AsPerson(w.colleague.ID)
	tomorrow := w.schedule(w.staff, "See you at nine.", 24*time.Hour)
	w.schedule(w.staff, "Please come sober.", 20*time.Hour)
	list := w.pending(bridge.ID{})
	if len(list) != 2 || list[0].Begin != "Please come sober." || list[1].ID != tomorrow.ID || list[1].Zone != "Europe/Berlin" || list[1].Undo {
		t.Fatalf("listed: %+v", list)
	}
	m := try(w, func() (bridge.Message, error) { return w.g.SendPending(ctx, tom, tomorrow.ID) })
	if m.ID != tomorrow.ID || m.Author != w.staff.ID || m.AuthorName != "Marlene Voss" {
		t.Errorf("sent at once: %+v", m)
	}
	if _, err := w.g.SendPending(ctx, tom, tomorrow.ID); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("sent twice: %v", err)
	}
	w.must(w.g.DiscardPending(ctx, tom, list[0].ID))
	w.due(30 * time.Hour)
	if got := w.reads(w.actor("inside")); len(got) != 2 || got[1] != "See you at nine." {
		t.Errorf("Ann reads %q", got)
	}
	for _, c := range []struct {
		in   time.Duration
		note bool
		text string
	}{{-time.Minute, false, "t"}, {bridge.MaxLater + time.Hour, false, "t"}, {time.Hour, true, "t"}, {time.Hour, false, ""}} {
		_, err := w.g.Schedule(ctx, tom, bridge.Post{Thread: w.thread.ID, Text: c.text, Note: c.note}, bridge.Later{At: w.clock.now().Add(c.in)})
		if !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%+v: got %v, want it refused", c, err)
		}
	}
	_, err := w.g.Schedule(ctx, tom, bridge.Post{Thread: bridge.NewID(), Text: "t"}, bridge.Later{})
	wantError(t, err, bridge.ErrNotFound)
	entries, _, err := w.g.ListAudit(ctx, w.operator, "message.sendnow", bridge.Cursor{}, 0)
	if err != nil || len(entries) != 1 || entries[0].By != w.colleague.ID || entries[0].Detail != "was written by Marlene Voss, by Tom Hale" {
		t.Errorf("the audit log has %+v, %v", entries, err)
	}
}

// A conversation that begins tomorrow is not there today, and nobody is made a contact by being written to tomorrow.
func TestConversationBeginsLater(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx, marlene := t.Context(), bridge.AsPerson(w.staff.ID)
	to := w.fresh()
	start := bridge.ThreadStart{
		Subject: "Your appointment", Text: "It is at nine.", Via: bridge.ViaWeb, Mode: bridge.ModeSecure,
		Contacts: []bridge.Recipient{{Address: to, Name: "Nina New"}, {ID: w.outside.ID}}, Once: bridge.Once{Key: "start"},
	}
	threads := func(as bridge.Actor) int {
		l, err := w.g.ListThreads(ctx, as, bridge.ThreadList{})
		w.must(err)
		return len(l.Threads)
	}
	before, cleo := threads(marlene), threads(bridge.AsPerson(w.outside.ID))
	p, err := w.g.ScheduleStart(ctx, marlene, start, bridge.Later{At: w.clock.now().Add(24 * time.Hour)})
	w.must(err)
	again, err := w.g.ScheduleStart(ctx, marlene, start, bridge.Later{At: w.clock.now().Add(24 * time.Hour)})
	if err != nil || again.ID != p.ID {
		t.Errorf("sent twice: %v, %v", again.ID, err)
	}
	if threads(marlene) != before || threads(bridge.AsPerson(w.outside.ID)) != cleo {
		t.Error("the conversation is there already")
	}
	if _, err := w.g.PersonByAddress(ctx, w.operator, to); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("Nina is a contact already: %v", err)
	}
	w.due(24 * time.Hour)
	v := try(w, func() (bridge.ThreadView, error) {
		return w.g.ReadThread(ctx, bridge.AsPerson(w.outside.ID), bridge.ThreadRead{Thread: p.Start.Thread})
	})
	if v.Thread.Subject != "Your appointment" || v.Thread.Mode != bridge.ModeSecure || len(v.Messages) != 1 || v.Messages[0].ID != p.ID || len(v.Participants) != 3 {
		t.Errorf("Cleo reads %+v", v)
	}
	if sent := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, marlene, p.ID) }); sent.State != bridge.PendingSent || sent.Thread != p.Start.Thread {
		t.Errorf("where it went: %+v", sent)
	}
	for _, bad := range []bridge.ThreadStart{
		{Text: "t", Contacts: start.Contacts},
		{Subject: "s", Text: "t"},
		{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{Address: "nobody"}}},
		{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: bridge.NewID()}}},
		{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.colleague.ID}}},
		{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.actor("disabled customer").Person()}}},
		{Subject: "s", Contacts: start.Contacts},
	} {
		if _, err := w.g.ScheduleStart(ctx, marlene, bad, bridge.Later{}); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%+v: got %v, want it refused", bad, err)
		}
	}
}

// What can't go out when its time comes stays, with the reason, until somebody sees to it.
func TestWhatCannotGoOutStays(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	p := w.schedule(w.colleague, "I'm away tomorrow.", time.Hour)
	start, err := w.g.ScheduleStart(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadStart{
		Subject: "Hello", Text: "A first word.", Contacts: []bridge.Recipient{{ID: w.second.ID}},
	}, bridge.Later{At: w.clock.now().Add(time.Hour)})
	w.must(err)
	program, err := w.g.Schedule(ctx, w.actor("staff key"), bridge.Post{Thread: w.thread.ID, Text: "By a program.", Via: bridge.ViaAPI}, bridge.Later{At: w.clock.now().Add(time.Hour)})
	w.must(err)
	w.must(w.g.SetDisabled(ctx, w.operator, w.colleague.ID, true))
	w.must(w.g.SetDisabled(ctx, w.operator, w.second.ID, true))
	w.must(w.g.RevokeKey(ctx, w.operator, program.By))
	w.must(w.g.CloseThread(ctx, w.operator, w.thread.ID))
	if next := w.due(time.Hour); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}
	for id, why := range map[bridge.ID]string{
		p.ID: "the account of Tom Hale, who wrote it, is disabled", start.ID: "ben@example.org is disabled", program.ID: "the key of the program that wrote it was revoked",
	} {
		got := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, w.actor("staff"), id) })
		if got.State != bridge.PendingStopped || got.Why != why {
			t.Errorf("got %q, %q, want stopped: %s", got.State, got.Why, why)
		}
	}
	if n := try(w, func() (int, error) { return w.g.CountStopped(ctx, w.actor("staff")) }); n != 3 {
		t.Errorf("%d stopped, want 3", n)
	}
	if n := len(w.outgoing()); n != 0 {
		t.Errorf("%d mails left", n)
	}
	_, err = w.g.SendPending(ctx, w.actor("staff"), start.ID)
	wantError(t, err, bridge.ErrConflict)
	w.must(w.g.SetDisabled(ctx, w.operator, w.second.ID, false))
	if m := try(w, func() (bridge.Message, error) { return w.g.SendPending(ctx, w.actor("staff"), start.ID) }); m.ID != start.ID {
		t.Errorf("sent: %+v", m)
	}
	w.must(w.g.SetDisabled(ctx, w.operator, w.colleague.ID, false))
	// A thread that was closed meanwhile takes what staff write, as ever, and stays closed.
	m := try(w, func() (bridge.Message, error) { return w.g.SendPending(ctx, w.actor("staff"), p.ID) })
	v := try(w, func() (bridge.ThreadView, error) {
		return w.g.ReadThread(ctx, w.actor("inside"), bridge.ThreadRead{Thread: w.thread.ID})
	})
	if m.Author != w.colleague.ID || v.Thread.Status != bridge.Closed || v.Messages[len(v.Messages)-1].ID != p.ID {
		t.Errorf("sent: %+v in %+v", m, v.Thread)
	}
}

// A thread that is deleted takes along what waits in it, and its author is told that it will not go out. One that expires waits for what waits.
func TestThreadGoesBeforeItsMessage(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	p := w.schedule(w.staff, "Secret words.", time.Hour)
	held := w.schedule(w.staff, "Taken back.", time.Hour)
	try(w, func() (bridge.Pending, error) { return w.g.TakeBack(ctx, w.actor("staff"), held.ID) })
	w.must(w.g.SetThreadRetention(ctx, w.operator, w.thread.ID, bridge.Retention{Hold: true}))
	wantError(t, w.g.DiscardPending(ctx, w.actor("staff"), held.ID), bridge.ErrConflict)
	w.must(w.g.SetThreadRetention(ctx, w.operator, w.thread.ID, bridge.Retention{}))
	w.must(w.g.DeleteThread(ctx, w.actor("admin"), w.thread.ID))
	if _, err := w.g.PendingMessage(ctx, w.actor("staff"), p.ID); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	list := w.pending(bridge.ID{})
	if len(list) != 1 || list[0].State != bridge.PendingStopped || list[0].By != w.staff.ID || list[0].Begin != "" || !strings.Contains(list[0].Why, "was deleted") {
		t.Fatalf("left: %+v", list)
	}
	if next := w.due(2 * time.Hour); !next.IsZero() {
		t.Errorf("something is due at %v", next)
	}

	thread, _, err := w.g.StartThread(ctx, w.actor("staff"), bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
	w.must(err)
	_, err = w.g.Schedule(ctx, w.actor("staff"), bridge.Post{Thread: thread.ID, Text: "In forty days."}, bridge.Later{At: w.clock.now().Add(40 * 24 * time.Hour)})
	w.must(err)
	w.must(w.g.SetRetentionDays(ctx, w.operator, 30))
	w.clock.forward(31 * 24 * time.Hour)
	try(w, func() (int, error) { return w.g.Expire(ctx) })
	if list := w.pending(bridge.ID{}); len(list) != 1 || list[0].Thread != thread.ID {
		t.Errorf("after a month there is %+v, want what waits and not what was stopped", list)
	}
	w.due(9 * 24 * time.Hour)
	if _, err := w.g.ReadThread(ctx, w.actor("inside"), bridge.ThreadRead{Thread: thread.ID}); err != nil {
		t.Errorf("the thread did not wait: %v", err)
	}
}

// Several processes that find the same message due post it once; and whoever takes it back at that moment has it, or is told that it went.
func TestPostedOnce(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	const messages = 12
	var all []bridge.Pending
	for range messages {
		all = append(all, w.schedule(w.staff, "Once.", time.Minute))
	}
	w.clock.forward(time.Minute)
	var both sync.WaitGroup
	taken := make([]bool, messages)
	for range 3 {
		g := w.asConfig(func(*bridge.Config) {}).g
		both.Go(func() {
			if _, err := g.PostDue(ctx); err != nil {
				t.Errorf("post: %v", err)
			}
		})
	}
	both.Go(func() {
		for i := messages - 1; i >= 0; i-- {
			_, err := w.g.TakeBack(ctx, w.actor("staff"), all[i].ID)
			if taken[i] = err == nil; err != nil && !errors.Is(err, bridge.ErrConflict) {
				t.Errorf("take back: %v", err)
			}
		}
	})
	both.Wait()
	v := try(w, func() (bridge.ThreadView, error) {
		return w.g.ReadThread(ctx, w.operator, bridge.ThreadRead{Thread: w.thread.ID})
	})
	for i, p := range all {
		n := 0
		for _, m := range v.Messages {
			if m.ID == p.ID {
				n++
			}
		}
		held := slices.ContainsFunc(v.Pending, func(h bridge.Pending) bool { return h.ID == p.ID && h.State == bridge.PendingHeld })
		if (n == 1) == taken[i] || n > 1 || held != taken[i] {
			t.Errorf("message %d: posted %d times, taken back %v, held %v", i, n, taken[i], held)
		}
	}
}

// Where the store fails for a while, a message waits, and goes out once it can.
func TestPostingWaitsOutFaults(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	broken := &failing{Store: w.config.Store}
	sick := w.asConfig(func(c *bridge.Config) { c.Store = broken })
	p := w.schedule(w.staff, "Late but whole.", time.Minute)
	w.clock.forward(time.Minute)
	broken.fail.Store(true)
	if _, err := sick.g.PostDue(t.Context()); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("got %v, want it told", err)
	}
	if got := w.pending(w.thread.ID); len(got) != 1 || got[0].State != bridge.PendingWaits {
		t.Fatalf("it is %+v", got)
	}
	broken.fail.Store(false)
	w.clock.forward(20 * time.Hour)
	if _, err := sick.g.PostDue(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := w.g.Message(t.Context(), w.actor("inside"), w.thread.ID, p.ID); err != nil {
		t.Errorf("it did not go out: %v", err)
	}
}

// What goes to the log where it could not be kept why a message can't go out names nobody. It is stopped the next time.
func TestFaultNamesNobody(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	p, err := w.g.ScheduleStart(ctx, w.actor("staff"), bridge.ThreadStart{
		Subject: "Hello", Text: "A first word.", Contacts: []bridge.Recipient{{ID: w.second.ID}},
	}, bridge.Later{At: w.clock.now().Add(time.Minute)})
	w.must(err)
	w.must(w.g.SetDisabled(ctx, w.operator, w.second.ID, true))
	w.clock.forward(time.Minute)
	sick := w.asConfig(func(c *bridge.Config) { c.Store = &tiring{Store: w.config.Store} })
	if _, err := sick.g.PostDue(ctx); !errors.Is(err, bridge.ErrUnavailable) || strings.Contains(err.Error(), "@") {
		t.Errorf("got %v, want that it is tried again and no address", err)
	}
	w.due(0)
	if got := try(w, func() (bridge.Pending, error) { return w.g.PendingMessage(ctx, w.actor("staff"), p.ID) }); got.Why != "ben@example.org is disabled" {
		t.Errorf("got %q, %q", got.State, got.Why)
	}
}

// A search finds it once it has gone out, and an export has it then.
func TestPendingIsInNothingElse(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	w.schedule(w.staff, "Unmistakable heliotrope.", time.Hour)
	found := func() (hits, exported int) {
		for {
			n, err := w.db.Index(ctx)
			w.must(err)
			if n == 0 {
				break
			}
		}
		r := try(w, func() (bridge.SearchPage, error) {
			return w.g.Search(ctx, w.operator, bridge.SearchRequest{Text: "heliotrope"})
		})
		_, err := w.g.ExportPerson(ctx, w.operator, w.inside.ID, true, func(e bridge.ExportedThread) error {
			for _, m := range e.Messages {
				if strings.Contains(m.Text, "heliotrope") {
					exported++
				}
			}
			return nil
		})
		w.must(err)
		return len(r.Hits), exported
	}
	if hits, exported := found(); hits != 0 || exported != 0 {
		t.Errorf("before it goes out it is found %d times and exported %d times", hits, exported)
	}
	w.due(time.Hour)
	if hits, exported := found(); hits != 1 || exported != 1 {
		t.Errorf("it is found %d times and exported %d times", hits, exported)
	}
}

// Where the setting was made before there was a time to take messages back, that of the configuration holds.
func TestUndoOfOldSettings(t *testing.T) {
	t.Parallel()
	w := undoable(t)
	ctx := t.Context()
	w.must(w.config.Store.Update(ctx, func(tx bridge.Tx) error {
		return tx.SetSetting(ctx, "timing", `{"NoticeDelay":30000000000,"Reminders":null,"Unopened":0,"EmailOff":false}`)
	}))
	got := try(w, func() (bridge.Timing, error) { return w.g.Timing(ctx, w.operator) })
	if got.Undo != 10*time.Second || got.NoticeDelay != 30*time.Second {
		t.Errorf("got %s", got)
	}
	for _, bad := range []time.Duration{-1, time.Minute + 1} {
		wantError(t, w.g.SetTiming(ctx, w.operator, bridge.Timing{Undo: bad}), bridge.ErrInvalid)
	}
	w.must(w.g.SetTiming(ctx, w.operator, bridge.Timing{}))
	if p := w.schedule(w.staff, "At once.", 0); p.At.After(w.clock.now()) {
		t.Errorf("it waits until %v", p.At)
	}
	w.due(0)
	if got := w.reads(w.actor("inside")); got[len(got)-1] != "At once." {
		t.Errorf("Ann reads %q", got)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// failing is a store that can be out of order.
type failing struct {
	bridge.Store
	fail atomic.Bool
}

// Update implements bridge.Store.
func (f *failing) Update(ctx context.Context, fn func(bridge.Tx) error) error {
	if f.fail.Load() {
		return bridge.ErrUnavailable
	}
	return f.Store.Update(ctx, fn)
}

// tiring is a store that writes once.
type tiring struct {
	bridge.Store
	wrote atomic.Bool
}

// Update implements bridge.Store.
func (s *tiring) Update(ctx context.Context, fn func(bridge.Tx) error) error {
	if s.wrote.Swap(true) {
		return bridge.ErrUnavailable
	}
	return s.Store.Update(ctx, fn)
}

// BenchmarkPostDue measures scheduling a message, and posting it when its time comes.
func BenchmarkPostDue(b *testing.B) {
	config, _, clock := newConfig(b)
	config.Timing.Undo = 10 * time.Second
	g, err := bridge.New(config)
	if err != nil {
		b.Fatal(err)
	}
	ctx, op := b.Context(), bridge.AsOperator()
	t, _, err := g.StartThread(ctx, op, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{Address: "ann@example.org"}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := g.Schedule(ctx, op, bridge.Post{Thread: t.ID, Text: "All is well."}, bridge.Later{}); err != nil {
			b.Fatal(err)
		}
		clock.forward(10 * time.Second)
		if _, err := g.PostDue(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPostAtOnce measures the same message without a time to take it back.
func BenchmarkPostAtOnce(b *testing.B) {
	config, _, _ := newConfig(b)
	g, err := bridge.New(config)
	if err != nil {
		b.Fatal(err)
	}
	ctx, op := b.Context(), bridge.AsOperator()
	t, _, err := g.StartThread(ctx, op, bridge.ThreadStart{Subject: "s", Text: "t", Contacts: []bridge.Recipient{{Address: "ann@example.org"}}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := g.Post(ctx, op, bridge.Post{Thread: t.ID, Text: "All is well."}); err != nil {
			b.Fatal(err)
		}
	}
}
