package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

// AddReminder implements bridge.Reminders.
func (t *tx) AddReminder(ctx context.Context, r bridge.Reminder) error {
	err := t.send(ctx, "insert into reminder (thread, person, since, step, due_at, unopened_at) values (?, ?, ?, ?, ?, ?) on conflict do nothing",
		r.Thread, r.Person, micros(r.Since), r.Step, momentOrNull(r.DueAt), micros(r.UnopenedAt))
	return err
}

// SetReminder implements bridge.Reminders.
func (t *tx) SetReminder(ctx context.Context, r bridge.Reminder) error {
	err := t.send(ctx, `insert into reminder (thread, person, since, step, due_at, unopened_at) values (?, ?, ?, ?, ?, ?)
		on conflict (thread, person) do update set since = excluded.since, step = excluded.step, due_at = excluded.due_at, unopened_at = excluded.unopened_at`,
		r.Thread, r.Person, micros(r.Since), r.Step, momentOrNull(r.DueAt), micros(r.UnopenedAt))
	return err
}

// momentOrNull is micros for a column that has no value where there is no moment.
func momentOrNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return micros(at)
}

// RemoveReminder implements bridge.Reminders.
func (t *tx) RemoveReminder(ctx context.Context, thread, person bridge.ID) error {
	err := t.send(ctx, "delete from reminder where thread = ? and person = ?", thread, person)
	return err
}

// DueReminders implements bridge.Reminders.
func (t *tx) DueReminders(ctx context.Context, now time.Time, limit int) ([]bridge.Reminder, error) {
	var all []bridge.Reminder
	err := t.each(ctx, `select thread, person, since, step, due_at, unopened_at from reminder
		where due_at is not null and due_at <= ? order by due_at limit ?`, []any{micros(now), limit}, func(r row) error {
		var one bridge.Reminder
		err := r.Scan(&one.Thread, &one.Person, moment(&one.Since), &one.Step, moment(&one.DueAt), moment(&one.UnopenedAt))
		all = append(all, one)
		return err
	})
	return all, err
}

// FirstUnopened implements bridge.Reminders.
func (t *tx) FirstUnopened(ctx context.Context, thread, person bridge.ID) (time.Time, error) {
	var at time.Time
	err := t.one(ctx, `select m.at from participant p join message m on m.thread = p.thread and m.seq > p.read_seq
		where p.thread = ? and p.person = ? and p.left_at = 0 and m.kind = 'public' and m.author is distinct from p.person
		and exists (select 1 from delivery d where d.thread = m.thread and d.person = p.person and d.created_at = m.at and d.message = m.id
			and d.kind = 'message' and d.form <> 'copy')
		order by m.seq limit 1`, []any{thread, person}, moment(&at))
	return at, err
}

// fromUnopened leads to the messages that were never opened: those of which staff were told and that are still unread.
const fromUnopened = `from reminder u cross join participant v
	where v.thread = u.thread and v.person = u.person and u.unopened_at > 0 and v.left_at = 0 and v.unread > 0
	and exists (select 1 from message w where w.thread = u.thread and w.seq > v.read_seq and w.at = u.since)`

// UnopenedIn implements bridge.Reminders.
func (t *tx) UnopenedIn(ctx context.Context, thread bridge.ID) ([]bridge.ID, error) {
	var all []bridge.ID
	err := t.each(ctx, "select u.person "+fromUnopened+" and u.thread = ? order by u.person", []any{thread}, func(r row) error {
		all = append(all, bridge.ID{})
		return r.Scan(&all[len(all)-1])
	})
	return all, err
}

// markUnopened marks those on a page of the list of all threads that have something that was never opened.
func (t *tx) markUnopened(ctx context.Context, rows []bridge.ThreadRow) error {
	if len(rows) == 0 {
		return nil
	}
	in, args, at := ofThreads(rows)
	return t.each(ctx, "select u.thread "+fromUnopened+" and u.thread in "+in, args, func(r row) error {
		var thread bridge.ID
		err := r.Scan(&thread)
		if i, ok := at[thread]; ok {
			rows[i].Unopened = true
		}
		return err
	})
}
