// Package store keeps what must last: threads, messages, people, deliveries, sessions, in SQLite through sqlx.
//
// A write returns when it is on the disk. All writes pass one writer, which commits everyone who waits at once (see group);
// reads run beside it on their own connections, on a snapshot, and never wait for a write.
//
// Whatever says who wrote what is sealed by [letterlock/store/seal] before it reaches SQL. This package implements the store
// interfaces of [letterlock/bridge] and must not know mail, HTTP or the rules: it keeps and finds, and decides nothing.
package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/jmoiron/sqlx"
)

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	writer  *sqlx.DB
	reader  *sqlx.DB
	group   *group
	readers chan *conn // those not in use; nil stands for one that is not open yet
	closing sync.Mutex
	done    chan struct{} // closed when no view may begin any more
}

// readerConns is how many reads run at once. SQLite reads are short, and bound by the processors.
func readerConns() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

func open(ctx context.Context, path string) (_ *DB, err error) {
	n := readerConns()
	d := &DB{readers: make(chan *conn, n), done: make(chan struct{})}
	defer func() {
		if err != nil {
			d.closePools()
		}
	}()
	if d.writer, err = openSQLite(path, true, 1); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	w, err := newConn(ctx, d.writer, "begin immediate")
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

// update runs fn in a transaction that can write, and returns when its work is on the disk. If fn fails, panics or ends its
// goroutine, its work is undone, and only its. fn holds up every other write, so it must do nothing slow, and it must not
// call update. If the commit itself fails, it is not known whether the work was kept.
func (d *DB) update(ctx context.Context, fn func(*tx) error) error {
	return d.group.update(ctx, fn)
}

// view runs fn in a transaction that reads one state of the database and sees nothing of what is written meanwhile.
func (d *DB) view(ctx context.Context, fn func(*tx) error) error {
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
		c, err := newConn(context.WithoutCancel(ctx), d.reader, "begin")
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
	return Stats{Transactions: d.group.transactions.Load(), Commits: d.group.commits.Load()}
}
