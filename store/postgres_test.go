package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
)

// What only PostgreSQL can do: writers side by side, in several processes, on a server that may go away.

func update(t *testing.T, d *store.DB, fn func(ctx context.Context, tx bridge.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), func(tx bridge.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// pair opens one database twice, as two processes would.
func pair(t *testing.T) (dsn string, one, two *store.DB) {
	t.Helper()
	dsn = pgtest.New(t)
	keys, blobs := keyring(t), t.TempDir()
	return dsn, openDSN(t, dsn, keys, blobs), openDSN(t, dsn, keys, blobs)
}

// server runs a statement as the server's administrator.
func server(t *testing.T, dsn, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

const disconnectAll = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"

// A claim passes by what another transaction has claimed and not committed yet, instead of waiting for it.
func TestClaimsPassEachOtherBy(t *testing.T) {
	_, one, two := pair(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	update(t, one, func(ctx context.Context, tx bridge.Tx) error {
		for range 10 {
			d := bridge.Delivery{ID: bridge.NewID(), Kind: bridge.DeliverAlert, State: bridge.Queued, CreatedAt: now, NextAt: now}
			if err := tx.AddDelivery(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
	seen := map[bridge.ID]string{}
	claim := func(ctx context.Context, tx bridge.Tx, worker string, limit, want int) error {
		list, err := tx.ClaimDeliveries(ctx, worker, now, time.Minute, limit)
		if len(list) != want {
			t.Errorf("%s claimed %d, want %d", worker, len(list), want)
		}
		for _, d := range list {
			if by := seen[d.ID]; by != "" {
				t.Errorf("%s and %s have the same", by, worker)
			}
			seen[d.ID] = worker
		}
		return err
	}
	update(t, one, func(ctx context.Context, tx bridge.Tx) error {
		if err := claim(ctx, tx, "a", 4, 4); err != nil {
			return err
		}
		update(t, two, func(ctx context.Context, tx bridge.Tx) error { return claim(ctx, tx, "b", 4, 4) })
		update(t, two, func(ctx context.Context, tx bridge.Tx) error { return claim(ctx, tx, "c", 4, 2) })
		return nil
	})
	update(t, two, func(ctx context.Context, tx bridge.Tx) error { return claim(ctx, tx, "d", 4, 0) })
}

func setting(t *testing.T, d *store.DB, name string) string {
	t.Helper()
	var value string
	err := d.View(t.Context(), func(tx bridge.Tx) (err error) {
		value, err = tx.Setting(t.Context(), name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Two that change the same row: the one that comes second runs again on what the first left.
func TestTransactionsThatMeetRunAgain(t *testing.T) {
	_, one, two := pair(t)
	update(t, one, func(ctx context.Context, tx bridge.Tx) error { return tx.SetSetting(ctx, "list", "") })
	add := func(ctx context.Context, tx bridge.Tx, word string) error {
		old, err := tx.Setting(ctx, "list")
		if err != nil {
			return err
		}
		return tx.SetSetting(ctx, "list", old+word)
	}
	runs := 0
	update(t, one, func(ctx context.Context, tx bridge.Tx) error {
		if _, err := tx.Setting(ctx, "list"); err != nil { // its state is from here
			return err
		}
		if runs++; runs == 1 {
			update(t, two, func(ctx context.Context, tx bridge.Tx) error { return add(ctx, tx, "first ") })
		}
		_ = add(ctx, tx, "second") // that it hides the error changes nothing
		return errors.Join(nil)
	})
	if got := setting(t, two, "list"); got != "first second" || runs != 2 {
		t.Errorf("got %q after %d runs, want both after 2", got, runs)
	}
}

func TestDeadlocksAreUndone(t *testing.T) {
	_, one, two := pair(t)
	var both sync.WaitGroup
	var arrived sync.WaitGroup
	arrived.Add(2)
	for i, d := range []*store.DB{one, two} {
		both.Go(func() {
			first := sync.OnceFunc(func() { arrived.Done(); arrived.Wait() })
			update(t, d, func(ctx context.Context, tx bridge.Tx) error {
				names := []string{"a", "b"}
				if err := tx.SetSetting(ctx, names[i], fmt.Sprint(i)); err != nil {
					return err
				}
				first() // each has one row now, and wants the other's
				return tx.SetSetting(ctx, names[1-i], fmt.Sprint(i))
			})
		})
	}
	both.Wait()
	if a, b := setting(t, one, "a"), setting(t, one, "b"); a != b {
		t.Errorf("got %q and %q, want both of the one that came last", a, b)
	}
}

// A server that was started again, or closed what was idle, is no fault of anybody's: nobody sees it.
func TestLostConnections(t *testing.T) {
	dsn, d, _ := pair(t)
	update(t, d, func(ctx context.Context, tx bridge.Tx) error { return tx.SetSetting(ctx, "a", "1") })
	setting(t, d, "a")
	for range 3 {
		server(t, dsn, disconnectAll)
		update(t, d, func(ctx context.Context, tx bridge.Tx) error { return tx.SetSetting(ctx, "a", "2") })
		setting(t, d, "a")
	}
	// In the middle of a transaction nothing is kept yet, so it runs again.
	runs := 0
	update(t, d, func(ctx context.Context, tx bridge.Tx) error {
		if err := tx.SetSetting(ctx, "a", fmt.Sprint(runs)); err != nil {
			return err
		}
		if runs++; runs == 1 {
			server(t, dsn, disconnectAll)
		}
		return tx.SetSetting(ctx, "b", "x")
	})
	if got := setting(t, d, "a"); got != "1" || runs != 2 {
		t.Errorf("got %q after %d runs", got, runs)
	}
	// A view has handed out what it read, so it can't.
	err := d.View(t.Context(), func(tx bridge.Tx) error {
		if _, err := tx.Setting(t.Context(), "a"); err != nil {
			return err
		}
		server(t, dsn, disconnectAll)
		_, err := tx.Setting(t.Context(), "a")
		return err
	})
	if !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("a view that lost its connection: got %v, want ErrUnavailable", err)
	}
	setting(t, d, "a")
}

func TestLeases(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *store.DB{"SQLite": open, "PostgreSQL": openPostgres} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			take := func(lease, holder string, term time.Duration) bool {
				t.Helper()
				held, err := d.Lease(t.Context(), lease, holder, term)
				if err != nil {
					t.Fatal(err)
				}
				return held
			}
			if !take("box", "one", time.Hour) {
				t.Error("a free lease was not to be had")
			}
			if !take("box", "one", time.Hour) {
				t.Error("a lease was not to be renewed")
			}
			if take("box", "two", time.Hour) {
				t.Error("two have one lease")
			}
			if !take("other", "two", time.Hour) {
				t.Error("another lease was not to be had")
			}
			if err := d.EndLease(t.Context(), "box", "two"); err != nil || take("box", "two", time.Hour) {
				t.Errorf("somebody ended another's lease (%v)", err)
			}
			if err := d.EndLease(t.Context(), "box", "one"); err != nil || !take("box", "two", 50*time.Millisecond) {
				t.Errorf("a lease that was given back is not to be had (%v)", err)
			}
			deadline := time.Now().Add(10 * time.Second)
			for !take("box", "three", time.Hour) {
				if time.Now().After(deadline) {
					t.Fatal("a lease does not end")
				}
			}
			if take("box", "two", time.Hour) {
				t.Error("who lost a lease renewed it")
			}
			// Of many who come at once one has it.
			var count atomic.Int64
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					held, err := d.Lease(t.Context(), "new", fmt.Sprint(i), time.Hour)
					if err != nil {
						t.Error(err)
					}
					if held {
						count.Add(1)
					}
				})
			}
			all.Wait()
			if count.Load() != 1 {
				t.Errorf("%d have one lease", count.Load())
			}
		})
	}
}

func TestRings(t *testing.T) {
	dsn, one, two := pair(t)
	heard := map[*store.DB]chan string{one: make(chan string, 100), two: make(chan string, 100)}
	failed := make(chan error, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var both sync.WaitGroup
	for d, to := range heard {
		both.Go(func() {
			if err := d.Listen(ctx, func(topic string) { to <- topic }, func(err error) { failed <- err }); err != nil {
				t.Error(err)
			}
		})
	}
	next := func(d *store.DB) string {
		t.Helper()
		select {
		case topic := <-heard[d]:
			return topic
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is heard")
			return ""
		}
	}
	if next(one) != "" || next(two) != "" {
		t.Error("who begins to listen is not told to look")
	}
	for range 50 {
		one.Ring("outbox")
	}
	if got := next(two); got != "outbox" {
		t.Errorf("heard %q", got)
	}
	two.Ring("thread 17")
	if got := next(one); got != "thread 17" {
		t.Errorf("heard %q, which is not what the other rang", got)
	}
	if len(failed) > 0 {
		t.Errorf("it failed: %v", <-failed)
	}
	// The connection is lost, and found again.
	server(t, dsn, disconnectAll)
	for _, d := range []*store.DB{one, two} {
		for next(d) != "" { // fifty rings may have been two notifications
		}
	}
	one.Ring("again")
	if got := next(two); got != "again" {
		t.Errorf("heard %q", got)
	}
	if len(failed) == 0 {
		t.Error("nobody was told that the connection was lost")
	}
	cancel()
	both.Wait()
}

// Who signed in at one process is signed in at the other.
func TestSessionsAreEverywhere(t *testing.T) {
	_, one, two := pair(t)
	if err := one.Sessions(nil).Commit("token", []byte("data"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	data, found, err := two.Sessions(nil).Find("token")
	if err != nil || !found || string(data) != "data" {
		t.Errorf("got %q, %v, %v", data, found, err)
	}
	if err := two.Sessions(nil).Delete("token"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := one.Sessions(nil).Find("token"); err != nil || found {
		t.Errorf("after signing out elsewhere: found %v, %v", found, err)
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	dsn, keys, blobs := pgtest.New(t), keyring(t), t.TempDir()
	var all sync.WaitGroup
	for i := range 5 {
		all.Go(func() {
			d, err := store.Open(t.Context(), store.Config{DSN: dsn, Blobs: blobs, Keys: keys})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			update(t, d, func(ctx context.Context, tx bridge.Tx) error { return tx.SetSetting(ctx, fmt.Sprint(i), "x") })
		})
	}
	all.Wait()
	if _, err := store.Open(t.Context(), store.Config{DSN: dsn, Blobs: blobs, Keys: keyring(t)}); err == nil || !strings.Contains(err.Error(), "key file") {
		t.Errorf("other keys: got %v", err)
	}
	server(t, dsn, "insert into goose_db_version (version_id, is_applied) values (99999, true)")
	if _, err := store.Open(t.Context(), store.Config{DSN: dsn, Blobs: blobs, Keys: keys}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer schema: got %v", err)
	}
}

func TestDSN(t *testing.T) {
	keys := keyring(t)
	for _, dsn := range []string{
		"mysql://u:sesame@h/d", "postgres://u:sesame@h:x/d", "postgres://u:sesame@127.0.0.1:1/d?connect_timeout=1", "postgres://u:sesame@h/d?sslmode=maybe",
		"postgres://u:sesame@h/d?pool_max_conns=many", "postgres://u:sesame@127.0.0.1:1/d%zz",
	} {
		_, err := store.Open(t.Context(), store.Config{DSN: dsn, Blobs: t.TempDir(), Keys: keys})
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: got %v", dsn, err)
		}
	}
	if _, err := store.Open(t.Context(), store.Config{DSN: "postgres://u@h/d", Keys: keys}); err == nil {
		t.Error("a database without a folder for files was opened")
	}
	d := openDSN(t, pgtest.New(t)+"&pool_max_conns=4", keys, t.TempDir())
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			update(t, d, func(ctx context.Context, tx bridge.Tx) error { return tx.SetSetting(ctx, "a", "1") })
			setting(t, d, "a")
		})
	}
	all.Wait()
}

// A closed store says so, and waits for what runs.
func TestClosePostgreSQL(t *testing.T) {
	d := openPostgres(t)
	running, free := make(chan struct{}), make(chan struct{})
	over := make(chan error, 1)
	go func() {
		first := sync.OnceFunc(func() { close(running) })
		over <- d.Update(context.Background(), func(tx bridge.Tx) error {
			first()
			<-free
			return tx.SetSetting(context.Background(), "a", "1")
		})
	}()
	<-running
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	for d.View(t.Context(), func(bridge.Tx) error { return nil }) == nil {
	}
	if err := d.Update(t.Context(), func(bridge.Tx) error { return nil }); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("an update after the end: got %v", err)
	}
	close(free)
	if err := errors.Join(<-over, <-closed, d.Close()); err != nil {
		t.Error(err)
	}
}
