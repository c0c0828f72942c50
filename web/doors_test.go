package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// Who may open which page: bridge decides, and this table says what visitors meet. 303 stands for the way to sign in.
func TestDoors(t *testing.T) {
	w := newWorld(t)
	thread, held, key := w.thread.ID.String(), w.held("x@example.net", "s", "t").String(), bridge.NewID().String()
	mina, staff := w.mina.ID.String(), w.staff.ID.String()
	waits, err := w.g.Schedule(t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "t"}, bridge.Later{At: w.clock.now().Add(time.Hour)})
	w.must(err)
	later := waits.ID.String()
	who := []*browser{w.browser(), w.as(w.mina), w.as(w.jonas), w.as(w.staff), w.as(w.admin)}
	names := []string{"anonymous", "Mina, whose thread it is", "Jonas", "staff", "admin"}
	for _, b := range who {
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	pages := []struct {
		path string
		want [5]int
	}{
		{"/", [5]int{303, 200, 200, 303, 303}},
		{"/t/" + thread, [5]int{303, 200, 404, 303, 303}},
		{"/new", [5]int{303, 200, 200, 303, 303}},
		{"/search?q=results", [5]int{303, 200, 200, 303, 303}},
		{"/desk/search?q=results", [5]int{303, 403, 403, 200, 200}},
		{"/account", [5]int{303, 200, 200, 200, 200}},
		{"/sign-in", [5]int{200, 303, 303, 303, 303}},
		{"/desk", [5]int{303, 403, 403, 200, 200}},
		{"/desk/new", [5]int{303, 403, 403, 200, 200}},
		{"/desk/t/" + thread, [5]int{303, 403, 403, 200, 200}},
		{"/desk/out", [5]int{303, 403, 403, 200, 200}},
		{"/desk/out/" + later, [5]int{303, 403, 403, 303, 303}},
		{"/desk/contacts", [5]int{303, 403, 403, 200, 200}},
		{"/desk/contacts/" + mina, [5]int{303, 403, 403, 200, 200}},
		{"/desk/held", [5]int{303, 403, 403, 200, 200}},
		{"/desk/held/" + held, [5]int{303, 403, 403, 200, 200}},
		{"/admin", [5]int{303, 403, 403, 403, 200}},
		{"/admin/mode/loosen", [5]int{303, 403, 403, 403, 200}},
		{"/admin/people", [5]int{303, 403, 403, 403, 200}},
		{"/admin/people/" + staff, [5]int{303, 403, 403, 403, 200}},
		{"/admin/keys", [5]int{303, 403, 403, 403, 200}},
		{"/admin/queue", [5]int{303, 403, 403, 403, 200}},
		{"/admin/mail", [5]int{303, 403, 403, 403, 200}},
		{"/admin/audit", [5]int{303, 403, 403, 403, 200}},
		{"/admin/timing", [5]int{303, 403, 403, 403, 200}},
		{"/admin/words", [5]int{303, 403, 403, 403, 200}},
		{"/admin/words/notice/de", [5]int{303, 403, 403, 403, 200}},
		{"/admin/keeping", [5]int{303, 403, 403, 403, 200}},
		{"/admin/signing", [5]int{303, 403, 403, 403, 200}},
		{"/desk/t/" + thread + "/keep", [5]int{303, 403, 403, 403, 200}},
		{"/nowhere", [5]int{404, 404, 404, 404, 404}},
	}
	for _, p := range pages {
		for i, b := range who {
			if a := b.get(p.path); a.status != p.want[i] {
				t.Errorf("GET %s as %s: got %d, want %d", p.path, names[i], a.status, p.want[i])
			}
		}
	}
	forms := []struct {
		path string
		want [4]int // for all but the admin
	}{
		{"/t/" + thread + "/here", [4]int{401, 200, 404, 200}},
		{"/desk/t/" + thread + "/here", [4]int{401, 200, 404, 200}},
		{"/t/" + thread + "?mina", [4]int{401, 400, 404, 400}},
		{"/desk/t/" + thread, [4]int{401, 403, 403, 400}},
		{"/account/choices", [4]int{401, 400, 400, 400}},
		{"/desk/t/" + thread + "/close", [4]int{401, 403, 403, 303}},
		{"/desk/t/" + thread + "/reopen", [4]int{401, 403, 403, 303}},
		{"/desk/t/" + thread + "/mode", [4]int{401, 403, 403, 303}},
		{"/desk/t/" + thread + "/people", [4]int{401, 403, 403, 303}},
		{"/desk/t/" + thread + "/people/" + mina + "/remove", [4]int{401, 403, 403, 303}},
		{"/desk/new", [4]int{401, 403, 403, 400}},
		{"/desk/out/" + later + "/cancel", [4]int{401, 403, 403, 303}},
		{"/desk/out/" + later + "/back", [4]int{401, 403, 403, 303}},
		{"/desk/out/" + later + "/send", [4]int{401, 403, 403, 303}},
		{"/desk/out/" + later + "/discard", [4]int{401, 403, 403, 303}},
		{"/desk/contacts", [4]int{401, 403, 403, 400}},
		{"/desk/contacts/" + mina + "/mode", [4]int{401, 403, 403, 303}},
		{"/desk/contacts/" + mina + "/name", [4]int{401, 403, 403, 303}},
		{"/desk/contacts/" + mina + "/enable", [4]int{401, 403, 403, 303}},
		{"/desk/contacts/" + staff + "/disable", [4]int{401, 403, 403, 403}},
		{"/desk/held/" + held + "/discard", [4]int{401, 403, 403, 303}},
		{"/desk/held/" + held + "/release", [4]int{401, 403, 403, 303}},
		{"/admin/mode", [4]int{401, 403, 403, 403}},
		{"/admin/people", [4]int{401, 403, 403, 403}},
		{"/admin/people/" + staff + "/role", [4]int{401, 403, 403, 403}},
		{"/admin/people/" + staff + "/disable", [4]int{401, 403, 403, 403}},
		{"/admin/people/" + staff + "/enable", [4]int{401, 403, 403, 403}},
		{"/admin/timing", [4]int{401, 403, 403, 403}},
		{"/admin/words", [4]int{401, 403, 403, 403}},
		{"/admin/words/notice/de", [4]int{401, 403, 403, 403}},
		{"/admin/words/notice/de/preview", [4]int{401, 403, 403, 403}},
		{"/admin/keeping", [4]int{401, 403, 403, 403}},
		{"/desk/t/" + thread + "/keep", [4]int{401, 403, 403, 403}},
		{"/desk/t/" + thread + "/delete", [4]int{401, 403, 403, 403}},
		{"/admin/keys", [4]int{401, 403, 403, 403}},
		{"/admin/keys/" + key + "/revoke", [4]int{401, 403, 403, 403}},
		{"/admin/queue/" + key + "/retry", [4]int{401, 403, 403, 403}},
		{"/admin/queue/" + key + "/cancel", [4]int{401, 403, 403, 403}},
		{"/admin/queue/" + key + "/hold", [4]int{401, 403, 403, 403}},
	}
	values := url.Values{"role": {"staff"}, "name": {"x"}}
	for _, f := range forms {
		for i, want := range f.want {
			if a := who[i].post(f.path, values); a.status != want {
				t.Errorf("POST %s as %s: got %d, want %d\n%s", f.path, names[i], a.status, want, clip(a.body))
			}
		}
	}
}

