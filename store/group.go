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
// There is one connection that writes. Whoever wants to write while nobody does takes the lead: it opens a transaction, runs its own
// function and lets everyone who waits run in turn, commits once, and answers them all. While the commit waits for the disk the next
// batch gathers behind it, so the batches grow with the load, and a lone writer waits for nobody and is handed from no goroutine to
// another.
//
// Each function runs on the goroutine of whoever called, so that its panics and its runtime.Goexit stay there; the leader only
// hands out the turns. A function that fails loses its own work and nobody else's: if it has written something, the transaction
// begins anew, and those before it run again, from then on each in a savepoint of its own. Savepoints from the beginning would
// cost every batch a copy of each page that each of its members touches.

const (
	maxBatch     = 256                   // transactions in one commit
	maxBatchTime = 20 * time.Millisecond // after which nobody else is let in
	maxWaiting   = 4096                  // transactions waiting for their turn, before callers wait to wait

	cachesAge = 2 * time.Second // after which a commit empties the caches
)

var errClosed = fmt.Errorf("the store is closed: %w", bridge.ErrUnavailable)

type group struct {
	conn    *conn
	jobs    chan *job
	idle    chan struct{} // holds a value while nobody leads
	members []*job        // of the leader's batch
	emptied time.Time     // the caches, by the leader

	mu     sync.RWMutex // held for reading while a job is handed in
	closed bool

	transactions, commits atomic.Uint64
}

// job is one transaction that waits for its turn.
type job struct {
	taken  atomic.Bool // by the leader, or by a caller who gave up
	turn   chan *tx    // from the leader: run now, or again
	ran    chan bool   // to the leader: it may stay (true), or is to be undone
	answer chan error  // from the leader: what became of the commit
	keep   bool        // what ran said
}

var jobs = sync.Pool{New: func() any {
	return &job{turn: make(chan *tx, 1), ran: make(chan bool, 1), answer: make(chan error, 1)}
}}

func newGroup(c *conn) *group {
	g := &group{conn: c, jobs: make(chan *job, maxWaiting), idle: make(chan struct{}, 1), members: make([]*job, 0, maxBatch)}
	g.idle <- struct{}{}
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
	case <-g.idle:
		err := g.lead(j, fn)
		jobs.Put(j)
		return err
	case t = <-j.turn:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err() // the leader finds it taken and passes it by, so it can't be used again
		}
		t = <-j.turn
	}
	for {
		err := run(j, t, fn)
		select {
		case t = <-j.turn:
		case commitErr := <-j.answer:
			if commitErr != nil {
				err = commitErr
			}
			jobs.Put(j)
			return err
		}
	}
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
func run(j *job, t *tx, fn func(*tx) error) error {
	keep := false
	defer func() { j.ran <- keep }()
	return attempt(t, fn, &keep)
}

// attempt runs fn, and says whether its work may stay.
func attempt(t *tx, fn func(*tx) error, keep *bool) error {
	defer func() { t.ended = true }()
	err := fn(t)
	if err == nil {
		err = t.err // a statement that failed spoils its transaction, as it does on PostgreSQL
	}
	*keep = err == nil
	return err
}

// close lets everyone who waits have their turn, and returns when the last commit is done. Nobody leads after it.
func (g *group) close() {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.mu.Unlock()
	if closed {
		return
	}
	<-g.idle
	for len(g.jobs) > 0 {
		b := batch{group: g}
		b.run()
	}
}

// lead runs batches until own has run and is committed, or undone. It may panic, or end the goroutine, as fn does.
func (g *group) lead(own *job, fn func(*tx) error) error {
	defer func() { g.idle <- struct{}{} }()
	b := batch{group: g, own: own, fn: fn}
	for !b.over {
		b.run()
	}
	return b.answer
}

