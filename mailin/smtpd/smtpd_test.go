package smtpd

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

const wait = 10 * time.Second

// office is a Gateway with a few addresses and a list of what it was given.
type office struct {
	mu       sync.Mutex
	rcpt     map[string]error // by address in lower case
	result   map[string]error // of Receive: a refusal, or ErrUnavailable to fail
	mails    []taken
	refusals []string
	hold     chan struct{} // Receive waits for it, if set
}

type taken struct {
	envelope bridge.Envelope
	verdict  bridge.Verdict
	raw      string
	id       bridge.ID
}

func newOffice() *office {
	return &office{
		rcpt: map[string]error{
			"reply+ann@desk.example": nil, "reply+bob@desk.example": nil, "postmaster@desk.example": nil, "grün@desk.example": nil,
			"reply+old@desk.example": bridge.ErrRevokedRcpt, "reply+off@desk.example": bridge.ErrRepliesOff,
			"busy@desk.example": fmt.Errorf("check recipient: %w", bridge.ErrUnavailable), "broken@desk.example": errors.New("a bug"),
			"no-reply@desk.example": nil,
		},
		result: map[string]error{"no-reply@desk.example": bridge.ErrRepliesOff},
	}
}

func (o *office) CheckRecipient(_ context.Context, to string) (bridge.Claim, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err, ok := o.rcpt[strings.ToLower(to)]; ok {
		return bridge.Claim{}, err
	}
	return bridge.Claim{}, bridge.ErrUnknownRcpt
}

func (o *office) NoteRefusal(_ context.Context, e bridge.Envelope, reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refusals = append(o.refusals, e.ForwardPath+": "+reason.Error())
}

func (o *office) Author(context.Context, bridge.Envelope, *bridge.Mail) (bridge.Claim, error) {
	return bridge.Claim{}, nil
}

func (o *office) Receive(ctx context.Context, e bridge.Envelope, m *bridge.Mail, v bridge.Verdict) (bridge.Received, error) {
	if o.hold != nil {
		select {
		case <-o.hold:
		case <-ctx.Done():
			return bridge.Received{}, ctx.Err()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := bridge.Received{ID: bridge.NewID(), Envelope: e, Disposition: bridge.Appended}
	if err := o.result[strings.ToLower(e.ForwardPath)]; errors.Is(err, bridge.ErrUnavailable) {
		return bridge.Received{}, err
	} else if err != nil {
		r.Disposition, r.Refusal = bridge.Refused, err
		return r, nil
	}
	o.mails = append(o.mails, taken{e, v, string(m.Raw), r.ID})
	return r, nil
}

func (o *office) Domain() string { return "desk.example" }

func (o *office) Refusal(err error) string {
	if errors.Is(err, bridge.ErrRepliesOff) {
		return "Please sign in at https://desk.example"
	}
	return "Not here: " + err.Error()
}

// got returns the mails so far.
func (o *office) got() []taken {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]taken(nil), o.mails...)
}

func parse(raw []byte) *bridge.Mail {
	m := &bridge.Mail{Kind: bridge.KindMessage, Raw: raw, Digest: sha256.Sum256(raw)}
	for l := range strings.SplitSeq(string(raw), "\r\n") {
		if a, ok := strings.CutPrefix(l, "From: "); ok {
			m.From = append(m.From, bridge.Address{Addr: a})
		}
	}
	return m
}

// start runs a server on loopback until the test ends, and returns its address and what stops it.
func start(t testing.TB, o Gateway, change func(*Config)) (addr string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := Config{
		Gateway: o, Parse: parse, Judge: sender.AddressPolicy{}, Listeners: []net.Listener{l}, Domain: "mx.desk.example",
		MaxSize: 100 << 10, Grace: wait, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(3 * wait):
			t.Error("the server does not stop")
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// client is one end of a dialogue.
type client struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return dialled(t, conn)
}

func dialled(t testing.TB, conn net.Conn) *client { return &client{t, conn, bufio.NewReader(conn)} }

// talk runs a dialogue: a line with > is sent with CR LF, one with >> is a Go string sent as it is, one with < is the beginning of a line of
// the next reply, one with <- of its last line. "closed" is the end of the connection.
func (c *client) talk(script string) {
	c.t.Helper()
	for line := range strings.SplitSeq(script, "\n") {
		line = strings.TrimSpace(line)
		word, text, _ := strings.Cut(line, " ")
		switch word {
		case "":
		case ">":
			c.send(text + "\r\n")
		case ">>":
			s, err := strconv.Unquote(text)
			if err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
			c.send(s)
		case "<", "<-":
			reply := c.reply()
			if word == "<-" {
				reply = reply[len(reply)-1:]
			}
			if !begins(reply, text) {
				c.t.Fatalf("got reply %q, want %q", reply, text)
			}
		case "closed":
			c.closed()
		default:
			c.t.Fatalf("no such line in a dialogue: %s", line)
		}
	}
}

func begins(lines []string, text string) bool {
	for _, l := range lines {
		if strings.HasPrefix(l, text) {
			return true
		}
	}
	return false
}

func (c *client) send(s string) {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(wait))
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *client) reply() []string {
	c.t.Helper()
	var lines []string
	for {
		c.conn.SetDeadline(time.Now().Add(wait))
		l, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("after %q: %v", lines, err)
		}
		if !strings.HasSuffix(l, "\r\n") {
			c.t.Fatalf("reply %q does not end in CR LF", l)
		}
		lines = append(lines, strings.TrimRight(l, "\r\n"))
		if len(l) < 6 || l[3] != '-' {
			return lines
		}
	}
}

func (c *client) closed() {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(wait))
	if b, err := c.r.ReadByte(); err == nil {
		rest, _ := c.r.Peek(c.r.Buffered())
		c.t.Fatalf("the connection still speaks: %q", string(b)+string(rest))
	} else if isTimeout(err) {
		c.t.Fatal("the connection stays open")
	}
}

// hello goes up to the beginning of the data.
func hello(c *client) {
	c.t.Helper()
	c.talk(`
		< 220
		> EHLO client.example
		< 250-8BITMIME
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> DATA
		<- 354`)
}
