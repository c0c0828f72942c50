package portal

import "letterlock/web/page"

// mailAgain is POST /account/mail: emails that were stopped may leave to this person again.
func (p *Portal) mailAgain(v *page.Visit) error {
	if err := p.gateway.ClearMailStop(v.Context(), v.Actor(), v.Person.ID); err != nil {
		return err
	}
	v.Flash(page.Flash{Text: "You get emails again."})
	return v.Redirect("/account")
}
