package imap

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
	"letterlock/mailin/sender"
)

const (
	receiveTimeout = 2 * time.Minute
	// beside is how many messages are judged at once: a judge waits for DNS.
	beside = 16
	// transactionBytes bounds the octets of raw mail in one transaction, unless one mail has more.
	transactionBytes = 4 << 20
)

// ahead is how many groups may be under way while the next is fetched.
const ahead = 3

// recording is a group of messages on its way into the store. What is below may be read once it ended.
type recording struct {
	fetched  *fetched
	octets   int64 // of fetched.messages
	ended    chan struct{}
	outcomes []outcome // of fetched.messages
	gaveUp   bool      // nothing works, or ctx ended: not all of them were tried
}

// outcome is what became of one message.
type outcome struct {
	tried bool
	err   error
}

// portion is a part of a group that is recorded in one transaction.
type portion struct {
	of       *recording
	from, to int // of the messages
	mails    []bridge.Arrival
	failed   bool // one of them can't be read or judged
}

// recorder records groups one after the other, each in portions. While one portion is committed the next is read and judged.
type recorder struct {
	underWay []*recording // in order; those at the front may have ended
	groups   chan *recording
	stop     func()
	working  sync.WaitGroup
}

// newRecorder returns a recorder that works until ctx ends, or end is called, or nothing works.
func (r *reader) newRecorder(ctx context.Context) *recorder {
	w := &recorder{groups: make(chan *recording, ahead)}
	ctx, w.stop = context.WithCancel(ctx)
	portions := make(chan *portion, 1)
	w.working.Go(func() {
		defer close(portions)
		for rec := range w.groups {
			for from, more := 0, true; more; more = from < len(rec.outcomes) {
				p := r.prepare(ctx, rec, from)
				portions <- p
				from = p.to
			}
		}
	})
	w.working.Go(func() {
		failed := 0
		for p := range portions {
			if p.from < p.to && !r.recordPortion(ctx, p, &failed) {
				p.of.gaveUp = true
				w.stop()
			}
			if p.to == len(p.of.outcomes) {
				close(p.of.ended)
			}
		}
	})
	return w
}

// add hands over what was fetched.
func (w *recorder) add(f *fetched) {
	rec := &recording{fetched: f, outcomes: make([]outcome, len(f.messages)), ended: make(chan struct{})}
	for _, m := range f.messages {
		rec.octets += int64(len(m.raw))
	}
	w.underWay = append(w.underWay, rec)
	w.groups <- rec
}

// due reports whether the first group has to be finished before another is fetched: it ended, or there are too many, or they hold more octets
// than one may.
func (w *recorder) due(limit int64) bool {
	if len(w.underWay) == 0 {
		return false
	}
	select {
	case <-w.underWay[0].ended:
		return true
	default:
	}
	var octets int64
	for _, rec := range w.underWay {
		octets += rec.octets
	}
	return len(w.underWay) > 1 && (len(w.underWay) >= ahead || octets > limit)
}

// first takes the group that is the longest under way out of the recorder's hands.
func (w *recorder) first() *recording {
	rec := w.underWay[0]
	w.underWay = w.underWay[1:]
	return rec
}

// drop forgets the groups that are under way.
func (w *recorder) drop() { w.underWay = nil }

// end ends what is under way, after the portion that is being recorded.
func (w *recorder) end() {
	w.stop()
	close(w.groups)
	w.working.Wait()
}

// recordPortion records a portion, or as much of it as works: where it does not as a whole, one half after the other. It reports whether to go
// on; failed counts messages that failed in a row.
func (r *reader) recordPortion(ctx context.Context, p *portion, failed *int) bool {
	if ctx.Err() != nil {
		return false
	}
	if !p.failed && r.receive(ctx, p.mails) == nil {
		for i := p.from; i < p.to; i++ {
			p.of.outcomes[i].tried = true
		}
		*failed = 0
		return true
	}
	if p.to-p.from > 1 {
		middle := (p.from + p.to) / 2
		return r.recordPortion(ctx, r.prepareRange(ctx, p.of, p.from, middle), failed) &&
			r.recordPortion(ctx, r.prepareRange(ctx, p.of, middle, p.to), failed)
	}
	err := r.handOver(ctx, p.of.fetched, p.from)
	p.of.outcomes[p.from] = outcome{tried: true, err: err}
	if err == nil {
		*failed = 0
	} else {
		*failed++
	}
	return *failed < inARow
}

// prepare reads and judges the messages of the next portion.
func (r *reader) prepare(ctx context.Context, rec *recording, from int) *portion {
	messages := rec.fetched.messages
	if ctx.Err() != nil {
		return &portion{of: rec, from: from, to: len(messages)} // which is not recorded any more
	}
	to := from
	for size := 0; to < len(messages) && to-from < r.Together; to++ {
		if size += len(messages[to].raw); size > transactionBytes && to > from {
			break
		}
	}
	return r.prepareRange(ctx, rec, from, to)
}

// prepareRange reads and judges messages, several at once.
func (r *reader) prepareRange(ctx context.Context, rec *recording, from, to int) *portion {
	p := &portion{of: rec, from: from, to: to, mails: make([]bridge.Arrival, to-from)}
	var all sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Bool
	for range min(beside, len(p.mails)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(p.mails) && !failed.Load(); i = int(next.Add(1)) - 1 {
				var err error
				if p.mails[i], err = r.arrival(ctx, rec.fetched, p.from+i); err != nil {
					failed.Store(true)
				}
			}
		})
	}
	all.Wait()
	p.failed = failed.Load()
	return p
}

