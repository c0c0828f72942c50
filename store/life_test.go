package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/seal"
)

// clinic is an organization with some life in it, over a real store.
type clinic struct {
	testing.TB
	db      *store.DB
	g       *bridge.Gateway
	staff   bridge.Actor
	contact bridge.Person
	threads []bridge.ID
	now     time.Time
	mails   int
}

// newClinic fills an empty database with people, threads, notes, files small and large, mails in and out, and held mail.
func newClinic(t testing.TB, db *store.DB, keys *seal.Keyring, threads int) *clinic {
	t.Helper()
	c := &clinic{TB: t, db: db, now: time.Now().UTC().Truncate(time.Microsecond)}
	g, err := bridge.New(bridge.Config{
		Store: db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic",
		Inbox: []string{"office@example.com"}, Now: func() time.Time { return c.now }, CopiesNeed: bridge.NeedAny,
	})
	c.must(err)
	c.g = g
	ctx := t.Context()
	p, err := g.AddStaff(ctx, bridge.AsOperator(), "Marlene Voss", "marlene@example.com", bridge.RoleAdmin, "")
	c.must(err)
	c.staff = bridge.AsPerson(p.ID)
	c.contact, err = g.AddContact(ctx, c.staff, bridge.NewContact{Name: "Ann Example", Address: "ann@example.org"})
	c.must(err)
	c.must(g.SetMode(ctx, c.staff, bridge.ModeConvenience))
	colleague, err := g.AddStaff(ctx, c.staff, "Tom Hale", "tom@example.com", bridge.RoleStaff, "")
	c.must(err)
	c.must(g.SetRole(ctx, c.staff, colleague.ID, bridge.RoleAdmin))
	c.must(g.SetRole(ctx, c.staff, colleague.ID, bridge.RoleStaff))
	c.must(g.SetDisabled(ctx, c.staff, colleague.ID, true))
	_, key, err := g.CreateKey(ctx, c.staff, "booking (system)", bridge.RoleStaff)
	c.must(err)
	c.must(g.RevokeKey(ctx, c.staff, key.ID))
	for i := range threads {
		c.thread(fmt.Sprintf("Results no. %d", i))
	}
	if threads > 0 {
		c.later(c.threads[0])
	}
	c.receive("stranger@example.net", "office@example.com", "Please let me in.")
	_, err = g.SignInWithCode(ctx, "a browser that never asked", "12345678", "192.0.2.1")
	if err == nil {
		t.Fatal("a code that was never sent was taken")
	}
	c.must(db.Sessions(nil).Commit("token", []byte("session"), time.Now().Add(time.Hour)))
	return c
}

func (c *clinic) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// thread makes a thread with messages, a note, files, mail out and a reply in.
func (c *clinic) thread(subject string) bridge.ID {
	c.Helper()
	ctx := context.WithoutCancel(c.Context())
	small, err := c.g.StageFile(ctx, c.staff, "small.txt", "text/plain", strings.NewReader("a small file about "+subject))
	c.must(err)
	large, err := c.g.StageFile(ctx, c.staff, "large.bin", "application/octet-stream", bytes.NewReader(noise(200_000+len(c.threads))))
	c.must(err)
	t, _, err := c.g.StartThread(ctx, c.staff, bridge.ThreadStart{
		Subject: subject, Text: "They are in: " + subject, Contacts: []bridge.Recipient{{ID: c.contact.ID}}, Via: bridge.ViaWeb,
		Files: []bridge.Attachment{small, large},
	})
	c.must(err)
	_, err = c.g.Post(ctx, c.staff, bridge.Post{Thread: t.ID, Text: "Between us: " + subject, Note: true})
	c.must(err)
	for _, o := range c.relay() {
		if o.Delivery.Thread == t.ID && o.Delivery.Person == c.contact.ID {
			c.receive(c.contact.Address, o.ReplyTo, "Thank you for "+subject)
		}
	}
	_, err = c.g.OpenThread(ctx, bridge.AsPerson(c.contact.ID), bridge.ThreadRead{Thread: t.ID})
	c.must(err)
	_, err = c.g.OpenThread(ctx, c.staff, bridge.ThreadRead{Thread: t.ID})
	c.must(err)
	c.threads = append(c.threads, t.ID)
	return t.ID
}

// later writes an answer for tomorrow, and the beginning of a thread that was taken back, both with files.
func (c *clinic) later(thread bridge.ID) {
	c.Helper()
	ctx := context.WithoutCancel(c.Context())
	files := func(size int) []bridge.Attachment {
		small, err := c.g.StageFile(ctx, c.staff, "tomorrow.txt", "text/plain", strings.NewReader("a small file for tomorrow"))
		c.must(err)
		large, err := c.g.StageFile(ctx, c.staff, "tomorrow.bin", "application/octet-stream", bytes.NewReader(noise(size)))
		c.must(err)
		return []bridge.Attachment{small, large}
	}
	_, err := c.g.Schedule(ctx, c.staff, bridge.Post{Thread: thread, Text: "See you tomorrow.", Files: files(150_000), Via: bridge.ViaWeb}, bridge.Later{At: c.now.Add(24 * time.Hour)})
	c.must(err)
	p, err := c.g.ScheduleStart(ctx, c.staff, bridge.ThreadStart{
		Subject: "Your appointment", Text: "It is at nine.", Files: files(160_000), Contacts: []bridge.Recipient{{ID: c.contact.ID}, {Address: "new@example.net"}},
	}, bridge.Later{At: c.now.Add(24 * time.Hour)})
	c.must(err)
	_, err = c.g.TakeBack(ctx, c.staff, p.ID)
	c.must(err)
}

// relay relays all that waits.
func (c *clinic) relay() []bridge.Outgoing {
	c.Helper()
	ctx := context.WithoutCancel(c.Context())
	var out []bridge.Outgoing
	for {
		list, err := c.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
		c.must(err)
		if len(list) == 0 {
			return out
		}
		for _, d := range list {
			o, err := c.g.Prepare(ctx, "worker", d)
			if err != nil {
				continue // suppressed
			}
			c.must(c.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: o.Form, Said: "250 OK"}))
			out = append(out, o)
		}
	}
}

func (c *clinic) receive(from, to, text string) bridge.Received {
	c.Helper()
	c.mails++
	id := fmt.Sprintf("m%d@mail.example.org", c.mails)
	raw := fmt.Sprintf("From: %s\r\nMessage-ID: <%s>\r\n\r\n%s\r\n", from, id, text)
	if c.mails%2 == 0 {
		raw += strings.Repeat("a long mail. ", 8000)
	}
	r, err := c.g.Receive(context.WithoutCancel(c.Context()), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: from, ForwardPath: to}, &bridge.Mail{
		Kind: bridge.KindMessage, From: []bridge.Address{{Addr: from}}, Subject: "Re: results", MessageID: id, Reply: text,
		Digest: sha256.Sum256([]byte(raw)), Raw: []byte(raw),
	}, bridge.Verdict{Result: bridge.VerdictPass, Address: from, Method: "test"})
	c.must(err)
	return r
}

// whole checks a database and wants no fault in it.
func whole(t testing.TB, d *store.DB) store.Checked {
	t.Helper()
	found, err := d.Check(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found.Faults {
		t.Errorf("fault in %s %s: %s", f.Table, f.Row, f.What)
	}
	return found
}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8(sha256.Sum256([]byte(fmt.Sprint(n))))
	_, _ = r.Read(b)
	return b
}

// filesIn returns the content of all files in a folder and below.
func filesIn(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
