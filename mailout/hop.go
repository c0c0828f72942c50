package mailout

import (
	"slices"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/submit"
)

const (
	// maxQueue is how many claimed deliveries wait for one next hop: more than two claims bring, so that where there is but one it is never
	// full. What is claimed beyond that is put off, so that it does not stand in the way of mail to others.
	maxQueue = 2 * maxBatch
	putOff   = 5 * time.Second
	// maxHopPause is the longest pause before a recipients' domain that could not be reached is tried again, whatever waits for it.
	maxHopPause = 10 * time.Minute
	// crowdPause is for how long further complaints of too many connections count as the same one, and how long what met one waits.
	crowdPause = time.Second
	// regrow is after how many mails that were taken a next hop which complained is given one more connection.
	regrow = 50
)

// hop is what the worker knows of one next hop: all of them under Worker.mu.
type hop struct {
	state   relayState
	queue   []bridge.Delivery // claimed, in the order in which they are to leave
	busy    int               // mails on their way to it
	limit   int               // how many may be
	taken   int               // since limit was last changed
	crowded time.Time         // when it last complained of too many connections
}

// hopOf returns the next hop of a delivery. The caller holds w.mu.
func (w *Worker) hopOf(d bridge.Delivery) *hop {
	name := w.c.Transport.NextHop(d.Domain)
	h := w.hops[name]
	if h == nil {
		h = &hop{limit: w.c.PerHop}
		w.hops[name] = h
	}
	return h
}

// forgetHops drops what there is nothing to remember about. The caller holds w.mu.
func (w *Worker) forgetHops(now time.Time) {
	for name, h := range w.hops {
		wait, fault := h.state.wait(now.Add(-maxHopPause))
		if h.busy == 0 && len(h.queue) == 0 && h.limit == w.c.PerHop && (fault == nil || wait == 0) {
			delete(w.hops, name)
		}
	}
}

// ready reports whether one more mail may leave for the hop. While it is down one at a time may, after each pause, to find out.
func (h *hop) ready(now time.Time) bool {
	wait, fault := h.state.wait(now)
	return h.busy < h.limit && (fault == nil || wait == 0 && h.busy == 0)
}

// push puts a delivery into the queue behind those that are as urgent. It reports false where the queue is full.
func (h *hop) push(d bridge.Delivery) bool {
	if len(h.queue) >= maxQueue {
		return false
	}
	at, _ := slices.BinarySearchFunc(h.queue, d.Priority+1, func(q bridge.Delivery, priority int) int { return q.Priority - priority })
	h.queue = slices.Insert(h.queue, at, d)
	return true
}

// crowd notes a complaint of too many connections. It reports whether fewer will do: not where the mail that met it was the only one.
func (h *hop) crowd(now time.Time) bool {
	if h.limit <= 1 || h.busy <= 1 && now.Sub(h.crowded) >= crowdPause {
		return false
	}
	if now.Sub(h.crowded) >= crowdPause {
		h.crowded, h.taken = now, 0
		h.limit = max(1, min(h.limit, h.busy)/2)
	}
	return true
}

// learn draws from how an attempt went what is to be known of the next hop, and frees its place. It reports whether the attempt counts,
// which it does not where the hop merely wanted fewer of them; and what is to be put off, and for how long, because the hop is down.
func (w *Worker) learn(d bridge.Delivery, o outcome, stopped bool) (counts bool, off []bridge.Delivery, wait time.Duration) {
	now := w.c.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hopOf(d)
	counts = true
	switch {
	case o.state == bridge.Relayed:
		h.state.worked()
		if h.taken++; h.limit < w.c.PerHop && h.taken >= regrow {
			h.limit, h.taken = h.limit+1, 0
		}
	case o.fault.Crowded() && h.crowd(now):
		counts = false
	case o.fault != nil && o.fault.Relay && !stopped:
		most := maxHopPause
		if w.single {
			most = maxProbePause
		}
		h.state.failed(now, o.fault, most)
		if !w.single {
			off, h.queue = h.queue, nil
			wait, _ = h.state.wait(now)
		}
	}
	h.busy--
	w.busy--
	w.signal(w.free)
	return counts, off, wait
}

// next takes the most urgent delivery that may leave now off its queue.
func (w *Worker) next(now time.Time) (d bridge.Delivery, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy >= w.c.Concurrency {
		return d, false
	}
	var best *hop
	for _, h := range w.hops {
		if len(h.queue) > 0 && h.ready(now) && (best == nil || before(h.queue[0], best.queue[0])) {
			best = h
		}
	}
	if best == nil {
		return d, false
	}
	d = best.queue[0]
	best.queue[0] = bridge.Delivery{}
	best.queue = best.queue[1:]
	best.busy++
	w.busy++
	return d, true
}

// before reports whether a delivery is to leave before another.
func before(a, b bridge.Delivery) bool {
	if a.Priority != b.Priority {
		return a.Priority < b.Priority
	}
	return a.NextAt.Before(b.NextAt)
}

// wake returns after how long at most something in the queues can be tried whose hop is down.
func (w *Worker) wake(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	wake := maxSleep
	for _, h := range w.hops {
		if wait, fault := h.state.wait(now); fault != nil && len(h.queue) > 0 {
			wake = min(wake, max(wait, minSleep))
		}
	}
	return wake
}

// unqueue empties all queues.
func (w *Worker) unqueue() (all []bridge.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.hops {
		all = append(all, h.queue...)
		h.queue = nil
	}
	return all
}

// hand puts what was claimed into the queues of its hops. It returns what has no place there: what is put off, and for how long; and
// what has waited too long for a hop that is down.
func (w *Worker) hand(batch []bridge.Delivery, now time.Time) (off map[time.Duration][]bridge.Delivery, old map[bridge.ID]*submit.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	off, old = map[time.Duration][]bridge.Delivery{}, map[bridge.ID]*submit.Error{}
	for _, d := range batch {
		h := w.hopOf(d)
		wait, fault := h.state.wait(now)
		switch {
		case fault != nil && now.Sub(d.CreatedAt) >= w.c.MaxAge:
			old[d.ID] = fault
		case fault != nil && (wait > 0 || h.busy > 0 || len(h.queue) > 0):
			wait = max(wait, putOff).Round(time.Second)
			off[wait] = append(off[wait], d)
		case !h.push(d):
			off[putOff] = append(off[putOff], d)
		}
	}
	return off, old
}
