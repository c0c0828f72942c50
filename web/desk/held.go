package desk

import (
	"time"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
	"letterlock/web/page"
)

type heldView struct {
	Mails []heldLine
	Turn  page.Turn
}

type heldLine struct {
	Href, Subject, From, Reason string
	At                          time.Time
}

// held is GET /desk/held: mail that waits for a decision.
func (d *Desk) held(v *page.Visit) error {
	after, err := v.Cursor()
	if err != nil {
		return err
	}
	mails, next, err := d.gateway.ListReceived(v.Context(), v.Actor(), bridge.ReceivedQuery{Disposition: bridge.Held, Waiting: true, After: after})
	if err != nil {
		return err
	}
	view := heldView{Turn: v.Turn("/desk/held", next)}
	for _, r := range mails {
		line := heldLine{Href: "/desk/held/" + r.ID.String(), Subject: subject(r.Subject), From: r.From, At: r.Envelope.At}
		if len(r.Reasons) > 0 {
			line.Reason = capital(r.Reasons[0])
		}
		view.Mails = append(view.Mails, line)
	}
	return v.Render(d.book, "held", page.Frame{Title: "Held mail", Shape: "wide", View: view})
}

func subject(s string) string {
	if s == "" {
		return "(no subject)"
	}
	return s
}

// capital begins a reason as a sentence.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