// Another site can't send our forms: the browser says where a request comes from.
func TestCrossSiteForms(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.admin)
	for _, path := range []string{"/admin/mode", "/sign-out", "/account/name", "/sign-in/email", "/new", "/desk/t/" + w.thread.ID.String() + "/close"} {
		for _, from := range []map[string]string{
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "none-such", "Origin": "null"},
		} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader("mode=convenience&understood=yes&name=x&email=a@example.org"))
			w.must(err)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range from {
				r.Header.Set(k, v)
			}
			b.do(r).want(403, "That came from somewhere else")
		}
	}
	b.get("/admin").want(200, "Secure mode is on", "Rosa Lind")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/admin", nil)
	w.must(err)
	r.Header.Set("Sec-Fetch-Site", "cross-site") // a link in a mail
	b.do(r).want(200)
}

func TestHeaderFields(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	for _, path := range []string{"/", "/t/" + w.thread.ID.String(), "/account", "/nowhere", "/desk", "/healthz", "/robots.txt"} {
		h := b.get(path).header
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: %q is missing from %q", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: unsafe in %q", path, csp)
		}
	}
}

func TestStaticFiles(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	page := b.get("/sign-in").body
	for _, ending := range []string{".css", ".js", ".svg"} {
		end := strings.Index(page, ending+`"`) + len(ending)
		path := page[strings.LastIndexByte(page[:end], '"')+1 : end]
		a := b.get(path).want(200)
		if a.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || a.header.Get("Content-Type") == "" {
			t.Errorf("%s is served with %v", path, a.header)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		w.must(err)
		r.Header.Set("Accept-Encoding", "br, gzip")
		if z := b.do(r); ending != ".svg" && (z.header.Get("Content-Encoding") != "gzip" || len(z.body) >= len(a.body)) {
			t.Errorf("%s is not compressed: %v", path, z.header)
		}
		b.get(strings.Replace(path, ".", ".0", 1)).want(404)
	}
	b.get("/static/../web.go").want(404)
}

func TestMethods(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	for _, try := range []struct {
		method, path string
		want         int
	}{
		{"DELETE", "/", 405},
		{"POST", "/", 405},
		{"GET", "/sign-out", 405},
		{"PUT", "/t/" + w.thread.ID.String(), 405},
		{"GET", "/account/name", 405},
		{"HEAD", "/", 200},
		{"HEAD", "/nowhere", 404},
		{"OPTIONS", "/", 405},
		{"BREW", "/", 405},
		{"POST", "/nowhere", 404},
		{"GET", "/t/" + w.thread.ID.String() + "/", 404},
		{"GET", "//t//" + w.thread.ID.String(), 200},
		{"GET", "/api/v1/x", http.StatusTeapot},
		{"POST", "/api/v1/x", http.StatusTeapot},
	} {
		r, err := http.NewRequestWithContext(t.Context(), try.method, w.url+try.path, nil)
		w.must(err)
		a := b.do2(r)
		if a.status != try.want {
			t.Errorf("%s %s: got %d, want %d", try.method, try.path, a.status, try.want)
		}
		if a.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", try.method, try.path)
		}
	}
}

