// Package archive writes conversations down for people who will read them without Letterlock: as a zip file of pages and JSON, and as an
// mbox of mails (RFC 4155, with the quoting known as mboxrd) that any mail program opens.
//
// The pages load nothing from anywhere and run nothing. This package must not know who may read what: it writes what it is given.
package archive

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path"
	"strings"
	"time"
	"unicode"

	"letterlock/bridge"
)

// Open returns the content of a file.
type Open func(context.Context, bridge.Blob) (io.ReadCloser, error)

// Zip is a zip file that is being written: a page that lists the conversations, and a folder for each with a page, JSON and its files.
type Zip struct {
	w      *zip.Writer
	open   Open
	title  string
	at     time.Time
	listed []listed
}

type listed struct {
	Href, Subject string
	Last          time.Time
	Messages      int
}

// NewZip begins a zip file. at is when the archive is made.
func NewZip(w io.Writer, title string, at time.Time, open Open) *Zip {
	return &Zip{w: zip.NewWriter(w), open: open, title: title, at: at.UTC()}
}

func (z *Zip) create(name string) (io.Writer, error) {
	return z.w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: z.at})
}

// Add adds a conversation.
func (z *Zip) Add(ctx context.Context, e bridge.ExportedThread) error {
	folder := "threads/" + e.Thread.ID.String() + "/"
	page := threadPage{Subject: e.Thread.Subject, Status: string(e.Thread.Status), Started: e.Thread.CreatedAt}
	for _, p := range e.Participants {
		page.People = append(page.People, personLine(e.People[p.Person], p))
	}
	record := recordOf(e)
	for i, m := range e.Messages {
		line := messageLine{
			Author: m.AuthorName, Kind: string(m.AuthorKind), At: m.At, Via: string(m.Via), Note: m.Kind == bridge.Note,
			Text: m.Text, Quoted: m.Quoted, Signature: m.Signature,
		}
		if line.Author == "" {
			line.Author = "(program)"
		}
		for j, a := range m.Attachments {
			name := fmt.Sprintf("files/%03d-%02d-%s", m.Seq, j+1, safeName(a.Filename))
			if err := z.file(ctx, folder+name, a.Blob); err != nil {
				return fmt.Errorf("file %s of thread %s: %w", a.ID, e.Thread.ID, err)
			}
			line.Files = append(line.Files, fileLine{Href: name, Name: a.Filename, Size: a.Blob.Size})
			record.Messages[i].Files[j].Path = name
		}
		page.Messages = append(page.Messages, line)
	}
	w, err := z.create(folder + "thread.json")
	if err != nil {
		return err
	}
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	if err := j.Encode(record); err != nil {
		return err
	}
	if w, err = z.create(folder + "index.html"); err != nil {
		return err
	}
	if err := pages.ExecuteTemplate(w, "thread", page); err != nil {
		return err
	}
	z.listed = append(z.listed, listed{Href: folder + "index.html", Subject: e.Thread.Subject, Last: e.Thread.LastAt, Messages: len(e.Messages)})
	return nil
}

func (z *Zip) file(ctx context.Context, name string, b bridge.Blob) error {
	r, err := z.open(ctx, b)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := z.create(name)
	if err == nil {
		_, err = io.Copy(w, r)
	}
	return err
}

// AddPerson adds what is known of a person.
func (z *Zip) AddPerson(p bridge.ExportedPerson) error {
	w, err := z.create("person.json")
	if err != nil {
		return err
	}
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	j.SetIndent("", "  ")
	return j.Encode(knownPerson{personOf(p.Person), mailsOf(p)})
}

// Close writes the list of conversations, and the end.
func (z *Zip) Close() error {
	w, err := z.create("index.html")
	if err != nil {
		return err
	}
	err = pages.ExecuteTemplate(w, "list", struct {
		Title   string
		At      time.Time
		Threads []listed
	}{z.title, z.at, z.listed})
	if err != nil {
		return err
	}
	return z.w.Close()
}

// safeName makes a name for a file that no system reads as anything else.
func safeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r) {
			return '_'
		}
		return r
	}, path.Base("/"+strings.ReplaceAll(name, `\`, "/")))
	name = strings.Trim(name, ". ")
	for len(name) > 150 { // octets; names of 255 are allowed nearly everywhere
		runes := []rune(name)
		name = string(runes[:len(runes)-1])
	}
	if name == "" {
		return "file"
	}
	return name
}

type threadPage struct {
	Subject, Status string
	Started         time.Time
	People          []string
	Messages        []messageLine
}

type messageLine struct {
	Author, Kind, Via       string
	At                      time.Time
	Note                    bool
	Text, Quoted, Signature string
	Files                   []fileLine
}

type fileLine struct {
	Href, Name string
	Size       int64
}

func personLine(p bridge.Person, in bridge.Participant) string {
	line := p.Address
	if p.Name != "" {
		line = p.Name + " <" + p.Address + ">"
	}
	line += ", " + string(in.Kind)
	if !in.LeftAt.IsZero() {
		line += ", left " + in.LeftAt.UTC().Format(time.DateOnly)
	}
	return line
}

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"time": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).Parse(`{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><title>{{.}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d1d1f;background:#fff}
h1{font-size:1.5rem;overflow-wrap:anywhere}article{border-top:1px solid #ccc;padding:1rem 0}article.note{background:#fff8e1;padding:1rem}
.text{white-space:pre-wrap;overflow-wrap:anywhere}.soft{color:#555}</style></head><body>{{end}}
{{define "thread"}}{{template "head" .Subject}}<main><h1 dir="auto">{{.Subject}}</h1>
<p class="soft">Started {{time .Started}}, {{.Status}}.</p>
<ul>{{range .People}}<li><bdi>{{.}}</bdi></li>
{{end}}</ul>
{{range .Messages}}<article{{if .Note}} class="note"{{end}}><p><strong><bdi>{{.Author}}</bdi></strong> <span class="soft">({{.Kind}}{{with .Via}}, by {{.}}{{end}}{{if .Note}}, internal note{{end}}) {{time .At}}</span></p>
<div class="text" dir="auto">{{.Text}}</div>
{{with .Signature}}<div class="text soft" dir="auto">{{.}}</div>{{end}}
{{with .Quoted}}<details><summary>Quoted text</summary><div class="text soft" dir="auto">{{.}}</div></details>{{end}}
{{with .Files}}<ul>{{range .}}<li><a href="{{.Href}}" download><bdi>{{.Name}}</bdi></a> <span class="soft">{{.Size}} octets</span></li>
{{end}}</ul>{{end}}</article>
{{end}}</main></body></html>
{{end}}
{{define "list"}}{{template "head" .Title}}<main><h1 dir="auto">{{.Title}}</h1>
<p class="soft">Written {{time .At}}.</p>
{{if .Threads}}<ul>{{range .Threads}}<li><a href="{{.Href}}"><bdi>{{.Subject}}</bdi></a> <span class="soft">{{.Messages}} messages, the last {{time .Last}}</span></li>
{{end}}</ul>{{else}}<p>No conversations.</p>{{end}}</main></body></html>
{{end}}`))
