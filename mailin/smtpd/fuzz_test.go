package smtpd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// ends says by the standard's words alone where a mail ends, or that it has an octet that no mail has before that.
func ends(b []byte) (n int, bad bool) {
	for i := range b {
		switch {
		case b[i] == '\n' && (i == 0 || b[i-1] != '\r'), i > 0 && b[i-1] == '\r' && b[i] != '\n':
			return 0, true
		case bytes.HasSuffix(b[:i+1], []byte("\r\n.\r\n")), string(b[:i+1]) == ".\r\n":
			return i + 1, false
		}
	}
	return 0, false
}

func FuzzScanner(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\n", ".\r\n", "..\r\n.\r\nx", "a\n.\n", "a\r\n.\rb\r\n.\r\n", "\r\r\n.\r\n", "a\r\n.\r"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		var s scanner
		at, wasBad := 0, false
		for at < len(in) {
			n, end := s.feed(in[at:min(at+int(size)+1, len(in))])
			if n == 0 {
				t.Fatalf("no progress at %d of %q", at, in)
			}
			at += n
			if s.bad && !wasBad {
				wasBad = true
			}
			if end {
				break
			}
		}
		n, bad := ends(in)
		if bad != s.bad {
			t.Fatalf("%q: bad is %v, want %v", in, s.bad, bad)
		}
		if n > 0 && at != n {
			t.Fatalf("%q: ends at %d, want %d", in, at, n)
		}
	})
}

func FuzzSession(f *testing.F) {
	o := newOffice()
	addr, _ := start(f, o, func(c *Config) { c.MaxNetConns, c.MaxConns = 1000, 1000 })
	f.Add("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<reply+ann@desk.example>\r\nDATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n")
	f.Add("HELO a\r\nMAIL FROM:<a@b.example> SIZE=1\r\nRCPT TO:<postmaster>\r\nDATA\r\n..\r\n.\r\nRSET\r\nNOOP\r\nVRFY a\r\n")
	f.Add("EHLO a\r\nSTARTTLS\r\nAUTH PLAIN AAAA\r\nBDAT 5 LAST\r\nabcde")
	f.Add("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<reply+ann@desk.example>\r\nDATA\r\na\n.\nMAIL FROM:<>\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Skip(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(wait))
		before := len(o.got())
		if _, err := io.WriteString(conn, in); err == nil {
			_ = conn.(*net.TCPConn).CloseWrite()
		}
		if _, err := io.ReadAll(conn); isTimeout(err) {
			t.Fatalf("%q: the session does not end", in)
		}
		for _, m := range o.got()[before:] {
			_, body, _ := strings.Cut(m.raw, ";\r\n\t")
			_, body, _ = strings.Cut(body, "\r\n")
			if rest := strings.ReplaceAll(body, "\r\n", ""); strings.ContainsAny(rest, "\r\n") {
				t.Errorf("%q gave a mail with a bare CR or LF: %q", in, body)
			}
			if !strings.Contains(in, "\r\n.\r\n") {
				t.Errorf("%q gave a mail and has no end of one", in)
			}
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add("client.example", "reply+ann@desk.example")
	f.Fuzz(func(t *testing.T, helo, rcpt string) {
		field := string(trace{helo: helo, by: "desk.example", with: "ESMTP", id: "x", rcpt: rcpt}.field())
		lines := strings.Split(strings.TrimSuffix(field, "\r\n"), "\r\n")
		for i, l := range lines {
			if i > 0 && !strings.HasPrefix(l, "\t") || len(l) > 998 || strings.ContainsAny(l, "\r\n\x00") {
				t.Errorf("%q", field)
			}
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	in := []byte(strings.Repeat(strings.Repeat("a", 74)+"\r\n", 1<<14) + ".\r\n")
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		var s scanner
		if n, end := s.feed(in); n != len(in) || !end {
			b.Fatal(n, end)
		}
	}
}

// BenchmarkReceive is one mail in one transaction on a connection that stays, with a Gateway that does nothing.
func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{2 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			o := newOffice()
			addr, _ := start(b, o, func(c *Config) { c.MaxSize = 2 << 20 })
			mail := "From: ann@example.org\r\nSubject: hello\r\n\r\n" + strings.Repeat(strings.Repeat("a", 74)+"\r\n", size/76) + ".\r\n"
			envelope := "MAIL FROM:<ann@example.org>\r\nRCPT TO:<reply+ann@desk.example>\r\nDATA\r\n"
			b.SetBytes(int64(len(mail)))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				c := dial(b, addr)
				c.talk("< 220\n> EHLO client.example\n< 250")
				for pb.Next() {
					c.send(envelope)
					c.talk("< 250\n< 250\n< 354")
					c.send(mail)
					c.talk("< 250")
				}
			})
			o.mu.Lock()
			o.mails = nil
			o.mu.Unlock()
		})
	}
}
