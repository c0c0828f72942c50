package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"letterlock/bridge"
)

// Retention implements bridge.Lives.
func (t *tx) Retention(ctx context.Context, thread bridge.ID) (bridge.Retention, error) {
	var r bridge.Retention
	err := t.one(ctx, "select days, hold from retention where thread = ?", []any{thread}, &r.Days, &r.Hold)
	if errors.Is(err, bridge.ErrNotFound) {
		err = nil
	}
	return r, err
}

// SetRetention implements bridge.Lives.
func (t *tx) SetRetention(ctx context.Context, thread bridge.ID, r bridge.Retention) error {
	if r == (bridge.Retention{}) {
		_, err := t.exec(ctx, "delete from retention where thread = ?", thread)
		return err
	}
	_, err := t.exec(ctx, `insert into retention (thread, days, hold) values (?, ?, ?)
		on conflict (thread) do update set days = excluded.days, hold = excluded.hold`, thread, r.Days, r.Hold)
	return err
}

const day = 24 * time.Hour

// ExpiredThreads implements bridge.Lives.
func (t *tx) ExpiredThreads(ctx context.Context, now time.Time, days, limit int) ([]bridge.ID, error) {
	var all []bridge.ID
	collect := func(r row) error {
		all = append(all, bridge.ID{})
		return r.Scan(&all[len(all)-1])
	}
	err := t.each(ctx, `select r.thread from retention r cross join thread t
		where t.id = r.thread and r.days > 0 and not r.hold and t.last_at < cast(? as bigint) - r.days * cast(? as bigint)
		and not exists (select 1 from pending p where p.thread = t.id and p.state = 'waiting') limit ?`, []any{micros(now), day.Microseconds(), limit}, collect)
	if err != nil || days <= 0 || len(all) >= limit {
		return all, err
	}
	err = t.each(ctx, `select t.id from thread t where t.last_at < ?
		and not exists (select 1 from retention r where r.thread = t.id and (r.hold or r.days > 0))
		and not exists (select 1 from pending p where p.thread = t.id and p.state = 'waiting')
		order by t.last_at, t.id limit ?`, []any{micros(now.Add(-time.Duration(days) * day)), limit - len(all)}, collect)
	return all, err
}

// ThreadsOf implements bridge.Lives. It reads all that anybody takes part in: it is for an export now and then.
func (t *tx) ThreadsOf(ctx context.Context, person, after bridge.ID, limit int) ([]bridge.ID, error) {
	var all []bridge.ID
	err := t.each(ctx, "select thread from participant where person = ? and thread > ? order by thread limit ?", []any{person, after[:], limit}, func(r row) error {
		all = append(all, bridge.ID{})
		return r.Scan(&all[len(all)-1])
	})
	return all, err
}

// DeleteThread implements bridge.Lives. What refers to the thread goes with it (on delete cascade); received mail does not refer to it in that
// sense, since it is there first.
func (t *tx) DeleteThread(ctx context.Context, id bridge.ID) error {
	now := micros(time.Now())
	for _, query := range []string{
		`insert into removal (blob_key, at) select blob_key, cast(? as bigint) from attachment where thread = ? and blob_key is not null
			on conflict do nothing`,
		`insert into removal (blob_key, at) select w.blob_key, cast(? as bigint) from message m join received_raw w on w.received = m.received
			where m.thread = ? and w.blob_key is not null on conflict do nothing`,
		`insert into removal (blob_key, at) select w.blob_key, cast(? as bigint) from received r join received_raw w on w.received = r.id
			where r.thread = ? and r.disposition <> 'appended' and w.blob_key is not null on conflict do nothing`,
		`insert into removal (blob_key, at) select f.blob_key, cast(? as bigint) from pending_file f join pending p on p.id = f.pending
			where p.thread = ? and f.blob_key is not null on conflict do nothing`,
	} {
		if _, err := t.exec(ctx, query, now, id); err != nil {
			return err
		}
	}
	for _, query := range []string{
		"delete from received where id in (select received from message where thread = ? and received is not null)",
		"delete from received where thread = ? and disposition <> 'appended'",
	} {
		if _, err := t.exec(ctx, query, id); err != nil {
			return err
		}
	}
	return t.change(ctx, "delete from thread where id = ?", id)
}

// DeleteReceived implements bridge.Lives.
func (t *tx) DeleteReceived(ctx context.Context, before time.Time, limit int) (int, error) {
	var ids []bridge.ID
	err := t.each(ctx, "select id from received where at < ? and thread is null and waiting_at is null order by at, id limit ?",
		[]any{micros(before), limit}, func(r row) error {
			ids = append(ids, bridge.ID{})
			return r.Scan(&ids[len(ids)-1])
		})
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		_, err := t.exec(ctx, `insert into removal (blob_key, at) select blob_key, cast(? as bigint) from received_raw
			where received = ? and blob_key is not null on conflict do nothing`, micros(time.Now()), id)
		if err != nil {
			return 0, err
		}
		if _, err := t.exec(ctx, "delete from received where id = ?", id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// RemoveDeleted deletes the files whose records were deleted, at once. What somebody else has staged or attached too, or since, is left to
// the sweep, which finds it once nothing refers to it.
func (d *DB) RemoveDeleted(ctx context.Context) error {
	for {
		var gone []string
		n := 0
		err := d.update(ctx, func(t *tx) (err error) {
			gone, n, err = t.forgetDeleted(ctx)
			return err
		})
		for i := 0; err == nil && i < len(gone); i++ {
			// A file that stays behind here is found by its age.
			err = d.blobs.Remove(ctx, gone[i])
		}
		if err != nil {
			return fmt.Errorf("delete files: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

// forgetDeleted deletes the rows of files that nothing refers to any more and returns their keys, and how many it looked at.
func (t *tx) forgetDeleted(ctx context.Context) (gone []string, seen int, err error) {
	type removal struct {
		key string
		at  int64
	}
	var all []removal
	err = t.each(ctx, "select blob_key, at from removal order by blob_key limit ?", []any{sweepBatch}, func(r row) error {
		all = append(all, removal{})
		return r.Scan(&all[len(all)-1].key, &all[len(all)-1].at)
	})
	for _, r := range all {
		if err != nil {
			break
		}
		var refs int
		err = t.one(ctx, `select count(*) from (select 1 from attachment where blob_key = ?
			union all select 1 from received_raw where blob_key = ?
			union all select 1 from pending_file where blob_key = ?
			union all select 1 from staged where blob_key = ?) u`, []any{r.key, r.key, r.key, r.key}, &refs)
		if err != nil {
			break
		}
		if refs == 0 {
			var n int64
			if n, err = t.exec(ctx, "delete from blob where key = ? and used_at <= ?", r.key, r.at); n > 0 {
				gone = append(gone, r.key)
			}
		}
		if err == nil {
			_, err = t.exec(ctx, "delete from removal where blob_key = ?", r.key)
		}
	}
	return gone, len(all), err
}
