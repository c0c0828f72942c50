package portal

import (
	"net/url"

	"letterlock/bridge"
	"letterlock/web/page"
)

const findLabel = "Search your messages"

// search is GET /search: in a customer's own conversations. Staff have a desk.
func (p *Portal) search(v *page.Visit) error {
	if v.Person.Kind == bridge.Staff {
		return v.Redirect("/desk/search?q=" + url.QueryEscape(v.R.URL.Query().Get("q")))
	}
	view := page.Found{Heading: "Search", Back: "Your messages", Home: "/", Find: v.FindAt("/search", findLabel)}
	status, err := v.Search(&view, "/t/")
	if err != nil {
		return err
	}
	return v.RenderStatus(status, p.book, "search", page.Frame{Title: "Search", View: view})
}
