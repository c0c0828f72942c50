package store

import (
	"context"
	"math"

	"letterlock/bridge"
)

// How PostgreSQL searches. A GIN index finds rows in no order: all of a common word's would be fetched and sorted for the newest fifty.
// A walk over the ids from the newest on ends soon for a common word, and goes through the whole table for a rare one. The planner chooses by
// statistics that it has not got for most words, so the choice is made here: first a short walk, which is enough for what is common, and
// then the index, for what the walk has shown to be rare. Conditions are wrapped so that each statement can go one way only.

// walkLength is how many entries are looked at one by one. What is not found in them often enough to fill a page is in less than a
// thirtieth of all, or was lately.
const walkLength = 1500

func (t *tx) searchPostgres(ctx context.Context, s search) ([]bridge.Found, error) {
	const (
		from  = "select e.id, e.thread, e.seq from search_entry e"
		asked = "cast(cast(? as text) as tsquery)"
	)
	found, err := t.found(ctx, from+` where (e.words @@ `+asked+`) is true and e.id >= ? and e.id < ?
		and e.id >= coalesce((select w.id from search_entry w where w.id < ? order by w.id desc offset ? limit 1), ?)`+s.filter+
		" order by e.id desc limit ?",
		append(append([]any{s.text, s.from, s.until, s.until, walkLength, int64(math.MinInt64)}, s.args...), s.limit)...)
	if err != nil || len(found) == s.limit {
		return found, err
	}
	return t.found(ctx, from+" where e.words @@ "+asked+" and e.id + 0 >= ? and e.id + 0 < ?"+s.filter+" order by e.id + 0 desc limit ?",
		append(append([]any{s.text, s.from, s.until}, s.args...), s.limit)...)
}

// putPostgres writes an entry, or writes it anew. If another process has taken its id meanwhile, the transaction runs again.
func (t *tx) putPostgres(ctx context.Context, m *bridge.Message, e entry) error {
	id, err := t.freePlace(ctx, placeOf(m.At))
	if err != nil {
		return err
	}
	err = t.send(ctx, `insert into search_entry (id, thread, seq, note, words)
		select ?, thread, seq, ?, cast(cast(? as text) as tsvector) from message where thread = ? and seq = ?
		on conflict (thread, seq) do update set words = excluded.words`, id, m.Kind == bridge.Note, e.vector(), m.Thread, m.Seq)
	return err
}
