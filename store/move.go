package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// Moving over from SQLite to PostgreSQL: every table, in one transaction on each side. While it runs nobody can write to the
// SQLite database. At the end the SQLite database is closed for good before the copy is committed, so that there is never a
// moment in which two databases take what comes in; between the two is only the time that one commit takes, and whoever is
// interrupted there, or anywhere before, begins again.

// Moved says what was moved.
type Moved struct {
	Tables int
	Rows   int64
}

// leftBehind are tables that the other database makes by itself: what was done to its schema, who holds what, and the index.
var leftBehind = []string{"goose_db_version", "lease", "index_task", "search_entry"}

const (
	movedPrefix = "moved_"
	movedText   = "this database was moved to PostgreSQL: set database in the configuration"
)

// MoveToPostgres copies the SQLite database at path to an empty PostgreSQL database, compares what arrived with what was sent, and closes
// the SQLite database to writers. Either all of that happened when it returns, or its error says how to begin again. Files outside of the
// database stay where they are.
func MoveToPostgres(ctx context.Context, path, dsn string, keys *seal.Keyring, progress Progress) (Moved, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	m := &move{progress: progress}
	err := m.run(ctx, path, dsn, keys)
	if err != nil {
		return Moved{}, fmt.Errorf("move to PostgreSQL: %w", err)
	}
	return m.moved, nil
}

type move struct {
	from     *tx
	to       *pgx.Conn
	progress Progress
	moved    Moved
}

func (m *move) run(ctx context.Context, path, dsn string, keys *seal.Keyring) error {
	config, _, err := postgresConfig(dsn)
	if err != nil {
		return err
	}
	if err := prepareSQLite(ctx, path); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := migratePostgres(ctx, config); err != nil {
		return err
	}
	d, err := open(ctx, path, keys)
	if err != nil {
		return err
	}
	to, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	m.to = to
	err = settle(ctx, to)
	if err == nil {
		err = m.both(ctx, d)
	}
	return errors.Join(err, to.Close(context.WithoutCancel(ctx)), d.Close())
}

// both holds the SQLite database against other writers, and commits it before PostgreSQL.
func (m *move) both(ctx context.Context, d *DB) error {
	if _, err := m.to.Exec(ctx, "begin"); err != nil {
		return err
	}
	err := m.hold(ctx, d, func(t *tx) error {
		m.from = t
		var mark string
		err := t.one(ctx, "select value from meta where name = 'keys'", nil, t.text(&mark, "meta", "value", []byte("keys")))
		switch {
		case errors.Is(err, bridge.ErrNotFound):
			return errors.New("there is nothing in the SQLite database")
		case err != nil:
			return fmt.Errorf("the SQLite database was made with other keys: use the key file that belongs to it: %w", err)
		}
		tables, err := m.tables(ctx)
		if err != nil {
			return err
		}
		for _, table := range tables {
			if err := m.copy(ctx, table); err != nil {
				return fmt.Errorf("copy %s: %w", table, err)
			}
		}
		return m.close(ctx)
	})
	if err != nil {
		return err
	}
	tag, err := m.to.Exec(context.WithoutCancel(ctx), "commit")
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("it was undone: %s", tag)
	}
	if err != nil {
		return fmt.Errorf("commit: %w (the SQLite database is closed and whole: begin again, or open it with --reopen)", err)
	}
	return nil
}

// lockTries is how often the lock of a busy database is waited for, ten seconds each time.
const lockTries = 12

// hold runs fn once nobody else writes. A gateway that writes without a pause leaves the lock only for moments.
func (m *move) hold(ctx context.Context, d *DB, fn func(*tx) error) error {
	for try := 1; ; try++ {
		err := d.update(ctx, fn)
		if m.from != nil || !errors.Is(err, bridge.ErrUnavailable) || try == lockTries || ctx.Err() != nil {
			return err
		}
	}
}

