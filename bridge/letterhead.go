package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Letterhead is what the organization has stand around the words of its mails, beside its name.
type Letterhead struct {
	Postal   string // its postal address, on one line; may be empty
	Contact  string // how it can be reached otherwise, such as by telephone; may be empty
	Logo     Logo
	Previous bool // copies quote the message before, for context
}

// LetterheadChange is the request to change it.
type LetterheadChange struct {
	Postal, Contact string
	Previous        bool
	Logo            []byte // a PNG or a JPEG; nothing leaves it as it is
	NoLogo          bool   // takes it away
}

// The settings that mails are made with. settingWords names the present state of all of them and of the templates, so that what was read
// can be kept until it changes.
const (
	settingLetterhead = "letterhead"
	settingWords      = "words"
	maxLetterline     = 200 // characters
)

// Letterhead returns what stands around the words of mails, to staff.
func (g *Gateway) Letterhead(ctx context.Context, a Actor) (Letterhead, error) {
	var l Letterhead
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		var err error
		l, err = letterhead(ctx, tx)
		return err
	})
	return l, wrap("letterhead", err)
}

// SetLetterhead changes it: admins only. It holds for every mail that leaves from then on. ErrInvalid and ErrTooLarge say what is wrong.
func (g *Gateway) SetLetterhead(ctx context.Context, a Actor, c LetterheadChange) error {
	// Permission comes before the picture is read, and once more in the transaction that counts.
	if err := g.store.View(ctx, func(tx Tx) error { _, err := g.resolveAdmin(ctx, tx, a); return err }); err != nil {
		return wrap("set letterhead", err)
	}
	var logo Logo
	var err error
	if len(c.Logo) > 0 {
		if logo, err = readLogo(c.Logo); err != nil {
			return wrap("set letterhead", err)
		}
	}
	postal, contact := cleanLine(c.Postal, maxLetterline), cleanLine(c.Contact, maxLetterline)
	for _, line := range [2]string{postal, contact} {
		if err := noLink(line); err != nil {
			return wrap("set letterhead", err)
		}
	}
	err = g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		l, err := letterhead(ctx, tx)
		if err != nil {
			return err
		}
		l.Postal, l.Contact, l.Previous = postal, contact, c.Previous
		switch {
		case len(logo.Content) > 0:
			l.Logo = logo
		case c.NoLogo:
			l.Logo = Logo{}
		}
		b, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingLetterhead, string(b)); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingWords, NewID().String()); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "letterhead.set", Detail: l.summary() + ", by " + p.name()})
	})
	return wrap("set letterhead", err)
}

// summary is how the audit log tells it.
func (l Letterhead) summary() string {
	has := func(ok bool, what string) string {
		if ok {
			return what
		}
		return "no " + what
	}
	return strings.Join([]string{
		has(l.Postal != "", "postal address"), has(l.Contact != "", "contact"), has(len(l.Logo.Content) > 0, "logo"), has(l.Previous, "previous message in copies"),
	}, ", ")
}

// noLink refuses what mail programs would make a link of: a notice has one link, so that people can know it.
func noLink(line string) error {
	low := strings.ToLower(line)
	for _, sign := range []string{"://", "www.", "mailto:", "@"} {
		if strings.Contains(low, sign) {
			return fmt.Errorf("a web or email address beside the one link would be a second link: %w", ErrInvalid)
		}
	}
	return nil
}

func letterhead(ctx context.Context, tx Tx) (Letterhead, error) {
	var l Letterhead
	v, err := tx.Setting(ctx, settingLetterhead)
	if errors.Is(err, ErrNotFound) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(v), &l)
	}
	return l, err
}
