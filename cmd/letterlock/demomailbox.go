package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed mailbox
var mailboxFiles embed.FS

// demoMailbox is the demo's window on mail: what left, as its recipients would see it, and a way to answer.
// It has no sign-in, so it serves this machine only.
type demoMailbox struct {
	sink   *sink
	people []demoPerson
	sender *demoSender
	portal string // its URL
	tour   []tourStep
	log    *slog.Logger
	pages  *template.Template
}

// demoPerson is somebody who can sign in to the demo.
type demoPerson struct {
	Name, Address, Password string // no password: by a code
	Role                    string // as the page calls it: customer, staff or admin
	Signature               string // under what they write by email
}

// tourStep is one thing to try.
type tourStep struct{ Title, Text string }

func newDemoMailbox(s *sink, people []demoPerson, sender *demoSender, portal string, tour []tourStep, log *slog.Logger) (*demoMailbox, error) {
	m := &demoMailbox{sink: s, people: people, sender: sender, portal: portal, tour: tour, log: log}
	pages, err := template.New("").Funcs(template.FuncMap{"when": when, "moment": moment, "octets": octets}).ParseFS(mailboxFiles, "mailbox/*.html")
	if err != nil {
		return nil, fmt.Errorf("the mailbox's pages: %w", err)
	}
	m.pages = pages
	return m, nil
}

// handler returns the pages. Only names of this machine are answered to, so that no page elsewhere can read the demo by a
// name that it points here (DNS rebinding), and no form elsewhere can send (CrossOriginProtection).
func (m *demoMailbox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", m.front)
	mux.HandleFunc("GET /state", m.state)
	mux.HandleFunc("GET /mail/{number}", m.show)
	mux.HandleFunc("GET /mail/{number}/page", m.page)
	mux.HandleFunc("GET /mail/{number}/source", m.source)
	mux.HandleFunc("GET /mail/{number}/file/{file}", m.file)
	mux.HandleFunc("POST /mail/{number}", m.send)
	for name, kind := range map[string]string{"mailbox.css": "text/css; charset=utf-8", "mailbox.js": "text/javascript; charset=utf-8", "mailbox.svg": "image/svg+xml"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) {
			b, err := mailboxFiles.ReadFile("mailbox/" + name)
			if err != nil {
				http.Error(w, "gone", http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(b)
		})
	}
	inner := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopbackHost(host) {
			http.Error(w, "The demo's mailbox answers to localhost only.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		inner.ServeHTTP(w, r)
	})
}

// run serves the pages until ctx ends.
func (m *demoMailbox) run(ctx context.Context, l net.Listener) error {
	s := &http.Server{
		Handler: m.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}
	return serveHTTP(ctx, s, l, 5*time.Second)
}

// mailForm says how much a mail carries, as its recipient sees it.
type mailForm string

const (
	mailNotice mailForm = "notice"
	mailCopy   mailForm = "copy"
	mailCode   mailForm = "code"
)

var codeLine = regexp.MustCompile(`(?m)^[ \t]*(\d{8})[ \t]*$`)

// form tells the forms apart by what a recipient has: only a copy can be answered to a reply address, only a code mail has a code.
func (l letter) form() mailForm {
	switch {
	case strings.HasPrefix(l.ReplyTo, "reply+"):
		return mailCopy
	case l.code() != "":
		return mailCode
	}
	return mailNotice
}

func (l letter) code() string {
	if m := codeLine.FindStringSubmatch(l.Text); m != nil && !strings.HasPrefix(l.ReplyTo, "reply+") {
		return m[1]
	}
	return ""
}

// view is what every page shows: the people and the list.
type view struct {
	Title  string
	Portal string
	People []personView
	Mails  []mailView
	Who    string // the address whose mail is listed; empty for everybody's
	Stamp  string // changes with the list
	Mail   *openMail
	Tour   []tourStep
}

type personView struct {
	demoPerson
	Count   int
	Chosen  bool
	Initial string
}

type mailView struct {
	Number               int
	At                   time.Time
	Form                 mailForm
	To, From, Subject, Q string // Q is the query that keeps the list as it is
	Chosen, Sent         bool
}

