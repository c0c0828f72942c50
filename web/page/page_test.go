package page

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"letterlock/bridge"
)

func TestLocalPath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/t/1?after=2": "/t/1?after=2", "": "/", "t": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"javascript:alert(1)": "/", "/a\nb": "/", "/\t/evil.example": "/", "/%2f/evil.example": "/%2f/evil.example", "/" + strings.Repeat("a", 600): "/",
	} {
		if got := LocalPath(path); got != want {
			t.Errorf("LocalPath(%q): got %q, want %q", path, got, want)
		}
	}
}

func TestDisposition(t *testing.T) {
	for name, want := range map[string]string{
		"plain.txt":       `attachment; filename="plain.txt"; filename*=UTF-8''plain.txt`,
		`a"b\c/d;e%f.txt`: `attachment; filename="a_b_c_d_e_f.txt"; filename*=UTF-8''a%22b_c_d%3Be%25f.txt`,
		"é.txt":           `attachment; filename="_.txt"; filename*=UTF-8''%C3%A9.txt`,
		"a\r\nb":          `attachment; filename="ab"; filename*=UTF-8''ab`,
		"":                "attachment",
	} {
		if got := Disposition("attachment", name); got != want {
			t.Errorf("Disposition(%q):\n got %s\nwant %s", name, got, want)
		}
	}
}

func FuzzDisposition(f *testing.F) {
	f.Add("a\"b\r\n.txt")
	f.Fuzz(func(t *testing.T, name string) {
		got := Disposition("attachment", name)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Count(got, `"`)%2 != 0 {
			t.Errorf("Disposition(%q) = %q", name, got)
		}
		kind, params, err := mime.ParseMediaType(got)
		if err != nil || kind != "attachment" || strings.ContainsAny(params["filename"], "/\\\r\n\x00") {
			t.Errorf("Disposition(%q) = %q reads as %q, %v", name, got, params, err)
		}
	})
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		words  string
	}{
		{bridge.ErrNotFound, 404, ""},
		{fmt.Errorf("open: %w", bridge.ErrForbidden), 403, ""},
		{bridge.ErrTooMany, 429, ""},
		{&http.MaxBytesError{Limit: 1}, 413, ""},
		{fmt.Errorf("post: %w", fmt.Errorf("a message needs a text or a file: %w", bridge.ErrInvalid)), 400, "A message needs a text or a file."},
		{fmt.Errorf("set: %w: %w", errors.New("too short"), bridge.ErrInvalid), 400, "Too short."},
		{bridge.ErrUnavailable, 503, ""},
		{errors.New("sql: secret detail"), 500, ""},
	} {
		p := problemOf(c.err)
		if p.status != c.status || p.view.Detail != c.words {
			t.Errorf("%v: got %d %q, want %d %q", c.err, p.status, p.view.Detail, c.status, c.words)
		}
		if p.view.Heading == "" || p.view.Words == "" {
			t.Errorf("%v: no words", c.err)
		}
	}
}

func FuzzTidy(f *testing.F) {
	f.Add("a\r\nb\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := tidy(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r") || tidy(got) != got {
			t.Errorf("tidy(%q) = %q", s, got)
		}
	})
}

func TestAcceptsGzip(t *testing.T) {
	for field, want := range map[string]bool{"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.0": false, "x-gzipped": false} {
		if got := acceptsGzip(field); got != want {
			t.Errorf("%q: got %v", field, got)
		}
	}
}

// Each error page is set and looks like one of ours.
func TestErrorPages(t *testing.T) {
	press, err := NewPress(time.Now, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	b, err := press.Book(layoutFiles, "templates/error.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(problems, struct {
		err error
		problem
	}{nil, unknownProblem}) {
		v := p.view
		v.Href, v.Link = "/", "To your messages"
		out, err := b.Set("error", Frame{Title: v.Heading, Shape: "card", Org: "Harbour Clinic", View: v})
		if err != nil || !strings.Contains(string(out), "<h1>") {
			t.Errorf("%v: %v", p.err, err)
		}
	}
	if _, err := press.Book(layoutFiles, "templates/none*.html"); err == nil {
		t.Error("a book without pages was made")
	}
	if m, _ := filepath.Glob("templates/*.html"); len(m) != 7 {
		t.Errorf("got %d templates, want 7", len(m))
	}
}

func BenchmarkSetPage(b *testing.B) {
	press, err := NewPress(time.Now, time.UTC)
	if err != nil {
		b.Fatal(err)
	}
	book, err := press.Book(layoutFiles, "templates/error.html")
	if err != nil {
		b.Fatal(err)
	}
	f := Frame{Title: "x", Org: "Harbour Clinic", View: Failure{Heading: "There is nothing here", Words: "It isn't.", Link: "Home", Href: "/"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Set("error", f); err != nil {
			b.Fatal(err)
		}
	}
}
