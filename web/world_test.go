package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/sqlitetest"
	"letterlock/web"
	"letterlock/web/page/pagetest"
)

// world is an organization with its face on a real gateway, store and TLS server.
type world struct {
	t     testing.TB
	g     *bridge.Gateway
	db    *store.DB
	url   string
	clock *clock
	log   *logged
	reads atomic.Int64 // transactions that only read

	admin, staff, mina, jonas bridge.Person
	thread                    bridge.Thread // between staff and Mina
	first                     bridge.Message
}

const staffPassword = "a harbour at dawn"

// clock is a clock that a test can turn forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// counted is a store of which it is counted how often it is asked.
type counted struct {
	bridge.Store
	reads *atomic.Int64
}

// View implements bridge.Store.
func (c counted) View(ctx context.Context, fn func(bridge.Tx) error) error {
	c.reads.Add(1)
	return c.Store.View(ctx, fn)
}

// logged keeps what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB) *world { return newRoomyWorld(t, 2<<20) }

// newRoomyWorld is newWorld where the files of a message may have so many octets.
func newRoomyWorld(t testing.TB, maxFiles int64) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}, log: &logged{}}
	path, keys := sqlitetest.New(t)
	db, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys})
	w.must(err)
	t.Cleanup(func() { w.must(db.Close()) })
	w.db = db

	var face http.Handler
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { face.ServeHTTP(rw, r) }))
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.url = srv.URL
	w.g, err = bridge.New(bridge.Config{
		Store: counted{db, &w.reads}, Keyring: keys, Domain: "example.com", BaseURL: srv.URL, Organization: "Harbour Clinic", Now: w.clock.now, MaxFiles: max(maxFiles, 25<<20), CopiesNeed: bridge.NeedAny,
	})
	w.must(err)
	face, err = web.New(web.Config{
		Gateway: w.g, Parse: parse, Sessions: db.Sessions(w.clock.now), Now: w.clock.now, MaxFiles: maxFiles,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
		API: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if words := r.Header.Get("X-Panic"); words != "" {
				panic(errors.New(words))
			}
			rw.WriteHeader(http.StatusTeapot)
		}),
	})
	w.must(err)

	ctx, op := t.Context(), bridge.AsOperator()
	w.admin, err = w.g.AddStaff(ctx, op, "Rosa Lind", "rosa@example.com", bridge.RoleAdmin, "")
	w.must(err)
	w.staff, err = w.g.AddStaff(ctx, op, "Marlene Voss", "marlene@example.com", bridge.RoleStaff, staffPassword)
	w.must(err)
	w.mina, err = w.g.AddContact(ctx, op, bridge.NewContact{Name: "Mina Okafor", Address: "mina@example.org"})
	w.must(err)
	w.jonas, err = w.g.AddContact(ctx, op, bridge.NewContact{Name: "Jonas Weber", Address: "jonas@example.org"})
	w.must(err)
	w.thread, w.first, err = w.g.StartThread(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadStart{
		Subject: "Your results", Text: "Dear Mina, they are in: https://lab.example.org/values", Contacts: []bridge.Recipient{{ID: w.mina.ID}}, Via: bridge.ViaWeb,
	})
	w.must(err)
	return w
}

// parse reads a mail as simply as these tests need it.
func parse(raw io.Reader) (*bridge.Mail, error) {
	m, err := mail.ReadMessage(raw)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(m.Body)
	from, _ := m.Header.AddressList("From")
	parsed := &bridge.Mail{Kind: bridge.KindMessage, Subject: m.Header.Get("Subject"), Reply: string(body)}
	for _, f := range from {
		parsed.From = append(parsed.From, bridge.Address{Name: f.Name, Addr: f.Address})
	}
	return parsed, err
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// outgoing relays all that waits and returns it.
func (w *world) outgoing() []bridge.Outgoing {
	w.t.Helper()
	ctx := w.t.Context()
	var out []bridge.Outgoing
	for {
		list, err := w.g.ClaimDeliveries(ctx, "worker", time.Minute, 100)
		w.must(err)
		if len(list) == 0 {
			return out
		}
		for _, d := range list {
			o, err := w.g.Prepare(ctx, "worker", d)
			var s *bridge.Suppression
			if errors.As(err, &s) {
				continue
			}
			w.must(err)
			w.must(w.g.RecordRelayed(ctx, "worker", d.ID, bridge.Departure{Form: o.Form, Why: o.Why, Said: "250 OK"}))
			out = append(out, o)
		}
	}
}

// code returns the newest one-time code that left.
func (w *world) code() string {
	w.t.Helper()
	code := ""
	for _, o := range w.outgoing() {
		if o.Code != "" {
			code = o.Code
		}
	}
	if code == "" {
		w.t.Fatal("no code left")
	}
	return code
}

// link returns the path of the link in the notice to somebody.
func (w *world) link(to bridge.Person) string {
	w.t.Helper()
	for _, o := range w.outgoing() {
		if o.Delivery.Person == to.ID && o.Delivery.Kind == bridge.DeliverMessage {
			return strings.TrimPrefix(o.Link, w.url)
		}
	}
	w.t.Fatalf("no notice to %s", to.Address)
	return ""
}

// held makes a mail that waits for staff.
func (w *world) held(from, subject, text string) bridge.ID {
	w.t.Helper()
	raw := fmt.Sprintf("From: %s\r\nSubject: %s\r\n\r\n%s\r\n", from, subject, text)
	m := &bridge.Mail{Kind: bridge.KindMessage, From: []bridge.Address{{Addr: from}}, Subject: subject, Reply: text, Raw: []byte(raw)}
	copy(m.Digest[:], raw)
	r, err := w.g.Receive(w.t.Context(), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: from, ForwardPath: "postmaster@example.com", At: w.clock.now()}, m,
		bridge.Verdict{Result: bridge.VerdictNone, Reasons: []string{"nothing proves the sender"}})
	w.must(err)
	if r.Disposition != bridge.Held {
		w.t.Fatalf("the mail is %s, want held", r.Disposition)
	}
	return r.ID
}

