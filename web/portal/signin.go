package portal

import (
	"errors"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

type signInView struct {
	Words        string
	Email        string
	Next         string // where to go afterwards
	Flaw         string
	PasswordOpen bool
}

// signIn is GET /sign-in.
func (p *Portal) signIn(v *page.Visit) error {
	q := v.R.URL.Query()
	next := page.LocalPath(q.Get("next"))
	if !v.Person.ID.IsZero() {
		return v.Redirect(next)
	}
	words := "To read and answer your messages."
	if q.Has("bye") {
		words = "You are signed out. To come back, sign in again."
	}
	return p.showSignIn(v, http.StatusOK, signInView{Words: words, Next: next})
}

func (p *Portal) showSignIn(v *page.Visit, status int, view signInView) error {
	if view.Words == "" {
		view.Words = "To read and answer your messages."
	}
	return v.RenderStatus(status, p.book, "signin", page.Frame{Title: "Sign in", Shape: "card", View: view})
}

// signInWithPassword is POST /sign-in/password.
func (p *Portal) signInWithPassword(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	email, next := form.Get("email"), page.LocalPath(form.Get("next"))
	in, err := p.gateway.SignInWithPassword(v.Context(), email, form.Get("password"), v.Network(), v.Device())
	if flaw := passwordFlaw(err); flaw != "" {
		return p.showSignIn(v, page.Status(err), signInView{Email: email, Next: next, Flaw: flaw, PasswordOpen: true})
	}
	if err != nil {
		return err
	}
	if err := v.SignIn(in); err != nil {
		return err
	}
	return v.Redirect(next)
}

// passwordFlaw returns what to say about a sign-in that was refused, or nothing for other errors and none.
func passwordFlaw(err error) string {
	switch {
	case errors.Is(err, bridge.ErrWrongCode), errors.Is(err, bridge.ErrInvalid):
		return "That address and password don't belong together. You can always have a code emailed instead."
	case errors.Is(err, bridge.ErrTooMany):
		return "Too many tries. Wait a quarter of an hour, or have a code emailed instead."
	}
	return ""
}

// signOut is POST /sign-out.
func (p *Portal) signOut(v *page.Visit) error {
	if err := v.SignOut(); err != nil {
		return err
	}
	// Whatever this browser kept of the pages goes too.
	v.W.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.Redirect("/sign-in?bye")
}

// arrive returns where somebody goes who signed in: to the conversation a link named, else to the page they asked for first.
func arrive(in bridge.SignedIn, next string) string {
	if in.Thread.IsZero() {
		return page.LocalPath(next)
	}
	return threadPath(in.Person, in.Thread)
}

func threadPath(p bridge.Person, thread bridge.ID) string {
	if p.Kind == bridge.Staff {
		return "/desk/t/" + thread.String()
	}
	return "/t/" + thread.String()
}
