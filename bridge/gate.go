package bridge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"letterlock/bridge/mailaddr"
)

// decision is what is to become of a mail, and why.
type decision struct {
	disposition Disposition
	reasons     []string
	refusal     error
	target      target
	author      Person // of Appended and NewThread; of Refused, whom an answer may go to
	original    ID
	identity    [32]byte
	instead     Received // the same mail as it came before, when it could not become a message
}

// keeps reports whether the mail itself is stored.
func (d decision) keeps() bool {
	switch d.disposition {
	case Appended, NewThread, Held, Reported, AutoReplied:
		return true
	}
	return false
}

// handsOut reports whether somebody may come to open the mail's files: those of a message, or of a mail that staff decide about.
func (d decision) handsOut() bool { return d.appends() || d.disposition == Held }

// appends reports whether the mail becomes a message.
func (d decision) appends() bool { return d.disposition == Appended || d.disposition == NewThread }

// record is what is recorded of a mail whatever is decided about it.
func (m *Mail) record(e Envelope, v Verdict) Received {
	r := Received{
		ID: NewID(), Envelope: e, Verdict: v, Kind: m.Kind,
		Subject: cleanLine(m.Subject, maxSubject), MailID: m.MessageID, Size: int64(len(m.Raw)),
	}
	var from []string
	for _, a := range m.From {
		if len(from) < 5 {
			from = append(from, strings.TrimSpace(cleanLine(a.Name, maxName)+" <"+cleanLine(a.Addr, 320)+">"))
		}
	}
	r.From = strings.Join(from, ", ")
	return r
}

// record completes a mail's record with what was decided.
func (d decision) record(r Received) Received {
	r.Disposition, r.Reasons, r.Refusal, r.Identity = d.disposition, d.reasons, d.refusal, d.identity
	r.Thread, r.Person, r.Original = d.target.thread, d.target.person, d.original
	return r
}

// target is where a mail is meant to go.
type target struct {
	at       place
	thread   ID // and person: the participant whose reply it would be
	person   ID
	standing Standing // theirs, where there is a thread
	delivery ID       // for atBounce
	path     string   // the address of ours that it goes by, as written
	by       string   // how it was found, for the record
}

// target finds out where a mail is meant to go. On SMTP the forward-path alone counts, then the Message-IDs; a mailbox read over
// IMAP tells it less surely, so there the fields that name a recipient count too.
func (g *Gateway) target(ctx context.Context, tx Tx, e Envelope, m *Mail) (target, error) {
	t := target{by: "forward-path", path: e.ForwardPath}
	var id ID
	t.at, id = g.locate(mailaddr.Normalize(e.ForwardPath))
	if t.at == elsewhere && e.Route == RouteIMAP {
		t.at, id, t.by, t.path = g.locateIn(m)
	}
	switch t.at {
	case atReply:
		s, err := tx.StandingAt(ctx, id)
		if errors.Is(err, ErrNotFound) {
			t.at = elsewhere
			return t, nil
		}
		t.standing, t.thread, t.person = s, s.Thread.ID, s.Person.ID
		return t, err
	case atBounce:
		t.delivery = id
	case atInbox:
		return g.threadOf(ctx, tx, m, t)
	}
	return t, nil
}

// locateIn looks for an address of ours where a mailbox's mail names its recipients. What is in a mailbox of ours is for us, so
// without any such address it counts as mail to the inbox.
func (g *Gateway) locateIn(m *Mail) (_ place, _ ID, by, path string) {
	found, at := ID{}, atInbox
	by = "mailbox"
	look := func(addr, field string) bool {
		p, id := g.locate(mailaddr.Normalize(addr))
		if p == atReply || p == atBounce {
			found, at, by, path = id, p, field, addr
			return true
		}
		if p != elsewhere && by == "mailbox" {
			at, by, path = p, field, addr
		}
		return false
	}
	for _, a := range m.Delivered {
		if look(a, "delivery field") {
			return at, found, by, path
		}
	}
	for _, list := range [2][]Address{m.To, m.Cc} {
		for _, a := range list {
			if look(a.Addr, "To or Cc") {
				return at, found, by, path
			}
		}
	}
	return at, found, by, path
}

// maxReferences bounds how many Message-IDs of a mail are looked up.
const maxReferences = 20

