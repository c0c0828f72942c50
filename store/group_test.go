package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// notes opens a database with one table, for what concerns transactions alone.
func notes(t testing.TB) (*DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a folder?with#odd%20names.db")
	d, err := open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	mustUpdate(t, d, func(x *tx) error {
		_, err := x.exec(t.Context(), "create table note (id integer primary key, word text not null unique)")
		return err
	})
	return d, path
}

func mustUpdate(t testing.TB, d *DB, fn func(*tx) error) {
	t.Helper()
	if err := d.update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, word string) func(*tx) error {
	return func(x *tx) error {
		_, err := x.exec(context.Background(), "insert into note (word) values (?)", word)
		return err
	}
}

func words(t testing.TB, d *DB) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := d.view(t.Context(), func(x *tx) error {
		return x.each(t.Context(), "select word from note", nil, func(r row) error {
			var w string
			err := r.Scan(&w)
			all[w] = true
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// hold keeps the writer busy until the returned function is called, so that others gather behind it.
func hold(t testing.TB, d *DB) (release func() error) {
	t.Helper()
	running, free, over := make(chan bool), make(chan bool), make(chan error, 1)
	begun := sync.OnceFunc(func() { close(running) })
	go func() {
		over <- d.update(context.Background(), func(*tx) error {
			begun()
			<-free
			return nil
		})
	}()
	<-running
	return sync.OnceValue(func() error {
		close(free)
		return <-over
	})
}

// waiting returns when n transactions wait for their turn.
func waiting(t testing.TB, d *DB, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); len(d.group.jobs) < n; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d wait, want %d", len(d.group.jobs), n)
		}
	}
}

func TestManyShareACommit(t *testing.T) {
	d, _ := notes(t)
	release := hold(t, d)
	before := d.Stats()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if err := d.update(t.Context(), put(t, fmt.Sprint("word ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(t, d, 100)
	release()
	wg.Wait()
	after := d.Stats()
	if got := after.Transactions - before.Transactions; got != 101 {
		t.Errorf("transactions: got %d, want 101", got)
	}
	// The one that held the writer has used up the batch's time, or not: so one commit or two, and a few more on a busy machine.
	if got := after.Commits - before.Commits; got < 1 || got > 50 {
		t.Errorf("commits for 101 transactions: got %d", got)
	}
	if got := len(words(t, d)); got != 100 {
		t.Errorf("words: got %d, want 100", got)
	}
}

func TestAFailureUndoesOnlyItsOwn(t *testing.T) {
	d, path := notes(t)
	mustUpdate(t, d, put(t, "taken"))
	mine := errors.New("changed my mind")
	release := hold(t, d)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			word := fmt.Sprint("word ", i)
			switch i % 6 {
			case 0: // an error of the function
				err := d.update(t.Context(), func(x *tx) error { return errors.Join(put(t, word)(x), mine) })
				if !errors.Is(err, mine) {
					t.Errorf("got %v, want the function's error", err)
				}
			case 1: // a panic stays with its caller
				func() {
					defer func() {
						if got := recover(); got != word {
							t.Errorf("recovered %v, want %q", got, word)
						}
					}()
					d.update(t.Context(), func(x *tx) error {
						put(t, word)(x)
						panic(word)
					})
				}()
			case 2: // a goroutine that ends inside
				over := make(chan bool)
				go func() {
					defer close(over)
					d.update(t.Context(), func(x *tx) error {
						put(t, word)(x)
						runtime.Goexit()
						return nil
					})
				}()
				<-over
			case 3: // a statement failed and the function kept quiet about it
				err := d.update(t.Context(), func(x *tx) error {
					put(t, word)(x)
					put(t, "taken")(x)
					if err := put(t, word+" again")(x); err == nil {
						t.Error("a statement worked after one had failed")
					}
					return nil
				})
				if err == nil {
					t.Error("a transaction with a failed statement was kept")
				}
			default:
				if err := d.update(t.Context(), put(t, word)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	waiting(t, d, 60)
	release()
	wg.Wait()
	check := func(d *DB) {
		t.Helper()
		got := words(t, d)
		if len(got) != 21 {
			t.Errorf("words: got %d, want 21", len(got))
		}
		for i := range 60 {
			if w := fmt.Sprint("word ", i); got[w] != (i%6 > 3) {
				t.Errorf("%s is there: %v", w, got[w])
			}
		}
	}
	check(d)
	// And so it stays after the process was left without a word.
	again, err := open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	check(again)
}

func TestTheFirstOfABatchCanFail(t *testing.T) {
	d, _ := notes(t)
	bad := errors.New("no")
	running, free := make(chan bool), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		err := d.update(t.Context(), func(x *tx) error {
			close(running)
			<-free
			return errors.Join(put(t, "first")(x), bad)
		})
		if !errors.Is(err, bad) {
			t.Errorf("got %v", err)
		}
	})
	<-running
	wg.Go(func() {
		if err := d.update(t.Context(), put(t, "second")); err != nil {
			t.Error(err)
		}
	})
	waiting(t, d, 1)
	close(free)
	wg.Wait()
	if got := words(t, d); len(got) != 1 || !got["second"] {
		t.Errorf("got %v, want the second alone", got)
	}
}

func TestALeaderThatDoesNotReturn(t *testing.T) {
	d, _ := notes(t)
	for i, end := range []func(){func() { panic("no") }, runtime.Goexit} {
		running, free := make(chan bool), make(chan bool)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { _ = recover() }()
			_ = d.update(t.Context(), func(x *tx) error {
				close(running)
				<-free
				_ = put(t, fmt.Sprint("lost ", i))(x)
				end()
				return nil
			})
		})
		<-running
		for n := range 3 {
			wg.Go(func() {
				if err := d.update(t.Context(), put(t, fmt.Sprint("kept ", i, n))); err != nil {
					t.Error(err)
				}
			})
		}
		waiting(t, d, 3)
		close(free)
		wg.Wait()
	}
	if got := words(t, d); len(got) != 6 {
		t.Errorf("got %v, want the six of those who waited", got)
	}
}

// TestALeaderThatFailsTheSecondTime: what runs again because of somebody else's failure may panic then, and takes the batch with it.
func TestALeaderThatFailsTheSecondTime(t *testing.T) {
	d, _ := notes(t)
	running, free := make(chan bool), make(chan bool)
	runs := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = recover() }()
		_ = d.update(t.Context(), func(x *tx) error {
			if runs++; runs == 2 {
				panic("the second time")
			}
			close(running)
			<-free
			return put(t, "the leader's")(x)
		})
	})
	<-running
	failed := errors.New("no")
	wg.Go(func() {
		err := d.update(t.Context(), func(x *tx) error { return errors.Join(put(t, "undone")(x), failed) })
		if err == nil {
			t.Error("it failed and was kept")
		}
	})
	waiting(t, d, 1)
	close(free)
	wg.Wait()
	if got := words(t, d); got["undone"] || got["the leader's"] != (runs == 1) {
		t.Errorf("after %d runs: got %v", runs, got)
	}
	mustUpdate(t, d, put(t, "alive"))
}

