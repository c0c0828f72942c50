package portal

import (
	"net/http"
	"net/url"

	"letterlock/bridge"
	"letterlock/web/page"
)

// unsubscribeView is the page behind the link that turns mails off. It shows what anybody may know who has the link.
type unsubscribeView struct {
	Org, Masked, Action string
	Staff               bool
	Off                 bool // they are, since before
	Done                bool // they are, since now
}

// lookUnsubscribe is GET /u/TOKEN. It turns nothing off: programs that look through mail follow links.
func (p *Portal) lookUnsubscribe(v *page.Visit) error {
	look, err := p.gateway.LookUnsubscribe(v.Context(), v.R.PathValue("token"))
	if err != nil {
		return err
	}
	return p.showUnsubscribe(v, look, false)
}

// unsubscribe is POST /u/TOKEN: from the button, or from the recipient's mail program or its provider (RFC 8058, section 3.2), which sends no
// cookies and follows no redirect. What stands in the body makes no difference, and it is not read.
func (p *Portal) unsubscribe(v *page.Visit) error {
	look, err := p.gateway.Unsubscribe(v.Context(), v.R.PathValue("token"), v.Network())
	if err != nil {
		return err
	}
	return p.showUnsubscribe(v, look, true)
}

func (p *Portal) showUnsubscribe(v *page.Visit, look bridge.UnsubscribeView, done bool) error {
	return v.RenderStatus(http.StatusOK, p.book, "unsubscribe", page.Frame{Title: "Emails to you", Shape: "card", View: unsubscribeView{
		Org: p.gateway.Organization(), Masked: look.Masked, Action: "/u/" + url.PathEscape(v.R.PathValue("token")), Staff: look.Staff, Off: look.Off && !done, Done: done,
	}})
}
