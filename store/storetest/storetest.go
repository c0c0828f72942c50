// Package storetest says what a bridge.Store must do, as tests that any engine's store can be put through.
//
// It sees the store through the interfaces of [letterlock/bridge] alone, and must not know SQL or how a store is made.
package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"letterlock/bridge"
)

// Run puts the stores that open returns through all tests. Each test opens an empty store of its own; open sees to it that it
// is closed when the test ends.
func Run(t *testing.T, open func(t *testing.T) bridge.Store) {
	for _, one := range []struct {
		name string
		test func(*house)
	}{
		{"people", people},
		{"threads", threads},
		{"list of threads", listOfThreads},
		{"unread", unread},
		{"messages", messages},
		{"long messages", longMessages},
		{"attachments", attachments},
		{"receipts", receipts},
		{"reply addresses", replyAddresses},
		{"claiming", claiming},
		{"claiming at once", claimingAtOnce},
		{"delivery lists", deliveryLists},
		{"correspondence", correspondence},
		{"looks", looks},
		{"reminders", reminders},
		{"choices", choices},
		{"tally", tally},
		{"received mail", receivedMail},
		{"sign-ins", signIns},
		{"keys", keys},
		{"signing", signing},
		{"templates", templates},
		{"phrases", phrases},
		{"settings and audit", settingsAndAudit},
		{"transactions", transactions},
		{"faults", faults},
		{"writing at once", writingAtOnce},
		{"duplicates at once", duplicatesAtOnce},
		{"limits at once", limitsAtOnce},
		{"blobs", blobs},
		{"pending messages", pending},
		{"searching", searching},
		{"search pages", searchPages},
		{"search in languages", searchLanguages},
		{"hostile searches", searchHostile},
		{"indexing at once", searchAtOnce},
		{"awkward values", awkwardValues},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(&house{T: t, store: open(t), now: start}) })
	}
}

// start is when every test begins: a time with microseconds.
var start = time.Date(2026, 3, 14, 9, 26, 53, 589793000, time.UTC)

// house is one test with its store.
type house struct {
	*testing.T
	store bridge.Store
	now   time.Time
	n     int
}

// tick lets a second pass and returns the new time.
func (h *house) tick() time.Time {
	h.now = h.now.Add(time.Second)
	return h.now
}

func (h *house) update(fn func(ctx context.Context, tx bridge.Tx) error) {
	h.Helper()
	if err := h.store.Update(h.Context(), func(tx bridge.Tx) error { return fn(h.Context(), tx) }); err != nil {
		h.Fatal(err)
	}
}

func (h *house) view(fn func(ctx context.Context, tx bridge.Tx) error) {
	h.Helper()
	if err := h.store.View(h.Context(), func(tx bridge.Tx) error { return fn(h.Context(), tx) }); err != nil {
		h.Fatal(err)
	}
}

// fails runs fn in a transaction of its own and wants the error.
func (h *house) fails(what string, want error, fn func(ctx context.Context, tx bridge.Tx) error) {
	h.Helper()
	err := h.store.Update(h.Context(), func(tx bridge.Tx) error { return fn(h.Context(), tx) })
	if !errors.Is(err, want) {
		h.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// same compares two values as a whole.
func same[V any](h *house, what string, got, want V) {
	h.Helper()
	if !reflect.DeepEqual(got, want) {
		h.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (h *house) person(kind bridge.PersonKind, name string) bridge.Person {
	h.Helper()
	h.n++
	p := bridge.Person{ID: bridge.NewID(), Kind: kind, Name: name, Address: fmt.Sprintf("p%d@example.com", h.n), CreatedAt: h.tick()}
	if kind == bridge.Staff {
		p.Role = bridge.RoleStaff
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddPerson(ctx, p) })
	return p
}

// thread makes a thread with people in it.
func (h *house) thread(subject string, in ...bridge.Person) bridge.Thread {
	h.Helper()
	now := h.tick()
	t := bridge.Thread{ID: bridge.NewID(), Subject: subject, Status: bridge.Open, CreatedAt: now, LastAt: now}
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		if err := tx.AddThread(ctx, t); err != nil {
			return err
		}
		for _, p := range in {
			if err := tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: p.ID, Kind: p.Kind, JoinedAt: h.tick()}); err != nil {
				return err
			}
		}
		return nil
	})
	return t
}

func (h *house) message(t bridge.Thread, by bridge.Person, kind bridge.MessageKind, text string) bridge.Message {
	h.Helper()
	m := bridge.Message{
		ID: bridge.NewID(), Thread: t.ID, Kind: kind, Author: by.ID, AuthorKind: bridge.AuthorKind(by.Kind),
		AuthorName: by.DisplayName(), Via: bridge.ViaWeb, At: h.tick(), Text: text,
	}
	if by.ID.IsZero() {
		m.AuthorKind = bridge.ByProgram
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddMessage(ctx, &m) })
	return m
}

func (h *house) stage(content []byte) bridge.Blob {
	h.Helper()
	b, err := h.store.StageBlob(h.Context(), bytes.NewReader(content))
	if err != nil {
		h.Fatal(err)
	}
	if b.Size != int64(len(content)) || b.SHA256 != sha256.Sum256(content) {
		h.Fatalf("staged %d octets: got size %d and another sum", len(content), b.Size)
	}
	return b
}

// pages walks a list by its cursors and returns all of it.
func pages[V any](h *house, limit int, page func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]V, error), cursor func(V) bridge.Cursor) []V {
	h.Helper()
	var all []V
	after := bridge.Cursor{}
	for range 1000 {
		var one []V
		h.view(func(ctx context.Context, tx bridge.Tx) (err error) {
			one, err = page(ctx, tx, after)
			return err
		})
		if len(one) > limit {
			h.Fatalf("a page of at most %d has %d", limit, len(one))
		}
		all = append(all, one...)
		if len(one) < limit {
			return all
		}
		after = cursor(one[len(one)-1])
	}
	h.Fatal("the list does not end")
	return nil
}
