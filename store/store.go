// Package store keeps what must last: threads, messages, people, deliveries, sessions, in SQLite or PostgreSQL, through sqlx.
//
// A write returns when it is on the disk. On SQLite all writes pass one writer, which commits everyone who waits at once (see
// group); on PostgreSQL they run side by side, those that meet run again (see postgres), and statements travel together (see journey).
// Reads run beside them on connections of their own, on a snapshot, and never wait for a write. The SQL is the same; where it can't
// be, engine says how.
//
// Whatever says who wrote what is sealed by [letterlock/store/seal] before it reaches SQL. This package implements the store
// interfaces of [letterlock/bridge] and must not know mail, HTTP or the rules: it keeps and finds, and decides nothing.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"letterlock/bridge"
	"letterlock/store/blob"
	"letterlock/store/seal"
)

// Config says where things are kept.
type Config struct {
	Path  string        // the SQLite database file; it is made if it isn't there
	DSN   string        // postgres://…, to use PostgreSQL and not Path. pool_max_conns bounds this process's connections
	Blobs string        // the folder for big content; Path with ".blobs" if empty
	Shelf blob.Shelf    // keeps big content elsewhere; then the folder is only where it is made. May be nil
	Keys  *seal.Keyring // opens and seals everything
	// NoSearch keeps no search index, and removes the one there is.
	NoSearch bool
}

// named returns how an error tells which database it is about. A DSN may hold a password.
func (c Config) named() string {
	if c.DSN != "" {
		return ""
	}
	return " " + c.Path
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	keys    *seal.Keyring
	pg      *postgres // and then no writer, reader, group and readers
	blobs   *blob.Keeper
	surplus surplus
	writer  *sqlx.DB
	reader  *sqlx.DB
	group   *group
	readers chan *conn // those not in use; nil stands for one that is not open yet
	closing sync.Mutex
	done    chan struct{} // closed when no view may begin any more
	queued  atomic.Uint64 // for the index, by this process
}

var _ bridge.Store = (*DB)(nil)

// Open opens the database, which it makes if there is none, and brings its schema up to date. It refuses keys that are not
// those the database was made with. The caller closes it.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Keys == nil {
		return nil, errors.New("open database: there is no keyring")
	}
	if c.Blobs == "" && c.DSN != "" {
		return nil, errors.New("open database: there is no folder for big content")
	}
	if c.Blobs == "" {
		c.Blobs = c.Path + ".blobs"
	}
	blobs, err := openBlobs(c)
	if err != nil {
		return nil, err
	}
	d, err := openEngine(ctx, c)
	if err != nil {
		return nil, err
	}
	d.blobs = blobs
	if err := d.checkKeys(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database%s: %w", c.named(), err), d.Close())
	}
	if err := d.beginAudit(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database%s: begin the audit log: %w", c.named(), err), d.Close())
	}
	if err := d.switchSearch(ctx, !c.NoSearch); err != nil {
		return nil, errors.Join(fmt.Errorf("open database%s: switch search: %w", c.named(), err), d.Close())
	}
	return d, nil
}

// openBlobs opens where big content is kept.
func openBlobs(c Config) (*blob.Keeper, error) {
	shelf := c.Shelf
	if shelf == nil {
		d, err := blob.NewDir(c.Blobs)
		if err != nil {
			return nil, err
		}
		shelf = d
	}
	return blob.New(filepath.Join(c.Blobs, "staging"), shelf, c.Keys)
}

// openEngine opens the database that the configuration names, with its schema up to date.
func openEngine(ctx context.Context, c Config) (*DB, error) {
	if c.DSN != "" {
		p, err := openPostgres(ctx, c.DSN, c.Keys)
		if err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		return &DB{keys: c.Keys, pg: p, done: make(chan struct{})}, nil
	}
	if err := prepareSQLite(ctx, c.Path); err != nil {
		return nil, fmt.Errorf("open database %s: %w", c.Path, err)
	}
	return open(ctx, c.Path, c.Keys)
}

// prepareSQLite makes the file, readable by its owner only (as SQLite then makes those beside it), and migrates it.
func prepareSQLite(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := openSQLite(path, true, 2)
	if err != nil {
		return err
	}
	return errors.Join(unavailable(migrate(ctx, db.DB, goose.DialectSQLite3, "sqlite")), db.Close())
}

// keyMark is sealed into a new database, to tell its keys from others before anything is written with them.
const keyMark = "letterlock"

func (d *DB) checkKeys(ctx context.Context) error {
	return d.update(ctx, func(t *tx) error {
		const row = "keys"
		_, err := t.exec(ctx, "insert into meta (name, value) values (?, ?) on conflict do nothing",
			row, t.seal(keyMark, "meta", "value", []byte(row)))
		if err != nil {
			return err
		}
		var mark string
		err = t.one(ctx, "select value from meta where name = ?", []any{row}, t.text(&mark, "meta", "value", []byte(row)))
		if errors.Is(err, seal.ErrSealed) || err == nil && mark != keyMark {
			return errors.New("it was made with other keys: use the key file that belongs to it")
		}
		return err
	})
}

