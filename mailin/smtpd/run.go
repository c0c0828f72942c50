package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// run is one call of Run and all that lives as long.
type run struct {
	*Server
	// work is what the Gateway is called with. go-smtp passes no context to a session, so it is kept here; it outlives the one
	// given to Run by the grace that mails under way have.
	work  context.Context
	limit *limiter
	big   *room

	pace *paces

	// Only the way for clear text offers STARTTLS. A connection goes from it to the second with that.
	clear, secure, local *way

	mu       sync.Mutex
	conns    map[*conn]struct{}
	draining bool
	live     sync.WaitGroup // connections
}

// way is one protocol as it is spoken: a server of go-smtp's, and where its connections come from.
type way struct {
	lmtp bool
	smtp *smtp.Server
	feed *feed
}

// Run takes mail until ctx ends. Then it closes the listeners, lets mails that are under way finish within Grace, and returns nil when
// nothing of it runs any more. It returns an error if a listener fails for good. It is called once.
func (s *Server) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r := &run{
		Server: s, work: work,
		limit: &limiter{total: s.MaxConns, each: s.MaxNetConns, nets: make(map[netip.Prefix]int)},
		big:   newRoom(s.MaxBig, s.BigPatience), conns: make(map[*conn]struct{}),
		pace: newPaces(s.Pace, s.Exempt, s.Now),
	}
	r.clear, r.secure, r.local = r.newWay(s.TLS, false), r.newWay(nil, false), r.newWay(nil, true)
	ways := []*way{r.clear, r.secure, r.local}
	var serving sync.WaitGroup
	for _, w := range ways {
		serving.Go(func() { _ = w.smtp.Serve(w.feed) })
	}

	listeners := slices.Concat(s.Listeners, s.LMTP)
	failed := make(chan error, len(listeners))
	var accepting sync.WaitGroup
	for i, l := range listeners {
		accepting.Go(func() { failed <- r.accept(ctx, l, i >= len(s.Listeners)) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	for _, l := range listeners {
		_ = l.Close()
	}
	accepting.Wait()
	r.drain(cancel)
	for _, w := range ways {
		_ = w.smtp.Shutdown(work)
		// Shutdown does not know a feed whose Serve has not come to run yet; closed, that ends as well.
		_ = w.feed.Close()
	}
	serving.Wait()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("accept SMTP connections: %w", err)
	}
	return nil
}

func (r *run) newWay(offer *tls.Config, lmtp bool) *way {
	s := smtp.NewServer(smtp.BackendFunc(r.newSession))
	s.Domain = r.Domain
	s.LMTP = lmtp
	s.TLSConfig = offer
	s.EnableSMTPUTF8 = true
	s.MaxLineLength = 0 // conn bounds a command line; a line of a mail may be longer than its 998 octets, and the mail is bounded
	s.ErrorLog = slog.NewLogLogger(r.Log.Handler(), slog.LevelWarn)
	return &way{lmtp: lmtp, smtp: s, feed: newFeed(firstAddr(r.Listeners, r.LMTP))}
}

func firstAddr(lists ...[]net.Listener) net.Addr { return slices.Concat(lists...)[0].Addr() }

// accept takes connections from one listener until it is closed.
func (r *run) accept(ctx context.Context, l net.Listener, lmtp bool) error {
	pause := 5 * time.Millisecond
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			pause = 5 * time.Millisecond
			r.live.Add(1)
			go r.admit(nc, lmtp, l.Addr().Network() == "unix")
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return err
		default:
			// Such as too many open files: it passes.
			r.Log.WarnContext(ctx, "accept SMTP connection", "error", err)
			select {
			case <-time.After(pause):
				pause = min(2*pause, time.Second)
			case <-ctx.Done():
				return err
			}
		}
	}
}