// browser is somebody's browser.
type browser struct {
	w      *world
	client *http.Client
}

// answer is what a browser ended up with.
type answer struct {
	t      testing.TB
	status int
	path   string // where redirects led
	header http.Header
	body   string
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &browser{w: w, client: &http.Client{
		Jar: jar, Timeout: 20 * time.Second, Transport: insecure(),
	}}
}

// as returns the browser of a person who signed in by code.
func (w *world) as(p bridge.Person) *browser {
	w.t.Helper()
	b := w.browser()
	b.post("/sign-in/email", url.Values{"email": {p.Address}}).want(200, "Look in your email")
	b.post("/sign-in/code", url.Values{"code": {w.code()}}).want(200)
	return b
}

func (b *browser) do(r *http.Request) *answer {
	b.w.t.Helper()
	if r.Header.Get("Sec-Fetch-Site") == "" {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.client.Do(r)
	b.w.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	b.w.must(err)
	a := &answer{t: b.w.t, status: res.StatusCode, path: res.Request.URL.RequestURI(), header: res.Header, body: string(body)}
	if res.StatusCode/100 != 3 && strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && !strings.Contains(a.path, "/formatted/") && !strings.HasPrefix(a.path, "/files/") &&
		(a.status != 200 || !strings.HasSuffix(a.path, "/preview")) {
		for _, flaw := range pagetest.Flaws(body) {
			b.w.t.Errorf("%s %s: %s", r.Method, r.URL.Path, flaw)
		}
	}
	return a
}

func (b *browser) get(path string) *answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.url+path, nil)
	b.w.must(err)
	return b.do(r)
}

func (b *browser) post(path string, form url.Values) *answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, strings.NewReader(form.Encode()))
	b.w.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// file is one to send with a letter.
type file struct{ name, contentType, content string }

// letter sends a form with files, as browsers do.
func (b *browser) letter(path string, form url.Values, files ...file) *answer {
	b.w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, values := range form {
		for _, value := range values {
			b.w.must(m.WriteField(name, value))
		}
	}
	if len(files) == 0 {
		files = []file{{contentType: "application/octet-stream"}} // the field left empty
	}
	for _, f := range files {
		h := textproto.MIMEHeader{}
		name := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(f.name)
		h.Set("Content-Disposition", `form-data; name="files"; filename="`+name+`"`)
		h.Set("Content-Type", f.contentType)
		p, err := m.CreatePart(h)
		b.w.must(err)
		_, err = io.WriteString(p, f.content)
		b.w.must(err)
	}
	b.w.must(m.Close())
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, &body)
	b.w.must(err)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(r)
}

// want fails unless the answer has a status and all these words.
func (a *answer) want(status int, words ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: got status %d, want %d\n%s", a.path, a.status, status, clip(a.body))
	}
	for _, word := range words {
		if !strings.Contains(a.body, word) {
			a.t.Errorf("%s: %q is not on the page\n%s", a.path, word, clip(a.body))
		}
	}
	return a
}

// without fails if one of these words is there.
func (a *answer) without(words ...string) *answer {
	a.t.Helper()
	for _, word := range words {
		if strings.Contains(a.body, word) {
			a.t.Errorf("%s: %q is on the page", a.path, word)
		}
	}
	return a
}

// at fails unless redirects led to a path.
func (a *answer) at(path string) *answer {
	a.t.Helper()
	if a.path != path {
		a.t.Errorf("got to %s, want %s", a.path, path)
	}
	return a
}

// field returns the value of a hidden field.
func (a *answer) field(name string) string {
	_, rest, _ := strings.Cut(a.body, `name="`+name+`" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func clip(s string) string {
	if _, after, ok := strings.Cut(s, "<main"); ok {
		s = after
	}
	if len(s) > 1500 {
		return s[:1500] + "…"
	}
	return s
}

// insecure trusts the test server's certificate.
func insecure() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	t.DisableCompression = true
	return t
}

// do2 is do for answers that need not be pages.
func (b *browser) do2(r *http.Request) *answer {
	b.w.t.Helper()
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(r)
	b.w.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	b.w.must(err)
	return &answer{t: b.w.t, status: res.StatusCode, path: res.Request.URL.RequestURI(), header: res.Header, body: string(body)}
}

// raw gets a page and looks at nothing but its status.
func (b *browser) raw(path string) int {
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.url+path, nil)
	b.w.must(err)
	res, err := b.client.Do(r)
	b.w.must(err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	b.w.must(err)
	return res.StatusCode
}
