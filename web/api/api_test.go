package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

// world is a gateway with keys, and the API before it.
type world struct {
	t       testing.TB
	memory  *memory
	gateway *bridge.Gateway
	api     http.Handler

	admin, staff, revoked string

	mu    sync.Mutex
	clock time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(time.Millisecond)
	return w.clock
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, memory: newMemory(), clock: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	var err error
	w.gateway, err = bridge.New(bridge.Config{
		Store: w.memory, Keyring: plainKeys{}, Domain: "mail.example.com", BaseURL: "https://portal.example.com", Organization: "Example Org", Now: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Gateway: w.gateway, Rate: 1e6, Burst: 1e6, Now: w.now}
	for _, f := range change {
		f(&c)
	}
	if w.api, err = New(c); err != nil {
		t.Fatal(err)
	}
	w.admin = w.key(bridge.RoleAdmin)
	w.staff = w.key(bridge.RoleStaff)
	w.revoked = w.key(bridge.RoleAdmin)
	keys := w.memory.state.keys
	for id, k := range keys {
		if k.Name == "key 3" {
			if err := w.gateway.RevokeKey(t.Context(), bridge.AsOperator(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

func (w *world) key(role bridge.Role) string {
	w.t.Helper()
	name := "key " + string(rune('1'+len(w.memory.state.keys)))
	secret, _, err := w.gateway.CreateKey(w.t.Context(), bridge.AsOperator(), name, role)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// answer is what came back.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return reply{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// call makes a request; more are name and value of header fields.
func (w *world) call(key, method, path, body string, more ...string) reply {
	w.t.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Add(more[i], more[i+1])
	}
	return w.send(r)
}

// as reads the body of an answer with a status.
func as[T any](a reply, status int) T {
	a.t.Helper()
	var v T
	if a.status != status {
		a.t.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

// problem reads a problem document and checks its form.
func (a reply) problem(status int, code string) Problem {
	a.t.Helper()
	p := as[Problem](a, status)
	if p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "https://portal.example.com/api/v1/docs#problem-") {
		a.t.Fatalf("got problem %+v, want code %s", p, code)
	}
	if got := a.header.Get("Content-Type"); got != problemType {
		a.t.Fatalf("a problem of type %q", got)
	}
	return p
}

const draft = `{"subject":"Your order 4711","contacts":[{"address":"Ann@Example.org","name":"Ann Ardern"}],"text":"It left our house this morning.",
	"files":[{"filename":"../note.txt","content_type":"text/plain","content":"aGVsbG8="}]}`

func (w *world) thread() ThreadCreated {
	w.t.Helper()
	return as[ThreadCreated](w.call(w.staff, "POST", "/threads", draft), 201)
}

func TestAThreadFromBeginningToEnd(t *testing.T) {
	w := newWorld(t)
	started := w.call(w.staff, "POST", "/threads", draft)
	made := as[ThreadCreated](started, 201)
	if got, want := started.header.Get("Location"), "/api/v1/threads/"+made.ID; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if made.Subject != "Your order 4711" || made.Message.Seq != 1 || made.Message.Via != "api" || made.Message.Author != (Author{Kind: "program", Name: "Example Org"}) {
		t.Errorf("made %+v", made)
	}
	file := made.Message.Attachments[0]
	if file.Filename != "note.txt" || file.Size != 5 || file.SHA256 != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("attached %+v", file)
	}

	got := w.call(w.staff, "GET", strings.TrimPrefix(file.Path, Prefix), "")
	if got.status != 200 || got.body != "hello" || got.header.Get("Content-Type") != "text/plain" || got.header.Get("Content-Disposition") != "attachment; filename=note.txt" || got.header.Get("Content-Length") != "5" {
		t.Errorf("downloaded %+v", got)
	}
	tag := got.header.Get("ETag")
	if tag != `"`+file.SHA256+`"` {
		t.Errorf("ETag %s of a file with the sum %s", tag, file.SHA256)
	}
	if got := w.call(w.staff, "HEAD", strings.TrimPrefix(file.Path, Prefix), ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD gave %+v", got)
	}
	if got := w.call(w.staff, "GET", strings.TrimPrefix(file.Path, Prefix), "", "Range", "bytes=1-3", "If-Range", tag); got.status != 206 || got.body != "ell" || got.header.Get("Content-Range") != "bytes 1-3/5" {
		t.Errorf("a part: got %+v", got)
	}
	if got := w.call(w.staff, "GET", strings.TrimPrefix(file.Path, Prefix), "", "If-None-Match", tag); got.status != 304 || got.body != "" {
		t.Errorf("what it has: got %+v", got)
	}
	w.call(w.staff, "GET", strings.TrimPrefix(file.Path, Prefix), "", "Range", "bytes=5-").problem(416, "no_such_range")

	note := as[Message](w.call(w.staff, "POST", "/threads/"+made.ID+"/messages", `{"text":"She called twice.","note":true}`), 201)
	if note.Kind != "note" || note.Seq != 2 || note.ThreadID != made.ID {
		t.Errorf("noted %+v", note)
	}
	answer := as[Message](w.call(w.staff, "POST", "/threads/"+made.ID+"/messages", `{"html":"<p>It <b>arrives</b> today.<script>x</script></p>"}`), 201)
	if answer.Kind != "public" || answer.HTML == "" || strings.Contains(answer.HTML, "script") || !strings.Contains(answer.Text, "arrives") {
		t.Errorf("answered %+v", answer)
	}

	w.memory.state.receipts = append(w.memory.state.receipts, bridge.Receipt{Message: parse(t, made.Message.ID), Person: bridge.NewID(), At: w.now()})
	read := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200)
	if len(read.Messages) != 3 || len(read.Participants) != 1 || read.EffectiveMode != "secure" || read.NextAfterSeq != 0 || read.LastSeq != 3 {
		t.Errorf("read %+v", read)
	}
	if len(read.Messages[0].Deliveries) != 1 || len(read.Messages[0].Receipts) != 1 || len(read.Messages[1].Deliveries) != 0 {
		t.Errorf("deliveries and receipts are not at their messages: %+v", read.Messages)
	}
	if p := read.Participants[0]; p.Address != "ann@example.org" || p.Name != "Ann Ardern" || p.Kind != "contact" || p.Mode != "secure" {
		t.Errorf("participant %+v", p)
	}

	for after, seq := 0, 1; seq <= 3; seq++ {
		page := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID+"?limit=1&after_seq="+string(rune('0'+after)), ""), 200)
		if len(page.Messages) != 1 || page.Messages[0].Seq != seq || (seq < 3) != (page.NextAfterSeq == seq) {
			t.Errorf("page after %d: %+v", after, page)
		}
		after = page.NextAfterSeq
	}

	closed := as[Thread](w.call(w.staff, "PUT", "/threads/"+made.ID+"/status", `{"status":"closed"}`), 200)
	if closed.Status != "closed" || len(as[ThreadList](w.call(w.staff, "GET", "/threads?status=open", ""), 200).Threads) != 0 {
		t.Errorf("closed %+v", closed)
	}
	again := as[Thread](w.call(w.staff, "PUT", "/threads/"+made.ID+"/status", `{"status":"open"}`), 200)
	if again.Status != "open" {
		t.Errorf("opened %+v", again)
	}
}

func TestParticipantsComeAndGo(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	path := "/threads/" + made.ID + "/participants"
	ben := as[Participant](w.call(w.staff, "POST", path, `{"address":"ben@example.org","name":"Ben"}`), 201)
	if twice := as[Participant](w.call(w.staff, "POST", path, `{"id":"`+ben.PersonID+`"}`), 201); twice != ben {
		t.Errorf("the second time %+v", twice)
	}
	if read := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200); len(read.Participants) != 2 {
		t.Errorf("participants %+v", read.Participants)
	}
	for range 2 {
		if a := w.call(w.staff, "DELETE", path+"/"+ben.PersonID, ""); a.status != 204 || a.body != "" {
			t.Errorf("taken out: %+v", a)
		}
	}
	if read := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200); len(read.Participants) != 1 {
		t.Errorf("participants %+v", read.Participants)
	}
	if p := w.call(w.staff, "POST", path, `{"address":"ben@example.org","id":"`+ben.PersonID+`"}`).problem(422, "invalid"); p.Errors[0].Location != "body" {
		t.Errorf("both id and address: %+v", p)
	}
	if p := w.call(w.staff, "POST", path, `{"id":"no id"}`).problem(422, "invalid"); p.Errors[0].Location != "body.id" {
		t.Errorf("a wrong id: %+v", p)
	}
	w.call(w.staff, "POST", path, `{"id":"`+bridge.NewID().String()+`"}`).problem(422, "invalid")
	w.call(w.staff, "DELETE", path+"/"+bridge.NewID().String(), "").problem(404, "not_found")
}

func TestModes(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	person := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200).Participants[0].PersonID
	if m := as[OrganizationMode](w.call(w.staff, "GET", "/mode", ""), 200); m.Mode != "secure" || m.Changes == nil || len(m.Changes) != 0 {
		t.Errorf("at first %+v", m)
	}
	w.call(w.staff, "PUT", "/mode", `{"mode":"convenience"}`).problem(403, "forbidden")
	if m := as[OrganizationMode](w.call(w.admin, "PUT", "/mode", `{"mode":"convenience"}`), 200); m.Mode != "convenience" || len(m.Changes) != 1 || m.Changes[0].Actor != "key" {
		t.Errorf("set to %+v", m)
	}
	w.call(w.admin, "PUT", "/mode", `{"mode":"inherit"}`).problem(422, "invalid")
	w.call(w.admin, "PUT", "/mode", `{"mode":""}`).problem(422, "invalid")

	if v := as[Thread](w.call(w.staff, "PUT", "/threads/"+made.ID+"/mode", `{"mode":"secure"}`), 200); v.Mode != "secure" {
		t.Errorf("thread %+v", v)
	}
	w.call(w.staff, "PUT", "/threads/"+made.ID+"/mode", `{"mode":"inherit"}`).problem(403, "forbidden")
	if v := as[Thread](w.call(w.admin, "PUT", "/threads/"+made.ID+"/mode", `{"mode":"inherit"}`), 200); v.Mode != "inherit" {
		t.Errorf("thread %+v", v)
	}
	if v := as[Contact](w.call(w.staff, "PUT", "/contacts/"+person+"/mode", `{"mode":"secure"}`), 200); v.Mode != "secure" {
		t.Errorf("contact %+v", v)
	}
	w.call(w.staff, "PUT", "/contacts/"+person+"/mode", `{"mode":"convenience"}`).problem(403, "forbidden")
	if v := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200); v.EffectiveMode != "convenience" || v.Participants[0].Mode != "secure" {
		t.Errorf("thread %+v", v)
	}
}

