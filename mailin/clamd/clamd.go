// Package clamd asks ClamAV's daemon whether content holds something harmful, over its INSTREAM command (clamd(8)), so that no file has to be
// where the daemon can open it. It speaks over TCP or a Unix socket.
//
// What it can't get an answer about is an error, and never clean. It must not know what becomes of what is found.
package clamd

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"letterlock/bridge"
)

// Config is what a Client needs. Address must be set.
type Config struct {
	// Address is HOST:PORT, or unix: and the path of a socket.
	Address string
	Timeout time.Duration // for one scan, the connection included; default 2 minutes
	Conns   int           // scans at once; the others wait. Default 8, where clamd itself runs 10 unless it is told otherwise
}

// Client asks one daemon. It keeps no connection, and may be used by several goroutines at once.
type Client struct {
	network, address string
	timeout          time.Duration
	places           chan struct{}
}

var _ bridge.Scanner = (*Client)(nil)

const (
	chunk    = 64 << 10
	maxReply = 4 << 10 // octets of an answer
	maxName  = 100     // octets of the name of what was found
)

// New returns a Client. It asks nobody yet.
func New(c Config) (*Client, error) {
	k := &Client{network: "tcp", address: c.Address, timeout: c.Timeout}
	if path, ok := strings.CutPrefix(c.Address, "unix:"); ok {
		k.network, k.address = "unix", path
		if path == "" {
			return nil, errors.New("the socket of clamd has no path")
		}
	} else if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return nil, fmt.Errorf("%q is neither HOST:PORT nor unix:PATH", c.Address)
	}
	if k.timeout <= 0 {
		k.timeout = 2 * time.Minute
	}
	if c.Conns <= 0 {
		c.Conns = 8
	}
	k.places = make(chan struct{}, c.Conns)
	return k, nil
}

// Scan reads r to its end and returns the name of what was found in it, or nothing. The error wraps bridge.ErrTooLarge for content that is over
// the daemon's StreamMaxLength, is r's own where that fails, and else means that there was no answer.
func (c *Client) Scan(ctx context.Context, r io.Reader) (found string, err error) {
	var reply string
	err = c.with(ctx, func(conn net.Conn) error {
		sent := send(conn, r)
		if own, ok := errors.AsType[readError](sent); ok {
			return own.error
		}
		// The daemon answers before the end if it has had enough, and then takes no more: its answer says why.
		var err error
		if reply, err = answer(conn); err != nil && sent != nil {
			return sent
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask clamd: %w", err)
	}
	return read(reply)
}

// Ping reports whether the daemon answers.
func (c *Client) Ping(ctx context.Context) error {
	err := c.with(ctx, func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "zPING\x00"); err != nil {
			return err
		}
		reply, err := answer(conn)
		if err == nil && reply != "PONG" {
			err = errors.New("it answers, but not as clamd does")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("ask clamd: %w", err)
	}
	return nil
}

// with calls f with a connection that ends when ctx or the time for a scan does.
func (c *Client) with(ctx context.Context, f func(net.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = f(conn)
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	return err
}

// readError is an error of the content's own reader.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// send sends the content in chunks, each after its length, and a length of zero at the end.
func send(conn net.Conn, r io.Reader) error {
	if _, err := io.WriteString(conn, "zINSTREAM\x00"); err != nil {
		return err
	}
	b := make([]byte, 4+chunk)
	for {
		n, err := io.ReadFull(r, b[4:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return readError{err}
		}
		ended := err != nil
		if n > 0 {
			binary.BigEndian.PutUint32(b, uint32(n))
			if _, err := conn.Write(b[:4+n]); err != nil {
				return err
			}
		}
		if ended {
			_, err := conn.Write([]byte{0, 0, 0, 0})
			return err
		}
	}
}

// answer reads one answer, which ends in NUL.
func answer(conn net.Conn) (string, error) {
	reply, err := bufio.NewReader(io.LimitReader(conn, maxReply)).ReadString(0)
	if err == io.EOF {
		err = errors.New("it closed the connection without an answer")
	}
	return strings.TrimRight(reply, "\x00\n"), err
}

// read tells what an answer says. One that is not understood is an error.
func read(reply string) (found string, err error) {
	text, ok := strings.CutPrefix(reply, "stream: ")
	switch name, infected := strings.CutSuffix(text, " FOUND"); {
	case ok && infected:
		return clean(name), nil
	case ok && text == "OK":
		return "", nil
	case strings.Contains(reply, "size limit exceeded"):
		return "", fmt.Errorf("ask clamd: the content is over its StreamMaxLength: %w", bridge.ErrTooLarge)
	}
	return "", fmt.Errorf("ask clamd: it could not scan: %s", clean(reply))
}

// clean makes a word of the daemon's fit for a log: printable ASCII, and not much of it.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), maxName)])
	if s == "" {
		return "?"
	}
	return s
}