// admit lets one connection in, or answers 421.
func (r *run) admit(nc net.Conn, lmtp, unix bool) {
	addr := nc.RemoteAddr() // with the PROXY protocol this waits for its header
	peer := peerIP(addr)
	front := unix || within(peer, r.Forwarders) || lmtp && peer.IsLoopback()
	if lmtp && !front {
		r.turnAway(nc, "takes LMTP only from mail servers that it knows")
		return
	}
	if !front && !peer.IsValid() {
		// A balancer that names no address. Nobody may be unknown but who comes through what is in front.
		r.turnAway(nc, "does not know who you are")
		return
	}
	var who *visitor
	if !front {
		who = r.pace.visitor(peer)
	}
	if who.spent(pacedFaults) || !who.allow(pacedConns) {
		r.turnAway(nc, "had too much from you, try again later")
		return
	}
	leave, ok := r.limit.enter(peer, front)
	if !ok {
		r.turnAway(nc, "has too many connections, try again later")
		return
	}
	to := r.clear
	if lmtp {
		to = r.local
	}
	c := newConn(r, to, nc, leave)
	c.front, c.who = front, who
	var isTLS bool
	if c.tls, isTLS = nc.(*tls.Conn); !isTLS {
		r.replace(nil, c)
		return
	}
	if !lmtp {
		c.way = r.secure
	}
	r.list(nil, c)
	if err := r.handshake(c.tls); err != nil {
		who.allow(pacedFaults)
		r.Log.Debug("no TLS session", "peer", c.name, "error", err)
		_ = c.Close()
		return
	}
	r.replace(nil, c)
}

// turnAway answers 421 to a connection that was not let in. Before a TLS handshake there is nobody to answer.
func (r *run) turnAway(nc net.Conn, why string) {
	defer r.live.Done()
	r.Log.Info("SMTP connection turned away", "peer", peerName(nc.RemoteAddr()), "reason", why)
	if _, isTLS := nc.(*tls.Conn); !isTLS && nc.SetDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = fmt.Fprintf(nc, "421 4.7.0 %s %s\r\n", r.Domain, why)
	}
	_ = nc.Close()
}

// handshake makes a TLS session within a bound.
func (r *run) handshake(t *tls.Conn) error {
	ctx, cancel := context.WithTimeout(r.work, 30*time.Second)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		_ = t.NetConn().Close()
		return err
	}
	return nil
}

// replace puts a new connection on the list, in the place of an old one if there is one, and gives it to its server.
func (r *run) replace(old, c *conn) {
	r.list(old, c)
	if !c.way.feed.push(c) {
		_ = c.Close()
	}
}

// list puts a connection on the list of those that drain ends.
func (r *run) list(old, c *conn) {
	r.mu.Lock()
	delete(r.conns, old)
	r.conns[c] = struct{}{}
	draining := r.draining
	r.mu.Unlock()
	if draining {
		c.drain()
	}
}

func (r *run) forget(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// drain ends all connections: those without a mail under way at once, the others when that is answered or Grace is over.
func (r *run) drain(cancel func()) {
	r.each((*conn).drain)
	done := make(chan struct{})
	go func() {
		r.live.Wait()
		close(done)
	}()
	timer := time.NewTimer(r.Grace)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	r.Log.Warn("SMTP sessions are cut off, since they did not end in time")
	cancel()
	for {
		r.each((*conn).cut)
		select {
		case <-done:
			return
		case <-time.After(100 * time.Millisecond): // one may have come from STARTTLS meanwhile
		}
	}
}

func (r *run) each(f func(*conn)) {
	r.mu.Lock()
	r.draining = true
	conns := make([]*conn, 0, len(r.conns))
	for c := range r.conns {
		conns = append(conns, c)
	}
	r.mu.Unlock()
	for _, c := range conns {
		f(c)
	}
}

// feed is a net.Listener whose connections are pushed into it.
type feed struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

var _ net.Listener = (*feed)(nil)

func newFeed(addr net.Addr) *feed {
	return &feed{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// push waits until the connection is accepted. It reports false if nobody will.
func (f *feed) push(c net.Conn) bool {
	select {
	case f.conns <- c:
		return true
	case <-f.done:
		return false
	}
}

// Accept implements net.Listener.
func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (f *feed) Close() error {
	f.once.Do(func() { close(f.done) })
	return nil
}

// Addr implements net.Listener.
func (f *feed) Addr() net.Addr { return f.addr }
