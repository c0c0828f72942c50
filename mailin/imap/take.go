package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

const (
	receiveTimeout = 2 * time.Minute
	// beginning is how much of a message that is too large is read, in octets: enough for its header.
	beginning = 64 << 10
)

// take records a group of messages, and then does with them what the account wants. Messages that fail are put aside; its error
// means that the connection or the rest of the machine does not work.
func (r *reader) take(ctx context.Context, c *connection, group []imap.UID, sizes map[imap.UID]int64) error {
	limit := int64(0)
	if len(group) == 1 && sizes[group[0]] > r.MaxSize {
		limit = beginning
	}
	var octets int64
	for _, uid := range group {
		octets += sizes[uid]
	}
	fetched := c.fetch(group, octets, limit)
	missing := make(map[imap.UID]bool, len(group))
	for _, uid := range group {
		if _, ok := sizes[uid]; ok { // otherwise it went away between SEARCH and FETCH
			missing[uid] = true
		}
	}
	var done []imap.UID
	var failure error // why no more are taken; the rest is only drained
	for m := range fetched.messages {
		if failure != nil || !missing[m.uid] {
			continue
		}
		if failure = ctx.Err(); failure != nil {
			continue
		}
		delete(missing, m.uid)
		r.next = max(r.next, m.uid)
		if err := r.handOver(ctx, m, max(sizes[m.uid], m.size)); err != nil {
			failure = r.putAside(ctx, m.uid, err)
			continue
		}
		r.taken++
		r.failing = 0
		delete(r.late, m.uid)
		if !m.cut {
			done = append(done, m.uid)
		}
	}
	lost := fetched.err()
	if failure == nil {
		failure = r.left(ctx, group, missing, lost)
	}
	// A server may hand messages over in any order, so one that was passed over must not be forgotten.
	for uid := range missing {
		if uid < r.next && r.late[uid] == nil {
			r.late[uid] = &lateMessage{taken: r.taken, due: time.Now(), last: failure}
		}
	}
	if err := r.settle(ctx, c, done); err != nil {
		failure = errors.Join(failure, err)
	}
	return failure
}

// left deals with messages of a group that the server did not hand over. Where the connection broke, it's seen next time, one by one, on
// which of them it does.
func (r *reader) left(ctx context.Context, group []imap.UID, missing map[imap.UID]bool, lost error) error {
	var refused *imap.Error // NO or BAD: the connection goes on
	broken := lost != nil && !errors.As(lost, &refused)
	if broken && len(group) > 1 {
		r.careful = len(group)
		return lost
	}
	for _, uid := range group {
		if missing[uid] {
			why := lost
			if why == nil {
				why = errors.New("the server did not hand it over")
			}
			delete(missing, uid)
			r.next = max(r.next, uid)
			if err := r.putAside(ctx, uid, why); err != nil || broken {
				return errors.Join(err, lost)
			}
		}
		r.next = max(r.next, uid)
	}
	return nil
}

// settle does with recorded messages what the account wants, and saves the progress after that.
func (r *reader) settle(ctx context.Context, c *connection, done []imap.UID) error {
	if len(done) == 0 {
		return nil
	}
	if r.AfterReceive != nil {
		r.AfterReceive()
	}
	err := c.finish(done, r.account)
	var refused *imap.Error
	if errors.As(err, &refused) {
		// They are recorded, and the server won't do it: that must not keep other mail from coming.
		r.log.ErrorContext(ctx, "recorded messages stay as they are", "after", string(r.account.After), "messages", len(done), "error", err)
		err = nil
	}
	if err != nil {
		return err
	}
	return r.save(context.WithoutCancel(ctx))
}

// handOver records one message. A failure that may pass is tried again at once, a few times, so that the order of messages is kept.
func (r *reader) handOver(ctx context.Context, m message, size int64) error {
	for try := 0; ; try++ {
		mail, err := r.read(m.raw)
		if err == nil {
			if m.cut {
				mail.OverBound = fmt.Sprintf("the mail has %d octets, which is more than the limit of %d; it stays in mailbox %s of %s",
					size, r.MaxSize, r.account.Mailbox, r.account.Name)
			}
			err = r.record(ctx, mail, "")
		}
		if err == nil || try == 2 || !errors.Is(err, bridge.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, r.backoff(try))
	}
}

// read parses a message. A panic is an error of this message.
func (r *reader) read(raw []byte) (mail *bridge.Mail, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("reading a message panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("parse: %w", errOwnFault)
		}
	}()
	return r.Parse(raw), nil
}

// record judges a mail and hands it to the Gateway. Where nobody says to whom it came, the Gateway looks into its fields. Once begun, it
// is not stopped by the end of ctx.
func (r *reader) record(ctx context.Context, mail *bridge.Mail, to string) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			r.log.ErrorContext(ctx, "receiving a message panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("receive: %w", errOwnFault)
		}
	}()
	e := bridge.Envelope{Route: bridge.RouteIMAP, ReversePath: returnPath(mail.Raw), ForwardPath: to, Peer: r.account.Name, At: r.Now().UTC()}
	claim, err := r.Gateway.Author(ctx, e, mail)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return fmt.Errorf("look up the author: %w", err)
	}
	verdict := r.Judge.Judge(ctx, e, sender.Peer{}, mail.Raw, mail, claim)
	if verdict.Result == bridge.VerdictTemporary {
		return fmt.Errorf("the sender can't be checked now: %w", bridge.ErrUnavailable)
	}
	received, err := r.Gateway.Receive(ctx, e, mail, verdict)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	r.log.InfoContext(ctx, "mail received", "received", received.ID, "disposition", received.Disposition, "octets", len(mail.Raw))
	return nil
}

// unreadable is what is recorded of a message that could not be taken: a mail of our own, to the postmaster. It is the same each time.
func (r *reader) unreadable(uid imap.UID) (*bridge.Mail, error) {
	postmaster := "postmaster@" + r.Gateway.Domain()
	text := fmt.Sprintf("Message %d of mailbox %s of %s could not be read. It stays there.", uid, r.account.Mailbox, r.account.Name)
	raw := "From: " + postmaster + "\r\nTo: " + postmaster + "\r\nSubject: A message in a mailbox could not be read\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + "\r\n"
	mail, err := r.read([]byte(raw))
	if err != nil {
		return nil, err
	}
	mail.OverBound = text
	mail.Digest = sha256.Sum256(fmt.Appendf(nil, "unreadable %d %s", r.validity, text))
	return mail, nil
}

// withCRLF gives a message the line ends that it should have had. Nearly always it has them, and is returned as it is.
func withCRLF(raw []byte) []byte {
	bare := bytes.Count(raw, []byte{'\n'}) - bytes.Count(raw, []byte("\r\n"))
	if bare == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+bare)
	for i, b := range raw {
		if b == '\n' && (i == 0 || raw[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	return out
}

// returnPath returns the reverse-path that the last host wrote into the header (RFC 5321, section 4.4): the topmost one. It is empty if
// there is none, since then it's unknown whom one may answer.
func returnPath(raw []byte) string {
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			return ""
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || len(name) > 80 || !strings.EqualFold(strings.TrimSpace(string(name)), "return-path") {
			continue
		}
		path := strings.Trim(string(value), " \t")
		if len(path) > 1 && len(path) < 320 && path[0] == '<' && path[len(path)-1] == '>' {
			return path[1 : len(path)-1]
		}
		return ""
	}
	return ""
}