// openMail is the mail that is shown.
type openMail struct {
	mailView
	Letter     letter
	Recipient  string
	Person     *demoPerson
	As         string // page, text or source
	Source     string
	Code       string
	Tried      []attempt
	ReplyTo    string
	CanAnswer  bool
	ReadsLikes string
}

func (m *demoMailbox) list(who string, open int) view {
	v := view{Title: "Mailbox", Portal: m.portal, Who: who, Tour: m.tour}
	counts := map[string]int{}
	q := ""
	if who != "" {
		q = "?who=" + url.QueryEscape(who)
	}
	all := m.sink.list("")
	for _, s := range all {
		counts[s.Recipient]++
		if who != "" && s.Recipient != who {
			continue
		}
		v.Mails = append(v.Mails, mailView{
			Number: s.Number, At: s.At, Form: s.Letter.form(), To: m.nameOf(s.Recipient), From: s.Letter.From, Subject: s.Letter.Subject,
			Q: q, Chosen: s.Number == open, Sent: slices.ContainsFunc(s.Tried, func(a attempt) bool { return a.OK && !a.Forged }),
		})
	}
	for _, p := range m.people {
		v.People = append(v.People, personView{demoPerson: p, Count: counts[p.Address], Chosen: p.Address == who, Initial: initial(p.Name)})
	}
	v.Stamp = m.stamp()
	return v
}

// stamp changes whenever the list does.
func (m *demoMailbox) stamp() string {
	all := m.sink.list("")
	tried := 0
	for _, s := range all {
		tried += len(s.Tried)
	}
	if len(all) == 0 {
		return "0"
	}
	return fmt.Sprintf("%d.%d", all[0].Number, tried)
}

func (m *demoMailbox) nameOf(address string) string {
	if p := m.person(address); p != nil {
		return p.Name
	}
	return address
}

func (m *demoMailbox) person(address string) *demoPerson {
	for i := range m.people {
		if m.people[i].Address == address {
			return &m.people[i]
		}
	}
	return nil
}

func (m *demoMailbox) front(w http.ResponseWriter, r *http.Request) {
	m.render(w, http.StatusOK, m.list(r.FormValue("who"), 0))
}

// state tells the page's script whether there is something new.
func (m *demoMailbox) state(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"stamp": m.stamp()})
}

func (m *demoMailbox) show(w http.ResponseWriter, r *http.Request) {
	s, ok := m.find(w, r)
	if !ok {
		return
	}
	v := m.list(r.FormValue("who"), s.Number)
	v.Title = s.Letter.Subject
	o := &openMail{
		mailView: mailView{Number: s.Number, At: s.At, Form: s.Letter.form(), To: m.nameOf(s.Recipient), From: s.Letter.From, Subject: s.Letter.Subject},
		Letter:   s.Letter, Recipient: s.Recipient, Person: m.person(s.Recipient), As: r.FormValue("as"), Code: s.Letter.code(), Tried: s.Tried,
		ReplyTo: s.Letter.replyTo(), CanAnswer: s.Letter.form() != mailCode,
	}
	if v.Who != "" {
		o.Q = "&who=" + url.QueryEscape(v.Who)
	}
	if o.As != "text" && o.As != "source" {
		o.As = "page"
		if s.Letter.HTML == "" {
			o.As = "text"
		}
	}
	if o.As == "source" {
		o.Source = clipSource(s.Raw)
	}
	v.Mail = o
	m.render(w, http.StatusOK, v)
}

// clipSource returns the beginning of a mail's source: a large attachment would choke the page. The whole is a link away.
func clipSource(raw []byte) string {
	const most = 64 << 10
	text := raw[:min(len(raw), most)]
	out := strings.ToValidUTF8(strings.ReplaceAll(string(text), "\r\n", "\n"), "\uFFFD")
	if len(raw) > most {
		out += "\n[…]\n"
	}
	return out
}

// replyTo is where a mail program would send an answer (RFC 5322, section 3.6.2).
func (l letter) replyTo() string {
	if l.ReplyTo != "" {
		return l.ReplyTo
	}
	return l.FromAddr
}

