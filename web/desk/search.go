package desk

import "letterlock/web/page"

const findLabel = "Search all conversations"

// search is GET /desk/search.
func (d *Desk) search(v *page.Visit) error {
	if err := d.allowed(v); err != nil {
		return err
	}
	view := page.Found{Heading: "Search", Back: "Conversations", Home: "/desk", Find: v.FindAt("/desk/search", findLabel)}
	status, err := v.Search(&view, "/desk/t/")
	if err != nil {
		return err
	}
	return v.RenderStatus(status, d.book, "search", page.Frame{Title: "Search", Shape: "wide", View: view})
}