func TestAContextThatEndsWhileWaiting(t *testing.T) {
	d, _ := notes(t)
	release := hold(t, d)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error)
	go func() {
		over <- d.update(ctx, func(*tx) error {
			t.Error("it ran although nobody waited for it")
			return nil
		})
	}()
	waiting(t, d, 1)
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := d.update(ctx, put(t, "late")); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before: got %v, want context.Canceled", err)
	}
	release()
	mustUpdate(t, d, put(t, "alive"))

	ctx, cancel = context.WithCancel(t.Context())
	err := d.update(ctx, func(x *tx) error {
		cancel()
		_, err := x.exec(ctx, "insert into note (word) values ('ended inside')")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended inside: got %v, want context.Canceled", err)
	}
	if got := words(t, d); len(got) != 1 || !got["alive"] {
		t.Errorf("got %v, want what was waited for alone", got)
	}
}

func TestACommitThatFailsIsToldToAll(t *testing.T) {
	d, _ := notes(t)
	mustUpdate(t, d, func(x *tx) error {
		_, err := x.exec(t.Context(), "create table child (note integer references note (id) deferrable initially deferred)")
		return err
	})
	release := hold(t, d)
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			err := d.update(t.Context(), func(x *tx) error {
				if i == 3 { // a deferred constraint shows only at the commit
					_, err := x.exec(t.Context(), "insert into child (note) values (404)")
					return err
				}
				return put(t, fmt.Sprint(i))(x)
			})
			if err != nil {
				failed.Add(1)
			}
		})
	}
	waiting(t, d, 8)
	go release() // which fails or not, by the batch that it is in
	wg.Wait()
	if got, want := len(words(t, d)), 8-int(failed.Load()); failed.Load() == 0 || got != want {
		t.Errorf("%d failed and %d words are there, want as many as were told so (%d)", failed.Load(), got, want)
	}
	mustUpdate(t, d, put(t, "afterwards"))
}

