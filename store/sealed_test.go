package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/seal"
)

const canary = "Zyxwort"

// writeCanaries puts the word into every field that can hold one.
func writeCanaries(t *testing.T, d *store.DB) {
	t.Helper()
	n := 0
	word := func() string {
		n++
		return strings.Repeat("x", n) + canary + " " + strings.Repeat("y", n)
	}
	stage := func(size int) bridge.Blob {
		b, err := d.StageBlob(t.Context(), strings.NewReader(strings.Repeat(word(), size/20+1)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	small, big, rawSmall, rawBig := stage(100), stage(200_000), stage(1000), stage(200_000)
	now := time.Now()
	err := d.Update(t.Context(), func(tx bridge.Tx) error {
		ctx := t.Context()
		p := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: word(), Address: canary + "@example.com", CreatedAt: now}
		th := bridge.Thread{ID: bridge.NewID(), Subject: word(), Preview: word(), Status: bridge.Open, CreatedAt: now, LastAt: now}
		m := bridge.Message{
			ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, Author: p.ID, AuthorKind: bridge.ByContact, AuthorName: word(), Via: bridge.ViaSMTP, At: now,
			Text: word(), HTML: word(), Quoted: word(), Signature: word(), MailID: word(), Received: bridge.NewID(),
			Attachments: []bridge.Attachment{
				{ID: bridge.NewID(), Filename: word(), ContentType: word(), ContentID: word(), Blob: small},
				{ID: bridge.NewID(), Filename: word(), Blob: big},
			},
		}
		received := func(raw bridge.Blob) error {
			return tx.AddReceived(ctx, bridge.Received{
				ID: bridge.NewID(), Envelope: bridge.Envelope{ReversePath: word(), ForwardPath: word(), Peer: word(), At: now}, Disposition: bridge.Held,
				Reasons: []string{word()}, Verdict: bridge.Verdict{Address: word(), Reasons: []string{word()}}, From: word(), Subject: word(), MailID: word(),
				Identity: [32]byte([]byte(strings.Repeat(canary, 5)[:32])),
			}, raw)
		}
		del := bridge.Delivery{ID: bridge.NewID(), Kind: bridge.DeliverCode, Person: p.ID, Recipient: word(), Payload: word(), Diagnostic: word(), State: bridge.Queued, CreatedAt: now, NextAt: now}
		for _, err := range []error{
			tx.AddPerson(ctx, p), tx.SetPasswordHash(ctx, p.ID, word()), tx.AddThread(ctx, th), tx.AddMessage(ctx, &m), received(rawSmall),
			tx.AddDelivery(ctx, del), tx.AddAttempt(ctx, word(), now), tx.AddKey(ctx, bridge.APIKey{ID: bridge.NewID(), Name: word(), CreatedAt: now}),
			tx.AddOnce(ctx, bridge.OnceRecord{Owner: p.ID, Key: word(), Request: [32]byte([]byte(strings.Repeat(canary, 5)[:32]))}),
			tx.SetSetting(ctx, "organization", word()), tx.AddAudit(ctx, bridge.AuditEntry{ID: bridge.NewID(), At: now, Action: "x", Detail: word()}),
		} {
			if err != nil {
				return err
			}
		}
		del.Diagnostic = word()
		if err := tx.UpdateDelivery(ctx, del); err != nil {
			return err
		}
		th.Subject = word()
		return tx.UpdateThread(ctx, th)
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.Update(t.Context(), func(tx bridge.Tx) error {
		return tx.AddReceived(t.Context(), bridge.Received{ID: bridge.NewID(), Disposition: bridge.Held, Envelope: bridge.Envelope{At: now}, Subject: word()}, rawBig)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sessions(nil).Commit(canary+"token", []byte(word()), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := d.SetMailbox(t.Context(), bridge.MailboxState{Account: canary, Mailbox: word()}); err != nil {
		t.Fatal(err)
	}
	if n < 40 {
		t.Fatalf("only %d fields were filled", n)
	}
}

// forms returns the ways in which the word could stand in a file.
func forms() map[string][]byte {
	var wide []byte
	for _, u := range utf16.Encode([]rune(canary)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	all := map[string][]byte{"plain": []byte(canary), "UTF-16": wide, "hex": []byte(hex.EncodeToString([]byte(canary))), "reversed case": []byte(strings.ToLower(canary))}
	for i, pad := range []string{"", "x", "xx"} {
		b := base64.StdEncoding.EncodeToString([]byte(pad + canary + "zzz"))
		all["base64 at "+string(rune('0'+i))] = []byte(b[4:10]) // the middle does not depend on what is around
	}
	return all
}

func hits(t *testing.T, folder string) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		for name, form := range forms() {
			if bytes.Contains(content, form) {
				found = append(found, filepath.Base(path)+": "+name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 4 {
		t.Fatalf("only %d files were looked at", files)
	}
	return found
}

func TestNoWordShowsOnTheDisk(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "letterlock.db")
	d := openAt(t, path, keyring(t))
	writeCanaries(t, d)
	if _, err := os.Stat(path + "-wal"); err != nil {
		t.Fatalf("the log is to be looked at too: %v", err)
	}
	if found := hits(t, folder); len(found) != 0 {
		t.Errorf("while it is open: %q", found)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "filler"), []byte("keeps the count of files"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := hits(t, folder); len(found) != 0 {
		t.Errorf("after it was closed: %q", found)
	}
	// The test can fail.
	if err := os.WriteFile(filepath.Join(folder, "leak"), []byte("x"+canary), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := hits(t, folder); len(found) != 1 {
		t.Errorf("a word that is there was found %d times", len(found))
	}
}

func TestFilesAreTheOwners(t *testing.T) {
	folder := t.TempDir()
	d := openAt(t, filepath.Join(folder, "letterlock.db"), keyring(t))
	writeCanaries(t, d)
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := e.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letterlock.db")
	keys := keyring(t)
	if err := openAt(t, path, keys).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: path, Keys: keyring(t)}); err == nil || !strings.Contains(err.Error(), "key file") {
		t.Errorf("other keys: got %v, want a refusal that says so", err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: path}); err == nil {
		t.Error("it was opened without keys")
	}
	openAt(t, path, keys)
}

func TestWhatIsNoDatabaseOfOurs(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	content := bytes.Repeat([]byte("this is no database\n"), 1000)
	if err := os.WriteFile(text, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: text, Keys: keyring(t)}); err == nil {
		t.Error("a text was opened as a database")
	}
	if got, err := os.ReadFile(text); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the text was changed: %d octets, %v", len(got), err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: filepath.Join(folder, "none", "x.db"), Blobs: folder, Keys: keyring(t)}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v, want fs.ErrNotExist", err)
	}

	newer, keys := filepath.Join(folder, "newer.db"), keyring(t)
	d := openAt(t, newer, keys)
	if err := d.Exec("insert into goose_db_version (version_id, is_applied) values (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Config{Path: newer, Keys: keys}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer schema: got %v, want a refusal that says so", err)
	}
}

// TestMovedValuesDoNotOpen: whoever can write to the database, and has no key, can't give one row another's content.
func TestMovedValuesDoNotOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letterlock.db")
	d := openAt(t, path, keyring(t))
	var people []bridge.Person
	err := d.Update(t.Context(), func(tx bridge.Tx) error {
		for _, name := range []string{"ann", "eve"} {
			p := bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: name, Address: name + "@example.com", CreatedAt: time.Now()}
			people = append(people, p)
			if err := tx.AddPerson(t.Context(), p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Exec("update person set sealed_address = (select p.sealed_address from person p where p.id = ?) where id = ?", people[1].ID, people[0].ID); err != nil {
		t.Fatal(err)
	}
	err = d.View(t.Context(), func(tx bridge.Tx) error {
		_, err := tx.Person(t.Context(), people[0].ID)
		return err
	})
	if !errors.Is(err, seal.ErrSealed) {
		t.Errorf("got %v, want ErrSealed", err)
	}
}

func TestSessions(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := open(t)
	s := d.Sessions(func() time.Time { return now })
	ctx := context.Background()
	find := func(token, want string) {
		t.Helper()
		data, found, err := s.FindCtx(ctx, token)
		if err != nil || found != (want != "") || string(data) != want {
			t.Errorf("%s: got %q, %v, %v, want %q", token, data, found, err, want)
		}
	}
	find("one", "")
	for token, data := range map[string]string{"one": "first", "two": "second"} {
		if err := s.CommitCtx(ctx, token, []byte(data), now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	find("one", "first")
	if err := s.CommitCtx(ctx, "one", []byte("changed"), now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	find("one", "changed")
	now = now.Add(time.Hour)
	find("one", "changed")
	find("two", "")
	if err := d.Sweep(ctx, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Minute)
	find("two", "")
	for range 2 {
		if err := s.DeleteCtx(ctx, "one"); err != nil {
			t.Fatal(err)
		}
	}
	find("one", "")

	// A request that was under way when the session ended saves it once more.
	if err := s.CommitCtx(ctx, "one", []byte("late"), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	find("one", "")
	if err := d.Sweep(ctx, now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := s.CommitCtx(ctx, "one", []byte("later"), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	find("one", "")
	// What is left of it goes when the session would have expired.
	if err := d.Sweep(ctx, now.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := d.Count(t, "session"); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestMailboxes(t *testing.T) {
	d := open(t)
	if _, err := d.Mailbox(t.Context(), "support", "INBOX"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("never read: got %v, want ErrNotFound", err)
	}
	for _, want := range []bridge.MailboxState{
		{Account: "support", Mailbox: "INBOX", UIDValidity: 4294967295, LastUID: 17},
		{Account: "support", Mailbox: "INBOX", UIDValidity: 1, LastUID: 4294967295},
		{Account: "support", Mailbox: "Junk", UIDValidity: 2, LastUID: 3},
		{
			Account: "support", Mailbox: "INBOX", UIDValidity: 4, LastUID: 90, FirstUID: 4294967295, ModSeq: 1<<63 - 1,
			Missing: []bridge.UIDRange{{First: 1, Last: 3}, {First: 7, Last: 7}, {First: 88, Last: 90}},
		},
	} {
		if err := d.SetMailbox(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Mailbox(t.Context(), want.Account, want.Mailbox); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestSweepKeepsWhatIsUsed(t *testing.T) {
	d := open(t)
	stage := func(what string) bridge.Blob {
		b, err := d.StageBlob(t.Context(), strings.NewReader(strings.Repeat(what, 100_000)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	attached, raw, lost := stage("a"), stage("r"), stage("l")
	now := time.Now()
	err := d.Update(t.Context(), func(tx bridge.Tx) error {
		th := bridge.Thread{ID: bridge.NewID(), Status: bridge.Open, CreatedAt: now, LastAt: now}
		return errors.Join(tx.AddThread(t.Context(), th),
			tx.AddMessage(t.Context(), &bridge.Message{
				ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, At: now,
				Attachments: []bridge.Attachment{{ID: bridge.NewID(), Filename: "x", Blob: attached}},
			}),
			tx.AddReceived(t.Context(), bridge.Received{ID: bridge.NewID(), Envelope: bridge.Envelope{At: now}}, raw))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	check := func(b bridge.Blob, want bool) {
		t.Helper()
		r, err := d.OpenBlob(t.Context(), b)
		if (err == nil) != want {
			t.Errorf("got %v, want it there: %v", err, want)
		}
		if err == nil {
			r.Close()
		}
	}
	check(lost, true) // it is young
	if err := d.Sweep(t.Context(), now.Add(25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	check(attached, true)
	check(raw, true)
	check(lost, false)
}
