package main

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/rogpeppe/go-internal/testscript"
)

// browser is one person's browser: cookies, the page they look at, no JavaScript.
type browser struct {
	client *http.Client
	base   string
	at     *url.URL
	page   *html.Node
	raw    []byte
	status int
}

func newBrowser(base string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{base: base, client: &http.Client{Jar: jar, Timeout: 20 * time.Second}}, nil
}

func (b *browser) do(r *http.Request) error {
	// A browser says where a form was sent from; without it a POST is refused as coming from elsewhere.
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := b.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if b.raw, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	b.status, b.at = resp.StatusCode, resp.Request.URL
	b.page = nil
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		b.page, err = html.Parse(bytes.NewReader(b.raw))
	}
	return err
}

func (b *browser) open(path string) error {
	u := path
	if strings.HasPrefix(path, "/") {
		u = b.base + path
	}
	r, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		return err
	}
	return b.do(r)
}

// click follows the first link whose text contains a text.
func (b *browser) click(text string) error {
	var href string
	b.each(func(n *html.Node) bool {
		if n.DataAtom == atom.A && strings.Contains(visible(n), text) {
			href = attr(n, "href")
			return false
		}
		return true
	})
	if href == "" {
		return fmt.Errorf("no link %q on %s:\n%s", text, b.at, visible(b.page))
	}
	u, err := b.at.Parse(href)
	if err != nil {
		return err
	}
	return b.open(u.String())
}

