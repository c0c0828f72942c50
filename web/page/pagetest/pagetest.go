// Package pagetest checks pages in tests: that they are well-formed, that everything a person operates has a name, and that
// nothing on them would need a looser Content Security Policy. It also writes them to a folder, to be looked at.
package pagetest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"letterlock/web/page"
)

// Now is the moment at which pages are set in tests.
func Now() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) }

// Book returns the pages of a face: the files that a pattern names.
func Book(t *testing.T, fsys fs.FS, pattern string) *page.Book {
	t.Helper()
	press, err := page.NewPress(Now, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("LETTERLOCK_GALLERY"); dir != "" {
		writeStatic(t, press, dir)
	}
	b, err := press.Book(fsys, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeStatic(t *testing.T, press *page.Press, dir string) {
	for _, name := range []string{"app.css", "app.js", "frame.css", "mark.svg"} {
		url, err := press.Static().URL(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := press.Static().Content(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(url))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Set sets a page, checks it, and writes it to the folder that LETTERLOCK_GALLERY names, if any.
func Set(t *testing.T, b *page.Book, name, as string, f page.Frame) string {
	t.Helper()
	if f.Org == "" {
		f.Org = "Harbour Street Practice"
	}
	out, err := b.Set(name, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, flaw := range Flaws(out) {
		t.Errorf("page %s: %s", as, flaw)
	}
	if dir := os.Getenv("LETTERLOCK_GALLERY"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, as+".html"), out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return string(out)
}

// Flaws returns what is wrong with a page.
func Flaws(src []byte) []string {
	root, err := html.Parse(bytes.NewReader(src))
	if err != nil {
		return []string{err.Error()}
	}
	c := checker{ids: map[string]bool{}, labels: map[string]bool{}, count: map[string]int{}}
	c.collect(root)
	c.walk(root)
	for _, tag := range []string{"h1", "main", "header", "footer", "title"} {
		want := 1
		got := c.count[tag]
		if tag == "header" || tag == "footer" {
			got = min(got, 1)
		}
		if got != want {
			c.flaw("%d <%s>, want %d", c.count[tag], tag, want)
		}
	}
	if bytes.Contains(src, []byte("ZgotmplZ")) {
		c.flaw("a value was refused by html/template (ZgotmplZ)")
	}
	return c.flaws
}

type checker struct {
	ids, labels map[string]bool
	count       map[string]int
	flaws       []string
}

func (c *checker) flaw(format string, args ...any) {
	c.flaws = append(c.flaws, fmt.Sprintf(format, args...))
}

// collect finds all ids, and which controls have a label.
func (c *checker) collect(n *html.Node) {
	if n.Type == html.ElementNode {
		c.count[n.Data]++
		if id := attr(n, "id"); id != "" {
			if c.ids[id] {
				c.flaw("id %q twice", id)
			}
			c.ids[id] = true
		}
		if n.Data == "label" {
			c.labels[attr(n, "for")] = true
		}
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.collect(child)
	}
}

func (c *checker) walk(n *html.Node) {
	if n.Type == html.ElementNode {
		c.element(n)
	}
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.walk(child)
	}
}

func (c *checker) element(n *html.Node) {
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
			c.flaw("inline %s on <%s>", a.Key, n.Data)
		}
		if (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
			c.flaw("a script in %s", a.Key)
		}
		if a.Key == "aria-describedby" || a.Key == "aria-labelledby" {
			for _, id := range strings.Fields(a.Val) {
				if !c.ids[id] {
					c.flaw("%s names %q, which is not there", a.Key, id)
				}
			}
		}
	}
	switch n.Data {
	case "html":
		if attr(n, "lang") == "" || attr(n, "dir") == "" {
			c.flaw("<html> without lang or dir")
		}
	case "script":
		if attr(n, "src") == "" {
			c.flaw("inline script")
		}
	case "style":
		c.flaw("inline style")
	case "img":
		if !has(n, "alt") {
			c.flaw("<img> without alt")
		}
	case "iframe":
		if attr(n, "title") == "" || !has(n, "sandbox") || strings.Contains(attr(n, "sandbox"), "allow-scripts") {
			c.flaw("<iframe> without a title, or without its sandbox")
		}
	case "input", "select", "textarea":
		if kind := attr(n, "type"); kind == "hidden" || has(n, "hidden") {
			return
		}
		if !c.labels[attr(n, "id")] && !inside(n, "label") {
			c.flaw("<%s name=%q> without a label", n.Data, attr(n, "name"))
		}
	case "a", "button":
		if strings.TrimSpace(text(n)) == "" {
			c.flaw("<%s> without words", n.Data)
		}
	case "form":
		if m := attr(n, "method"); m != "post" && m != "get" {
			c.flaw("<form> with method %q", m)
		}
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func inside(n *html.Node, tag string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == tag {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		b.WriteString(text(child))
	}
	return b.String()
}
