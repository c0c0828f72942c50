package admin

import (
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type signingView struct {
	Office []page.Link
	Domain string
	Signs  bool // some keys do
	Pairs  []signingLine
	TLS    []tlsDay // none where a relay sends the mail
}

type signingLine struct {
	State, Tone string
	Since       time.Time
	Note        string
	Records     []signingRecord // none where they need not be published any more
	Selectors   string
}

type signingRecord struct{ Name, Text string }

// signing is GET /admin/signing: the keys that sign mail, and their DNS records. They are changed on the command line, which looks into DNS first.
func (a *Admin) signing(v *page.Visit) error {
	pairs, err := a.gateway.ListSigningPairs(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := signingView{Office: office("/admin/signing"), Domain: a.gateway.Domain()}
	for _, p := range pairs {
		line := signingLine{Selectors: p.Selectors()}
		switch p.State {
		case bridge.SigningCurrent:
			view.Signs = true
			line.State, line.Tone, line.Since, line.Note = "Signing", "is-secure", p.CurrentAt, "These records must be published."
		case bridge.SigningNext:
			line.State, line.Since, line.Note = "New", p.MadeAt, "Publish these records, then run: letterlock dkim switch"
		case bridge.SigningPast:
			line.State, line.Since = "Replaced", p.PastAt
			line.Note = "Leave these records until " + p.PastAt.Add(bridge.SigningRest).UTC().Format("2 January 2006") + ", then run: letterlock dkim retire"
		default:
			line.State, line.Since, line.Note = "Destroyed", p.RetiredAt, "The records may be gone."
		}
		if p.State != bridge.SigningRetired {
			for _, k := range p.Keys {
				line.Records = append(line.Records, signingRecord{strings.TrimSuffix(k.Name(view.Domain), "."), k.Record()})
			}
		}
		view.Pairs = append(view.Pairs, line)
	}
	if view.TLS, err = a.tlsDays(v); err != nil {
		return err
	}
	return v.Render(a.book, "signing", page.Frame{Title: "Signatures", Shape: "wide", View: view})
}