func TestListsGoOnWithNext(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		as[ThreadCreated](w.call(w.staff, "POST", "/threads", `{"subject":"`+name+`","contacts":[{"address":"`+name+`@example.org"}],"text":"x"}`), 201)
		w.memory.state.received = append(w.memory.state.received, bridge.Received{
			ID: bridge.NewID(), Envelope: bridge.Envelope{At: w.now(), Route: bridge.RouteSMTP}, Disposition: bridge.NewThread, Subject: name,
		})
	}
	all := func(path, list, field string) string {
		var seen, next string
		for range 10 {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			url := path + sep + "limit=2"
			if next != "" {
				url += "&cursor=" + next
			}
			a := w.call(w.staff, "GET", url, "")
			if a.status != 200 {
				t.Fatalf("%s: %s", url, a.body)
			}
			var v map[string]json.RawMessage
			var rows []map[string]any
			if err := json.Unmarshal([]byte(a.body), &v); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(v[list], &rows); err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				s, _ := r[field].(string)
				seen += s[:1]
			}
			next = strings.Trim(string(v["next"]), `"`)
			if next == "" {
				break
			}
		}
		return seen
	}
	for _, c := range [][4]string{
		{"/threads", "threads", "subject", "edcba"},
		{"/threads?status=open", "threads", "subject", "edcba"},
		{"/threads?awaiting_staff=true", "threads", "subject", ""},
		{"/contacts", "contacts", "address", "edcba"},
		{"/deliveries", "deliveries", "state", "qqqqq"},
		{"/deliveries?state=failed", "deliveries", "state", ""},
		{"/received", "received", "subject", "edcba"},
		{"/received?disposition=new_thread", "received", "subject", "edcba"},
		{"/received?disposition=held&waiting=true", "received", "subject", ""},
	} {
		if got := all(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s: got %q, want %q", c[0], got, c[3])
		}
	}
	for _, path := range []string{"/threads", "/contacts", "/deliveries", "/received"} {
		for _, cursor := range []string{"nonsense", "%00", strings.Repeat("A", 5000), "AAAA=", "../.."} {
			w.call(w.staff, "GET", path+"?cursor="+cursor, "").problem(422, "invalid")
		}
		for _, limit := range []string{"0", "-1", "201", "x", "99999999999999999999"} {
			if p := w.call(w.staff, "GET", path+"?limit="+limit, "").problem(422, "invalid"); p.Errors[0].Location != "query.limit" {
				t.Errorf("limit=%s: %+v", limit, p)
			}
		}
		if p := w.call(w.staff, "GET", path+"?offset=3", "").problem(422, "invalid"); p.Errors[0].Location != "query.offset" {
			t.Errorf("an unknown parameter: %+v", p)
		}
	}
}

