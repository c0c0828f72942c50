package store

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is how long a server may leave us without an octet of its answer, or without taking what we say. It is for a server that has gone
// without a word.
const patience = 5 * time.Minute

// patientConn is a connection on which nobody waits longer than that. A context for each statement would say the same, and cost a
// goroutine that watches it.
type patientConn struct {
	net.Conn
	patience time.Duration

	mu     sync.Mutex
	reads  bool // the driver has set a deadline for reads, since it has somebody's context to keep to
	writes bool // the same for writes
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
	if err := c.begin(&c.reads, c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write implements net.Conn. It ends where the server has stopped reading, which TCP alone would bear for as long as its machine answers.
func (c *patientConn) Write(b []byte) (int, error) {
	if err := c.begin(&c.writes, c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// begin sets our deadline, unless the driver has one.
func (c *patientConn) begin(theirs *bool, set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *theirs {
		return nil
	}
	return set(time.Now().Add(c.patience))
}

// SetDeadline implements net.Conn. The zero time, after which nobody would wait for anything, gives the deadlines back to us.
func (c *patientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.writes = !t.IsZero(), !t.IsZero()
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn, like SetDeadline.
func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn, like SetDeadline.
func (c *patientConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}
