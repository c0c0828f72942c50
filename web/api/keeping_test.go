package api

import "testing"

func TestDeleteThread(t *testing.T) {
	w := newWorld(t)
	thread := "/threads/" + w.thread().ID
	if got := as[ThreadKeeping](w.call(w.admin, "PUT", thread+"/retention", `{"days":30,"hold":true}`), 200); got.Days != 30 || !got.Hold {
		t.Errorf("got %+v", got)
	}
	w.call(w.admin, "DELETE", thread, "").problem(409, "conflict")
	if got := as[ThreadKeeping](w.call(w.admin, "PUT", thread+"/retention", `{}`), 200); got.Days != 0 || got.Hold {
		t.Errorf("got %+v", got)
	}
	if a := w.call(w.admin, "DELETE", thread, ""); a.status != 204 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.call(w.admin, "GET", thread, "").problem(404, "not_found")
	w.call(w.admin, "DELETE", thread, "").problem(404, "not_found")
	w.call(w.admin, "PUT", "/retention", `{"days":-1}`).problem(422, "invalid")
	w.call(w.admin, "PUT", "/retention", `{"days":36526}`).problem(422, "invalid")
}