func TestContacts(t *testing.T) {
	w := newWorld(t)
	a := w.call(w.staff, "POST", "/contacts", `{"address":"ANN@Example.org","name":"Ann","locale":"de"}`)
	ann := as[Contact](a, 201)
	if ann.Address != "ann@example.org" || ann.Locale != "de" || ann.Mode != "inherit" || a.header.Get("Location") != "/api/v1/contacts/"+ann.ID {
		t.Errorf("added %+v", ann)
	}
	if got := as[Contact](w.call(w.staff, "GET", "/contacts/"+ann.ID, ""), 200); got != ann {
		t.Errorf("got %+v", got)
	}
	p := w.call(w.staff, "POST", "/contacts", `{"address":"ann@example.org"}`).problem(409, "conflict")
	if p.Detail != "ann@example.org is known already." && p.Detail != "Ann@example.org is known already." {
		t.Errorf("detail %q", p.Detail)
	}
	w.call(w.staff, "POST", "/contacts", `{"address":"not an address"}`).problem(422, "invalid")
	// Staff are no contacts.
	ben, err := w.gateway.AddStaff(t.Context(), bridge.AsOperator(), "Ben", "ben@example.com", bridge.RoleStaff, "")
	if err != nil {
		t.Fatal(err)
	}
	w.call(w.staff, "GET", "/contacts/"+ben.ID.String(), "").problem(404, "not_found")
}

