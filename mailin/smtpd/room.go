package smtpd

import (
	"sync"
	"time"
)

const (
	roomTimeout = 30 * time.Second // for a place in it
	slowRate    = 64 << 10         // octets a second below which a big mail makes way for others
)

// room has a place for each big mail in memory. Who holds a place for long and sends slowly loses it to one who waits: otherwise a few
// clients that send an octet now and then would keep everybody's large mails out.
type room struct {
	free     chan struct{} // one element for each place that is taken
	patience time.Duration // how long a place is one's own, whatever the rate

	mu   sync.Mutex
	held map[*place]struct{}
}

// place is one big mail's, from its entry until it is dealt with.
type place struct {
	room    *room
	since   time.Time
	octets  int64 // that came in since
	reading bool  // false once all is there: then the client is not what takes time
	hurry   func()
}

func newRoom(places int, patience time.Duration) *room {
	return &room{free: make(chan struct{}, places), patience: patience, held: make(map[*place]struct{})}
}

// enter waits for a place. It calls hurry, from any goroutine and at most once, if the mail has to make way. The error is errNoRoom.
func (r *room) enter(done <-chan struct{}, hurry func()) (*place, error) {
	bound := time.Now().Add(roomTimeout)
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case r.free <- struct{}{}:
			p := &place{room: r, since: time.Now(), reading: true, hurry: hurry}
			r.mu.Lock()
			r.held[p] = struct{}{}
			r.mu.Unlock()
			return p, nil
		case <-look.C:
			now := time.Now()
			if now.After(bound) {
				return nil, errNoRoom
			}
			r.clear(now)
			look.Reset(min(time.Second, r.patience))
		case <-done:
			return nil, errNoRoom
		}
	}
}

// clear asks the slowest to make way, if it has been slow for long enough.
func (r *room) clear(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var slowest *place
	least := float64(slowRate)
	for p := range r.held {
		held := now.Sub(p.since)
		if !p.reading || held < r.patience {
			continue
		}
		if rate := float64(p.octets) / held.Seconds(); rate < least {
			slowest, least = p, rate
		}
	}
	if slowest != nil {
		slowest.reading = false
		slowest.hurry()
	}
}

// took counts octets that came in.
func (p *place) took(n int) {
	if p == nil {
		return
	}
	p.room.mu.Lock()
	p.octets += int64(n)
	p.room.mu.Unlock()
}

// complete says that the client has sent everything.
func (p *place) complete() {
	if p == nil {
		return
	}
	p.room.mu.Lock()
	p.reading = false
	p.room.mu.Unlock()
}

// leave gives the place to the next.
func (p *place) leave() {
	if p == nil {
		return
	}
	p.room.mu.Lock()
	delete(p.room.held, p)
	p.room.mu.Unlock()
	<-p.room.free
}
