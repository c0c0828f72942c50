package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"letterlock/bridge"
	"letterlock/web/page"
)

type threadView struct {
	ID             string
	Subject        string
	Between        string // who takes part, in words
	Closed         bool
	Messages       []page.Message
	Earlier, Later string

	Action, Once string
	Draft, Flaw  string
	Limit        int64
}

// thread is GET /t/THREAD.
func (p *Portal) thread(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	if v.Person.Kind == bridge.Staff {
		return v.Redirect(threadPath(v.Person, id))
	}
	return p.showThread(v, http.StatusOK, id, threadView{})
}

func (p *Portal) showThread(v *page.Visit, status int, id bridge.ID, view threadView) error {
	pages, err := page.ReadThread(v, p.gateway, id)
	if err != nil {
		return err
	}
	t := pages.View
	base := "/t/" + id.String()
	view.ID, view.Subject, view.Closed = id.String(), t.Thread.Subject, t.Thread.Status == bridge.Closed
	view.Between = between(t.Participants, v.Person.ID, p.gateway.Organization())
	view.Earlier, view.Later = pages.Links(base)
	view.Action, view.Once, view.Limit = base, page.Token(), p.site.MaxFiles()
	for _, m := range t.Messages {
		shown := page.Show(m, base)
		switch {
		case m.Author == v.Person.ID:
			shown.Author = "You"
		case m.AuthorKind != bridge.ByContact && m.AuthorName == "":
			shown.Author = p.gateway.Organization()
		case m.AuthorKind != bridge.ByContact:
			shown.Role = p.gateway.Organization()
		}
		view.Messages = append(view.Messages, shown)
	}
	page.MarkNew(view.Messages, t.Messages, v.Person.ID, t.Unread)
	return v.RenderStatus(status, p.book, "thread", page.Frame{Title: "Conversation", View: view})
}

// between says who takes part besides the reader.
func between(people []bridge.ParticipantView, reader bridge.ID, organization string) string {
	names := []string{"you"}
	for _, one := range people {
		if one.Kind == bridge.Contact && one.Person != reader {
			names = append(names, one.Name)
		}
	}
	return "Between " + organization + " and " + join(names)
}

func join(names []string) string {
	if n := len(names); n > 1 {
		if n > 6 {
			return strings.Join(names[:5], ", ") + " and " + strconv.Itoa(n-5) + " others"
		}
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

// reply is POST /t/THREAD.
func (p *Portal) reply(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	form, err := v.Letter()
	if err == nil {
		_, err = p.gateway.Post(v.Context(), v.Actor(), bridge.Post{
			Thread: id, Text: form.Get("text"), Files: form.Files, Via: bridge.ViaWeb, Once: page.OnceOf(form),
		})
	}
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrTooLarge) || errors.Is(err, bridge.ErrTooMany) {
		return p.showThread(v, page.Status(err), id, threadView{Draft: form.Get("text"), Flaw: page.LetterFlaw(err, form)})
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "Your reply is sent.", Sent: id.String()})
	return v.Redirect("/t/" + id.String() + "#answer")
}
