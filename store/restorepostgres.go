package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// schemaPlace is a PostgreSQL database. What is restored is put together in a schema of its own beside the one that it is for, and all
// tables move over in one transaction in the end.
type schemaPlace struct {
	to      RestoreTo
	c       *pgx.Conn
	target  string // schema
	staging string
	dsn     string // of the staging schema
}

// How often, and how long apart, a restore asks whether another is running.
const (
	aloneTries = 20
	alonePause = 100 * time.Millisecond
)

func newSchemaPlace(ctx context.Context, to RestoreTo) (_ *schemaPlace, err error) {
	config, _, err := postgresConfig(to.DSN)
	if err != nil {
		return nil, err
	}
	p := &schemaPlace{to: to}
	if err := os.MkdirAll(filepath.Join(to.Dir, to.Blobs), 0o700); err != nil {
		return nil, err
	}
	if p.c, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.c.Close(background))
		}
	}()
	if err := settle(ctx, p.c); err != nil {
		return nil, err
	}
	var target *string
	if err := p.c.QueryRow(ctx, "select current_schema()::text").Scan(&target); err != nil {
		return nil, err
	}
	if target == nil {
		return nil, errors.New("the database has none of the schemas that its search_path names")
	}
	p.target, p.staging = *target, *target+"_restoring"
	if len(p.staging) > 63 {
		return nil, fmt.Errorf("the name of the schema %s is too long", p.target)
	}
	if p.dsn, err = withSearchPath(to.DSN, p.staging); err != nil {
		return nil, err
	}
	alone := false
	for try := 0; !alone && try < aloneTries; try++ {
		if try > 0 {
			time.Sleep(alonePause) // the server may not have noticed yet that the one before has gone
		}
		if err := p.c.QueryRow(ctx, "select pg_try_advisory_lock(hashtextextended($1, 0))", "letterlock restore "+p.target).Scan(&alone); err != nil {
			return nil, err
		}
	}
	if !alone {
		return nil, errors.New("another restore to this database is running")
	}
	// What a restore left that was killed goes.
	for _, statement := range []string{"set client_min_messages = warning", "drop schema if exists " + quoted(p.staging) + " cascade", "create schema " + quoted(p.staging)} {
		if _, err := p.c.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("make a schema beside the database's: %w", err)
		}
	}
	return p, nil
}

// withSearchPath returns the name of a database with a schema that is looked into.
func withSearchPath(dsn, schema string) (string, error) {
	before, query, _ := strings.Cut(dsn, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", errors.New("what follows the ? in the name of the database can't be read")
	}
	q.Set("search_path", quoted(schema))
	return before + "?" + q.Encode(), nil
}

// config implements place.
func (p *schemaPlace) config() Config {
	return Config{DSN: p.dsn, Blobs: filepath.Join(p.to.Dir, p.to.Blobs), Shelf: p.to.Shelf, Keys: p.to.Keys}
}

// sink implements place.
func (p *schemaPlace) sink(ctx context.Context, version int64) (rowSink, error) {
	config, _, err := postgresConfig(p.dsn)
	if err != nil {
		return nil, err
	}
	if err := migratePostgresTo(ctx, config, version); err != nil {
		return nil, err
	}
	tx, err := p.c.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(p.clear(ctx, tx), tx.Rollback(ctx)); err != nil { // before hours of work
		return nil, err
	}
	db := sqlx.NewDb(stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settle)), "pgx")
	s, err := beginDump(ctx, db, postgresEngine, "begin", "set idle_in_transaction_session_timeout = 0", "set statement_timeout = 0")
	if err != nil {
		return nil, err
	}
	return &postgresSink{dump: *s}, nil
}

