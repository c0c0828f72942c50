package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
	"letterlock/store"
)

// searchSizes are how many messages are searched. LETTERLOCK_BENCH_MESSAGES adds one, such as 1000000, which takes minutes to build.
func searchSizes(b *testing.B) []int {
	sizes := []int{10_000, 100_000}
	if testing.Short() {
		sizes = sizes[:1]
	}
	if v := os.Getenv("LETTERLOCK_BENCH_MESSAGES"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatal(err)
		}
		sizes = []int{n}
	}
	return sizes
}

// library is a database with many messages of 60 words, which come as often as words do in a language: the n-th most
// frequent a n-th as often as the first. "everywhere" is in each message, "often" in every third, "seldom" in one of ten thousand.
type library struct {
	*store.DB
	reader bridge.Person // a contact who is in one thread of a thousand
}

func buildLibrary(b *testing.B, d *store.DB, n int) library {
	b.Helper()
	ctx := b.Context()
	l := library{DB: d, reader: bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: "Ann", Address: "ann@example.com", CreatedAt: time.Now()}}
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.07, 2, 50_000)
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var err error
	must := func(fn func(bridge.Tx) error) {
		if err = d.Update(ctx, fn); err != nil {
			b.Fatal(err)
		}
	}
	must(func(tx bridge.Tx) error { return tx.AddPerson(ctx, l.reader) })
	const each = 5 // messages in a thread
	start := time.Now()
	for done := 0; done < n; {
		must(func(tx bridge.Tx) error {
			for range 100 {
				th := bridge.Thread{ID: bridge.NewID(), Subject: "About word" + strconv.FormatUint(zipf.Uint64(), 36), Status: bridge.Open, CreatedAt: at, LastAt: at}
				if err := tx.AddThread(ctx, th); err != nil {
					return err
				}
				if done/each%1000 == 0 {
					if err := tx.AddParticipant(ctx, bridge.Participant{Thread: th.ID, Person: l.reader.ID, Kind: bridge.Contact, JoinedAt: at}); err != nil {
						return err
					}
				}
				for range each {
					at = at.Add(time.Duration(random.IntN(60)) * time.Second)
					text := []string{"everywhere"}
					if done%3 == 0 {
						text = append(text, "often")
					}
					if done%10_000 == 5 {
						text = append(text, "seldom")
					}
					for len(text) < 60 {
						text = append(text, "w"+strconv.FormatUint(zipf.Uint64(), 36)+"s")
					}
					m := bridge.Message{ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, Author: l.reader.ID, AuthorKind: bridge.ByContact, AuthorName: "Ann", At: at, Text: strings.Join(text, " ")}
					if err := tx.AddMessage(ctx, &m); err != nil {
						return err
					}
					done++
				}
			}
			return nil
		})
	}
	built := time.Since(start)
	start = time.Now()
	indexAll(b, d)
	b.Logf("%d messages: written in %v, indexed in %v, %.0f a second", n, built.Round(time.Millisecond), time.Since(start).Round(time.Millisecond), float64(n)/time.Since(start).Seconds())
	return l
}

// BenchmarkSearch asks for the first page of 50.
func BenchmarkSearch(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"SQLite": open, "PostgreSQL": openPostgres} {
		for _, n := range searchSizes(b) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				l := buildLibrary(b, open(b), n)
				for _, one := range []struct {
					name, typed string
					contact     bool
				}{
					{"rare", "seldom", false},
					{"common", "everywhere", false},
					{"one in three", "often", false},
					{"two common", "everywhere often", false},
					{"common and rare", "everywhere seldom", false},
					{"phrase", `"everywhere often"`, false},
					{"beginning", "eve*", false},
					{"common but not", "everywhere -often", false},
					{"common before", "everywhere before:2024-01-02", false},
					{"status", "often in:open", false},
					{"nothing", "nowhere", false},
					{"a contact's common", "everywhere", true},
					{"a contact's rare", "seldom", true},
				} {
					q, err := query.Parse(one.typed)
					if err != nil {
						b.Fatal(err)
					}
					s := bridge.SearchQuery{Terms: q.Terms, Status: bridge.ThreadStatus(q.In), Since: q.Since, Until: q.Until, Limit: 50}
					if one.contact {
						s.Reader = l.reader.ID
					}
					b.Run(one.name, func(b *testing.B) {
						found := 0
						for b.Loop() {
							err := l.View(b.Context(), func(tx bridge.Tx) error {
								all, err := tx.SearchMessages(b.Context(), s)
								found = len(all)
								return err
							})
							if err != nil {
								b.Fatal(err)
							}
						}
						b.ReportMetric(float64(found), "found")
					})
				}
			})
		}
	}
}

// BenchmarkIndex indexes messages of 60 words.
func BenchmarkIndex(b *testing.B) {
	d := open(b)
	texts := make([]string, 1000)
	for i := range texts {
		texts[i] = strings.Repeat(fmt.Sprintf("Thank you for letter %d of the harbour office, we answer soon. ", i), 5)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		writeTexts(b, d, texts...)
		b.StartTimer()
		indexAll(b, d)
		n += len(texts)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}
