package admin

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
	"letterlock/web/page"
)

type mailView struct {
	Office []page.Link
	Mails  []mailLine
	Turn   page.Turn
}

type mailLine struct {
	At                                 time.Time
	From, Way, Disposition, Tone, Href string
	Reasons                            []string
}

// mail is GET /admin/mail: the log of received mail. It shows what became of each and why, never what it said.
func (a *Admin) mail(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	place, err := v.Cursor()
	if err != nil {
		return err
	}
	mails, next, err := a.gateway.ListReceived(v.Context(), v.Actor(), bridge.ReceivedQuery{After: place})
	if err != nil {
		return err
	}
	view := mailView{Office: office("/admin/mail"), Turn: v.Turn("/admin/mail", next)}
	for _, r := range mails {
		view.Mails = append(view.Mails, mailLineOf(r))
	}
	return v.Render(a.book, "mail", page.Frame{Title: "Received mail", Shape: "wide", View: view})
}

func mailLineOf(r bridge.Received) mailLine {
	l := mailLine{At: r.Envelope.At, From: r.From, Way: strings.ToUpper(string(r.Envelope.Route)), Disposition: capital(string(r.Disposition))}
	if l.From == "" {
		l.From = r.Envelope.ReversePath
	}
	if l.From == "" {
		l.From = "(nobody)"
	}
	if r.Envelope.Peer != "" {
		l.Way += ", " + r.Envelope.Peer
	}
	for _, reason := range r.Reasons {
		l.Reasons = append(l.Reasons, capital(reason))
	}
	switch r.Disposition {
	case bridge.Appended, bridge.NewThread:
		l.Tone, l.Href = "good", "/desk/t/"+r.Thread.String()+"#m-"+r.Message.String()
	case bridge.Held:
		l.Tone, l.Href = "warn", "/desk/held/"+r.ID.String()
		if r.Resolution != "" {
			l.Disposition += ", then " + string(r.Resolution)
		}
	case bridge.Refused:
		l.Tone = "bad"
	}
	return l
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
