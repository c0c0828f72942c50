package portal

import (
	"errors"
	"net/http"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/password"
	"letterlock/bridge/wording"
	"letterlock/web/page"
)

type accountView struct {
	Name, Address, Role string
	SignedIn            time.Time
	HasPassword         bool
	FreshCode           bool // they signed in by a code a moment ago, so the old password is not needed
	MinPassword         int
	Phrase              string
	MaxPhrase           int
	Languages           []languageChoice
	Choices             choicesView
	Flaw                string
}

type languageChoice struct {
	Tag, Name string
	Chosen    bool
}

// account is GET /account.
func (p *Portal) account(v *page.Visit) error { return p.showAccount(v, nil) }

// showAccount shows the page, with what was wrong if something was.
func (p *Portal) showAccount(v *page.Visit, wrong error) error {
	me, err := p.gateway.Me(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := accountView{Name: me.Name, Address: me.Address, SignedIn: v.SignedIn, HasPassword: me.HasPassword, MinPassword: password.MinLength}
	if view.Phrase, err = p.gateway.Phrase(v.Context(), v.Actor()); err != nil {
		return err
	}
	view.MaxPhrase = bridge.MaxPhrase
	if view.Choices, err = p.choicesOf(v, me); err != nil {
		return err
	}
	all, err := wording.Builtin()
	if err != nil {
		return err
	}
	for _, l := range all.All() {
		view.Languages = append(view.Languages, languageChoice{Tag: l.Tag, Name: l.Name, Chosen: all.Lookup(me.Locale) == l})
	}
	view.FreshCode = !v.CodeAt().IsZero() && p.site.Now().Sub(v.CodeAt()) < bridge.CodeProof
	switch me.Role {
	case bridge.RoleAdmin:
		view.Role = "Admin"
	case bridge.RoleStaff:
		view.Role = "Staff"
	}
	status := http.StatusOK
	if wrong != nil {
		status, view.Flaw = page.Status(wrong), page.Explain(wrong)
		if errors.Is(wrong, bridge.ErrWrongCode) {
			view.Flaw = "Your present password was not right. If you have forgotten it, sign out and come back with a code by email."
			if !me.HasPassword {
				view.Flaw = "Please sign out and come back with a code by email first. A password can be set within ten minutes after that."
			}
		}
		if view.Flaw == "" {
			view.Flaw = "That could not be saved. Please check it."
		}
	}
	return v.RenderStatus(status, p.book, "account", page.Frame{Title: "Your account", View: view})
}

// rename is POST /account/name.
func (p *Portal) rename(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	err = p.gateway.Rename(v.Context(), v.Actor(), v.Person.ID, form.Get("name"), v.Person.Locale)
	if errors.Is(err, bridge.ErrInvalid) {
		return p.showAccount(v, err)
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "Your name is saved."})
	return v.Redirect("/account")
}

// setMails is POST /account/mails: the language and the phrase of the mails that this person gets.
func (p *Portal) setMails(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	all, err := wording.Builtin()
	if err != nil {
		return err
	}
	if tag := form.Get("language"); all[tag] != nil && all.Lookup(v.Person.Locale) != all[tag] {
		if err := p.gateway.Rename(v.Context(), v.Actor(), v.Person.ID, v.Person.Name, tag); err != nil {
			return err
		}
	}
	err = p.gateway.SetPhrase(v.Context(), v.Actor(), form.Get("phrase"))
	if errors.Is(err, bridge.ErrInvalid) {
		return p.showAccount(v, err)
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "Saved. The next email to you shows it."})
	return v.Redirect("/account")
}

// setPassword is POST /account/password. It ends every other session of this person.
func (p *Portal) setPassword(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	err = p.gateway.SetPassword(v.Context(), v.Actor(), v.Person.ID,
		bridge.Proof{Password: form.Get("current"), CodeAt: v.CodeAt()}, form.Get("new"))
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrWrongCode) {
		return p.showAccount(v, err)
	}
	if err != nil {
		return err
	}
	me, err := p.gateway.Me(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	// This browser's session was ended with the others; its person has just shown who they are, so it begins anew.
	if err := v.SignIn(bridge.SignedIn{Person: me, At: me.SignedOutAt.Add(time.Millisecond)}); err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "Your password is set. Other browsers are signed out."})
	return v.Redirect("/account")
}

// signOutEverywhere is POST /account/sign-out-everywhere.
func (p *Portal) signOutEverywhere(v *page.Visit) error {
	if err := p.gateway.SignOutEverywhere(v.Context(), v.Actor(), v.Person.ID); err != nil {
		return err
	}
	return p.signOut(v)
}