// TestAFullDisk: SQLite then ends the whole transaction by itself, in the middle of a batch. Whoever was told that it was kept
// must find it, and nobody else.
func TestAFullDisk(t *testing.T) {
	d, _ := notes(t)
	limit := func(pages int) {
		t.Helper()
		mustUpdate(t, d, func(x *tx) error {
			_, err := x.exec(t.Context(), fmt.Sprint("pragma max_page_count = ", pages))
			return err
		})
	}
	limit(60)
	release := hold(t, d)
	var mu sync.Mutex
	kept := map[string]bool{}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			word := fmt.Sprint(i, strings.Repeat(" long", 2000+i))
			err := d.update(t.Context(), func(x *tx) error {
				if err := put(t, word)(x); err != nil && i%2 == 0 {
					return err
				}
				return nil // or keep quiet about it
			})
			if err == nil {
				mu.Lock()
				kept[word] = true
				mu.Unlock()
			} else if !errors.Is(err, bridge.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
		})
	}
	waiting(t, d, 40)
	go release()
	wg.Wait()
	got := words(t, d)
	if len(kept) == 40 || len(got) != len(kept) {
		t.Errorf("%d were kept and %d are there", len(kept), len(got))
	}
	for word := range kept {
		if !got[word] {
			t.Errorf("%.10q was kept and is not there", word)
		}
	}
	limit(1_000_000)
	mustUpdate(t, d, put(t, "afterwards"))
}

func TestCloseDrains(t *testing.T) {
	d, path := notes(t)
	release := hold(t, d)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := d.update(context.Background(), put(t, fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(t, d, 20)
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	release()
	wg.Wait()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := d.update(t.Context(), put(t, "late")); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("update after close: got %v, want ErrUnavailable", err)
	}
	if err := d.view(t.Context(), func(*tx) error { return nil }); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("view after close: got %v, want ErrUnavailable", err)
	}
	again, err := open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := len(words(t, again)); got != 20 {
		t.Errorf("words after reopening: got %d, want 20", got)
	}
}

func TestAViewSeesOneStateAndCannotWrite(t *testing.T) {
	d, _ := notes(t)
	mustUpdate(t, d, put(t, "one"))
	count := func(x *tx) (n int) {
		if err := x.one(t.Context(), "select count(*) from note", nil, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var kept *tx
	err := d.view(t.Context(), func(x *tx) error {
		kept = x
		before := count(x)
		mustUpdate(t, d, put(t, "two")) // a read does not hold up a write
		if after := count(x); after != before {
			t.Errorf("the state changed from %d to %d rows under a view", before, after)
		}
		if _, err := x.exec(t.Context(), "insert into note (word) values ('three')"); err == nil {
			t.Error("a view wrote")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.exec(t.Context(), "select 1"); !errors.Is(err, errEnded) {
		t.Errorf("after its end: got %v, want errEnded", err)
	}
	release := hold(t, d) // a write does not hold up a read
	defer release()
	if got := len(words(t, d)); got != 2 {
		t.Errorf("words: got %d, want 2", got)
	}
}

func TestReadersAreShared(t *testing.T) {
	d, _ := notes(t)
	mustUpdate(t, d, put(t, "one"))
	var wg sync.WaitGroup
	for range 8 * readerConns() {
		wg.Go(func() {
			if got := len(words(t, d)); got != 1 {
				t.Errorf("words: got %d, want 1", got)
			}
		})
	}
	wg.Wait()
	func() {
		defer func() { recover() }()
		d.view(t.Context(), func(*tx) error { panic("inside a view") })
	}()
	if got := len(d.readers); got != cap(d.readers) {
		t.Errorf("%d readers are back, want %d", got, cap(d.readers))
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, writers := range []int{1, 10, 50} {
		b.Run(fmt.Sprint(writers, " writers"), func(b *testing.B) {
			d, _ := notes(b)
			before := d.Stats()
			var n atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
						if err := d.update(context.Background(), put(b, fmt.Sprint("word ", i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			after := d.Stats()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tx/s")
			b.ReportMetric(float64(after.Transactions-before.Transactions)/float64(after.Commits-before.Commits), "tx/commit")
		})
	}
}

func BenchmarkView(b *testing.B) {
	d, _ := notes(b)
	mustUpdate(b, d, put(b, "one"))
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			err := d.view(context.Background(), func(x *tx) error {
				var id int64
				return x.one(context.Background(), "select id from note where word = ?", []any{"one"}, &id)
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
