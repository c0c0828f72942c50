package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge/richtext"
	"letterlock/bridge/wording"
)

// ClaimDeliveries leases deliveries that are due to a worker, the most urgent first. A lease that runs out lets another worker
// claim the same delivery, so that a crash can repeat a mail but never lose one.
func (g *Gateway) ClaimDeliveries(ctx context.Context, worker string, lease time.Duration, limit int) ([]Delivery, error) {
	var list []Delivery
	err := g.store.Update(ctx, func(tx Tx) (err error) {
		if list, err = tx.ClaimDeliveries(ctx, worker, g.now(), lease, limit); err != nil {
			return err
		}
		return destinations(ctx, tx, list)
	})
	return list, wrap("claim deliveries", err)
}

// ReleaseLeases gives back what a worker of this name held when it last ended. A worker calls it when it begins, so that a crash
// delays nothing; names are therefore unique among the processes that share a store.
func (g *Gateway) ReleaseLeases(ctx context.Context, worker string) error {
	return wrap("release leases", g.store.Update(ctx, func(tx Tx) error { return tx.ReleaseLeases(ctx, worker) }))
}

// NextDelivery returns when the next waiting delivery is due, or ErrNotFound when none waits.
func (g *Gateway) NextDelivery(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := g.store.View(ctx, func(tx Tx) (err error) {
		at, err = tx.NextDelivery(ctx)
		return err
	})
	return at, wrap("next delivery", err)
}

// destinations fills in the domain that each delivery goes to. One whose person is gone has none; Prepare says what becomes of it.
func destinations(ctx context.Context, tx Tx, list []Delivery) error {
	known := make(map[ID]string, len(list)) // one person often has several
	for i := range list {
		domain, asked := known[list[i].Person]
		if !asked {
			p, err := tx.Person(ctx, list[i].Person)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			domain = DomainOf(p.Address)
			known[list[i].Person] = domain
		}
		list[i].Domain = domain
	}
	return nil
}

// Prepare gathers what one claimed delivery is to carry. The mode is decided here, from what every level says at this moment, from the
// path of the connection at hand (d.Path) and from the content rules, so it is called right before the mail leaves. For a notice no content is even read.
//
// It returns ErrLeaseLost if the worker holds the delivery no longer, which includes one that it gave back because it is to leave later, and a *Suppression, already recorded, if it is not to be sent.
func (g *Gateway) Prepare(ctx context.Context, worker string, d Delivery) (Outgoing, error) {
	var out Outgoing
	var full *candidate
	err := g.store.View(ctx, func(tx Tx) error {
		path := d.Path
		d, err := tx.Delivery(ctx, d.ID)
		if err != nil {
			return err
		}
		d.Path = path
		if !d.mayLeave() || d.LeaseBy != worker || !g.now().Before(d.LeaseUntil) {
			return ErrLeaseLost
		}
		if out, full, err = g.outgoing(ctx, tx, d); err != nil {
			return err
		}
		if full == nil {
			if err := g.timely(ctx, tx, d); err != nil {
				return err
			}
		}
		if err := g.dress(ctx, tx, &out); err != nil || full == nil {
			return err
		}
		full.copy.Previous, err = g.previousOf(ctx, tx, d)
		return err
	})
	if err == nil && full != nil {
		var why []string
		if err := g.judgePrevious(ctx, full); err != nil {
			return Outgoing{}, wrap("prepare delivery", err)
		}
		if why, err = g.whyStays(ctx, full.by, judgedCopy(&full.copy)); err == nil {
			why = together(full.stays, why)
			out.Why = because(why)
		}
		switch {
		case err != nil:
		case len(why) == 0 && full.off:
			err = &Suppression{Reason: whyOff}
		case len(why) == 0:
			return full.copy, nil
		default:
			err = g.store.View(ctx, func(tx Tx) error { return g.timely(ctx, tx, out.Delivery) })
		}
	}
	var later *postponement
	if errors.As(err, &later) {
		return Outgoing{}, wrap("prepare delivery", g.postpone(ctx, worker, d.ID, later.until))
	}
	var s *Suppression
	if errors.As(err, &s) {
		if err := g.finish(ctx, worker, d.ID, Suppressed, Departure{Said: s.Reason}); err != nil {
			return Outgoing{}, wrap("prepare delivery", err)
		}
		return Outgoing{}, s
	}
	return out, wrap("prepare delivery", g.letGo(ctx, worker, d.ID, err))
}

