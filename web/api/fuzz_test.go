package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// FuzzBody sends any body to any operation that takes one. Whatever it is, the answer is a resource or a problem document.
func FuzzBody(f *testing.F) {
	w := newWorld(f)
	made := w.thread()
	thread := "/threads/" + made.ID
	paths := [...][2]string{
		{"POST", "/threads"},
		{"POST", thread + "/messages"},
		{"POST", thread + "/participants"},
		{"POST", "/contacts"},
		{"PUT", "/mode"},
		{"PUT", thread + "/mode"},
		{"PUT", thread + "/status"},
	}
	for i, body := range []string{
		draft, `{"text":"hello","note":true}`, `{"address":"ben@example.org"}`, `{"address":"ben@example.org","name":"x","locale":"de"}`,
		`{"mode":"secure"}`, `{"mode":"inherit"}`, `{"status":"closed"}`,
	} {
		f.Add(uint8(i), body)
		f.Add(uint8(i), body[:len(body)/2])
	}
	f.Add(uint8(0), `{"subject":"\u0000","contacts":[{"address":"a@b.example"}],"text":"x","mode":null}`)
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		p := paths[int(which)%len(paths)]
		w.t = t
		a := w.call(w.admin, p[0], p[1], body)
		if a.status >= 500 || a.status < 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if !json.Valid([]byte(a.body)) || (a.status >= 400) != (a.header.Get("Content-Type") == problemType) {
			t.Fatalf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
		}
	})
}

// FuzzRequest sends any path, query and idempotency key.
func FuzzRequest(f *testing.F) {
	w := newWorld(f)
	made := w.thread()
	f.Add("GET", "/threads/"+made.ID+"?after_seq=1&limit=2", "")
	f.Add("GET", "/threads?cursor=AAZDV9x0cAABmp8-fBp7Up0OPxxae54h&status=open", "")
	f.Add("POST", "/threads//x/../y?%zz", "a\x00")
	f.Add("HEAD", "/received?disposition=held&waiting=1", "x")
	f.Fuzz(func(t *testing.T, method, path, once string) {
		target := Prefix + "/" + strings.TrimPrefix(path, "/")
		r, err := http.NewRequest(method, target, strings.NewReader(draft))
		if err != nil || method == "" {
			t.Skip("not a request that a server would see")
		}
		r.Header.Set("Authorization", "Bearer "+w.staff)
		if once != "" {
			r.Header[onceField] = []string{once}
		}
		w.t = t
		a := w.send(r)
		if a.status >= 500 || a.status < 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a.status >= 400 && a.header.Get("Content-Type") != problemType {
			t.Fatalf("%d %s %s", a.status, a.header.Get("Content-Type"), a.body)
		}
	})
}
