package store

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// dump reads all tables of a database as they were at one moment, on a connection of its own, while others go on writing.
type dump struct {
	db     *sqlx.DB
	c      *sqlx.Conn
	engine engine
}

// table is a table as a backup has it.
type table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// openDump begins a snapshot of the database. The caller closes it, soon: on SQLite the log grows meanwhile, on PostgreSQL nothing is vacuumed.
func (d *DB) openDump(ctx context.Context) (*dump, error) {
	if d.pg != nil {
		db := sqlx.NewDb(stdlib.OpenDB(*d.pg.patient, stdlib.OptionAfterConnect(settle)), "pgx")
		return beginDump(ctx, db, postgresEngine, beginView,
			// A backup may take long, and its disk may be slow.
			"set statement_timeout = 0", "set idle_in_transaction_session_timeout = 0")
	}
	path, err := d.sqlitePath(ctx)
	if err != nil {
		return nil, err
	}
	return dumpSQLite(ctx, path)
}

// sqlitePath is the name of the database's file.
func (d *DB) sqlitePath(ctx context.Context) (path string, err error) {
	err = d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select file from pragma_database_list where name = 'main'", nil, &path)
	})
	return path, err
}

func dumpSQLite(ctx context.Context, path string) (*dump, error) {
	db, err := openSQLite(path, false, 1)
	if err != nil {
		return nil, err
	}
	return beginDump(ctx, db, sqliteEngine, "begin")
}

func beginDump(ctx context.Context, db *sqlx.DB, e engine, begin string, before ...string) (_ *dump, err error) {
	s := &dump{db: db, engine: e}
	defer func() {
		if err != nil {
			err = errors.Join(unavailable(err), s.close())
		}
	}()
	if s.c, err = db.Connx(ctx); err != nil {
		return nil, err
	}
	for _, statement := range append(before, begin) {
		if _, err := s.c.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *dump) close() error {
	if s.c == nil {
		return s.db.Close()
	}
	_, _ = s.c.ExecContext(background, "rollback") // it only read, and the connection ends
	return errors.Join(s.c.Close(), s.db.Close())
}

// schema returns the version of the schema.
func (s *dump) schema(ctx context.Context) (version int64, err error) {
	err = s.c.GetContext(ctx, &version, "select max(version_id) from goose_db_version where is_applied")
	return version, err
}

// tables returns all tables with content, each after those it refers to.
func (s *dump) tables(ctx context.Context) ([]table, error) {
	var names []string
	query := `select name from sqlite_schema where type = 'table' and name not like 'sqlite\_%' escape '\'
		and name not like 'search\_text%' escape '\' order by name`
	if s.engine == postgresEngine {
		query = `select relname::text from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r' order by relname`
	}
	if err := s.c.SelectContext(ctx, &names, query); err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(leftBehind, name) })
	refers := map[string][]string{}
	for _, name := range names {
		to, err := s.refersTo(ctx, name)
		if err != nil {
			return nil, err
		}
		refers[name] = to
	}
	ordered, err := ordered(names, refers)
	if err != nil {
		return nil, err
	}
	all := make([]table, len(ordered))
	for i, name := range ordered {
		columns, err := s.columns(ctx, name)
		if err != nil {
			return nil, err
		}
		all[i] = table{Name: name, Columns: columns}
	}
	return all, nil
}

func (s *dump) refersTo(ctx context.Context, name string) (to []string, err error) {
	if s.engine == postgresEngine {
		err = s.c.SelectContext(ctx, &to, `select distinct f.relname::text from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class f on f.oid = k.confrelid
			where k.contype = 'f' and c.relnamespace = current_schema()::regnamespace and c.relname = $1 and f.oid <> c.oid`, name)
		return to, err
	}
	err = s.c.SelectContext(ctx, &to, `select distinct "table" from pragma_foreign_key_list(?) where "table" <> ?`, name, name)
	return to, err
}

func (s *dump) columns(ctx context.Context, name string) (columns []string, err error) {
	if s.engine == postgresEngine {
		err = s.c.SelectContext(ctx, &columns, `select column_name::text from information_schema.columns
			where table_schema = current_schema() and table_name = $1 and is_generated = 'NEVER' order by ordinal_position`, name)
		return columns, err
	}
	err = s.c.SelectContext(ctx, &columns, "select name from pragma_table_info(?) order by cid", name)
	return columns, err
}

// ordered brings tables into an order in which each comes after those it refers to.
func ordered(names []string, refers map[string][]string) ([]string, error) {
	var done []string
	for len(done) < len(names) {
		before := len(done)
		for _, name := range names {
			ready := !slices.Contains(done, name)
			for _, other := range refers[name] {
				ready = ready && slices.Contains(done, other)
			}
			if ready {
				done = append(done, name)
			}
		}
		if len(done) == before {
			return nil, errors.New("tables refer to each other in a circle")
		}
	}
	return done, nil
}

// from is the part of a query that names the rows to take of a table. Whether there is an index is left out: where the rows come to, it is made anew.
func from(name string) string {
	query := " from " + quoted(name)
	if name == "meta" {
		query += " where name <> '" + searchSetting + "'"
	}
	return query
}

func (s *dump) count(ctx context.Context, name string) (n int64, err error) {
	err = s.c.GetContext(ctx, &n, "select count(*)"+from(name))
	return n, err
}

// rows returns what hands out the rows of a table one by one, with io.EOF after the last one; a row is the caller's until the next call. The
// caller calls stop in the end.
func (s *dump) rows(ctx context.Context, t table) (next func() ([]any, error), stop func() error, err error) {
	list := make([]string, len(t.Columns))
	values, dest := make([]any, len(list)), make([]any, len(list))
	for i, column := range t.Columns {
		list[i], dest[i] = quoted(column), &values[i]
	}
	rows, err := s.c.QueryContext(ctx, "select "+strings.Join(list, ", ")+from(t.Name))
	if err != nil {
		return nil, nil, unavailable(err)
	}
	next = func() ([]any, error) {
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return nil, unavailable(err)
			}
			return nil, io.EOF
		}
		return values, rows.Scan(dest...)
	}
	return next, rows.Close, nil
}

// files counts the files that the rows name, and the octets of their content.
func (s *dump) files(ctx context.Context) (n, octets int64, err error) {
	err = s.c.QueryRowContext(ctx, "select count(*), cast(coalesce(sum(size), 0) as bigint) from blob").Scan(&n, &octets)
	return n, octets, err
}

// keys hands fn the keys of the files.
func (s *dump) keys(ctx context.Context, fn func(string) error) error {
	rows, err := s.c.QueryContext(ctx, "select key from blob order by key")
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return err
		}
		if err := fn(key); err != nil {
			return err
		}
	}
	return unavailable(rows.Err())
}
