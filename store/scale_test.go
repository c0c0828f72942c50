package store_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
)

// BenchmarkScale asks what grows with the number of threads, through the Gateway as its users do: beside 1,000 threads of 10 messages
// as many of one message as LETTERLOCK_BENCH_THREADS says. Each act is done in both by turns, so that what else the machine has to
// do meets both, and its median reported in milliseconds, with their ratio. A million takes some minutes to build on each engine:
//
//	LETTERLOCK_BENCH_THREADS=1000000 go test -run '^$' -bench Scale -benchtime 200x -timeout 3h ./store
func BenchmarkScale(b *testing.B) {
	many := 2000
	if v := os.Getenv("LETTERLOCK_BENCH_THREADS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatal(err)
		}
		many = n
	}
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		b.Run(engine, func(b *testing.B) {
			build := func(threads, each int) *city {
				keys := keyring(b)
				if engine == "SQLite" {
					return newCity(b, openAt(b, b.TempDir()+"/letterlock.db", keys), keys, threads, each)
				}
				return newCity(b, openDSN(b, pgtest.Durable(b), keys, b.TempDir()), keys, threads, each)
			}
			village, metropolis := build(1000, 10), build(many, 1)
			large := metropolis.acts(b)
			for i, small := range village.acts(b) {
				b.Run(small.name, func(b *testing.B) {
					var few, more []time.Duration
					for b.Loop() {
						few, more = append(few, small.once(b)), append(more, large[i].once(b))
					}
					slices.Sort(few)
					slices.Sort(more)
					short, long := few[len(few)/2].Seconds(), more[len(more)/2].Seconds()
					b.ReportMetric(0, "ns/op") // the sum of both tells nothing
					b.ReportMetric(1e3*short, "ms-1000")
					b.ReportMetric(1e3*long, fmt.Sprintf("ms-%d", many))
					b.ReportMetric(long/short, "ratio")
				})
			}
		})
	}
}

// act is something that users of a city do often.
type act struct {
	name string
	do   func(b *testing.B)

	before, after func(b *testing.B) // what it needs and leaves, not part of its time; nil for nothing
}

// once does it, and says how long it took.
func (a act) once(b *testing.B) time.Duration {
	if a.before != nil {
		a.before(b)
	}
	start := time.Now()
	a.do(b)
	took := time.Since(start)
	if a.after != nil {
		a.after(b)
	}
	return took
}

// city is an organization with many conversations, all with the same contact.
type city struct {
	g       *bridge.Gateway
	d       *store.DB
	ann     bridge.Person
	bob     bridge.Person
	threads []bridge.ID
	replies []bridge.ID // addresses
	issuer  *bridge.Issuer
	mails   int
}

