package desk

import (
	"errors"

	"letterlock/bridge"
	"letterlock/web/page"
)

// What staff change about a conversation: each is one small form on its page.

// close is POST /desk/t/THREAD/close.
func (d *Desk) close(v *page.Visit) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	if err := d.gateway.CloseThread(v.Context(), v.Actor(), id); err != nil {
		return err
	}
	return after(v, nil, "The conversation is closed."+d.waiting(v, id), "/desk/t/"+id.String())
}

// reopen is POST /desk/t/THREAD/reopen.
func (d *Desk) reopen(v *page.Visit) error {
	return d.arrange(v, "The conversation is open again.", func(id bridge.ID, _ page.Form) error {
		return d.gateway.ReopenThread(v.Context(), v.Actor(), id)
	})
}

// setThreadMode is POST /desk/t/THREAD/mode.
func (d *Desk) setThreadMode(v *page.Visit) error {
	return d.arrange(v, "Saved. It holds for all that leaves from now on.", func(id bridge.ID, f page.Form) error {
		mode, err := bridge.ParseMode(f.Get("mode"))
		if err != nil {
			return err
		}
		return d.gateway.SetThreadMode(v.Context(), v.Actor(), id, mode)
	})
}

// addParticipant is POST /desk/t/THREAD/people.
func (d *Desk) addParticipant(v *page.Visit) error {
	return d.arrange(v, "They can read the conversation now.", func(id bridge.ID, f page.Form) error {
		_, err := d.gateway.AddParticipant(v.Context(), v.Actor(), id, bridge.Recipient{Address: f.Get("address"), Name: f.Get("name")}, bridge.Once{})
		return err
	})
}

// removeParticipant is POST /desk/t/THREAD/people/PERSON/remove.
func (d *Desk) removeParticipant(v *page.Visit) error {
	return d.arrange(v, "They can no longer read the conversation, and their reply address is revoked.", func(id bridge.ID, _ page.Form) error {
		person, err := v.ID("person")
		if err != nil {
			return err
		}
		return d.gateway.RemoveParticipant(v.Context(), v.Actor(), id, person)
	})
}

// arrange does one change and goes back to the conversation, with done or with what was wrong.
func (d *Desk) arrange(v *page.Visit, done string, change func(bridge.ID, page.Form) error) error {
	id, err := v.ID("thread")
	if err != nil {
		return err
	}
	form, err := v.Form()
	if err != nil {
		return err
	}
	return after(v, change(id, form), done, "/desk/t/"+id.String())
}

// after goes on to a page, and says there that it is done, or what was wrong with the request. Other errors are returned.
func after(v *page.Visit, err error, done, path string) error {
	if errors.Is(err, bridge.ErrInvalid) || errors.Is(err, bridge.ErrConflict) {
		text := page.Explain(err)
		if text == "" {
			text = "That could not be done. Please check it."
		}
		v.Flash(page.Flash{Text: text, Bad: true})
		return v.Redirect(path)
	}
	if err != nil {
		return err
	}
	v.Flash(page.Flash{Text: done})
	return v.Redirect(path)
}