// threadOf finds the thread that a mail answers by the Message-IDs it refers to: only those we made and signed count.
func (g *Gateway) threadOf(ctx context.Context, tx Tx, m *Mail, t target) (target, error) {
	ids := make([]string, 0, len(m.InReplyTo)+len(m.References))
	ids = append(ids, m.InReplyTo...)
	for i := len(m.References) - 1; i >= 0; i-- {
		ids = append(ids, m.References[i])
	}
	if len(ids) > maxReferences {
		ids = ids[:maxReferences]
	}
	for _, s := range ids {
		delivery, ok := g.issuer.OpenMessageID(s)
		if !ok {
			continue
		}
		d, err := tx.Delivery(ctx, delivery)
		if errors.Is(err, ErrNotFound) || (err == nil && d.Thread.IsZero()) {
			continue
		}
		if err != nil {
			return t, err
		}
		s, err := tx.Standing(ctx, d.Thread, d.Person)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		t.standing, t.thread, t.person, t.by = s, d.Thread, d.Person, "Message-ID"
		return t, err
	}
	return t, nil
}

// decide applies the rules to a mail. It changes nothing.
func (g *Gateway) decide(ctx context.Context, tx Tx, e Envelope, m *Mail, v Verdict) (decision, error) {
	t, err := g.target(ctx, tx, e, m)
	if err != nil {
		return decision{}, err
	}
	d := decision{target: t}
	if t.at == elsewhere {
		return d.refuse(ErrUnknownRcpt, "the recipient is no address of ours"), nil
	}
	d.identity = identity(m, t)
	first, err := tx.ReceivedByIdentity(ctx, d.identity)
	if errors.Is(err, ErrNotFound) {
		return g.judge(ctx, tx, d, e, m, v)
	}
	if err != nil || first.inThread() {
		return d.duplicate(first), err
	}
	// It was kept, but not as somebody's message: it came unproven, through a list, or marked as a machine's, perhaps by whoever
	// wanted the author's own copy to count for nothing. If this one passes the gate, it is the one that counts.
	better, err := g.judge(ctx, tx, d, e, m, v)
	if err != nil || !better.appends() {
		return d.duplicate(first), err
	}
	better.identity = sha256.Sum256(append([]byte("better "), d.identity[:]...))
	second, err := tx.ReceivedByIdentity(ctx, better.identity)
	if errors.Is(err, ErrNotFound) {
		better.instead = first
		better.reasons = append(better.reasons, "the same mail came before and was no message then ("+string(first.Disposition)+")")
		return better, nil
	}
	return d.duplicate(second), err
}

// judge decides about a mail whose like was not kept before.
func (g *Gateway) judge(ctx context.Context, tx Tx, d decision, e Envelope, m *Mail, v Verdict) (decision, error) {
	t := d.target
	switch m.Kind {
	case KindBounce, KindComplaint, KindReceipt:
		d.disposition, d.reasons = Reported, []string{"it is a " + string(m.Kind) + ", not a message"}
		return d, nil
	case KindAutoReply:
		d.disposition, d.reasons = AutoReplied, []string{"a machine answered (RFC 3834)"}
		return d, nil
	}
	if t.at == atAdmins {
		return d.hold("it is for postmaster or abuse"), nil
	}
	if e.ReversePath == "" && e.Route == RouteSMTP {
		d.disposition, d.reasons = AutoReplied, []string{"it has a null reverse-path, which no person's mail has (RFC 5321, section 4.5.5)"}
		return d, nil
	}
	if v.Result == VerdictReject {
		// Nobody is told by mail: whoever it names has not written it.
		return d.refuse(ErrForbidden, append([]string{"it is not from whom it says"}, v.Reasons...)...), nil
	}
	if t.at == atBounce {
		return d.refuse(ErrUnknownRcpt, "only delivery reports go to a bounce address"), nil
	}
	if t.at == atNoReply {
		var err error
		if d.author, err = g.claimed(ctx, tx, m); err != nil {
			return d, err
		}
		return d.refuse(ErrRepliesOff, "it answers a notice; notices are answered in the viewer"), nil
	}
	return g.gate(ctx, tx, d, m, v)
}

