package imap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"letterlock/bridge"
)

// reader reads one account. Its memory of the mailbox outlives connections.
type reader struct {
	*Poller
	account Account
	log     *slog.Logger

	validity uint32   // of the mailbox that next and late are about; zero before the first SELECT
	first    imap.UID // while the mailbox is read for the first time and Account.Since holds: the first UID that counts anyway
	next     imap.UID
	saved    imap.UID
	late     map[imap.UID]*lateMessage
	// taken counts messages that went through. A failure counts against a message only if others went through since the one before: when
	// nothing works, no message is to blame.
	taken   int
	failing int // messages that failed in a row
	calm    int // rounds since the last news on this connection
	careful int // so many messages are fetched one by one, since a connection broke among them
}

// lateMessage is one that could not be taken so far.
type lateMessage struct {
	due     time.Time
	retries int
	counted int // failures that count
	taken   int // reader.taken at the last failure
	last    error
}

// What ends a connection to be made again later.
var errNothingWorks = errors.New("messages can't be recorded at the moment")

// errOwnFault is wrapped by a failure that no other cause can have than the message itself.
var errOwnFault = errors.New("the program can't cope with this message")

// inARow is after how many failures it's not the message's fault.
const inARow = 3

func newReader(p *Poller, a Account) *reader {
	return &reader{
		Poller: p, account: a, log: p.Log.With("account", a.Name), late: make(map[imap.UID]*lateMessage),
	}
}

// run reads the account until ctx ends.
func (r *reader) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		worked, err := r.connection(ctx)
		if ctx.Err() != nil {
			return
		}
		if worked {
			failures = 0
		}
		pause := r.backoff(failures)
		if isRefused(err) {
			// Servers lock accounts that try a wrong password too often.
			pause = max(pause, r.RetryMax)
		}
		failures++
		r.log.WarnContext(ctx, "mailbox can't be read, trying again later", "error", err, "pause", pause)
		sleep(ctx, pause)
	}
}

// backoff returns how long to wait after so many failures, with jitter so that many accounts don't come back at once.
func (r *reader) backoff(failures int) time.Duration {
	d := r.RetryMax
	if failures < 20 {
		d = min(r.RetryMin<<failures, r.RetryMax)
	}
	return d/2 + rand.N(d/2+1)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// connection connects, and reads until that fails. It reports whether it got so far that the mailbox was read once.
func (r *reader) connection(ctx context.Context) (worked bool, err error) {
	defer func() {
		// The library is in beta: a panic of its costs one connection.
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
			r.log.ErrorContext(ctx, "reading a mailbox panicked", "stack", string(debug.Stack()))
		}
	}()
	c, err := r.connect(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	if err := r.open(ctx, c); err != nil {
		return false, err
	}
	r.calm = 0
	r.log.InfoContext(ctx, "mailbox open", "mailbox", r.account.Mailbox, "idle", c.canIdle())
	for {
		c.clearNews()
		if err := r.round(ctx, c); err != nil {
			return worked, err
		}
		worked = true
		if err := c.wait(ctx, r.pause(c)); err != nil {
			return worked, err
		}
	}
}

// pause is how long to wait for news at most.
func (r *reader) pause(c *connection) time.Duration {
	// Some servers don't announce in IDLE what came just before it began. So look once more soon, and settle down then.
	d := r.Poll
	if c.canIdle() && r.calm > 1 {
		d = r.IdleFor
	}
	for _, l := range r.late {
		d = min(d, max(time.Until(l.due), 10*time.Millisecond))
	}
	return d
}

// open selects the mailbox and finds out where to go on.
func (r *reader) open(ctx context.Context, c *connection) error {
	validity, uidNext, err := c.open(r.account.Mailbox)
	if err != nil {
		return err
	}
	if validity == r.validity && validity != 0 {
		return nil
	}
	s, err := r.Progress.Mailbox(ctx, r.account.Name, r.account.Mailbox)
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return fmt.Errorf("look up progress: %w", err)
	}
	r.validity, r.next, r.saved, r.first = validity, 0, 0, 0
	clear(r.late)
	switch {
	case err != nil:
		if !r.account.Since.IsZero() {
			r.first = uidNext
		}
	case s.UIDValidity == validity:
		r.next, r.saved = imap.UID(s.LastUID), imap.UID(s.LastUID)
	default:
		// The UIDs mean other messages now (RFC 9051, section 2.3.1.1), so all are read again. Those known already change nothing.
		r.log.WarnContext(ctx, "the mailbox was made anew on the server, reading it again", "mailbox", r.account.Mailbox)
	}
	return nil
}

// round takes all messages that are new, and then those that were put aside and are due.
func (r *reader) round(ctx context.Context, c *connection) error {
	r.calm++
	for {
		var since time.Time
		if r.first > 0 {
			since = r.account.Since
		}
		uids, err := c.search(r.next+1, since)
		if err != nil {
			return err
		}
		if len(uids) == 0 {
			break
		}
		r.calm = 0
		if err := r.takeAll(ctx, c, uids); err != nil {
			return err
		}
	}
	if r.first > 0 {
		r.next, r.first = max(r.next, r.first-1), 0
	}
	if err := r.retry(ctx, c); err != nil {
		return err
	}
	return r.save(ctx)
}

