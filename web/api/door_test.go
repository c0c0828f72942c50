package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// everyOperation is a request to each operation, and whether a staff key may make it.
func everyOperation(w *world) []struct {
	id, method, path, body string
	staff                  bool
	status                 int
} {
	made := w.thread()
	thread := "/threads/" + made.ID
	person := as[ThreadDetail](w.call(w.staff, "GET", thread, ""), 200).Participants[0].PersonID
	file := made.Message.Attachments[0].ID
	return []struct {
		id, method, path, body string
		staff                  bool
		status                 int
	}{
		{"list-threads", "GET", "/threads", "", true, 200},
		{"start-thread", "POST", "/threads", draft, true, 201},
		{"read-thread", "GET", thread, "", true, 200},
		{"set-thread-status", "PUT", thread + "/status", `{"status":"closed"}`, true, 200},
		{"set-thread-mode", "PUT", thread + "/mode", `{"mode":"convenience"}`, true, 200},
		{"post-message", "POST", thread + "/messages", `{"text":"hello"}`, true, 201},
		{"list-pending", "GET", "/pending", "", true, 200},
		{"read-pending", "GET", "/pending/" + w.later(made.ID), "", true, 200},
		{"set-pending-state", "PUT", "/pending/" + w.later(made.ID) + "/state", `{"state":"held"}`, true, 200},
		{"cancel-pending", "DELETE", "/pending/" + w.later(made.ID), "", true, 204},
		{"add-participant", "POST", thread + "/participants", `{"id":"` + person + `"}`, true, 201},
		{"remove-participant", "DELETE", thread + "/participants/" + person, "", true, 204},
		{"download-attachment", "GET", "/attachments/" + file, "", true, 200},
		{"get-mode", "GET", "/mode", "", true, 200},
		{"set-mode", "PUT", "/mode", `{"mode":"secure"}`, false, 200},
		{"get-content-rules", "GET", "/content-rules", "", false, 200},
		{"set-content-rules", "PUT", "/content-rules", `{"known":["card"],"own":[{"kind":"words","name":"Diagnoses","values":["diabetes"]}]}`, false, 200},
		{"preview-message", "POST", "/preview", `{"thread_id":"` + made.ID + `","text":"hello"}`, true, 200},
		{"list-contacts", "GET", "/contacts", "", true, 200},
		{"add-contact", "POST", "/contacts", `{"address":"new@example.org"}`, true, 201},
		{"get-contact", "GET", "/contacts/" + person, "", true, 200},
		{"set-contact-mode", "PUT", "/contacts/" + person + "/mode", `{"mode":"convenience"}`, true, 200},
		{"clear-mail-stop", "DELETE", "/contacts/" + person + "/mail-stop", "", true, 204},
		{"get-timing", "GET", "/timing", "", true, 200},
		{"set-timing", "PUT", "/timing", `{"notice_delay_seconds":60,"reminders_after_hours":[24],"never_opened_after_hours":48,"portal_only":false}`, false, 200},
		{"list-deliveries", "GET", "/deliveries", "", true, 200},
		{"list-received", "GET", "/received", "", true, 200},
		{"search", "GET", "/search?q=order", "", true, 200},
		{"get-retention", "GET", "/retention", "", true, 200},
		{"set-retention", "PUT", "/retention", `{"days":3650}`, false, 200},
		{"get-thread-retention", "GET", thread + "/retention", "", true, 200},
		{"set-thread-retention", "PUT", thread + "/retention", `{"days":30}`, false, 200},
		{"delete-thread", "DELETE", thread, "", false, 204},
	}
}

func TestEveryOperationWithEveryKey(t *testing.T) {
	w := newWorld(t)
	for _, o := range everyOperation(w) {
		for _, key := range []struct{ name, secret, code string }{
			{"none", "", "key_needed"},
			{"wrong", "llk_" + strings.Repeat("a", 58), "key_needed"},
			{"nonsense", "x", "key_needed"},
			{"revoked", w.revoked, "key_needed"},
			{"huge", strings.Repeat("a", 100_000), "key_needed"},
		} {
			a := w.call(key.secret, o.method, o.path, o.body)
			a.problem(401, key.code)
			challenge := a.header.Get("WWW-Authenticate")
			if !strings.HasPrefix(challenge, `Bearer realm="letterlock"`) || strings.Contains(challenge, "invalid_token") != (key.secret != "") {
				t.Errorf("%s with key %s: challenge %q", o.id, key.name, challenge)
			}
		}
		if !o.staff {
			w.call(w.staff, o.method, o.path, o.body).problem(403, "forbidden")
		} else if a := w.call(w.staff, o.method, o.path, o.body); a.status != o.status {
			t.Errorf("%s with a staff key: %d %s", o.id, a.status, a.body)
		}
	}
	w = newWorld(t)
	ops := everyOperation(w)
	for _, o := range ops {
		a := w.call(w.admin, o.method, o.path, o.body)
		if a.status != o.status {
			t.Errorf("%s with an admin key: %d %s", o.id, a.status, a.body)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: header %v", o.id, a.header)
		}
	}
	if len(ops) != len(w.api.(*server).routes) {
		t.Errorf("%d operations tried, there are %d", len(ops), len(w.api.(*server).routes))
	}
}

