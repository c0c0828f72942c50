package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"letterlock/store/seal"
)

// conn is one connection to the database, with the statements it has prepared. One goroutine at a time may use it.
//
// Statements run to their end whatever becomes of a caller's context: to interrupt one would make SQLite roll back the
// transaction that others share, and PostgreSQL's driver close the connection. They are short by design, and contexts are looked
// at between them.
type conn struct {
	c       *sqlx.Conn
	engine  engine
	keys    *seal.Keyring
	stmts   map[string]*statement // on SQLite
	scratch []byte                // where a text is copied to be sealed
	start   string                // begins a transaction

	// On PostgreSQL, where each statement is a journey to the server and back:
	db      *sqlx.DB          // makes another connection
	queries map[string]string // as the server wants them
	ahead   []errand          // what goes with the next statement
	unbegun bool              // the first of them begins the transaction
	used    time.Time         // when the last transaction ended; zero if none has run
}

// background is the context of all statements; see conn.
var background = context.Background()

func newConn(ctx context.Context, db *sqlx.DB, e engine, keys *seal.Keyring, start string) (*conn, error) {
	c, err := db.Connx(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, db: db, engine: e, keys: keys, stmts: map[string]*statement{}, queries: map[string]string{}, start: start}, nil
}

// query returns a query as the engine runs it. Queries are constants, so their number is bounded.
func (c *conn) query(query string) string {
	return sqlx.Rebind(c.engine.bind(), c.engine.dialect(query))
}

// exec runs a statement, and returns how many rows it touched.
func (c *conn) exec(query string, args ...any) (int64, error) {
	if c.engine == postgresEngine {
		return c.execOnce(query, args)
	}
	return c.execPrepared(query, args)
}

// send runs a statement whose answer nobody needs but if it fails. It may run together with the next one, and its failure is that one's
// then, or the commit's.
func (c *conn) send(query string, args ...any) error {
	if c.engine == postgresEngine {
		return c.sendLater(query, args)
	}
	_, err := c.exec(query, args...)
	return err
}

// each calls fn for every row of a query, until it fails. The first error is of the statement, the second is fn's.
func (c *conn) each(query string, args []any, fn func(row) error) (fault, failed error) {
	if c.engine == postgresEngine {
		return c.eachOnce(query, args, fn)
	}
	return c.eachPrepared(query, args, fn)
}

func (c *conn) do(query string) error {
	_, err := c.exec(query)
	return err
}

func (c *conn) begin() error     { return c.do(c.start) }
func (c *conn) commit() error    { return c.do("commit") }
func (c *conn) savepoint() error { return c.do("savepoint member") }
func (c *conn) release() error   { return c.do("release member") }

// undo takes back what happened since the savepoint.
func (c *conn) undo() error {
	if err := c.do("rollback to member"); err != nil {
		return err
	}
	return c.release()
}

// rollback ends the transaction if there still is one. SQLite ends it by itself after some errors, so there is no error to tell.
func (c *conn) rollback() { _ = c.do("rollback") }

// shrink gives back the memory of SQLite's page caches. The pragma works when it is prepared, so it is prepared anew each time.
func (c *conn) shrink() { _, _ = c.c.ExecContext(background, "pragma shrink_memory") }

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, c.c.Raw(func(any) error { return s.driver.Close() }))
	}
	return errors.Join(append(errs, c.c.Close())...)
}
