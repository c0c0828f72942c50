package bridge

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Retention is what was decided about keeping one thread. The zero Retention is nothing: the organization's setting holds.
type Retention struct {
	Days int  // so long after its last message it is deleted; 0 for as long as the organization says
	Hold bool // a legal hold: nobody and nothing deletes it
}

// Lives keeps how long things live, and ends it.
type Lives interface {
	// Retention returns the zero Retention for a thread about which nothing was decided.
	Retention(ctx context.Context, thread ID) (Retention, error)
	SetRetention(ctx context.Context, thread ID, r Retention) error
	// ExpiredThreads returns threads whose time is over: by their own days, or else by the organization's, if that is not 0; none on hold, and
	// none in which a message waits to go out.
	ExpiredThreads(ctx context.Context, now time.Time, days, limit int) ([]ID, error)
	// DeleteThread deletes a thread with all that is in it, the mail it came from included.
	DeleteThread(ctx context.Context, id ID) error
	// DeleteReceived deletes records of received mail that belong to no thread and wait for nobody, with the mail. It returns how many.
	DeleteReceived(ctx context.Context, before time.Time, limit int) (int, error)
	// ThreadsOf returns the threads that a person is or was in, in the order of their ids, from after one on.
	ThreadsOf(ctx context.Context, person, after ID, limit int) ([]ID, error)
}

// settingRetention is for how many days threads are kept; nothing for ever.
const settingRetention = "retention_days"

// maxRetention is a hundred years in days.
const maxRetention = 36_525

func checkDays(days int) error {
	if days < 0 || days > maxRetention {
		return fmt.Errorf("conversations are kept for 1 to %d days, or 0 for ever: %w", maxRetention, ErrInvalid)
	}
	return nil
}

func (g *Gateway) retentionDays(ctx context.Context, tx Tx) (int, error) {
	v, err := tx.Setting(ctx, settingRetention)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	days, err := strconv.Atoi(v)
	if err != nil || checkDays(days) != nil {
		return 0, fmt.Errorf("the setting %s has no number of days", settingRetention)
	}
	return days, nil
}

// RetentionDays returns how many days after their last message conversations are deleted; 0 for never. Staff only.
func (g *Gateway) RetentionDays(ctx context.Context, a Actor) (int, error) {
	days := 0
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveStaff(ctx, tx, a)
		if err == nil {
			days, err = g.retentionDays(ctx, tx)
		}
		return err
	})
	return days, wrap("retention", err)
}

// SetRetentionDays sets how many days after their last message conversations are deleted; 0 for never. Admins only.
func (g *Gateway) SetRetentionDays(ctx context.Context, a Actor, days int) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := checkDays(days); err != nil {
			return err
		}
		was, err := g.retentionDays(ctx, tx)
		if err != nil || was == days {
			return err
		}
		if err := tx.SetSetting(ctx, settingRetention, strconv.Itoa(days)); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "retention.set", Detail: fmt.Sprintf("%s → %s, by %s", daysOrEver(was), daysOrEver(days), p.name())})
	})
	return wrap("set retention", err)
}

func daysOrEver(days int) string {
	switch days {
	case 0:
		return "for ever"
	case 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", days)
}

// ThreadRetention returns what was decided about keeping a thread. Staff only.
func (g *Gateway) ThreadRetention(ctx context.Context, a Actor, thread ID) (Retention, error) {
	var r Retention
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		if _, err := tx.Thread(ctx, thread); err != nil {
			return err
		}
		var err error
		r, err = tx.Retention(ctx, thread)
		return err
	})
	return r, wrap("thread retention", err)
}

// SetThreadRetention decides how long a thread is kept, and whether a legal hold stops its deletion. Admins only.
func (g *Gateway) SetThreadRetention(ctx context.Context, a Actor, thread ID, r Retention) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		if err := checkDays(r.Days); err != nil {
			return err
		}
		if _, err := tx.Thread(ctx, thread); err != nil {
			return err
		}
		was, err := tx.Retention(ctx, thread)
		if err != nil || was == r {
			return err
		}
		if err := tx.SetRetention(ctx, thread, r); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "retention.thread", Thread: thread, Detail: fmt.Sprintf("%s → %s, by %s", was, r, p.name())})
	})
	return wrap("set thread retention", err)
}

// String is how the audit log tells it.
func (r Retention) String() string {
	text := "as long as all"
	if r.Days > 0 {
		text = daysOrEver(r.Days)
	}
	if r.Hold {
		text += ", on legal hold"
	}
	return text
}

// DeleteThread deletes a thread with everything in it, for good: messages, files, the mail it came from, what the search knows. Its entries in
// the audit log stay. Admins only; ErrConflict while it is on legal hold.
func (g *Gateway) DeleteThread(ctx context.Context, a Actor, thread ID) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		t, err := tx.Thread(ctx, thread)
		if err != nil {
			return err
		}
		r, err := tx.Retention(ctx, thread)
		if err != nil {
			return err
		}
		if r.Hold {
			return fmt.Errorf("this conversation is on legal hold: %w", ErrConflict)
		}
		waited, err := g.orphanPending(ctx, tx, thread, p.name())
		if err != nil {
			return err
		}
		if err := tx.DeleteThread(ctx, thread); err != nil {
			return err
		}
		detail := fmt.Sprintf("%d messages, by %s", t.Seq, p.name())
		if waited > 0 {
			detail = fmt.Sprintf("%d messages, and %d that had not gone out, by %s", t.Seq, waited, p.name())
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "thread.delete", Thread: thread, Detail: detail})
	})
	if err == nil {
		err = g.store.RemoveDeleted(ctx)
	}
	return wrap("delete thread", err)
}

// expireBatch is how many threads are deleted in one transaction.
const expireBatch = 20

// Expire deletes what has been kept for as long as was decided: threads, records of received mail that belong to none, and first messages of
// conversations that were taken back or could not go out. It is called every hour or so, and returns how many threads it deleted.
func (g *Gateway) Expire(ctx context.Context) (threads int, err error) {
	for more := true; more && err == nil; {
		n, mails, unsent := 0, 0, 0
		err = g.store.Update(ctx, func(tx Tx) error {
			now := g.now()
			days, err := g.retentionDays(ctx, tx)
			if err != nil {
				return err
			}
			expired, err := tx.ExpiredThreads(ctx, now, days, expireBatch)
			if err != nil {
				return err
			}
			for _, id := range expired {
				if err := tx.DeleteThread(ctx, id); err != nil {
					return err
				}
				e := AuditEntry{ID: NewID(), At: now, Actor: "system", Action: "thread.expire", Thread: id}
				if err := tx.AddAudit(ctx, e); err != nil {
					return err
				}
			}
			if n = len(expired); days > 0 {
				mails, err = tx.DeleteReceived(ctx, now.AddDate(0, 0, -days), expireBatch)
				if err == nil {
					unsent, err = tx.ForgetPending(ctx, now.AddDate(0, 0, -days), expireBatch)
				}
			}
			return err
		})
		if err == nil {
			threads += n
			more = n == expireBatch || mails == expireBatch || unsent == expireBatch
		}
	}
	if err == nil {
		err = g.store.RemoveDeleted(ctx)
	}
	return threads, wrap("expire", err)
}

// NoteKeys records that the keys that seal what is stored were changed. Operators only: nobody else has the key file.
func (g *Gateway) NoteKeys(ctx context.Context, a Actor, what string) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		if p.actor.kind != actorOperator {
			return ErrForbidden
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "keys.change", Detail: what})
	})
	return wrap("note keys", err)
}
