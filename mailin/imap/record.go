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

// recording is a group of messages on its way into the store. Its outcomes may be read once it ended.
type recording struct {
	fetched  *fetched
	outcomes []outcome // of fetched.messages
	ended    chan struct{}
}

// outcome is what became of one message.
type outcome struct {
	tried bool
	err   error
}

// record begins to record what was fetched, in its order. It ends early if nothing works, or ctx ends; the rest is not tried then.
func (r *reader) record(ctx context.Context, f *fetched) *recording {
	rec := &recording{fetched: f, outcomes: make([]outcome, len(f.messages)), ended: make(chan struct{})}
	go func() {
		defer close(rec.ended)
		r.recordGroup(ctx, rec)
	}()
	return rec
}

// portion is a part of a group that is recorded in one transaction.
type portion struct {
	from, to int // of the messages
	mails    []bridge.Arrival
	failed   bool // one of them can't be read or judged
}

// recordGroup records a group in portions. While one is committed the next is read and judged.
func (r *reader) recordGroup(ctx context.Context, rec *recording) {
	portions := make(chan *portion, 1)
	stop := make(chan struct{})
	var preparing sync.WaitGroup
	preparing.Go(func() {
		defer close(portions)
		for from := 0; from < len(rec.fetched.messages); {
			p := r.prepare(ctx, rec.fetched, from)
			select {
			case portions <- p:
			case <-stop:
				return
			}
			from = p.to
		}
	})
	defer preparing.Wait()
	defer close(stop)
	failed := 0
	for p := range portions {
		if !r.recordPortion(ctx, rec, p, &failed) {
			return
		}
	}
}

// recordPortion records a portion, or as much of it as works: where it does not as a whole, one half after the other. It reports whether to go
// on; failed counts messages that failed in a row.
func (r *reader) recordPortion(ctx context.Context, rec *recording, p *portion, failed *int) bool {
	if ctx.Err() != nil {
		return false
	}
	if !p.failed && r.receive(ctx, p.mails) == nil {
		for i := p.from; i < p.to; i++ {
			rec.outcomes[i].tried = true
		}
		*failed = 0
		return true
	}
	if p.to-p.from > 1 {
		middle := (p.from + p.to) / 2
		return r.recordPortion(ctx, rec, r.prepareRange(ctx, rec.fetched, p.from, middle), failed) &&
			r.recordPortion(ctx, rec, r.prepareRange(ctx, rec.fetched, middle, p.to), failed)
	}
	err := r.handOver(ctx, rec.fetched, p.from)
	rec.outcomes[p.from] = outcome{tried: true, err: err}
	if err == nil {
		*failed = 0
	} else {
		*failed++
	}
	return *failed < inARow
}

// prepare reads and judges the messages of the next portion.
func (r *reader) prepare(ctx context.Context, f *fetched, from int) *portion {
	to := from
	for size := 0; to < len(f.messages) && to-from < r.Together; to++ {
		if size += len(f.messages[to].raw); size > transactionBytes && to > from {
			break
		}
	}
	return r.prepareRange(ctx, f, from, to)
}

// prepareRange reads and judges messages, several at once.
func (r *reader) prepareRange(ctx context.Context, f *fetched, from, to int) *portion {
	p := &portion{from: from, to: to, mails: make([]bridge.Arrival, to-from)}
	var all sync.WaitGroup
	var next atomic.Int64
	var failed atomic.Bool
	for range min(beside, len(p.mails)) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(p.mails) && !failed.Load(); i = int(next.Add(1)) - 1 {
				var err error
				if p.mails[i], err = r.arrival(ctx, f, p.from+i); err != nil {
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

// judge finds out who sent a mail. Where nobody says to whom it came, the Gateway looks into its fields.
func (r *reader) judge(ctx context.Context, mail *bridge.Mail, to string) (a bridge.Arrival, err error) {
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	defer r.caught(ctx, &err)
	a = bridge.Arrival{Mail: mail, Envelope: bridge.Envelope{
		Route: bridge.RouteIMAP, ReversePath: returnPath(mail.Raw), ForwardPath: to, Peer: r.account.Name, At: r.Now().UTC(),
	}}
	claim, err := r.Gateway.Author(ctx, a.Envelope, mail)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return a, fmt.Errorf("look up the author: %w", err)
	}
	a.Verdict = r.Judge.Judge(ctx, a.Envelope, sender.Peer{}, mail.Raw, mail, claim)
	if a.Verdict.Result == bridge.VerdictTemporary {
		return a, fmt.Errorf("the sender can't be checked now: %w", bridge.ErrUnavailable)
	}
	return a, nil
}

// receive hands mails to the Gateway. Once begun, it is not stopped by the end of ctx.
func (r *reader) receive(ctx context.Context, mails []bridge.Arrival) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout)
	defer cancel()
	defer r.caught(ctx, &err)
	received, err := r.Gateway.ReceiveAll(ctx, mails)
	if err != nil {
		return err
	}
	for i, one := range received {
		r.log.InfoContext(ctx, "mail received", "received", one.ID, "disposition", one.Disposition, "octets", len(mails[i].Mail.Raw))
	}
	return nil
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
