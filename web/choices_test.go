package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"letterlock/bridge"
)

// unsubscribePath is where the notice to somebody says that its kind is turned off. Whoever gets it has signed in before.
func (w *world) unsubscribePath(p bridge.Person) string {
	w.t.Helper()
	_, err := w.g.Post(w.t.Context(), bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "A word."})
	w.must(err)
	for _, o := range w.outgoing() {
		if o.Delivery.Person == p.ID && o.Unsubscribe != "" {
			path := strings.TrimPrefix(o.Unsubscribe, w.url)
			if !strings.HasPrefix(path, "/u/") {
				w.t.Fatalf("the link is %s", o.Unsubscribe)
			}
			return path
		}
	}
	w.t.Fatalf("no mail to %s that can be turned off", p.Address)
	return ""
}

// Mina's provider turns her notices off for her, and she finds that out when she signs in.
func TestOneClick(t *testing.T) {
	w := newWorld(t)
	mina := w.as(w.mina)
	path := w.unsubscribePath(w.mina)

	// Scanners look, with whatever they like, and change nothing.
	scanner := w.browser()
	for range 3 {
		a := scanner.get(path).want(200, "Stop these emails?", "m•••@example.org", `<form method="post" action="`+path+`">`, "turn them on again at any time", "who has never signed in is still told that a message waits").without("mina@example.org", "Mina")
		if c := a.header.Values("Set-Cookie"); len(c) != 0 {
			t.Errorf("it sets %q", c)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, w.url+path, nil)
	w.must(err)
	scanner.do2(r)
	mina.get("/account").want(200, `value="each" checked`).without("the link in one of them was used")

	// RFC 8058, section 3.2: no cookies, no redirect, no page before it. Providers differ in how they write the one field.
	for _, c := range []struct{ kind, body string }{
		{"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"},
		{"", ""},
		{"text/plain", strings.Repeat("x", 1<<20)},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(c.body))
		w.must(err)
		r.Header.Set("Content-Type", c.kind)
		r.Header.Set("Sec-Fetch-Site", "cross-site") // a mail program in a browser
		r.Header.Set("Origin", "https://mail.example")
		plain := &http.Client{Transport: insecure(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := plain.Do(r)
		w.must(err)
		w.must(res.Body.Close())
		if res.StatusCode != http.StatusOK || len(res.Header.Values("Set-Cookie")) != 0 {
			t.Errorf("%.30q: got %d, cookies %q", c.body, res.StatusCode, res.Header.Values("Set-Cookie"))
		}
	}
	scanner.get(path).want(200, "These emails are off already", "who has never signed in is still told").without("<form")
	scanner.post(path, nil).want(200, "These emails are off")

	// Staff see it before they write, and an admin in the log.
	staff := w.as(w.staff)
	thread := "/desk/t/" + w.thread.ID.String()
	staff.get(thread).want(200, "Has turned notifications off", "Mina Okafor has turned notifications off, and will see it at sign-in.")
	staff.letter(thread, url.Values{"kind": {"reply"}, "text": {"All is well."}, "step": {"check"}}).want(200, "Mina Okafor</bdi> will get no email: has turned notifications off, and will see it at sign-in")
	staff.letter(thread, url.Values{"kind": {"reply"}, "text": {"All is well."}}).want(200, "on its way")
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.mina.ID {
			t.Errorf("a %s left to her", o.Delivery.Kind)
		}
	}
	staff.get(thread).want(200, "was sent no email", "has turned notifications off, and will see it at sign-in")
	staff.get("/desk/contacts/"+w.mina.ID.String()).want(200, "with the link in an email")
	w.as(w.admin).get("/admin/audit").want(200, "Turned off mails, by the link in one", "each → none, by the link in a mail")

	// A code still comes. Signed in, she is told, and turns them on again.
	again := w.browser()
	again.post("/sign-in/email", url.Values{"email": {w.mina.Address}}).want(200)
	again.post("/sign-in/code", url.Values{"code": {w.code()}}).want(200, "Emails about new messages are off")
	again.get("/account").want(200, "These emails are off: the link in one of them was used", `value="none" checked`)
	again.post("/account/choices", url.Values{"notify": {"each"}, "reminders": {"yes"}}).want(200, "Saved. It holds for the next email.", `value="each" checked`, `value="yes" checked`).
		without("the link in one of them was used")
	w.unsubscribePath(w.mina)
}

func TestUnsubscribeLinksThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.as(w.mina)
	path := w.unsubscribePath(w.mina)
	b := w.browser()
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/u/", 404},
		{"POST", "/u/", 404},
		{"GET", "/u", 404},
		{"GET", "/u/" + strings.Repeat("a", 42), 404},
		{"POST", "/u/" + strings.Repeat("a", 42), 404},
		{"POST", path + "x", 404},
		{"POST", path[:len(path)-1], 404},
		{"POST", path + "/more", 404},
		{"PUT", path, 405},
		{"DELETE", path, 405},
		{"OPTIONS", path, 405},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, nil)
		w.must(err)
		if a := b.do2(r); a.status != c.want {
			t.Errorf("%s %s: got %d, want %d", c.method, c.path, a.status, c.want)
		}
	}
	w.as(w.mina).get("/account").want(200, `value="each" checked`)
	if log := w.log.String(); strings.Contains(log, path[3:30]) || !strings.Contains(log, "/u/…") {
		t.Error("the token is in the log")
	}
}

func TestChoicesOnTheAccountPage(t *testing.T) {
	w := newWorld(t)
	mina, staff := w.as(w.mina), w.as(w.staff)
	mina.get("/account").want(200, "Which emails you get", "One for every new message", "None: I’ll look myself", "Remind me of what I have not opened").without("summary")
	mina.post("/account/choices", url.Values{"notify": {"each"}}).want(200, `value="each" checked`, `name="reminders" value="yes"> `)
	mina.post("/account/choices", url.Values{"notify": {"daily"}}).want(400, "Summaries are for staff.")
	mina.post("/account/choices", url.Values{"notify": {"none"}}).want(200, "You get no more emails but for sign-in codes")
	staff.get("/desk/contacts/"+w.mina.ID.String()).want(200, "None: they look themselves.")

	staff.get("/account").want(200, "A summary every day", "data-zone", `<option value="8" selected>08:00`).without("Remind me")
	staff.post("/account/choices", url.Values{"notify": {"weekly"}, "hour": {"17"}, "zone": {"Europe/Berlin"}}).
		want(200, "Where there is nothing to tell", `value="weekly" checked`, `<option value="17" selected>`, `<option value="Europe/Berlin" selected>`).without("data-zone")
	for _, wrong := range []url.Values{
		{"notify": {"weekly"}, "hour": {"24"}, "zone": {"UTC"}}, {"notify": {"weekly"}, "hour": {"x"}}, {"notify": {"weekly"}, "hour": {"8"}, "zone": {"../etc"}}, {"notify": {"often"}}, {},
	} {
		staff.post("/account/choices", wrong).want(400, "flaw", `value="weekly" checked`)
	}
	w.as(w.admin).get("/admin/people/"+w.staff.ID.String()).want(200, "A summary every Monday at 17:00 (Europe/Berlin).")
}
