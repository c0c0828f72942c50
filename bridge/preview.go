package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"letterlock/bridge/richtext"
)

// Draft is a message that staff have not sent yet: an answer in a thread, or the first message of a new one.
type Draft struct {
	Thread   ID          // zero for a new one, which has what follows
	Subject  string      // of a new thread
	Contacts []Recipient // of a new thread; nobody is made a contact by asking
	Mode     Mode        // of a new thread

	Text   string
	HTML   string
	Files  []Attachment // from StageFile
	Names  []string     // of files that are chosen and not handed over yet
	Secure bool         // its author wants it to stay in

	off map[ID]Person // of those whom it is for, who turned their mails off
}

// Leaving is what one recipient of a message gets by email, and why.
type Leaving struct {
	Person  ID // zero for somebody who is no contact yet
	Name    string
	Address string
	Form    Form     // what would leave now; empty for no mail at all
	Why     []string // why it is no copy: clauses for staff, such as "contains a card number", without anything of the message
}

// Preview returns, to staff, what each recipient of a message would get by email if it left now, and why. It changes nothing. When it does
// leave, Prepare asks the same questions again, so what is a copy here may be a notice then.
func (g *Gateway) Preview(ctx context.Context, a Actor, d Draft) ([]Leaving, error) {
	all, err := g.preview(ctx, a, ID{}, d)
	return all, wrap("preview", err)
}

// PreviewMessage is Preview for a message that was sent: what leaves for each recipient as things are now.
func (g *Gateway) PreviewMessage(ctx context.Context, a Actor, id ID) ([]Leaving, error) {
	all, err := g.preview(ctx, a, id, Draft{})
	return all, wrap("preview message", err)
}

func (g *Gateway) preview(ctx context.Context, a Actor, sent ID, d Draft) ([]Leaving, error) {
	var all []Leaving
	var by gauge
	var m Message
	err := g.store.View(ctx, func(tx Tx) error {
		p, err := g.resolveStaff(ctx, tx, a)
		if err != nil {
			return err
		}
		if !sent.IsZero() {
			if m, err = tx.Message(ctx, sent); err != nil {
				return err
			}
			d.Thread = m.Thread
		}
		if by, err = g.gauge(ctx, tx); err != nil {
			return err
		}
		all, err = g.leavings(ctx, tx, p, &d)
		return err
	})
	var why []string
	switch {
	case err != nil:
		return nil, err
	case sent.IsZero():
		why, err = g.whyDraftStays(ctx, by, d)
	default:
		all = slices.DeleteFunc(all, func(l Leaving) bool { return l.Person == m.Author })
		why, err = g.whyStays(ctx, by, judgedMessage(d.Subject, &m))
		why = together(m.Stays, why)
	}
	if err != nil {
		return nil, err
	}
	for i := range all {
		if l := &all[i]; l.Form == FormCopy && len(why) > 0 {
			l.Form, l.Why = FormNotice, why
		}
	}
	g.foretell(ctx, all)
	quiet(all, d.off)
	return all, nil
}

// whyDraftStays says why a draft must stay in.
func (g *Gateway) whyDraftStays(ctx context.Context, by gauge, d Draft) ([]string, error) {
	j := judged{subject: cleanLine(d.Subject, maxSubject), texts: []string{cleanText(d.Text)}, files: d.Files, secure: d.Secure}
	for _, name := range d.Names[:min(len(d.Names), maxFileCount)] {
		j.names = append(j.names, fileName(name))
	}
	if d.HTML != "" {
		clean, err := richtext.Clean(d.HTML)
		if err != nil {
			return nil, fmt.Errorf("the formatted text can't be read (%v): %w", err, ErrInvalid)
		}
		j.html = append(j.html, clean.HTML)
	}
	return g.whyStays(ctx, by, j)
}

