package smtpd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSizeLimit(t *testing.T) {
	for _, tt := range []struct {
		octets int
		want   string
	}{{100 << 10, "250 2.0.0 OK"}, {100<<10 + 1, "552 5.3.4"}, {150 << 10, "552 5.3.4"}} {
		o := newOffice()
		addr, _ := start(t, o, nil)
		c := dial(t, addr)
		hello(c)
		body := strings.Repeat(strings.Repeat("a", 98)+"\r\n", tt.octets/100-1)
		body += strings.Repeat("b", tt.octets-len(body)-2) + "\r\n"
		c.send(body + ".\r\n")
		c.talk("<- " + tt.want + "\n> NOOP\n<- 250")
		if mails := o.got(); len(mails) == 1 && !strings.HasSuffix(mails[0].raw, body) {
			t.Errorf("the mail of %d octets was changed", tt.octets)
		}
	}
	// One that never ends is not read for ever.
	addr, _ := start(t, newOffice(), nil)
	c := dial(t, addr)
	hello(c)
	chunk := strings.Repeat("a", 64<<10)
	for range 100 {
		c.conn.SetDeadline(time.Now().Add(wait))
		if _, err := io.WriteString(c.conn, chunk); err != nil {
			break
		}
	}
	if l, err := c.r.ReadString('\n'); err == nil && !strings.HasPrefix(l, "552 5.3.4") {
		t.Errorf("got %q, want 552", l)
	}
}

func TestBigMails(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.MaxSize, c.MaxBig = 4<<20, 2 })
	body := "Subject: big\r\n\r\n" + strings.Repeat(strings.Repeat("a", 998)+"\r\n", 3<<10)
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			c := dial(t, addr)
			hello(c)
			c.send(body + ".\r\n")
			c.talk("<- 250 2.0.0 OK")
		})
	}
	clients.Wait()
	mails := o.got()
	if len(mails) != 6 {
		t.Fatalf("got %d mails, want 6", len(mails))
	}
	for _, m := range mails {
		if !strings.HasSuffix(m.raw, body) {
			t.Error("a mail was changed")
		}
	}
}

// TestSlowBigMails lets a client sit on the only place for a big mail. It may, until somebody else has one too.
func TestSlowBigMails(t *testing.T) {
	for _, secure := range []bool{false, true} {
		o := newOffice()
		addr, _ := start(t, o, func(c *Config) {
			c.MaxSize, c.MaxBig, c.BigPatience = 4<<20, 1, 50*time.Millisecond
			if secure {
				c.TLS = certificate(t)
			}
		})
		client := func() *client {
			c := dial(t, addr)
			if secure {
				c.talk("< 220\n> EHLO client.example\n<- 250\n> STARTTLS\n<- 220")
				c.secure()
				c.talk("> EHLO client.example\n<- 250\n> MAIL FROM:<ann@example.org>\n<- 250\n> RCPT TO:<reply+ann@desk.example>\n<- 250\n> DATA\n<- 354")
				return c
			}
			hello(c)
			return c
		}
		body := "Subject: big\r\n\r\n" + strings.Repeat(strings.Repeat("a", 998)+"\r\n", 270)
		alone := client()
		alone.send(body)
		time.Sleep(200 * time.Millisecond) // far beyond its patience, but nobody waits
		alone.send(".\r\n")
		alone.talk("<- 250 2.0.0 OK")

		slow, others := client(), 0
		slow.send(body)
		for told := false; !told; others++ { // the first may come before the slow one has its place
			other := client()
			other.send(body + ".\r\n")
			other.talk("<- 250 2.0.0 OK")
			slow.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			_, err := slow.r.Peek(1)
			told = err == nil
		}
		slow.talk("<- 421 4.3.1")
		slow.conn.Close()
		alone.talk("> MAIL FROM:<ann@example.org>\n<- 250\n> RCPT TO:<reply+ann@desk.example>\n<- 250\n> DATA\n<- 354")
		alone.send(body + ".\r\n")
		alone.talk("<- 250 2.0.0 OK")
		if mails := o.got(); len(mails) != 2+others {
			t.Errorf("got %d mails, want %d", len(mails), 2+others)
		}
	}
}

func TestManyRefusals(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.MaxRefused, c.MaxRecipients = 3, 1 })
	c := dial(t, addr)
	c.talk(`
		< 220
		> EHLO client.example
		< 250-8BITMIME
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<a@desk.example>
		<- 550
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> RCPT TO:<reply+bob@desk.example>
		<- 452 4.5.3
		> RSET
		<- 250
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<b@desk.example>
		<- 550
		> RCPT TO:<c@desk.example>
		<- 421 4.7.0
		closed`)
	if got, want := strings.Join(o.refusals, "; "), "a@desk.example: no such address here; b@desk.example: no such address here; c@desk.example: no such address here"; got != want {
		t.Errorf("got refusals %q, want %q", got, want)
	}
}

