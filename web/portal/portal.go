// Package portal is the part of the web face that everybody meets: signing in and out, and for customers their messages.
//
// A link in a notice signs nobody in: no GET and no form of a mail scanner uses anything up (DESIGN, decision 10). The one-time
// code works only in the browser that asked for it, which a cookie tells. Answers for unknown addresses look like those for
// known ones. The link that turns mails off does so at a POST alone, and needs no session (RFC 8058). What a person may see, package bridge decides.
package portal

import (
	"embed"
	"fmt"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

//go:embed templates
var templates embed.FS

// Portal has the pages of customers, and those for signing in.
type Portal struct {
	site    *page.Site
	gateway *bridge.Gateway
	book    *page.Book
}

// New returns a Portal.
func New(site *page.Site, gateway *bridge.Gateway) (*Portal, error) {
	book, err := site.Book(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("new portal: %w", err)
	}
	return &Portal{site: site, gateway: gateway, book: book}, nil
}

// BareRoutes adds the pages that know no session, which may be posted to from anywhere.
func (p *Portal) BareRoutes(mux *http.ServeMux) {
	mux.Handle("GET /u/{token}", p.site.Bare(p.lookUnsubscribe))
	mux.Handle("POST /u/{token}", p.site.Bare(p.unsubscribe))
	mux.Handle("/u/{token}", p.site.Bare(func(v *page.Visit) error {
		v.W.Header().Set("Allow", "GET, HEAD, POST")
		return page.ErrMethod
	}))
	mux.Handle("/u/", p.site.Bare(func(*page.Visit) error { return bridge.ErrNotFound }))
}

// Routes adds the pages to a mux.
func (p *Portal) Routes(mux *http.ServeMux) {
	mux.Handle("GET /{$}", p.site.Private(p.threads))
	mux.Handle("GET /t/{thread}", p.site.Private(p.thread))
	mux.Handle("POST /t/{thread}", p.site.Private(p.reply))
	mux.Handle("POST /t/{thread}/here", p.site.Private(p.site.Here))
	mux.Handle("GET /t/{thread}/formatted/{message}", p.site.Private(p.formatted))
	mux.Handle("GET /t/{thread}/text/{message}", p.site.Private(p.text))
	mux.Handle("GET /files/{file}", p.site.Private(p.download))
	mux.Handle("GET /files/{file}/preview", p.site.Private(p.preview))
	mux.Handle("GET /search", p.site.Private(p.search))
	mux.Handle("GET /new", p.site.Private(p.compose))
	mux.Handle("POST /new", p.site.Private(p.send))

	mux.Handle("GET /account", p.site.Private(p.account))
	mux.Handle("POST /account/name", p.site.Private(p.rename))
	mux.Handle("POST /account/mail", p.site.Private(p.mailAgain))
	mux.Handle("POST /account/choices", p.site.Private(p.setChoices))
	mux.Handle("POST /account/mails", p.site.Private(p.setMails))
	mux.Handle("POST /account/password", p.site.Private(p.setPassword))
	mux.Handle("POST /account/sign-out-everywhere", p.site.Private(p.signOutEverywhere))

	mux.Handle("GET /sign-in", p.site.Open(p.signIn))
	mux.Handle("POST /sign-in/email", p.site.Open(p.requestCode))
	mux.Handle("POST /sign-in/password", p.site.Open(p.signInWithPassword))
	mux.Handle("GET /sign-in/code", p.site.Open(p.code))
	mux.Handle("POST /sign-in/code", p.site.Open(p.signInWithCode))
	mux.Handle("POST /sign-out", p.site.Open(p.signOut))
	mux.Handle("GET /m/{link}", p.site.Open(p.invite))
	mux.Handle("POST /m/{link}", p.site.Open(p.requestCodeByLink))
	mux.Handle("POST /m/{link}/password", p.site.Open(p.signInByLink))
}
