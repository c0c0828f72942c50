package web_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// index brings the search index up to date.
func (w *world) index() {
	w.t.Helper()
	for {
		n, err := w.db.Index(w.t.Context())
		w.must(err)
		if n == 0 {
			return
		}
	}
}

func TestSearchPages(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "She sounded worried about the results.", Note: true})
	w.must(err)
	_, err = w.g.Post(t.Context(), bridge.AsPerson(w.mina.ID), bridge.Post{Thread: w.thread.ID, Text: "Thanks for the <b>results</b>!"})
	w.must(err)
	for i := range 25 {
		_, _, err := w.g.StartThread(t.Context(), bridge.AsPerson(w.jonas.ID), bridge.ThreadStart{Subject: fmt.Sprint("Walrus ", i), Text: "About walruses."})
		w.must(err)
	}
	w.index()
	mina, jonas, staff := w.as(w.mina), w.as(w.jonas), w.as(w.staff)

	mina.get("/").want(200, `role="search"`, `action="/search"`)
	page := mina.get("/search?q=RESULTS").want(200, `value="RESULTS"`, "Your <mark>results</mark>", "Thanks for the &lt;b&gt;<mark>results</mark>&lt;/b&gt;!", "<bdi>You</bdi>", "and one more message of this conversation",
		"/t/"+w.thread.ID.String()+"#m-").without("worried", "Internal note")
	if strings.Contains(page.body, "RESULTS ·") {
		t.Error("the title shows what was looked for")
	}
	mina.get("/search").want(200, "How to search", "<details class=\"hows\" open>")
	mina.get("/search?q=worried").want(200, "Nothing found")
	mina.get("/search?q=walrus").want(200, "Nothing found")
	mina.get("/search?q=dear+in:trash").want(200, "in: knows in:open and in:closed.")
	mina.get("/search?q="+strings.Repeat("x", query.MaxLength+1)).want(400, "A search has at most 1,000 characters.", `aria-invalid="true"`)
	mina.get("/search?q=x&after=!").want(400)
	mina.get("/search?q="+url.QueryEscape(`"><script>alert(1)</script>`)).want(200, "&#34;&gt;&lt;script&gt;").without("<script>alert")

	staff.get("/search?q=a+b").want(200, `value="a b"`, "Search all conversations")
	staff.get("/desk").want(200, `action="/desk/search"`)
	staff.get("/desk/search?q=worried").want(200, "Internal note", "She sounded <mark>worried</mark> about")
	staff.get("/desk/search?q=from:mina@example.org").want(200, "Mina Okafor", "Thanks for the").without("Walrus")

	first := jonas.get("/search?q=walrus").want(200, "Walrus</mark> 24", "Walrus</mark> 5<", `rel="next"`).without("Walrus</mark> 4<")
	_, rest, _ := strings.Cut(first.body, `href="/search?q=walrus&amp;after=`)
	place, _, _ := strings.Cut(rest, `"`)
	jonas.get("/search?q=walrus&after="+place).want(200, "Walrus</mark> 4<", "Walrus</mark> 0<", "Back to the newest").without("Walrus</mark> 5<", `rel="next"`)
	if log := w.log.String(); strings.Contains(log, "walrus") || strings.Contains(log, "RESULTS") {
		t.Errorf("what was looked for is in the log: %s", log)
	}
}

// A message in the middle of a long conversation is on the page that the result leads to.
func TestSearchLeadsIntoLongConversations(t *testing.T) {
	w := newWorld(t)
	for i := range 230 {
		text := "So it goes."
		if i == 50 {
			text = "The needle."
		}
		_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: text})
		w.must(err)
	}
	w.index()
	b := w.as(w.mina)
	page := b.get("/search?q=needle").want(200, "<mark>needle</mark>")
	_, rest, _ := strings.Cut(page.body, `href="/t/`)
	link, _, _ := strings.Cut(rest, `"`)
	path, anchor, _ := strings.Cut(link, "#")
	b.get("/t/"+path).want(200, "The needle.", `id="`+anchor+`"`)
}