func TestConnectionLimits(t *testing.T) {
	addr, _ := start(t, newOffice(), func(c *Config) { c.MaxConns, c.MaxNetConns = 3, 2 })
	a, b := dial(t, addr), dial(t, addr)
	a.talk("< 220")
	b.talk("< 220")
	dial(t, addr).talk("<- 421 4.7.0\nclosed")
	a.talk("> QUIT\n<- 221\nclosed")
	// The place is free once the server has noticed; it notices before it closes.
	c := dial(t, addr)
	c.talk("< 220")
}

func TestTimeouts(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.CommandTimeout, c.BlockTimeout = 200*time.Millisecond, 200*time.Millisecond })
	c := dial(t, addr)
	c.talk("< 220\n<- 421 4.4.2\nclosed")
	c = dial(t, addr)
	hello(c)
	c.talk("> Subject: slow\n<- 421 4.4.2\nclosed")
	if len(o.got()) != 0 {
		t.Error("half a mail was taken")
	}
}

// A client that always sends a little in time does not hold its place for ever.
func TestSlowMail(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.BlockTimeout, c.DataTimeout = wait, 300*time.Millisecond })
	c := dial(t, addr)
	hello(c)
	over := time.Now().Add(wait)
	for time.Now().Before(over) {
		c.conn.SetDeadline(over)
		if _, err := io.WriteString(c.conn, "a"); err != nil {
			break
		}
		c.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := c.r.Peek(1); err == nil || !isTimeout(err) {
			break
		}
	}
	c.talk("<- 421 4.4.2\nclosed")
	if len(o.got()) != 0 {
		t.Error("half a mail was taken")
	}
}

// While one network holds all the places it may have, and each client of it stays half-way, others are served.
func TestCrowd(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.MaxConns, c.MaxNetConns = 60, 50 })
	refused := 0
	for range 300 {
		c := dial(t, addr)
		c.conn.SetDeadline(time.Now().Add(wait))
		if l, err := c.r.ReadString('\n'); err != nil || strings.HasPrefix(l, "421 4.7.0") {
			refused++
		} else {
			c.send("EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<reply+ann@desk.exa")
		}
	}
	if refused != 250 {
		t.Errorf("%d of 300 were refused, want 250", refused)
	}
	// Another loopback network.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 77, 1)}}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Logf("this machine has one loopback network only: %v", err)
		return
	}
	defer conn.Close()
	other := &client{t, conn, bufio.NewReader(conn)}
	hello(other)
	other.talk("> .\n<- 250 2.0.0 OK")
}

func TestShutdown(t *testing.T) {
	o := newOffice()
	o.hold = make(chan struct{})
	addr, stop := start(t, o, nil)
	idle, under, held := dial(t, addr), dial(t, addr), dial(t, addr)
	idle.talk("< 220\n> EHLO client.example\n< 250-8BITMIME")
	hello(under)
	hello(held)
	held.talk("> .")
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	idle.talk("<- 421 4.3.2\nclosed")
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
	under.talk("> Subject: late\n>\n> .")
	close(o.hold)
	under.talk("<- 250 2.0.0 OK\n<- 421 4.3.2\nclosed")
	held.talk("<- 250 2.0.0 OK\n<- 421 4.3.2\nclosed")
	select {
	case <-stopped:
	case <-time.After(wait):
		t.Fatal("it does not stop")
	}
	if got := len(o.got()); got != 2 {
		t.Errorf("got %d mails, want 2", got)
	}
}

func TestShutdownHasAnEnd(t *testing.T) {
	o := newOffice()
	o.hold = make(chan struct{}) // never
	addr, stop := start(t, o, func(c *Config) { c.Grace = 100 * time.Millisecond })
	under, held := dial(t, addr), dial(t, addr)
	hello(under)
	hello(held)
	held.talk("> .")
	began := time.Now()
	stop()
	if d := time.Since(began); d > wait/2 {
		t.Errorf("it took %v", d)
	}
	if len(o.got()) != 0 {
		t.Error("a mail was taken")
	}
}

// Somebody who never begins the TLS handshake is not waited for.
func TestShutdownInHandshake(t *testing.T) {
	addr, stop := start(t, newOffice(), func(c *Config) {
		c.Listeners[0] = tls.NewListener(c.Listeners[0], certificate(t))
		c.Grace = time.Hour
	})
	silent := dial(t, addr)
	c := dial(t, addr) // accepted behind it
	c.secure()
	c.talk("< 220\n> QUIT\n<- 221\nclosed")
	stop()
	silent.closed()
}

func TestTooLongLine(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, nil)
	c := dial(t, addr)
	c.talk("< 220")
	c.send("EHLO " + strings.Repeat("a", maxLine) + "\r\n")
	c.talk("<- 500 5.5.2\nclosed")
	c = dial(t, addr)
	c.talk("< 220")
	c.conn.Write(bytes.Repeat([]byte("a"), 100<<10))
	c.talk("<- 500 5.5.2\nclosed")
	// In a mail a line may be as long as the mail.
	c = dial(t, addr)
	hello(c)
	c.send("Subject: long\r\n\r\n" + strings.Repeat("a", 50<<10) + "\r\n.\r\n")
	c.talk("<- 250")
}
