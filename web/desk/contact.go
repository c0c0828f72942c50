package desk

import (
	"errors"
	"fmt"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
	"letterlock/web/page"
)

type contactView struct {
	ID, Base      string
	Name, Address string
	GivenName     string // empty where the address stands for it
	Disabled      bool
	Since         time.Time
	ModeWhy       string
	Modes         []choice
	Languages     []choice
	Stopped       string // why nothing is mailed to them; empty where it is
	Mails         string // which mails they chose to get
}

// contact is GET /desk/contacts/PERSON.
func (d *Desk) contact(v *page.Visit) error {
	id, err := v.ID("person")
	if err != nil {
		return err
	}
	p, err := d.gateway.PersonByID(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	if p.Kind != bridge.Contact {
		return bridge.ErrNotFound
	}
	mode, err := d.gateway.Mode(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	view := contactView{
		ID: p.ID.String(), Base: "/desk/contacts/" + p.ID.String(), Name: p.DisplayName(), GivenName: p.Name,
		Address: p.Address, Disabled: p.Disabled, Since: p.CreatedAt, Modes: modeChoices(p.Mode),
	}
	stop, err := d.gateway.MailStop(v.Context(), v.Actor(), id)
	switch {
	case err == nil:
		view.Stopped = stop.Reason()
	case !errors.Is(err, bridge.ErrNotFound):
		return err
	}
	choices, err := d.gateway.MailChoices(v.Context(), v.Actor(), id)
	if err != nil {
		return err
	}
	view.Mails = page.Mails(choices, p.Kind)
	all, err := wording.Builtin()
	if err != nil {
		return err
	}
	view.Languages = []choice{{Text: "As their browser says at sign-in, English until then", Chosen: p.Locale == ""}}
	for _, l := range all.All() {
		view.Languages = append(view.Languages, choice{Value: l.Tag, Text: l.Name, Chosen: p.Locale != "" && all.Lookup(p.Locale) == l})
	}
	switch {
	case mode.Organization == bridge.ModeSecure:
		view.ModeWhy = "The organization is in secure mode: everybody gets notices."
	default:
		view.ModeWhy = "The organization is in convenience mode: emails carry the message, unless you choose otherwise here."
	}
	return v.Render(d.book, "contact", page.Frame{Title: view.Name, View: view})
}

// renameContact is POST /desk/contacts/PERSON/name.
func (d *Desk) renameContact(v *page.Visit) error {
	return d.changeContact(v, "The name is saved.", func(id bridge.ID, f page.Form) error {
		p, err := d.gateway.PersonByID(v.Context(), v.Actor(), id)
		if err != nil {
			return err
		}
		return d.gateway.Rename(v.Context(), v.Actor(), id, f.Get("name"), p.Locale)
	})
}

// setContactLanguage is POST /desk/contacts/PERSON/language: that of the emails to them.
func (d *Desk) setContactLanguage(v *page.Visit) error {
	return d.changeContact(v, "Saved. The next email to them is in that language.", func(id bridge.ID, f page.Form) error {
		all, err := wording.Builtin()
		if err != nil {
			return err
		}
		tag := f.Get("language")
		if tag != "" && all[tag] == nil {
			return fmt.Errorf("there are no emails in that language: %w", bridge.ErrInvalid)
		}
		p, err := d.gateway.PersonByID(v.Context(), v.Actor(), id)
		if err != nil {
			return err
		}
		return d.gateway.Rename(v.Context(), v.Actor(), id, p.Name, tag)
	})
}

// setContactMode is POST /desk/contacts/PERSON/mode.
func (d *Desk) setContactMode(v *page.Visit) error {
	return d.changeContact(v, "Saved. It holds for all that leaves from now on.", func(id bridge.ID, f page.Form) error {
		mode, err := bridge.ParseMode(f.Get("mode"))
		if err != nil {
			return err
		}
		return d.gateway.SetContactMode(v.Context(), v.Actor(), id, mode)
	})
}

// disableContact is POST /desk/contacts/PERSON/disable.
func (d *Desk) disableContact(v *page.Visit) error {
	return d.changeContact(v, "They are signed out everywhere and can't come back in.", func(id bridge.ID, _ page.Form) error {
		return d.gateway.SetDisabled(v.Context(), v.Actor(), id, true)
	})
}

// enableContact is POST /desk/contacts/PERSON/enable.
func (d *Desk) enableContact(v *page.Visit) error {
	return d.changeContact(v, "They can sign in again.", func(id bridge.ID, _ page.Form) error {
		return d.gateway.SetDisabled(v.Context(), v.Actor(), id, false)
	})
}

// mailContact is POST /desk/contacts/PERSON/mail.
func (d *Desk) mailContact(v *page.Visit) error {
	return d.changeContact(v, "Mail leaves to them again, from the next message on.", func(id bridge.ID, _ page.Form) error {
		return d.gateway.ClearMailStop(v.Context(), v.Actor(), id)
	})
}

func (d *Desk) changeContact(v *page.Visit, done string, change func(bridge.ID, page.Form) error) error {
	if err := d.allowed(v); err != nil {
		return err
	}
	id, err := v.ID("person")
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	return after(v, change(id, form), done, "/desk/contacts/"+id.String())
}
