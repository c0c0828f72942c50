package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"letterlock/bridge"
)

const deliveryColumns = `id, kind, thread, message, person, priority, state, form, attempts, created_at, next_at,
	lease_by, lease_until, done_at, path, sealed_recipient, sealed_payload, sealed_diagnostic, sealed_why`

const selectDelivery = "select " + deliveryColumns + " from delivery "

func (t *tx) scanDelivery(r row, d *bridge.Delivery) error {
	sealed := func(to *string, column string) sealedText { return t.text(to, "delivery", column, d.ID[:]) }
	return r.Scan(&d.ID, &d.Kind, &d.Thread, &d.Message, &d.Person, &d.Priority, &d.State, &d.Form, &d.Attempts,
		moment(&d.CreatedAt), moment(&d.NextAt), &d.LeaseBy, moment(&d.LeaseUntil), moment(&d.DoneAt), &d.Path,
		sealed(&d.Recipient, "recipient"), sealed(&d.Payload, "payload"), sealed(&d.Diagnostic, "diagnostic"), sealed(&d.Why, "why"))
}

func (t *tx) deliveries(ctx context.Context, query string, args ...any) ([]bridge.Delivery, error) {
	var all []bridge.Delivery
	err := t.each(ctx, query, args, func(r row) error {
		all = append(all, bridge.Delivery{})
		return t.scanDelivery(r, &all[len(all)-1])
	})
	return all, err
}

// due is when a delivery can be claimed, or nil once it is final. One column for it makes one index enough to find all that are due.
func due(d bridge.Delivery) any {
	if d.State != bridge.Queued && d.State != bridge.Deferred {
		return nil
	}
	return max(micros(d.NextAt), micros(d.LeaseUntil))
}

