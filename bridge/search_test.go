package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// search returns what an actor finds, a line for each conversation: its subject, the snippet with its marks, and how many more there are.
func (w *world) search(a bridge.Actor, text string) []string {
	w.t.Helper()
	for {
		n, err := w.db.Index(w.t.Context())
		w.must(err)
		if n == 0 {
			break
		}
	}
	page, err := w.g.Search(w.t.Context(), a, bridge.SearchRequest{Text: text})
	w.must(err)
	var out []string
	for _, h := range page.Hits {
		line := marked(h.Subject) + ": " + marked(h.Snippet)
		for _, f := range h.Files {
			line += " (" + marked(f) + ")"
		}
		if h.More > 0 {
			line += fmt.Sprint(" +", h.More)
		}
		out = append(out, line)
	}
	return out
}

func marked(parts []query.Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Found {
			b.WriteString("*" + p.Text + "*")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestSearch(t *testing.T) {
	w := newWorld(t)
	inside, outside, staff := w.actor("inside"), w.actor("outside"), w.actor("staff")
	_, err := w.g.Post(t.Context(), inside, bridge.Post{Thread: w.thread.ID, Text: "When are they ready?"})
	w.must(err)
	for _, one := range []struct {
		who  bridge.Actor
		text string
		want []string
	}{
		{inside, "results they", []string{"Your *results*: When are *they* ready? +1"}},
		{inside, "between", nil},
		{staff, "between", []string{"Your results: *Between* us."}},
		{staff, "when", []string{"Your results: *When* are they ready?", "A question: *When*?"}},
		{outside, "when", []string{"A question: *When*?"}},
		{w.actor("left"), "when", nil},
		{inside, "letter.txt", []string{"Your results: They are in. (*letter.txt*)"}},
		{inside, "paper", nil},
		{staff, "paper", []string{"Your results: Between us. (*paper*.txt)"}},
		{staff, "has:attachment", []string{"Your results: Between us. (paper.txt) +1"}},
		{staff, "from:ann@example.org", []string{"Your results: When are they ready?"}},
		{staff, "from:ANN@example.org -from:nobody@example.org", []string{"Your results: When are they ready?"}},
		{staff, "from:nobody@example.org", nil},
		{staff, "when -from:ann@example.org", []string{"A question: *When*?"}},
		{inside, "from:ann@example.org", []string{"Your results: When are they ready?"}},
		{w.actor("staff key"), "from:@example.org in:open when", []string{"Your results: *When* are they ready?", "A question: *When*?"}},
		{staff, "", nil},
		{staff, "in:trash", nil},
	} {
		if got := w.search(one.who, one.text); !slices.Equal(got, one.want) {
			t.Errorf("%s:\n got %q\nwant %q", one.text, got, one.want)
		}
	}
	page, err := w.g.Search(t.Context(), staff, bridge.SearchRequest{Text: "in:trash"})
	if err != nil || page.Asked || len(page.Notices) != 1 {
		t.Errorf("what is not understood: got %+v, %v", page, err)
	}
	if _, err := w.g.Search(t.Context(), staff, bridge.SearchRequest{Text: strings.Repeat("x", 2000)}); !errors.Is(err, bridge.ErrInvalid) {
		t.Errorf("too long: got %v, want ErrInvalid", err)
	}
	w.must(w.g.CloseThread(t.Context(), staff, w.thread.ID))
	if got := w.search(staff, "when in:open"); len(got) != 1 {
		t.Errorf("open: got %q", got)
	}
	w.must(w.g.RemoveParticipant(t.Context(), staff, w.thread.ID, w.inside.ID))
	if got := w.search(inside, "when"); got != nil {
		t.Errorf("after leaving: got %q", got)
	}
}

// TestSearchTellsNoAddresses: a contact can't find out by searching what is not shown.
func TestSearchTellsNoAddresses(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	nameless := w.contact("", "private.person@example.net")
	_, err := w.g.AddParticipant(ctx, w.operator, w.thread.ID, bridge.Recipient{ID: nameless.ID}, bridge.Once{})
	w.must(err)
	for _, a := range []bridge.Actor{bridge.AsPerson(nameless.ID), w.actor("staff")} {
		_, err = w.g.Post(ctx, a, bridge.Post{Thread: w.thread.ID, Text: "Hello there."})
		w.must(err)
	}
	inside := w.actor("inside")
	for _, text := range []string{
		"from:private.person@example.net", "from:@example.net", "private.person@example.net", "person", "from:person", "priv*", "from:marlene@example.com", "from:@example.com", "marlene@example.com",
		"there -from:private.person@example.net -from:@example.net -missing",
	} {
		got := w.search(inside, text)
		if strings.HasPrefix(text, "there") != (len(got) == 1) {
			t.Errorf("%s: got %q", text, got)
		}
	}
	page, err := w.g.Search(ctx, inside, bridge.SearchRequest{Text: "hello"})
	w.must(err)
	for _, h := range page.Hits {
		if strings.Contains(h.Author, "@example") && !strings.Contains(h.Author, "•") || h.Long {
			t.Errorf("got %+v", h)
		}
	}
	if got := w.search(w.actor("staff"), "from:private.person@example.net"); len(got) != 1 {
		t.Errorf("staff: got %q", got)
	}
}

func TestSearchPages(t *testing.T) {
	w := newWorld(t)
	staff := w.actor("staff")
	const n = 30
	for i := range n {
		th, _, err := w.g.StartThread(t.Context(), staff, bridge.ThreadStart{Subject: fmt.Sprint("Number ", i), Text: "walrus", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
		w.must(err)
		for range i % 3 {
			_, err = w.g.Post(t.Context(), staff, bridge.Post{Thread: th.ID, Text: "walrus too"})
			w.must(err)
		}
	}
	w.search(staff, "x")
	var got []string
	r := bridge.SearchRequest{Text: "walrus", Limit: 7}
	for range n {
		page, err := w.g.Search(t.Context(), w.actor("inside"), r)
		w.must(err)
		for _, h := range page.Hits {
			got = append(got, marked(h.Subject))
			if fmt.Sprint("Number ", n-len(got)) != marked(h.Subject) || h.More != (n-len(got))%3 {
				t.Errorf("hit %d: got %+v", len(got), h)
			}
		}
		if page.Next == 0 {
			break
		}
		r.After, err = bridge.ParsePlace(page.Next.String())
		w.must(err)
	}
	if len(got) != n {
		t.Errorf("got %d conversations, want %d: %q", len(got), n, got)
	}
	for _, s := range []string{"!", "00", "Z", " 1", strings.Repeat("z", 100)} {
		if _, err := bridge.ParsePlace(s); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("place %q: got %v", s, err)
		}
	}
}

// TestSearchesAreRecorded: those of staff, with the words, and once in a while.
func TestSearchesAreRecorded(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.search(w.actor("staff"), "results from:ann")
		w.search(w.actor("inside"), "results")
	}
	w.search(w.actor("staff"), "results")
	w.search(w.actor("staff"), "")
	entries, _, err := w.g.ListAudit(t.Context(), w.operator, "search", bridge.Cursor{}, 10)
	w.must(err)
	var got []string
	for _, e := range entries {
		if e.By != w.staff.ID {
			t.Errorf("by %v", e.By)
		}
		got = append(got, e.Detail)
	}
	if want := []string{"results", "results from:ann"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSearchOff(t *testing.T) {
	w := newWorld(t)
	c := w.config
	c.NoSearch = true
	g, err := bridge.New(c)
	w.must(err)
	if _, err := g.Search(t.Context(), w.actor("staff"), bridge.SearchRequest{Text: "x"}); !errors.Is(err, bridge.ErrSearchOff) || g.CanSearch() {
		t.Errorf("got %v, want ErrSearchOff", err)
	}
	if _, err := g.Search(t.Context(), bridge.Anonymous(), bridge.SearchRequest{Text: "x"}); !errors.Is(err, bridge.ErrSignedOut) {
		t.Errorf("anonymous: got %v", err)
	}
}
