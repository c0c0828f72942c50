package api

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// SearchMessages looks through everything, for single words only.
func (t *memoryTx) SearchMessages(_ context.Context, q bridge.SearchQuery) ([]bridge.Found, error) {
	var all []bridge.Found
	for id, list := range t.messages {
		for _, m := range list {
			words := map[string]bool{}
			for w := range query.Words(t.threads[id].Subject + " " + m.Text) {
				words[w.Text] = true
			}
			ok := q.Status == "" || t.threads[id].Status == q.Status
			for _, term := range q.Terms {
				ok = ok && words[term.Words[0]] != term.Not
			}
			if place := bridge.Place(m.At.UnixMicro()); ok && (q.After == 0 || place < q.After) {
				all = append(all, bridge.Found{Place: place, Thread: id, Seq: m.Seq})
			}
		}
	}
	slices.SortFunc(all, func(a, b bridge.Found) int { return int(b.Place - a.Place) })
	return all[:min(len(all), q.Limit)], nil
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	for _, subject := range []string{"Your order", "Your invoice", "Something else"} {
		w.call(w.staff, "POST", "/threads", `{"subject":"`+subject+`","contacts":[{"address":"ann@example.org"}],"text":"It is about the `+strings.ToUpper(subject)+`."}`)
	}
	find := func(typed, more string) SearchResult {
		t.Helper()
		return as[SearchResult](w.call(w.staff, "GET", "/search?q="+url.QueryEscape(typed)+more, ""), 200)
	}
	got := find("your -order", "")
	if len(got.Hits) != 1 || got.Next != "" || len(got.Notices) != 0 {
		t.Fatalf("got %+v", got)
	}
	h := got.Hits[0]
	if whole := h.Subject; len(whole) != 2 || whole[0] != (Piece{"Your", true}) || whole[1] != (Piece{" invoice", false}) {
		t.Errorf("subject %+v", whole)
	}
	if len(h.Snippet) != 3 || h.Snippet[1] != (Piece{"YOUR", true}) || h.Seq != 1 || h.Kind != "public" || h.Status != "open" || h.Files == nil || h.At.IsZero() {
		t.Errorf("hit %+v", h)
	}
	first := find("about", "&limit=2")
	if len(first.Hits) != 2 || first.Next == "" {
		t.Fatalf("first page %+v", first)
	}
	if second := find("about", "&limit=2&cursor="+first.Next); len(second.Hits) != 1 || second.Next != "" || whole(nil) != "" {
		t.Errorf("second page %+v", second)
	}
	if got := find("in:trash", ""); len(got.Notices) != 1 || got.Hits == nil {
		t.Errorf("what is not understood: %+v", got)
	}
	for _, path := range []string{"/search", "/search?q=", "/search?q=x&cursor=!", "/search?q=x&limit=51", "/search?q=" + strings.Repeat("x", 1001), "/search?q=x&page=2"} {
		w.call(w.staff, "GET", path, "").problem(422, "invalid")
	}
}

func TestSearchTurnedOff(t *testing.T) {
	w := newWorld(t)
	g, err := bridge.New(bridge.Config{
		Store: w.memory, Keyring: plainKeys{}, Domain: "mail.example.com", BaseURL: "https://portal.example.com", Organization: "Example Org", NoSearch: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.api, err = New(Config{Gateway: g}); err != nil {
		t.Fatal(err)
	}
	if p := w.call(w.staff, "GET", "/search?q=x", "").problem(404, "not_found"); !strings.Contains(p.Detail, "no search index") {
		t.Errorf("got %+v", p)
	}
}