// candidate is a copy that leaves in place of the notice if nothing that it carries is to stay in.
type candidate struct {
	copy  Outgoing
	stays []string // why it must stay in, as was decided when it was written
	by    gauge
	off   bool // its recipient wants none: a first notice leaves in its place, or nothing
}

// outgoing gathers a mail without content, and beside it the copy that modes and path allow, if they do.
func (g *Gateway) outgoing(ctx context.Context, tx Tx, d Delivery) (Outgoing, *candidate, error) {
	p, err := tx.Person(ctx, d.Person)
	if err != nil {
		return Outgoing{}, nil, err
	}
	if p.Disabled {
		return Outgoing{}, nil, &Suppression{Reason: "the person is disabled"}
	}
	if err := g.portalOnly(ctx, tx, d); err != nil {
		return Outgoing{}, nil, err
	}
	if err := stopped(ctx, tx, d, p); err != nil {
		return Outgoing{}, nil, err
	}
	off, err := g.unwanted(ctx, tx, d, p)
	if err != nil {
		return Outgoing{}, nil, err
	}
	out := Outgoing{
		Delivery: d, Form: FormNotice,
		ReversePath:  g.issuer.ReversePath(d.ID),
		Recipient:    Address{Addr: p.Address},
		From:         Address{Name: g.organization, Addr: noReplyLocal + "@" + g.domain},
		MessageID:    g.issuer.MessageID(d.ID),
		Date:         d.CreatedAt,
		Locale:       p.Locale,
		Organization: g.organization,
		BaseURL:      g.baseURL,
		ToStaff:      p.Kind == Staff,
		First:        p.first(),
	}
	if d.Kind.stoppable() && out.Words() != wording.Activation {
		out.Unsubscribe = g.issuer.UnsubscribeURL(p.Unsubscribe)
	}
	switch d.Kind {
	case DeliverCode:
		if g.now().Sub(d.CreatedAt) >= CodeLife {
			return Outgoing{}, nil, &Suppression{Reason: "the code is no longer valid"}
		}
		out.Code, out.CodeLife, out.Link = d.Payload, CodeLife, g.baseURL
		return out, nil, nil
	case DeliverAlert:
		out.Link = g.baseURL + "/desk/held"
		return out, nil, nil
	case DeliverTrouble:
		out.Link = g.baseURL + "/admin/mailboxes"
		return out, nil, nil
	case DeliverAnswer:
		out.Reason, out.Link, out.ReversePath = d.Payload, g.baseURL, ""
		return out, nil, nil
	case DeliverDevice:
		out.Link = g.baseURL + "/account"
		return out, nil, nil
	case DeliverSample:
		out.Link = g.baseURL
		return out, nil, out.readSample(d.Payload)
	case DeliverDigest:
		out.Link = g.baseURL + "/desk"
		return out, nil, out.readTally(d.Payload)
	case DeliverReminder, DeliverUnopened:
		if d.Thread.IsZero() {
			out.Link = g.baseURL
			return out, nil, nil
		}
	}
	out.Link = g.issuer.Link(d.ID)
	s, err := tx.Standing(ctx, d.Thread, p.ID)
	if err != nil {
		return Outgoing{}, nil, err
	}
	if !s.In {
		return Outgoing{}, nil, &Suppression{Reason: "the person is no longer in the conversation"}
	}
	if d.Kind != DeliverMessage || p.Kind == Staff || s.mode() != ModeConvenience {
		return out, nil, nil
	}
	if !g.copiesNeed.MetBy(d.Path) {
		out.Why = g.copiesNeed.Lack(d.Path)
		return out, nil, nil
	}
	full := &candidate{copy: out, off: off}
	full.copy.Need, full.copy.Unsubscribe = g.copiesNeed, g.issuer.UnsubscribeURL(p.Unsubscribe)
	if full.by, err = g.gauge(ctx, tx); err != nil {
		return Outgoing{}, nil, err
	}
	return out, full, g.fillCopy(ctx, tx, d, p, full)
}

