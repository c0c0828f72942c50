package smtpd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"letterlock/bridge/mailaddr"
)

// maxLine is the longest command line, in octets with CR LF. RFC 5321, section 4.5.3.1.4, asks for 512, and the extensions add to that.
const maxLine = 2048

var (
	errBareLine = errors.New("bare CR or LF")
	errTooMuch  = errors.New("far over the size limit")
)

// conn is what go-smtp talks to: the client's octets after TLS, one command line for each Read, and data only up to the end of its mail.
// It answers what go-smtp must not see: lines that are not well formed, STARTTLS, and BDAT, whose refused chunks go-smtp would take for
// commands. All but hurry, drain and cut is called by one goroutine.
type conn struct {
	net.Conn
	run  *run
	way  *way
	peer netip.Addr
	name string   // host:port of the client, for the log
	who  *visitor // for the counting; nil without bounds
	br   *bufio.Reader
	bw   *bufio.Writer

	until time.Time // the end of the session
	tls   *tls.Conn // nil in clear text
	ehlo  bool
	front bool      // the client is a mail server in front, whose XFORWARD is believed
	said  forwarded // what it told about the next mail
	quiet bool      // drop the next reply: after STARTTLS there is no second greeting (RFC 3207, section 4.2)
	line  []byte    // what is left of the command line being read
	over  bool      // nothing more is read from the client
	leave func()    // gives back the connection's place; nil once another conn has taken over

	faults  int      // commands that were none
	answers []string // LMTP: the replies to a mail, in place of the next lines

	data  *scanner // set while a mail is being read
	due   time.Time
	spent int64 // octets of the mail so far
	stray bool  // the client may still be sending, so its input is read before closing

	mu       sync.Mutex
	busy     bool // in a mail transaction
	slow     bool // its mail has to make way
	draining bool
}

func newConn(r *run, w *way, nc net.Conn, leave func()) *conn {
	return &conn{
		Conn: nc, run: r, way: w, peer: peerIP(nc.RemoteAddr()), name: peerName(nc.RemoteAddr()),
		br: bufio.NewReaderSize(nc, 8<<10), bw: bufio.NewWriterSize(nc, 4<<10),
		until: time.Now().Add(r.SessionTimeout), leave: leave,
	}
}

// Read gives go-smtp the rest of a command line, or the next one, or a piece of the mail.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.data != nil {
		return c.readData(p)
	}
	for len(c.line) == 0 {
		line, err := c.readLine()
		if err != nil {
			return 0, err
		}
		if c.line, err = c.command(line); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.line)
	c.line = c.line[n:]
	return n, nil
}

// readLine returns the next command line with its CR LF. Its end, like every end of input, is io.EOF, with the reason told to the client.
func (c *conn) readLine() ([]byte, error) {
	if c.over {
		return nil, io.EOF
	}
	if b, _ := c.br.Peek(c.br.Buffered()); bytes.IndexByte(b, '\n') < 0 {
		// The client waits, or will. Until then replies to pipelined commands gather (RFC 2920, section 3.2).
		if err := c.flush(); err != nil {
			return nil, io.EOF
		}
	}
	if !c.await() {
		return nil, c.hangUp("421 4.3.2 %s is shutting down, try again later", c.run.Domain)
	}
	line, err := c.br.ReadSlice('\n')
	switch {
	case err == nil:
	case errors.Is(err, bufio.ErrBufferFull):
		c.stray = true
		return nil, c.hangUp("500 5.5.2 The line is too long")
	case !isTimeout(err):
		c.over = true
		return nil, io.EOF
	case !c.await():
		return nil, c.hangUp("421 4.3.2 %s is shutting down, try again later", c.run.Domain)
	default:
		return nil, c.hangUp("421 4.4.2 Nothing was heard for too long, closing")
	}
	if len(line) > maxLine {
		c.stray = true
		return nil, c.hangUp("500 5.5.2 The line is too long")
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || bytes.IndexFunc(text, isControl) >= 0 {
		c.stray = true
		return nil, c.hangUp("500 5.5.2 A line must end with CR LF and have no other control characters (RFC 5321, section 2.3.8)")
	}
	return line, nil
}

func isControl(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }

// await sets the deadline for the next command. It reports false if the server is closing and no mail is under way.
func (c *conn) await() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining && !c.busy {
		return false
	}
	return c.Conn.SetReadDeadline(earlier(time.Now().Add(c.run.CommandTimeout), c.until)) == nil
}