// leavings finds who would get a draft, and what the modes say about each. For an answer it fills in the thread's subject.
func (g *Gateway) leavings(ctx context.Context, tx Tx, p principal, d *Draft) ([]Leaving, error) {
	org, err := g.organizationMode(ctx, tx)
	if err != nil {
		return nil, err
	}
	var people []Person
	if d.Thread.IsZero() {
		if _, err := ParseMode(string(d.Mode)); err != nil {
			return nil, err
		}
		people, err = g.named(ctx, tx, d.Contacts)
	} else {
		var t Thread
		if t, err = tx.Thread(ctx, d.Thread); err != nil {
			return nil, err
		}
		d.Mode, d.Subject = t.Mode, t.Subject
		people, err = g.inThread(ctx, tx, t.ID)
	}
	if err != nil {
		return nil, err
	}
	timing, err := g.timingNow(ctx, tx)
	if err != nil {
		return nil, err
	}
	all := make([]Leaving, 0, len(people))
	d.off = map[ID]Person{}
	for _, one := range people {
		if !one.ID.IsZero() && one.ID == p.person.ID {
			continue
		}
		l := Leaving{Person: one.ID, Name: one.Name, Address: one.Address, Form: FormCopy}
		stop, err := g.standsStill(ctx, tx, d, one)
		if err != nil {
			return nil, err
		}
		switch {
		case one.Disabled:
			l.Form, l.Why = "", []string{"the person is disabled"}
		case timing.EmailOff:
			l.Form, l.Why = "", []string{emailOff}
		case stop != "":
			l.Form, l.Why = "", []string{stop}
		default:
			if l.Why = modeWhy(org, d.Mode, one.Mode); len(l.Why) > 0 {
				l.Form = FormNotice
			}
		}
		all = append(all, l)
	}
	return all, nil
}

// standsStill says why mail to a recipient of a draft is stopped; nothing if it is not. Who turned their mails off is noted in the draft.
func (g *Gateway) standsStill(ctx context.Context, tx Tx, d *Draft, p Person) (string, error) {
	if p.ID.IsZero() {
		return "", nil
	}
	c, err := choicesOf(ctx, tx, p.ID)
	if err != nil {
		return "", err
	}
	if c.Notify == NotifyNone {
		d.off[p.ID] = p
	}
	stop, err := tx.MailStop(ctx, p.Address)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return stop.Reason(), err
}

// modeWhy says which levels keep a copy in.
func modeWhy(org, thread, person Mode) []string {
	var why []string
	if Strictest(org) != ModeConvenience {
		why = append(why, "the organization is in secure mode")
	}
	if thread != ModeInherit && Strictest(thread) != ModeConvenience {
		why = append(why, "this conversation was set to notices only")
	}
	if person != ModeInherit && Strictest(person) != ModeConvenience {
		why = append(why, "this contact was set to notices only")
	}
	return why
}

// inThread returns the contacts who are in a thread.
func (g *Gateway) inThread(ctx context.Context, tx Tx, thread ID) ([]Person, error) {
	in, err := tx.Participants(ctx, thread)
	if err != nil {
		return nil, err
	}
	var people []Person
	for _, one := range in {
		if one.Kind != Contact || !one.LeftAt.IsZero() {
			continue
		}
		p, err := tx.Person(ctx, one.Person)
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}

// named finds the people that a draft names, each once. Whoever is not there yet has an address only.
func (g *Gateway) named(ctx context.Context, tx Tx, all []Recipient) ([]Person, error) {
	if len(all) > maxContacts {
		return nil, fmt.Errorf("at most %d contacts at once: %w", maxContacts, ErrInvalid)
	}
	var people []Person
	seen := make(map[string]bool)
	for _, r := range all {
		var p Person
		var err error
		if !r.ID.IsZero() {
			if p, err = tx.Person(ctx, r.ID); errors.Is(err, ErrNotFound) {
				err = fmt.Errorf("no contact %s: %w", r.ID, ErrInvalid)
			}
		} else {
			var addr string
			if addr, err = address(r.Address); err != nil {
				return nil, err
			}
			if p, err = tx.PersonByAddress(ctx, addr); errors.Is(err, ErrNotFound) {
				p, err = Person{Kind: Contact, Name: cleanLine(r.Name, maxName), Address: addr}, g.notOurs(addr)
			}
		}
		switch {
		case err != nil:
			return nil, err
		case p.Kind != Contact:
			return nil, fmt.Errorf("%s is staff, not a contact: %w", p.Address, ErrInvalid)
		case !seen[p.Address]:
			seen[p.Address] = true
			people = append(people, p)
		}
	}
	return people, nil
}