// fillCopy adds the message itself, which only a copy carries.
func (g *Gateway) fillCopy(ctx context.Context, tx Tx, d Delivery, p Person, full *candidate) error {
	out := &full.copy
	t, err := tx.Thread(ctx, d.Thread)
	if err != nil {
		return err
	}
	m, err := tx.Message(ctx, d.Message)
	if err != nil {
		return err
	}
	if m.Kind != Public {
		return &Suppression{Reason: "an internal note is mailed to nobody"}
	}
	full.stays = m.Stays
	reply, err := tx.ReplyAddressOf(ctx, d.Thread, p.ID)
	if err != nil {
		return err
	}
	out.Form = FormCopy
	out.Recipient.Name = p.Name
	out.ReplyTo = g.issuer.ReplyAddress(reply.ID)
	out.Subject, out.Author, out.Text, out.Attachments = t.Subject, authorFor(p.ID, m), m.Text, m.Attachments
	if m.AuthorKind == ByContact && strings.EqualFold(out.Author, g.organization) {
		// Who calls themself like the organization must not seem to be it.
		who, err := tx.Person(ctx, m.Author)
		if err != nil {
			return err
		}
		out.Author = maskAddress(who.Address)
	}
	if out.Author != "" && out.Author != g.organization {
		out.From.Name = out.Author + " via " + g.organization
	}
	// The formatted body of a mail holds what it quoted, which is not for passing on; text that was made here is.
	if m.HTML != "" && m.Received.IsZero() {
		clean, err := richtext.Clean(m.HTML)
		if err != nil {
			return err
		}
		out.HTML = clean.HTML
	}
	letters, err := tx.Correspondence(ctx, d.Thread, p.ID, d.CreatedAt, 10)
	if err != nil {
		return err
	}
	for _, l := range letters {
		if l.Delivery == d.ID {
			continue
		}
		id := l.MailID
		if !l.Delivery.IsZero() {
			id = g.issuer.MessageID(l.Delivery)
		}
		out.References = append(out.References, id)
		out.InReplyTo = id
	}
	return nil
}

// leased reports whether a worker holds the delivery.
func (d Delivery) leased(now time.Time) bool { return d.LeaseBy != "" && now.Before(d.LeaseUntil) }

// mayLeave reports whether a delivery still waits to leave.
func (d Delivery) mayLeave() bool { return !d.State.final() && d.State != OnHold }

// letGo ends the lease of a worker that has lost a delivery, as err then says, because somebody held or cancelled it: its attempt is over.
func (g *Gateway) letGo(ctx context.Context, worker string, id ID, err error) error {
	if !errors.Is(err, ErrLeaseLost) {
		return err
	}
	if fault := g.ReturnDeliveries(ctx, worker, 0, id); fault != nil {
		return fault
	}
	return err
}

func (s DeliveryState) final() bool { return s == Relayed || s == Failed || s == Suppressed }

// RecordRelayed records that the next hop took a mail. It holds even if the lease ran out meanwhile, since the mail is out.
func (g *Gateway) RecordRelayed(ctx context.Context, worker string, id ID, how Departure) error {
	return wrap("record relayed", g.finish(ctx, worker, id, Relayed, how))
}

// RecordFailed records that a mail was refused for good, or given up, with what the next hop said. Staff see it in the thread.
func (g *Gateway) RecordFailed(ctx context.Context, worker string, id ID, said string) error {
	return wrap("record failed", g.finish(ctx, worker, id, Failed, Departure{Said: said}))
}

// RecordDeferred gives a delivery back, to be tried again at next.
func (g *Gateway) RecordDeferred(ctx context.Context, worker string, id ID, next time.Time, said string) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		d, err := tx.Delivery(ctx, id)
		if err != nil {
			return err
		}
		if !d.mayLeave() || d.LeaseBy != worker {
			return ErrLeaseLost
		}
		d.State, d.NextAt, d.LeaseBy, d.LeaseUntil = Deferred, next.UTC().Truncate(time.Microsecond), "", time.Time{}
		d.Diagnostic = cleanLine(said, 500)
		d.Attempts++
		return tx.UpdateDelivery(ctx, d)
	})
	return wrap("record deferred", g.letGo(ctx, worker, id, err))
}

