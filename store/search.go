package store

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// SearchMessages implements bridge.Searches. Everything that is asked for is in the one query, which walks the entries from the
// newest on and stops at the limit. The index knows who reads a message and whether its thread is open as of a moment ago; the tables
// know it now. They are asked about one entry after the other, by subqueries that yield a value: what could be written as a join PostgreSQL
// would begin with, and go through all that a person may read.
//
// FTS5 hands out what matches in the order of its ids, from either end, so that there is nothing to sort.
func (t *tx) SearchMessages(ctx context.Context, q bridge.SearchQuery) ([]bridge.Found, error) {
	on, err := t.searchIsOn(ctx)
	if err != nil {
		return nil, err
	}
	if !on {
		return nil, bridge.ErrSearchOff
	}
	s := search{limit: q.Limit, from: math.MinInt64, until: math.MaxInt64, text: t.conn.engine.searchFor(t.searchTerms(q))}
	if !q.Since.IsZero() {
		s.from = placeOf(q.Since)
	}
	if !q.Until.IsZero() {
		s.until = placeOf(q.Until)
	}
	if q.After != 0 {
		s.until = min(s.until, int64(q.After))
	}
	if !q.Reader.IsZero() {
		s.filter += " and not e.note and (select p.left_at from participant p where p.thread = e.thread and p.person = ?) = 0"
		s.args = append(s.args, q.Reader)
	}
	if q.Status != "" {
		s.filter += " and (select t.status from thread t where t.id = e.thread) = ?"
		s.args = append(s.args, q.Status)
	}
	if t.conn.engine == postgresEngine {
		return t.searchPostgres(ctx, s)
	}
	return t.found(ctx, "select e.id, e.thread, e.seq from search_text f cross join search_entry e"+
		" where f.search_text match ? and f.rowid >= ? and f.rowid < ? and e.id = f.rowid"+s.filter+" order by f.rowid desc limit ?",
		append(append([]any{s.text, s.from, s.until}, s.args...), s.limit)...)
}

// search is a query in the engine's words.
type search struct {
	text        string // in the language of the engine's full-text search
	from, until int64  // ids
	filter      string // on what the tables hold now
	args        []any  // of the filter
	limit       int
}

func (t *tx) found(ctx context.Context, query string, args ...any) ([]bridge.Found, error) {
	var found []bridge.Found
	err := t.each(ctx, query, args, func(r row) error {
		found = append(found, bridge.Found{})
		f := &found[len(found)-1]
		return r.Scan(&f.Place, &f.Thread, &f.Seq)
	})
	return found, err
}

// searchTerm is tokens that follow one another, in one field or in any.
type searchTerm struct {
	tokens []string
	author bool // only in the author's name
	not    bool
}

// searchTerms brings a query into the words of the index.
func (t *tx) searchTerms(q bridge.SearchQuery) []searchTerm {
	h := newHasher(t.conn.keys)
	var all []searchTerm
	add := func(not bool, token string) { all = append(all, searchTerm{tokens: []string{token}, not: not}) }
	if !q.Reader.IsZero() {
		add(false, h.mark(markReader, string(q.Reader[:])))
	}
	for _, term := range q.Terms {
		if term.Prefix {
			add(term.Not, h.edge(clipEdge(term.Words[0])))
			continue
		}
		all = append(all, searchTerm{tokens: h.words(term.Words), not: term.Not})
	}
	for _, s := range q.From {
		switch {
		case !s.Person.IsZero():
			add(s.Not, h.mark(markAuthor, string(s.Person[:])))
		case s.Domain != "":
			add(s.Not, h.mark(markDomain, s.Domain))
		default:
			all = append(all, searchTerm{tokens: h.words(s.Words), author: true, not: s.Not})
		}
	}
	if q.Files != query.Either {
		add(q.Files == query.No, h.mark(markFiles, ""))
	}
	if q.Status != "" {
		add(false, h.mark(markStatus, string(q.Status)))
	}
	for _, one := range all {
		if !one.not {
			return all
		}
	}
	add(false, h.mark(markAny, ""))
	return all
}

