package bridge

import (
	"context"
	"errors"
)

// Mailing is what stands between a person and the mails to them.
type Mailing struct {
	Choices MailChoices // their own
	Stop    *MailStop   // why nothing is mailed to them; nil while mail leaves
}

// MailingOf returns it of some people, by their ids: to staff.
func (g *Gateway) MailingOf(ctx context.Context, a Actor, people []Person) (map[ID]Mailing, error) {
	var all map[ID]Mailing
	err := g.store.View(ctx, func(tx Tx) error {
		all = map[ID]Mailing{}
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		for _, p := range people {
			m, err := mailingOf(ctx, tx, p)
			if err != nil {
				return err
			}
			all[p.ID] = m
		}
		return nil
	})
	return all, wrap("mailing", err)
}

func mailingOf(ctx context.Context, tx Tx, p Person) (Mailing, error) {
	choices, err := choicesOf(ctx, tx, p.ID)
	if err != nil {
		return Mailing{}, err
	}
	stop, err := tx.MailStop(ctx, p.Address)
	if errors.Is(err, ErrNotFound) {
		return Mailing{Choices: choices}, nil
	}
	return Mailing{Choices: choices, Stop: &stop}, err
}
