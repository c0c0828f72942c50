package clamd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
)

// daemon answers each INSTREAM with what a function makes of the content, and counts its connections.
func daemon(t *testing.T, reply func(content []byte) string) (addr string, most *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var now atomic.Int32
	most = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				defer now.Add(-1)
				for n := now.Add(1); ; {
					if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				r := bufio.NewReader(conn)
				command, _ := r.ReadString(0)
				switch command {
				case "zPING\x00":
					io.WriteString(conn, reply(nil)+"\x00")
				case "zINSTREAM\x00":
					var content []byte
					for {
						var n uint32
						if binary.Read(r, binary.BigEndian, &n) != nil {
							return
						}
						if n == 0 {
							break
						}
						piece := make([]byte, n)
						if _, err := io.ReadFull(r, piece); err != nil {
							return
						}
						content = append(content, piece...)
					}
					if s := reply(content); s != "" {
						io.WriteString(conn, s+"\x00")
					}
				}
			}()
		}
	}()
	return l.Addr().String(), most
}

func client(t *testing.T, addr string) *Client {
	t.Helper()
	c, err := New(Config{Address: addr, Timeout: 10 * time.Second, Conns: 2})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestScan(t *testing.T) {
	for _, tt := range []struct {
		name, reply, found, fails string
		tooLarge                  bool
	}{
		{name: "clean", reply: "stream: OK"},
		{name: "found", reply: "stream: Eicar-Signature FOUND", found: "Eicar-Signature"},
		{name: "found, with odd words", reply: "stream: a\r\nb\xff" + strings.Repeat("x", 200) + " FOUND", found: "a??b?" + strings.Repeat("x", 95)},
		{name: "found nothing", reply: "stream:  FOUND", found: "?"},
		{name: "too large", reply: "INSTREAM size limit exceeded. ERROR", fails: "StreamMaxLength", tooLarge: true},
		{name: "an error", reply: "stream: Can't allocate memory ERROR", fails: "allocate"},
		{name: "no answer", fails: "without an answer"},
		{name: "another program", reply: "220 mail.example ESMTP", fails: "could not scan"},
		{name: "no end", reply: strings.Repeat("x", maxReply+1), fails: "without an answer"},
		{name: "OK about something else", reply: "OK", fails: "could not scan"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := bytes.Repeat([]byte("content "), chunk/4+3)
			addr, _ := daemon(t, func(got []byte) string {
				if !bytes.Equal(got, want) {
					t.Errorf("got %d octets, want %d", len(got), len(want))
				}
				return tt.reply
			})
			found, err := client(t, addr).Scan(t.Context(), bytes.NewReader(want))
			if found != tt.found || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) || errors.Is(err, bridge.ErrTooLarge) != tt.tooLarge {
				t.Errorf("got %q, %v", found, err)
			}
		})
	}
}

// A daemon that has had enough answers and closes while content is still being sent.
func TestEarlyAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.CopyN(io.Discard, conn, 1000)
		io.WriteString(conn, "INSTREAM size limit exceeded. ERROR\x00")
		conn.(*net.TCPConn).CloseWrite()
		io.CopyN(io.Discard, conn, 8<<20)
	}()
	_, err = client(t, l.Addr().String()).Scan(t.Context(), io.LimitReader(zeros{}, 4<<20))
	if !errors.Is(err, bridge.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, l.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Scan(ctx, strings.NewReader("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a daemon that says nothing: got %v", err)
	}
	l.Close()
	if found, err := c.Scan(t.Context(), strings.NewReader("x")); err == nil || found != "" {
		t.Errorf("a daemon that is not there: got %q, %v", found, err)
	}
	if err := c.Ping(t.Context()); err == nil {
		t.Error("a daemon that is not there: Ping says that all is well")
	}
}

func TestContentFails(t *testing.T) {
	addr, _ := daemon(t, func([]byte) string { return "stream: OK" })
	broken := errors.New("the disk fails")
	if _, err := client(t, addr).Scan(t.Context(), io.MultiReader(strings.NewReader("a"), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

func TestAtOnce(t *testing.T) {
	addr, most := daemon(t, func([]byte) string { return "stream: OK" })
	c := client(t, addr)
	results := make(chan error)
	for range 20 {
		go func() {
			_, err := c.Scan(t.Context(), strings.NewReader("x"))
			results <- err
		}()
	}
	for range 20 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	// One that was answered may still be counted by the daemon when the next one comes.
	if n := most.Load(); n > 4 {
		t.Errorf("%d scans at once, want 2", n)
	}
}

func TestNew(t *testing.T) {
	for addr, good := range map[string]bool{"127.0.0.1:3310": true, "unix:/run/clamav/clamd.ctl": true, "unix:": false, "clamd": false, "": false} {
		if _, err := New(Config{Address: addr}); (err == nil) != good {
			t.Errorf("%q: got %v", addr, err)
		}
	}
	addr, _ := daemon(t, func([]byte) string { return "PONG" })
	if err := client(t, addr).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("stream: OK")
	f.Add("stream: X FOUND")
	f.Add("INSTREAM size limit exceeded. ERROR")
	f.Fuzz(func(t *testing.T, reply string) {
		found, err := read(reply)
		if clean := found == "" && err == nil; clean != (reply == "stream: OK") {
			t.Errorf("%q is taken for clean: %v", reply, clean)
		}
		if strings.ContainsAny(found, "\r\n") || len(found) > maxName {
			t.Errorf("%q found %q", reply, found)
		}
	})
}