// What people write is shown as they wrote it, and nothing of it acts.
func TestHostileWords(t *testing.T) {
	w := newWorld(t)
	ctx, op := t.Context(), bridge.AsOperator()
	evil := `"><script>alert(1)</script><img src=x onerror=alert(2)>'{{.}}${7*7}</title></textarea>`
	w.must(w.g.Rename(ctx, op, w.mina.ID, evil, ""))
	w.must(w.g.Rename(ctx, op, w.staff.ID, evil, ""))
	m, err := w.g.Post(ctx, bridge.AsPerson(w.mina.ID), bridge.Post{Thread: w.thread.ID, Text: evil + "\n> " + evil + "\nhttps://x.example/\"onmouseover=alert(1)<script>\njavascript:alert(1) http://javascript:alert(1)/"})
	w.must(err)
	th, _, err := w.g.StartThread(ctx, bridge.AsPerson(w.mina.ID), bridge.ThreadStart{Subject: evil, Text: evil})
	w.must(err)
	_, _, err = w.g.CreateKey(ctx, op, evil, bridge.RoleStaff)
	w.must(err)
	held := w.held("x@example.net", evil, evil)
	_ = m
	acts := []string{"<script>alert", "<img src=x", "onerror=alert(2)>", "</title></textarea>", `"onmouseover`, `href="javascript`}
	for _, b := range []*browser{w.as(w.mina), w.as(w.staff), w.as(w.admin)} {
		for _, path := range []string{
			"/", "/t/" + w.thread.ID.String(), "/t/" + th.ID.String(), "/account", "/desk", "/desk/t/" + w.thread.ID.String(), "/desk/t/" + th.ID.String(),
			"/desk/contacts", "/desk/contacts/" + w.mina.ID.String(), "/desk/new?contact=" + w.mina.ID.String(), "/desk/held", "/desk/held/" + held.String(),
			"/admin/people", "/admin/people/" + w.staff.ID.String(), "/admin/keys", "/admin/mail", "/admin/queue",
		} {
			a := b.get(path)
			for _, act := range acts {
				if strings.Contains(strings.ReplaceAll(a.body, "&#34;", "&quot;"), act) {
					t.Errorf("%s: %q is on the page", path, act)
				}
			}
		}
	}
	form := url.Values{"email": {evil}, "next": {evil}, "subject": {evil}, "text": {evil}, "to": {evil}, "address": {evil}, "name": {evil}, "kind": {evil}, "code": {evil}}
	for path, b := range map[string]*browser{"/sign-in/email": w.browser(), "/sign-in/password": w.browser(), "/desk/contacts": w.as(w.staff), "/admin/people": w.as(w.admin), "/desk/new": w.as(w.staff)} {
		b.post(path, form).without(acts...)
	}
	w.browser().get("/sign-in?next=" + url.QueryEscape(evil)).without(acts...)
	w.browser().get("/sign-in/code?next=" + url.QueryEscape("/"+evil)).without(acts...)
	w.browser().get("/" + url.PathEscape(evil)).want(404).without(acts...)
}