func TestReceivedMailIsToldWhole(t *testing.T) {
	w := newWorld(t)
	r := bridge.Received{
		ID: bridge.NewID(), Disposition: bridge.Held, Reasons: []string{"the author is somebody else"}, Kind: bridge.KindMessage,
		Envelope: bridge.Envelope{Route: bridge.RouteIMAP, ReversePath: "ann@example.org", ForwardPath: "reply+x@mail.example.com", Peer: "support", At: w.now()},
		Verdict:  bridge.Verdict{Result: bridge.VerdictFail, Method: "address", Reasons: []string{"From is not the participant's"}},
		From:     "Eve <eve@example.net>", Subject: "Re: order", MailID: "1@example.net", Size: 99, Thread: bridge.NewID(), Person: bridge.NewID(),
	}
	w.memory.state.received = []bridge.Received{r}
	got := as[ReceivedList](w.call(w.staff, "GET", "/received?waiting=true", ""), 200).Received[0]
	if got.Disposition != "held" || got.Route != "imap" || got.Verdict.Result != "fail" || got.ThreadID != r.Thread.String() || got.MessageID != "" || got.Resolution != nil || got.Reasons[0] != r.Reasons[0] {
		t.Errorf("got %+v", got)
	}
	w.memory.state.received[0].Resolution = bridge.Discarded
	w.memory.state.received[0].ResolvedBy = bridge.NewID()
	w.memory.state.received[0].ResolvedAt = w.now()
	got = as[ReceivedList](w.call(w.staff, "GET", "/received", ""), 200).Received[0]
	if got.Resolution == nil || got.Resolution.Result != "discarded" {
		t.Errorf("got %+v", got)
	}
	for _, d := range dispositions {
		if dispositionOf(d.word) != d.value || dispositionWord(d.value) != d.word {
			t.Errorf("%+v is not translated both ways", d)
		}
	}
}

// A sign-in code waits in its delivery until it is sent, and is nobody else's business.
func TestNoDeliveryShowsItsPayload(t *testing.T) {
	w := newWorld(t)
	w.memory.state.deliveries = []bridge.Delivery{{
		ID: bridge.NewID(), Kind: bridge.DeliverCode, Person: bridge.NewID(), Payload: "493-127", State: bridge.Queued, CreatedAt: w.now(), NextAt: w.now(),
	}}
	a := w.call(w.admin, "GET", "/deliveries", "")
	list := as[DeliveryList](a, 200).Deliveries
	if len(list) != 1 || list[0].Kind != "code" || list[0].NextAt == nil || list[0].DoneAt != nil || strings.Contains(a.body, "493") {
		t.Errorf("got %s", a.body)
	}
}

func parse(t testing.TB, s string) bridge.ID {
	t.Helper()
	v, err := bridge.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func benchmark(b *testing.B, w *world, status int, method, path, body string) {
	b.Helper()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if a := w.call(w.staff, method, path, body); a.status != status {
			b.Fatalf("%d %.200s", a.status, a.body)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	w := newWorld(b)
	benchmark(b, w, 200, "GET", "/threads/"+w.thread().ID, "")
}

// A refusal costs everything that the API does, and nothing in the store.
func BenchmarkRefuse(b *testing.B) {
	w := newWorld(b)
	benchmark(b, w, 422, "POST", "/threads", `{"subject":"x","contacts":[{"address":"nobody"}],"text":"hello","colour":"red"}`)
}

func BenchmarkLargeFile(b *testing.B) {
	w := newWorld(b)
	made := w.thread()
	body := `{"text":"x","note":true,"files":[{"filename":"a","content":"` + strings.Repeat("AAAA", 8<<20/3) + `"}]}`
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if a := w.call(w.staff, "POST", "/threads/"+made.ID+"/messages", body); a.status != 201 {
			b.Fatalf("%d %.200s", a.status, a.body)
		}
		b.StopTimer()
		w.memory.state.messages[parse(b, made.ID)] = nil
		b.StartTimer()
	}
}
