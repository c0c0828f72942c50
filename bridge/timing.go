package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timing is what an organization decided about when mails leave.
type Timing struct {
	// NoticeDelay is how long a notice waits, up to a day: who reads the message in the portal meanwhile gets none, and what is written in the
	// same thread meanwhile is told by the same notice, and none leaves while the reader has the thread open. Zero sends one for each message at
	// once.
	NoticeDelay time.Duration
	// Reminders are the ages at which a message that its recipient was told of and has not opened is called to mind, growing, at most five.
	Reminders []time.Duration
	// Unopened is the age at which staff are told that such a message was never opened; zero for never.
	Unopened time.Duration
	// EmailOff keeps all mail in but codes: the organization uses the portal only.
	EmailOff bool
	// Undo is for how long a message can be taken back that staff send from the desk, up to a minute: it goes out after that. Zero sends it at once.
	Undo time.Duration
}

// The bounds of a Timing.
const (
	maxNoticeDelay = 24 * time.Hour
	maxReminders   = 5
	minReminder    = time.Hour
	maxReminder    = 365 * 24 * time.Hour
	maxUndo        = time.Minute
)

// check returns an error that wraps ErrInvalid and says what is wrong.
func (t Timing) check() error {
	switch {
	case t.NoticeDelay < 0 || t.NoticeDelay > maxNoticeDelay:
		return fmt.Errorf("a notice waits for at most 24 hours: %w", ErrInvalid)
	case t.Undo < 0 || t.Undo > maxUndo:
		return fmt.Errorf("a message can be taken back for at most 60 seconds: %w", ErrInvalid)
	case len(t.Reminders) > maxReminders:
		return fmt.Errorf("there are at most %d reminders of one message: %w", maxReminders, ErrInvalid)
	case t.Unopened < 0 || t.Unopened > maxReminder:
		return fmt.Errorf("staff are told of messages that were never opened within a year: %w", ErrInvalid)
	}
	for i, r := range t.Reminders {
		if r < minReminder || r > maxReminder || i > 0 && r <= t.Reminders[i-1] {
			return fmt.Errorf("reminders come after an hour to a year, each later than the one before: %w", ErrInvalid)
		}
	}
	if n := len(t.Reminders); n > 0 && t.Unopened > 0 && t.Unopened <= t.Reminders[n-1] {
		return fmt.Errorf("staff are told that a message was never opened after the last reminder of it: %w", ErrInvalid)
	}
	return nil
}

// settingTiming is the organization's Timing in JSON; the configuration's holds until an admin sets another.
const settingTiming = "timing"

func (g *Gateway) timingNow(ctx context.Context, tx Tx) (Timing, error) {
	v, err := tx.Setting(ctx, settingTiming)
	if errors.Is(err, ErrNotFound) {
		return g.timing, nil
	}
	t := Timing{Undo: g.timing.Undo} // where the setting was made before there was one
	if err == nil {
		err = json.Unmarshal([]byte(v), &t)
	}
	if err == nil {
		err = t.check()
	}
	if err != nil {
		return t, fmt.Errorf("the setting %s: %w", settingTiming, err)
	}
	return t, nil
}

// Timing returns what holds about when mails leave. Staff only.
func (g *Gateway) Timing(ctx context.Context, a Actor) (Timing, error) {
	var t Timing
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveStaff(ctx, tx, a)
		if err == nil {
			t, err = g.timingNow(ctx, tx)
		}
		return err
	})
	return t, wrap("timing", err)
}

// SetTiming sets when mails leave, from now on: a notice that waits already leaves when it was to. Admins only.
func (g *Gateway) SetTiming(ctx context.Context, a Actor, t Timing) error {
	if err := t.check(); err != nil {
		return wrap("set timing", err)
	}
	err := g.update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		was, err := g.timingNow(ctx, tx)
		if err != nil || was.equal(t) {
			return err
		}
		v, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingTiming, string(v)); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "timing.set", Detail: fmt.Sprintf("%s → %s, by %s", was, t, p.name())})
	})
	return wrap("set timing", err)
}

