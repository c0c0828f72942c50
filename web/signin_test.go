package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestSignInByCode(t *testing.T) {
	w := newWorld(t)
	w.outgoing()
	b := w.browser()
	b.get("/").want(200, "Email address").at("/sign-in")
	b.get("/t/" + w.thread.ID.String()).want(200).at("/sign-in?next=" + url.QueryEscape("/t/"+w.thread.ID.String()))

	b.post("/sign-in/email", url.Values{"email": {" Mina@Example.ORG "}, "next": {"/new"}}).
		want(200, "M•••@Example.ORG", "a code is on its way").at("/sign-in/code?next=%2Fnew")
	code := w.code()
	b.post("/sign-in/code", url.Values{"code": {"0000"}, "next": {"/new"}}).want(403, "That code is not right")
	typed := code[:4] + " " + code[4:] // as people type it
	b.post("/sign-in/code", url.Values{"code": {typed}, "next": {"/new"}}).want(200, "Write to", "Signed in as <bdi>Mina Okafor</bdi>").at("/new")
	b.get("/sign-in").want(200, "Your messages").at("/")

	w.browser().post("/sign-in/code", url.Values{"code": {code}}).want(403, "Ask for a code first")
	b.post("/sign-out", nil).want(200, "You are signed out").at("/sign-in?bye")
	b.get("/").at("/sign-in")
	b.post("/sign-out", nil).at("/sign-in?bye")
}

func TestCodeWorksOnceAndOnlyWhereItWasAskedFor(t *testing.T) {
	w := newWorld(t)
	w.outgoing()
	mine, other := w.browser(), w.browser()
	mine.post("/sign-in/email", url.Values{"email": {w.mina.Address}})
	code := w.code()
	other.post("/sign-in/email", url.Values{"email": {"nobody@example.net"}})
	other.post("/sign-in/code", url.Values{"code": {code}}).want(403, "That code is not right")
	mine.post("/sign-in/code", url.Values{"code": {code}}).at("/")
	mine.post("/sign-out", nil)
	mine.post("/sign-in/code", url.Values{"code": {code}}).want(403)

	mine.post("/sign-in/email", url.Values{"email": {w.mina.Address}})
	code = w.code()
	for range 5 {
		mine.post("/sign-in/code", url.Values{"code": {"12"}}).want(403)
	}
	mine.post("/sign-in/code", url.Values{"code": {code}}).want(429, "Too many tries", "Start again")

	mine.post("/sign-in/email", url.Values{"email": {w.mina.Address}})
	code = w.code()
	w.clock.forward(bridge.CodeLife + time.Minute)
	mine.post("/sign-in/code", url.Values{"code": {code}}).want(403, "its time is over")
}

// What an address is must not show: an unknown one, a known one and a disabled one get the same answer.
func TestUnknownAddressLooksTheSame(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetDisabled(t.Context(), bridge.AsOperator(), w.jonas.ID, true))
	same := func(a *answer) string {
		a.body = regexp.MustCompile(`[a-z]•••@[a-z.]+`).ReplaceAllString(a.body, "ADDRESS")
		return a.path + "\n" + a.body
	}
	known := same(w.browser().post("/sign-in/email", url.Values{"email": {w.mina.Address}}))
	for _, address := range []string{"nobody@example.net", w.jonas.Address} {
		if got := same(w.browser().post("/sign-in/email", url.Values{"email": {address}})); got != known {
			t.Errorf("the answer for %s differs:\n%s\n%s", address, got, known)
		}
	}
	wrong := same(w.browser().post("/sign-in/password", url.Values{"email": {"a@example.org"}, "password": {"x"}}))
	for _, address := range []string{w.staff.Address, w.mina.Address} {
		got := w.browser().post("/sign-in/password", url.Values{"email": {address}, "password": {"x"}}).want(403)
		got.body = strings.ReplaceAll(got.body, address, "a@example.org")
		if same(got) != wrong {
			t.Errorf("the answer for %s differs", address)
		}
	}
	w.browser().post("/sign-in/email", url.Values{"email": {"not an address"}}).want(400, "doesn&#39;t look like an email address")
}

