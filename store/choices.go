package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

// MailChoices implements bridge.Choices.
func (t *tx) MailChoices(ctx context.Context, person bridge.ID) (bridge.MailChoices, error) {
	var c bridge.MailChoices
	var next, last time.Time
	err := t.one(ctx, "select notify, no_reminders, zone, hour, off_at, coalesce(digest_at, 0), digest_of from mail_choice where person = ?", []any{person},
		&c.Notify, &c.NoReminders, &c.Zone, &c.Hour, moment(&c.OffAt), moment(&next), moment(&last))
	return c.WithDigest(next, last), err
}

// SetMailChoices implements bridge.Choices.
func (t *tx) SetMailChoices(ctx context.Context, person bridge.ID, c bridge.MailChoices) error {
	next, last := c.Digest()
	err := t.send(ctx, `insert into mail_choice (person, notify, no_reminders, zone, hour, off_at, digest_at, digest_of) values (?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (person) do update set notify = excluded.notify, no_reminders = excluded.no_reminders, zone = excluded.zone, hour = excluded.hour,
			off_at = excluded.off_at, digest_at = excluded.digest_at, digest_of = excluded.digest_of`,
		person, c.Notify, c.NoReminders, c.Zone, c.Hour, micros(c.OffAt), momentOrNull(next), micros(last))
	return err
}

// PersonByUnsubscribe implements bridge.Choices.
func (t *tx) PersonByUnsubscribe(ctx context.Context, id bridge.ID) (bridge.Person, error) {
	return t.person(ctx, selectPerson+"where unsubscribe = ?", id)
}

// SilentIn implements bridge.Choices.
func (t *tx) SilentIn(ctx context.Context, thread bridge.ID) ([]bridge.ID, error) {
	var all []bridge.ID
	err := t.each(ctx, `select p.person from participant p join mail_choice c on c.person = p.person
		where p.thread = ? and p.kind = 'contact' and p.left_at = 0 and c.notify = 'none' order by p.person`, []any{thread}, func(r row) error {
		all = append(all, bridge.ID{})
		return r.Scan(&all[len(all)-1])
	})
	return all, err
}

// DueDigests implements bridge.Choices.
func (t *tx) DueDigests(ctx context.Context, now, latest time.Time, limit int) ([]bridge.ID, error) {
	var all []bridge.ID
	take := func(r row) error {
		all = append(all, bridge.ID{})
		return r.Scan(&all[len(all)-1])
	}
	err := t.each(ctx, "select person from mail_choice where digest_at <= ? order by digest_at limit ?", []any{micros(now), limit}, take)
	if err == nil && len(all) < limit {
		err = t.each(ctx, "select person from mail_choice where digest_at > ? order by digest_at limit ?", []any{micros(latest), limit - len(all)}, take)
	}
	return all, err
}

// DeskTally implements bridge.Choices.
func (t *tx) DeskTally(ctx context.Context, since time.Time) (bridge.Tally, error) {
	var n bridge.Tally
	err := t.one(ctx, "select count(*), coalesce(sum(case when last_at > ? then 1 else 0 end), 0) from thread where awaiting", []any{micros(since)}, &n.Waiting, &n.New)
	if err == nil {
		err = t.one(ctx, "select count(distinct u.thread) "+fromUnopened, nil, &n.Unopened)
	}
	if err == nil {
		n.Held, err = t.CountWaiting(ctx)
	}
	return n, err
}
