package bridge

import (
	"context"
	"errors"

	"letterlock/bridge/wording"
)

// deviceMails bounds the mails about new browsers to one person in limitWindow.
const deviceMails = 5

// NoteSignIn is called when a person has proven who they are, before their session begins. device is what the browser kept from an
// earlier sign-in (SignedIn.Device) or empty, languages its Accept-Language field.
//
// It notes that the person has been here, takes their language from the browser if none was set, and tells them by mail when the browser
// is none that they signed in with before. The very first sign-in is told to nobody.
func (g *Gateway) NoteSignIn(ctx context.Context, a Actor, device, languages string) error {
	all, err := wording.Builtin()
	if err != nil {
		return wrap("note sign-in", err)
	}
	err = g.update(ctx, func(tx Tx) error {
		p, err := g.resolve(ctx, tx, a)
		if err != nil {
			return err
		}
		who := p.person
		if who.ID.IsZero() {
			return ErrForbidden
		}
		first := who.SignedInAt.IsZero()
		locale := who.Locale
		if locale == "" {
			locale = all.Accept(languages)
		}
		if first || locale != who.Locale {
			who.Locale = locale
			if first {
				who.SignedInAt = g.now()
			}
			if err := tx.UpdatePerson(ctx, who); err != nil {
				return err
			}
		}
		if first || g.knows(device, who.ID) {
			return nil
		}
		if err := g.audit(ctx, tx, p, AuditEntry{Action: "signin.device", Person: who.ID}); err != nil {
			return err
		}
		if err := g.count(ctx, tx, "device mail:"+who.ID.String(), deviceMails); errors.Is(err, ErrTooMany) {
			return nil // they have been told
		} else if err != nil {
			return err
		}
		now := g.now()
		return tx.AddDelivery(ctx, Delivery{
			ID: NewID(), Kind: DeliverDevice, Person: who.ID, Priority: priorityMessage, State: Queued, CreatedAt: now, NextAt: now,
		})
	})
	return wrap("note sign-in", err)
}