func newCity(b *testing.B, d *store.DB, keys *seal.Keyring, threads, each int) *city {
	b.Helper()
	ctx := b.Context()
	g, err := bridge.New(bridge.Config{Store: d, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic", Pace: -1, CopiesNeed: bridge.NeedAny})
	if err != nil {
		b.Fatal(err)
	}
	c := &city{g: g, d: d, issuer: g.Issuer()}
	if err := g.SetMode(ctx, bridge.AsOperator(), bridge.ModeConvenience); err != nil {
		b.Fatal(err)
	}
	if c.ann, err = g.AddContact(ctx, bridge.AsOperator(), bridge.NewContact{Name: "Ann Example", Address: "ann@example.org"}); err != nil {
		b.Fatal(err)
	}
	if c.bob, err = g.AddStaff(ctx, bridge.AsOperator(), "Bob Example", "bob@example.com", bridge.RoleStaff, ""); err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.07, 2, 50_000)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	start, done := time.Now(), 0
	for len(c.threads) < threads {
		var made, replies []bridge.ID
		err := d.Update(ctx, func(tx bridge.Tx) error {
			made, replies = nil, nil
			for range min(500, threads-len(c.threads)) {
				at = at.Add(time.Second)
				t := bridge.Thread{ID: bridge.NewID(), Subject: "About w" + strconv.FormatUint(zipf.Uint64(), 36), Status: bridge.Open, CreatedAt: at, LastAt: at}
				if err := tx.AddThread(ctx, t); err != nil {
					return err
				}
				if err := tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: c.ann.ID, Kind: bridge.Contact, JoinedAt: at}); err != nil {
					return err
				}
				reply := bridge.NewID()
				if err := tx.AddReplyAddress(ctx, bridge.ReplyAddress{ID: reply, Thread: t.ID, Person: c.ann.ID, CreatedAt: at}); err != nil {
					return err
				}
				for range each {
					words := []string{"everywhere"}
					if done%10_000 == 5 {
						words = append(words, "seldom")
					}
					for len(words) < 30 {
						words = append(words, "w"+strconv.FormatUint(zipf.Uint64(), 36)+"s")
					}
					m := bridge.Message{ID: bridge.NewID(), Thread: t.ID, Kind: bridge.Public, Author: c.ann.ID, AuthorKind: bridge.ByContact, AuthorName: c.ann.Name, Via: bridge.ViaWeb, At: at, Text: strings.Join(words, " ")}
					if err := tx.AddMessage(ctx, &m); err != nil {
						return err
					}
					done++
				}
				made, replies = append(made, t.ID), append(replies, reply)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		c.threads, c.replies = append(c.threads, made...), append(c.replies, replies...)
	}
	built := time.Since(start)
	start = time.Now()
	indexAll(b, d)
	b.Logf("%d threads, %d messages: written in %v, indexed in %v", threads, done, built.Round(time.Second), time.Since(start).Round(time.Second))
	return c
}

// acts are what is measured in it.
func (c *city) acts(b *testing.B) []act {
	ctx := b.Context()
	ann, bob := bridge.AsPerson(c.ann.ID), bridge.AsPerson(c.bob.ID)
	list := func(b *testing.B, a bridge.Actor, after bridge.Cursor) bridge.ThreadPage {
		page, err := c.g.ListThreads(ctx, a, bridge.ThreadList{After: after})
		if err != nil || len(page.Threads) == 0 {
			b.Fatal(len(page.Threads), err)
		}
		return page
	}
	// The thousandth page, or the last.
	var deep bridge.Cursor
	for page, n := list(b, ann, bridge.Cursor{}), 1; n < 1000 && !page.Next.IsZero(); n++ {
		deep = page.Next
		page = list(b, ann, deep)
	}
	random := rand.New(rand.NewPCG(3, 4))
	var claimed []bridge.Delivery
	return []act{
		{name: "first page, contact", do: func(b *testing.B) { list(b, ann, bridge.Cursor{}) }},
		{name: "page 1000, contact", do: func(b *testing.B) { list(b, ann, deep) }},
		{name: "first page, staff", do: func(b *testing.B) { list(b, bob, bridge.Cursor{}) }},
		{name: "page 1000, staff", do: func(b *testing.B) { list(b, bob, deep) }},
		{name: "open a thread", do: func(b *testing.B) {
			if _, err := c.g.ReadThread(ctx, bob, bridge.ThreadRead{Thread: c.threads[random.IntN(len(c.threads))]}); err != nil {
				b.Fatal(err)
			}
		}},
		{name: "search, rare", do: func(b *testing.B) { c.search(b, bob, "seldom") }},
		{name: "search, common", do: func(b *testing.B) { c.search(b, bob, "everywhere") }},
		{name: "search, contact", do: func(b *testing.B) { c.search(b, ann, "everywhere") }},
		{name: "receive a reply", do: func(b *testing.B) { c.receive(b, random.IntN(len(c.threads))) }},
		{
			name: "claim 100 deliveries",
			before: func(b *testing.B) {
				for i := range 100 {
					if _, err := c.g.Post(ctx, bob, bridge.Post{Thread: c.threads[i], Text: "Thank you."}); err != nil {
						b.Fatal(err)
					}
				}
			},
			do: func(b *testing.B) {
				var err error
				if claimed, err = c.g.ClaimDeliveries(ctx, "bench", time.Minute, 100); err != nil || len(claimed) != 100 {
					b.Fatal(len(claimed), err)
				}
			},
			after: func(b *testing.B) {
				for _, one := range claimed {
					if err := c.g.RecordRelayed(ctx, "bench", one.ID, bridge.Departure{Form: bridge.FormCopy, Said: "250 OK"}); err != nil {
						b.Fatal(err)
					}
				}
			},
		},
	}
}

func (c *city) search(b *testing.B, a bridge.Actor, text string) {
	b.Helper()
	if _, err := c.g.Search(b.Context(), a, bridge.SearchRequest{Text: text}); err != nil {
		b.Fatal(err)
	}
}

// receive takes one mail through the gate, from RCPT to the commit.
func (c *city) receive(b *testing.B, thread int) {
	b.Helper()
	ctx := b.Context()
	to := c.issuer.ReplyAddress(c.replies[thread])
	if _, err := c.g.CheckRecipient(ctx, to); err != nil {
		b.Fatal(err)
	}
	c.mails++
	raw := fmt.Sprintf("From: ann@example.org\r\nMessage-ID: <%d@mail.example.org>\r\n\r\nYes.\r\n", c.mails)
	r, err := c.g.Receive(ctx, bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.org", ForwardPath: to}, &bridge.Mail{
		Kind: bridge.KindMessage, From: []bridge.Address{{Addr: "ann@example.org"}}, Subject: "Re", Reply: "Yes.", Raw: []byte(raw), Digest: sha256.Sum256([]byte(raw)),
	}, bridge.Verdict{Result: bridge.VerdictPass, Address: "ann@example.org", Method: "bench"})
	if err != nil || r.Disposition != bridge.Appended {
		b.Fatal(r.Disposition, r.Reasons, err)
	}
}
