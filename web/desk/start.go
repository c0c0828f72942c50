package desk

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type startView struct {
	LeavesAs       string
	CanTighten     bool // the organization sends copies: offer to send this as a notice
	Tight          bool
	Secure         bool
	Leaving        []leavingLine // what will leave, if that was asked
	To             string
	Known          []string
	Chosen         []contactLine
	Subject, Draft string
	Flaw           string
	SendAt         laterView
	Redo           redoView
	Once           string
	Limit          int64
}

// knownContacts bounds how many addresses the form suggests.
const knownContacts = 200

// start is GET /desk/new.
func (d *Desk) start(v *page.Visit) error {
	view := startView{}
	if edit := v.R.URL.Query().Get("edit"); edit != "" {
		redo, p, err := d.redo(v, edit, nil)
		if err != nil {
			return err
		}
		if p.Start != nil {
			if view, err = d.again(v, redo, p); err != nil {
				return err
			}
		}
	}
	for _, text := range v.R.URL.Query()["contact"] {
		if err := d.choose(v, &view, text); err != nil {
			return err
		}
	}
	return d.showStart(v, http.StatusOK, view)
}

// again fills the form with a message that was taken back.
func (d *Desk) again(v *page.Visit, redo redoView, p bridge.Pending) (startView, error) {
	view := startView{Redo: redo, Subject: p.Start.Subject, Draft: p.Text, Secure: p.Secure, Tight: p.Start.Mode == bridge.ModeSecure, SendAt: d.laterOf(p)}
	var to []string
	for _, r := range p.Start.Contacts {
		if r.ID.IsZero() {
			to = append(to, asTyped(r))
			continue
		}
		if err := d.choose(v, &view, r.ID.String()); err != nil {
			return view, err
		}
	}
	view.To = strings.Join(to, ", ")
	return view, nil
}

