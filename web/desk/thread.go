package desk

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type threadView struct {
	ID, Base        string
	Subject         string
	Closed, Waiting bool
	ModeNow         string
	Messages        []page.Message
	Earlier, Later  string

	ReplyTo     string
	LeavesAs    string
	CanTighten  bool // somebody would get the content: offer to send this one as a notice
	Secure      bool
	Leaving     []leavingLine // what will leave, if that was asked
	Draft, Flaw string
	DraftIsNote bool
	SendAt      laterView
	Redo        redoView
	Unsent      []unsentCard // what has not gone out
	Once        string
	Limit       int64

	People  []personLine
	ModeWhy string
	Modes   []choice
	Started time.Time
	MayKeep bool // decide how long it is kept
}

type personLine struct {
	ID, Name, Detail, Href string
	CanRemove              bool
	Unopened               bool
	Silent                 bool // they turned their mails off
}

// thread is GET /desk/t/THREAD.
func (d *Desk) thread(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	view := threadView{}
	if edit := v.R.URL.Query().Get("edit"); edit != "" {
		redo, p, err := d.redo(v, edit, nil)
		if err != nil {
			return err
		}
		if p.Thread == id {
			view = threadView{Redo: redo, Draft: p.Text, Secure: p.Secure, SendAt: d.laterOf(p)}
		}
	}
	return d.showThread(v, http.StatusOK, id, view)
}

func (d *Desk) showThread(v *page.Visit, status int, id bridge.ID, view threadView) error {
	if err := d.allowed(v); err != nil {
		return err
	}
	pages, err := page.ReadThread(v, d.gateway, id)
	if err != nil {
		return err
	}
	t := pages.View
	base := "/desk/t/" + id.String()
	view.ID, view.Base, view.Subject = id.String(), base, t.Thread.Subject
	view.Closed = t.Thread.Status == bridge.Closed
	view.Waiting, view.ModeNow = t.Thread.Awaiting, string(t.Mode)
	view.Earlier, view.Later = pages.Links(base)
	view.Once, view.Limit, view.Started = page.Token(), d.site.MaxFiles(), t.Thread.CreatedAt
	view.Modes = modeChoices(t.Thread.Mode)
	view.ModeWhy = modeWhy(t)
	if view.SendAt, err = d.ownZone(v, view.SendAt); err != nil {
		return err
	}
	view.MayKeep = v.Person.Role == bridge.RoleAdmin

	fates := newFates(t)
	for _, m := range t.Messages {
		shown := page.Show(m, "/t/"+id.String())
		switch {
		case m.Author == v.Person.ID:
			shown.Author = "You"
		case m.AuthorKind == bridge.ByProgram:
			shown.Role = "Program"
		case m.AuthorKind == bridge.ByStaff:
			shown.Role = "Staff"
		}
		if shown.Author == "" {
			shown.Author = d.gateway.Organization()
		}
		shown.Fates = fates.of(m.ID)
		view.Messages = append(view.Messages, shown)
	}
	for _, p := range t.Pending {
		if p.ID.String() != view.Redo.Replaces { // that one is in the composer
			view.Unsent = append(view.Unsent, d.card(v, p, nil)) // what answers names nobody
		}
	}
	page.MarkNew(view.Messages, t.Messages, v.Person.ID, t.Unread)
	var contacts []string
	copies := 0
	for _, one := range t.Participants {
		line := personLine{ID: one.Person.String(), Name: name(one.Name, one.Address)}
		if one.Name != "" {
			line.Detail = one.Address
		}
		if one.Kind == bridge.Staff {
			line.Detail = "Staff"
		} else {
			contacts = append(contacts, line.Name)
			line.Href, line.CanRemove = "/desk/contacts/"+line.ID, true
			if one.Mode == bridge.ModeConvenience {
				copies++
			} else if t.Mode == bridge.ModeConvenience {
				line.Detail += ", gets notices only"
			}
		}
		if one.Disabled {
			line.Detail += ", disabled"
		}
		line.Unopened, line.Silent = slices.Contains(t.Unopened, one.Person), slices.Contains(t.Silent, one.Person)
		view.People = append(view.People, line)
	}
	view.CanTighten = copies > 0 || view.Secure
	view.ReplyTo = strings.Join(contacts, ", ")
	switch {
	case len(contacts) > 0 && len(t.Silent) >= len(contacts):
		view.LeavesAs = silentWords(contacts)
	case len(contacts) == 0:
		view.ReplyTo, view.LeavesAs = "nobody", "Nobody would get it: add someone first."
	case copies > 0 && copies < len(contacts):
		view.LeavesAs = "Some get the content by email, the others a notice."
	case copies > 0:
		view.LeavesAs = leavesAs(bridge.ModeConvenience)
	default:
		view.LeavesAs = leavesAs(bridge.ModeSecure)
	}
	return v.RenderStatus(status, d.book, "thread", page.Frame{Title: t.Thread.Subject, Shape: "wide", View: view})
}

