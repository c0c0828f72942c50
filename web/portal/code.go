package portal

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"letterlock/bridge"
	"letterlock/web/page"
)

const codeDigits = 8 // as bridge makes them

type codeView struct {
	Masked    string
	Minutes   int
	Digits    int
	Next      string
	Flaw      string
	StartHref string

	Over                   bool // no code can be entered any more
	OverHeading, OverWords string
}

// requestCode is POST /sign-in/email: it has a code sent, if the address is somebody's, and answers the same if not.
func (p *Portal) requestCode(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	email, next := strings.TrimSpace(form.Get("email")), page.LocalPath(form.Get("next"))
	secret := page.Token()
	err = p.gateway.RequestCode(v.Context(), bridge.CodeRequest{Address: email, Browser: secret, Network: v.Network(), Device: v.Device()})
	if flaw := requestFlaw(err); flaw != "" {
		return p.showSignIn(v, page.Status(err), signInView{Email: email, Next: next, Flaw: flaw})
	}
	if err != nil {
		return err
	}
	bind(v, secret, mask(email))
	return v.Redirect(codePath(next))
}

func requestFlaw(err error) string {
	switch {
	case errors.Is(err, bridge.ErrInvalid):
		return "That doesn't look like an email address. Please check it."
	case errors.Is(err, bridge.ErrTooMany):
		return "Too many codes were asked for. Use the last one, or wait a quarter of an hour."
	}
	return ""
}

func codePath(next string) string {
	if next == "/" {
		return "/sign-in/code"
	}
	return "/sign-in/code?next=" + url.QueryEscape(next)
}

// code is GET /sign-in/code.
func (p *Portal) code(v *page.Visit) error {
	next := page.LocalPath(v.R.URL.Query().Get("next"))
	if !v.Person.ID.IsZero() {
		return v.Redirect(next)
	}
	return p.showCode(v, http.StatusOK, codeView{Next: next})
}

func (p *Portal) showCode(v *page.Visit, status int, view codeView) error {
	view.Minutes, view.Digits = int(bridge.CodeLife/time.Minute), codeDigits
	view.StartHref = "/sign-in"
	if view.Next != "/" {
		view.StartHref += "?next=" + url.QueryEscape(view.Next)
	}
	secret, masked := bound(v)
	view.Masked = masked
	if secret == "" && !view.Over {
		view.Over, view.OverHeading = true, "Ask for a code first"
		view.OverWords = "A code works only in the browser that asked for it, and this one has not, or too long ago."
	}
	return v.RenderStatus(status, p.book, "code", page.Frame{Title: "Enter your code", Shape: "card", View: view})
}

// signInWithCode is POST /sign-in/code.
func (p *Portal) signInWithCode(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	view := codeView{Next: page.LocalPath(form.Get("next"))}
	secret, _ := bound(v)
	if secret == "" {
		return p.showCode(v, http.StatusForbidden, view)
	}
	in, err := p.gateway.SignInWithCode(v.Context(), secret, form.Get("code"), v.Network())
	switch {
	case errors.Is(err, bridge.ErrTooMany):
		view.Over, view.OverHeading = true, "Too many tries"
		view.OverWords = "This code can't be used any more. Ask for a fresh one."
		unbind(v)
		return p.showCode(v, http.StatusTooManyRequests, view)
	case errors.Is(err, bridge.ErrWrongCode):
		view.Flaw = "That code is not right, or its time is over. Look at the newest mail, or start again."
		return p.showCode(v, http.StatusForbidden, view)
	case err != nil:
		return err
	}
	unbind(v)
	if err := v.SignIn(in); err != nil {
		return err
	}
	return v.Redirect(arrive(in, view.Next))
}

// The cookie that binds a code to a browser holds a secret and, for the page only, the masked address.

func bindName(v *page.Visit) string { return page.CookieName("letterlock-code", v.Secure()) }

func bind(v *page.Visit, secret, masked string) {
	http.SetCookie(v.W, &http.Cookie{
		Name: bindName(v), Value: secret + "." + base64.RawURLEncoding.EncodeToString([]byte(masked)), Path: "/",
		MaxAge: int(2 * bridge.CodeLife / time.Second), Secure: v.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func unbind(v *page.Visit) {
	http.SetCookie(v.W, &http.Cookie{Name: bindName(v), Path: "/", MaxAge: -1, Secure: v.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// bound returns the secret and the masked address, or nothing.
func bound(v *page.Visit) (secret, masked string) {
	c, err := v.R.Cookie(bindName(v))
	if err != nil || len(c.Value) > 1024 {
		return "", ""
	}
	secret, coded, _ := strings.Cut(c.Value, ".")
	b, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || !utf8.Valid(b) || len(secret) < 16 {
		return "", ""
	}
	return secret, string(b)
}

// mask hides most of what was typed, so that it is recognised and yet not shown to somebody who looks on.
func mask(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 {
		return "the address"
	}
	_, size := utf8.DecodeRuneInString(address)
	return address[:size] + "•••" + address[at:]
}