// submit fills in and sends the first form with all the given fields. A field whose name begins with @ takes a file; a field
// "press" names the button, by its text.
func (b *browser) submit(fields map[string]string, dir string) error {
	press := fields["press"]
	var form, button *html.Node
	b.each(func(n *html.Node) bool {
		if n.DataAtom != atom.Form {
			return true
		}
		names := map[string]bool{}
		var pressed *html.Node
		each(n, func(c *html.Node) bool {
			switch c.DataAtom {
			case atom.Input, atom.Textarea, atom.Select:
				names[attr(c, "name")] = true
			case atom.Button:
				if pressed == nil && (press == "" || strings.Contains(visible(c), press)) {
					pressed = c
				}
			}
			return true
		})
		for f := range fields {
			if f != "press" && !names[strings.TrimPrefix(f, "@")] {
				return true
			}
		}
		if press != "" && pressed == nil {
			return true
		}
		form, button = n, pressed
		return false
	})
	if form == nil {
		return fmt.Errorf("no form with %v on %s (%d):\n%s", fields, b.at, b.status, visible(b.page))
	}
	action, err := b.at.Parse(attr(form, "action"))
	if err != nil {
		return err
	}
	values := formValues(form)
	if button != nil && attr(button, "name") != "" {
		values.Set(attr(button, "name"), attr(button, "value"))
	}
	for f, v := range fields {
		if f != "press" && !strings.HasPrefix(f, "@") {
			values.Set(f, v)
		}
	}
	if button != nil && attr(button, "formaction") != "" {
		if action, err = b.at.Parse(attr(button, "formaction")); err != nil {
			return err
		}
	}
	if !strings.EqualFold(attr(form, "method"), "post") {
		action.RawQuery = values.Encode()
		return b.open(action.String())
	}
	body, contentType := strings.NewReader(values.Encode()), "application/x-www-form-urlencoded"
	if attr(form, "enctype") == "multipart/form-data" {
		var buf bytes.Buffer
		w := multipart.NewWriter(&buf)
		for name, list := range values {
			for _, v := range list {
				if err := w.WriteField(name, v); err != nil {
					return err
				}
			}
		}
		for f, v := range fields {
			if name, ok := strings.CutPrefix(f, "@"); ok {
				content, err := os.ReadFile(filepath.Join(dir, v))
				if err != nil {
					return err
				}
				part, err := w.CreateFormFile(name, filepath.Base(v))
				if err != nil {
					return err
				}
				if _, err := part.Write(content); err != nil {
					return err
				}
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
		body, contentType = strings.NewReader(buf.String()), w.FormDataContentType()
	}
	r, err := http.NewRequest(http.MethodPost, action.String(), body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	return b.do(r)
}

func formValues(form *html.Node) url.Values {
	values := url.Values{}
	each(form, func(n *html.Node) bool {
		name := attr(n, "name")
		if name == "" {
			return true
		}
		switch n.DataAtom {
		case atom.Input:
			kind := attr(n, "type")
			if kind == "submit" || kind == "file" || ((kind == "checkbox" || kind == "radio") && !has(n, "checked")) {
				return true
			}
			values.Add(name, attr(n, "value"))
		case atom.Textarea:
			values.Add(name, visible(n))
		case atom.Select:
			chosen := ""
			each(n, func(o *html.Node) bool {
				if o.DataAtom == atom.Option && (chosen == "" || has(o, "selected")) {
					chosen = attr(o, "value")
				}
				return true
			})
			values.Add(name, chosen)
		}
		return true
	})
	return values
}

func (b *browser) each(fn func(*html.Node) bool) {
	if b.page != nil {
		each(b.page, fn)
	}
}

// each walks the elements below n until fn returns false.
func each(n *html.Node, fn func(*html.Node) bool) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && !fn(d) {
			return
		}
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// visible returns the text of a page as a person reads it, a line for each block. What is folded in details is marked as such.
func visible(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			return
		}
		switch n.DataAtom {
		case atom.Script, atom.Style, atom.Head, atom.Template:
			return
		case atom.Details:
			if !has(n, "open") {
				b.WriteString("\n[folded]\n")
				defer b.WriteString("\n[end of folded]\n")
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		switch n.DataAtom {
		case atom.P, atom.Div, atom.Li, atom.H1, atom.H2, atom.H3, atom.Tr, atom.Summary, atom.Article, atom.Header, atom.Br, atom.Dt, atom.Dd, atom.Blockquote, atom.Pre:
			b.WriteByte('\n')
		}
	}
	walk(n)
	var lines []string
	for _, l := range strings.Split(b.String(), "\n") {
		if l = strings.Join(strings.Fields(l), " "); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// cmdBrowse is the script command "browse":
//
//	browse ann go /path            open a page; following redirects
//	browse ann click 'Link text'
//	browse ann send field=value @files=letter.pdf press=Send
//	browse ann awaits 'text'          reload the page until it shows the text
//	browse ann lastly field=value     the same, but the gateway may die before it answers
//
// The page's visible text goes to standard output, its source to page.html. With ! the page must be an error page.
func cmdBrowse(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: browse PERSON go|click|send|awaits ...")
	}
	s := scriptOf(ts)
	b := s.browsers[args[0]]
	if b == nil {
		var err error
		b, err = newBrowser(ts.Getenv("BASE"))
		ts.Check(err)
		s.browsers[args[0]] = b
	}
	switch args[1] {
	case "go":
		ts.Check(b.open(args[2]))
	case "click":
		ts.Check(b.click(args[2]))
	case "awaits":
		for over := time.Now().Add(30 * time.Second); !strings.Contains(visible(b.page), args[2]); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(over) {
				ts.Fatalf("%s does not come to show %q\n%s", b.at, args[2], visible(b.page))
			}
			ts.Check(b.open(b.at.RequestURI()))
		}
	case "send", "lastly":
		fields := map[string]string{}
		for _, a := range args[2:] {
			name, value, ok := strings.Cut(a, "=")
			if !ok {
				ts.Fatalf("%q is not field=value", a)
			}
			fields[name] = value
		}
		if err := b.submit(fields, ts.MkAbs(".")); err != nil && args[1] == "lastly" {
			return
		} else if err != nil {
			ts.Fatalf("%v", err)
		}
	default:
		ts.Fatalf("browse can go, click, send and await")
	}
	ts.Check(os.WriteFile(ts.MkAbs("page.html"), b.raw, 0o600))
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n", b.at.Path, visible(b.page))
	if failed := b.status >= 400; failed != neg {
		ts.Fatalf("%s: status %d\n%s", b.at, b.status, visible(b.page))
	}
}
