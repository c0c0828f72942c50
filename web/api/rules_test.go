package api

import (
	"slices"
	"testing"

	"letterlock/bridge"
)

// A program sets the rules, asks what a message would become, and is told the same when it posts it.
func TestContentRules(t *testing.T) {
	w := newWorld(t)
	if err := w.gateway.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience); err != nil {
		t.Fatal(err)
	}
	if got := as[ContentRules](w.call(w.admin, "GET", "/content-rules", ""), 200); !slices.Equal(got.Known, []string{"card", "iban"}) || len(got.Own) != 0 {
		t.Errorf("at first: got %+v", got)
	}
	const set = `{"known":["card"],"own":[{"kind":"words","name":"Diagnoses","values":["diabetes"]}]}`
	first := as[ContentRules](w.call(w.admin, "PUT", "/content-rules", set), 200)
	if again := as[ContentRules](w.call(w.admin, "PUT", "/content-rules", set), 200); len(again.Own) != 1 || again.Own[0].ID != first.Own[0].ID {
		t.Errorf("the same set again: got %+v, want %+v", again, first)
	}
	for _, body := range []string{
		`{"known":["telepathy"],"own":[]}`, `{"known":[],"own":[{"kind":"pattern","name":"n","values":["("]}]}`, `{"known":[],"own":[{"kind":"card","name":"n","values":["x"]}]}`,
		`{"known":[],"own":[{"kind":"files","name":"n","values":["films"]}]}`,
	} {
		w.call(w.admin, "PUT", "/content-rules", body).problem(422, "invalid")
	}

	ask := `{"subject":"s","contacts":[{"address":"nora@example.org"}],"text":"It is Diabetes.","file_names":["4111111111111111.txt"]}`
	want := []string{"has a card number in the name of a file", "contains a word of the list “Diagnoses”"}
	got := as[LeavingList](w.call(w.staff, "POST", "/preview", ask), 200)
	if len(got.Leaving) != 1 || got.Leaving[0].Form != "notice" || got.Leaving[0].PersonID != "" || !slices.Equal(got.Leaving[0].Why, want) {
		t.Errorf("asked: got %+v, want a notice since it %q", got, want)
	}
	w.call(w.staff, "POST", "/preview", `{"thread_id":"x"}`).problem(422, "invalid")

	made := as[ThreadCreated](w.call(w.staff, "POST", "/threads", `{"subject":"s","contacts":[{"address":"nora@example.org"}],"text":"It is diabetes."}`), 201).Message
	want = []string{"contains a word of the list “Diagnoses”"}
	if !slices.Equal(made.Stays, want) || len(made.Leaving) != 1 || made.Leaving[0].Form != "notice" || !slices.Equal(made.Leaving[0].Why, want) || made.Secure {
		t.Errorf("posted: got %+v", made)
	}
	secure := as[Message](w.call(w.staff, "POST", "/threads/"+made.ThreadID+"/messages", `{"text":"All is well.","secure":true}`), 201)
	if !secure.Secure || !slices.Equal(secure.Stays, []string{"was marked to be sent securely"}) || secure.Leaving[0].Form != "notice" {
		t.Errorf("sent securely: got %+v", secure)
	}
	note := as[Message](w.call(w.staff, "POST", "/threads/"+made.ThreadID+"/messages", `{"text":"diabetes","note":true}`), 201)
	if len(note.Stays) != 0 || note.Leaving != nil {
		t.Errorf("a note: got %+v", note)
	}
}
