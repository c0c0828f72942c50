package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

// overLMTP makes the server's listener one for LMTP.
func overLMTP(c *Config) { c.LMTP, c.Listeners = c.Listeners, nil }

func TestLMTP(t *testing.T) {
	o := newOffice()
	o.result["reply+bob@desk.example"] = fmt.Errorf("receive: %w", bridge.ErrUnavailable)
	addr, stop := start(t, o, overLMTP)
	c := dial(t, addr)
	c.talk(`
		< 220 mx.desk.example LMTP
		> EHLO front.example
		<- 500 5.5.1
		> LHLO front.example
		< 250-XFORWARD NAME ADDR PORT PROTO HELO
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> RCPT TO:<nobody@desk.example>
		<- 550 5.1.1
		> RCPT TO:<no-reply@desk.example>
		<- 250
		> RCPT TO:<reply+bob@desk.example>
		<- 250
		> RCPT TO:<Reply+Ann@desk.example>
		<- 250
		> DATA
		<- 354
		> Subject: one mail, four replies
		>
		> .
		<- 250 2.0.0 <reply+ann@desk.example> OK
		<- 550 5.7.1 <no-reply@desk.example> Please sign in at https://desk.example
		<- 451 4.3.0 <reply+bob@desk.example> Temporarily
		<- 250 2.0.0 <Reply+Ann@desk.example> OK
		> MAIL FROM:<ann@example.org>
		<- 250
		> DATA
		<- 502
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> DATA
		<- 354`)
	// What is said of the mail as a whole is said to each recipient.
	c.send(strings.Repeat("a", 110<<10) + "\r\n.\r\n")
	c.talk("<- 552 5.3.4 <reply+ann@desk.example> The mail is larger\n> QUIT\n<- 221")
	stop()
	mails := o.got()
	if len(mails) != 1 || !strings.Contains(mails[0].raw, "\tby mx.desk.example with LMTP id ") {
		t.Errorf("got %+v", mails)
	}
}

// STARTTLS is not offered for LMTP, whose connections would come out of it as ones for SMTP.
func TestNoStartTLSForLMTP(t *testing.T) {
	addr, _ := start(t, newOffice(), func(c *Config) {
		overLMTP(c)
		c.TLS = certificate(t)
	})
	dial(t, addr).talk(`
		< 220
		> LHLO front.example
		< 250-XFORWARD
		> STARTTLS
		<- 502 5.5.1
		> MAIL FROM:<ann@example.org>
		<- 250`)
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "lmtp") // t.TempDir may be longer than a socket's name can be
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice()
	start(t, o, func(c *Config) {
		c.LMTP = []net.Listener{l}
		c.Pace, c.MaxNetConns = Pace{Conns: 1, Mails: 1, Recipients: 1, Faults: 1}, 1
	})
	for range 3 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{t, conn, bufio.NewReader(conn)}
		c.talk(`
			< 220
			> LHLO front.example
			< 250-XFORWARD
			> MAIL FROM:<>
			<- 250
			> RCPT TO:<reply+ann@desk.example>
			<- 250
			> DATA
			<- 354
			> .
			<- 250 2.0.0 <reply+ann@desk.example> OK`)
	}
	mails := o.got()
	if len(mails) != 3 || mails[0].envelope.Peer != "unix socket" || !strings.HasPrefix(mails[0].raw, "Received: from front.example\r\n") {
		t.Errorf("got %+v", mails)
	}
}

// peerJudge remembers who it was told had sent each mail.
type peerJudge struct{ peers chan sender.Peer }

func (j peerJudge) Judge(_ context.Context, _ bridge.Envelope, p sender.Peer, _ []byte, _ *bridge.Mail, _ bridge.Claim) bridge.Verdict {
	j.peers <- p
	return bridge.Verdict{Result: bridge.VerdictNone}
}

