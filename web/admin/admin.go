// Package admin is the part of the web face for admins: the mode, staff, programs' keys, and the state of mail in and out.
//
// Nothing here checks a permission: package bridge answers with an error where somebody may not do what they ask.
package admin

import (
	"embed"
	"errors"
	"fmt"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

//go:embed templates
var templates embed.FS

// Admin has the pages of admins.
type Admin struct {
	site    *page.Site
	gateway *bridge.Gateway
	book    *page.Book
}

// New returns an Admin.
func New(site *page.Site, gateway *bridge.Gateway) (*Admin, error) {
	book, err := site.Book(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("new admin: %w", err)
	}
	return &Admin{site: site, gateway: gateway, book: book}, nil
}

// Routes adds the pages to a mux.
func (a *Admin) Routes(mux *http.ServeMux) {
	mux.Handle("GET /admin", a.site.Private(a.mode))
	mux.Handle("GET /admin/mode/loosen", a.site.Private(a.loosen))
	mux.Handle("POST /admin/mode", a.site.Private(a.setMode))
	mux.Handle("GET /admin/rules", a.site.Private(a.rules))
	mux.Handle("POST /admin/rules", a.site.Private(a.addRule))
	mux.Handle("POST /admin/rules/known", a.site.Private(a.setKnownRules))
	mux.Handle("POST /admin/rules/try", a.site.Private(a.tryRules))
	mux.Handle("POST /admin/rules/{rule}/remove", a.site.Private(a.removeRule))
	mux.Handle("GET /admin/people", a.site.Private(a.people))
	mux.Handle("POST /admin/people", a.site.Private(a.addPerson))
	mux.Handle("GET /admin/people/{person}", a.site.Private(a.person))
	mux.Handle("POST /admin/people/{person}/role", a.site.Private(a.setRole))
	mux.Handle("POST /admin/people/{person}/disable", a.site.Private(a.disable))
	mux.Handle("POST /admin/people/{person}/enable", a.site.Private(a.enable))
	mux.Handle("POST /admin/people/{person}/mail", a.site.Private(a.mailPerson))
	mux.Handle("GET /admin/keys", a.site.Private(a.keys))
	mux.Handle("POST /admin/keys", a.site.Private(a.makeKey))
	mux.Handle("POST /admin/keys/{key}/revoke", a.site.Private(a.revokeKey))
	mux.Handle("GET /admin/queue", a.site.Private(a.queue))
	mux.Handle("POST /admin/queue/{delivery}/retry", a.site.Private(a.retry))
	mux.Handle("POST /admin/queue/{delivery}/hold", a.site.Private(a.hold))
	mux.Handle("POST /admin/queue/{delivery}/cancel", a.site.Private(a.cancel))
	mux.Handle("GET /admin/mail", a.site.Private(a.mail))
	mux.Handle("GET /admin/mailboxes", a.site.Private(a.mailboxes))
	mux.Handle("GET /admin/timing", a.site.Private(a.timing))
	mux.Handle("POST /admin/timing", a.site.Private(a.setTiming))
	mux.Handle("GET /admin/keeping", a.site.Private(a.keeping))
	mux.Handle("POST /admin/keeping", a.site.Private(a.setKeeping))
	mux.Handle("GET /admin/words", a.site.Private(a.words))
	mux.Handle("POST /admin/words", a.site.Private(a.setLetterhead))
	mux.Handle("GET /admin/words/{kind}/{language}", a.site.Private(a.template))
	mux.Handle("POST /admin/words/{kind}/{language}", a.site.Private(a.setTemplate))
	mux.Handle("GET /admin/words/{kind}/{language}/preview", a.site.Private(a.previewSaved))
	mux.Handle("POST /admin/words/{kind}/{language}/preview", a.site.Private(a.preview))
	mux.Handle("GET /admin/signing", a.site.Private(a.signing))
	mux.Handle("GET /admin/audit", a.site.Private(a.audit))
}

// office returns the links of the administration, with one marked.
func office(here string) []page.Link {
	links := []page.Link{
		{Text: "Mode", Href: "/admin"},
		{Text: "Content rules", Href: "/admin/rules"},
		{Text: "People", Href: "/admin/people"},
		{Text: "API keys", Href: "/admin/keys"},
		{Text: "Outgoing mail", Href: "/admin/queue"},
		{Text: "Received mail", Href: "/admin/mail"},
		{Text: "Mailboxes", Href: "/admin/mailboxes"},
		{Text: "Timing", Href: "/admin/timing"},
		{Text: "Wording", Href: "/admin/words"},
		{Text: "Keeping", Href: "/admin/keeping"},
		{Text: "Signatures", Href: "/admin/signing"},
		{Text: "Audit log", Href: "/admin/audit"},
	}
	for i := range links {
		links[i].Here = links[i].Href == here
	}
	return links
}

// allowed returns an error unless the visitor may see pages of admins. Some of what these pages show, bridge shows to all staff;
// the question it answers to admins alone is asked first.
func (a *Admin) allowed(v *page.Visit) error {
	_, _, err := a.gateway.ListAudit(v.Context(), v.Actor(), "none", bridge.Cursor{}, 1)
	return err
}

// after goes on to a page, and says there that it is done, or what was wrong with the request. Other errors are returned.
func after(v *page.Visit, err error, done, path string) error {
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrConflict) {
		text := page.Explain(err)
		if text == "" {
			text = "That could not be done. Please check it."
		}
		v.Flash(page.Flash{Text: text, Bad: true})
		return v.Redirect(path)
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: done})
	return v.Redirect(path)
}