func TestOnlyOneBearerField(t *testing.T) {
	w := newWorld(t)
	for name, values := range map[string][]string{
		"two fields":   {"Bearer " + w.admin, "Bearer " + w.admin},
		"basic":        {"Basic " + w.admin},
		"no scheme":    {w.admin},
		"empty":        {""},
		"only scheme":  {"Bearer"},
		"two keys":     {"Bearer " + w.admin + " " + w.admin},
		"a tab":        {"Bearer\t" + w.admin},
		"a NUL at end": {"Bearer " + w.admin + "\x00"},
	} {
		r := httptest.NewRequest("GET", Prefix+"/mode", nil)
		r.Header["Authorization"] = values
		if a := w.send(r); a.status != 401 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	// The scheme's case does not matter (RFC 9110, section 11.1), and a key in the query is none.
	r := httptest.NewRequest("GET", Prefix+"/mode", nil)
	r.Header.Set("Authorization", "bEARER  "+w.admin)
	if a := w.send(r); a.status != 200 {
		t.Errorf("bEARER: %d", a.status)
	}
	w.send(httptest.NewRequest("GET", Prefix+"/mode?access_token="+w.admin, nil)).problem(401, "key_needed")
}

func TestPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	for _, path := range []string{
		"/", "", "/nothing", "/threads/", "/threads/" + made.ID + "/", "/threads//" + made.ID, "/threads/../mode", "/mode/x", "/THREADS", "/schemas/Thread", "/openapi-3.0.json",
		"/threads/" + made.ID + "/messages/1",
	} {
		w.call(w.admin, "GET", path, "").problem(404, "not_found")
		w.call("", "GET", path, "").problem(401, "key_needed")
	}
	for _, bad := range []string{"x", "..%2f", "%00", "' or 1=1", bridge.NewID().String(), strings.ToUpper(made.ID) + "x", strings.Repeat("a", 90)} {
		bad = strings.ReplaceAll(bad, " ", "%20")
		for _, c := range [][3]string{
			{"GET", "/threads/" + bad, ""},
			{"POST", "/threads/" + bad + "/messages", `{"text":"x"}`},
			{"PUT", "/threads/" + bad + "/status", `{"status":"open"}`},
			{"PUT", "/threads/" + bad + "/mode", `{"mode":"secure"}`},
			{"POST", "/threads/" + bad + "/participants", `{"address":"x@example.org"}`},
			{"DELETE", "/threads/" + bad + "/participants/" + bad, ""},
			{"GET", "/contacts/" + bad, ""},
			{"PUT", "/contacts/" + bad + "/mode", `{"mode":"secure"}`},
			{"GET", "/attachments/" + bad, ""},
		} {
			w.call(w.admin, c[0], c[1], c[2]).problem(404, "not_found")
		}
	}
	for _, c := range [][3]string{
		{"DELETE", "/threads", "GET, HEAD, POST"},
		{"POST", "/mode", "GET, HEAD, PUT"},
		{"PATCH", "/threads/" + made.ID, "DELETE, GET, HEAD"},
		{"OPTIONS", "/threads/" + made.ID + "/messages", "POST"},
		{"POST", "/docs", "GET, HEAD"},
	} {
		a := w.call(w.admin, c[0], c[1], "")
		a.problem(405, "method_not_allowed")
		if got := a.header.Get("Allow"); got != c[2] {
			t.Errorf("%s %s: Allow %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	messages := "/threads/" + made.ID + "/messages"
	for _, c := range []struct {
		name, path, body string
		status           int
		code, location   string
	}{
		{"nothing", messages, "", 400, "bad_request", ""},
		{"white space", messages, " ", 400, "bad_request", "body"},
		{"half an object", messages, `{"text":"x"`, 400, "bad_request", "body"},
		{"two objects", messages, `{"text":"x"}{"text":"y"}`, 400, "bad_request", "body"},
		{"not UTF-8", messages, "{\"text\":\"\xff\"}", 400, "bad_request", "body"},
		{"a deep one", messages, strings.Repeat("[", 60_000), 400, "bad_request", "body"},
		{"a list", messages, `[]`, 422, "invalid", "body"},
		{"null", messages, `null`, 422, "invalid", "body"},
		{"a number for the text", messages, `{"text":1}`, 422, "invalid", "body.text"},
		{"null, which is as good as absent", messages, `{"text":null}`, 422, "invalid", ""},
		{"an unknown field", messages, `{"text":"x","colour":"red"}`, 422, "invalid", "body.colour"},
		{"an unknown field inside", messages, `{"text":"x","files":[{"filename":"a","content":"","path":"/etc"}]}`, 422, "invalid", "body.files[0].path"},
		{"no content", messages, `{"text":"x","files":[{"filename":"a"}]}`, 422, "invalid", "body.files[0]"},
		{"not base64", messages, `{"text":"x","files":[{"filename":"a","content":"aGk="},{"filename":"a","content":"***"}]}`, 422, "invalid", "body.files[1].content"},
		{"base64 without padding", messages, `{"text":"x","files":[{"filename":"a","content":"aGk"}]}`, 422, "invalid", "body.files[0].content"},
		{"no words at all", messages, `{"text":" \n "}`, 422, "invalid", ""},
		{"an empty object", messages, `{}`, 422, "invalid", ""},
		{"no subject", "/threads", `{"contacts":[{"address":"a@example.org"}],"text":"x"}`, 422, "invalid", "body"},
		{"an empty subject", "/threads", `{"subject":"","contacts":[{"address":"a@example.org"}],"text":"x"}`, 422, "invalid", "body.subject"},
		{"nobody", "/threads", `{"subject":"x","contacts":[],"text":"x"}`, 422, "invalid", "body.contacts"},
		{"null for nobody", "/threads", `{"subject":"x","contacts":null,"text":"x"}`, 422, "invalid", "body.contacts"},
		{"neither id nor address", "/threads", `{"subject":"x","contacts":[{"address":"a@example.org"},{}],"text":"x"}`, 422, "invalid", "body.contacts[1]"},
		{"an unknown mode", "/threads", `{"subject":"x","contacts":[{"address":"a@example.org"}],"text":"x","mode":"open"}`, 422, "invalid", "body.mode"},
		{"no address", "/threads", `{"subject":"x","contacts":[{"address":"nobody"}],"text":"x"}`, 422, "invalid", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.call(w.staff, "POST", c.path, c.body)
			a.t = t
			p := a.problem(c.status, c.code)
			if c.location != "" && (len(p.Errors) == 0 || p.Errors[0].Location != c.location) {
				t.Errorf("faults %+v, want one at %s", p.Errors, c.location)
			}
			if len(a.body) > 2000 {
				t.Errorf("an answer of %d octets", len(a.body))
			}
		})
	}
	if n := len(as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200).Messages); n != 1 {
		t.Errorf("%d messages", n)
	}
	for _, ct := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/json; charset=utf-16", ";;;", "json"} {
		r := httptest.NewRequest("POST", Prefix+messages, strings.NewReader(`{"text":"x"}`))
		r.Header.Set("Authorization", "Bearer "+w.staff)
		r.Header.Set("Content-Type", ct)
		w.send(r).problem(415, "not_json")
	}
	for _, ct := range []string{"application/json", "Application/JSON; charset=UTF-8", "application/vnd.example+json", ""} {
		r := httptest.NewRequest("POST", Prefix+messages, strings.NewReader(`{"text":"x"}`))
		r.Header.Set("Authorization", "Bearer "+w.staff)
		if ct != "" {
			r.Header.Set("Content-Type", ct)
		}
		if a := w.send(r); a.status != 201 {
			t.Errorf("%q: %d %s", ct, a.status, a.body)
		}
	}
}

