package bridge

import (
	"bytes"
	"context"
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
	all, err := g.ReceiveAll(ctx, []Arrival{{Envelope: e, Mail: m, Verdict: v}})
	if err != nil {
		return Received{}, err
	}
	return all[0], nil
}

// Arrival is one mail to one forward-path, and what is known about its sender.
type Arrival struct {
	Envelope Envelope
	Mail     *Mail
	Verdict  Verdict
}

// ReceiveAll is Receive for several mails, in their order and in one transaction: when it returns, all are durable. On an error none was
// kept, and it may be that only one of them is the cause, so whoever brings them tries each alone then. What they are is returned in
// the order of the mails.
func (g *Gateway) ReceiveAll(ctx context.Context, mails []Arrival) ([]Received, error) {
	all := make([]*arriving, len(mails))
	for i := range mails {
		var err error
		if all[i], err = g.stage(ctx, mails[i]); err != nil {
			return nil, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
		}
	}
	received := make([]Received, len(mails))
	giveBack := func() {
		for i := range all {
			all[i].turn.giveBack()
		}
	}
	err := g.update(ctx, func(tx Tx) (err error) {
		giveBack()
		for i := range all {
			if received[i], err = g.receive(ctx, tx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		giveBack()
		return nil, fmt.Errorf("receive: %w: %w", ErrUnavailable, err)
	}
	return received, nil
}

// arriving is a mail whose content is staged, before the transaction, and what can be known of it by then.
type arriving struct {
	Arrival
	wanted  decision
	bad     *FileError // why it can't become a message, nor wait for staff to make it one
	files   []Attachment
	record  Received // without what is decided in the transaction
	message Message  // what it would be in its thread, but for its author
	raw     Blob
	turn    turn
}

// stage puts what is large to a place of its own before the transaction; so it looks first whether it is wanted at all.
func (g *Gateway) stage(ctx context.Context, mail Arrival) (*arriving, error) {
	a := &arriving{Arrival: mail, wanted: decision{disposition: Appended}, turn: turn{pace: &g.pace}}
	e, m, v := &a.Envelope, a.Mail, a.Verdict
	if v.Result == VerdictTemporary {
		return nil, errors.New("the sender can't be judged now")
	}
	if e.At.IsZero() {
		e.At = g.now()
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	a.record = m.record(*e, v)
	decided := m.octets() > stageWithoutAsking || g.scanner != nil
	if decided {
		err := g.store.View(ctx, func(tx Tx) (err error) {
			a.wanted, err = g.decide(ctx, tx, *e, m, v)
			return err
		})
		if err != nil {
			return a, err
		}
	}
	var err error
	if a.wanted.handsOut() {
		if a.bad, err = g.inspect(ctx, m); err != nil {
			return a, err
		}
		if a.bad != nil && decided {
			a.wanted = a.wanted.refuse(a.bad)
		}
	}
	if a.wanted.appends() && a.bad == nil {
		if a.files, err = g.stageFiles(ctx, m); err != nil {
			return a, err
		}
		a.message = mailMessage(m, e.Route, a.files)
		if a.message.Stays, err = g.arrivalStays(ctx, m.Subject, &a.message); err != nil {
			return a, err
		}
	}
	if a.wanted.keeps() {
		a.raw, err = g.store.StageBlob(ctx, bytes.NewBuffer(m.Raw))
	}
	return a, err
}

// receive decides about a mail and records it, within a transaction.
func (g *Gateway) receive(ctx context.Context, tx Tx, a *arriving) (Received, error) {
	e, m, v := a.Envelope, a.Mail, a.Verdict
	d, err := g.decide(ctx, tx, e, m, v)
	if err != nil {
		return Received{}, err
	}
	if a.bad != nil && d.handsOut() {
		d = d.refuse(a.bad, a.bad.sentence())
	}
	d = a.turn.mail(d, g.now())
	if d.keeps() && !a.wanted.keeps() || d.appends() && !a.wanted.appends() || d.handsOut() && !a.wanted.handsOut() {
		return Received{}, errChangedMind
	}
	r := d.record(a.record)
	switch d.disposition {
	case Appended, NewThread:
		if err = g.take(ctx, tx, &r, d, a); err == nil && d.instead.waits() {
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
		return r, err
	}
	raw := a.raw
	if !d.keeps() {
		raw = Blob{}
	}
	return r, tx.AddReceived(ctx, r, raw)
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
		b, err := g.store.StageBlob(ctx, bytes.NewBuffer(p.Content))
		if err != nil {
			return nil, err
		}
		files = append(files, Attachment{
			Filename: fileName(p.Filename), ContentType: contentType(p.ContentType), ContentID: p.ContentID, Inline: p.Inline, Blob: b,
		})
	}
	return files, nil
}

// take puts a mail into its thread, or into a new one.
func (g *Gateway) take(ctx context.Context, tx Tx, r *Received, d decision, a *arriving) error {
	m := a.Mail
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
	msg := a.message
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

// believe applies a report, if it carries what only mail of ours carried: a reverse-path, an envelope id or a Message-ID that we signed.
func (g *Gateway) believe(ctx context.Context, tx Tx, d decision, m *Mail) error {
	if m.Kind != KindBounce && m.Kind != KindComplaint {
		return nil
	}
	delivery := d.target.delivery
	if delivery.IsZero() {
		delivery = g.reported(m)
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
	if m.Kind == KindComplaint {
		return g.stopMail(ctx, tx, sent, StoppedByComplaint, "")
	}
	for _, rcpt := range m.Report {
		said := strings.TrimSpace(rcpt.Status + " " + cleanLine(rcpt.Diagnostic, 300))
		switch rcpt.Class {
		case "permanent":
			sent.State, sent.DoneAt, sent.Diagnostic = Failed, g.now(), "came back: "+said
			if err := tx.UpdateDelivery(ctx, sent); err != nil || !rcpt.Hard() {
				return err
			}
			return g.stopMail(ctx, tx, sent, StoppedByBounce, said)
		case "temporary":
			sent.Diagnostic = "delayed: " + said
			if err := tx.UpdateDelivery(ctx, sent); err != nil {
				return err
			}
		}
	}
	return nil
}

// reported returns the delivery that a report names by its envelope id or by the Message-ID of the mail that it returns; zero for none of ours.
func (g *Gateway) reported(m *Mail) ID {
	if id, ok := g.issuer.OpenEnvelopeID(m.ReportedEnvelope); ok {
		return id
	}
	for i := 0; i < len(m.ReportedID) && i < maxReferences; i++ {
		if id, ok := g.issuer.OpenMessageID(m.ReportedID[i]); ok {
			return id
		}
	}
	return ID{}
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
		ID: NewID(), Kind: DeliverAnswer, Person: d.author.ID, Payload: g.Refusal(contentFree(d.refusal)),
		Priority: priorityLate, State: Queued, CreatedAt: now, NextAt: now,
	})
}

// contentFree returns a refusal as it may be mailed: what it says of a file's name stays here.
func contentFree(refusal error) error {
	var file *FileError
	if errors.As(refusal, &file) {
		return &FileError{why: "has a file that can't be taken here", kind: file.kind}
	}
	return refusal
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
