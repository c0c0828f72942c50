package admin

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
	"letterlock/web/page"
)

type wordsView struct {
	Office          []page.Link
	Org             string
	From, Host      string
	Apart           bool // the link leads to another domain than the mail comes from
	Postal, Contact string
	Previous        bool
	Logo            string // its size in words; empty for none
	MaxLogo         int64
	Languages       []string
	Mails           []mailRow
	Flaw            string
}

type mailRow struct {
	Title, About string
	Cells        []mailCell
}

type mailCell struct {
	Language, Href string
	Own            bool
	At             time.Time
}

// words is GET /admin/words: what the organization's mails say.
func (a *Admin) words(v *page.Visit) error { return a.showWords(v, nil, page.Form{}) }

func (a *Admin) showWords(v *page.Visit, wrong error, typed page.Form) error {
	rows, err := a.gateway.ListTemplates(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	head, err := a.gateway.Letterhead(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	all, err := wording.Builtin()
	if err != nil {
		return err
	}
	view := wordsView{
		Office: office("/admin/words"), Org: a.gateway.Organization(), From: "no-reply@" + a.gateway.Domain(),
		Postal: head.Postal, Contact: head.Contact, Previous: head.Previous, MaxLogo: bridge.MaxLogo,
	}
	if u, err := url.Parse(a.gateway.BaseURL()); err == nil {
		view.Host = u.Hostname()
		view.Apart = view.Host != a.gateway.Domain() && !strings.HasSuffix(view.Host, "."+a.gateway.Domain()) && !strings.HasSuffix(a.gateway.Domain(), "."+view.Host)
	}
	if l := head.Logo; len(l.Content) > 0 {
		view.Logo = fmt.Sprintf("%d × %d pixels as shown, %d kB", l.Width, l.Height, (len(l.Content)+999)/1000)
	}
	changed := map[string]bridge.TemplateRow{}
	for _, r := range rows {
		changed[string(r.Kind)+" "+r.Language] = r
	}
	for _, l := range all.All() {
		view.Languages = append(view.Languages, l.Name)
	}
	for _, s := range wording.Specs() {
		row := mailRow{Title: s.Title, About: s.About}
		for _, l := range all.All() {
			c := changed[string(s.Kind)+" "+l.Tag]
			row.Cells = append(row.Cells, mailCell{Language: l.Name, Href: wordsPath(s.Kind, l.Tag), Own: c.Own, At: c.At})
		}
		view.Mails = append(view.Mails, row)
	}
	status := 200
	if wrong != nil {
		status, view.Flaw = page.Status(wrong), explained(wrong)
		view.Postal, view.Contact, view.Previous = typed.Get("postal"), typed.Get("contact"), typed.Get("previous") != ""
	}
	return v.RenderStatus(status, a.book, "words", page.Frame{Title: "Wording", Shape: "wide", View: view})
}

// explained says what was wrong with a request, for the person who made it.
func explained(err error) string {
	if text := page.Explain(err); text != "" {
		return text
	}
	return "That could not be done. Please check it."
}

func wordsPath(kind wording.Kind, language string) string {
	return "/admin/words/" + string(kind) + "/" + language
}

// setLetterhead is POST /admin/words.
func (a *Admin) setLetterhead(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	form, err := v.Letter()
	if err == nil {
		c := bridge.LetterheadChange{Postal: form.Get("postal"), Contact: form.Get("contact"), Previous: form.Get("previous") != "", NoLogo: form.Get("no_logo") != ""}
		for _, f := range form.Files {
			if c.Logo = f.Blob.Inline; f.Blob.Size > bridge.MaxLogo || len(c.Logo) == 0 {
				err = fmt.Errorf("the logo may have %d kB, since it travels with every notice: %w", bridge.MaxLogo>>10, bridge.ErrTooLarge)
			}
		}
		if err == nil {
			err = a.gateway.SetLetterhead(v.Context(), v.Actor(), c)
		}
	}
	if err != nil {
		if page.Explain(err) != "" {
			return a.showWords(v, err, form)
		}
		return err
	}
	v.Flash(page.Flash{Text: "Saved. It holds for all that leaves from now on."})
	return v.Redirect("/admin/words")
}
