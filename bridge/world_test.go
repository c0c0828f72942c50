package bridge_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
	"letterlock/store/sqlitetest"
)

// world is an organization with somebody of every kind, on a real store.
type world struct {
	t         *testing.T
	g         *bridge.Gateway
	config    bridge.Config // of g
	db        *store.DB
	clock     *clock
	operator  bridge.Actor
	admin     bridge.Person
	staff     bridge.Person
	colleague bridge.Person // staff, whom others act upon
	inside    bridge.Person // a contact in the thread
	second    bridge.Person // another, whom others act upon
	outside   bridge.Person // a contact who has a thread of their own
	thread    bridge.Thread
	message   bridge.ID // the first message
	note      bridge.ID
	file      bridge.ID // an attachment of the first message
	noteFile  bridge.ID // an attachment of a note
	spareKey  bridge.ID
	actors    map[string]bridge.Actor
	mails     int
}

var counter atomic.Int64

// clock is a clock that a test can turn forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

func newConfig(t testing.TB) (bridge.Config, *store.DB, *clock) {
	t.Helper()
	path, keys := sqlitetest.New(t)
	config := store.Config{Path: path, Keys: keys}
	if onPostgres() {
		config.DSN, config.Blobs = pgtest.New(t), t.TempDir()
	}
	db, err := store.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &clock{}
	return bridge.Config{
		Store: db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic",
		Inbox: []string{"office@example.com"}, Now: c.now, CopiesNeed: bridge.NeedAny,
	}, db, c
}

func newWorld(t *testing.T) *world {
	t.Helper()
	config, db, c := newConfig(t)
	g, err := bridge.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, g: g, config: config, db: db, clock: c, operator: bridge.AsOperator()}
	ctx := t.Context()
	w.admin = try(w, func() (bridge.Person, error) {
		return g.AddStaff(ctx, w.operator, "Rosa Lind", "rosa@example.com", bridge.RoleAdmin, "")
	})
	w.staff = try(w, func() (bridge.Person, error) {
		return g.AddStaff(ctx, w.operator, "Marlene Voss", "marlene@example.com", bridge.RoleStaff, "")
	})
	w.colleague = try(w, func() (bridge.Person, error) {
		return g.AddStaff(ctx, w.operator, "Tom Hale", "tom@example.com", bridge.RoleStaff, "")
	})
	gone := try(w, func() (bridge.Person, error) {
		return g.AddStaff(ctx, w.operator, "Ida Gone", "ida@example.com", bridge.RoleAdmin, "")
	})
	w.inside = w.contact("Ann Example", "ann@example.org")
	w.second = w.contact("Ben Example", "ben@example.org")
	w.outside = w.contact("Cleo Example", "cleo@example.org")
	left := w.contact("Dan Left", "dan@example.org")
	disabled := w.contact("Eve Disabled", "eve@example.org")

	letter := try(w, func() (bridge.Attachment, error) {
		return g.StageFile(ctx, bridge.AsPerson(w.staff.ID), "letter.txt", "text/plain", stringsReader("a letter"))
	})
	var m bridge.Message
	w.thread, m, err = g.StartThread(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadStart{
		Subject: "Your results", Text: "They are in.", Via: bridge.ViaWeb, Files: []bridge.Attachment{letter},
		Contacts: []bridge.Recipient{{ID: w.inside.ID}, {ID: w.second.ID}, {ID: left.ID}, {ID: disabled.ID}},
	})
	w.must(err)
	w.message, w.file = m.ID, m.Attachments[0].ID
	paper := try(w, func() (bridge.Attachment, error) {
		return g.StageFile(ctx, bridge.AsPerson(w.staff.ID), "paper.txt", "text/plain", stringsReader("a paper"))
	})
	n := try(w, func() (bridge.Message, error) {
		return g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "Between us.", Note: true, Files: []bridge.Attachment{paper}})
	})
	w.note, w.noteFile = n.ID, n.Attachments[0].ID
	_, _, err = g.StartThread(ctx, bridge.AsPerson(w.outside.ID), bridge.ThreadStart{Subject: "A question", Text: "When?"})
	w.must(err)

	w.must(g.RemoveParticipant(ctx, w.operator, w.thread.ID, left.ID))
	w.must(g.SetDisabled(ctx, w.operator, disabled.ID, true))
	w.must(g.SetDisabled(ctx, w.operator, gone.ID, true))
	key := func(role bridge.Role) bridge.ID {
		_, k, err := g.CreateKey(ctx, w.operator, "a program", role)
		w.must(err)
		return k.ID
	}
	revoked := key(bridge.RoleAdmin)
	w.must(g.RevokeKey(ctx, w.operator, revoked))
	w.spareKey = key(bridge.RoleStaff)
	w.actors = map[string]bridge.Actor{
		"anonymous": bridge.Anonymous(), "inside": bridge.AsPerson(w.inside.ID), "outside": bridge.AsPerson(w.outside.ID),
		"staff": bridge.AsPerson(w.staff.ID), "admin": bridge.AsPerson(w.admin.ID), "staff key": bridge.AsKey(key(bridge.RoleStaff)),
		"admin key": bridge.AsKey(key(bridge.RoleAdmin)), "operator": w.operator, "left": bridge.AsPerson(left.ID),
		"disabled customer": bridge.AsPerson(disabled.ID), "disabled staff": bridge.AsPerson(gone.ID), "revoked key": bridge.AsKey(revoked),
	}
	return w
}