// The log says what was asked for and how it ended, and never what anybody wrote or could sign in with.
func TestLogIsContentFree(t *testing.T) {
	w := newWorld(t)
	link := w.link(w.mina)
	b := w.browser()
	b.get(link)
	b.post(link, nil)
	code := w.code()
	b.post("/sign-in/code", url.Values{"code": {code}})
	b.letter("/t/"+w.thread.ID.String(), url.Values{"text": {"xylophone"}}, file{"zeppelin.txt", "text/plain", "quicksilver"})
	b.get("/?after=marmalade")
	u, err := url.Parse(w.url)
	w.must(err)
	log := w.log.String()
	secrets := []string{strings.TrimPrefix(link, "/m/"), code, "xylophone", "zeppelin", "quicksilver", "marmalade", "Your results", "Mina", "mina@"}
	for _, c := range b.client.Jar.Cookies(u) {
		secrets = append(secrets, c.Value)
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
	if !strings.Contains(log, "status=200") || !strings.Contains(log, "/m/…") {
		t.Errorf("requests are not in the log:\n%s", log)
	}
}

// A panic's value may quote what somebody wrote: the log has its type and where it was.
func TestPanicIsLoggedWithoutItsWords(t *testing.T) {
	w := newWorld(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/threads", http.NoBody)
	w.must(err)
	r.Header.Set("X-Panic", "her diagnosis")
	answer, err := w.browser().client.Do(r)
	w.must(err)
	w.must(answer.Body.Close())
	if answer.StatusCode != http.StatusInternalServerError {
		t.Errorf("got %d, want 500", answer.StatusCode)
	}
	if log := w.log.String(); !strings.Contains(log, "request panicked") || !strings.Contains(log, "errorString") || strings.Contains(log, "her diagnosis") {
		t.Errorf("the log says %q", log)
	}
}
