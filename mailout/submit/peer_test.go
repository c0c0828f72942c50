package submit

import (
	"bufio"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// peer is one connection of a server that says what a test's script says.
type peer struct {
	net.Conn
	r    *bufio.Reader
	line string
	held bool // the line was looked at and not what was expected
}

// script runs a server whose connections each follow the script, and returns its address.
func script(tb testing.TB, play func(*peer)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(10 * time.Second))
				play(&peer{Conn: c, r: bufio.NewReader(c)})
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

func (p *peer) write(s string) bool {
	_, err := io.WriteString(p.Conn, s)
	return err == nil
}

func (p *peer) say(s string) bool { return p.write(s + "\r\n") }

func (p *peer) next() bool {
	if p.held {
		p.held = false
		return true
	}
	line, err := p.r.ReadString('\n')
	p.line = strings.TrimRight(line, "\r\n")
	return err == nil
}

func (p *peer) expect(prefix string) bool {
	ok := p.next() && strings.HasPrefix(p.line, prefix)
	p.held = !ok
	return ok
}

func (p *peer) greet() {
	p.say("220 hi")
	p.expect("EHLO")
	p.say("250-hi\r\n250 DSN")
}

// mail takes one mail up to its end, and then says how it went, if anything.
func (p *peer) mail(end string) {
	for p.next() {
		switch {
		case p.line == "DATA":
			p.say("354 go")
			for p.next() && p.line != "." {
			}
			if end != "" {
				p.say(end)
			}
			return
		default:
			p.say("250 ok")
		}
	}
}

// discard is for servers that would complain in the test's output.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
