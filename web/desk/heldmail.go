package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type heldMailView struct {
	Base                      string
	Subject, From, As         string
	Reasons                   []string
	Message                   page.Message
	ThreadHref, ThreadSubject string
	At                        time.Time
	Facts                     []fact
	Decided                   string // what was decided already; empty while it waits
}

type fact struct{ Name, Value string }

// heldMail is GET /desk/held/MAIL.
func (d *Desk) heldMail(v *page.Visit) error {
	id, err := v.ID("mail")
	if err != nil {
		return err
	}
	held, m, err := d.openHeld(v, id)
	if err != nil {
		return err
	}
	r := held.Received
	view := heldMailView{
		Base: "/desk/held/" + id.String(), Subject: subject(r.Subject), From: r.From, As: r.From, At: r.Envelope.At,
	}
	// What was found about the sender is part of the reasons, if it was one; it is of use anyway.
	for _, reason := range append(slices.Clone(r.Reasons), r.Verdict.Reasons...) {
		if line := capital(reason); !slices.Contains(view.Reasons, line) {
			view.Reasons = append(view.Reasons, line)
		}
	}
	if held.Thread != nil {
		view.ThreadHref, view.ThreadSubject = "/desk/t/"+held.Thread.ID.String(), held.Thread.Subject
	}
	switch r.Resolution {
	case bridge.Released:
		view.Decided = "It was released."
		view.ThreadHref = "/desk/t/" + r.Thread.String()
	case bridge.Discarded:
		view.Decided = "It was discarded."
	}
	view.Facts = []fact{{"To", r.Envelope.ForwardPath}, {"Envelope sender", orNone(r.Envelope.ReversePath)}, {"Came by", strings.ToUpper(string(r.Envelope.Route))}}
	if r.Verdict.Result != "" {
		view.Facts = append(view.Facts, fact{"Sender check", senderCheck(r.Verdict)})
	}
	if held.Person != nil {
		view.Facts = append(view.Facts, fact{"Reply address of", held.Person.DisplayName()})
	}
	view.Facts = append(view.Facts, fact{"Size", page.Size(r.Size)})
	view.Message = page.Message{ID: id.String(), Author: r.From, At: r.Envelope.At, Text: m.Reply, Quoted: strings.TrimSpace(m.Quoted + "\n\n" + m.Signature)}
	for _, part := range m.Attachments {
		view.Message.Files = append(view.Message.Files, page.File{Name: part.Filename, Type: part.ContentType, Size: int64(len(part.Content))})
	}
	return v.Render(d.book, "heldmail", page.Frame{Title: "Held mail", Shape: "wide", View: view})
}

// senderCheck says in a word or two what is known about who sent a mail.
func senderCheck(v bridge.Verdict) string {
	by := map[string]string{
		"dmarc": "DMARC", "dkim": "DKIM", "spf": "SPF", "arc": "a forwarder's ARC seal", "authentication-results": "the mail server before ours",
		bridge.MethodAddress: "the address alone",
	}[v.Method]
	switch {
	case v.Result == bridge.VerdictPass && by != "":
		return "passed, by " + by
	case v.Result == bridge.VerdictPass:
		return "passed"
	case v.Result == bridge.VerdictNone:
		return "nothing proves or disproves it"
	}
	return "failed"
}

// openHeld returns a held mail and what it says.
func (d *Desk) openHeld(v *page.Visit, id bridge.ID) (bridge.HeldView, *bridge.Mail, error) {
	held, err := d.gateway.OpenHeld(v.Context(), v.Actor(), id)
	if err != nil {
		return held, nil, err
	}
	defer held.Raw.Close()
	m, err := d.parse(held.Raw)
	if err != nil {
		return held, nil, fmt.Errorf("read held mail %s: %w", id, err)
	}
	return held, m, nil
}

// release is POST /desk/held/MAIL/release.
func (d *Desk) release(v *page.Visit) error {
	id, err := v.ID("mail")
	if err != nil {
		return err
	}
	_, m, err := d.openHeld(v, id)
	if err != nil {
		return err
	}
	msg, err := d.gateway.ReleaseHeld(v.Context(), v.Actor(), id, m)
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrConflict) {
		return after(v, err, "", "/desk/held/"+id.String())
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "The mail is in the conversation now."})
	return v.Redirect("/desk/t/" + msg.Thread.String() + "#m-" + msg.ID.String())
}

// discard is POST /desk/held/MAIL/discard.
func (d *Desk) discard(v *page.Visit) error {
	id, err := v.ID("mail")
	if err != nil {
		return err
	}
	return after(v, d.gateway.DiscardHeld(v.Context(), v.Actor(), id), "The mail stays out. It is kept in the log of received mail.", "/desk/held")
}

func orNone(s string) string {
	if s == "" {
		return "none (<>)"
	}
	return s
}
