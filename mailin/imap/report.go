package imap

import "time"

// report tells the log how the reading of many messages gets on.
type report struct {
	total, done int
	began, told time.Time
}

const (
	// reportFrom is how many messages make it worth a line.
	reportFrom  = 500
	reportEvery = 10 * time.Second
)

// begin is told how many messages wait, at each look.
func (p *report) begin(r *reader, waiting int) {
	if p.began.IsZero() {
		p.began, p.told = time.Now(), time.Now()
	}
	p.total = p.done + waiting
	r.tell(func(s *Status) { s.Taken, s.Waiting = p.done, waiting })
}

// add counts messages that were dealt with.
func (p *report) add(r *reader, n int) {
	if p.began.IsZero() {
		return
	}
	p.done += n
	r.tell(func(s *Status) { s.Taken, s.Waiting = p.done, max(p.total-p.done, 0) })
	if now := time.Now(); p.total >= reportFrom && now.Sub(p.told) >= reportEvery {
		p.told = now
		r.log.Info("mailbox is being read", "messages", p.done, "of", p.total)
	}
}

// end tells how it went.
func (p *report) end(r *reader) {
	if p.done >= reportFrom {
		r.log.Info("mailbox was read", "messages", p.done, "took", time.Since(p.began).Round(time.Millisecond))
	}
	*p = report{}
}