// emptyCaches empties the page caches of all connections, now and then. SQLite counts their pages together: the writer's takes room from the
// others, and once there are as many as all may have, whatever is read goes at once, so that a reader reads a page again for each row in it.
func (g *group) emptyCaches() {
	now := time.Now()
	if now.Sub(g.emptied) < cachesAge {
		return
	}
	g.emptied = now
	g.conn.shrink()
}

// batch is what one commit holds.
type batch struct {
	group   *group
	careful bool  // each member has a savepoint, since one has failed
	lost    error // why the transaction as a whole is lost

	own    *job // the leader's, with its function; nil if it has none
	fn     func(*tx) error
	over   bool  // own has had its turn
	answer error // and what became of it
}

// run opens a transaction, runs everyone who comes in time, commits, and answers them all.
func (b *batch) run() {
	g := b.group
	g.members = g.members[:0]
	b.careful, b.lost = false, g.conn.begin()
	defer b.finish()
	start := time.Now()
	for j := g.next(start, 0); j != nil; j = g.next(start, len(g.members)) {
		g.members = append(g.members, j)
		b.member(j)
	}
}

// finish commits and answers, also while a panic of the leader's own function passes.
func (b *batch) finish() {
	g := b.group
	err := b.lost
	if err == nil {
		err = g.conn.commit()
	}
	if err != nil {
		g.conn.rollback()
		err = unavailable(err)
	} else {
		kept := uint64(0)
		for _, j := range g.members {
			if j.keep {
				kept++
			}
		}
		g.transactions.Add(kept)
		g.commits.Add(1)
	}
	for i, j := range g.members {
		g.members[i] = nil
		switch {
		case j != b.own:
			j.answer <- err
		case err != nil:
			b.answer = err
		}
	}
	g.emptyCaches()
}

// member lets one job run. If its work can neither stay nor be undone alone, the transaction as a whole is lost: SQLite ends it by
// itself when the disk is full, for one, and then nobody's work of this batch is left.
func (b *batch) member(j *job) {
	c := b.group.conn
	careful := b.careful
	if b.lost == nil && careful {
		b.lost = c.savepoint()
	}
	// Where all is lost already, a job gets a turn in which nothing can be done, since its caller waits for one.
	t := &tx{conn: c, write: true}
	if b.lost != nil {
		t.err = errLost
	}
	j.keep = false
	defer func() {
		switch {
		case b.lost != nil, !careful && (j.keep || !t.wrote):
		case careful:
			b.lost = c.settle(t, j.keep)
		default:
			b.again()
		}
	}()
	if j != b.own {
		j.turn <- t
		j.keep = <-j.ran
		return
	}
	b.over = true
	b.answer = attempt(t, b.fn, &j.keep)
}

var errLost = errors.New("the transaction is lost")

// again begins the transaction anew without the last member, who has failed: those before run again.
func (b *batch) again() {
	c := b.group.conn
	c.rollback()
	b.careful = true
	if b.lost = c.begin(); b.lost != nil {
		return
	}
	all := false
	defer func() {
		if !all && b.lost == nil {
			b.lost = errLost // the leader's own function panicked this time, so the rest have not run again
		}
	}()
	for _, j := range b.group.members[:len(b.group.members)-1] {
		if j.keep {
			b.member(j)
		}
	}
	all = true
}

// settle makes a member's work part of the batch, or undoes it.
func (c *conn) settle(t *tx, keep bool) error {
	settle := c.undo
	if keep {
		settle = c.release
	}
	err := settle()
	if err != nil && t.err != nil {
		err = t.err // which is why there is nothing left to undo
	}
	if err != nil {
		return fmt.Errorf("a transaction of the same commit failed: %w (%w)", err, bridge.ErrUnavailable)
	}
	return nil
}

// next returns another job for the batch, or nil when it is time to commit.
func (g *group) next(start time.Time, members int) *job {
	if members >= maxBatch || members > 0 && time.Since(start) > maxBatchTime {
		return nil
	}
	for yielded := false; ; {
		select {
		case j := <-g.jobs:
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