// AddDelivery implements bridge.Deliveries.
func (t *tx) AddDelivery(ctx context.Context, d bridge.Delivery) error {
	sealed := func(plain, column string) []byte { return t.seal(plain, "delivery", column, d.ID[:]) }
	err := t.send(ctx, `insert into delivery (id, kind, thread, message, person, priority, state, form, attempts, created_at, next_at,
			lease_by, lease_until, done_at, due_at, path, sealed_recipient, sealed_payload, sealed_diagnostic, sealed_why)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.ID, d.Kind, d.Thread, d.Message, d.Person, d.Priority, d.State, d.Form, d.Attempts, micros(d.CreatedAt), micros(d.NextAt),
		d.LeaseBy, micros(d.LeaseUntil), micros(d.DoneAt), due(d), d.Path,
		sealed(d.Recipient, "recipient"), sealed(d.Payload, "payload"), sealed(d.Diagnostic, "diagnostic"), sealed(d.Why, "why"))
	return err
}

// Delivery implements bridge.Deliveries.
func (t *tx) Delivery(ctx context.Context, id bridge.ID) (bridge.Delivery, error) {
	all, err := t.deliveries(ctx, selectDelivery+"where id = ?", id)
	if err == nil && len(all) == 0 {
		return bridge.Delivery{}, bridge.ErrNotFound
	}
	if err != nil {
		return bridge.Delivery{}, err
	}
	return all[0], nil
}

// UpdateDelivery implements bridge.Deliveries.
func (t *tx) UpdateDelivery(ctx context.Context, d bridge.Delivery) error {
	return t.change(ctx, `update delivery set state = ?, form = ?, attempts = ?, next_at = ?, lease_by = ?, lease_until = ?, done_at = ?,
		due_at = ?, path = ?, sealed_payload = ?, sealed_diagnostic = ?, sealed_why = ? where id = ?`,
		d.State, d.Form, d.Attempts, micros(d.NextAt), d.LeaseBy, micros(d.LeaseUntil), micros(d.DoneAt), due(d), d.Path,
		t.seal(d.Payload, "delivery", "payload", d.ID[:]), t.seal(d.Diagnostic, "delivery", "diagnostic", d.ID[:]), t.seal(d.Why, "delivery", "why", d.ID[:]), d.ID)
}

// waitingPriorities calls fn for each priority at which something waits, the lowest first, until fn returns false. There are few
// of them, and each is one step down an index: so deliveries that are not due yet cost nothing, however many there are.
func (t *tx) waitingPriorities(ctx context.Context, fn func(priority int) (bool, error)) error {
	query, args := "select priority from delivery where due_at is not null order by priority limit 1", []any(nil)
	for {
		var priority int
		err := t.one(ctx, query, args, &priority)
		if errors.Is(err, bridge.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if more, err := fn(priority); err != nil || !more {
			return err
		}
		query, args = "select priority from delivery where due_at is not null and priority > ? order by priority limit 1", []any{priority}
	}
}

// ClaimDeliveries implements bridge.Deliveries. Among those of one priority it takes the ones that could be claimed for the
// longest time, which is the order of NextAt but for those whose lease ran out.
func (t *tx) ClaimDeliveries(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]bridge.Delivery, error) {
	if err := t.latest(ctx); err != nil {
		return nil, err
	}
	until := micros(now.Add(lease))
	var claimed []bridge.Delivery
	err := t.waitingPriorities(ctx, func(priority int) (bool, error) {
		if len(claimed) >= limit {
			return false, nil
		}
		more, err := t.deliveries(ctx, `with picked as materialized
				(select id from delivery where priority = ? and due_at <= ? order by due_at, id limit ?`+t.conn.engine.skipLocked()+`)
			update delivery set lease_by = ?, lease_until = ?, due_at = ? where id in (select id from picked)
			returning `+deliveryColumns, priority, micros(now), limit-len(claimed), worker, until, until)
		claimed = append(claimed, more...)
		return true, err
	})
	slices.SortFunc(claimed, func(a, b bridge.Delivery) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), a.NextAt.Compare(b.NextAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return claimed, err
}

// ReleaseLeases implements bridge.Deliveries.
func (t *tx) ReleaseLeases(ctx context.Context, worker string) error {
	err := t.send(ctx, `update delivery set lease_by = '', lease_until = 0, due_at = case when due_at is null then null else next_at end
		where lease_by = ? and lease_by <> ''`, worker)
	return err
}

// NextDelivery implements bridge.Deliveries.
func (t *tx) NextDelivery(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := t.waitingPriorities(ctx, func(priority int) (bool, error) {
		var due time.Time
		err := t.one(ctx, "select due_at from delivery where priority = ? and due_at is not null order by due_at limit 1", []any{priority}, moment(&due))
		if err == nil && (next.IsZero() || due.Before(next)) {
			next = due
		}
		return true, err
	})
	if err == nil && next.IsZero() {
		err = bridge.ErrNotFound
	}
	return next, err
}

// ListDeliveries implements bridge.Deliveries.
func (t *tx) ListDeliveries(ctx context.Context, q bridge.DeliveryQuery) ([]bridge.Delivery, error) {
	at, id := before(q.After)
	const page = "(created_at, id) < (?, ?) order by created_at desc, id desc limit ?"
	if q.State == "" {
		return t.deliveries(ctx, selectDelivery+"where "+page, at, id, q.Limit)
	}
	return t.deliveries(ctx, selectDelivery+"where state = ? and "+page, q.State, at, id, q.Limit)
}

// ThreadDeliveries implements bridge.Deliveries: in the order in which they were made. A message's deliveries were made with it, for those who
// took part then, which is how the index finds them.
func (t *tx) ThreadDeliveries(ctx context.Context, thread bridge.ID, fromSeq, seq int) ([]bridge.Delivery, error) {
	var first, last int64
	err := t.one(ctx, "select coalesce(min(m.at), 0), coalesce(max(m.at), 0) from message m where m.thread = ? and m.seq >= ? and m.seq <= ?",
		[]any{thread, fromSeq, seq}, &first, &last)
	if err != nil {
		return nil, err
	}
	all, err := t.deliveries(ctx, selectDelivery+`where thread = ? and person in (select p.person from participant p where p.thread = ?)
		and created_at >= ? and created_at <= ?
		and message in (select m.id from message m where m.thread = ? and m.seq >= ? and m.seq <= ?)`,
		thread, thread, first, last, thread, fromSeq, seq)
	slices.SortFunc(all, func(a, b bridge.Delivery) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all, err
}

// CountDeliveries implements bridge.Deliveries. It reads one index from end to end, so it is for a page that is looked at now and then.
func (t *tx) CountDeliveries(ctx context.Context) (map[bridge.DeliveryState]int, error) {
	counts := map[bridge.DeliveryState]int{}
	err := t.each(ctx, "select state, count(*) from delivery group by state", nil, func(r row) error {
		var state bridge.DeliveryState
		var n int
		err := r.Scan(&state, &n)
		counts[state] = n
		return err
	})
	return counts, err
}

// Correspondence implements bridge.Deliveries. Ours are the mails about messages that the next hop took; theirs are those that
// became messages and had a Message-ID.
func (t *tx) Correspondence(ctx context.Context, thread, person bridge.ID, before time.Time, limit int) ([]bridge.Letter, error) {
	if limit <= 0 {
		return nil, nil
	}
	// The state is wrapped so that no engine is tempted to start from all that was ever relayed.
	const ours = `select created_at, id from delivery
		where thread = ? and person = ? and created_at < ? and kind = 'message' and coalesce(state, '') = 'relayed' `
	const theirs = `select m.at, m.id, c.sealed_mail_id from message m join message_content c on c.message = m.id
		where m.thread = ? and m.author = ? and m.received is not null and m.at < ? and m.kind = 'public' and c.sealed_mail_id is not null `
	type letter struct {
		bridge.Letter
		id bridge.ID
	}
	var all []letter
	seen := map[bridge.ID]bool{}
	add := func(l letter) {
		if !seen[l.id] {
			seen[l.id] = true
			all = append(all, l)
		}
	}
	for _, page := range []struct {
		ours, theirs string
		limit        int
	}{
		{"order by created_at, id limit ?", "order by m.seq limit ?", 1},
		{"order by created_at desc, id desc limit ?", "order by m.seq desc limit ?", limit},
	} {
		args := []any{thread, person, micros(before), page.limit}
		err := t.each(ctx, ours+page.ours, args, func(r row) error {
			var l letter
			err := r.Scan(moment(&l.At), &l.id)
			l.Delivery = l.id
			add(l)
			return err
		})
		if err != nil {
			return nil, err
		}
		err = t.each(ctx, theirs+page.theirs, args, func(r row) error {
			var l letter
			err := r.Scan(moment(&l.At), &l.id, t.text(&l.MailID, "message_content", "mail_id", l.id[:]))
			add(l)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b letter) int {
		return cmp.Or(a.At.Compare(b.At), slices.Compare(a.id[:], b.id[:]))
	})
	if len(all) > limit {
		all = slices.Delete(all, 1, len(all)-limit+1)
	}
	letters := make([]bridge.Letter, len(all))
	for i, l := range all {
		letters[i] = l.Letter
	}
	return letters, nil
}
