package portal

import (
	"errors"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

type composeView struct {
	Org            string
	Subject, Draft string
	Flaw           string
	Once           string
	Limit          int64
}

// compose is GET /new.
func (p *Portal) compose(v *page.Visit) error {
	if v.Person.Kind == bridge.Staff {
		return v.Redirect("/desk/new")
	}
	return p.showCompose(v, http.StatusOK, composeView{})
}

func (p *Portal) showCompose(v *page.Visit, status int, view composeView) error {
	view.Org, view.Once, view.Limit = p.gateway.Organization(), page.Token(), p.site.MaxFiles()
	return v.RenderStatus(status, p.book, "compose", page.Frame{Title: "Write a message", View: view})
}

// send is POST /new.
func (p *Portal) send(v *page.Visit) error {
	form, err := v.Letter()
	var t bridge.Thread
	if err == nil {
		t, _, err = p.gateway.StartThread(v.Context(), v.Actor(), bridge.ThreadStart{
			Subject: form.Get("subject"), Text: form.Get("text"), Files: form.Files, Via: bridge.ViaWeb, Once: page.OnceOf(form),
		})
	}
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrTooLarge) || errors.Is(err, bridge.ErrTooMany) {
		return p.showCompose(v, page.Status(err), composeView{
			Subject: form.Get("subject"), Draft: form.Get("text"), Flaw: page.LetterFlaw(err, form),
		})
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "Your message is sent.", Sent: "new"})
	return v.Redirect("/t/" + t.ID.String())
}
