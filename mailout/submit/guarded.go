package submit

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/mailout/compose"
)

// maxReply bounds what a peer may say between two commands of ours, in octets.
const maxReply = 64 << 10

var errReplyTooLong = errors.New("the peer's reply does not end")

// guarded is a connection with bounds that go-smtp does not set: on the time each write takes, and on what is read until the
// next write; which reads no more than one reply to each thing that was said; and which says several things at once where the peer can bear it.
//
// go-smtp says one thing, reads the reply, and says the next. What it is sure to say next, unless it is refused something, can be given as follow: it is sent
// together with what goes before (RFC 2920), and not once more when go-smtp comes to it. So everything else stays as go-smtp does it.
type guarded struct {
	net.Conn
	block  time.Duration
	before string // to be read first
	read   int
	turn   turn
	follow []string // commands to send along with the next one
	ahead  []string // those that were sent, whose turn has not come
	rest   []byte   // replies to them
}

func (g *guarded) Read(b []byte) (int, error) {
	if g.before != "" {
		n := copy(b, g.before)
		g.before = g.before[n:]
		return n, nil
	}
	if len(g.rest) > 0 {
		n := g.turn.theirs(g.rest[:min(len(g.rest), len(b))])
		copy(b, g.rest[:n])
		g.rest = g.rest[n:]
		if n == 0 && len(b) > 0 {
			return 0, errOutOfTurn
		}
		return n, nil
	}
	n, err := g.Conn.Read(b)
	if g.read += n; g.read > maxReply {
		return 0, errReplyTooLong
	}
	whole := n
	if n = g.turn.theirs(b[:n]); n == 0 && whole > 0 {
		return 0, errOutOfTurn
	}
	if n < whole && !g.turn.broken {
		g.rest = append([]byte(nil), b[n:whole]...)
	}
	return n, err
}

func (g *guarded) Write(b []byte) (int, error) {
	if len(g.ahead) > 0 {
		if string(b) == g.ahead[0] {
			g.ahead = g.ahead[1:]
			if !g.turn.next() {
				return 0, errOutOfTurn
			}
			return len(b), nil
		}
		if err := g.drain(); err != nil {
			return 0, err
		}
	}
	g.read = 0
	if !g.turn.ours(1 + len(g.follow)) {
		return 0, errOutOfTurn
	}
	if len(g.follow) == 0 {
		return g.send(b)
	}
	together := append([]byte(nil), b...)
	for _, command := range g.follow {
		together = append(together, command...)
	}
	g.ahead, g.follow = g.follow, nil
	if _, err := g.send(together); err != nil {
		return 0, err
	}
	return len(b), nil
}

// drain reads the replies to what was sent ahead and is not to be said any more, because something before it was refused. They are refusals too; where
// one says that the mail may come, nothing but the end of the connection makes clear that it does not (RFC 2920, section 3.1, would have us send an empty one).
func (g *guarded) drain() error {
	var b [512]byte
	for range g.ahead {
		// What is left of the reply before was read to its end, or the connection is broken.
		if !g.turn.over || !g.turn.next() {
			return errOutOfTurn
		}
		first := true
		for !g.turn.over {
			n, err := g.Read(b[:])
			if n > 0 && first {
				if b[0] != '4' && b[0] != '5' {
					return errOutOfTurn
				}
				first = false
			}
			if err != nil {
				return err
			}
		}
	}
	g.ahead = nil
	return nil
}

// send writes octets with a bound on the time.
func (g *guarded) send(b []byte) (int, error) {
	// A large message is one write for bufio, so it goes in pieces that each have their time.
	const piece = 64 << 10
	sent := 0
	for len(b) > 0 {
		next := b[:min(piece, len(b))]
		if err := g.Conn.SetWriteDeadline(time.Now().Add(g.block)); err != nil {
			return sent, err
		}
		n, err := g.Conn.Write(next)
		sent += n
		if err != nil {
			return sent, err
		}
		b = b[len(next):]
	}
	return sent, nil
}

// maxAhead bounds each of the commands that are sent together, so that go-smtp says it in one piece.
const maxAhead = 1000

// pipeline returns the commands that follow MAIL for a mail, as go-smtp writes them, or none where the peer does not offer to take them at once.
func (c *conn) pipeline(m compose.Mail, o *smtp.RcptOptions) []string {
	if offered, _ := c.smtp.Extension("PIPELINING"); !offered || c.lmtp || len(m.ReversePath) > maxAhead || len(m.Recipient) > maxAhead {
		return nil
	}
	if strings.ContainsAny(m.Recipient, "\r\n") {
		return nil // go-smtp refuses it when its turn comes, and nothing of it must be said before
	}
	rcpt := "RCPT TO:<" + m.Recipient + ">"
	if dsn, _ := c.smtp.Extension("DSN"); dsn {
		for i, v := range o.Notify {
			if i == 0 {
				rcpt += " NOTIFY=" + string(v)
			} else {
				rcpt += "," + string(v)
			}
		}
	}
	return []string{rcpt + "\r\n", "DATA\r\n"}
}
