package bridge

import (
	"fmt"
	"sync"
	"time"
)

const (
	// defaultPace is how many messages one contact may send within paceSpan. People write fewer; two machines that answer each other
	// without saying that they are machines (RFC 3834) come here within minutes.
	defaultPace = 60
	paceSpan    = 15 * time.Minute
	// maxPaced bounds for how many contacts the pace is remembered at once.
	maxPaced = 20_000
)

// pace counts what contacts sent of late, by whichever way. After a restart, and in each of several processes, it begins anew.
type pace struct {
	most int // of one contact within paceSpan; negative for no bound
	mu   sync.Mutex
	of   map[ID]paced
}

type paced struct {
	since time.Time
	n     int
}

// take counts one message of a contact, and reports whether it may be sent.
func (p *pace) take(who ID, now time.Time) bool {
	if p.most < 0 {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[ID]paced)
	}
	c, known := p.of[who]
	if !known || c.over(now) {
		c = paced{since: now}
	}
	if c.n >= p.most {
		return false
	}
	if !known && len(p.of) >= maxPaced {
		p.forget(now)
	}
	c.n++
	p.of[who] = c
	return true
}

// giveBack takes one message off the count again: it was not sent.
func (p *pace) giveBack(who ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, known := p.of[who]; known && c.n > 0 {
		c.n--
		p.of[who] = c
	}
}

// forget makes room: what is over goes, and if that is little, everything.
func (p *pace) forget(now time.Time) {
	for id, c := range p.of {
		if c.over(now) {
			delete(p.of, id)
		}
	}
	if len(p.of) > maxPaced/2 {
		clear(p.of)
	}
}

func (c paced) over(now time.Time) bool { return now.Sub(c.since) >= paceSpan || now.Before(c.since) }

// turn is one message's place in its author's pace. A transaction that runs again takes it anew and is counted once.
type turn struct {
	pace *pace
	who  ID
}

// take counts the message as a contact's, and reports whether it may be sent.
func (t *turn) take(who ID, now time.Time) bool {
	t.giveBack()
	if !t.pace.take(who, now) {
		return false
	}
	t.who = who
	return true
}

// giveBack undoes take. It belongs at the beginning of each run of a transaction, and after one that failed.
func (t *turn) giveBack() {
	if !t.who.IsZero() {
		t.pace.giveBack(t.who)
		t.who = ID{}
	}
}

// post is take for what a contact writes in the viewer. What others write is not counted.
func (t *turn) post(p principal, now time.Time) error {
	if !p.isContact() || t.take(p.person.ID, now) {
		return nil
	}
	return fmt.Errorf("%d messages within %d minutes are the most: %w", t.pace.most, int(paceSpan/time.Minute), ErrTooMany)
}

// mail is take for a mail that is to become a message: beyond its author's pace it is held instead.
func (t *turn) mail(d decision, now time.Time) decision {
	if !d.appends() || t.take(d.author.ID, now) {
		return d
	}
	return d.hold(fmt.Sprintf("its author sent %d messages within %d minutes already, as machines do that answer each other",
		t.pace.most, int(paceSpan/time.Minute)), d.reasons...)
}