var cidSource = regexp.MustCompile(`(?i)\bsrc="cid:([^"]+)"`)

// page serves the HTML of a mail for the frame. It can run nothing and fetch nothing but the mail's own images; links open outside the frame.
func (m *demoMailbox) page(w http.ResponseWriter, r *http.Request) {
	s, ok := m.find(w, r)
	if !ok {
		return
	}
	html := cidSource.ReplaceAllStringFunc(s.Letter.HTML, func(src string) string {
		id := cidSource.FindStringSubmatch(src)[1]
		for i, f := range s.Letter.Files {
			if f.ContentID == id {
				return fmt.Sprintf(`src="/mail/%d/file/%d"`, s.Number, i)
			}
		}
		return `src=""`
	})
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src http://"+r.Host+"/mail/; sandbox allow-popups allow-popups-to-escape-sandbox; base-uri 'self'; frame-ancestors 'self'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	// A mail's links leave the mail program. What stands before a doctype would put the page into quirks mode.
	const links = `<base target="_blank">`
	if head := strings.Index(html, "<head>"); head >= 0 {
		html = html[:head+len("<head>")] + links + html[head+len("<head>"):]
	} else {
		html += links
	}
	_, _ = w.Write([]byte(html))
}

func (m *demoMailbox) source(w http.ResponseWriter, r *http.Request) {
	s, ok := m.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(s.Raw)
}

// file serves an attachment: images as such, everything else for saving.
func (m *demoMailbox) file(w http.ResponseWriter, r *http.Request) {
	s, ok := m.find(w, r)
	if !ok {
		return
	}
	i, err := strconv.Atoi(r.PathValue("file"))
	if err != nil || i < 0 || i >= len(s.Letter.Files) {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	f := s.Letter.Files[i]
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	switch f.ContentType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		h.Set("Content-Type", f.ContentType)
	default:
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.Content))
}

const maxReply = 1 << 20

// send sends an answer to a mail by SMTP, as its recipient or as a stranger, and shows what the gateway's server said.
func (m *demoMailbox) send(w http.ResponseWriter, r *http.Request) {
	s, ok := m.find(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxReply)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "That is too long for the demo.", http.StatusRequestEntityTooLarge)
		return
	}
	from := demoPerson{Name: m.nameOf(s.Recipient), Address: s.Recipient}
	if p := m.person(s.Recipient); p != nil {
		from = *p
	}
	forged := r.PostFormValue("as") == "stranger"
	if forged {
		from = demoPerson{Name: from.Name, Address: "someone@stranger.example"}
	}
	text := strings.TrimSpace(strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"))
	if text == "" {
		text = "(no text)"
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	a := m.sender.send(ctx, answerTo(s, from, text, m.sink.now()))
	a.Forged = forged
	m.sink.tried(s.Number, a)
	to := fmt.Sprintf("/mail/%d", s.Number)
	if who := r.PostFormValue("who"); who != "" {
		to += "?who=" + url.QueryEscape(who)
	}
	http.Redirect(w, r, to+"#sent", http.StatusSeeOther)
}

func (m *demoMailbox) find(w http.ResponseWriter, r *http.Request) (sunk, bool) {
	n, err := strconv.Atoi(r.PathValue("number"))
	s, ok := sunk{}, false
	if err == nil {
		s, ok = m.sink.mail(n)
	}
	if !ok {
		http.Error(w, "There is no such mail. The demo keeps the newest only.", http.StatusNotFound)
	}
	return s, ok
}

func (m *demoMailbox) render(w http.ResponseWriter, status int, v view) {
	var b bytes.Buffer
	if err := m.pages.ExecuteTemplate(&b, "mailbox.html", v); err != nil {
		m.log.Error("the mailbox page failed", "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// when writes a moment as a list does: the time today, else the day.
func when(t time.Time) string {
	t, now := t.Local(), time.Now()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2 Jan, 15:04")
}

func moment(t time.Time) string { return t.Local().Format("Monday, 2 January 2006, 15:04") }

func octets(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%d kB", (n+500)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

func initial(name string) string {
	for _, r := range name {
		return string(r)
	}
	return "?"
}