// readerConns is how many reads run at once. SQLite reads are short, and bound by the processors; each has a cache of its own.
func readerConns() int { return min(max(4, 2*runtime.GOMAXPROCS(0)), 16) }

func open(ctx context.Context, path string, keys *seal.Keyring) (_ *DB, err error) {
	n := readerConns()
	d := &DB{keys: keys, readers: make(chan *conn, n), done: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.closePools())
		}
	}()
	if d.writer, err = openSQLite(path, true, 1); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	w, err := newConn(ctx, d.writer, sqliteEngine, keys, "begin immediate")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, unavailable(err))
	}
	if d.reader, err = openSQLite(path, false, n); err != nil {
		return nil, fmt.Errorf("open database: %w", errors.Join(err, w.close()))
	}
	for range n {
		d.readers <- nil
	}
	d.group = newGroup(w)
	return d, nil
}

// Update runs fn in a transaction that can write, and returns when its work is on the disk. If fn fails, panics or ends its
// goroutine, its work is undone, and only its. fn holds up every other write, so it must do nothing slow, and it must not
// call Update. A statement that fails spoils the transaction, whatever fn returns; that a write failed may come out only at a later statement or at the
// end. If the commit itself fails, it is not known whether the work was kept.
func (d *DB) Update(ctx context.Context, fn func(bridge.Tx) error) error {
	return d.update(ctx, func(t *tx) error { return fn(t) })
}

// View runs fn in a transaction that reads one state of the database and sees nothing of what is written meanwhile. Few run at
// once, so fn must not wait for another View.
func (d *DB) View(ctx context.Context, fn func(bridge.Tx) error) error {
	return d.view(ctx, func(t *tx) error { return fn(t) })
}

func (d *DB) update(ctx context.Context, fn func(*tx) error) error {
	update := d.group.update
	if d.pg != nil {
		update = d.pg.update
	}
	queued := 0
	err := update(ctx, func(t *tx) error {
		err := fn(t)
		queued = t.queued
		return err
	})
	if err == nil && queued > 0 {
		d.queued.Add(uint64(queued))
	}
	return err
}

func (d *DB) view(ctx context.Context, fn func(*tx) error) error {
	if d.pg != nil {
		return d.pg.view(ctx, fn)
	}
	c, err := d.borrow(ctx)
	if err != nil {
		return err
	}
	defer func() { d.readers <- c }()
	if err := c.begin(); err != nil {
		return unavailable(err)
	}
	t := &tx{conn: c}
	defer func() {
		t.ended = true
		c.rollback()
	}()
	return fn(t)
}

func (d *DB) borrow(ctx context.Context) (*conn, error) {
	select {
	case <-d.done:
		return nil, errClosed
	default:
	}
	select {
	case c := <-d.readers:
		if c != nil {
			return c, nil
		}
		c, err := newConn(context.WithoutCancel(ctx), d.reader, sqliteEngine, d.keys, "begin")
		if err != nil {
			d.readers <- nil
			return nil, fmt.Errorf("open database: %w", unavailable(err))
		}
		return c, nil
	case <-d.done:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close lets the writes that wait run and commit, waits for the reads that run, and closes the database. What comes later
// is refused with an error that wraps bridge.ErrUnavailable. Closing twice does nothing more.
func (d *DB) Close() error {
	d.closing.Lock()
	defer d.closing.Unlock()
	select {
	case <-d.done:
		return nil
	default:
	}
	if d.pg != nil {
		close(d.done)
		if err := d.pg.close(); err != nil {
			return fmt.Errorf("close database: %w", err)
		}
		return nil
	}
	d.group.close()
	close(d.done)
	var errs []error
	for range cap(d.readers) {
		if c := <-d.readers; c != nil {
			errs = append(errs, c.close())
		}
	}
	errs = append(errs, d.group.conn.close(), d.closePools())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

func (d *DB) closePools() error {
	var errs []error
	for _, p := range []*sqlx.DB{d.reader, d.writer} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}

// Stats counts what was written since the database was opened.
type Stats struct {
	Transactions uint64 // that were kept
	Commits      uint64 // each with one fsync of the log
}

// Stats returns the counts until now.
func (d *DB) Stats() Stats {
	if d.pg != nil {
		return Stats{Transactions: d.pg.transactions.Load(), Commits: d.pg.commits.Load()}
	}
	return Stats{Transactions: d.group.transactions.Load(), Commits: d.group.commits.Load()}
}
