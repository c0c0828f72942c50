package imap

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// farewell is how long a command may go on after the end was asked for.
const farewell = 5 * time.Second

// connection is one connection to a server. The library's commands know no context and no time limit, and wait for a dead peer for ever;
// so each is bounded here by closing the socket under it.
type connection struct {
	conn    net.Conn
	client  *imapclient.Client
	timeout time.Duration
	news    chan struct{}
	caps    imap.CapSet
	stop    func()
}

// connect makes a connection and signs in.
func (r *reader) connect(ctx context.Context) (*connection, error) {
	host, _, err := net.SplitHostPort(r.account.Addr)
	if err != nil {
		return nil, err
	}
	login, err := r.login(ctx) // before the server begins to wait
	if err != nil {
		return nil, &signInError{err}
	}
	conn, err := (&net.Dialer{Timeout: r.Timeout}).DialContext(ctx, "tcp", r.account.Addr)
	if err != nil {
		return nil, err
	}
	c := &connection{conn: conn, timeout: r.Timeout, news: make(chan struct{}, 1)}
	farewellOver := time.AfterFunc(time.Hour, func() { _ = conn.Close() })
	farewellOver.Stop()
	forget := context.AfterFunc(ctx, func() { farewellOver.Reset(farewell) })
	c.stop = func() {
		forget()
		farewellOver.Stop()
	}
	if err := r.greet(ctx, c, host, login); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// greet brings the connection into the authenticated state.
func (r *reader) greet(ctx context.Context, c *connection, host string, login login) error {
	defer c.bound(c.timeout)()
	config := r.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if config.ServerName == "" {
		config.ServerName = host
	}
	options := &imapclient.Options{
		TLSConfig:             config,
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{Mailbox: c.onMailbox},
	}
	wide := wideConn{c.conn, bufio.NewReaderSize(c.conn, 64<<10)}
	var err error
	switch r.account.Security {
	case Plain:
		if a, ok := c.conn.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return errors.New("a password is sent without encryption to this machine only: use tls or starttls")
		}
		c.client = imapclient.New(wide, options)
	case StartTLS:
		if c.client, err = imapclient.NewStartTLS(wide, options); err != nil {
			return fmt.Errorf("starttls: %w", err)
		}
	default:
		session := tls.Client(wide, config)
		if err := session.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		c.client = imapclient.New(session, options)
	}
	if err := c.client.WaitGreeting(); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if err := login.signIn(c); err != nil {
		return &signInError{err}
	}
	if c.caps = c.client.Caps(); c.caps == nil {
		return errors.New("the server does not tell its capabilities")
	}
	return nil
}

// wideConn reads much at a time: the library's own buffer asks the kernel for each small message.
type wideConn struct {
	net.Conn
	r *bufio.Reader
}

// Read implements net.Conn.
func (w wideConn) Read(b []byte) (int, error) { return w.r.Read(b) }

// onMailbox is told of EXISTS. It is called by the library's reading goroutine and must not block.
func (c *connection) onMailbox(data *imapclient.UnilateralDataMailbox) {
	if data.NumMessages == nil {
		return
	}
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *connection) clearNews() {
	select {
	case <-c.news:
	default:
	}
}

// bound closes the socket if the returned function is not called within a time.
func (c *connection) bound(d time.Duration) func() {
	timer := time.AfterFunc(d, func() { _ = c.conn.Close() })
	return func() { timer.Stop() }
}

// close ends the connection. All commands must have been waited for.
func (c *connection) close() {
	c.stop()
	_ = c.conn.Close()
	if c.client != nil {
		_ = c.client.Close()
	}
}

func (c *connection) canIdle() bool { return c.caps.Has(imap.CapIdle) }

// wait waits until there may be something new, or for a time. It returns an error if the connection is lost or ctx has ended.
func (c *connection) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	if !c.canIdle() {
		if err := c.until(ctx, timer.C); err != nil {
			return err
		}
		defer c.bound(c.timeout)()
		return c.client.Noop().Wait() // after which the server shows what is new
	}
	done := c.bound(c.timeout)
	idle, err := c.client.Idle()
	done()
	if err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	lost := c.until(ctx, timer.C)
	defer c.bound(c.timeout)()
	if err := idle.Close(); err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	if err := idle.Wait(); err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	return lost
}

func (c *connection) until(ctx context.Context, timeout <-chan time.Time) error {
	select {
	case <-c.news:
	case <-timeout:
	case <-c.client.Closed():
		return errors.New("the server closed the connection")
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