func TestCodesAreLimited(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	last := 0
	for range 8 {
		last = b.post("/sign-in/email", url.Values{"email": {w.mina.Address}}).status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("got %d for the eighth code, want 429", last)
	}
}

// A notice's link signs nobody in, uses nothing up, and leads to the conversation afterwards.
func TestNoticeLink(t *testing.T) {
	w := newWorld(t)
	link := w.link(w.mina)
	for range 3 { // mail scanners open it too
		scanner := w.browser()
		a := scanner.get(link).want(200, "Somebody at", "Harbour Clinic", "m•••@example.org", "Email me a code").without("Your results", "Mina", "Marlene", "mina@")
		if len(a.header.Values("Set-Cookie")) > 0 {
			t.Error("a link sets a cookie")
		}
	}
	scanner := w.browser()
	scanner.post(link, url.Values{}).want(200, "Look in your email") // a scanner that sends forms gains nothing

	b := w.browser()
	b.post(link, nil).want(200, "m•••@example.org")
	b.post("/sign-in/code", url.Values{"code": {w.code()}}).want(200, "Your results", "they are in").at("/t/" + w.thread.ID.String())
	b.get(link).want(200, "Your results").at("/t/" + w.thread.ID.String())

	w.as(w.jonas).get(link).want(200, "m•••@example.org").without("Your results")
	w.browser().get("/m/"+strings.Repeat("a", 42)).want(404, "There is nothing here")
	w.browser().post("/m/forged", nil).want(404)
}

func TestNoticeLinkWithPassword(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetPassword(t.Context(), bridge.AsPerson(w.mina.ID), w.mina.ID, bridge.Proof{CodeAt: w.clock.now()}, "seven swans swimming"))
	w.must(w.g.SetPassword(t.Context(), bridge.AsPerson(w.jonas.ID), w.jonas.ID, bridge.Proof{CodeAt: w.clock.now()}, "eleven pipers piping"))
	link := w.link(w.mina)
	b := w.browser()
	b.post(link+"/password", url.Values{"email": {w.mina.Address}, "password": {"wrong"}}).want(403, "belong together", "m•••@example.org")
	b.post(link+"/password", url.Values{"email": {w.jonas.Address}, "password": {"eleven pipers piping"}}).at("/")
	w.browser().post(link+"/password", url.Values{"email": {w.mina.Address}, "password": {"seven swans swimming"}}).want(200, "Your results").at("/t/" + w.thread.ID.String())
}

func TestPassword(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	in := url.Values{"email": {w.staff.Address}, "password": {staffPassword}, "next": {"/desk/contacts"}}
	b.post("/sign-in/password", in).want(200, "Contacts").at("/desk/contacts")
	other.post("/sign-in/password", in).at("/desk/contacts")

	b.post("/account/password", url.Values{"current": {"wrong"}, "new": {"a lighthouse at noon"}}).want(403, "present password was not right")
	b.post("/account/password", url.Values{"current": {staffPassword}, "new": {"short"}}).want(400, "at least 10 characters")
	b.post("/account/password", url.Values{"current": {staffPassword}, "new": {"a lighthouse at noon"}}).want(200, "Your password is set").at("/account")
	b.get("/desk").want(200).at("/desk")
	other.get("/desk").at("/sign-in?next=%2Fdesk")
	other.post("/sign-in/password", in).want(403)

	b.post("/account/name", url.Values{"name": {"Marlene V."}}).want(200, "Your name is saved", "Marlene V.")
	b.post("/account/sign-out-everywhere", nil).at("/sign-in?bye")
	b.get("/account").at("/sign-in?next=%2Faccount")
}

func TestDisabledPersonIsOutAtOnce(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	b.get("/").want(200, "Your results")
	w.must(w.g.SetDisabled(t.Context(), bridge.AsOperator(), w.mina.ID, true))
	b.get("/").at("/sign-in")
	b.get("/t/" + w.thread.ID.String()).at("/sign-in?next=" + url.QueryEscape("/t/"+w.thread.ID.String()))
	b.letter("/t/"+w.thread.ID.String(), url.Values{"text": {"hello"}}).want(401, "Your visit has ended")
	w.must(w.g.SetDisabled(t.Context(), bridge.AsOperator(), w.mina.ID, false))
	b.get("/").at("/sign-in")
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	for range 5 {
		w.clock.forward(90 * time.Minute)
		b.get("/").want(200).at("/")
	}
	w.clock.forward(121 * time.Minute)
	b.get("/").at("/sign-in")
}

