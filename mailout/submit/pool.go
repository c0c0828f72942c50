package submit

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/compose"
)

// pool keeps the connections to one next hop.
type pool struct {
	idleTime time.Duration
	slots    chan struct{} // one for each connection that may be in use

	mu     sync.Mutex
	idle   []*conn // most recently used last
	closed bool
	quits  sync.WaitGroup // connections being closed in good form
}

func newPool(connections int, idleTime time.Duration) *pool {
	return &pool{idleTime: idleTime, slots: make(chan struct{}, connections)}
}

// healthy is how long a connection is trusted after its last use; later, NOOP asks first.
const healthy = 2 * time.Second

// session returns a session on a connection that was kept, or on one that open makes. It waits until one may be in use.
func (p *pool) session(ctx context.Context, open func(context.Context) (*conn, error)) (*session, error) {
	c, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	if c != nil && time.Since(c.used) > healthy && c.noop(ctx) != nil {
		c.drop()
		c = nil
	}
	if c == nil {
		if c, err = open(ctx); err != nil {
			<-p.slots
			return nil, err
		}
	}
	return &session{pool: p, conn: c, keep: true, path: c.path}, nil
}

// take waits for a slot and returns the connection used last, or nil if none waits. The caller owns the slot until release.
func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, &Error{Stage: StageConnect, Text: "stopped while waiting for a connection", Err: ctx.Err()}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		<-p.slots
		return nil, &Error{Stage: StageConnect, Relay: true, Text: "the connections to the mail server are closed for good", Err: net.ErrClosed}
	}
	for len(p.idle) > 0 {
		c := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if c.expiry.Stop() {
			p.quits.Done()
			return c, nil
		}
		// Its time was up this very moment, and it is being closed.
	}
	return nil, nil
}

// release gives the slot back, and keeps the connection or closes it.
func (p *pool) release(c *conn, keep bool) {
	p.mu.Lock()
	p.quits.Add(1) // until it is taken again, or closed
	if keep && !p.closed {
		c.used = time.Now()
		c.expiry = time.AfterFunc(p.idleTime, func() {
			defer p.quits.Done()
			p.forget(c)
			c.quit()
		})
		p.idle = append(p.idle, c)
	} else {
		// The next mail need not wait for the farewell.
		go func() {
			defer p.quits.Done()
			c.quit()
		}()
	}
	p.mu.Unlock()
	<-p.slots
}

// forget takes a connection off the list of those that wait.
func (p *pool) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(other *conn) bool { return other == c })
}

// unused reports whether the pool holds no connection at all.
func (p *pool) unused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) == 0 && len(p.slots) == 0
}

// close closes all connections, those in use as soon as their mail is through, and waits for it.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		if c.expiry.Stop() {
			go func() {
				defer p.quits.Done()
				c.quit()
			}()
		}
	}
	// Holding every slot means that no connection is in use.
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	for range cap(p.slots) {
		<-p.slots
	}
	p.quits.Wait()
}

// session is the use of one connection, which holds its slot.
type session struct {
	pool *pool
	conn *conn // nil once it is closed
	keep bool  // the connection can be used again
	path bridge.Path
	end  func() // called once at Close; may be nil
	// domain is whose mail alone the connection takes; empty for any.
	domain string
	brief  bool // the connection is not to be kept
}

// Path implements Session.
func (s *session) Path() bridge.Path { return s.path }

// Send implements Session.
func (s *session) Send(ctx context.Context, m compose.Mail) (string, error) {
	if s.conn == nil || !s.keep {
		return "", &Error{Stage: StageMail, Stale: true, Text: "the session is over", Err: net.ErrClosed}
	}
	if s.domain != "" && bridge.DomainOf(m.Recipient) != s.domain {
		// The person's address changed since the connection was made for it.
		return "", &Error{Stage: StageMail, Text: "the recipient's address is of another domain by now"}
	}
	// What was decided about the mail may have been about another connection. This is the last moment before its octets leave.
	if m.Form == bridge.FormCopy && !m.Need.MetBy(s.conn.path) {
		return "", &Error{Stage: StageMail, Weak: true, Text: "a copy was not offered: " + m.Need.Lack(s.conn.path)}
	}
	used := s.conn.mails > 0
	said, fault := s.conn.send(ctx, m)
	s.keep = s.conn.mails < s.conn.s.maxMails
	if fault == nil {
		return said, nil
	}
	// A connection that was closed while it waited shows it at the first command, whose loss costs nothing.
	fault.Stale = used && fault.Stage == StageMail && (fault.Code == 0 || fault.Code == 421) && ctx.Err() == nil
	s.keep = s.keep && fault.Code >= 400 && !fault.Relay && s.conn.reset(ctx, fault.Stage) == nil
	return "", fault
}

// Close implements Session.
func (s *session) Close() {
	if s.conn == nil {
		return
	}
	s.pool.release(s.conn, s.keep && !s.brief)
	s.conn = nil
	if s.end != nil {
		s.end()
	}
}
