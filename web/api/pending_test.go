package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// later schedules a message for tomorrow and returns its id.
func (w *world) later(thread string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"text":"Tomorrow.","send_at":%q}`, w.now().Add(24*time.Hour).Format(time.RFC3339))
	return as[Message](w.call(w.staff, "POST", "/threads/"+thread+"/messages", body), 201).ID
}

// A message for tomorrow is no message of its thread today, and keeps its id when it goes out.
func TestSendAt(t *testing.T) {
	w := newWorld(t)
	thread := w.thread().ID
	path := "/threads/" + thread
	at := w.now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	body := fmt.Sprintf(`{"text":"See you.","send_at":%q,"files":[{"filename":"map.txt","content":"bWFw"}]}`, at.Format(time.RFC3339))
	first := w.call(w.staff, "POST", path+"/messages", body, onceField, "later")
	m := as[Message](first, 201)
	if m.SendAt == nil || !m.SendAt.Equal(at) || m.Seq != 0 || m.ThreadID != thread || len(m.Attachments) != 1 || m.Attachments[0].Path != "" || m.Attachments[0].ID != "" {
		t.Fatalf("got %s", first.body)
	}
	if to := first.header.Get("Location"); to != Prefix+"/pending/"+m.ID {
		t.Errorf("it is at %s", to)
	}
	again := w.call(w.staff, "POST", path+"/messages", body, onceField, "later")
	if again.body != first.body || again.header.Get(replayedField) != "true" {
		t.Errorf("again: %s\nwant %s", again.body, first.body)
	}
	v := as[ThreadDetail](w.call(w.staff, "GET", path, ""), 200)
	if len(v.Messages) != 1 || len(v.Pending) != 1 || v.Pending[0].ID != m.ID || v.Pending[0].Begin != "See you." || v.Pending[0].Text != "" || v.Pending[0].State != "waiting" {
		t.Errorf("the thread has %+v and %+v", v.Messages, v.Pending)
	}
	if l := as[PendingList](w.call(w.admin, "GET", "/pending?thread_id="+thread, ""), 200); len(l.Pending) != 1 || l.Pending[0].Files[0].Filename != "map.txt" {
		t.Errorf("listed: %+v", l)
	}
	if p := as[Pending](w.call(w.admin, "GET", "/pending/"+m.ID, ""), 200); p.Text != "See you." || !p.At.Equal(at) {
		t.Errorf("read: %+v", p)
	}
	state := func(id, state string) reply {
		return w.call(w.admin, "PUT", "/pending/"+id+"/state", `{"state":"`+state+`"}`)
	}
	for range 2 {
		if p := as[Pending](state(m.ID, "held"), 200); p.State != "held" || p.Text != "See you." {
			t.Errorf("taken back: %+v", p)
		}
	}
	for range 2 {
		if p := as[Pending](state(m.ID, "sent"), 200); p.State != "sent" || p.ThreadID != thread || p.Author != v.Pending[0].Author {
			t.Errorf("sent: %+v", p)
		}
	}
	state(m.ID, "held").problem(409, "conflict")
	state(m.ID, "waiting").problem(422, "invalid")
	v = as[ThreadDetail](w.call(w.staff, "GET", path, ""), 200)
	if sent := v.Messages[1]; sent.ID != m.ID || sent.Seq != 2 || sent.SendAt != nil || len(sent.Attachments) != 1 || sent.Attachments[0].Path == "" || len(v.Pending) != 0 {
		t.Errorf("the thread has %+v", sent)
	}
	again = w.call(w.staff, "POST", path+"/messages", body, onceField, "later")
	if got := as[Message](again, 201); got.ID != m.ID || got.Seq != 2 {
		t.Errorf("again, once it is sent: %s", again.body)
	}
	w.call(w.admin, "DELETE", "/pending/"+m.ID, "").problem(409, "conflict")

	other := w.later(thread)
	if a := w.call(w.staff, "DELETE", "/pending/"+other, ""); a.status != 204 {
		t.Errorf("cancelled: %d %s", a.status, a.body)
	}
	w.call(w.staff, "GET", "/pending/"+other, "").problem(404, "not_found")
	w.call(w.staff, "GET", "/pending/nonsense", "").problem(404, "not_found")
	w.call(w.staff, "GET", "/pending?thread_id=nonsense", "").problem(422, "invalid")
	for _, bad := range []string{`"2020-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`, `"2199-01-01T00:00:00Z"`, `"tomorrow"`, `5`} {
		w.call(w.staff, "POST", path+"/messages", `{"text":"t","send_at":`+bad+`}`).problem(422, "invalid")
	}
	w.call(w.staff, "POST", path+"/messages", strings.Replace(body, `{`, `{"note":true,`, 1)).problem(422, "invalid")
}

