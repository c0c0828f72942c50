package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"time"
)

//go:embed templates
var layoutFiles embed.FS

// Press sets pages: it has the layout, the static files and the manner of writing times.
type Press struct {
	static *Static
	layout *template.Template
}

// NewPress returns a Press that writes times as seen in a place. A mistake in an embedded file is found here.
func NewPress(now func() time.Time, in *time.Location) (*Press, error) {
	static, err := newStatic()
	if err != nil {
		return nil, fmt.Errorf("new press: %w", err)
	}
	t := template.New("layout").Funcs(textSetter{now: now, in: in}.funcs()).Funcs(template.FuncMap{"static": static.URL})
	if t, err = t.ParseFS(layoutFiles, "templates/layout.html", "templates/message.html", "templates/leaving.html", "templates/office.html", "templates/search.html", "templates/unsent.html"); err != nil {
		return nil, fmt.Errorf("new press: %w", err)
	}
	return &Press{static: static, layout: t}, nil
}

// Static returns the embedded files, to be served under /static/.
func (p *Press) Static() *Static { return p.static }

// Book is the set of pages of one face: each file is one page, and all share the layout.
type Book struct {
	pages map[string]*template.Template
}

// Book parses one page per file. A page is called by the name of its file without folder and ending, such as "thread".
func (p *Press) Book(fsys fs.FS, pattern string) (*Book, error) {
	files, err := fs.Glob(fsys, pattern)
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("parse pages %s: found %d, %v", pattern, len(files), err)
	}
	b := &Book{pages: map[string]*template.Template{}}
	for _, file := range files {
		t, err := p.layout.Clone()
		if err == nil {
			t, err = t.ParseFS(fsys, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", file, err)
		}
		b.pages[pageName(file)] = t
	}
	return b, nil
}

// Set returns a whole page.
func (b *Book) Set(name string, f Frame) ([]byte, error) {
	t, ok := b.pages[name]
	if !ok {
		return nil, fmt.Errorf("set page %q: there is none", name)
	}
	if f.Lang == "" {
		f.Lang, f.Dir = "en", "ltr"
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", f); err != nil {
		return nil, fmt.Errorf("set page %q: %w", name, err)
	}
	return out.Bytes(), nil
}