// command looks at a line before go-smtp does. It returns the line to hand on, or nothing if it was answered here.
func (c *conn) command(line []byte) ([]byte, error) {
	text := strings.TrimRight(string(line), " \t\r\n")
	verb, arg, _ := strings.Cut(text, " ")
	switch verb = strings.ToUpper(verb); {
	case verb == "EHLO" || verb == "HELO" || verb == "LHLO":
		c.ehlo = verb == "EHLO"
	case verb == "BDAT":
		c.stray = true
		return nil, c.hangUp("502 5.5.1 BDAT is not offered here")
	case verb == "RCPT":
		return c.localPostmaster(line, arg), nil
	case verb == "XFORWARD" && c.front:
		return nil, c.xforward(arg)
	case verb == "PROXY":
		// Whoever may speak the PROXY protocol has done so before the first command.
		c.stray = true
		return nil, c.hangUp("500 5.5.1 The PROXY protocol is not taken from you")
	case strings.HasPrefix(verb, "STARTTLS") && c.way.smtp.TLSConfig != nil: // where it is offered
		if text = strings.ToUpper(text); text != "STARTTLS" {
			return nil, c.reply("501 5.5.4 STARTTLS takes no argument")
		}
		return nil, c.startTLS()
	}
	return line, nil
}

// localPostmaster gives <postmaster> its domain: it must be accepted without one (RFC 5321, section 4.5.1), and go-smtp wants one.
func (c *conn) localPostmaster(line []byte, arg string) []byte {
	const path = "<postmaster>"
	arg = strings.TrimSpace(arg)
	if len(arg) < 3 || !strings.EqualFold(arg[:3], "TO:") {
		return line
	}
	arg = strings.TrimSpace(arg[3:])
	if len(arg) < len(path) || !strings.EqualFold(arg[:len(path)], path) {
		return line
	}
	return []byte("RCPT TO:<postmaster@" + c.run.Gateway.Domain() + ">" + arg[len(path):] + "\r\n")
}

// startTLS makes the connection a TLS session and hands it to the server for those, as a new one: whatever was said before is forgotten
// (RFC 3207, section 4.2).
func (c *conn) startTLS() error {
	if c.br.Buffered() > 0 {
		// Commands that somebody put behind STARTTLS in clear text must not count as said within TLS.
		c.stray = true
		return c.hangUp("554 5.5.1 Nothing may follow STARTTLS before the handshake")
	}
	if err := c.reply("220 2.0.0 Ready to start TLS"); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return io.EOF
	}
	c.over = true
	session := tls.Server(c.Conn, c.run.TLS)
	if err := c.run.handshake(session); err != nil {
		c.who.allow(pacedFaults)
		c.run.Log.Debug("no TLS session", "peer", c.name, "error", err)
		return io.EOF
	}
	next := newConn(c.run, c.run.secure, session, c.leave)
	next.tls, next.quiet, next.until = session, true, c.until
	next.front, next.who, next.faults = c.front, c.who, c.faults
	c.leave = nil
	c.run.replace(c, next)
	return io.EOF
}

// startData makes what follows a mail of at most so many octets, all told. It is called once go-smtp has answered 354.
func (c *conn) startData() {
	c.data, c.spent = &scanner{}, 0
	c.due = earlier(time.Now().Add(c.run.DataTimeout), c.until)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = false
}

// readData reads up to the end of the mail, and never past it.
func (c *conn) readData(p []byte) (int, error) {
	for {
		if c.br.Buffered() == 0 {
			if err := c.flush(); err != nil {
				return 0, c.abort(err)
			}
			if err := c.awaitData(); err != nil {
				return 0, c.abort(err)
			}
			if _, err := c.br.Peek(1); err != nil {
				if isTimeout(err) && c.isSlow() {
					err = errSlow
				}
				return 0, c.abort(err)
			}
		}
		b, _ := c.br.Peek(min(len(p), c.br.Buffered()))
		n, end := c.data.feed(b)
		copy(p, b[:n])
		bad := c.data.bad
		if _, err := c.br.Discard(n); err != nil {
			return 0, c.abort(err)
		}
		if c.spent += int64(n); c.spent > 2*c.run.MaxSize+1<<20 {
			c.stray = true
			return 0, c.abort(errTooMuch)
		}
		switch {
		case bad && end:
			c.stray = true
			return 0, c.abort(errBareLine)
		case bad:
			continue
		case end:
			c.data = nil
		}
		return n, nil
	}
}

// awaitData sets the deadline for the next piece of the mail.
func (c *conn) awaitData() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slow {
		return errSlow
	}
	return c.Conn.SetReadDeadline(earlier(time.Now().Add(c.run.BlockTimeout), c.due))
}