// A thread that begins tomorrow has an id today, which leads nowhere yet.
func TestStartAt(t *testing.T) {
	w := newWorld(t)
	at := w.now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	body := strings.Replace(draft, "{", fmt.Sprintf(`{"send_at":%q,`, at.Format(time.RFC3339)), 1)
	first := w.call(w.staff, "POST", "/threads", body, onceField, "start")
	made := as[ThreadCreated](first, 201)
	if made.Message.SendAt == nil || !made.CreatedAt.Equal(at) || made.Message.ThreadID != made.ID {
		t.Fatalf("got %s", first.body)
	}
	if again := w.call(w.staff, "POST", "/threads", body, onceField, "start"); again.body != first.body {
		t.Errorf("again: %s\nwant %s", again.body, first.body)
	}
	w.call(w.staff, "POST", "/threads", strings.Replace(draft, "{", `{"send_at":"0001-01-01T00:00:00Z",`, 1)).problem(422, "invalid")
	w.call(w.staff, "GET", "/threads/"+made.ID, "").problem(404, "not_found")
	if n := len(as[ThreadList](w.call(w.staff, "GET", "/threads", ""), 200).Threads); n != 0 {
		t.Errorf("%d threads are listed", n)
	}
	p := as[Pending](w.call(w.staff, "GET", "/pending/"+made.Message.ID, ""), 200)
	if !p.Starts || p.ThreadID != made.ID || p.Subject != made.Subject || len(p.Contacts) == 0 {
		t.Errorf("read: %+v", p)
	}
	if sent := as[Pending](w.call(w.staff, "PUT", "/pending/"+p.ID+"/state", `{"state":"sent"}`), 200); sent.ThreadID != made.ID || sent.State != "sent" {
		t.Errorf("sent: %+v", sent)
	}
	if v := as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200); len(v.Messages) != 1 || v.Subject != made.Subject {
		t.Errorf("the thread is %+v", v)
	}
	again := as[ThreadCreated](w.call(w.staff, "POST", "/threads", body, onceField, "start"), 201)
	if again.ID != made.ID || again.Subject != made.Subject || again.Message.Seq != 1 {
		t.Errorf("again, once it began: %+v", again)
	}
}

// What could not go out is not on its way: there is nothing to take back, and it can still be sent or cancelled.
func TestStoppedIsNotTakenBack(t *testing.T) {
	w := newWorld(t)
	body := strings.Replace(draft, "{", fmt.Sprintf(`{"send_at":%q,`, w.now().Add(24*time.Hour).Format(time.RFC3339)), 1)
	id := as[ThreadCreated](w.call(w.staff, "POST", "/threads", body), 201).Message.ID
	ann := as[Contact](w.call(w.staff, "POST", "/contacts", `{"address":"ann@example.org"}`), 201)
	person, err := bridge.ParseID(ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	disable := func(disabled bool) {
		t.Helper()
		if err := w.gateway.SetDisabled(t.Context(), bridge.AsOperator(), person, disabled); err != nil {
			t.Fatal(err)
		}
	}
	state := func(state string) reply {
		return w.call(w.staff, "PUT", "/pending/"+id+"/state", `{"state":"`+state+`"}`)
	}
	disable(true)
	state("sent").problem(409, "conflict")
	if p := state("held").problem(409, "conflict"); p.Detail != "It could not go out, so there is nothing to take back." {
		t.Errorf("got %q", p.Detail)
	}
	if p := as[Pending](w.call(w.staff, "GET", "/pending/"+id, ""), 200); p.State != "stopped" || p.Why != "ann@example.org is disabled" {
		t.Errorf("it is %s: %s", p.State, p.Why)
	}
	disable(false)
	if p := as[Pending](state("sent"), 200); p.State != "sent" {
		t.Errorf("it is %s", p.State)
	}
}
