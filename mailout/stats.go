package mailout

import (
	"sync/atomic"

	"letterlock/bridge"
)

// Stats is what a worker has done since it was made, and what it is at. It says nothing of mails, people or next hops but how many.
type Stats struct {
	Notices, Copies  uint64 // relayed
	Deferred, Failed uint64
	Bounced          uint64 // of those that failed: the recipient's address was refused for good
	Suppressed       uint64
	Crowded          uint64 // attempts that met a complaint of too many connections
	OnTheirWay       int
	Waiting          int // claimed, and not begun
	Hops, HopsDown   int // next hops that it knows something of
}

// counters are those of Stats that only grow.
type counters struct {
	notices, copies, deferred, failed, bounced, suppressed, crowded atomic.Uint64
}

// count notes the outcome of an attempt that was recorded.
func (c *counters) count(o outcome) {
	switch o.state {
	case bridge.Relayed:
		if o.left.Form == bridge.FormCopy {
			c.copies.Add(1)
		} else {
			c.notices.Add(1)
		}
	case bridge.Deferred:
		c.deferred.Add(1)
	case bridge.Failed:
		c.failed.Add(1)
		if o.fault.AddressRefused() {
			c.bounced.Add(1)
		}
	}
}

// Stats returns the figures of this moment.
func (w *Worker) Stats() Stats {
	c := &w.counters
	s := Stats{
		Notices: c.notices.Load(), Copies: c.copies.Load(), Deferred: c.deferred.Load(), Failed: c.failed.Load(), Bounced: c.bounced.Load(),
		Suppressed: c.suppressed.Load(), Crowded: c.crowded.Load(),
	}
	now := w.c.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.OnTheirWay, s.Hops = w.busy, len(w.hops)
	for _, h := range w.hops {
		s.Waiting += len(h.queue)
		if _, fault := h.state.wait(now); fault != nil {
			s.HopsDown++
		}
	}
	return s
}
