package bridge

import (
	"context"
	"errors"
)

// ListQueue lists deliveries as ListDeliveries does, newest first, with the address that each goes to and its domain: admins only. Both are
// empty where the recipient is no longer there.
func (g *Gateway) ListQueue(ctx context.Context, a Actor, q DeliveryQuery) ([]Delivery, Cursor, error) {
	var list []Delivery
	var next Cursor
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		if list, next, err = deliveryPage(ctx, tx, q); err != nil {
			return err
		}
		addresses := map[ID]string{}
		for i := range list {
			d := &list[i]
			if d.Recipient == "" && !d.Person.IsZero() {
				address, known := addresses[d.Person]
				if !known {
					p, err := tx.Person(ctx, d.Person)
					if err != nil && !errors.Is(err, ErrNotFound) {
						return err
					}
					address = p.Address
					addresses[d.Person] = address
				}
				d.Recipient = address
			}
			d.Domain = DomainOf(d.Recipient)
		}
		return nil
	})
	return list, next, wrap("list queue", err)
}

// deliveryPage returns one page of deliveries, and where the next one begins. What a delivery carries in confidence is not shown to anyone.
func deliveryPage(ctx context.Context, tx Tx, q DeliveryQuery) (list []Delivery, next Cursor, err error) {
	limit := pageLimit(q.Limit)
	q.Limit = limit + 1
	if list, err = tx.ListDeliveries(ctx, q); err != nil {
		return nil, next, err
	}
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = Cursor{At: last.CreatedAt, ID: last.ID}
	}
	for i := range list {
		list[i].Payload = ""
	}
	return list, next, nil
}