// namesIn returns the tables of a schema.
func namesIn(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	rows, err := tx.Query(ctx, "select relname::text from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by relname", quoted(schema))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// functionsIn returns the functions of a schema, as they are named in statements.
func functionsIn(ctx context.Context, tx pgx.Tx, schema string) ([]string, error) {
	rows, err := tx.Query(ctx, `select quote_ident(proname) || '(' || pg_get_function_identity_arguments(oid) || ')'
		from pg_proc where pronamespace = $1::regnamespace`, quoted(schema))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// clear takes the empty tables away that a gateway has made that was started before the restore. It refuses any that are not.
func (p *schemaPlace) clear(ctx context.Context, tx pgx.Tx) error {
	names, err := namesIn(ctx, tx, p.staging)
	if err != nil {
		return err
	}
	there, err := namesIn(ctx, tx, p.target)
	if err != nil {
		return err
	}
	for _, name := range there {
		if !slices.Contains(names, name) {
			continue
		}
		at := quoted(p.target) + "." + quoted(name)
		if _, err := tx.Exec(ctx, "lock table "+at); err != nil {
			return err
		}
		if !slices.Contains([]string{"meta", "audit_head", "goose_db_version"}, name) {
			var full bool
			if err := tx.QueryRow(ctx, "select exists (select 1 from "+at+")").Scan(&full); err != nil {
				return err
			}
			if full && name == "lease" {
				return errors.New("a gateway is using the PostgreSQL database: stop it first")
			}
			if full {
				return fmt.Errorf("the PostgreSQL database is not empty: table %s has rows; name an empty one", name)
			}
		}
	}
	for _, name := range there {
		if slices.Contains(names, name) {
			if _, err := tx.Exec(ctx, "drop table "+quoted(p.target)+"."+quoted(name)+" cascade"); err != nil {
				return err
			}
		}
	}
	functions, err := functionsIn(ctx, tx, p.staging)
	for _, f := range functions {
		if err == nil {
			_, err = tx.Exec(ctx, "drop function if exists "+quoted(p.target)+"."+f)
		}
	}
	return err
}

// keep implements place.
func (p *schemaPlace) keep(ctx context.Context) error {
	tx, err := p.c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(background)
	if err := p.clear(ctx, tx); err != nil {
		return err
	}
	names, err := namesIn(ctx, tx, p.staging)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, err := tx.Exec(ctx, "alter table "+quoted(p.staging)+"."+quoted(name)+" set schema "+quoted(p.target)); err != nil {
			return err
		}
	}
	functions, err := functionsIn(ctx, tx, p.staging)
	if err != nil {
		return err
	}
	for _, f := range functions {
		if _, err := tx.Exec(ctx, "alter function "+quoted(p.staging)+"."+f+" set schema "+quoted(p.target)); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, "drop schema "+quoted(p.staging)); err != nil { // which fails if anything is left in it
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("%w: %w", errUncertain, err)
	}
	_ = p.c.Close(background) // the commit lasts
	return nil
}

// undo implements place.
func (p *schemaPlace) undo(ctx context.Context) error {
	_, err := p.c.Exec(ctx, "drop schema if exists "+quoted(p.staging)+" cascade")
	return errors.Join(err, p.c.Close(background))
}

// postgresSink fills the tables of a schema that nobody else uses, in one transaction.
type postgresSink struct{ dump }

// take implements rowSink.
func (s *postgresSink) take(ctx context.Context, t table, next func() ([]any, error)) error {
	rows, err := s.c.QueryContext(ctx, `select column_name::text, data_type::text from information_schema.columns
		where table_schema = current_schema() and table_name = $1`, t.Name)
	if err != nil {
		return err
	}
	kinds := map[string]string{}
	for rows.Next() {
		var column, kind string
		if err := rows.Scan(&column, &kind); err != nil {
			return errors.Join(err, rows.Close())
		}
		kinds[column] = kind
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if !maps.Equal(setOf(t.Columns), setOf(slices.Collect(maps.Keys(kinds)))) {
		return errors.New("it has other columns in the database")
	}
	if _, err := s.c.ExecContext(ctx, "delete from "+quoted(t.Name)); err != nil {
		return err
	}
	source := &restoredRows{next: next}
	for _, column := range t.Columns {
		source.kinds = append(source.kinds, kinds[column])
	}
	err = s.c.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", driver)
		}
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, source)
		return err
	})
	if err == nil {
		_, err = s.c.ExecContext(ctx, "analyze "+quoted(t.Name)) // the check asks before the server does this by itself
	}
	return err
}

// end implements rowSink.
func (s *postgresSink) end(ctx context.Context) error {
	_, err := s.c.ExecContext(ctx, "commit")
	return err
}

// restoredRows gives pgx the rows of a backup.
type restoredRows struct {
	next  func() ([]any, error)
	kinds []string
	row   []any
	err   error
}

var _ pgx.CopyFromSource = (*restoredRows)(nil)

// Next implements pgx.CopyFromSource.
func (r *restoredRows) Next() bool {
	r.row, r.err = r.next()
	return r.err == nil
}

// Values implements pgx.CopyFromSource.
func (r *restoredRows) Values() (row []any, err error) {
	row = slices.Clone(r.row)
	for i, v := range row {
		if row[i], err = typed(v, r.kinds[i]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// Err implements pgx.CopyFromSource.
func (r *restoredRows) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}
