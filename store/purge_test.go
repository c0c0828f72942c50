package store_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"letterlock/bridge"
)

// token is how the search index writes a word.
func token(lookup func(string, []byte) []byte, word string) []byte {
	return []byte(base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding).EncodeToString(lookup("search.word", []byte(word)))[:10])
}

// TestDeletedThreadsLeaveNothing plants a thread among others, deletes it while people write, and looks for every sealed value of it, for its
// words in the index, and for its files, in all that is on the disk.
func TestDeletedThreadsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	keys := keyring(t)
	path := filepath.Join(dir, "letterlock.db")
	d := openAt(t, path, keys)
	c := newClinic(t, d, keys, 5)
	words := strings.Fields("marzipan quince fennel walnut saffron medlar tamarind sorrel juniper almond caraway nutmeg")
	planted := c.thread(strings.Join(words, " "))
	held := c.receive("stranger@example.net", "office@example.com", "kumquat")
	for i := range 5 {
		c.thread(strings.Repeat("x", i+1))
	}
	indexAll(t, d)

	raw := plainSQLite(t, path)
	traces := map[string][]byte{}
	// The index writes a word without what it shares with the word before it: one letter often, three hardly ever.
	for _, word := range words {
		for _, content := range filesIn(t, dir) {
			if trace := token(keys.Lookup, word)[2:]; bytes.Contains(content, trace) {
				traces["the word "+word+" in the index"] = trace
			}
		}
	}
	if len(traces) == 0 {
		t.Error("none of the words can be seen in the index")
	}
	var sealed []struct {
		Name  string
		Value []byte
	}
	err := raw.Select(&sealed, `with m as (select id, received from message where thread = ?1),
			r as (select id from received where id in (select received from m) or thread = ?1)
		select 'subject' as name, sealed_subject as value from thread where id = ?1
		union all select 'preview', sealed_preview from thread where id = ?1
		union all select 'text', sealed_text from message_content where message in (select id from m)
		union all select 'mail id', sealed_mail_id from message_content where message in (select id from m)
		union all select 'label', sealed_label from attachment where thread = ?1
		union all select 'file', sealed_content from attachment_content where attachment in (select id from attachment where thread = ?1)
		union all select 'record', sealed_record from received where id in r
		union all select 'mail', sealed_content from received_raw where received in r
		union all select 'diagnostic', sealed_diagnostic from delivery where thread = ?1`, planted[:])
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sealed {
		if len(s.Value) > 0 {
			traces[s.Name] = s.Value[5:min(45, len(s.Value))] // what comes after the key's id
		}
	}
	if len(traces) < 10 {
		t.Errorf("only %d kinds of traces: the thread has too little in it", len(traces))
	}
	files := filesIn(t, dir)
	filesBefore := len(files)
	for what, trace := range traces {
		found := false
		for _, content := range files {
			found = found || bytes.Contains(content, trace)
		}
		if !found {
			t.Errorf("before: no %s on the disk, so that the test could not fail", what)
		}
	}

	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !ended.Load() {
			c.thread("written meanwhile")
		}
	}()
	if err := c.g.SetThreadRetention(t.Context(), c.staff, planted, bridge.Retention{Hold: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.g.DeleteThread(t.Context(), c.staff, planted); !errors.Is(err, bridge.ErrConflict) {
		t.Errorf("on legal hold: got %v", err)
	}
	if err := c.g.SetThreadRetention(t.Context(), c.staff, planted, bridge.Retention{}); err != nil {
		t.Fatal(err)
	}
	if err := c.g.DeleteThread(t.Context(), c.staff, planted); err != nil {
		t.Fatal(err)
	}
	ended.Store(true)
	<-done
	if err := d.Scrub(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	files = filesIn(t, dir)
	for what, trace := range traces {
		for name, content := range files {
			if bytes.Contains(content, trace) {
				t.Errorf("after: %s is in %s", what, name)
			}
		}
	}
	if _, err := os.Stat(path); err != nil || filesBefore < 3 {
		t.Errorf("%v, %d files", err, filesBefore)
	}
	whole(t, d)
	if err := d.View(t.Context(), func(tx bridge.Tx) error { _, err := tx.Received(t.Context(), held.ID); return err }); err != nil {
		t.Errorf("mail that belongs to nobody's thread: %v", err)
	}
	if err := d.Scrub(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	whole(t, d)
}

// TestRetention lets time pass, and wants gone what was to go, and nothing else.
func TestRetention(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	c := newClinic(t, d, keys, 0)
	held, short, long, plain := c.thread("on hold"), c.thread("for a week"), c.thread("for ten years"), c.thread("as all")
	ctx := t.Context()
	c.must(c.g.SetThreadRetention(ctx, c.staff, held, bridge.Retention{Days: 7, Hold: true}))
	c.must(c.g.SetThreadRetention(ctx, c.staff, short, bridge.Retention{Days: 7}))
	c.must(c.g.SetThreadRetention(ctx, c.staff, long, bridge.Retention{Days: 3650}))
	left := func() map[bridge.ID]bool {
		t.Helper()
		page, err := c.g.ListThreads(ctx, c.staff, bridge.ThreadList{})
		c.must(err)
		all := map[bridge.ID]bool{}
		for _, h := range page.Threads {
			all[h.ID] = true
		}
		return all
	}
	expire := func(want int) {
		t.Helper()
		n, err := c.g.Expire(ctx)
		if err != nil || n != want {
			t.Errorf("%d expired, %v, want %d", n, err, want)
		}
		whole(t, d)
	}
	expire(0)
	c.now = c.now.AddDate(0, 0, 8)
	expire(1)
	if now := left(); now[short] || !now[held] || !now[long] || !now[plain] {
		t.Error("after 8 days the wrong ones are left")
	}
	c.now = c.now.AddDate(5, 0, 0)
	expire(0) // the organization keeps them for ever
	for _, days := range []int{-1, 40_000} {
		if err := c.g.SetRetentionDays(ctx, c.staff, days); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%d days: got %v", days, err)
		}
	}
	c.must(c.g.SetRetentionDays(ctx, c.staff, 365))
	for i := range 45 {
		c.receive("stranger@example.net", "nobody@example.com", strings.Repeat("y", i+1))
	}
	kept := c.thread("of today")
	expire(1)
	if now := left(); now[plain] || !now[held] || !now[long] || !now[kept] {
		t.Error("after 5 years the wrong ones are left")
	}
	c.now = c.now.AddDate(6, 0, 0)
	expire(2)
	if now := left(); len(now) != 1 || !now[held] {
		t.Errorf("after 11 years: %v are left", now)
	}
	var expired int
	c.must(c.g.ExportAudit(ctx, c.staff, func(e bridge.AuditEntry) error {
		if e.Action == "thread.expire" && e.Actor == "system" {
			expired++
		}
		return nil
	}))
	if expired != 4 {
		t.Errorf("%d expired threads in the audit log, want 4", expired)
	}
}

// TestExpiryIsInterrupted stops in the middle of many expired threads, and goes on.
func TestExpiryIsInterrupted(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	c := newClinic(t, d, keys, 45)
	kept := len(c.threads)
	c.must(c.g.SetRetentionDays(t.Context(), c.staff, 1))
	c.now = c.now.AddDate(0, 0, 2)
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		for {
			var n int
			err := d.View(t.Context(), func(tx bridge.Tx) error {
				rows, err := tx.ListThreads(t.Context(), bridge.ThreadQuery{Limit: 100})
				n = len(rows)
				return err
			})
			if err != nil || n < kept {
				stop()
				return
			}
		}
	}()
	first, err := c.g.Expire(ctx)
	if err == nil && first < kept || first > kept {
		t.Errorf("stopped: got %d, %v", first, err)
	}
	whole(t, d)
	second, err := c.g.Expire(t.Context())
	if err != nil || second > kept-first {
		t.Errorf("again: got %d after %d, %v", second, first, err)
	}
	whole(t, d)
	// An answer for tomorrow keeps its thread, until it is taken back.
	left := func() bridge.ThreadPage {
		page, err := c.g.ListThreads(t.Context(), c.staff, bridge.ThreadList{})
		c.must(err)
		return page
	}
	waits := left()
	if len(waits.Threads) != 1 {
		t.Fatalf("%d threads are left, want the one in which an answer waits", len(waits.Threads))
	}
	pending, _, err := c.g.ListPending(t.Context(), c.staff, bridge.PendingList{Thread: waits.Threads[0].ID})
	c.must(err)
	if len(pending) != 1 {
		t.Fatalf("%d answers wait there, want 1", len(pending))
	}
	_, err = c.g.TakeBack(t.Context(), c.staff, pending[0].ID)
	c.must(err)
	third, err := c.g.Expire(t.Context())
	if err != nil || third != 1 {
		t.Errorf("after it was taken back: got %d, %v", third, err)
	}
	whole(t, d)
	if n := len(left().Threads); n != 0 {
		t.Errorf("%d threads are left", n)
	}
}