// gate is what every reply passes, whichever way its thread was found.
func (g *Gateway) gate(ctx context.Context, tx Tx, d decision, m *Mail, v Verdict) (decision, error) {
	if t := d.target; !t.thread.IsZero() {
		p := t.standing.Person
		if m.author() == p.Address {
			d.author = p
		}
		if err := t.standing.accepts(); err != nil {
			return d.refuse(err, "found by "+t.by, err.Error()), nil
		}
		if len(m.From) != 1 {
			return d.refuse(ErrForbidden, fmt.Sprintf("it has %d authors in From, where one is needed", len(m.From))), nil
		}
		switch {
		case m.OverBound != "":
			return d.hold(m.OverBound), nil
		case m.List:
			return d.hold("it came through a mailing list"), nil
		case p.Kind != Contact:
			// Their notices have Message-IDs too. What they write to each other about a notice must not go out to customers.
			return d.hold("staff write in the desk, not by email", v.Reasons...), nil
		case v.Result != VerdictPass:
			return d.hold("the sender is not proven to be the participant", v.Reasons...), nil
		case v.Address != p.Address:
			return d.hold("the sender is not the participant whose reply address this is", v.Reasons...), nil
		}
		d.disposition, d.author = Appended, p
		d.reasons = append([]string{"found by " + t.by}, v.Reasons...)
		return d, nil
	}

	// Mail to an inbox that answers nothing of ours: a contact may begin a thread with it.
	if m.OverBound != "" {
		return d.hold(m.OverBound), nil
	}
	if m.List {
		return d.hold("it came through a mailing list"), nil
	}
	if len(m.From) != 1 {
		return d.refuse(ErrForbidden, fmt.Sprintf("it has %d authors in From, where one is needed", len(m.From))), nil
	}
	p, err := g.claimed(ctx, tx, m)
	if err != nil {
		return d, err
	}
	switch {
	case p.ID.IsZero():
		return d.hold("the sender is nobody known here", v.Reasons...), nil
	case p.Kind != Contact:
		return d.hold("staff write in the desk, not by email", v.Reasons...), nil
	case v.Result != VerdictPass || v.Address != p.Address:
		return d.hold("the sender is not proven to be the contact that it names", v.Reasons...), nil
	}
	d.author = p
	org, err := g.organizationMode(ctx, tx)
	if err != nil {
		return d, err
	}
	var refusal error
	switch {
	case p.Disabled:
		refusal = ErrRevokedRcpt
	case Strictest(org, p.Mode) != ModeConvenience:
		refusal = ErrRepliesOff
	}
	switch {
	case refusal != nil && v.Method == MethodAddress:
		// Anybody can write that From. Refused here and held where it names nobody, it would tell them who is a contact.
		return d.hold(refusal.Error()+", and nothing proves the sender", v.Reasons...), nil
	case refusal != nil:
		return d.refuse(refusal, refusal.Error()), nil
	}
	d.disposition = NewThread
	d.reasons = append([]string{"a known contact wrote to the inbox"}, v.Reasons...)
	return d, nil
}

// refuse ends a decision. A refused mail is judged anew each time, so it has no identity.
func (d decision) refuse(why error, reasons ...string) decision {
	d.disposition, d.refusal, d.reasons, d.identity = Refused, why, reasons, [32]byte{}
	return d
}

// duplicate ends a decision about a mail that is there already.
func (d decision) duplicate(first Received) decision {
	d.disposition, d.original, d.identity = Duplicate, first.ID, [32]byte{}
	d.target.thread, d.target.person = first.Thread, first.Person
	d.reasons = []string{"the same mail was received before and is " + string(first.Disposition)}
	return d
}

func (d decision) hold(why string, more ...string) decision {
	d.disposition, d.reasons = Held, append([]string{why}, more...)
	return d
}

// author returns the one address in From, normalised, or nothing.
func (m *Mail) author() string {
	if len(m.From) != 1 {
		return ""
	}
	return mailaddr.Normalize(m.From[0].Addr)
}

// claimed returns the person that From names; the zero Person if it is nobody.
func (g *Gateway) claimed(ctx context.Context, tx Tx, m *Mail) (Person, error) {
	one := m.author()
	if one == "" {
		return Person{}, nil
	}
	p, err := tx.PersonByAddress(ctx, one)
	if errors.Is(err, ErrNotFound) {
		return Person{}, nil
	}
	return p, err
}

// identity is equal for the same mail to the same place. Message-ID alone would not do: some senders use one twice.
func identity(m *Mail, t target) [32]byte {
	h := sha256.New()
	h.Write(m.Digest[:])
	if !t.thread.IsZero() {
		h.Write(t.thread[:])
		h.Write(t.person[:])
	} else {
		h.Write([]byte{byte(t.at)})
		h.Write(t.delivery[:])
	}
	return [32]byte(h.Sum(nil))
}
