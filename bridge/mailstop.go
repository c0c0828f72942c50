package bridge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// StopCause is why no mail leaves to an address any more.
type StopCause string

// The causes.
const (
	StoppedByBounce    StopCause = "bounce"    // the address was refused for good
	StoppedByComplaint StopCause = "complaint" // its mail was reported as unwanted (RFC 5965)
)

// MailStop says that nothing is mailed to an address until a person clears it. Sign-in codes are the exception: they leave because somebody
// asks for one at that moment, and without them nobody could sign in to learn of the stop, or to clear it.
type MailStop struct {
	Address  string // addr-spec, normalised
	Cause    StopCause
	At       time.Time
	Said     string // what the recipient's server said; empty for a complaint
	Delivery ID     // the mail that brought it about
}

// Reason says in a clause for staff why mail is stopped.
func (s MailStop) Reason() string {
	if s.Cause == StoppedByComplaint {
		return "mail to this address is stopped: a mail was reported as unwanted on " + s.At.UTC().Format("2 January 2006")
	}
	text := "mail to this address is stopped: it was refused for good on " + s.At.UTC().Format("2 January 2006")
	if s.Said != "" {
		text += " (" + clip(s.Said, 200) + ")"
	}
	return text
}

// MailStops keeps the addresses to which nothing is mailed. Addresses are given normalised.
type MailStops interface {
	// AddMailStop returns ErrConflict if mail to the address is stopped already.
	AddMailStop(ctx context.Context, s MailStop) error
	MailStop(ctx context.Context, address string) (MailStop, error)
	RemoveMailStop(ctx context.Context, address string) error
	CountMailStops(ctx context.Context) (int, error)
}

// RecordBounced is RecordFailed for a mail whose recipient's address was refused for good: from now on nothing is mailed to it.
func (g *Gateway) RecordBounced(ctx context.Context, worker string, id ID, said string) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		d, err := g.finishIn(ctx, tx, worker, id, Failed, Departure{Said: said})
		if err != nil {
			return err
		}
		return g.stopMail(ctx, tx, d, StoppedByBounce, said)
	})
	return wrap("record bounced", g.letGo(ctx, worker, id, err))
}

// stopMail stops mail to the address that a delivery went to. The first stop counts until it is cleared.
func (g *Gateway) stopMail(ctx context.Context, tx Tx, d Delivery, cause StopCause, said string) error {
	p, err := tx.Person(ctx, d.Person)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s := MailStop{Address: p.Address, Cause: cause, At: g.now(), Said: cleanLine(said, 500), Delivery: d.ID}
	err = tx.AddMailStop(ctx, s)
	if errors.Is(err, ErrConflict) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.AddAudit(ctx, AuditEntry{ID: NewID(), At: s.At, Actor: "system", Action: "mail.stop", Person: p.ID, Thread: d.Thread, Detail: string(cause)})
}

// stopped returns a *Suppression if a delivery is not to be sent because mail to the person is stopped.
func stopped(ctx context.Context, tx Tx, d Delivery, p Person) error {
	if d.Kind == DeliverCode {
		return nil
	}
	s, err := tx.MailStop(ctx, p.Address)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return &Suppression{Reason: s.Reason()}
}

// MailStop returns why mail to a person is stopped, or ErrNotFound if it is not: to staff, and to the person.
func (g *Gateway) MailStop(ctx context.Context, a Actor, person ID) (MailStop, error) {
	var s MailStop
	err := g.viewPerson(ctx, a, person, func(tx Tx, who Person) (err error) {
		s, err = tx.MailStop(ctx, who.Address)
		return err
	})
	return s, wrap("mail stop", err)
}

// ClearMailStop lets mail leave to a person again: the person, staff for contacts, admins for all. What was not sent meanwhile is not sent
// by it. It is no error if mail was not stopped.
func (g *Gateway) ClearMailStop(ctx context.Context, a Actor, person ID) error {
	return wrap("clear mail stop", g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		if !p.isStaff() && p.person.ID != person {
			return ErrForbidden
		}
		who, err := tx.Person(ctx, person)
		if err != nil {
			return err
		}
		if p.person.ID != person && !p.mayManage(who) {
			return ErrForbidden
		}
		err = tx.RemoveMailStop(ctx, who.Address)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "mail.clear", Person: person})
	}))
}

// HoldDelivery keeps a waiting delivery from being sent until RetryDelivery lets it go: admins only. One that is being sent at this moment may
// still go.
func (g *Gateway) HoldDelivery(ctx context.Context, a Actor, id ID) error {
	return wrap("hold delivery", g.changeDelivery(ctx, a, id, "delivery.hold", func(d *Delivery) error {
		if d.State != Queued && d.State != Deferred {
			return fmt.Errorf("it is %s: %w", d.State, ErrConflict)
		}
		d.State = OnHold // with its lease: who lets it go must know of an attempt under way
		return nil
	}))
}

// hardCode finds an SMTP reply code that says that a mailbox is not there, or is nobody's (RFC 5321, section 4.2.3).
var hardCode = regexp.MustCompile(`(?:^|[ ;:])55[013][ -]`)

// Hard reports whether a report says that the recipient's address itself is refused for good, rather than this mail, its sender or its size
// (RFC 3463, section 3; RFC 7505 for 5.1.10).
func (r ReportedRecipient) Hard() bool {
	if r.Class != "permanent" {
		return false
	}
	switch status := strings.TrimSpace(r.Status); status {
	case "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1":
		return true
	case "", "5.0.0":
		return hardCode.MatchString(r.Diagnostic)
	}
	return false
}