// takeAll takes messages in the order of their UIDs, in groups that fit in memory.
func (r *reader) takeAll(ctx context.Context, c *connection, uids []imap.UID) error {
	for len(uids) > 0 {
		some := uids[:min(len(uids), r.Batch)]
		if r.careful > 0 {
			some = uids[:1]
		}
		uids = uids[len(some):]
		sizes, err := r.measure(ctx, c, some)
		if err != nil {
			return err
		}
		for len(some) > 0 {
			group := r.group(some, sizes)
			some = some[len(group):]
			if err := r.take(ctx, c, group, sizes); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure returns the sizes of those messages that are still there. A message whose size is not to be had counts as empty: fetching it will
// tell more.
func (r *reader) measure(ctx context.Context, c *connection, uids []imap.UID) (map[imap.UID]int64, error) {
	sizes, err := c.sizes(uids)
	var refused *imap.Error
	switch {
	case err == nil:
		return sizes, nil
	case !errors.As(err, &refused) && len(uids) > 1:
		r.careful = len(uids)
		return nil, err
	case !errors.As(err, &refused):
		r.next = max(r.next, uids[0])
		return nil, errors.Join(r.putAside(ctx, uids[0], err), err)
	case len(uids) == 1:
		return map[imap.UID]int64{uids[0]: 0}, nil
	}
	sizes = make(map[imap.UID]int64, len(uids))
	for i := range uids {
		one, err := r.measure(ctx, c, uids[i:i+1])
		if err != nil {
			return nil, err
		}
		maps.Copy(sizes, one)
	}
	return sizes, nil
}

// group returns the messages, of those given, that are fetched together next: at least one, and a too large one alone.
func (r *reader) group(uids []imap.UID, sizes map[imap.UID]int64) []imap.UID {
	if r.careful > 0 {
		r.careful--
		return uids[:1]
	}
	var sum int64
	for i, uid := range uids {
		sum += sizes[uid]
		large := sizes[uid] > r.MaxSize
		switch {
		case i == 0 && large:
			return uids[:1]
		case i > 0 && (large || sum > r.BatchBytes):
			return uids[:i]
		}
	}
	return uids
}

// retry takes the messages that were put aside and are due, one by one. Those that are not there any more are forgotten.
func (r *reader) retry(ctx context.Context, c *connection) error {
	for _, uid := range slices.Sorted(maps.Keys(r.late)) {
		if time.Now().Before(r.late[uid].due) {
			continue
		}
		sizes, err := r.measure(ctx, c, []imap.UID{uid})
		if err != nil {
			return err
		}
		if _, ok := sizes[uid]; !ok {
			delete(r.late, uid)
			continue
		}
		if err := r.take(ctx, c, []imap.UID{uid}, sizes); err != nil {
			return err
		}
	}
	return nil
}

// putAside remembers a message that could not be taken, or gives it up. It returns an error if nothing seems to work.
func (r *reader) putAside(ctx context.Context, uid imap.UID, why error) error {
	l := r.late[uid]
	if l == nil {
		l = &lateMessage{taken: r.taken}
		r.late[uid] = l
		r.failing++
	}
	if r.taken > l.taken || errors.Is(why, errOwnFault) {
		l.counted++
	}
	l.last, l.taken, l.due = why, r.taken, time.Now().Add(r.backoff(l.retries))
	l.retries++
	r.log.WarnContext(ctx, "message put aside", "uid", uint32(uid), "error", why)
	if l.counted >= r.Tries {
		r.giveUp(ctx, uid, why)
	}
	if r.failing >= inARow {
		r.failing = 0
		return errNothingWorks
	}
	return nil
}

// giveUp leaves a message for good. It stays in the mailbox, and staff find a record of it, if that at least can be written.
func (r *reader) giveUp(ctx context.Context, uid imap.UID, why error) {
	delete(r.late, uid)
	r.log.ErrorContext(ctx, "message given up, it stays in the mailbox", "uid", uint32(uid), "error", why)
	mail, err := r.unreadable(uid)
	if err == nil {
		err = r.record(ctx, mail, "postmaster@"+r.Gateway.Domain())
	}
	if err != nil {
		r.log.ErrorContext(ctx, "message not recorded", "uid", uint32(uid), "error", err)
	}
}

// save records how far the mailbox has been read: up to the first message that was put aside.
func (r *reader) save(ctx context.Context) error {
	last := r.next
	for uid := range r.late {
		last = min(last, uid-1)
	}
	if last == r.saved {
		return nil
	}
	err := r.Progress.SetMailbox(ctx, bridge.MailboxState{
		Account: r.account.Name, Mailbox: r.account.Mailbox, UIDValidity: r.validity, LastUID: uint32(last),
	})
	if err != nil {
		return fmt.Errorf("record progress: %w", err)
	}
	r.saved = last
	return nil
}
