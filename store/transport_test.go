package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
)

// A policy holds until it expires and no longer, across what the database is asked in between, and a new one takes its place.
func TestSTSPolicy(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	if _, err := d.STSPolicy(ctx, "example.org", now); !errors.Is(err, bridge.ErrNotFound) {
		t.Fatalf("a policy that was never kept: got %v", err)
	}
	first := bridge.STSPolicy{Domain: "example.org", ID: "1", Text: "version: STSv1\n", FetchedAt: now, ExpiresAt: now.Add(time.Hour)}
	second := bridge.STSPolicy{Domain: "example.org", ID: "2", Text: "other", FetchedAt: now.Add(time.Minute), ExpiresAt: now.Add(2 * time.Hour)}
	for _, want := range []bridge.STSPolicy{first, first, second} {
		if err := d.SetSTSPolicy(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, err := d.STSPolicy(ctx, "example.org", now)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	for _, at := range []time.Duration{2 * time.Hour, 3 * time.Hour} {
		if _, err := d.STSPolicy(ctx, "example.org", now.Add(at)); !errors.Is(err, bridge.ErrNotFound) {
			t.Errorf("after %s: got %v, want that it has expired", at, err)
		}
	}
	if _, err := d.STSPolicy(ctx, "example.com", now); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("another domain's: got %v", err)
	}
	if err := d.Sweep(ctx, now.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.STSPolicy(ctx, "example.org", now); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("after the sweep: got %v", err)
	}
}

func TestTLSResults(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	day := time.Now().UTC().Truncate(24 * time.Hour)
	good := bridge.TLSResult{Day: day, Domain: "example.org", Host: "mx.example.org", Policy: "sts", Count: 2}
	bad := bridge.TLSResult{Day: day, Domain: "example.org", Host: "mx.example.org", Policy: "sts", Result: "certificate-expired", Count: 1}
	before := good
	before.Day = day.Add(-24 * time.Hour)
	for range 3 {
		if err := d.AddTLSResults(ctx, []bridge.TLSResult{good, bad, before}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.TLSResults(ctx, day, 10)
	good.Count, bad.Count = 6, 3
	if err != nil || len(got) != 2 || got[0] != good || got[1] != bad {
		t.Errorf("got %+v, %v, want %+v and %+v", got, err, good, bad)
	}
	if err := d.Sweep(ctx, day.Add(60*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, err := d.TLSResults(ctx, before.Day, 10); err != nil || len(got) != 0 {
		t.Errorf("the day before is still there after the sweep: %+v, %v", got, err)
	}
	if got, err := d.TLSResults(ctx, day, 1); err != nil || len(got) != 1 {
		t.Errorf("got %+v, %v, want one row", got, err)
	}
}

// TestTLSReports has several processes want to send the same report.
func TestTLSReports(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.DB{"SQLite": open, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			ctx := t.Context()
			day := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
			now := day.Add(30 * time.Hour)
			take := func(domain, to string, at time.Time) int {
				t.Helper()
				n, ok, err := d.TakeTLSReport(ctx, day, domain, to, at, time.Minute)
				if errors.Is(err, bridge.ErrConflict) {
					return -1
				}
				if err != nil || n == 0 {
					t.Fatalf("got %d, %v, %v", n, ok, err)
				}
				if !ok {
					return 0
				}
				return n
			}
			var won atomic.Int64
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					_, ok, err := d.TakeTLSReport(ctx, day, "example.org", "mailto:a@example.org", now, time.Minute)
					if err != nil {
						t.Error(err)
					}
					if ok {
						won.Add(1)
					}
				})
			}
			all.Wait()
			if won.Load() != 1 {
				t.Errorf("%d have it, want one", won.Load())
			}
			// Another destination, domain or day is another report.
			if take("example.org", "mailto:b@example.org", now) != 1 || take("example.orgm", "ailto:a@example.org", now) != 1 || take("example.com", "mailto:a@example.org", now) != 1 {
				t.Error("one report stands for another")
			}
			if take("example.org", "mailto:a@example.org", now.Add(59*time.Second)) != 0 {
				t.Error("it was taken within the term")
			}
			if take("example.org", "mailto:a@example.org", now.Add(time.Minute)) != 2 {
				t.Error("what a dead process had is not taken over")
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(d.EndTLSReport(ctx, day, "example.org", "mailto:a@example.org", now.Add(time.Hour)))
			if take("example.org", "mailto:a@example.org", now.Add(50*time.Minute)) != 0 || take("example.org", "mailto:a@example.org", now.Add(time.Hour)) != 3 {
				t.Error("it is not tried again when it is to be")
			}
			must(d.EndTLSReport(ctx, day, "example.org", "mailto:a@example.org", time.Time{}))
			if take("example.org", "mailto:a@example.org", now.Add(1000*time.Hour)) != -1 {
				t.Error("it was not said to have been sent")
			}
			if err := d.EndTLSReport(ctx, day, "example.net", "x", time.Time{}); !errors.Is(err, bridge.ErrNotFound) {
				t.Errorf("ended one that nobody took: %v", err)
			}
			must(d.Sweep(ctx, day.Add(61*24*time.Hour)))
			if take("example.org", "mailto:a@example.org", now) != 1 {
				t.Error("it is still there after the sweep")
			}
		})
	}
}
