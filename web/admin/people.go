package admin

import (
	"errors"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

type peopleView struct {
	Office              []page.Link
	People              []personLine
	Turn                page.Turn
	Flaw                string
	NewName, NewAddress string
	NewAdmin            bool
}

type personLine struct {
	ID, Name, Address, Role string
	You, Disabled           bool
}

// people is GET /admin/people.
func (a *Admin) people(v *page.Visit) error { return a.showPeople(v, http.StatusOK, peopleView{}) }

func (a *Admin) showPeople(v *page.Visit, status int, view peopleView) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	place, err := v.Cursor()
	if err != nil {
		return err
	}
	people, next, err := a.gateway.ListPeople(v.Context(), v.Actor(), bridge.Staff, place, 0)
	if err != nil {
		return err
	}
	view.Office, view.Turn = office("/admin/people"), v.Turn("/admin/people", next)
	for _, p := range people {
		line := personLine{ID: p.ID.String(), Name: p.DisplayName(), Address: p.Address, Role: "Staff", You: p.ID == v.Person.ID, Disabled: p.Disabled}
		if p.Role == bridge.RoleAdmin {
			line.Role = "Admin"
		}
		view.People = append(view.People, line)
	}
	return v.RenderStatus(status, a.book, "people", page.Frame{Title: "People", Shape: "wide", View: view})
}

// addPerson is POST /admin/people.
func (a *Admin) addPerson(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	role := bridge.Role(form.Get("role"))
	_, err = a.gateway.AddStaff(v.Context(), v.Actor(), form.Get("name"), form.Get("address"), role, "")
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrConflict) {
		return a.showPeople(v, page.Status(err), peopleView{
			Flaw: page.Explain(err), NewName: form.Get("name"), NewAddress: form.Get("address"), NewAdmin: role == bridge.RoleAdmin,
		})
	}
	return after(v, err, "They can sign in now, with a code sent to their address.", "/admin/people")
}
