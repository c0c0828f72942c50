package desk

import (
	"net/http"
	"strconv"

	"letterlock/bridge"
	"letterlock/web/page"
)

type keepView struct {
	Base, Subject string
	Days          int // 0 for as long as all
	Hold          bool
	All           int // what holds for all conversations; 0 for ever
	Flaw          string
	Waiting       bool // something waits to go out in it
}

// keep is GET /desk/t/THREAD/keep: for how long a conversation is kept, and the way to delete it.
func (d *Desk) keep(v *page.Visit) error {
	return d.showKeep(v, http.StatusOK, "")
}

func (d *Desk) showKeep(v *page.Visit, status int, flaw string) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	r, err := d.gateway.ThreadRetention(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	if v.Person.Role != bridge.RoleAdmin {
		return bridge.ErrForbidden // the page has nothing to see for others; bridge decides about what it does
	}
	all, err := d.gateway.RetentionDays(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	t, err := d.gateway.ReadThread(v.Context(), v.Actor(), bridge.ThreadRead{Thread: id, AfterSeq: 1 << 30, Limit: 1})
	if err != nil {
		return err
	}
	view := keepView{Base: "/desk/t/" + id.String(), Subject: t.Thread.Subject, Days: r.Days, Hold: r.Hold, All: all, Flaw: flaw, Waiting: len(t.Pending) > 0}
	return v.RenderStatus(status, d.book, "keep", page.Frame{Title: "How long it is kept", Shape: "wide", View: view})
}

// setKeep is POST /desk/t/THREAD/keep.
func (d *Desk) setKeep(v *page.Visit) error {
	return d.arrange(v, "Saved.", func(id bridge.ID, f page.Form) error {
		r := bridge.Retention{Hold: f.Get("hold") == "yes"}
		if text := f.Get("days"); text != "" {
			days, err := strconv.Atoi(text)
			if err != nil {
				return bridge.ErrInvalid
			}
			r.Days = days
		}
		return d.gateway.SetThreadRetention(v.Context(), v.Actor(), id, r)
	})
}

// deleteThread is POST /desk/t/THREAD/delete. It takes a word that it is meant: nothing brings a conversation back.
func (d *Desk) deleteThread(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	if form.Get("understood") != "yes" {
		return d.showKeep(v, http.StatusBadRequest, "Please confirm that it is to be deleted for good.")
	}
	err = d.gateway.DeleteThread(v.Context(), v.Actor(), id)
	path := "/desk"
	if err != nil {
		path = "/desk/t/" + id.String() + "/keep"
	}
	return after(v, err, "The conversation is deleted.", path)
}
