// Package desk is the part of the web face for staff: all conversations, with notes and with what became of each mail; contacts;
// and mail that is held until somebody decides about it.
//
// Nothing here checks a permission: package bridge answers with an error where somebody may not do what they ask.
package desk

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

//go:embed templates
var templates embed.FS

// Parse reads a raw mail. Package mailin has it; cmd hands it in.
type Parse func(raw io.Reader) (*bridge.Mail, error)

// Desk has the pages of staff.
type Desk struct {
	site    *page.Site
	gateway *bridge.Gateway
	parse   Parse
	book    *page.Book
}

// New returns a Desk.
func New(site *page.Site, gateway *bridge.Gateway, parse Parse) (*Desk, error) {
	if parse == nil {
		return nil, errors.New("new desk: it needs a way to read held mail")
	}
	book, err := site.Book(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("new desk: %w", err)
	}
	return &Desk{site: site, gateway: gateway, parse: parse, book: book}, nil
}

// Routes adds the pages to a mux.
func (d *Desk) Routes(mux *http.ServeMux) {
	mux.Handle("GET /desk", d.site.Private(d.threads))
	mux.Handle("GET /desk/search", d.site.Private(d.search))
	mux.Handle("GET /desk/new", d.site.Private(d.start))
	mux.Handle("POST /desk/new", d.site.Private(d.send))
	mux.Handle("POST /desk/new/leaving", d.site.Private(d.startLeaving))
	mux.Handle("GET /desk/t/{thread}", d.site.Private(d.thread))
	mux.Handle("POST /desk/t/{thread}", d.site.Private(d.answer))
	mux.Handle("POST /desk/t/{thread}/here", d.site.Private(d.site.Here))
	mux.Handle("POST /desk/t/{thread}/leaving", d.site.Private(d.answerLeaving))
	mux.Handle("POST /desk/t/{thread}/close", d.site.Private(d.close))
	mux.Handle("POST /desk/t/{thread}/reopen", d.site.Private(d.reopen))
	mux.Handle("POST /desk/t/{thread}/mode", d.site.Private(d.setThreadMode))
	mux.Handle("GET /desk/t/{thread}/keep", d.site.Private(d.keep))
	mux.Handle("POST /desk/t/{thread}/keep", d.site.Private(d.setKeep))
	mux.Handle("POST /desk/t/{thread}/delete", d.site.Private(d.deleteThread))
	mux.Handle("POST /desk/t/{thread}/people", d.site.Private(d.addParticipant))
	mux.Handle("POST /desk/t/{thread}/people/{person}/remove", d.site.Private(d.removeParticipant))
	mux.Handle("GET /desk/out", d.site.Private(d.out))
	mux.Handle("GET /desk/out/{message}", d.site.Private(d.outOne))
	mux.Handle("POST /desk/out/{message}/back", d.site.Private(d.takeBack))
	mux.Handle("POST /desk/out/{message}/send", d.site.Private(d.sendOut))
	mux.Handle("POST /desk/out/{message}/cancel", d.site.Private(d.cancelOut))
	mux.Handle("POST /desk/out/{message}/discard", d.site.Private(d.discardOut))
	mux.Handle("GET /desk/contacts", d.site.Private(d.contacts))
	mux.Handle("POST /desk/contacts", d.site.Private(d.addContact))
	mux.Handle("GET /desk/contacts/{person}", d.site.Private(d.contact))
	mux.Handle("POST /desk/contacts/{person}/name", d.site.Private(d.renameContact))
	mux.Handle("POST /desk/contacts/{person}/language", d.site.Private(d.setContactLanguage))
	mux.Handle("POST /desk/contacts/{person}/mode", d.site.Private(d.setContactMode))
	mux.Handle("POST /desk/contacts/{person}/disable", d.site.Private(d.disableContact))
	mux.Handle("POST /desk/contacts/{person}/enable", d.site.Private(d.enableContact))
	mux.Handle("POST /desk/contacts/{person}/mail", d.site.Private(d.mailContact))
	mux.Handle("GET /desk/held", d.site.Private(d.held))
	mux.Handle("GET /desk/held/{mail}", d.site.Private(d.heldMail))
	mux.Handle("POST /desk/held/{mail}/release", d.site.Private(d.release))
	mux.Handle("POST /desk/held/{mail}/discard", d.site.Private(d.discard))
}

// allowed returns an error unless the visitor may see the desk. Its lists and conversations are also contacts' own, in part, so
// a question that bridge answers to staff alone is asked first.
func (d *Desk) allowed(v *page.Visit) error {
	_, err := d.gateway.CountWaiting(v.Context(), v.Actor())
	return err
}

// choice is one of several in a form.
type choice struct {
	Value, Text string
	Chosen      bool
}

// modeChoices are what a thread or a contact may say about the mode: nothing, or to be stricter than the organization.
func modeChoices(now bridge.Mode) []choice {
	return []choice{
		{Value: "", Text: "As the organization says", Chosen: now != bridge.ModeSecure},
		{Value: string(bridge.ModeSecure), Text: "Always as a notice", Chosen: now == bridge.ModeSecure},
	}
}

// leavesAs says what a mail will carry.
func leavesAs(m bridge.Mode) string {
	if m == bridge.ModeConvenience {
		return "The email will carry your words and files, unless a rule or the way there keeps them in."
	}
	return "The email will be a notice, without any content."
}
