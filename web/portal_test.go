package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestCustomerReadsAndReplies(t *testing.T) {
	w := newWorld(t)
	_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "She sounded worried.", Note: true})
	w.must(err)
	path := "/t/" + w.thread.ID.String()
	b := w.as(w.mina)
	b.get("/").want(200, "Your results", `class="unread"`, "One conversation has something new.")
	page := b.get(path).want(200, "Marlene Voss", `<span class="fresh">New</span>`, `<a href="https://lab.example.org/values" rel="noopener noreferrer nofollow ugc"`).
		without("She sounded worried", "Internal note", "note-edge", "marlene@")
	b.get("/").without(`class="unread"`)
	b.get(path).without(`class="fresh"`)

	once := page.field("once")
	reply := url.Values{"text": {"Thank you.\n\n> they are in\nIs it per day?"}, "once": {once}}
	files := []file{{"Photo of the letter.jpg", "image/jpeg", "\xff\xd8\xff\xe0 not much of a photo"}, {"notes.txt", "text/plain", "two lines\nof text"}}
	b.letter(path, reply, files...).want(200, "Your reply is sent.", "<blockquote>they are in</blockquote>Is it per day?", "Photo of the letter.jpg", "notes.txt", `data-sent="`+w.thread.ID.String())
	b.letter(path, reply, files...).want(200) // pressed twice: once is enough
	if n := strings.Count(b.get(path).body, "Is it per day?"); n != 1 {
		t.Errorf("the reply is there %d times", n)
	}
	b.letter(path, url.Values{"text": {"Another."}, "once": {once}}).want(200, "Another.") // went back and wrote anew
	b.letter(path, url.Values{"text": {"  \n"}}).want(400, "A message needs a text or a file.")
	b.post(path, url.Values{"text": {"Without files, as a plain form."}}).want(200, "Without files")

	staff := w.as(w.staff).get("/desk"+path).want(200, "Is it per day?", "She sounded worried.", "opened it here", "Photo of the letter.jpg")
	_ = staff
	// Someone else's conversation is not there at all.
	jonas := w.as(w.jonas)
	jonas.get(path).want(404, "There is nothing here").without("Your results")
	jonas.letter(path, url.Values{"text": {"let me in"}}).want(404)
	jonas.get("/").want(200, "Nothing here yet")
}

func TestCustomerWritesFirst(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.jonas)
	once := b.get("/new").want(200, "Write to").field("once")
	b.letter("/new", url.Values{"subject": {""}, "text": {"Could we meet on Tuesday?"}}).want(400, "A subject is needed.", "Could we meet on Tuesday?")
	form := url.Values{"subject": {"A <b>meeting</b> & more"}, "text": {"Could we meet on Tuesday?"}, "once": {once}}
	b.letter("/new", form).want(200, "Your message is sent.", "A &lt;b&gt;meeting&lt;/b&gt; &amp; more")
	b.letter("/new", form)
	if n := strings.Count(b.get("/").body, "A &lt;b&gt;meeting"); n != 1 {
		t.Errorf("the conversation is there %d times", n)
	}
	w.as(w.staff).get("/desk?show=waiting").want(200, "Jonas Weber", "Waiting for an answer", "Could we meet on Tuesday?")
}

// Whoever writes too much loses nothing of it.
func TestCustomerWritesTooMuch(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	for range 60 {
		_, err := w.g.Post(t.Context(), bridge.AsPerson(w.mina.ID), bridge.Post{Thread: w.thread.ID, Text: "Hello?"})
		w.must(err)
	}
	for path, draft := range map[string]string{"/t/" + w.thread.ID.String(): "Is anybody there?", "/new": "Hello again?"} {
		b.letter(path, url.Values{"subject": {"Hello"}, "text": {draft}}).want(429, "Wait a quarter of an hour", draft)
	}
}

func TestClosedConversation(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.CloseThread(t.Context(), bridge.AsPerson(w.staff.ID), w.thread.ID))
	b := w.as(w.mina)
	b.get("/").want(200, "Closed")
	b.get("/t/"+w.thread.ID.String()).want(200, "A reply opens it again")
	b.letter("/t/"+w.thread.ID.String(), url.Values{"text": {"One more thing."}}).want(200, "One more thing.").without("A reply opens it again")
}

