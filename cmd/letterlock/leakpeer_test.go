package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// overheard is one mail as the next hop got it, with all that was said on the way to it.
type overheard struct {
	said string // every line of the client's since the mail before, the data apart
	data string // as it came, with its dots and its line ends
}

// eavesdropper is a next hop that writes down every octet it hears. It offers what clients tell more through: DSN, SIZE and SMTPUTF8.
type eavesdropper struct {
	addr string

	mu    sync.Mutex
	mails []overheard
	heard map[string]bool // what was said on a connection before its first mail
}

func eavesdrop(tb testing.TB) *eavesdropper {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	e := &eavesdropper{addr: l.Addr().String(), heard: map[string]bool{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if err := e.talk(c); err != nil {
					tb.Errorf("the next hop: %v", err)
				}
			})
		}
	})
	tb.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return e
}

// talk is one connection. It ends without error where the client hangs up between mails.
func (e *eavesdropper) talk(c net.Conn) error {
	r := bufio.NewReaderSize(c, 1<<16)
	say := func(text string) error {
		_, err := io.WriteString(c, text+"\r\n")
		return err
	}
	if err := say("220 mx.example.net"); err != nil {
		return err
	}
	var said strings.Builder
	for {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		line, err := r.ReadString('\n')
		if err != nil {
			return nil // which it does once all is sent
		}
		said.WriteString(line)
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		answer := "250 2.0.0 ok"
		switch verb {
		case "EHLO":
			answer = "250-mx.example.net\r\n250-DSN\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 50000000"
			if err := say(answer); err != nil {
				return err
			}
			e.mu.Lock()
			e.heard[said.String()] = true
			e.mu.Unlock()
			said.Reset()
			continue
		case "QUIT":
			return say("221 bye")
		case "DATA":
			if err := say("354 go ahead"); err != nil {
				return err
			}
			var data strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return err
				}
				if line == ".\r\n" {
					break
				}
				data.WriteString(line)
			}
			e.mu.Lock()
			e.mails = append(e.mails, overheard{said.String(), data.String()})
			e.mu.Unlock()
			said.Reset()
			answer = "250 2.0.0 taken"
		}
		if err := say(answer); err != nil {
			return err
		}
	}
}

// taken returns the mails so far.
func (e *eavesdropper) taken() []overheard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mails[:len(e.mails):len(e.mails)]
}
