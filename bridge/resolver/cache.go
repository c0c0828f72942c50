package resolver

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// cache remembers answers until their time is over, and forgets those that were not asked for longest when it is full.
type cache struct {
	mu       sync.Mutex
	entries  map[question]*entry
	maxNames int
	maxSize  int
	size     int
	ends     entry // its newer is the oldest of the list, its older the newest; lazily made a ring
}

// overhead is what an entry costs beside its records, in octets.
const overhead = 300

func (c *cache) get(q question, now time.Time) (*entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[q]
	if e == nil {
		return nil, false
	}
	if !now.Before(e.until) {
		c.drop(e)
		return nil, false
	}
	c.unlink(e)
	c.link(e)
	return e, true
}

func (c *cache) put(q question, e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[q]; old != nil {
		c.drop(old)
	}
	// Strings and headers of records cost more in memory than on the wire.
	e.q, e.size = q, 3*e.size+len(q.name)+overhead
	if e.size > c.maxSize {
		return
	}
	c.entries[q] = e
	c.size += e.size
	c.link(e)
	for c.size > c.maxSize || len(c.entries) > c.maxNames {
		c.drop(c.ends.newer)
	}
	// One more whose time is over goes with each that comes, so that what nobody asks for again does not stay for ever.
	if oldest := c.ends.newer; oldest != e && !now.Before(oldest.until) {
		c.drop(oldest)
	}
}

func (c *cache) drop(e *entry) {
	delete(c.entries, e.q)
	c.size -= e.size
	c.unlink(e)
}

func (c *cache) link(e *entry) {
	if c.ends.newer == nil {
		c.ends.newer, c.ends.older = &c.ends, &c.ends
	}
	e.older, e.newer = c.ends.older, &c.ends
	e.older.newer, c.ends.older = e, e
}

func (c *cache) unlink(e *entry) {
	e.older.newer, e.newer.older = e.newer, e.older
	e.older, e.newer = nil, nil
}

// flight lets those who ask the same at the same time wait for one answer.
type flight struct {
	mu    sync.Mutex
	calls map[question]*call
}

// call is one question that is under way. It goes on when whoever asked first has gone, since others may wait for it.
type call struct {
	done  chan struct{}
	entry *entry
}

func (f *flight) do(ctx context.Context, q question, fetch func(question) *entry) (*entry, error) {
	f.mu.Lock()
	c := f.calls[q]
	if c == nil {
		c = &call{done: make(chan struct{})}
		f.calls[q] = c
		go f.run(q, c, fetch)
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.entry, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *flight) run(q question, c *call, fetch func(question) *entry) {
	defer func() {
		// What a server sends must not end the process.
		if v := recover(); v != nil {
			c.entry = &entry{failure: fmt.Errorf("reading the answer failed: %v", v)}
		}
		f.mu.Lock()
		delete(f.calls, q)
		f.mu.Unlock()
		close(c.done)
	}()
	c.entry = fetch(q)
}