func TestLongConversation(t *testing.T) {
	w := newWorld(t)
	for i := range 250 {
		_, err := w.g.Post(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: fmt.Sprintf("message number %d.", i)})
		w.must(err)
	}
	for name, b := range map[string]*browser{"/t/": w.as(w.mina), "/desk/t/": w.as(w.staff)} {
		path := name + w.thread.ID.String()
		last := b.get(path).want(200, "message number 249.", "message number 150.", "Earlier messages").without("message number 149.", "Later messages")
		earlier := regexp.MustCompile(`href="([^"]*after=\d+)">Earlier`).FindStringSubmatch(last.body)[1]
		b.get(earlier).want(200, "message number 149.", "message number 50.", "Earlier messages", "Later messages").without("message number 150.")
		b.get(path+"?after=0").want(200, "they are in").without("Earlier messages")
		b.get(path + "?after=x").want(404)
		if name == "/t/" {
			b.get("/").without(`class="unread"`)
		}
	}
}

func TestOlderConversations(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		_, _, err := w.g.StartThread(t.Context(), bridge.AsPerson(w.mina.ID), bridge.ThreadStart{Subject: fmt.Sprintf("Subject %d.", i), Text: "x"})
		w.must(err)
	}
	for path, b := range map[string]*browser{"/": w.as(w.mina), "/desk": w.as(w.staff), "/desk?show=all": w.as(w.staff)} {
		first := b.get(path).want(200, "Subject 59.").without("Subject 5.")
		older := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(first.body)[1]
		b.get(strings.ReplaceAll(older, "&amp;", "&")).want(200, "Subject 5.", "Back to the newest").without("Subject 59.")
	}
	w.as(w.mina).get("/?after=nonsense").want(400, "We couldn&#39;t read that")
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	path := "/t/" + w.thread.ID.String()
	hostile := []string{
		"../../etc/passwd", `evil".html`, "a\r\nX-Injected: yes.txt", "résumé – 最終版.pdf", `<img src=x onerror=alert(1)>.svg`,
		strings.Repeat("long", 200) + ".txt", ".htaccess", "semi;colon,comma'%41.txt", "\u202egpj.exe",
	}
	var files []file
	for i, name := range hostile {
		files = append(files, file{name, "text/html", fmt.Sprintf("<script>alert(%d)</script>", i)})
	}
	a := b.letter(path, url.Values{"text": {"Files."}}, files...).want(200, "Files.").without("<img src=x", "onerror=alert(1)>.svg<")
	links := regexp.MustCompile(`href="(/files/[^"]+)"`).FindAllStringSubmatch(a.body, -1)
	if len(links) != len(hostile) {
		t.Fatalf("got %d files, want %d", len(links), len(hostile))
	}
	for i, l := range links {
		f := b.get(l[1]).want(200, fmt.Sprintf("alert(%d)", i))
		disposition := f.header.Get("Content-Disposition")
		if !strings.HasPrefix(disposition, `attachment; filename="`) || strings.ContainsAny(disposition, "\r\n/\\") || strings.Count(disposition, `"`) != 2 {
			t.Errorf("%q is served with %q", hostile[i], disposition)
		}
		if f.header.Get("X-Injected") != "" || f.header.Get("Content-Type") != "application/octet-stream" || f.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(f.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%q is served with %v", hostile[i], f.header)
		}
		b.get(l[1] + "/preview").want(404)
	}
	w.as(w.jonas).get(links[0][1]).want(404)
	w.browser().get(links[0][1]).at("/sign-in?next=" + url.QueryEscape(links[0][1]))
	b.get("/files/not-an-id").want(404)

	png := b.letter(path, url.Values{"text": {"A picture."}}, file{"dot.png", "image/png", "\x89PNG\r\n\x1a\n"}).want(200, "/preview")
	preview := regexp.MustCompile(`src="(/files/[^"]+/preview)"`).FindStringSubmatch(png.body)[1]
	p := b.get(preview).want(200)
	if got := p.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("a picture is kept by browsers: %q", got)
	}
	if p.header.Get("Content-Type") != "image/png" || !strings.HasPrefix(p.header.Get("Content-Disposition"), "inline") {
		t.Errorf("the preview is served with %v", p.header)
	}
}

