package submit

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"letterlock/mailout/submit/relaytest"
)

// parrot is a connection on which the peer has said all that it will ever say. It comes line by line, so that each may be a reply to something.
type parrot struct{ said *strings.Reader }

func (p parrot) Read(b []byte) (int, error) {
	for n := range b {
		c, err := p.said.ReadByte()
		if err != nil && n == 0 {
			return 0, err
		}
		if err != nil {
			return n, nil
		}
		if b[n] = c; c == '\n' {
			return n + 1, nil
		}
	}
	return len(b), nil
}

func (p parrot) Write(b []byte) (int, error)      { return len(b), nil }
func (p parrot) Close() error                     { return nil }
func (p parrot) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (p parrot) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (p parrot) SetDeadline(time.Time) error      { return nil }
func (p parrot) SetReadDeadline(time.Time) error  { return nil }
func (p parrot) SetWriteDeadline(time.Time) error { return nil }

// FuzzReplies lets a relay say anything. A mail counts as taken only after a 250 to its end, an error is of our type, bounded
// and readable, and permanent only if the relay said 5yz about this mail.
func FuzzReplies(f *testing.F) {
	const hello = "220 hi\r\n250-hi\r\n250-SIZE 100000\r\n250 DSN\r\n"
	f.Add(hello+"250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 taken\r\n", byte(0))
	f.Add(hello+"250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n", byte(0))
	f.Add("220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 go\r\n", byte(1))
	f.Add("220 hi\r\n500 what\r\n250 hi\r\n", byte(2))
	f.Add("220 hi\r\n250-hi\r\n250 AUTH PLAIN LOGIN\r\n334 !\r\n535 no\r\n", byte(3))
	f.Add("220-"+strings.Repeat("x", 3000), byte(0))
	const pipelining = "220 hi\r\n250-hi\r\n250-PIPELINING\r\n250 DSN\r\n"
	f.Add(pipelining+"250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 taken\r\n", byte(0))
	f.Add(pipelining+"250 ok\r\n550 5.1.1 no\r\n503 no\r\n250 reset\r\n250 hi\r\n", byte(0))
	f.Add(pipelining+"555 5.5.4 what\r\n503 no\r\n503 no\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n", byte(0))
	f.Add(pipelining+"250 ok\r\n250-o\r\n354 go\r\n250 taken\r\n", byte(0))
	f.Fuzz(func(t *testing.T, said string, kind byte) {
		c := RelayConfig{
			Address: "relay.example:25", LocalName: "gateway.example", Security: []Security{TLSNone, TLSRequired, TLSOpportunistic}[kind%3],
			Dial: func(context.Context, string, string) (net.Conn, error) { return parrot{strings.NewReader(said)}, nil },
		}
		if kind&4 != 0 {
			c.Username, c.Password = "gateway", "secret"
		}
		r, err := NewRelay(c)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		reply, err := r.Send(context.Background(), letter(1))
		if err == nil {
			if !strings.Contains(said, "250") || !utf8.ValidString(reply) || len(reply) > maxText+4 {
				t.Errorf("taken with %q", reply)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("got %T: %v", err, err)
		}
		text := e.Said()
		if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") || text == "" || len(text) > maxText+40 {
			t.Errorf("said %q", text)
		}
		if e.Permanent && (e.Relay || e.Code < 500 || e.Code > 599) {
			t.Errorf("permanent: %+v", e)
		}
		if errors.Is(err, io.EOF) && e.Permanent {
			t.Errorf("a lost connection is permanent: %+v", e)
		}
	})
}

// BenchmarkSend sends one mail after the other on one connection to a relay that shares the processors.
func BenchmarkSend(b *testing.B) {
	server := relaytest.Start(b, relaytest.Config{})
	r := newRelay(b, server.Addr, func(c *RelayConfig) { c.MaxMails = 1 << 30 })
	m := letter(1)
	m.Data = append(m.Data, strings.Repeat("A line of an ordinary letter, of ordinary length.\r\n", 80)...)
	b.SetBytes(int64(len(m.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Send(context.Background(), m); err != nil {
			b.Fatal(err)
		}
	}
}
