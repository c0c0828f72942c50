package page

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// contextMessages are shown before the one that was found, where a page shows only a part of a conversation.
const contextMessages = 3

// Find is a search field. Without an Action there is none, where the organization keeps no index.
type Find struct {
	Action string // where it leads
	Label  string // what it searches
	Text   string // what was typed
	Flaw   bool
}

// Found is the view of a page of search results.
type Found struct {
	Heading    string
	Back, Home string // the list it belongs to, in words and as a path
	Find       Find
	Flaw       string
	Asked      bool
	Notices    []string
	Hits       []Hit
	Turn       Turn
	Staff      bool
	Sender     string // an address for an example
}

// Hit is a conversation in which something was found.
type Hit struct {
	Href             string
	Subject, Snippet []query.Part
	Files            [][]query.Part
	Author           string
	At               time.Time
	Note, Closed     bool
	More             int
}

// MoreWords says how many other messages of a conversation were found.
func (h Hit) MoreWords() string {
	if h.More == 1 {
		return "and one more message of this conversation"
	}
	return "and " + strconv.Itoa(h.More) + " more messages of this conversation"
}

// FindAt returns the search field of a face's pages.
func (v *Visit) FindAt(action, label string) Find {
	if !v.site.gateway.CanSearch() {
		return Find{}
	}
	return Find{Action: action, Label: label}
}

// Search fills a page of results with what the query asks for. threads is the path below which conversations are. It returns the page's status.
func (v *Visit) Search(view *Found, threads string) (status int, err error) {
	values := v.R.URL.Query()
	view.Find.Text = values.Get("q")
	after, err := bridge.ParsePlace(values.Get("after"))
	if err != nil {
		return 0, err
	}
	view.Staff = v.Person.Kind == bridge.Staff
	view.Sender = v.Person.Address
	result, err := v.site.gateway.Search(v.Context(), v.Actor(), bridge.SearchRequest{Text: view.Find.Text, After: after})
	if errors.Is(err, bridge.ErrInvalid) {
		view.Flaw, view.Find.Flaw = Explain(err), true
		return Status(err), nil
	}
	if err != nil {
		return 0, err
	}
	view.Asked, view.Notices = result.Asked, result.Notices
	for _, h := range result.Hits {
		hit := Hit{
			Href: threads + h.Thread.String(), Subject: h.Subject, Snippet: h.Snippet, Files: h.Files, Author: h.Author, At: h.At,
			Note: h.Kind == bridge.Note, Closed: h.Status == bridge.Closed, More: h.More,
		}
		if h.Long {
			hit.Href += "?after=" + strconv.Itoa(max(0, h.Seq-1-contextMessages))
		}
		hit.Href += "#m-" + h.Message.String()
		switch {
		case h.AuthorID == v.Person.ID:
			hit.Author = "You"
		case hit.Author == "":
			hit.Author = v.site.gateway.Organization()
		}
		view.Hits = append(view.Hits, hit)
	}
	here := view.Find.Action + "?q=" + url.QueryEscape(view.Find.Text)
	if !after.IsZero() {
		view.Turn.Newest = here
	}
	if !result.Next.IsZero() {
		view.Turn.Older = here + "&after=" + url.QueryEscape(result.Next.String())
	}
	return http.StatusOK, nil
}
