package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/rules"
	"letterlock/mailout"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
	"letterlock/store"
	"letterlock/store/seal"
)

// correspondents are an organization on a real store, with people whose names and addresses nobody has heard of, and a next hop that writes all down.
type correspondents struct {
	t     *testing.T
	pen   *pen
	g     *bridge.Gateway
	hop   *eavesdropper
	staff []bridge.Person
	they  []bridge.Person // the customers

	people   map[bridge.ID]bridge.Person
	phrases  map[bridge.ID]string
	ahead    atomic.Int64 // the clock's lead
	mu       sync.Mutex
	threads  []bridge.ID
	in       map[bridge.ID][]bridge.ID // who takes part in a thread
	subjects map[bridge.ID]string
	written  map[bridge.ID]string // what a message says
	all      map[bridge.ID]string // what all messages of a thread say
}

func (c *correspondents) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// startCorrespondence makes them. The wire is in clear, so what copies need decides whether the path is good enough for one.
func startCorrespondence(t *testing.T, seed uint64, mode bridge.Mode, need bridge.Need) *correspondents {
	t.Helper()
	ctx := t.Context()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, store.Config{Path: filepath.Join(t.TempDir(), "letterlock.db"), Keys: keys, NoSearch: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &correspondents{
		t: t, hop: eavesdrop(t), people: map[bridge.ID]bridge.Person{}, phrases: map[bridge.ID]string{}, in: map[bridge.ID][]bridge.ID{},
		subjects: map[bridge.ID]string{}, written: map[bridge.ID]string{}, all: map[bridge.ID]string{},
	}
	if c.pen, err = newPen(seed); err != nil {
		t.Fatal(err)
	}
	c.g, err = bridge.New(bridge.Config{
		Store: db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic", Pace: -1, NoSearch: true, CopiesNeed: need,
		Timing: bridge.Timing{Reminders: []time.Duration{72 * time.Hour}}, Now: c.now,
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	_, err = c.g.FirstSigningKeys(ctx)
	must(err)
	operator := bridge.AsOperator()
	must(c.g.SetMode(ctx, operator, mode))
	_, err = c.g.AddContentRule(ctx, operator, rules.Rule{Kind: rules.Words, Name: c.pen.words(2) + "x", Values: []string{"Zwielicht"}})
	must(err)
	_, err = c.g.AddContentRule(ctx, operator, rules.Rule{Kind: rules.Names, Name: "Names", Values: []string{"befund*"}})
	must(err)
	locales := []string{"en", "de", "fr", "es", "it", "pt", "nl", "pl", "ar", "", "xx"}
	for i := range 20 {
		p, err := c.g.AddStaff(ctx, operator, c.pen.name(), c.pen.address(i), bridge.RoleStaff, "")
		must(err)
		c.staff = append(c.staff, p)
	}
	for i := range 120 {
		p, err := c.g.AddContact(ctx, operator, bridge.NewContact{Name: c.pen.name(), Address: c.pen.address(100 + i), Locale: locales[i%len(locales)]})
		must(err)
		if i%3 > 0 {
			must(c.g.NoteSignIn(ctx, bridge.AsPerson(p.ID), "", "pl"))
		}
		if i%4 == 0 {
			c.phrases[p.ID] = c.pen.plain(5) + " жёлтый 🌻 " + c.pen.plain(7)
			must(c.g.SetPhrase(ctx, bridge.AsPerson(p.ID), c.phrases[p.ID]))
		}
		c.they = append(c.they, p)
	}
	for _, p := range slices.Concat(c.staff, c.they) {
		got, err := c.g.PersonByID(ctx, operator, p.ID)
		must(err)
		c.people[p.ID] = got
	}
	return c
}

// entry is a missive with whom it is by and to: a thread, or customers with whom one begins.
type entry struct {
	missive
	by     bridge.ID // nobody: a program or the operator
	thread bridge.ID
	to     []bridge.Recipient
	secure bool
}

// write sends as many letters: half begin threads, half answer in them. A change may be made to each.
func (c *correspondents) write(n int, change func(i int, e *entry)) {
	c.t.Helper()
	begin := make([]entry, (n+1)/2)
	for i := range begin {
		e := entry{missive: c.pen.missive(), by: c.staff[c.pen.rng.IntN(len(c.staff))].ID}
		for _, k := range c.pen.rng.Perm(len(c.they))[:1+c.pen.rng.IntN(2)] {
			e.to = append(e.to, bridge.Recipient{ID: c.they[k].ID})
		}
		if i%10 == 0 {
			e.by = bridge.ID{}
		}
		if change != nil {
			change(i, &e)
		}
		begin[i] = e
	}
	c.send(begin)
	answer := make([]entry, n-len(begin))
	for i := range answer {
		e := entry{missive: c.pen.missive(), thread: c.threads[c.pen.rng.IntN(len(c.threads))]}
		in := c.in[e.thread]
		if e.by = in[c.pen.rng.IntN(len(in))]; i%2 == 0 {
			e.by = c.staff[c.pen.rng.IntN(len(c.staff))].ID
		}
		if change != nil {
			change(i, &e)
		}
		answer[i] = e
	}
	c.send(answer)
}

// send hands letters in, several at a time.
func (c *correspondents) send(all []entry) {
	c.t.Helper()
	next := make(chan entry)
	var hands sync.WaitGroup
	for range 8 {
		hands.Go(func() {
			for e := range next {
				if err := c.hand(e); err != nil {
					c.t.Error(err)
				}
			}
		})
	}
	for _, e := range all {
		next <- e
	}
	close(next)
	hands.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	slices.SortFunc(c.threads, func(a, b bridge.ID) int { return strings.Compare(c.subjects[a], c.subjects[b]) }) // so that the seed decides, not who was first
}

func (c *correspondents) hand(e entry) error {
	ctx, actor := c.t.Context(), bridge.AsOperator()
	if !e.by.IsZero() {
		actor = bridge.AsPerson(e.by)
	}
	var files []bridge.Attachment
	for _, f := range e.files {
		a, err := c.g.StageFile(ctx, actor, f[0], "text/plain", strings.NewReader(f[1]))
		if err != nil {
			return err
		}
		files = append(files, a)
	}
	if !e.thread.IsZero() {
		m, err := c.g.Post(ctx, actor, bridge.Post{Thread: e.thread, Text: e.text, HTML: e.html, Files: files, Secure: e.secure})
		c.mu.Lock()
		defer c.mu.Unlock()
		e.subject = ""
		c.written[m.ID] = e.says()
		c.all[e.thread] += "\n" + e.says()
		if !slices.Contains(c.in[e.thread], e.by) {
			c.in[e.thread] = append(c.in[e.thread], e.by)
		}
		return err
	}
	t, m, err := c.g.StartThread(ctx, actor, bridge.ThreadStart{Subject: e.subject, Text: e.text, HTML: e.html, Files: files, Contacts: e.to, Secure: e.secure})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.threads = append(c.threads, t.ID)
	c.subjects[t.ID], c.written[m.ID], c.all[t.ID] = e.subject, e.says(), e.says()
	for _, r := range e.to {
		c.in[t.ID] = append(c.in[t.ID], r.ID)
	}
	if !e.by.IsZero() {
		c.in[t.ID] = append(c.in[t.ID], e.by)
	}
	return err
}

// leave runs a worker until nothing waits any more, and returns the deliveries by their ids.
func (c *correspondents) leave() map[bridge.ID]bridge.Delivery {
	c.t.Helper()
	relay, err := submit.NewRelay(submit.RelayConfig{Address: c.hop.addr, Security: submit.TLSNone, LocalName: "gateway.example.com", Connections: 4})
	if err != nil {
		c.t.Fatal(err)
	}
	defer relay.Close()
	signer, err := dkim.New(dkim.Config{Keys: c.g, Domain: "example.com", Now: c.now})
	if err != nil {
		c.t.Fatal(err)
	}
	w, err := mailout.New(mailout.Config{Gateway: c.g, Transport: relay, Signer: signer, Concurrency: 4, Now: c.now})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(c.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for bound := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := c.g.NextDelivery(ctx); errors.Is(err, bridge.ErrNotFound) {
			break
		}
		if time.Now().After(bound) {
			c.t.Fatal("not all mail leaves")
		}
	}
	stop()
	if err := <-ended; err != nil {
		c.t.Fatal(err)
	}
	all := map[bridge.ID]bridge.Delivery{}
	for q := (bridge.DeliveryQuery{Limit: 200}); ; {
		list, next, err := c.g.ListDeliveries(c.t.Context(), bridge.AsOperator(), q)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, d := range list {
			all[d.ID] = d
		}
		if q.After = next; next == (bridge.Cursor{}) {
			return all
		}
	}
}
