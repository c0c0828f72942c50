package smtpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

// How long the Gateway may take.
const (
	checkTimeout   = 30 * time.Second
	receiveTimeout = 5 * time.Minute
)

// session is one client's, from its HELO on. It holds at most one mail transaction (RFC 5321, section 3.3).
type session struct {
	run     *run
	conn    *conn
	smtp    *smtp.Conn
	refused int // recipients
	named   int // recipients that were accepted, the same one as often as it was named
	many    int // recipients over the number that a mail may have

	judge sender.Judge // of the mail that is being taken

	open  bool // MAIL was accepted
	from  string
	utf8  bool
	size  int64 // as declared; zero if it was not
	rcpts []recipient
	asked []asked // LMTP: each RCPT that was accepted, also if it was there already
}

// asked is one accepted RCPT.
type asked struct {
	path string
	at   int // in rcpts
}

var _ smtp.Session = (*session)(nil)

// recipient is a forward-path that was accepted, and whose reply to it a mail would be; zero where that depends on the mail.
type recipient struct {
	path  string
	claim bridge.Claim
}

func (r *run) newSession(c *smtp.Conn) (smtp.Session, error) {
	guard, ok := c.Conn().(*conn)
	if !ok {
		return nil, errors.New("a connection came in by a side door")
	}
	return &session{run: r, conn: guard, smtp: c}, nil
}

// Reset implements smtp.Session.
func (s *session) Reset() {
	s.open, s.from, s.utf8, s.size, s.rcpts, s.asked = false, "", false, 0, nil, nil
	s.named, s.many, s.conn.said = 0, 0, forwarded{}
	s.conn.finish()
}

// Logout implements smtp.Session.
func (s *session) Logout() error {
	s.Reset()
	return nil
}

// Mail implements smtp.Session. The null reverse-path is taken like any other: that is how bounces come.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	if s.open {
		return &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "A mail is under way already"}
	}
	if err := checkPath(from, opts.UTF8); err != nil {
		return s.run.replyTo(err)
	}
	if opts.Size > s.run.MaxSize {
		return s.run.replyTo(errTooBig)
	}
	if !s.conn.who.allow(pacedMails) {
		s.run.Log.Info("too many mails", "peer", s.conn.name)
		return s.run.replyTo(bridge.ErrTooMany)
	}
	s.open, s.from, s.utf8, s.size = true, from, opts.UTF8, opts.Size
	s.conn.begin()
	return nil
}

// Rcpt implements smtp.Session. Only what the Gateway knows as its own is accepted, so nothing is ever relayed.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !s.conn.who.allow(pacedRecipients) {
		return s.run.replyTo(bridge.ErrTooMany)
	}
	// The same recipient named again is no further one, but go-smtp remembers it as well.
	if len(s.rcpts) >= s.run.MaxRecipients || s.named >= 2*s.run.MaxRecipients {
		if s.many++; s.many > 10*s.run.MaxRecipients {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Far too many recipients, closing"}
		}
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 5, 3}, Message: "Too many recipients, send the mail to the others again"}
	}
	if err := checkPath(to, s.utf8); err != nil {
		return s.run.replyTo(err)
	}
	ctx, cancel := context.WithTimeout(s.run.work, checkTimeout)
	defer cancel()
	claim, err := s.run.Gateway.CheckRecipient(ctx, to)
	if err != nil {
		return s.refuse(ctx, to, err)
	}
	for i, r := range s.rcpts {
		if strings.EqualFold(r.path, to) {
			return s.accepted(to, i)
		}
	}
	s.rcpts = append(s.rcpts, recipient{to, claim})
	return s.accepted(to, len(s.rcpts)-1)
}

// accepted counts an RCPT, and remembers it for the reply that LMTP has for each.
func (s *session) accepted(to string, at int) error {
	s.named++
	if s.conn.way.lmtp {
		s.asked = append(s.asked, asked{to, at})
	}
	return nil
}

