package bridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge/mailaddr"
	"letterlock/bridge/richtext"
)

// Receive decides what becomes of one mail to one forward-path, and records it: when it returns, that is durable.
// Taking the same mail again, by whichever route, changes nothing and is recorded as a Duplicate.
//
// The error is never about the mail: it means that nothing was kept and the same may be tried again later (ErrUnavailable).
// A mail that is not wanted comes back as Refused, with Refusal set to the reason to answer with.
func (g *Gateway) Receive(ctx context.Context, e Envelope, m *Mail, v Verdict) (Received, error) {
	if v.Result == VerdictTemporary {
		return Received{}, fmt.Errorf("receive: the sender can't be judged now: %w", ErrUnavailable)
	}
	if e.At.IsZero() {
		e.At = g.now()
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)

	// What is large goes to a place of its own before the transaction; so look first whether it is wanted at all.
	wanted := decision{disposition: Appended}
	if m.octets() > stageWithoutAsking {
		err := g.store.View(ctx, func(tx Tx) (err error) {
			wanted, err = g.decide(ctx, tx, e, m, v)
			return err
		})
		if err != nil {
			return Received{}, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
		}
	}
	var files []Attachment
	var raw Blob
	var err error
	if wanted.appends() {
		if files, err = g.stageFiles(ctx, m); err != nil {
			return Received{}, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
		}
	}
	if wanted.keeps() {
		if raw, err = g.store.StageBlob(ctx, bytes.NewReader(m.Raw)); err != nil {
			return Received{}, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
		}
	}

	var r Received
	turn := turn{pace: &g.pace}
	err = g.store.Update(ctx, func(tx Tx) error {
		turn.giveBack()
		d, err := g.decide(ctx, tx, e, m, v)
		if err != nil {
			return err
		}
		d = turn.mail(d, g.now())
		if d.keeps() && !wanted.keeps() || d.appends() && !wanted.appends() {
			return errChangedMind
		}
		r = d.record(e, m, v)
		switch d.disposition {
		case Appended, NewThread:
			if err = g.take(ctx, tx, &r, d, m, files); err == nil && d.instead.waits() {
				d.instead.Resolution, d.instead.ResolvedAt = Discarded, g.now()
				err = tx.UpdateReceived(ctx, d.instead)
			}
		case Held:
			err = g.alertAdmins(ctx, tx)
		case Reported:
			err = g.believe(ctx, tx, d, m)
		case Refused:
			err = g.answer(ctx, tx, d, e, m)
		}
		if err != nil {
			return err
		}
		if !d.keeps() {
			return tx.AddReceived(ctx, r, Blob{})
		}
		return tx.AddReceived(ctx, r, raw)
	})
	if err != nil {
		turn.giveBack()
		return Received{}, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
	}
	g.wake()
	return r, nil
}

// errChangedMind means that a large mail, unwanted when it was looked at, became wanted: it is tried again from the beginning.
var errChangedMind = errors.New("the rules changed while the mail was taken")

// errTooSoon means that a report came before it was recorded that its mail left, as reports of a relay on the same machine do. Whoever
// brings it tries again; by then it says something.
var errTooSoon = errors.New("the mail that it reports on is being sent at this moment")

// stageWithoutAsking is the size up to which a mail is staged before anything is decided, since staging it costs no file.
const stageWithoutAsking = 64 << 10

func (m *Mail) octets() int {
	n := len(m.Raw)
	for _, a := range m.Attachments {
		n += len(a.Content)
	}
	return n
}

// stageFiles stores the attachments of a mail.
func (g *Gateway) stageFiles(ctx context.Context, m *Mail) ([]Attachment, error) {
	var files []Attachment
	for _, p := range m.Attachments {
		b, err := g.store.StageBlob(ctx, bytes.NewReader(p.Content))
		if err != nil {
			return nil, err
		}
		files = append(files, Attachment{
			Filename: fileName(p.Filename), ContentType: contentType(p.ContentType), ContentID: p.ContentID, Inline: p.Inline, Blob: b,
		})
	}
	return files, nil
}

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

// appends reports whether the mail becomes a message.
func (d decision) appends() bool { return d.disposition == Appended || d.disposition == NewThread }

