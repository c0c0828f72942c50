package portal

import (
	"strconv"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type threadsView struct {
	Line    string
	Find    page.Find
	Threads []threadLine
	Turn    page.Turn
}

type threadLine struct {
	Href, Subject, Preview string
	At                     time.Time
	Unread, Closed         bool
}

// threads is GET /: a customer's conversations. Staff have a desk.
func (p *Portal) threads(v *page.Visit) error {
	if v.Person.Kind == bridge.Staff {
		return v.Redirect("/desk")
	}
	after, err := v.Cursor()
	if err != nil {
		return err
	}
	list, err := p.gateway.ListThreads(v.Context(), v.Actor(), bridge.ThreadList{After: after})
	if err != nil {
		return err
	}
	view := threadsView{Turn: v.Turn("/", list.Next)}
	if len(list.Threads) > 0 {
		view.Find = v.FindAt("/search", findLabel)
	}
	unread := 0
	for _, t := range list.Threads {
		if t.Unread > 0 {
			unread++
		}
		view.Threads = append(view.Threads, threadLine{
			Href: "/t/" + t.ID.String(), Subject: t.Subject, Preview: t.Preview, At: t.LastAt,
			Unread: t.Unread > 0, Closed: t.Status == bridge.Closed,
		})
	}
	switch {
	case after.IsZero() && unread == 1:
		view.Line = "One conversation has something new."
	case after.IsZero() && unread > 1:
		view.Line = strconv.Itoa(unread) + " conversations have something new."
	}
	return v.Render(p.book, "threads", page.Frame{Title: "Your messages", View: view})
}