// asTyped writes somebody as recipients reads them: the name as a quoted-string (RFC 5322, section 3.2.4), in letters that can be read.
func asTyped(r bridge.Recipient) string {
	if r.Name == "" {
		return r.Address
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(r.Name) + `" <` + r.Address + ">"
}

// choose adds a contact by ID.
func (d *Desk) choose(v *page.Visit, view *startView, text string) error {
	id, err := bridge.ParseID(text)
	if err != nil {
		return err
	}
	p, err := d.gateway.PersonByID(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	view.Chosen = append(view.Chosen, contactLine{ID: p.ID.String(), Name: p.DisplayName(), Address: p.Address})
	return nil
}

func (d *Desk) showStart(v *page.Visit, status int, view startView) error {
	people, _, err := d.gateway.ListPeople(v.Context(), v.Actor(), bridge.Contact, bridge.Cursor{}, knownContacts)
	if err != nil {
		return err
	}
	for _, p := range people {
		if !p.Disabled {
			view.Known = append(view.Known, p.Address)
		}
	}
	mode, err := d.gateway.Mode(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view.LeavesAs = leavesAs(mode.Organization)
	view.CanTighten = mode.Organization == bridge.ModeConvenience
	view.Once, view.Limit = page.Token(), d.site.MaxFiles()
	if view.SendAt, err = d.ownZone(v, view.SendAt); err != nil {
		return err
	}
	return v.RenderStatus(status, d.book, "start", page.Frame{Title: "Write to someone", View: view})
}

// send is POST /desk/new.
func (d *Desk) send(v *page.Visit) error {
	form, err := v.Letter()
	var p bridge.Pending
	var m bridge.Message
	var leaving []leavingLine
	switch {
	case err == nil && asks(form):
		var all []bridge.Leaving
		all, err = d.gateway.Preview(v.Context(), v.Actor(), startDraft(form))
		leaving = leavingLines(all)
	case err == nil:
		p, m, err = d.begin(v, form)
	}
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrTooLarge) || errors.Is(err, bridge.ErrConflict) || err == nil && asks(form) {
		view := startView{
			To: form.Get("to"), Subject: form.Get("subject"), Draft: form.Get("text"),
			Tight: form.Get("tight") != "", Secure: form.Get("secure") != "", Leaving: leaving, SendAt: d.laterForm(form),
		}
		redo, _, redoing := d.redo(v, form.Get("replaces"), keeps(form))
		if redoing != nil {
			return redoing
		}
		view.Redo = redo
		status := http.StatusOK
		switch {
		case err != nil:
			view.Flaw, status = page.LetterFlaw(err, form), page.Status(err)
		case len(leaving) == 0:
			view.Flaw = "Nobody would get it: name someone first."
		case len(form.Files) > 0:
			view.Flaw = "Files have to be chosen again."
		}
		for _, text := range form.All("contact") {
			if err := d.choose(v, &view, text); err != nil {
				return err
			}
		}
		return d.showStart(v, status, view)
	}
	if err != nil {
		return err
	}
	if !p.ID.IsZero() {
		v.Flash(page.Flash{Text: d.sentAs(v, d.outWords("Your message", p), bridge.Message{Stays: p.Stays}), Sent: "desk-new"})
		return v.Redirect(outPath + "/" + p.ID.String())
	}
	v.Flash(page.Flash{Text: d.sentAs(v, "Your message is on its way.", m), Sent: "desk-new"})
	return v.Redirect("/desk/t/" + m.Thread.String())
}

// begin starts a conversation, or keeps its first message for its time. One of the two is returned.
func (d *Desk) begin(v *page.Visit, form page.Form) (bridge.Pending, bridge.Message, error) {
	to, err := recipients(form.Get("to"))
	if err != nil {
		return bridge.Pending{}, bridge.Message{}, err
	}
	for _, text := range form.All("contact") {
		id, err := bridge.ParseID(text)
		if err != nil {
			return bridge.Pending{}, bridge.Message{}, err
		}
		to = append(to, bridge.Recipient{ID: id})
	}
	start := bridge.ThreadStart{
		Subject: form.Get("subject"), Text: form.Get("text"), Contacts: to,
		Files: form.Files, Via: bridge.ViaWeb, Once: page.OnceOf(form), Secure: form.Get("secure") != "",
	}
	if form.Get("tight") != "" {
		start.Mode = bridge.ModeSecure
	}
	later, err := d.later(form)
	if err == nil {
		start.Replaces, start.Keep, err = replaced(form)
	}
	undo := time.Duration(0)
	if err == nil {
		undo, err = d.undo(v)
	}
	if err != nil {
		return bridge.Pending{}, bridge.Message{}, err
	}
	if undo == 0 && later.At.IsZero() {
		_, m, err := d.gateway.StartThread(v.Context(), v.Actor(), start)
		return bridge.Pending{}, m, err
	}
	p, err := d.gateway.ScheduleStart(v.Context(), v.Actor(), start, later)
	return p, bridge.Message{}, err
}

const maxTo = 16 << 10 // octets

// recipients reads addresses as people type them: with or without names, apart by commas, semicolons or new lines.
func recipients(typed string) ([]bridge.Recipient, error) {
	if len(typed) > maxTo {
		return nil, fmt.Errorf("too many addresses at once: %w", bridge.ErrInvalid)
	}
	var to []bridge.Recipient
	for _, one := range splitAddresses(typed) {
		a, err := mail.ParseAddress(one)
		if err != nil && strings.Contains(one, "<") {
			// A name that should have been quoted, such as Byron (Ada) <ada@example.org>.
			i := strings.LastIndexByte(one, '<')
			a = &mail.Address{Name: strings.Trim(one[:i], " \t\""), Address: strings.TrimRight(one[i+1:], "> \t")}
		} else if err != nil {
			a = &mail.Address{Address: one} // bridge says what is wrong with it
		}
		to = append(to, bridge.Recipient{Address: a.Address, Name: a.Name})
	}
	return to, nil
}

// splitAddresses cuts at commas, semicolons and line ends outside of quotes and angle brackets.
func splitAddresses(s string) []string {
	var out []string
	quoted, angled, from := false, false, 0
	cut := func(to int) {
		if one := strings.TrimSpace(s[from:to]); one != "" {
			out = append(out, one)
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\n':
			cut(i)
			quoted, angled, from = false, false, i+1
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case !angled && (c == ',' || c == ';'):
			cut(i)
			from = i + 1
		}
	}
	cut(len(s))
	return out
}