// refuse says no to a recipient, and to the session once there were many: that is somebody trying addresses.
func (s *session) refuse(ctx context.Context, to string, err error) error {
	reply := s.run.replyTo(err)
	if !isPermanent(reply) {
		s.run.Log.WarnContext(ctx, "recipient deferred", "peer", s.conn.name, "error", err)
		return reply
	}
	s.run.Gateway.NoteRefusal(ctx, s.envelope(to), err)
	s.run.Log.InfoContext(ctx, "recipient refused", "peer", s.conn.name, "code", reply.Code, "reason", err)
	calm := true
	if errors.Is(err, bridge.ErrUnknownRcpt) {
		calm = s.conn.who.allow(pacedFaults)
	}
	if s.refused++; s.refused >= s.run.MaxRefused && !s.conn.front || !calm {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Too many unknown recipients, closing"}
	}
	return reply
}

func (s *session) envelope(to string) bridge.Envelope {
	return bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: s.from, ForwardPath: to, Peer: s.peerName(), At: s.run.Now().UTC()}
}

// Data implements smtp.Session. It answers 250 only when every recipient's part is durable.
func (s *session) Data(r io.Reader) error {
	s.conn.startData()
	raw, place, err := s.read(r)
	if err != nil {
		s.run.Log.Info("mail not taken", "peer", s.conn.name, "reason", err)
		if errors.Is(err, errBareLine) || errors.Is(err, errTooMuch) {
			s.conn.who.allow(pacedFaults)
		}
		if isTimeout(err) {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "The mail took too long, closing"}
		}
		return s.run.replyTo(err)
	}
	defer place.leave()
	if hops(raw) > maxHops {
		s.run.Log.Warn("mail loop", "peer", s.conn.name)
		return s.run.replyTo(errLoop)
	}
	mail := s.run.Parse(raw)
	s.judge = sender.ForOneMail(s.run.Judge)
	outcomes := make([]outcome, len(s.rcpts))
	// One bound for all recipients: the client waits ten minutes for the reply (RFC 5321, section 4.5.3.2.6).
	ctx, cancel := context.WithTimeout(s.run.work, receiveTimeout)
	defer cancel()
	for i, to := range s.rcpts {
		outcomes[i] = s.receive(ctx, to, raw, mail)
	}
	if s.run.AfterReceive != nil {
		s.run.AfterReceive()
	}
	if s.conn.way.lmtp {
		s.conn.answers = s.answers(outcomes)
	}
	return summary(outcomes)
}

// answers are LMTP's replies to a mail, one for each RCPT that was accepted, in that order (RFC 2033, section 4.2).
func (s *session) answers(outcomes []outcome) []string {
	lines := make([]string, len(s.asked))
	for i, a := range s.asked {
		reply := outcomes[a.at].refusal
		if reply == nil {
			reply = recorded(outcomes[a.at].received)
		}
		e := reply.EnhancedCode
		lines[i] = fmt.Sprintf("%d %d.%d.%d <%s> %s\r\n", reply.Code, e[0], e[1], e[2], oneLine(a.path), oneLine(reply.Message))
	}
	return lines
}

// read takes the mail into memory, with our Received field before it. Its place, nil for a small one, is held for as long as the mail is.
func (s *session) read(r io.Reader) (raw []byte, big *place, err error) {
	prefix := s.received()
	limit := len(prefix) + int(s.run.MaxSize)
	defer func() {
		big.complete()
		if err != nil {
			big.leave()
		}
	}()
	raw = make([]byte, 0, min(len(prefix)+max(int(s.size)+1, 8<<10), smallMail))
	raw = append(raw, prefix...)
	for {
		if len(raw) == cap(raw) {
			size := 2 * cap(raw)
			if cap(raw) < smallMail {
				size = min(size, smallMail)
			}
			if cap(raw) == smallMail {
				if big, err = s.run.big.enter(s.run.work.Done(), s.conn.hurry); err != nil {
					return nil, nil, err
				}
				size = max(size, len(prefix)+int(s.size)+1)
			}
			// One octet more than is allowed shows that there are more.
			grown := make([]byte, len(raw), min(size, limit+1))
			copy(grown, raw)
			raw = grown
		}
		n, err := r.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		big.took(n)
		if len(raw) > limit {
			return nil, big, errTooBig
		}
		if err == io.EOF {
			return raw, big, nil
		}
		if err != nil {
			return nil, big, err
		}
	}
}

