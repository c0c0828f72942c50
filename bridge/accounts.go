package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MailAccount is how things stand with an account of the operator's at a provider: one that mail is fetched from, or the one that it leaves
// by. What does the fetching and sending reports it; several processes may, each about its own.
type MailAccount struct {
	Name  string // of the configuration
	Sends bool   // mail leaves by it; otherwise mail is fetched from it
	Where string // which mailbox of which server

	ReportedAt   time.Time
	WorkedAt     time.Time // when it was last looked through, or let us in; zero if it never did since it is known
	FailingSince time.Time // zero while it works
	Failure      string    // why, in words of ours and the server's
	Advice       string    // what to do about it

	Taken   int // messages, of a reading that goes on
	Waiting int // messages that are known to be there and were not taken yet
	Aside   int // messages that could not be taken so far, and are tried again

	Ends time.Time // when its secret or consent runs out; zero if it is not known, or it never does
	What string    // what runs out then

	// What admins were mailed about, and when. A report does not change it.
	Told   Trouble
	ToldAt time.Time
}

// Trouble is how badly an account needs a person.
type Trouble int

// The degrees of trouble.
const (
	NoTrouble Trouble = iota
	EndsSoon          // its secret or consent runs out within EndNotice
	EndsNow           // within lastNotice
	Failing           // it has not worked for longer than FailureGrace, or its secret or consent ran out
)

const (
	// FailureGrace is how long an account may fail before anybody is told: most faults pass by themselves.
	FailureGrace = 30 * time.Minute
	// EndNotice is how long before the end of a secret or of consent admins are told.
	EndNotice  = 14 * 24 * time.Hour
	lastNotice = 3 * 24 * time.Hour
	// tellAgain is how often a failure is mailed about again while it lasts.
	tellAgain = 24 * time.Hour
	// silence is after how long without a report nobody can be believed to look after an account: reports come every minute or so.
	silence = 45 * time.Minute
	// parting is for how long after its last report an account is kept that this process's configuration does not have: another's may.
	parting = 5 * time.Minute
)

// Silent reports whether nothing has been heard of an account for so long that what is known of it says nothing about now.
func (a MailAccount) Silent(now time.Time) bool { return now.Sub(a.ReportedAt) > silence }

// Trouble says how badly the account needs a person at a moment.
func (a MailAccount) Trouble(now time.Time) Trouble {
	left := a.Ends.Sub(now)
	switch {
	case !a.FailingSince.IsZero() && now.Sub(a.FailingSince) >= FailureGrace, !a.Ends.IsZero() && left <= 0:
		return Failing
	case a.Ends.IsZero() || left > EndNotice:
		return NoTrouble
	case left <= lastNotice:
		return EndsNow
	}
	return EndsSoon
}

// settingAccounts holds a JSON list of MailAccount, in the order of the configuration.
const settingAccounts = "accounts"

// maxAccounts bounds how many accounts are kept track of.
const maxAccounts = 1000

// ReportAccounts records how accounts stand. All lists the names of all that the configuration has, in its order: others are forgotten, once no
// process reports them any more, and those that nothing was reported of keep what they had. Admins are mailed once where an account comes to need them, or needs them more, and
// each day while it fails. It is called by what fetches and sends mail, a moment after anything changed.
func (g *Gateway) ReportAccounts(ctx context.Context, all []MailAccount, reports []MailAccount) error {
	if len(all) > maxAccounts {
		return fmt.Errorf("report accounts: %d accounts are too many: %w", len(all), ErrInvalid)
	}
	return wrap("report accounts", g.update(ctx, func(tx Tx) error {
		was, err := accounts(ctx, tx)
		if err != nil {
			return err
		}
		due := false
		now := make([]MailAccount, 0, len(all))
		for _, a := range all {
			if i := find(was, a); i >= 0 {
				before := was[i]
				before.Where = a.Where
				a = before
			}
			if i := find(reports, a); i >= 0 {
				r := reports[i]
				r.Where, r.Told, r.ToldAt = a.Where, a.Told, a.ToldAt
				r.Failure, r.Advice, r.What = cleanLine(r.Failure, 500), cleanLine(r.Advice, 500), cleanLine(r.What, 100)
				if r.WorkedAt.IsZero() {
					r.WorkedAt = a.WorkedAt // of a process before this one
				}
				if !r.FailingSince.IsZero() && !a.FailingSince.IsZero() && a.FailingSince.Before(r.FailingSince) && !r.WorkedAt.After(a.FailingSince) {
					r.FailingSince = a.FailingSince
				}
				a = r
				due = a.tell(g.now()) || due
			}
			now = append(now, a)
		}
		// While one process runs with an older configuration than another, what the other knows, and what admins were mailed about, must not go.
		for _, a := range was {
			if find(now, a) < 0 && g.now().Sub(a.ReportedAt).Abs() < parting && len(now) < maxAccounts {
				now = append(now, a)
			}
		}
		if due {
			if err := g.mailTrouble(ctx, tx); err != nil {
				return err
			}
		}
		text, err := json.Marshal(now)
		if err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingAccounts, string(text))
	}))
}

// tell notes that admins are mailed now, and reports whether they are to be.
func (a *MailAccount) tell(now time.Time) bool {
	how := a.Trouble(now)
	due := how > a.Told || how == Failing && now.Sub(a.ToldAt) >= tellAgain
	if a.Told = how; due {
		a.ToldAt = now
	}
	return due
}

// mailTrouble mails all admins that an account needs them. The mail does not say which, or why: the page does.
func (g *Gateway) mailTrouble(ctx context.Context, tx Tx) error {
	admins, err := g.admins(ctx, tx)
	if err != nil {
		return err
	}
	now := g.now()
	for _, p := range admins {
		if err := tx.AddDelivery(ctx, late(DeliverTrouble, ID{}, p.ID, now)); err != nil {
			return err
		}
	}
	return nil
}

// find returns where an account is in a list, or -1.
func find(list []MailAccount, a MailAccount) int {
	return slices.IndexFunc(list, func(o MailAccount) bool { return o.Name == a.Name && o.Sends == a.Sends })
}

func accounts(ctx context.Context, tx Tx) ([]MailAccount, error) {
	text, err := tx.Setting(ctx, settingAccounts)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	var list []MailAccount
	if err == nil {
		err = json.Unmarshal([]byte(text), &list)
	}
	if err != nil {
		return nil, fmt.Errorf("the setting %s: %w", settingAccounts, err)
	}
	return list, nil
}

// MailAccounts returns how the accounts stand that mail is fetched from and leaves by, in the order of the configuration. Admins only.
func (g *Gateway) MailAccounts(ctx context.Context, a Actor) ([]MailAccount, error) {
	var list []MailAccount
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveAdmin(ctx, tx, a)
		if err == nil {
			list, err = accounts(ctx, tx)
		}
		return err
	})
	return list, wrap("mail accounts", err)
}
