package store

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long a server may leave us without an octet of its answer. It is for a server that has gone without a word.
const patience = 5 * time.Minute

// patientConn is a connection on which nobody waits longer than that. A context for each statement would say the same, and cost a
// goroutine that watches it.
type patientConn struct {
	net.Conn
	patience time.Duration

	mu     sync.Mutex
	theirs bool // the driver has set a deadline for reads, since it has somebody's context to keep to
}

// dialPatiently makes the connections of a DialFunc patient ones.
func dialPatiently(dial pgconn.DialFunc, patience time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &patientConn{Conn: c, patience: patience}, nil
	}
}

// Read implements net.Conn.
func (c *patientConn) Read(b []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *patientConn) wait() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.theirs {
		return nil
	}
	return c.Conn.SetReadDeadline(time.Now().Add(c.patience))
}

// SetDeadline implements net.Conn. The zero time, after which nobody would wait for anything, gives the deadline of reads back to us.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.theirs = !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn, like SetDeadline.
func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.theirs = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}