func (t Timing) equal(o Timing) bool {
	return t.NoticeDelay == o.NoticeDelay && slices.Equal(t.Reminders, o.Reminders) && t.Unopened == o.Unopened && t.EmailOff == o.EmailOff && t.Undo == o.Undo
}

// String is how the audit log tells it.
func (t Timing) String() string {
	words := []string{"notices after " + t.NoticeDelay.String()}
	if len(t.Reminders) == 0 {
		words = append(words, "no reminders")
	}
	for _, r := range t.Reminders {
		words = append(words, "reminder after "+daysAndHours(r))
	}
	if t.Unopened > 0 {
		words = append(words, "never opened after "+daysAndHours(t.Unopened))
	}
	if t.Undo > 0 {
		words = append(words, "taken back for "+t.Undo.String())
	}
	if t.EmailOff {
		words = append(words, "email off")
	}
	return strings.Join(words, ", ")
}

func daysAndHours(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

// emailOff is why nothing leaves while the organization uses the portal only.
const emailOff = "email is switched off: the organization uses the portal only"

// portalOnly returns a *Suppression if a delivery is not to be sent because email is switched off. Codes leave all the same, since nobody
// could sign in without them.
func (g *Gateway) portalOnly(ctx context.Context, tx Tx, d Delivery) error {
	if d.Kind == DeliverCode {
		return nil
	}
	t, err := g.timingNow(ctx, tx)
	if err == nil && t.EmailOff {
		err = &Suppression{Reason: emailOff}
	}
	return err
}

// Looks keeps when people last had a thread before them, and what of the outbox that depends on.
type Looks interface {
	// LookedAt returns the zero time if they never had.
	LookedAt(ctx context.Context, thread, person ID) (time.Time, error)
	SetLookedAt(ctx context.Context, thread, person ID, at time.Time) error
	// MessageBefore returns the oldest delivery that waits of those that were made before d for messages of the same thread to the same person.
	MessageBefore(ctx context.Context, d Delivery) (Delivery, error)
	// NoticeBefore returns the newest that was relayed as a notice, of the same.
	NoticeBefore(ctx context.Context, d Delivery) (Delivery, error)
}

const (
	// defaultLookTime is for how long somebody is taken to have a thread before them after they last showed it.
	defaultLookTime = time.Minute
	// lookEvery bounds how often that is written down.
	lookEvery = 20 * time.Second
	// turnTime is how long a notice waits for the one before it to be sent or not.
	turnTime = 2 * time.Second
)

// postponement says that a delivery is not to leave before a moment. It is an error so that it can't be overlooked.
type postponement struct{ until time.Time }

// Error implements error.
func (p *postponement) Error() string { return "not to be sent yet" }

// dueFor returns when a message's delivery to a participant is to be claimed: at once where a copy may leave, else after the delay. What
// turns out to be a notice then waits all the same, since timely asks again.
func (t Timing) dueFor(mode Mode, kind PersonKind, at time.Time) time.Time {
	if kind == Contact && mode == ModeConvenience {
		return at
	}
	return at.Add(t.NoticeDelay)
}

// timely returns nil if a mail without content is to leave now, a *postponement if later, and a *Suppression if never: because the message
// was read, or because another notice tells of it. What is not about messages leaves always.
func (g *Gateway) timely(ctx context.Context, tx Tx, d Delivery) error {
	if d.Kind != DeliverMessage {
		return stillUnopened(ctx, tx, d)
	}
	now := g.now()
	seq, err := tx.MessageSeq(ctx, d.Message)
	if err != nil {
		return err
	}
	read, err := tx.ReadSeq(ctx, d.Thread, d.Person)
	if err != nil {
		return err
	}
	if read >= seq {
		return &Suppression{Reason: "it was read in the portal before a notice left"}
	}
	t, err := g.timingNow(ctx, tx)
	if err != nil {
		return err
	}
	if due := d.CreatedAt.Add(t.NoticeDelay); now.Before(due) && due.Sub(now) <= maxNoticeDelay {
		return &postponement{due}
	}
	if t.NoticeDelay == 0 {
		return nil
	}
	looked, err := tx.LookedAt(ctx, d.Thread, d.Person)
	if err != nil {
		return err
	}
	if before := now.Sub(looked); before >= 0 && before < g.lookTime {
		// A look from the future, of a clock that was turned back, says nothing.
		return &postponement{looked.Add(g.lookTime)}
	}
	return g.oneNotice(ctx, tx, d, now)
}

// oneNotice sees to it that messages of one thread that wait together are told to a person by one notice: the first one's. Each waits for
// those before it. Once one has left, it stands for all that were there by then, until its reader opens the thread.
func (g *Gateway) oneNotice(ctx context.Context, tx Tx, d Delivery, now time.Time) error {
	first, err := tx.MessageBefore(ctx, d)
	if err == nil {
		until := now.Add(turnTime)
		if first.NextAt.After(until) && first.NextAt.Sub(now) <= maxNoticeDelay {
			until = first.NextAt
		}
		return &postponement{until}
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	last, err := tx.NoticeBefore(ctx, d)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || last.DoneAt.Before(d.CreatedAt) {
		return err
	}
	told, err := tx.MessageSeq(ctx, last.Message)
	if err != nil {
		return err
	}
	read, err := tx.ReadSeq(ctx, d.Thread, d.Person)
	if err != nil || read >= told {
		return err
	}
	return &Suppression{Reason: "the notice of an earlier message tells of it"}
}

// postpone gives a delivery back, untried, until a moment. It returns ErrLeaseLost: the worker has it no more.
func (g *Gateway) postpone(ctx context.Context, worker string, id ID, until time.Time) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		d, err := tx.Delivery(ctx, id)
		if err != nil {
			return err
		}
		if d.LeaseBy != worker {
			return nil
		}
		if !d.State.final() {
			d.NextAt = until.UTC().Truncate(time.Microsecond)
		}
		d.LeaseBy, d.LeaseUntil = "", time.Time{}
		return tx.UpdateDelivery(ctx, d)
	})
	if err == nil {
		err = ErrLeaseLost
	}
	return err
}

