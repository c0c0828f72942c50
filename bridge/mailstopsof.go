package bridge

import (
	"context"
	"errors"
)

// MailStopsOf returns why mail is stopped to those of some people to whom it is, by their ids: to staff.
func (g *Gateway) MailStopsOf(ctx context.Context, a Actor, people []Person) (map[ID]MailStop, error) {
	var stops map[ID]MailStop
	err := g.store.View(ctx, func(tx Tx) error {
		stops = map[ID]MailStop{}
		if _, err := g.resolveStaff(ctx, tx, a); err != nil {
			return err
		}
		for _, p := range people {
			s, err := tx.MailStop(ctx, p.Address)
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			stops[p.ID] = s
		}
		return nil
	})
	return stops, wrap("mail stops", err)
}