func TestXForward(t *testing.T) {
	mail := `
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> DATA
		<- 354
		> .
		<- 250`
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	tests := []struct {
		name, script string
		front        []netip.Prefix
		peer         string // as the judge sees the last mail's
		record       string // likewise in the envelope; empty for the connection's
	}{
		{"from a stranger", "> XFORWARD ADDR=192.0.2.1 HELO=ann.example\n<- 501 5.5.2" + mail, nil, "127.0.0.1 client.example", ""},
		{"in front, and silent", mail, loopback, "invalid IP ", ""},
		{"in front", "> XFORWARD NAME=ann.example ADDR=192.0.2.1 PORT=4711\n<- 250 2.0.0\n> XFORWARD PROTO=ESMTP HELO=ann.example SOURCE=REMOTE IDENT=x\n<- 250" + mail, loopback, "192.0.2.1 ann.example", "192.0.2.1:4711"},
		{"IPv6", "> XFORWARD ADDR=IPv6:2001:db8::1 HELO=a+2Bb.example\n<- 250" + mail, loopback, "2001:db8::1 a+b.example", "2001:db8::1"},
		{"for one mail only", "> XFORWARD ADDR=192.0.2.1 HELO=ann.example\n<- 250" + mail + mail, loopback, "invalid IP ", ""},
		{"not known", "> XFORWARD ADDR=192.0.2.1\n<- 250\n> XFORWARD ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE]\n<- 250" + mail, loopback, "invalid IP ", ""},
		{"malformed, which changes nothing", "> XFORWARD HELO=x ADDR=192.0.2\n<- 501 5.5.4\n> XFORWARD\n<- 501\n> XFORWARD ADDR\n<- 501\n> XFORWARD HELO=a+0Db\n<- 501\n> XFORWARD HELO=a+\n<- 501\n> XFORWARD PORT=70000\n<- 501\n> XFORWARD SHOE=43\n<- 501" + mail, loopback, "invalid IP ", ""},
		{"within a mail", "> MAIL FROM:<a@example.org>\n<- 250\n> XFORWARD ADDR=192.0.2.1\n<- 503 5.5.1\n> RSET\n<- 250" + mail, loopback, "invalid IP ", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, j := newOffice(), peerJudge{make(chan sender.Peer, 2)}
			addr, _ := start(t, o, func(c *Config) { c.Judge, c.Forwarders = j, tt.front })
			c := dial(t, addr)
			c.talk("< 220\n> EHLO client.example\n<- 250\n" + tt.script)
			mails := o.got()
			p := <-j.peers
			for range len(mails) - 1 {
				p = <-j.peers
			}
			if got := p.IP.String() + " " + p.Helo; got != tt.peer {
				t.Errorf("got peer %q, want %q", got, tt.peer)
			}
			want := tt.record
			if want == "" {
				want = c.conn.LocalAddr().String()
			}
			if got := mails[len(mails)-1].envelope.Peer; got != want {
				t.Errorf("got envelope of %q, want %q", got, want)
			}
		})
	}
}

// LMTP has no place on the open network (RFC 2033, section 5).
func TestLMTPFromAfar(t *testing.T) {
	r := &run{Server: &Server{Config{Domain: "mx.desk.example", Log: discard()}}}
	for ip, want := range map[string]bool{"192.0.2.1": false, "10.0.0.1": true} {
		ours, theirs := net.Pipe()
		r.Forwarders = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		r.limit = &limiter{} // lets nobody in, so that admit comes to its end
		r.pace = newPaces(Pace{}, nil, nil)
		r.live.Add(1)
		go r.admit(from{ours, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}, true, false)
		line, _ := bufio.NewReader(theirs).ReadString('\n')
		if got := strings.Contains(line, "too many connections"); got != want || !strings.HasPrefix(line, "421 4.7.0") {
			t.Errorf("%s: got %q", ip, line)
		}
		r.live.Wait()
	}
}

// A load balancer that speaks for a socket makes nobody a mail server in front.
func TestNobodyIsUnknown(t *testing.T) {
	r := &run{Server: &Server{Config{Domain: "mx.desk.example", Log: discard()}}}
	ours, theirs := net.Pipe()
	r.live.Add(1)
	go r.admit(from{ours, &net.UnixAddr{Name: "/x", Net: "unix"}}, false, false)
	if line, _ := bufio.NewReader(theirs).ReadString('\n'); !strings.HasPrefix(line, "421 4.7.0") {
		t.Errorf("got %q", line)
	}
	r.live.Wait()
}

// from is a connection that comes from somewhere else.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

func FuzzXForward(f *testing.F) {
	f.Add("NAME=a ADDR=192.0.2.1 PORT=25 HELO=x+2By")
	f.Add("ADDR=IPv6:::1 SOURCE=LOCAL")
	f.Fuzz(func(t *testing.T, args string) {
		var said forwarded
		if !said.forward(args) {
			if said != (forwarded{}) {
				t.Errorf("%q is refused and changed something", args)
			}
			return
		}
		if strings.ContainsAny(said.helo+said.port, "\r\n\x00") || len(said.helo) > maxAttribute {
			t.Errorf("%q gave %+v", args, said)
		}
		if !said.ip.IsValid() {
			return
		}
		if _, err := netip.ParseAddr(said.name()); said.port == "" && err != nil {
			t.Errorf("%q gave the name %q", args, said.name())
		}
		if _, err := netip.ParseAddrPort(said.name()); said.port != "" && err != nil {
			t.Errorf("%q gave the name %q", args, said.name())
		}
	})
}
