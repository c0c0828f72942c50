package imap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
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

	// busy has room for one on each processor who parses a mail, looks up its author, or commits. So the commit, which is waited for, has a
	// processor to itself. It also waits less for the lock of SQLite's page cache, which all connections share.
	busy chan struct{}

	validity uint32   // of the mailbox that what follows is about; zero before the first SELECT
	first    imap.UID // while the mailbox is read for the first time and Account.Since holds: the first UID that counts anyway
	next     imap.UID // the last UID that was reached
	gaps     gaps     // below it: not dealt with, and not known to be there
	late     map[imap.UID]*lateMessage
	undone   []imap.UID // recorded, and not yet flagged, moved or deleted
	modSeq   uint64     // all that changed up to here was looked through; zero if that is not known
	saved    bridge.MailboxState

	// taken counts messages that went through. A failure counts against a message only if others went through since the one before: when
	// nothing works, no message is to blame.
	taken    int
	failing  int // messages that failed in a row
	refusals int // of access tokens, in a row
	calm     int // rounds since the last news on this connection
	careful  int // so many messages are fetched one by one, since a connection broke among them
	compared time.Time
	report   report
	status   Status
	stage    Stage // how far the present connection came
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
		busy: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
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
		r.failed(err)
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
	r.stage = Connect
	c, err := r.connect(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	r.stage = Open
	m, err := c.open(r.account.Mailbox, false)
	if err != nil {
		return false, err
	}
	if err := r.open(ctx, m); err != nil {
		return false, err
	}
	r.calm, r.compared, r.stage = 0, time.Time{}, Read
	r.log.InfoContext(ctx, "mailbox open", "mailbox", r.account.Mailbox, "idle", c.canIdle(), "condstore", m.modSeq > 0)
	for {
		c.clearNews()
		if err := r.round(ctx, c, m); err != nil {
			return worked, err
		}
		worked = true
		r.looked()
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

// open finds out where to go on in a mailbox that was selected.
func (r *reader) open(ctx context.Context, m mailbox) error {
	known := r.validity != 0
	if !known || m.validity != r.validity {
		s, err := r.Progress.Mailbox(ctx, r.account.Name, r.account.Mailbox)
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return fmt.Errorf("look up progress: %w", err)
		}
		known = err == nil
		r.begin(m.validity, s)
	}
	switch {
	case !known:
		r.anew(m)
	case r.saved.UIDValidity != 0 && r.saved.UIDValidity != m.validity:
		// The UIDs mean other messages now (RFC 9051, section 2.3.1.1), so all are read again. Those known already change nothing.
		r.log.WarnContext(ctx, "the mailbox was made anew on the server, reading it again", "mailbox", r.account.Mailbox)
		r.anew(m)
	case m.next != 0 && m.next <= r.next:
		r.log.WarnContext(ctx, "the mailbox on the server is older than when it was read last, reading it again", "mailbox", r.account.Mailbox,
			"next_uid", uint32(m.next), "last_uid", uint32(r.next))
		r.anew(m)
	}
	return nil
}

// begin goes on where a state says.
func (r *reader) begin(validity uint32, s bridge.MailboxState) {
	r.validity, r.saved = validity, s
	r.next, r.first, r.gaps, r.modSeq = imap.UID(s.LastUID), imap.UID(s.FirstUID), slices.Clone(s.Missing), s.ModSeq
	r.undone = nil
	clear(r.late)
}

// anew begins at the first message.
func (r *reader) anew(m mailbox) {
	saved := r.saved
	r.begin(m.validity, bridge.MailboxState{})
	r.saved = saved
	if !r.account.Since.IsZero() {
		r.first = m.next
	}
}

// round takes all messages that are new, those that were missed, and then those that were put aside and are due.
func (r *reader) round(ctx context.Context, c *connection, m mailbox) error {
	r.calm++
	if err := r.settle(ctx, c, nil); err != nil { // what the last connection left undone
		return err
	}
	if err := r.compare(ctx, c, m); err != nil {
		return err
	}
	for {
		var since time.Time
		if r.first > 0 {
			since = r.account.Since
		}
		uids, total, err := c.search(r.next+1, since)
		if err != nil {
			return err
		}
		if len(uids) == 0 {
			break
		}
		r.calm = 0
		r.report.begin(r, total)
		if err := r.takeAll(ctx, c, uids); err != nil {
			return err
		}
	}
	if r.first > 0 {
		r.next, r.first = max(r.next, r.first-1), 0
	}
	r.report.end(r)
	if err := r.retry(ctx, c); err != nil {
		return err
	}
	if len(r.late) == 0 {
		r.modSeq = m.modSeq // which was told before any of this
	} else {
		r.modSeq = 0
	}
	return r.save(ctx)
}

// compare finds messages among the gaps, and takes them.
func (r *reader) compare(ctx context.Context, c *connection, m mailbox) error {
	begun := r.compared.IsZero()
	if !begun && time.Since(r.compared) < r.Compare {
		return nil
	}
	r.compared = time.Now()
	if len(r.gaps) == 0 || begun && m.modSeq > 0 && m.modSeq == r.modSeq {
		return nil
	}
	uids, err := c.missed(r.gaps, r.next, r.modSeq)
	if err != nil || len(uids) == 0 {
		return err
	}
	r.log.WarnContext(ctx, "messages were missed, taking them now", "messages", len(uids))
	return r.takeAll(ctx, c, uids)
}

// reach notes that a message is looked at, and what between it and the last one is not there.
func (r *reader) reach(uid imap.UID) {
	if uid <= r.next {
		r.gaps.remove(uid)
		return
	}
	if r.first == 0 { // otherwise what is in between is not wanted
		r.gaps.add(r.next+1, uid-1)
		r.gaps.bound()
	}
	r.next = uid
}

// retry takes the messages that were put aside and are due, one by one. Those that are not there any more are forgotten.
func (r *reader) retry(ctx context.Context, c *connection) error {
	for _, uid := range slices.Sorted(maps.Keys(r.late)) {
		if time.Now().Before(r.late[uid].due) {
			continue
		}
		if err := r.takeAll(ctx, c, []imap.UID{uid}); err != nil {
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
	if err := r.recordUnreadable(ctx, uid); err != nil {
		r.log.ErrorContext(ctx, "message not recorded", "uid", uint32(uid), "error", err)
	}
}

// save records how far the mailbox has been read.
func (r *reader) save(ctx context.Context) error {
	missing := slices.Clone(r.gaps)
	for uid := range r.late {
		missing.add(uid, uid)
	}
	for _, uid := range r.undone {
		missing.add(uid, uid)
	}
	s := bridge.MailboxState{
		Account: r.account.Name, Mailbox: r.account.Mailbox, UIDValidity: r.validity, LastUID: uint32(r.next), FirstUID: uint32(r.first),
		Missing: missing, ModSeq: r.modSeq,
	}
	if len(missing) == 0 {
		s.Missing = nil
	}
	if reflect.DeepEqual(s, r.saved) {
		return nil
	}
	if err := r.Progress.SetMailbox(ctx, s); err != nil {
		return fmt.Errorf("record progress: %w", err)
	}
	r.saved = s
	return nil
}