func TestFormattedMessage(t *testing.T) {
	w := newWorld(t)
	ctx, mina := t.Context(), bridge.AsPerson(w.mina.ID)
	picture, err := w.g.StageFile(ctx, mina, "dot.png", "image/png", strings.NewReader("\x89PNG\r\n\x1a\n"))
	w.must(err)
	picture.ContentID, picture.Inline = "dot@example.org", true
	m, err := w.g.Post(ctx, mina, bridge.Post{Thread: w.thread.ID, Files: []bridge.Attachment{picture}, HTML: `<p onclick="alert(1)">Look: <b>bold</b> <img src="cid:dot@example.org" alt="a dot">` +
		`<img src="cid:absent@example.org"><img src="https://track.example/p.gif"><script>alert(1)</script><a href="javascript:alert(1)">x</a></p><style>body{display:none}</style>`})
	w.must(err)
	path := "/t/" + w.thread.ID.String()
	b := w.as(w.staff)
	frame := path + "/formatted/" + m.ID.String()
	b.get("/desk"+path).want(200, `src="`+frame+`"`, `sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"`).without("dot.png")
	f := b.get(frame).want(200, "<b>bold</b>", `src="/files/`, `alt="a dot"`).without("script", "alert(1)", "track.example/p.gif", "cid:", "<style")
	csp := f.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "sandbox allow-same-origin", "frame-ancestors 'self'", "form-action 'none'", "img-src 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%q is not in the frame's policy %q", want, csp)
		}
	}
	if strings.Contains(csp, "allow-scripts") || strings.Contains(csp, "script-src") {
		t.Errorf("the frame may run scripts: %q", csp)
	}
	src := regexp.MustCompile(`src="(/files/[^"]+)"`).FindStringSubmatch(f.body)[1]
	b.get(src).want(200)
	w.as(w.jonas).get(frame).want(404)
	b.get(path + "/formatted/" + bridge.NewID().String()).want(404)
	b.get(path + "/formatted/" + w.first.ID.String()).want(404)
}

func TestHugeForms(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	path := "/t/" + w.thread.ID.String()
	b.letter(path, url.Values{"text": {"kept words"}}, file{"big.bin", "application/octet-stream", strings.Repeat("x", 9<<20)}).
		want(http.StatusRequestEntityTooLarge, "too large", "kept words", "Files have to be chosen again")
	b.letter(path, url.Values{"text": {strings.Repeat("a", 5<<20)}}).want(http.StatusRequestEntityTooLarge)
	b.post("/account/name", url.Values{"name": {strings.Repeat("a", 100<<10)}}).want(http.StatusRequestEntityTooLarge, "That is too large")
	var many []file
	for range 160 {
		many = append(many, file{"a.txt", "text/plain", "a"})
	}
	b.letter(path, url.Values{"text": {"x"}}, many...).want(400)
	for name, body := range map[string]string{"cut off": "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhal", "garbage": "\x00\x01\x02", "empty": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
		w.must(err)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		if a := b.do(r); a.status != 400 {
			t.Errorf("%s: got %d, want 400", name, a.status)
		}
	}
	for _, kind := range []string{"", "text/plain", "application/json", "multipart/form-data", "multipart/form-data; boundary=\"\""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader("text=x"))
		w.must(err)
		r.Header.Set("Content-Type", kind)
		if a := b.do(r); a.status != 400 {
			t.Errorf("Content-Type %q: got %d, want 400", kind, a.status)
		}
	}
	b.get(path).without("kept words")
}

func TestVeryLongMessage(t *testing.T) {
	w := newWorld(t)
	m, err := w.g.Post(t.Context(), bridge.AsPerson(w.mina.ID), bridge.Post{Thread: w.thread.ID, Text: strings.Repeat("é word\n", 40_000) + "the end"})
	w.must(err)
	path := "/t/" + w.thread.ID.String()
	b := w.as(w.staff)
	a := b.get("/desk"+path).want(200, "only the beginning").without("the end", "\uFFFD")
	if len(a.body) > 100_000 {
		t.Errorf("the page has %d octets", len(a.body))
	}
	whole := b.get(path+"/text/"+m.ID.String()).want(200, "the end")
	if whole.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the text is served as %q", whole.header.Get("Content-Type"))
	}
	w.as(w.jonas).get(path + "/text/" + m.ID.String()).want(404)
}