// arrival reads and judges one message.
func (r *reader) arrival(ctx context.Context, f *fetched, i int) (bridge.Arrival, error) {
	m := f.messages[i]
	mail, err := r.read(m.raw)
	if err != nil {
		return bridge.Arrival{}, err
	}
	if m.cut {
		over := fmt.Sprintf("%d octets, which is more than the limit of %d", max(m.size, f.sizes[m.uid]), r.MaxSize)
		if f.sizes[m.uid] == unknown {
			over = fmt.Sprintf("more octets than the limit of %d", r.MaxSize)
		}
		mail.OverBound = fmt.Sprintf("the mail has %s; it stays in mailbox %s of %s", over, r.account.Mailbox, r.account.Name)
	}
	return r.judge(ctx, mail, "")
}

// handOver records one message. A failure that may pass is tried again at once, a few times, so that the order of messages is kept.
func (r *reader) handOver(ctx context.Context, f *fetched, i int) error {
	for try := 0; ; try++ {
		mail, err := r.arrival(ctx, f, i)
		if err == nil {
			err = r.receive(ctx, []bridge.Arrival{mail})
		}
		if err == nil || try == 2 || !errors.Is(err, bridge.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		sleep(ctx, r.backoff(try))
	}
}

// turn waits until there is room in busy, and returns what makes it again.
func (r *reader) turn() (over func()) {
	r.busy <- struct{}{}
	return func() { <-r.busy }
}

// read parses a message. A panic is an error of this message.
func (r *reader) read(raw []byte) (mail *bridge.Mail, err error) {
	defer r.turn()()
	defer func() {
		if v := recover(); v != nil {
			r.log.Error("reading a message panicked", "stack", string(debug.Stack()))
			err = fmt.Errorf("parse: %w", errOwnFault)
		}
	}()
	return r.Parse(raw), nil
}

// judge finds out who sent a mail. Where nobody says to whom it came, the Gateway looks into its fields.
func (r *reader) judge(ctx context.Context, mail *bridge.Mail, to string) (a bridge.Arrival, err error) {
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	defer r.caught(ctx, &err)
	a = bridge.Arrival{Mail: mail, Envelope: bridge.Envelope{
		Route: bridge.RouteIMAP, ReversePath: returnPath(mail.Raw), ForwardPath: to, Peer: r.account.Name, At: r.Now().UTC(),
	}}
	claim, err := r.author(ctx, a.Envelope, mail)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return a, fmt.Errorf("look up the author: %w", err)
	}
	a.Verdict = r.Judge.Judge(ctx, a.Envelope, sender.Peer{}, mail.Raw, mail, claim)
	if a.Verdict.Result == bridge.VerdictTemporary {
		return a, fmt.Errorf("the sender can't be checked now: %w", bridge.ErrUnavailable)
	}
	return a, nil
}

// author asks the Gateway who would have to have written a mail.
func (r *reader) author(ctx context.Context, e bridge.Envelope, mail *bridge.Mail) (bridge.Claim, error) {
	defer r.turn()()
	return r.Gateway.Author(ctx, e, mail)
}

// receive hands mails to the Gateway. Once begun, it is not stopped by the end of ctx.
func (r *reader) receive(ctx context.Context, mails []bridge.Arrival) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout)
	defer cancel()
	defer r.caught(ctx, &err)
	received, err := r.receiveInTurn(ctx, mails)
	if err != nil {
		return err
	}
	for i, one := range received {
		r.log.InfoContext(ctx, "mail received", "received", one.ID, "disposition", one.Disposition, "octets", len(mails[i].Mail.Raw))
	}
	return nil
}

func (r *reader) receiveInTurn(ctx context.Context, mails []bridge.Arrival) ([]bridge.Received, error) {
	defer r.turn()()
	return r.Gateway.ReceiveAll(ctx, mails)
}

// caught makes a panic an error.
func (r *reader) caught(ctx context.Context, err *error) {
	if v := recover(); v != nil {
		r.log.ErrorContext(ctx, "receiving a message panicked", "stack", string(debug.Stack()))
		*err = fmt.Errorf("receive: %w", errOwnFault)
	}
}

// recordUnreadable records that a message could not be taken, as a mail of our own to the postmaster. It is the same each time.
func (r *reader) recordUnreadable(ctx context.Context, uid imap.UID) error {
	postmaster := "postmaster@" + r.Gateway.Domain()
	text := fmt.Sprintf("Message %d of mailbox %s of %s could not be read. It stays there.", uid, r.account.Mailbox, r.account.Name)
	raw := "From: " + postmaster + "\r\nTo: " + postmaster + "\r\nSubject: A message in a mailbox could not be read\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + "\r\n"
	mail, err := r.read([]byte(raw))
	if err != nil {
		return err
	}
	mail.OverBound = text
	mail.Digest = sha256.Sum256(fmt.Appendf(nil, "unreadable %d %s", r.validity, text))
	a, err := r.judge(context.WithoutCancel(ctx), mail, postmaster)
	if err != nil {
		return err
	}
	return r.receive(ctx, []bridge.Arrival{a})
}