// What was sent is not sent back: it may be a whole message.
func TestProblemsDoNotEcho(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"subject":"` + strings.Repeat("secret", 100) + `","contacts":[{"address":"a@example.org"}],"text":"x"}`,
		`{"subject":1,"contacts":"secret","text":["secret"]}`,
		`{"subject":"secret`,
	} {
		a := w.call(w.staff, "POST", "/threads", body)
		if a.status < 400 || strings.Contains(a.body, "secret") {
			t.Errorf("%d: %s", a.status, a.body)
		}
	}
	many := strings.Repeat(`{"x":1},`, 40)
	p := w.call(w.staff, "POST", "/threads", `{"subject":"x","contacts":[`+many+`{}],"text":"x"}`).problem(422, "invalid")
	if len(p.Errors) > maxFaults {
		t.Errorf("%d faults", len(p.Errors))
	}
}

func TestSizes(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxFiles = 1 << 20 })
	made := w.thread()
	messages := "/threads/" + made.ID + "/messages"
	w.call(w.staff, "PUT", "/mode", `{"mode":"`+strings.Repeat("x", smallBody)+`"}`).problem(413, "too_large")

	content := func(octets int) string { return strings.Repeat("AAAA", octets/3) }
	if a := w.call(w.staff, "POST", messages, `{"files":[{"filename":"a","content":"`+content(1<<20-1)+`"}]}`); a.status != 201 {
		t.Errorf("a file of the size that is permitted: %d %.200s", a.status, a.body)
	}
	half := `{"filename":"a","content":"` + content(600<<10) + `"}`
	w.call(w.staff, "POST", messages, `{"files":[`+half+`,`+half+`]}`).problem(413, "too_large")
	w.call(w.staff, "POST", messages, `{"text":"`+strings.Repeat("x", 2<<20)+`"}`).problem(413, "too_large")
	w.call(w.staff, "POST", messages, `{"text":"`+strings.Repeat("x", 12<<20)+`"}`).problem(413, "too_large")

	// Without a length it is found out by reading.
	r := httptest.NewRequest("POST", Prefix+messages, io.MultiReader(strings.NewReader(`{"text":"`), strings.NewReader(strings.Repeat("x", 12<<20))))
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer "+w.staff)
	a := w.send(r)
	a.problem(413, "too_large")
	if a.header.Get("Connection") != "close" {
		t.Error("the connection stays open with the rest of the body in it")
	}
	if n := len(w.api.(*server).large); n != 0 {
		t.Errorf("%d slots are still taken", n)
	}
}

func TestABodyThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.api)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT /api/v1/mode HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mozz", w.admin)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("got %s", resp.Status)
	}
}

func TestTheRateOfAKey(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Rate, c.Burst = 2, 5 })
	for range 5 {
		if a := w.call(w.staff, "GET", "/mode", ""); a.status != 200 {
			t.Fatalf("within the burst: %d", a.status)
		}
	}
	a := w.call(w.staff, "GET", "/mode", "")
	a.problem(429, "too_many_requests")
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	if a := w.call(w.admin, "GET", "/mode", ""); a.status != 200 {
		t.Errorf("another key: %d", a.status)
	}
	w.mu.Lock()
	w.clock = w.clock.Add(time.Second)
	w.mu.Unlock()
	if a := w.call(w.staff, "GET", "/mode", ""); a.status != 200 {
		t.Errorf("a second later: %d", a.status)
	}
}

func TestTheLimiterIsBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := newLimiter(1, 2, 100, func() time.Time { return now })
	for range 1000 {
		now = now.Add(time.Millisecond)
		l.allow(bridge.AsKey(bridge.NewID()))
	}
	if len(l.keys) > 100 {
		t.Errorf("%d keys", len(l.keys))
	}
	now = now.Add(time.Hour)
	l.allow(bridge.AsKey(bridge.NewID()))
	if len(l.keys) != 1 {
		t.Errorf("%d keys after all had rested", len(l.keys))
	}
}

func TestFaultsOfTheStore(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{bridge.ErrUnavailable, 503, "unavailable"},
		{fmt.Errorf("disk: %w", bridge.ErrUnavailable), 503, "unavailable"},
		{errors.New("a secret about the disk"), 500, "internal"},
	} {
		w.memory.fail = c.err
		a := w.call(w.staff, "GET", "/threads/"+made.ID, "")
		a.problem(c.status, c.code)
		if strings.Contains(a.body, "disk") || (c.status == 503) != (a.header.Get("Retry-After") != "") {
			t.Errorf("%v: %s %v", c.err, a.body, a.header)
		}
	}
}

// Every error of the Gateway that a caller of this API can meet has a place in the table.
func TestExplain(t *testing.T) {
	s := newWorld(t).api.(*server)
	for err, want := range map[error]kind{
		bridge.ErrNotFound: notFound, bridge.ErrForbidden: forbidden, bridge.ErrSignedOut: signedOut, bridge.ErrInvalid: invalid,
		bridge.ErrConflict: conflict, bridge.ErrTooMany: tooMany, bridge.ErrTooLarge: tooLarge, bridge.ErrUnavailable: unavailable,
		bridge.ErrWrongCode: internal, bridge.ErrLeaseLost: internal,
	} {
		if p := s.explain(t.Context(), "test", fmt.Errorf("do it: %w", err)); p.Code != want.code || p.Status != want.status {
			t.Errorf("%v: %+v", err, p)
		}
	}
	for text, want := range map[string]string{
		"post: a message needs a text or a file": "A message needs a text or a file.",
		"start thread: \"x\" is no address":      "\"x\" is no address.",
		"mode \"x\": no such mode":               "Mode \"x\": no such mode.",
		"élan":                                   "Élan.",
	} {
		if got := sentence(fmt.Errorf("%s: %w", text, bridge.ErrInvalid), bridge.ErrInvalid); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if got := sentence(bridge.ErrInvalid, bridge.ErrInvalid); got != "" {
		t.Errorf("the sentinel alone: %q", got)
	}
}
