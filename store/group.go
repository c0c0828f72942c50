package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"letterlock/bridge"
)

// A group gives SQLite what PostgreSQL has built in: many transactions that share one fsync.
//
// One goroutine owns the one connection that writes. It opens a transaction, lets everyone who waits run in turn, each in a
// savepoint of its own, commits once, and then answers all of them. While the commit waits for the disk the next batch
// gathers, so the batches grow with the load and a lone writer waits for nobody.
//
// Each function runs on the goroutine of whoever called, so that its panics and its runtime.Goexit stay there; the owner
// only hands out the turns. A function that fails loses its own work and nobody else's.

const (
	maxBatch     = 256                   // transactions in one commit
	maxBatchTime = 20 * time.Millisecond // after which nobody else is let in
	maxWaiting   = 4096                  // transactions waiting for their turn, before callers wait to wait
)

var errClosed = fmt.Errorf("the store is closed: %w", bridge.ErrUnavailable)

type group struct {
	conn *conn
	jobs chan *job
	over chan struct{} // closed when the owner has ended

	mu     sync.RWMutex // held for reading while a job is handed in
	closed bool

	transactions, commits atomic.Uint64
}

// job is one transaction that waits for its turn.
type job struct {
	taken  atomic.Bool // by the owner, or by a caller who gave up
	turn   chan *tx    // from the owner: run now
	ran    chan bool   // to the owner: it may stay (true), or is to be undone
	answer chan error  // from the owner: what became of the commit
	keep   bool        // what ran said
}

var jobs = sync.Pool{New: func() any {
	return &job{turn: make(chan *tx, 1), ran: make(chan bool, 1), answer: make(chan error, 1)}
}}

func newGroup(c *conn) *group {
	g := &group{conn: c, jobs: make(chan *job, maxWaiting), over: make(chan struct{})}
	go g.own()
	return g
}

// update runs fn in a transaction and returns when it is durable, or undone. If ctx ends before fn's turn, fn never runs.
func (g *group) update(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := jobs.Get().(*job)
	j.taken.Store(false)
	if err := g.submit(ctx, j); err != nil {
		jobs.Put(j)
		return err
	}
	var t *tx
	select {
	case t = <-j.turn:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err() // the owner finds it taken and passes it by, so it can't be used again
		}
		t = <-j.turn
	}
	err := run(j, t, fn)
	if commitErr := <-j.answer; commitErr != nil {
		err = commitErr
	}
	jobs.Put(j)
	return err
}

func (g *group) submit(ctx context.Context, j *job) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return errClosed
	}
	select {
	case g.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run gives the turn back whatever fn does.
func run(j *job, t *tx, fn func(*tx) error) (err error) {
	keep := false
	defer func() {
		t.ended = true
		j.ran <- keep
	}()
	err = fn(t)
	if err == nil {
		err = t.err // a statement that failed spoils its transaction, as it does on PostgreSQL
	}
	keep = err == nil
	return err
}

// close lets everyone who waits have their turn, and returns when the last commit is done.
func (g *group) close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.jobs)
	}
	g.mu.Unlock()
	<-g.over
}

func (g *group) own() {
	defer close(g.over)
	members := make([]*job, 0, maxBatch)
	for first := range g.jobs {
		if !first.taken.CompareAndSwap(false, true) {
			continue
		}
		members = g.batch(first, members[:0])
		clear(members)
	}
}

// batch runs first and everyone who comes in time, commits, and answers them all.
func (g *group) batch(first *job, members []*job) []*job {
	err := g.conn.begin()
	start := time.Now()
	for j := first; j != nil; j = g.next(start, len(members)) {
		members = append(members, j)
		if err == nil {
			err = g.member(j, len(members) == 1)
		} else {
			g.refuse(j)
		}
	}
	if err == nil {
		err = g.conn.commit()
	}
	if err != nil {
		g.conn.rollback()
		err = unavailable(err)
	}
	for _, j := range members {
		if err == nil && j.keep {
			g.transactions.Add(1)
		}
	}
	if err == nil {
		g.commits.Add(1)
	}
	for i, j := range members {
		members[i] = nil
		j.answer <- err
	}
	return members
}

// member lets one job run. An error means that the transaction as a whole is lost: SQLite ends it by itself when the disk is
// full, for one, and then nobody's work of this batch is left.
func (g *group) member(j *job, first bool) error {
	// The first needs no savepoint: to undo it is to start again.
	if !first {
		if err := g.conn.savepoint(); err != nil {
			g.refuse(j)
			return err
		}
	}
	t := &tx{conn: g.conn, write: true}
	j.turn <- t
	j.keep = <-j.ran
	var err error
	switch {
	case j.keep && first:
	case j.keep:
		err = g.conn.release()
	case first:
		g.conn.rollback()
		err = g.conn.begin()
	default:
		err = g.conn.undo()
	}
	if err != nil && t.err != nil {
		err = t.err // which is why there is nothing left to undo
	}
	if err != nil {
		return fmt.Errorf("a transaction of the same commit failed: %w (%w)", err, bridge.ErrUnavailable)
	}
	return nil
}

// refuse gives a job a turn in which nothing can be done, since its batch is lost already. Its caller gets the batch's error. The
// connection is there for its keys: arguments are sealed before a statement finds that it may not run.
func (g *group) refuse(j *job) {
	j.turn <- &tx{conn: g.conn, err: errors.New("the transaction is lost")}
	j.keep = <-j.ran
}

// next returns another job for the batch, or nil when it is time to commit.
func (g *group) next(start time.Time, members int) *job {
	if members >= maxBatch || time.Since(start) > maxBatchTime {
		return nil
	}
	for yielded := false; ; {
		select {
		case j, ok := <-g.jobs:
			if !ok {
				return nil
			}
			if j.taken.CompareAndSwap(false, true) {
				return j
			}
		default:
			if yielded {
				return nil
			}
			// Whoever is ready to run may be about to hand in a job: one fsync costs more than looking twice.
			runtime.Gosched()
			yielded = true
		}
	}
}