func (d decision) record(e Envelope, m *Mail, v Verdict) Received {
	r := Received{
		ID: NewID(), Envelope: e, Disposition: d.disposition, Reasons: d.reasons, Refusal: d.refusal, Verdict: v, Kind: m.Kind,
		Subject: cleanLine(m.Subject, maxSubject), MailID: m.MessageID, Size: int64(len(m.Raw)),
		Thread: d.target.thread, Person: d.target.person, Original: d.original, Identity: d.identity,
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

// target is where a mail is meant to go.
type target struct {
	at       place
	thread   ID // and person: the participant whose reply it would be
	person   ID
	standing Standing // theirs, where there is a thread
	delivery ID       // for atBounce
	by       string   // how it was found, for the record
}

// target finds out where a mail is meant to go. On SMTP the forward-path alone counts, then the Message-IDs; a mailbox read over
// IMAP tells it less surely, so there the fields that name a recipient count too.
func (g *Gateway) target(ctx context.Context, tx Tx, e Envelope, m *Mail) (target, error) {
	t := target{by: "forward-path"}
	var id ID
	t.at, id = g.locate(mailaddr.Normalize(e.ForwardPath))
	if t.at == elsewhere && e.Route == RouteIMAP {
		t.at, id, t.by = g.locateIn(m)
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
func (g *Gateway) locateIn(m *Mail) (place, ID, string) {
	found, at, by := ID{}, atInbox, "mailbox"
	look := func(addr, field string) bool {
		p, id := g.locate(mailaddr.Normalize(addr))
		if p == atReply || p == atBounce {
			found, at, by = id, p, field
			return true
		}
		if p != elsewhere && by == "mailbox" {
			at, by = p, field
		}
		return false
	}
	for _, a := range m.Delivered {
		if look(a, "delivery field") {
			return at, found, by
		}
	}
	for _, list := range [2][]Address{m.To, m.Cc} {
		for _, a := range list {
			if look(a.Addr, "To or Cc") {
				return at, found, by
			}
		}
	}
	return at, found, by
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

// take puts a mail into its thread, or into a new one.
func (g *Gateway) take(ctx context.Context, tx Tx, r *Received, d decision, m *Mail, files []Attachment) error {
	t := d.target.standing.Thread
	var err error
	switch {
	case d.disposition == NewThread:
		subject := cleanLine(m.Subject, maxSubject)
		if subject == "" {
			subject = "(no subject)"
		}
		t, err = g.addThread(ctx, tx, subject, ModeInherit, []Person{d.author})
	case t.Status != Open:
		t, err = tx.Thread(ctx, t.ID) // whole, since it is about to be opened again
	}
	if err != nil {
		return err
	}
	msg := mailMessage(m, r.Envelope.Route, files)
	msg.AuthorKind, msg.Author, msg.AuthorName = ByContact, d.author.ID, d.author.DisplayName()
	msg.Received = r.ID
	if err := g.add(ctx, tx, &t, &msg); err != nil {
		return err
	}
	r.Thread, r.Message, r.Person = t.ID, msg.ID, d.author.ID
	return nil
}

// mailMessage makes a message of a mail; its author is set by the caller.
func mailMessage(m *Mail, route Route, files []Attachment) Message {
	msg := Message{
		Kind: Public, Via: ViaSMTP, Text: cleanText(m.Reply), Quoted: cleanText(m.Quoted), Signature: cleanText(m.Signature),
		MailID: m.MessageID, Attachments: files,
	}
	if route == RouteIMAP {
		msg.Via = ViaIMAP
	}
	if m.HTML != "" {
		// It was cleaned when it was parsed; here is where it becomes ours.
		if clean, err := richtext.Clean(m.HTML); err == nil {
			msg.HTML = clean.HTML
		}
	}
	return msg
}

// believe applies a delivery report, if it carries what only mail of ours carried: a reverse-path or a Message-ID that we signed.
func (g *Gateway) believe(ctx context.Context, tx Tx, d decision, m *Mail) error {
	if m.Kind != KindBounce {
		return nil
	}
	delivery := d.target.delivery
	for i := 0; delivery.IsZero() && i < len(m.ReportedID) && i < maxReferences; i++ {
		if id, ok := g.issuer.OpenMessageID(m.ReportedID[i]); ok {
			delivery = id
		}
	}
	if delivery.IsZero() {
		return nil
	}
	sent, err := tx.Delivery(ctx, delivery)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !sent.State.final() && sent.leased(g.now()) {
		return errTooSoon
	}
	if sent.State != Relayed {
		return nil
	}
	for _, rcpt := range m.Report {
		said := strings.TrimSpace(rcpt.Status + " " + cleanLine(rcpt.Diagnostic, 300))
		switch rcpt.Class {
		case "permanent":
			sent.State, sent.DoneAt, sent.Diagnostic = Failed, g.now(), "came back: "+said
			return tx.UpdateDelivery(ctx, sent)
		case "temporary":
			sent.Diagnostic = "delayed: " + said
			if err := tx.UpdateDelivery(ctx, sent); err != nil {
				return err
			}
		}
	}
	return nil
}

// answer tells the sender of a mail that came over IMAP, and so could not be refused, why it went nowhere: at most once a day, only
// to a person known here, never to lists, machines or a null reverse-path (RFC 3834, section 2).
func (g *Gateway) answer(ctx context.Context, tx Tx, d decision, e Envelope, m *Mail) error {
	if e.Route != RouteIMAP || m.List || m.AutoSubmitted || m.Kind != KindMessage || d.author.ID.IsZero() || d.author.Disabled {
		return nil
	}
	if e.ReversePath != "" && mailaddr.Normalize(e.ReversePath) != d.author.Address {
		return nil
	}
	now := g.now()
	key := "answer:" + d.author.ID.String()
	n, err := tx.CountAttempts(ctx, key, now.Add(-24*time.Hour))
	if err != nil || n > 0 {
		return err
	}
	if err := tx.AddAttempt(ctx, key, now); err != nil {
		return err
	}
	return tx.AddDelivery(ctx, Delivery{
		ID: NewID(), Kind: DeliverAnswer, Person: d.author.ID, Payload: g.Refusal(d.refusal),
		Priority: priorityLate, State: Queued, CreatedAt: now, NextAt: now,
	})
}

// alertAdmins tells the admins, at most once an hour, that mail is waiting for a person to look at it.
func (g *Gateway) alertAdmins(ctx context.Context, tx Tx) error {
	now := g.now()
	n, err := tx.CountAttempts(ctx, "alert", now.Add(-time.Hour))
	if err != nil || n > 0 {
		return err
	}
	if err := tx.AddAttempt(ctx, "alert", now); err != nil {
		return err
	}
	admins, err := g.admins(ctx, tx)
	if err != nil {
		return err
	}
	for _, p := range admins {
		err := tx.AddDelivery(ctx, Delivery{
			ID: NewID(), Kind: DeliverAlert, Person: p.ID,
			Priority: priorityLate, State: Queued, CreatedAt: now, NextAt: now,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
