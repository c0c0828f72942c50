package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
)

// town is a database with people and many threads in it.
type town struct {
	*store.DB
	ann, bob bridge.Person
	threads  []bridge.ID
	now      time.Time
}

// build makes n threads between a contact and a member of staff, one message in each.
func build(b *testing.B, n int) *town {
	b.Helper()
	w := &town{DB: open(b), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.ann = bridge.Person{ID: bridge.NewID(), Kind: bridge.Contact, Name: "Ann Example", Address: "ann@example.com", CreatedAt: w.now}
	w.bob = bridge.Person{ID: bridge.NewID(), Kind: bridge.Staff, Role: bridge.RoleStaff, Name: "Bob Example", Address: "bob@example.com", CreatedAt: w.now}
	ctx := b.Context()
	w.must(b, func(tx bridge.Tx) error {
		if err := tx.AddPerson(ctx, w.ann); err != nil {
			return err
		}
		return tx.AddPerson(ctx, w.bob)
	})
	for done := 0; done < n; {
		w.must(b, func(tx bridge.Tx) error {
			for range min(1000, n-done) {
				w.now = w.now.Add(time.Second)
				t := bridge.Thread{ID: bridge.NewID(), Subject: "Your results of last week", Status: bridge.Open, CreatedAt: w.now, LastAt: w.now}
				if err := tx.AddThread(ctx, t); err != nil {
					return err
				}
				for _, p := range []bridge.Person{w.ann, w.bob} {
					if err := tx.AddParticipant(ctx, bridge.Participant{Thread: t.ID, Person: p.ID, Kind: p.Kind, JoinedAt: w.now}); err != nil {
						return err
					}
				}
				m := w.message(t.ID)
				if err := tx.AddMessage(ctx, &m); err != nil {
					return err
				}
				w.threads = append(w.threads, t.ID)
				done++
			}
			return nil
		})
	}
	return w
}

func (w *town) message(thread bridge.ID) bridge.Message {
	return bridge.Message{
		ID: bridge.NewID(), Thread: thread, Kind: bridge.Public, Author: w.ann.ID, AuthorKind: bridge.ByContact, AuthorName: w.ann.Name,
		Via: bridge.ViaSMTP, At: w.now, Text: strings.Repeat("Thank you for the results. ", 20), Quoted: strings.Repeat("> Here are the results.\n", 20),
		MailID: "CAB1234567890@mail.client.example", Received: bridge.NewID(),
	}
}

func (w *town) must(b *testing.B, fn func(bridge.Tx) error) {
	b.Helper()
	if err := w.Update(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkListThreads(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		w := build(b, n)
		for name, q := range map[string]bridge.ThreadQuery{
			"a contact's":      {Participant: w.ann.ID, Reader: w.ann.ID, Limit: 50},
			"a contact's open": {Participant: w.ann.ID, Reader: w.ann.ID, Status: bridge.Open, Limit: 50},
			"all":              {Reader: w.bob.ID, Limit: 50},
			"all from middle":  {Reader: w.bob.ID, Limit: 50, After: bridge.Cursor{At: w.now.Add(-time.Duration(n/2) * time.Second), ID: w.ann.ID}},
		} {
			b.Run(fmt.Sprintf("%s of %d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					err := w.View(b.Context(), func(tx bridge.Tx) error {
						rows, err := tx.ListThreads(b.Context(), q)
						if len(rows) != 50 {
							b.Fatalf("got %d rows", len(rows))
						}
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkOpenThread(b *testing.B) {
	w := build(b, 100)
	ctx := b.Context()
	w.must(b, func(tx bridge.Tx) error {
		for range 9 {
			m := w.message(w.threads[0])
			if err := tx.AddMessage(ctx, &m); err != nil {
				return err
			}
		}
		return nil
	})
	b.ReportAllocs()
	for b.Loop() {
		err := w.View(ctx, func(tx bridge.Tx) error {
			if _, err := tx.Thread(ctx, w.threads[0]); err != nil {
				return err
			}
			if _, err := tx.Participants(ctx, w.threads[0]); err != nil {
				return err
			}
			all, err := tx.ListMessages(ctx, w.threads[0], true, 0, 200)
			if len(all) != 10 {
				b.Fatalf("got %d messages", len(all))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClaim claims 100 deliveries and records them as relayed, while many others wait for their time.
func BenchmarkClaim(b *testing.B) {
	for _, later := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("100 beside %d deferred", later), func(b *testing.B) {
			w := build(b, 1)
			ctx := b.Context()
			add := func(tx bridge.Tx, at time.Time) error {
				return tx.AddDelivery(ctx, bridge.Delivery{
					ID: bridge.NewID(), Kind: bridge.DeliverMessage, Thread: w.threads[0], Message: bridge.NewID(), Person: w.ann.ID,
					Priority: 5, State: bridge.Queued, CreatedAt: w.now, NextAt: at,
				})
			}
			for done := 0; done < later; done += 1000 {
				w.must(b, func(tx bridge.Tx) error {
					for range 1000 {
						if err := add(tx, w.now.Add(time.Hour)); err != nil {
							return err
						}
					}
					return nil
				})
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				w.must(b, func(tx bridge.Tx) error {
					for range 100 {
						if err := add(tx, w.now); err != nil {
							return err
						}
					}
					return nil
				})
				b.StartTimer()
				var got []bridge.Delivery
				w.must(b, func(tx bridge.Tx) (err error) {
					got, err = tx.ClaimDeliveries(ctx, "worker", w.now, time.Minute, 100)
					return err
				})
				if len(got) != 100 {
					b.Fatalf("got %d", len(got))
				}
				b.StopTimer()
				w.must(b, func(tx bridge.Tx) error {
					for _, d := range got {
						d.State, d.DoneAt, d.LeaseBy, d.LeaseUntil = bridge.Relayed, w.now, "", time.Time{}
						if err := tx.UpdateDelivery(ctx, d); err != nil {
							return err
						}
					}
					return nil
				})
				b.StartTimer()
			}
		})
	}
}

// BenchmarkReceive is what one reply by mail writes, from 1, 10 and 50 sessions at once.
func BenchmarkReceive(b *testing.B) {
	for _, sessions := range []int{1, 10, 50} {
		b.Run(fmt.Sprint(sessions, " sessions"), func(b *testing.B) {
			w := build(b, 1000)
			ctx := context.Background()
			before := w.Stats()
			raw := []byte(strings.Repeat("From: ann@example.com\r\n", 180)) // 4 kB
			var n atomic.Uint64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range sessions {
				wg.Go(func() {
					for i := n.Add(1); i <= uint64(b.N); i = n.Add(1) {
						var seed [8]byte
						binary.BigEndian.PutUint64(seed[:], i)
						m := w.message(w.threads[i%1000])
						err := w.Update(ctx, func(tx bridge.Tx) error {
							if _, err := tx.Person(ctx, w.ann.ID); err != nil {
								return err
							}
							if _, err := tx.Thread(ctx, m.Thread); err != nil {
								return err
							}
							if err := tx.AddMessage(ctx, &m); err != nil {
								return err
							}
							d := bridge.Delivery{
								ID: bridge.NewID(), Kind: bridge.DeliverMessage, Thread: m.Thread, Message: m.ID, Person: w.bob.ID,
								Priority: 5, State: bridge.Queued, CreatedAt: w.now, NextAt: w.now,
							}
							if err := tx.AddDelivery(ctx, d); err != nil {
								return err
							}
							return tx.AddReceived(ctx, bridge.Received{
								ID: m.Received, Envelope: bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.com", ForwardPath: "reply+token@portal.example", At: w.now},
								Disposition: bridge.Appended, Reasons: []string{"a live reply address"}, From: "ann@example.com", Subject: "Re: Your results",
								Thread: m.Thread, Message: m.ID, Person: w.ann.ID, Identity: sha256.Sum256(seed[:]), Size: int64(len(raw)),
							}, bridge.Blob{Inline: raw, Size: int64(len(raw))})
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			after := w.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			b.ReportMetric(float64(after.Commits-before.Commits)/float64(b.N), "fsync/mail")
		})
	}
}
