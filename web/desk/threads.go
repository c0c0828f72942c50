package desk

import (
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/web/page"
)

type threadsView struct {
	Find                     page.Find
	Tabs                     []page.Link
	Threads                  []threadLine
	Turn                     page.Turn
	EmptyHeading, EmptyWords string
}

type threadLine struct {
	Href, Subject, Preview, People string
	At                             time.Time
	Unread, Waiting, Closed        bool
	Unopened                       bool
}

// filters are the tabs above the list.
var filters = []struct {
	name, text, empty, words string
	list                     bridge.ThreadList
}{
	{"", "Open", "Nothing is open", "New messages will be here.", bridge.ThreadList{Status: bridge.Open}},
	{"waiting", "Waiting for an answer", "Nobody is waiting", "Every open conversation has its answer.", bridge.ThreadList{Status: bridge.Open, Awaiting: true}},
	{"unopened", "Never opened", "Everything was opened", "What contacts have not opened although they were reminded will be here.", bridge.ThreadList{Unopened: true}},
	{"closed", "Closed", "Nothing is closed", "Conversations that are done will be here.", bridge.ThreadList{Status: bridge.Closed}},
	{"all", "All", "Nothing here yet", "Write to someone to begin.", bridge.ThreadList{}},
}

// threads is GET /desk.
func (d *Desk) threads(v *page.Visit) error {
	if err := d.allowed(v); err != nil {
		return err
	}
	after, err := v.Cursor()
	if err != nil {
		return err
	}
	chosen := 0
	for i, f := range filters {
		if v.R.URL.Query().Get("show") == f.name {
			chosen = i
		}
	}
	view := threadsView{Find: v.FindAt("/desk/search", findLabel)}
	f := filters[chosen]
	view.Tabs = tabs(filterPath(f.name))
	list := f.list
	list.After = after
	threads, err := d.gateway.ListThreads(v.Context(), v.Actor(), list)
	if err != nil {
		return err
	}
	view.EmptyHeading, view.EmptyWords = f.empty, f.words
	view.Turn = v.Turn(filterPath(f.name), threads.Next)
	for _, t := range threads.Threads {
		view.Threads = append(view.Threads, threadLine{
			Href: "/desk/t/" + t.ID.String(), Subject: t.Subject, Preview: t.Preview, People: people(t.People, t.Count),
			At: t.LastAt, Unread: t.Unread > 0, Waiting: t.Awaiting && t.Status == bridge.Open, Closed: t.Status == bridge.Closed, Unopened: t.Unopened,
		})
	}
	return v.Render(d.book, "threads", page.Frame{Title: "Conversations", Shape: "wide", View: view})
}

// tabs leads to every list of conversations, and to what has not gone out.
func tabs(here string) []page.Link {
	var all []page.Link
	for _, f := range filters {
		all = append(all, page.Link{Text: f.text, Href: filterPath(f.name)})
	}
	all = append(all, page.Link{Text: "Not sent yet", Href: outPath})
	for i := range all {
		all[i].Here = all[i].Href == here
	}
	return all
}

func filterPath(name string) string {
	if name == "" {
		return "/desk"
	}
	return "/desk?show=" + name
}

// people writes some names out of a number of people.
func people(names []string, count int) string {
	text := strings.Join(names, ", ")
	if more := count - len(names); more > 0 && len(names) > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}
