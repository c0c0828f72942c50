package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
)

// A database moves over while people write: what was acknowledged arrives, the rest is refused; and an attempt that was broken off
// leaves everything as it was.
func TestMoveToPostgres(t *testing.T) {
	folder, keys, dsn := t.TempDir(), keyring(t), pgtest.New(t)
	path, blobs := filepath.Join(folder, "letterlock.db"), filepath.Join(folder, "letterlock.db.blobs")
	d := openAt(t, path, keys)
	now := time.Now().UTC().Truncate(time.Microsecond)
	threads := make([]bridge.ID, 20)
	big, err := d.StageBlob(t.Context(), strings.NewReader(strings.Repeat("big ", 50_000)))
	if err != nil {
		t.Fatal(err)
	}
	update(t, d, func(ctx context.Context, tx bridge.Tx) error {
		ann := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: "Änn", Address: "ann@example.com", CreatedAt: now, Disabled: true}
		if err := tx.AddPerson(ctx, ann); err != nil {
			return err
		}
		for _, action := range []string{"contact.add", "person.disable"} {
			if err := tx.AddAudit(ctx, bridge.AuditEntry{ID: bridge.NewID(), At: now, Actor: "system", Action: action, Person: ann.ID}); err != nil {
				return err
			}
		}
		for i := range threads {
			threads[i] = bridge.NewID()
			th := bridge.Thread{ID: threads[i], Subject: fmt.Sprint("thread ", i), Status: bridge.Open, CreatedAt: now, LastAt: now}
			if err := tx.AddThread(ctx, th); err != nil {
				return err
			}
			if err := tx.AddParticipant(ctx, bridge.Participant{Thread: th.ID, Person: ann.ID, Kind: bridge.Contact, JoinedAt: now}); err != nil {
				return err
			}
			m := bridge.Message{
				ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: now, Text: fmt.Sprint("first ", i),
			}
			if i == 7 {
				m.Attachments = []bridge.Attachment{{ID: bridge.NewID(), Filename: "big.txt", Blob: big}}
			}
			if err := tx.AddMessage(ctx, &m); err != nil {
				return err
			}
		}
		d := bridge.Delivery{ID: bridge.NewID(), Kind: bridge.DeliverCode, Person: ann.ID, Payload: "123456", State: bridge.Queued, CreatedAt: now, NextAt: now}
		return errors.Join(tx.AddDelivery(ctx, d), tx.SetSetting(ctx, "mode", "secure"),
			tx.AddAudit(ctx, bridge.AuditEntry{ID: bridge.NewID(), At: now, Actor: "system", Action: "test", Detail: "x"}))
	})

	write := func(text string, thread int) error {
		return d.Update(t.Context(), func(tx bridge.Tx) error {
			return tx.AddMessage(t.Context(), &bridge.Message{
				ID: bridge.NewID(), Thread: threads[thread], Kind: bridge.Public, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: now, Text: text,
			})
		})
	}
	var mu sync.Mutex
	kept := map[string]bool{}
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				text := fmt.Sprintf("writer %d, message %d", w, i)
				err := write(text, i%len(threads))
				time.Sleep(time.Millisecond) // the lock is free now and then, as it is in life
				if err != nil {
					if strings.Contains(err.Error(), "moved to PostgreSQL") {
						return
					}
					if !errors.Is(err, bridge.ErrUnavailable) {
						t.Error(err)
					}
					continue
				}
				mu.Lock()
				kept[text] = true
				mu.Unlock()
			}
		})
	}

	// Broken off at each table in turn, it changes nothing.
	for _, at := range []string{"person", "message", "setting"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := store.MoveToPostgres(ctx, path, dsn, keys, func(part string, _, _ int64) {
			if part == at {
				cancel()
			}
		})
		cancel()
		if err == nil {
			t.Fatalf("it went on although it was broken off at %s", at)
		}
		if err := write("after "+at, 0); err != nil {
			t.Errorf("after it was broken off at %s: %v", at, err)
		}
		mu.Lock()
		kept["after "+at] = true
		mu.Unlock()
	}
	if _, err := store.MoveToPostgres(t.Context(), path, dsn, keyring(t), nil); err == nil || !strings.Contains(err.Error(), "key file") {
		t.Errorf("other keys: got %v", err)
	}
	parts := map[string]bool{}
	moved, err := store.MoveToPostgres(t.Context(), path, dsn, keys, func(part string, _, _ int64) { parts[part] = true })
	if err != nil {
		t.Fatal(err)
	}
	if moved.Tables < 20 || moved.Rows < 60 || len(parts) != moved.Tables {
		t.Errorf("moved %+v, with progress of %d tables", moved, len(parts))
	}
	writers.Wait() // each was refused, so nothing is written into the old one any more
	close(stop)
	if err := write("too late", 0); err == nil || !strings.Contains(err.Error(), "set database in the configuration") {
		t.Errorf("a write into what was moved: got %v", err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys}); err == nil || !strings.Contains(err.Error(), "set database in the configuration") {
		t.Errorf("open what was moved: got %v", err)
	}
	if _, err := store.MoveToPostgres(t.Context(), path, dsn, keys, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("move there again: got %v", err)
	}

	p := openDSN(t, dsn, keys, blobs)
	got := map[string]bool{}
	err = p.View(t.Context(), func(tx bridge.Tx) error {
		for i, id := range threads {
			th, err := tx.Thread(t.Context(), id)
			if err != nil || th.Subject != fmt.Sprint("thread ", i) {
				return fmt.Errorf("thread %d: %q: %w", i, th.Subject, err)
			}
			all, err := tx.ListMessages(t.Context(), id, true, 0, 100_000)
			if err != nil {
				return err
			}
			for n, m := range all {
				got[m.Text] = true
				if m.Seq != n+1 {
					t.Errorf("thread %d: message %d has the number %d", i, n+1, m.Seq)
				}
			}
		}
		ann, err := tx.PersonByAddress(t.Context(), "ann@example.com")
		if ann.Name != "Änn" || !ann.Disabled || !ann.CreatedAt.Equal(now) {
			t.Errorf("a person: got %+v", ann)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for text := range kept {
		if !got[text] {
			t.Errorf("%q was acknowledged and did not arrive", text)
		}
	}
	if want := len(kept) + len(threads); len(got) != want {
		t.Errorf("%d messages arrived, want %d", len(got), want)
	}
	t.Logf("%d messages, %d of them written while it moved", len(got), len(kept))
	checked, err := p.Check(t.Context(), nil)
	if err != nil || len(checked.Faults) > 0 {
		t.Errorf("check: %+v, %v", checked.Faults, err)
	}
	update(t, p, func(ctx context.Context, tx bridge.Tx) error {
		list, err := tx.ClaimDeliveries(ctx, "w", now.Add(time.Minute), time.Minute, 10)
		if len(list) != 1 || list[0].Payload != "123456" {
			t.Errorf("claimed %+v", list)
		}
		return err
	})

	if err := store.Reopen(t.Context(), path, keys); err != nil {
		t.Fatal(err)
	}
	if err := write("again", 0); err != nil {
		t.Errorf("after it was opened again: %v", err)
	}
	if err := store.Reopen(t.Context(), path, keys); err == nil {
		t.Error("what was not moved was opened again")
	}
}