// silentWords says that nobody is told by email.
func silentWords(contacts []string) string {
	if len(contacts) == 1 {
		return contacts[0] + " has turned notifications off, and will see it at sign-in."
	}
	return "They have all turned notifications off, and will see it at sign-in."
}

func modeWhy(t bridge.ThreadView) string {
	switch {
	case t.Thread.Mode == bridge.ModeSecure:
		return "Notices only: this conversation was set so."
	case t.Mode == bridge.ModeSecure:
		return "Notices only: the organization is in secure mode."
	}
	return "With content: the organization is in convenience mode."
}

// answer is POST /desk/t/THREAD: a reply or a note. What is neither is refused, so that no note goes out by mistake.
func (d *Desk) answer(v *page.Visit) error {
	if err := d.allowed(v); err != nil {
		return err
	}
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	form, err := v.Letter()
	kind := form.Get("kind")
	if err == nil && kind != "reply" && kind != "note" {
		return bridge.ErrInvalid
	}
	var m bridge.Message
	shown := threadView{Draft: form.Get("text"), DraftIsNote: kind == "note", Secure: form.Get("secure") != "", SendAt: d.laterForm(form)}
	if err == nil {
		shown.Redo, _, err = d.redo(v, form.Get("replaces"), keeps(form))
	}
	if err == nil && asks(form) {
		all, err := d.gateway.Preview(v.Context(), v.Actor(), answerDraft(id, form))
		if err != nil {
			return err
		}
		if shown.Leaving = leavingLines(all); len(form.Files) > 0 {
			shown.Flaw = "Files have to be chosen again."
		}
		return d.showThread(v, http.StatusOK, id, shown)
	}
	var p bridge.Pending
	if err == nil {
		p, m, err = d.sendAnswer(v, id, form)
	}
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrTooLarge) || errors.Is(err, bridge.ErrConflict) {
		shown.Flaw = page.LetterFlaw(err, form)
		return d.showThread(v, page.Status(err), id, shown)
	}
	if err != nil {
		return err
	}
	flash := page.Flash{Text: d.sentAs(v, "Your reply is on its way.", m), Sent: id.String()}
	switch {
	case kind == "note":
		flash.Text = "Your note is kept."
	case !p.ID.IsZero():
		flash.Text = d.sentAs(v, d.outWords("Your reply", p), bridge.Message{Stays: p.Stays})
	}
	v.Flash(flash)
	return v.Redirect("/desk/t/" + id.String() + "#answer")
}

// sendAnswer posts an answer, or keeps it for its time. One of the two is returned.
func (d *Desk) sendAnswer(v *page.Visit, id bridge.ID, form page.Form) (bridge.Pending, bridge.Message, error) {
	post := bridge.Post{
		Thread: id, Text: form.Get("text"), Note: form.Get("kind") == "note", Files: form.Files, Via: bridge.ViaWeb, Once: page.OnceOf(form), Secure: form.Get("secure") != "",
	}
	later, err := d.later(form)
	if err == nil {
		post.Replaces, post.Keep, err = replaced(form)
	}
	undo := time.Duration(0)
	if err == nil {
		undo, err = d.undo(v)
	}
	if err != nil {
		return bridge.Pending{}, bridge.Message{}, err
	}
	if post.Note || undo == 0 && later.At.IsZero() {
		m, err := d.gateway.Post(v.Context(), v.Actor(), post)
		return bridge.Pending{}, m, err
	}
	p, err := d.gateway.Schedule(v.Context(), v.Actor(), post, later)
	return p, bridge.Message{}, err
}

func name(name, address string) string {
	if name != "" {
		return name
	}
	return address
}