func (g *Gateway) finish(ctx context.Context, worker string, id ID, state DeliveryState, how Departure) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		_, err := g.finishIn(ctx, tx, worker, id, state, how)
		return err
	})
	return g.letGo(ctx, worker, id, err)
}

func (g *Gateway) finishIn(ctx context.Context, tx Tx, worker string, id ID, state DeliveryState, how Departure) (Delivery, error) {
	d, err := tx.Delivery(ctx, id)
	if err != nil {
		return d, err
	}
	// What is out is out, even if the lease ran out or an admin held or cancelled it meanwhile.
	if d.State == Relayed || (state != Relayed && (!d.mayLeave() || d.LeaseBy != worker)) {
		return d, ErrLeaseLost
	}
	if state != Suppressed {
		d.Attempts++
	}
	d.State, d.Form, d.DoneAt, d.Diagnostic, d.Payload = state, how.Form, g.now(), cleanLine(how.Said, 500), ""
	d.Path, d.Why = how.Path, cleanLine(how.Why, 500)
	d.LeaseBy, d.LeaseUntil = "", time.Time{}
	return d, tx.UpdateDelivery(ctx, d)
}

// ListDeliveries lists deliveries, newest first, to staff. What a delivery carries in confidence is not shown to anyone.
func (g *Gateway) ListDeliveries(ctx context.Context, a Actor, q DeliveryQuery) ([]Delivery, Cursor, error) {
	var list []Delivery
	var next Cursor
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		var err error
		list, next, err = deliveryPage(ctx, tx, q)
		return err
	})
	return list, next, wrap("list deliveries", err)
}

// CountDeliveries counts deliveries by state, for staff.
func (g *Gateway) CountDeliveries(ctx context.Context, a Actor) (map[DeliveryState]int, error) {
	var counts map[DeliveryState]int
	err := g.store.View(ctx, func(tx Tx) error {
		_, err := g.resolveStaff(ctx, tx, a)
		if err == nil {
			counts, err = tx.CountDeliveries(ctx)
		}
		return err
	})
	return counts, wrap("count deliveries", err)
}

// RetryDelivery puts a delivery of a message that failed, or was not sent on purpose, back into the queue, or lets one that is deferred, put off or
// on hold go at once: admins only. One that is being sent at this moment is ErrConflict, since a second worker would send it once more. One
// that was held while it was being sent is left to the worker that does.
func (g *Gateway) RetryDelivery(ctx context.Context, a Actor, id ID) error {
	err := g.changeDelivery(ctx, a, id, "delivery.retry", func(d *Delivery) error {
		again := d.Kind == DeliverMessage && (d.State == Failed || d.State == Suppressed)
		if d.State != Deferred && d.State != OnHold && !d.PutOff(g.now()) && !again {
			return fmt.Errorf("it is %s: %w", d.State, ErrConflict)
		}
		switch {
		case !d.leased(g.now()):
			d.LeaseBy, d.LeaseUntil = "", time.Time{}
		case d.State != OnHold:
			return fmt.Errorf("it is being tried at this moment: %w", ErrConflict)
		}
		d.State, d.NextAt, d.DoneAt, d.Attempts = Queued, g.now(), time.Time{}, 0
		return nil
	})
	if err == nil {
		g.wake()
	}
	return wrap("retry delivery", err)
}

// CancelDelivery keeps a waiting delivery from being sent: admins only. One that is being sent at this moment may still go.
func (g *Gateway) CancelDelivery(ctx context.Context, a Actor, id ID) error {
	return wrap("cancel delivery", g.changeDelivery(ctx, a, id, "delivery.cancel", func(d *Delivery) error {
		if d.State.final() {
			return fmt.Errorf("it is %s: %w", d.State, ErrConflict)
		}
		d.State, d.DoneAt, d.Diagnostic, d.Payload = Suppressed, g.now(), "cancelled by an admin", ""
		return nil
	}))
}

func (g *Gateway) changeDelivery(ctx context.Context, a Actor, id ID, action string, set func(*Delivery) error) error {
	return g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		d, err := tx.Delivery(ctx, id)
		if err != nil {
			return err
		}
		if err := set(&d); err != nil {
			return err
		}
		if err := tx.UpdateDelivery(ctx, d); err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: action, Thread: d.Thread, Person: d.Person})
	})
}
