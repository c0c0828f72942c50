package store_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"letterlock/store"
)

// silence is a server that takes what it is sent and never answers.
func silence(t *testing.T) (dial func(context.Context, string, string) (net.Conn, error)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
}

func TestAServerThatNeverAnswersIsGivenUp(t *testing.T) {
	c, err := store.DialPatiently(silence(t), 20*time.Millisecond)(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 { // each answer has its own time
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a read ended with %v", err)
		}
	}
}

// A server that was stopped takes nothing more once the buffers between us are full, and its machine goes on to answer for it.
func TestAServerThatStopsReadingIsGivenUp(t *testing.T) {
	c, err := store.DialPatiently(silence(t), 50*time.Millisecond)(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				ended <- err
				return
			}
		}
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it goes on waiting")
	}
	c.Close()
}

// The driver ends a wait by a deadline in the past, from another goroutine, when somebody's context ends.
func TestADriversDeadlineStands(t *testing.T) {
	c, err := store.DialPatiently(silence(t), time.Hour)(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	past := time.Now().Add(-time.Second)
	for _, wait := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		if err := c.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(wait)
			_ = c.SetDeadline(past)
		}()
		for range 2 { // before it is taken back, nobody waits again
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("a read ended with %v", err)
			}
			if _, err := c.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("a write ended with %v", err)
			}
		}
	}
}
