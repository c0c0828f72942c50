package store

import (
	"context"

	"letterlock/bridge"
)

// indexFaults are what must not be found where an index of all messages is kept. Each query returns a thread and the number of a message in it,
// and reads one state of the database. What waits in the indexer's queue is not missing; of a thread that waits in several parts, what is
// between them counts as waiting too.
var indexFaults = []struct{ table, what, query string }{
	{"search_entry", "message %d is not in the search index", `select m.thread, m.seq from message m
		left join search_entry e on e.thread = m.thread and e.seq = m.seq
		left join (select thread, min(first_seq) as first, max(last_seq) as last from index_task group by thread) k on k.thread = m.thread
		where e.id is null and (k.thread is null or m.seq < k.first or m.seq > k.last)`},
	{"search_entry", "message %d is gone, and still in the search index", `select e.thread, e.seq from search_entry e
		left join message m on m.thread = e.thread and m.seq = e.seq where m.id is null`},
	{"search_entry", "whether message %d is an internal note is another thing in the search index", `select e.thread, e.seq from search_entry e
		join message m on m.thread = e.thread and m.seq = e.seq where e.note <> (m.kind = 'note')`},
}

// index compares the search index with the messages.
func (c *checker) index(ctx context.Context) error {
	return c.db.view(ctx, func(t *tx) error {
		if err := t.readWhole(ctx); err != nil {
			return err
		}
		on, err := t.searchIsOn(ctx)
		if err != nil {
			return err
		}
		if !on {
			return c.noIndex(ctx, t)
		}
		c.total = int64(len(indexFaults) + 2)
		for _, f := range indexFaults {
			if err := c.indexed(ctx, t, f.table, f.what, f.query); err != nil {
				return err
			}
		}
		// Every entry has this mark. What it is looked up in is the index itself.
		everything := newHasher(c.db.keys).mark(markAny, "")
		if t.conn.engine == postgresEngine {
			return c.indexed(ctx, t, "search_entry", "the words of message %d are not in the search index",
				"select e.thread, e.seq from search_entry e where (e.words @@ cast(cast(? as text) as tsquery)) is not true", "'"+everything+"'")
		}
		err = c.indexed(ctx, t, "search_entry", "the words of message %d are not in the search index",
			"select e.thread, e.seq from search_entry e where e.id not in (select rowid from search_text where search_text match ?)", `"`+everything+`"`)
		if err != nil {
			return err
		}
		return c.strayWords(ctx, t, "the search index has words of %d messages that are gone")
	})
}

// indexed tells what one query finds.
func (c *checker) indexed(ctx context.Context, t *tx, table, what, query string, args ...any) error {
	err := t.each(ctx, query, args, func(r row) error {
		var thread bridge.ID
		var seq int64
		if err := r.Scan(&thread, &seq); err != nil {
			return err
		}
		c.fault(table, thread[:], what, seq)
		return nil
	})
	c.step(1)
	return err
}

// noIndex wants nothing in the index where none is kept.
func (c *checker) noIndex(ctx context.Context, t *tx) error {
	var entries, tasks int64
	if err := t.one(ctx, "select (select count(*) from search_entry), (select count(*) from index_task)", nil, &entries, &tasks); err != nil {
		return err
	}
	if entries+tasks > 0 {
		c.fault("search_entry", nil, "no search index is kept, and there are entries of %d messages", entries+tasks)
	}
	if t.conn.engine == postgresEngine {
		return nil
	}
	return c.strayWords(ctx, t, "no search index is kept, and there are words of %d messages")
}

// strayWords counts what FTS5 holds words for and no entry names.
func (c *checker) strayWords(ctx context.Context, t *tx, what string) error {
	var stray int64
	err := t.one(ctx, "select count(*) from search_text_docsize where id not in (select id from search_entry)", nil, &stray)
	if err == nil && stray > 0 {
		c.fault("search_text", nil, what, stray)
	}
	c.step(1)
	return err
}