func try[T any](w *world, fn func() (T, error)) T {
	w.t.Helper()
	v, err := fn()
	w.must(err)
	return v
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) actor(name string) bridge.Actor {
	w.t.Helper()
	a, known := w.actors[name]
	if !known {
		w.t.Fatalf("no actor %q", name)
	}
	return a
}

func (w *world) contact(name, address string) bridge.Person {
	w.t.Helper()
	return try(w, func() (bridge.Person, error) {
		return w.g.AddContact(w.t.Context(), w.operator, bridge.NewContact{Name: name, Address: address})
	})
}

// fresh returns an address that nobody has.
func (w *world) fresh() string { return fmt.Sprintf("fresh%d@example.net", counter.Add(1)) }

// replyAddress returns the reply address of a contact in the thread, as a copy would carry it.
func (w *world) replyAddress(p bridge.Person) string {
	w.t.Helper()
	w.must(w.g.SetMode(w.t.Context(), w.operator, bridge.ModeConvenience))
	_, err := w.g.Post(w.t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "Please answer."})
	w.must(err)
	for _, o := range w.outgoing() {
		if o.Delivery.Person == p.ID && o.ReplyTo != "" {
			return o.ReplyTo
		}
	}
	w.t.Fatalf("no copy for %s", p.Address)
	return ""
}

// outgoing relays all that waits and returns it.
func (w *world) outgoing() []bridge.Outgoing {
	w.t.Helper()
	ctx := w.t.Context()
	var out []bridge.Outgoing
	for {
		list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
		w.must(err)
		if len(list) == 0 {
			return out
		}
		for _, d := range list {
			o, err := w.g.Prepare(ctx, "worker", d)
			var s *bridge.Suppression
			if asSuppression(err, &s) || errors.Is(err, bridge.ErrLeaseLost) { // not at all, or later
				continue
			}
			w.must(err)
			w.must(w.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: o.Form, Said: "250 OK"}))
			out = append(out, o)
		}
	}
}

// mail is a new reply by an author.
func (w *world) mail(from, text string) *bridge.Mail {
	w.mails++
	id := fmt.Sprintf("m%d@mail.example.org", w.mails)
	raw := fmt.Sprintf("From: %s\r\nMessage-ID: <%s>\r\n\r\n%s\r\n", from, id, text)
	return &bridge.Mail{
		Kind: bridge.KindMessage, From: []bridge.Address{{Addr: from}}, Subject: "Re: Your results", MessageID: id,
		Reply: text, Digest: sha256.Sum256([]byte(raw)), Raw: []byte(raw),
	}
}

func (w *world) receive(m *bridge.Mail, to string) bridge.Received {
	w.t.Helper()
	from := ""
	if len(m.From) > 0 {
		from = m.From[0].Addr
	}
	return w.receiveAs(bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: from, ForwardPath: to}, m, pass(from))
}

func (w *world) receiveAs(e bridge.Envelope, m *bridge.Mail, v bridge.Verdict) bridge.Received {
	w.t.Helper()
	r, err := w.g.Receive(w.t.Context(), e, m, v)
	w.must(err)
	return r
}

func pass(address string) bridge.Verdict {
	return bridge.Verdict{Result: bridge.VerdictPass, Address: address, Method: "test"}
}

// held makes a mail that waits for staff.
func (w *world) held() bridge.ID {
	w.t.Helper()
	r := w.receive(w.mail("stranger@example.net", "Let me in."), "postmaster@example.com")
	if r.Disposition != bridge.Held {
		w.t.Fatalf("it is %s, not held", r.Disposition)
	}
	return r.ID
}

// deferred makes a delivery that waits for its next try.
func (w *world) deferred() bridge.ID {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "It waits."})
	w.must(err)
	list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 1)
	w.must(err)
	w.must(w.g.RecordDeferred(ctx, "worker", list[0].ID, time.Now().Add(time.Hour), "451 later"))
	return list[0].ID
}