// abort ends the reading of a mail, and of the session.
func (c *conn) abort(err error) error {
	c.data, c.over = nil, true
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write takes one reply line from go-smtp.
func (c *conn) Write(p []byte) (int, error) {
	if c.quiet {
		c.quiet = false
		return len(p), nil
	}
	line := string(p)
	switch line {
	case "250-CHUNKING\r\n":
		if !c.front {
			return len(p), nil
		}
		line = "250-" + xforward + "\r\n"
	case "250-SIZE\r\n", "250 SIZE\r\n":
		// go-smtp is not told the limit, since it would refuse a mail of exactly that size.
		line = fmt.Sprintf("%s %d\r\n", line[:8], c.run.MaxSize)
	}
	switch {
	case len(c.answers) > 0:
		line, c.answers = c.answers[0], c.answers[1:]
	case isFault(line) && c.tooFaulty():
		line = "421 4.7.0 Too many errors, closing\r\n"
	}
	if strings.HasPrefix(line, "421 ") {
		c.over, c.stray = true, true // this reply says that we close (RFC 5321, section 3.8)
	}
	if err := c.put(line); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *conn) put(line string) error {
	if c.bw.Available() < len(line) {
		if err := c.flush(); err != nil {
			return err
		}
	}
	_, err := c.bw.WriteString(line)
	return err
}

// reply answers in go-smtp's stead.
func (c *conn) reply(format string, args ...any) error {
	if err := c.put(fmt.Sprintf(format, args...) + "\r\n"); err != nil {
		return io.EOF
	}
	return nil
}

// hangUp answers and ends the input.
func (c *conn) hangUp(format string, args ...any) error {
	c.over = true
	if format[0] == '5' {
		c.who.allow(pacedFaults)
	}
	_ = c.reply(format, args...)
	return io.EOF
}

// isFault reports whether a reply is to a command that was none, or that nobody may give here.
func isFault(line string) bool {
	return strings.HasPrefix(line, "50") || strings.HasPrefix(line, "52") || strings.HasPrefix(line, "454 ")
}

// tooFaulty counts a fault of the client, and reports whether it was one too many.
func (c *conn) tooFaulty() bool {
	c.faults++
	return !c.who.allow(pacedFaults) || c.faults >= c.run.MaxFaults
}

// xforward takes what a mail server in front says about its client. It counts for the next mail only: nothing that is told about one must be
// believed of another.
func (c *conn) xforward(args string) error {
	switch {
	case c.isBusy():
		return c.reply("503 5.5.1 Not within a mail")
	case !c.said.forward(args):
		return c.reply("501 5.5.4 The attributes are not well formed")
	}
	return c.reply("250 2.0.0 Ok")
}

func (c *conn) flush() error {
	if c.bw.Buffered() == 0 {
		return nil
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	return c.bw.Flush()
}

// Close is called by go-smtp, also after another conn has taken over, and more than once.
func (c *conn) Close() error {
	c.over = true
	if c.leave == nil {
		return nil
	}
	leave := c.leave
	c.leave = nil
	defer c.run.live.Done()
	err := c.flush()
	if c.stray && err == nil {
		c.linger()
	}
	c.run.forget(c)
	leave() // before the client sees the end, after which it may come again at once
	return errors.Join(err, c.Conn.Close())
}

// linger reads on for a moment, since closing with input unread would make TCP drop our last reply on its way.
func (c *conn) linger() {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = t.CloseWrite()
	}
	if err := c.Conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err == nil {
		_, _ = io.CopyN(io.Discard, c.br, 1<<20)
	}
}

// begin and finish mark a mail transaction.
func (c *conn) begin()  { c.setBusy(true) }
func (c *conn) finish() { c.setBusy(false) }

func (c *conn) setBusy(busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = busy
}

func (c *conn) isBusy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// hurry ends the reading of the mail with errSlow. Any goroutine may call it.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = true
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
}

func (c *conn) isSlow() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slow
}

// drain asks the connection to end, at once or after the mail that is under way. Any goroutine may call it.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if !c.busy {
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// cut ends the connection without a word. Any goroutine may call it.
func (c *conn) cut() {
	if c.tls != nil {
		_ = c.tls.NetConn().Close() // not tls.Conn.Close, which waits to say goodbye
		return
	}
	_ = c.Conn.Close()
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// checkPath reports whether a path, as go-smtp read it, may be used. Without SMTPUTF8 it has to be ASCII.
func checkPath(path string, utf8 bool) error {
	if len(path) > mailaddr.MaxAddress {
		return errLongPath
	}
	for _, r := range path {
		if r == '\uFFFD' || isControl(r) || r == '\t' {
			return errOddPath
		}
		if r > 0x7f && !utf8 {
			return errUTF8Path
		}
	}
	return nil
}
