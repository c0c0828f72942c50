package desk

import (
	"errors"
	"net/http"

	"letterlock/bridge"
	"letterlock/web/page"
)

type contactsView struct {
	Contacts            []contactLine
	Turn                page.Turn
	Flaw                string
	NewName, NewAddress string
}

type contactLine struct {
	ID, Href, Name, Address, Mode, State string
	Disabled                             bool
}

// contacts is GET /desk/contacts.
func (d *Desk) contacts(v *page.Visit) error { return d.showContacts(v, http.StatusOK, contactsView{}) }

func (d *Desk) showContacts(v *page.Visit, status int, view contactsView) error {
	after, err := v.Cursor()
	if err != nil {
		return err
	}
	people, next, err := d.gateway.ListPeople(v.Context(), v.Actor(), bridge.Contact, after, 0)
	if err != nil {
		return err
	}
	view.Turn = v.Turn("/desk/contacts", next)
	for _, p := range people {
		line := contactLine{
			ID: p.ID.String(), Href: "/desk/contacts/" + p.ID.String(), Name: p.DisplayName(), Address: p.Address,
			Mode: "As the organization", State: "Active", Disabled: p.Disabled,
		}
		if p.Mode == bridge.ModeSecure {
			line.Mode = "Always a notice"
		}
		view.Contacts = append(view.Contacts, line)
	}
	return v.RenderStatus(status, d.book, "contacts", page.Frame{Title: "Contacts", Shape: "wide", View: view})
}

// addContact is POST /desk/contacts.
func (d *Desk) addContact(v *page.Visit) error {
	form, err := v.Form()
	if err != nil {
		return err
	}
	p, err := d.gateway.AddContact(v.Context(), v.Actor(), bridge.NewContact{Name: form.Get("name"), Address: form.Get("address")})
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrConflict) {
		return d.showContacts(v, page.Status(err), contactsView{
			Flaw: page.Explain(err), NewName: form.Get("name"), NewAddress: form.Get("address"),
		})
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "The contact is added."})
	return v.Redirect("/desk/contacts/" + p.ID.String())
}
