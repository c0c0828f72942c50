package admin

import (
	"errors"

	"letterlock/bridge"
	"letterlock/web/page"
)

type personView struct {
	Office              []page.Link
	Base, Name, Address string
	Admin, Disabled     bool
	Stopped             string // why nothing is mailed to them; empty where it is
	Mails               string // which mails they chose to get
}

// person is GET /admin/people/PERSON.
func (a *Admin) person(v *page.Visit) error {
	if err := a.allowed(v); err != nil {
		return err
	}
	id, err := v.ID("person")
	if err != nil {
		return err
	}
	p, err := a.gateway.PersonByID(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	if p.Kind != bridge.Staff {
		return bridge.ErrNotFound
	}
	stopped := ""
	stop, err := a.gateway.MailStop(v.Context(), v.Actor(), id)
	switch {
	case err == nil:
		stopped = stop.Reason()
	case !errors.Is(err, bridge.ErrNotFound):
		return err
	}
	choices, err := a.gateway.MailChoices(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	return v.Render(a.book, "person", page.Frame{Title: p.DisplayName(), Shape: "wide", View: personView{
		Office: office("/admin/people"), Base: "/admin/people/" + p.ID.String(), Name: p.DisplayName(), Address: p.Address,
		Admin: p.Role == bridge.RoleAdmin, Disabled: p.Disabled, Stopped: stopped, Mails: page.Mails(choices, p.Kind),
	}})
}

// setRole is POST /admin/people/PERSON/role.
func (a *Admin) setRole(v *page.Visit) error {
	return a.changePerson(v, "The role is saved.", func(id bridge.ID, f page.Form) error {
		return a.gateway.SetRole(v.Context(), v.Actor(), id, bridge.Role(f.Get("role")))
	})
}

// disable is POST /admin/people/PERSON/disable.
func (a *Admin) disable(v *page.Visit) error {
	return a.changePerson(v, "They are signed out everywhere and can't come back in.", func(id bridge.ID, _ page.Form) error {
		return a.gateway.SetDisabled(v.Context(), v.Actor(), id, true)
	})
}

// enable is POST /admin/people/PERSON/enable.
func (a *Admin) enable(v *page.Visit) error {
	return a.changePerson(v, "They can sign in again.", func(id bridge.ID, _ page.Form) error {
		return a.gateway.SetDisabled(v.Context(), v.Actor(), id, false)
	})
}

// mailPerson is POST /admin/people/PERSON/mail.
func (a *Admin) mailPerson(v *page.Visit) error {
	return a.changePerson(v, "Mail leaves to them again.", func(id bridge.ID, _ page.Form) error {
		return a.gateway.ClearMailStop(v.Context(), v.Actor(), id)
	})
}

func (a *Admin) changePerson(v *page.Visit, done string, change func(bridge.ID, page.Form) error) error {
	id, err := v.ID("person")
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	return after(v, change(id, form), done, "/admin/people/"+id.String())
}