// received returns our Received field for the mail.
func (s *session) received() []byte {
	t := trace{helo: s.smtp.Hostname(), peer: s.conn.peer, by: s.run.Domain, with: "SMTP", id: bridge.NewID().String(), at: s.run.Now()}
	switch {
	case s.conn.way.lmtp && s.utf8:
		t.with = "UTF8LMTP"
	case s.conn.way.lmtp:
		t.with = "LMTP"
	case s.utf8:
		t.with = "UTF8SMTP"
	case s.conn.ehlo:
		t.with = "ESMTP"
	}
	if s.conn.tls != nil {
		state := s.conn.tls.ConnectionState()
		t.tls = &state
		if s.conn.ehlo {
			t.with += "S"
		}
	}
	if len(s.rcpts) == 1 {
		t.rcpt = s.rcpts[0].path
	}
	return t.field()
}

// outcome is what became of the mail for one recipient: a record, or a reply that says why there is none.
type outcome struct {
	received bridge.Received
	refusal  *smtp.SMTPError
}

// receive judges the mail for one recipient and hands it over. A panic on one mail is its sender's to try again, not the end of the process.
func (s *session) receive(ctx context.Context, r recipient, raw []byte, mail *bridge.Mail) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			s.run.Log.ErrorContext(ctx, "receiving a mail panicked", "peer", s.conn.name, "stack", string(debug.Stack()))
			o = outcome{refusal: s.run.replyTo(bridge.ErrUnavailable)}
		}
	}()
	received, err := s.hand(ctx, r, raw, mail)
	if err != nil {
		s.run.Log.WarnContext(ctx, "mail deferred", "peer", s.conn.name, "error", err)
		return outcome{refusal: s.run.replyTo(err)}
	}
	s.run.Log.InfoContext(ctx, "mail received", "peer", s.conn.name, "received", received.ID, "disposition", received.Disposition,
		"octets", len(raw))
	if received.Disposition == bridge.Refused {
		reason := received.Refusal
		if reason == nil {
			reason = bridge.ErrForbidden
		}
		return outcome{refusal: s.run.replyTo(reason)}
	}
	return outcome{received: received}
}

// hand asks who wrote the mail and gives it to the Gateway. All its errors ask the client to try again.
func (s *session) hand(ctx context.Context, r recipient, raw []byte, mail *bridge.Mail) (bridge.Received, error) {
	e, claim := s.envelope(r.path), r.claim
	if claim.Person.IsZero() {
		var err error
		if claim, err = s.run.Gateway.Author(ctx, e, mail); err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return bridge.Received{}, fmt.Errorf("%w: look up the author: %w", bridge.ErrUnavailable, err)
		}
	}
	verdict := s.judge.Judge(ctx, e, s.client(), raw, mail, claim)
	if verdict.Result == bridge.VerdictTemporary {
		return bridge.Received{}, errVerdict
	}
	received, err := s.run.Gateway.Receive(ctx, e, mail, verdict)
	if err != nil {
		return bridge.Received{}, fmt.Errorf("%w: receive: %w", bridge.ErrUnavailable, err)
	}
	return received, nil
}

// client is who really sent the mail. A mail server in front is not that, so without XFORWARD nobody knows.
func (s *session) client() sender.Peer {
	if s.conn.front {
		return sender.Peer{IP: s.conn.said.ip, Helo: s.conn.said.helo}
	}
	return sender.Peer{IP: s.conn.peer, Helo: s.smtp.Hostname(), TLS: s.conn.tls != nil}
}

func (s *session) peerName() string {
	if s.conn.said.ip.IsValid() {
		return s.conn.said.name()
	}
	return s.conn.name
}

// recorded is the reply to a mail that is durably recorded.
func recorded(r bridge.Received) *smtp.SMTPError {
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "OK " + r.ID.String()}
}

// summary makes one reply of many outcomes. If one has to be tried again, all are: what was recorded is then found to be there. If
// one was taken, the mail was: SMTP has no way to refuse it for the others now, and their refusal is on record.
func summary(outcomes []outcome) *smtp.SMTPError {
	var first *bridge.Received
	var refusal *smtp.SMTPError
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.refusal == nil && first == nil:
			first = &o.received
		case o.refusal != nil && !isPermanent(o.refusal):
			return o.refusal
		case o.refusal != nil && refusal == nil:
			refusal = o.refusal
		}
	}
	if first != nil {
		return recorded(*first)
	}
	return refusal
}