// sessionCookie returns what an answer sets of the session's cookie.
func sessionCookie(a *answer) string {
	for _, c := range a.header.Values("Set-Cookie") {
		if strings.HasPrefix(c, "__Host-letterlock=") {
			return c
		}
	}
	return ""
}

// A stranger who uses up all tries of an address locks nobody out of a browser that they signed in with before.
func TestStrangersDontLockPeopleOut(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	right := url.Values{"email": {w.staff.Address}, "password": {staffPassword}}
	b.post("/sign-in/password", right).at("/desk")
	b.post("/sign-out", nil)
	stranger := w.browser()
	for range 12 {
		stranger.post("/sign-in/password", url.Values{"email": {w.staff.Address}, "password": {"a guess"}})
		stranger.post("/sign-in/email", url.Values{"email": {w.staff.Address}})
	}
	stranger.post("/sign-in/password", right).want(429, "Too many tries")
	b.post("/sign-in/email", url.Values{"email": {w.staff.Address}}).want(200, "a code is on its way")
	b.post("/sign-in/password", right).at("/desk")
	b.post("/sign-out", nil)
	// Its own tries are bounded too, and it is no key to anybody else's.
	for range 10 {
		b.post("/sign-in/password", url.Values{"email": {w.staff.Address}, "password": {"a guess"}})
	}
	b.post("/sign-in/password", right).want(429)
	for range 10 {
		stranger.post("/sign-in/password", url.Values{"email": {w.admin.Address}, "password": {"a guess"}})
	}
	b.post("/sign-in/password", url.Values{"email": {w.admin.Address}, "password": {"a guess"}}).want(429)
}

// A session that somebody left open sets no password; a code by email does, for a while, also in place of a forgotten one.
func TestPasswordNeedsProof(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	code := func() {
		t.Helper()
		b.post("/sign-out", nil)
		b.post("/sign-in/email", url.Values{"email": {w.mina.Address}})
		b.post("/sign-in/code", url.Values{"code": {w.code()}}).at("/")
	}
	code()
	w.clock.forward(bridge.CodeProof)
	b.get("/account").want(200, "Set a password", "come back with a code by email")
	b.post("/account/password", url.Values{"new": {"seven swans swimming"}}).want(403, "come back with a code by email first")
	code()
	b.get("/account").want(200, "Set a password").without("come back")
	b.post("/account/password", url.Values{"new": {"seven swans swimming"}}).want(200, "Your password is set")
	// That session began anew, by no code.
	b.post("/account/password", url.Values{"new": {"eleven pipers piping"}}).want(403, "present password was not right", "come back with a code")
	code()
	b.get("/account").want(200, "Change your password").without("Present password")
	b.post("/account/password", url.Values{"new": {"eleven pipers piping"}}).want(200, "Your password is set")
	w.browser().post("/sign-in/password", url.Values{"email": {w.mina.Address}, "password": {"eleven pipers piping"}}).at("/")
}

func TestSessionCookie(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a := b.post("/sign-in/password", url.Values{"email": {w.staff.Address}, "password": {staffPassword}}).want(303)
	cookie := sessionCookie(a)
	for _, want := range []string{"__Host-letterlock=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%s is missing from the cookie %q", want, cookie)
		}
	}
	if strings.Contains(cookie, "Domain") || strings.Contains(cookie, "Expires") {
		t.Errorf("the cookie outlives the browser or the host: %q", cookie)
	}
	second := b.post("/sign-in/password", url.Values{"email": {w.staff.Address}, "password": {staffPassword}})
	if strings.Split(sessionCookie(second), ";")[0] == strings.Split(cookie, ";")[0] {
		t.Error("signing in again kept the token")
	}
	// After the address was sent elsewhere in the form, it leads home.
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/%0d%0aX: y"} {
		a := b.post("/sign-in/password", url.Values{"email": {w.staff.Address}, "password": {staffPassword}, "next": {next}})
		if to := a.header.Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n") {
			t.Errorf("next=%q leads to %q", next, to)
		}
	}
}
