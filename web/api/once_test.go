package api

import (
	"strings"
	"sync"
	"testing"

	"letterlock/bridge"
)

func TestRepeatedRequests(t *testing.T) {
	w := newWorld(t)
	made := w.thread()
	for _, c := range []struct {
		path, body, other string
	}{
		{"/threads", draft, strings.Replace(draft, "4711", "4712", 1)},
		{"/threads/" + made.ID + "/messages", `{"text":"hello"}`, `{"text":"hullo"}`},
		{"/threads/" + made.ID + "/participants", `{"address":"ben@example.org"}`, `{"address":"bea@example.org"}`},
		{"/contacts", `{"address":"cal@example.org"}`, `{"address":"cam@example.org"}`},
	} {
		key := "once" + strings.ReplaceAll(c.path, "/", "-")
		first := w.call(w.staff, "POST", c.path, c.body, onceField, key)
		if first.status != 201 || first.header.Get(replayedField) != "" {
			t.Fatalf("%s: %d %s %v", c.path, first.status, first.body, first.header)
		}
		for range 2 {
			again := w.call(w.staff, "POST", c.path, c.body, onceField, key)
			if again.status != 201 || again.body != first.body || again.header.Get(replayedField) != "true" || again.header.Get("Location") != first.header.Get("Location") {
				t.Errorf("%s again: %d %v\n%s\n%s", c.path, again.status, again.header, first.body, again.body)
			}
		}
		w.call(w.staff, "POST", c.path, c.other, onceField, key).problem(422, "idempotency_key_reused")
		// Another program may use the same word.
		other := w.call(w.admin, "POST", c.path, c.other, onceField, key)
		if other.status != 201 || other.header.Get(replayedField) != "" {
			t.Errorf("%s with another key: %d %s", c.path, other.status, other.body)
		}
	}
	if n := len(as[ThreadDetail](w.call(w.staff, "GET", "/threads/"+made.ID, ""), 200).Messages); n != 3 {
		t.Errorf("%d messages, want the first and one of each program", n)
	}
	// The same key and body on another path is another request.
	w.call(w.staff, "POST", "/threads/"+w.thread().ID+"/messages", `{"text":"hello"}`, onceField, "once-threads-"+made.ID+"-messages").problem(422, "idempotency_key_reused")
}

func TestAFailedRequestMayBeRepeated(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/threads", "/contacts"} {
		body := map[string]string{"/threads": draft, "/contacts": `{"address":"cal@example.org"}`}[path]
		w.memory.fail = bridge.ErrUnavailable
		w.call(w.staff, "POST", path, body, onceField, "x"+path[1:]).problem(503, "unavailable")
		w.memory.fail = nil
		a := w.call(w.staff, "POST", path, body, onceField, "x"+path[1:])
		if a.status != 201 || a.header.Get(replayedField) != "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	// A repeat without a key is another request.
	w.call(w.staff, "POST", "/contacts", `{"address":"cal@example.org"}`).problem(409, "conflict")
}

func TestTheFormOfIdempotencyKeys(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"", " ", "a b", "a\tb", "é", "a\x7f", strings.Repeat("x", 256)} {
		p := w.call(w.staff, "POST", "/threads", draft, onceField, key).problem(422, "invalid")
		if p.Errors[0].Location != "header.Idempotency-Key" {
			t.Errorf("%q: %+v", key, p)
		}
	}
	w.call(w.staff, "POST", "/threads", draft, onceField, "a", onceField, "b").problem(422, "invalid")
	if a := w.call(w.staff, "POST", "/threads", draft, onceField, strings.Repeat("~", 255)); a.status != 201 {
		t.Errorf("the longest key: %d", a.status)
	}
	// Elsewhere it means nothing.
	if a := w.call(w.staff, "GET", "/threads", "", onceField, "a b"); a.status != 200 {
		t.Errorf("on GET: %d", a.status)
	}
}

func TestOneOfManyAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/threads", "/contacts"} {
		body := map[string]string{"/threads": draft, "/contacts": `{"address":"cal@example.org"}`}[path]
		answers := make([]reply, 20)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = w.call(w.staff, "POST", path, body, onceField, "many-"+path[1:]) })
		}
		wg.Wait()
		for i, a := range answers {
			if a.status != 201 || a.body != answers[0].body {
				t.Errorf("%s, answer %d: %d %s", path, i, a.status, a.body)
			}
		}
	}
	if n := len(w.memory.state.threads); n != 1 {
		t.Errorf("%d threads", n)
	}
}