// clipEdge cuts the beginning of a word to the longest that is indexed.
func clipEdge(s string) string {
	n := 0
	for i := range s {
		if n++; n > query.MaxEdge {
			return s[:i]
		}
	}
	return s
}

// Ids of entries sort by time: milliseconds since 2020, and a few bits for those of one millisecond. They are small, since an index
// stores the differences between them.
const placeBits = 6

var placeEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// placeOf returns the first id of a moment.
func placeOf(at time.Time) int64 { return (at.UnixMilli() - placeEpoch) << placeBits }

// searchFor writes terms in the engine's language. Tokens are letters and digits, so there is nothing to escape.
func (e engine) searchFor(terms []searchTerm) string {
	one, and, or, not := ftsTerm, " AND ", " OR ", " NOT "
	if e == postgresEngine {
		one, and, or, not = tsTerm, " & ", " | ", " & !"
	}
	var yes, no []string
	for _, t := range terms {
		if t.not {
			no = append(no, one(t))
		} else {
			yes = append(yes, one(t))
		}
	}
	s := "(" + strings.Join(yes, and) + ")"
	if len(no) > 0 {
		s += not + "(" + strings.Join(no, or) + ")"
	}
	return s
}

func ftsTerm(t searchTerm) string {
	s := `"` + strings.Join(t.tokens, " ") + `"`
	if t.author {
		s = "author : " + s
	}
	return s
}

func tsTerm(t searchTerm) string {
	weight := ""
	if t.author {
		weight = ":D"
	}
	parts := make([]string, len(t.tokens))
	for i, token := range t.tokens {
		parts[i] = "'" + token + "'" + weight
	}
	return "(" + strings.Join(parts, " <-> ") + ")"
}

// searchSetting is the row of meta that says whether an index is kept. It is in the database, so that a transaction that adds a message
// and one that turns search off agree.
const (
	searchSetting = "search"
	searchOn      = "on"
)

func (t *tx) searchIsOn(ctx context.Context) (bool, error) {
	var value []byte
	err := t.one(ctx, "select value from meta where name = ?", []any{searchSetting}, &value)
	if errors.Is(err, bridge.ErrNotFound) {
		return false, nil
	}
	return string(value) == searchOn, err
}

// switchSearch turns the index on, which puts all messages there are into the queue, or off, which removes every token.
func (d *DB) switchSearch(ctx context.Context, on bool) error {
	return d.update(ctx, func(t *tx) error {
		is, err := t.searchIsOn(ctx)
		if err != nil || is == on {
			return err
		}
		if !on {
			for _, statement := range t.conn.engine.clearSearch() {
				if _, err := t.exec(ctx, statement); err != nil {
					return err
				}
			}
			_, err := t.exec(ctx, "delete from meta where name = ?", searchSetting)
			return err
		}
		_, err = t.exec(ctx, "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value", searchSetting, []byte(searchOn))
		if err != nil {
			return err
		}
		return t.indexAll(ctx)
	})
}

func (e engine) clearSearch() []string {
	if e == postgresEngine {
		return []string{"delete from index_task", "truncate search_entry"}
	}
	return []string{"delete from index_task", "insert into search_text (search_text) values ('delete-all')", "delete from search_entry"}
}

// indexAll queues every message there is. Threads are named by their own ids, which sort by time too.
func (t *tx) indexAll(ctx context.Context) error {
	_, err := t.exec(ctx, "insert into index_task (id, thread, first_seq, last_seq) select id, id, 1, seq from thread where seq > 0 on conflict do nothing")
	return err
}

// Reindex puts every message into the index's queue again, if an index is kept: for content that came in by other ways than the
// domain's.
func (d *DB) Reindex(ctx context.Context) error {
	return d.update(ctx, func(t *tx) error {
		on, err := t.searchIsOn(ctx)
		if err != nil || !on {
			return err
		}
		return t.indexAll(ctx)
	})
}