// tables returns all tables to copy, each after those it refers to, and empties those that a database that was only just made has
// something in. Both databases must have the same ones.
func (m *move) tables(ctx context.Context) ([]string, error) {
	rows, err := m.to.Query(ctx, `select c.relname::text, coalesce(array_agg(f.relname::text) filter (where f.relname <> c.relname), '{}')
		from pg_class c left join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' left join pg_class f on f.oid = k.confrelid
		where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' group by c.relname order by c.relname`)
	if err != nil {
		return nil, err
	}
	refers := map[string][]string{}
	var names []string
	var name string
	var to []string
	_, err = pgx.ForEachRow(rows, []any{&name, &to}, func() error {
		if !slices.Contains(leftBehind, name) {
			names = append(names, name)
			refers[name] = slices.Clone(to)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var full bool
		if err := m.to.QueryRow(ctx, "select exists (select 1 from "+quoted(name)+")").Scan(&full); err != nil {
			return nil, err
		}
		if !full {
			continue
		}
		if name != "meta" && name != "audit_head" {
			return nil, fmt.Errorf("the PostgreSQL database is not empty: table %s has rows; name an empty one", name)
		}
		if _, err := m.to.Exec(ctx, "delete from "+quoted(name)); err != nil {
			return nil, err
		}
	}
	inOrder, err := ordered(names, refers)
	if err != nil {
		return nil, err
	}
	have, err := m.sqliteTables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range have {
		if !slices.Contains(inOrder, name) && !slices.Contains(leftBehind, name) {
			return nil, fmt.Errorf("table %s is not in the PostgreSQL database", name)
		}
	}
	return inOrder, nil
}

// sqliteTables returns the tables of the SQLite database, but for those of the search index.
func (m *move) sqliteTables(ctx context.Context) ([]string, error) {
	var names []string
	err := m.from.each(ctx, `select name from sqlite_master where type = 'table' and name not like 'sqlite\_%' escape '\'
		and name not like 'search\_text%' escape '\' order by name`, nil, func(r row) error {
		names = append(names, "")
		return r.Scan(&names[len(names)-1])
	})
	return names, err
}

// copy copies one table, reads back what arrived, and compares.
func (m *move) copy(ctx context.Context, table string) error {
	columns, kinds, err := m.columns(ctx, table)
	if err != nil {
		return err
	}
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoted(c)
	}
	query := "select " + strings.Join(list, ", ") + " from " + quoted(table)
	where := ""
	if table == "meta" {
		where = " where name <> '" + searchSetting + "'" // without it, the index is made anew when the database is opened
	}
	var total int64
	if err := m.from.one(ctx, "select count(*) from "+quoted(table)+where, nil, &total); err != nil {
		return err
	}
	m.progress(table, 0, total)
	source := &moveSource{kinds: kinds, told: func(n int64) { m.progress(table, n, total) }}
	rows, err := m.from.conn.c.QueryxContext(ctx, query+where)
	if err != nil {
		return err
	}
	source.next, source.scan, source.err = rows.Next, rows.Scan, rows.Err
	n, err := m.to.CopyFrom(ctx, pgx.Identifier{table}, columns, source)
	if closing := rows.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	if n != total || source.sum.rows != total {
		return fmt.Errorf("%d rows of %d arrived", n, total)
	}
	var arrived tableSum
	back, err := m.to.Query(ctx, query)
	if err != nil {
		return err
	}
	defer back.Close()
	for back.Next() {
		values, err := back.Values()
		if err != nil {
			return err
		}
		if err := arrived.add(values, kinds); err != nil {
			return err
		}
	}
	if err := back.Err(); err != nil {
		return err
	}
	if arrived != source.sum {
		return errors.New("what arrived is not what was sent")
	}
	m.moved.Tables++
	m.moved.Rows += total
	return nil
}

// columns returns the columns of a table and their types on PostgreSQL. Both databases must have the same ones.
func (m *move) columns(ctx context.Context, table string) (columns, kinds []string, err error) {
	rows, err := m.to.Query(ctx, `select column_name::text, data_type::text from information_schema.columns
		where table_schema = current_schema() and table_name = $1 order by ordinal_position`, table)
	if err != nil {
		return nil, nil, err
	}
	var column, kind string
	_, err = pgx.ForEachRow(rows, []any{&column, &kind}, func() error {
		columns, kinds = append(columns, column), append(kinds, kind)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	var here []string
	err = m.from.each(ctx, "select name from pragma_table_info(?)", []any{table}, func(r row) error {
		here = append(here, "")
		return r.Scan(&here[len(here)-1])
	})
	if err != nil {
		return nil, nil, err
	}
	a, b := slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(here))
	if !slices.Equal(a, b) {
		return nil, nil, fmt.Errorf("its columns are %q on SQLite and %q on PostgreSQL", b, a)
	}
	return columns, kinds, nil
}

// close makes the SQLite database refuse every write from now on.
func (m *move) close(ctx context.Context) error {
	tables, err := m.sqliteTables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		for _, what := range []string{"insert", "update", "delete"} {
			_, err := m.from.exec(ctx, "create trigger if not exists "+quoted(movedPrefix+what+"_"+table)+" before "+what+" on "+quoted(table)+
				" begin select raise(abort, '"+movedText+"'); end")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Reopen lets an SQLite database be written to again that MoveToPostgres closed. What PostgreSQL took since is not in it.
func Reopen(ctx context.Context, path string, keys *seal.Keyring) error {
	d, err := open(ctx, path, keys)
	if err != nil {
		return err
	}
	err = d.update(ctx, func(t *tx) error {
		var names []string
		err := t.each(ctx, `select name from sqlite_master where type = 'trigger' and name like 'moved\_%' escape '\'`, nil, func(r row) error {
			names = append(names, "")
			return r.Scan(&names[len(names)-1])
		})
		if err == nil && len(names) == 0 {
			err = errors.New("it was not moved")
		}
		for _, name := range names {
			if err == nil {
				_, err = t.exec(ctx, "drop trigger "+quoted(name))
			}
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("reopen %s: %w", path, err)
	}
	return errors.Join(err, d.Close())
}

// quoted quotes a name for SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// moveSource gives pgx the rows of an SQLite table, and sums them up.
type moveSource struct {
	kinds  []string
	next   func() bool
	scan   func(...any) error
	err    func() error
	told   func(int64)
	sum    tableSum
	failed error
}

var _ pgx.CopyFromSource = (*moveSource)(nil)

// Next implements pgx.CopyFromSource.
func (s *moveSource) Next() bool { return s.failed == nil && s.next() }

// Values implements pgx.CopyFromSource.
func (s *moveSource) Values() ([]any, error) {
	values, dest := make([]any, len(s.kinds)), make([]any, len(s.kinds))
	for i := range values {
		dest[i] = &values[i]
	}
	if s.failed = s.scan(dest...); s.failed != nil {
		return nil, s.failed
	}
	for i, v := range values {
		if values[i], s.failed = typed(v, s.kinds[i]); s.failed != nil {
			return nil, s.failed
		}
	}
	if s.failed = s.sum.add(values, s.kinds); s.failed != nil {
		return nil, s.failed
	}
	if s.sum.rows%1000 == 0 {
		s.told(s.sum.rows)
	}
	return values, nil
}

// Err implements pgx.CopyFromSource.
func (s *moveSource) Err() error { return errors.Join(s.failed, s.err()) }

// typed returns a value as a column's Go type: int64, bool, string, []byte or nil.
func typed(v any, kind string) (any, error) {
	switch kind {
	case "boolean":
		if n, ok := v.(int64); ok {
			return n != 0, nil
		}
	case "integer", "bigint", "smallint":
		switch n := v.(type) {
		case bool:
			if n {
				return int64(1), nil
			}
			return int64(0), nil
		case int32:
			return int64(n), nil
		case int16:
			return int64(n), nil
		}
	case "text":
		if b, ok := v.([]byte); ok {
			return string(b), nil
		}
	case "bytea":
		if s, ok := v.(string); ok {
			return []byte(s), nil
		}
	default:
		return nil, fmt.Errorf("a column of type %s", kind)
	}
	switch v.(type) {
	case nil, int64, bool, string, []byte:
		return v, nil
	}
	return nil, fmt.Errorf("a value of type %T in a column of type %s", v, kind)
}

// tableSum is a check sum over the rows of a table in any order: the sum of their hashes.
type tableSum struct {
	rows int64
	sums [4]uint64
}

func (s *tableSum) add(values []any, kinds []string) error {
	h := sha256.New()
	for i, v := range values {
		v, err := typed(v, kinds[i])
		if err != nil {
			return err
		}
		var b []byte
		tag := byte(0)
		switch v := v.(type) {
		case int64:
			tag, b = 1, binary.BigEndian.AppendUint64(nil, uint64(v))
		case bool:
			tag = 2
			if v {
				tag = 3
			}
		case string:
			tag, b = 4, []byte(v)
		case []byte:
			tag, b = 5, v
		}
		h.Write(binary.AppendUvarint([]byte{tag}, uint64(len(b))))
		h.Write(b)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	for i := range s.sums {
		s.sums[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
	s.rows++
	return nil
}