// Looking notes that a person has a thread before them at this moment, and returns how many messages there are that they have not seen. A
// page that stays open calls it now and then.
func (g *Gateway) Looking(ctx context.Context, a Actor, thread ID) (unread int, err error) {
	var p principal
	stale := false
	err = g.store.View(ctx, func(tx Tx) (err error) {
		if p, err = g.resolve(ctx, tx, a); err != nil {
			return err
		}
		if err = p.mayRead(ctx, tx, thread); err != nil {
			return err
		}
		if unread, err = p.unreadIn(ctx, tx, thread); err != nil {
			return err
		}
		stale, err = g.staleLook(ctx, tx, p, thread)
		return err
	})
	if err == nil && stale {
		err = g.store.Update(ctx, func(tx Tx) error {
			p, err := g.resolve(ctx, tx, a)
			if err != nil {
				return err
			}
			if err := p.mayRead(ctx, tx, thread); err != nil {
				return err
			}
			return tx.SetLookedAt(ctx, thread, p.person.ID, g.now())
		})
	}
	return unread, wrap("looking", err)
}

// unreadIn counts what a person has not seen of a thread: public messages by others for a contact, all by others for staff.
func (p principal) unreadIn(ctx context.Context, tx Tx, thread ID) (int, error) {
	if p.isContact() {
		in, err := tx.Participant(ctx, thread, p.person.ID)
		return in.Unread, err
	}
	t, err := tx.Thread(ctx, thread)
	if err != nil || p.person.ID.IsZero() {
		return 0, err
	}
	read, err := tx.ReadSeq(ctx, thread, p.person.ID)
	return t.Seq - read, err
}

// staleLook reports whether a person's look is to be written down.
func (g *Gateway) staleLook(ctx context.Context, tx Tx, p principal, thread ID) (bool, error) {
	if p.person.ID.IsZero() {
		return false, nil
	}
	at, err := tx.LookedAt(ctx, thread, p.person.ID)
	ago := g.now().Sub(at)
	return err == nil && (ago < 0 || ago >= lookEvery), err
}
