package portal

import (
	"errors"
	"net/http"
	"net/url"

	"letterlock/bridge"
	"letterlock/web/page"
)

// inviteView is the page behind a notice's link. It shows what anybody may know who has the link.
type inviteView struct {
	Org          string
	Masked       string
	Action       string
	Email        string
	Host         string
	Flaw         string
	PasswordOpen bool
}

// invite is GET /m/LINK. It uses nothing up, however often it is opened and by whomever.
func (p *Portal) invite(v *page.Visit) error {
	link, err := p.gateway.LookLink(v.Context(), v.R.PathValue("link"))
	if err != nil {
		return err
	}
	if v.Person.ID == link.Person && !link.Thread.IsZero() {
		return v.Redirect(threadPath(v.Person, link.Thread))
	}
	return p.showInvite(v, http.StatusOK, link, inviteView{})
}

func (p *Portal) showInvite(v *page.Visit, status int, link bridge.LinkView, view inviteView) error {
	view.Org, view.Masked = p.gateway.Organization(), link.Masked
	view.Action = "/m/" + url.PathEscape(v.R.PathValue("link"))
	if u, err := url.Parse(p.gateway.BaseURL()); err == nil {
		view.Host = u.Host
	}
	return v.RenderStatus(status, p.book, "invite", page.Frame{Title: "A message for you", Shape: "card", View: view})
}

// requestCodeByLink is POST /m/LINK: a code to the address that the notice went to.
func (p *Portal) requestCodeByLink(v *page.Visit) error {
	token := v.R.PathValue("link")
	link, err := p.gateway.LookLink(v.Context(), token)
	if err != nil {
		return err
	}
	secret := page.Token()
	err = p.gateway.RequestCode(v.Context(), bridge.CodeRequest{Link: token, Browser: secret, Network: v.Network(), Device: v.Device()})
	if errors.Is(err, bridge.ErrTooMany) {
		return p.showInvite(v, http.StatusTooManyRequests, link, inviteView{Flaw: requestFlaw(err)})
	}
	if err != nil {
		return err
	}
	bind(v, secret, link.Masked)
	return v.Redirect("/sign-in/code")
}

// signInByLink is POST /m/LINK/password. Whoever signs in, the conversation opens only for those it is for.
func (p *Portal) signInByLink(v *page.Visit) error {
	link, err := p.gateway.LookLink(v.Context(), v.R.PathValue("link"))
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	in, err := p.gateway.SignInWithPassword(v.Context(), form.Get("email"), form.Get("password"), v.Network(), v.Device())
	if flaw := passwordFlaw(err); flaw != "" {
		return p.showInvite(v, page.Status(err), link, inviteView{Email: form.Get("email"), Flaw: flaw, PasswordOpen: true})
	}
	if err != nil {
		return err
	}
	if err := v.SignIn(in); err != nil {
		return err
	}
	if in.Person.ID == link.Person {
		in.Thread = link.Thread
	}
	return v.Redirect(arrive(in, "/"))
}
