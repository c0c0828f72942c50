package store

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// How statements reach PostgreSQL. Each is a journey to another process, or to another machine, and back, and most of a transaction's
// time goes into those. So what nobody waits for the answer of, the beginning of a transaction and many a write, is kept back and
// goes with the next statement that somebody does wait for, at the latest with the commit (the manual's "Pipelining", in the chapter on its
// protocol). If one of them fails, those after it are not run.

// errand is a statement on its way.
type errand struct {
	query string
	args  []any
}

// fresh is for how long after its last transaction a connection is trusted to stand still, so that a transaction may begin
// without asking it.
const fresh = time.Second

// beginShared begins a transaction on PostgreSQL.
func (c *conn) beginShared() error {
	if !c.used.IsZero() && time.Since(c.used) < fresh {
		c.ahead = append(c.ahead, errand{query: c.start})
		c.unbegun = true
		return nil
	}
	return c.do(c.start)
}

// mostAhead is how many statements are kept back.
const mostAhead = 32

// sendLater keeps a statement for the next journey.
func (c *conn) sendLater(query string, args []any) error {
	if len(c.ahead) >= mostAhead {
		_, err := c.execOnce(query, args)
		return err
	}
	e, err := c.errand(query, args)
	if err == nil {
		c.ahead = append(c.ahead, e)
	}
	return err
}

func (c *conn) errand(query string, args []any) (errand, error) {
	text, ok := c.queries[query]
	if !ok {
		text = c.query(query)
		c.queries[query] = text
	}
	args, err := plainValues(args)
	return errand{text, args}, err
}

func (c *conn) execOnce(query string, args []any) (touched int64, err error) {
	e, err := c.errand(query, args)
	if err != nil {
		return 0, err
	}
	_, err = c.journey(e, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		touched = tag.RowsAffected()
		return err
	})
	return touched, err
}

func (c *conn) eachOnce(query string, args []any, fn func(row) error) (fault, failed error) {
	e, err := c.errand(query, args)
	if err != nil {
		return err, nil
	}
	_, fault = c.journey(e, func(r pgx.BatchResults) error {
		rows, err := r.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if failed = fn(rows); failed != nil {
				return nil
			}
		}
		return rows.Err()
	})
	return fault, failed
}

// commitShared commits. lost says that surely nothing was kept; after another error nobody knows. PostgreSQL answers a commit after a failed
// statement with "rollback" and no error.
func (c *conn) commitShared() (lost bool, err error) {
	if c.unbegun {
		// A commit never goes with its transaction's beginning: a connection that was lost before could not be told from one that was lost
		// after it.
		if len(c.ahead) == 1 {
			c.forget() // nothing was done
			return false, nil
		}
		n := len(c.ahead) - 1
		last := c.ahead[n]
		c.ahead[n], c.ahead = errand{}, c.ahead[:n]
		if _, err := c.journey(last, func(r pgx.BatchResults) error { _, err := r.Exec(); return err }); err != nil {
			return true, err
		}
	}
	early, err := c.journey(errand{query: "commit"}, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		if err == nil && tag.String() != "COMMIT" {
			err = fmt.Errorf("it was undone: %s", tag)
		}
		return err
	})
	// Either the server said no to a statement before it, or not an octet of it was sent.
	return err != nil && (early && !disconnected(err) || pgconn.SafeToRetry(err)), err
}

// rollbackShared ends a transaction without keeping anything, if there is one.
func (c *conn) rollbackShared() {
	unbegun := c.unbegun
	c.forget()
	if !unbegun {
		_ = c.do("rollback")
	}
}

// forget drops what was kept back.
func (c *conn) forget() {
	clear(c.ahead)
	c.ahead, c.unbegun = c.ahead[:0], false
}

// restart makes a transaction that has run nothing yet one of another kind.
func (c *conn) restart(begin string) error {
	if c.unbegun {
		c.ahead[0].query = begin
		return nil
	}
	return c.do("set transaction" + strings.TrimPrefix(begin, "begin"))
}

// journey brings the server what was kept back and then one errand more, whose answer read takes. early says that the error is of what was
// kept back.
//
// Where the transaction begins on this journey, nothing is lost if the connection turns out to be: another makes the same journey.
func (c *conn) journey(last errand, read func(pgx.BatchResults) error) (early bool, err error) {
	again := c.unbegun
	defer c.forget()
	early, err = c.travel(last, read)
	if again && err != nil && early && disconnected(err) && c.replace() == nil {
		early, err = c.travel(last, read)
	}
	return early, err
}

func (c *conn) travel(last errand, read func(pgx.BatchResults) error) (early bool, err error) {
	err = c.native(func(n *pgx.Conn) error {
		var b pgx.Batch
		for _, e := range c.ahead {
			b.Queue(e.query, e.args...)
		}
		b.Queue(last.query, last.args...)
		answers := n.SendBatch(background, &b)
		for _, e := range c.ahead {
			if _, err := answers.Exec(); err != nil {
				early = true
				_ = answers.Close() // it says the same
				return fmt.Errorf("%.60s: %w", e.query, err)
			}
		}
		if err := read(answers); err != nil {
			_ = answers.Close()
			return err
		}
		return answers.Close()
	})
	return early, err
}

// replace takes another connection in place of one that was lost.
func (c *conn) replace() error {
	c.drop()
	n, err := c.db.Connx(background)
	if err == nil {
		c.c = n
	}
	return err
}

// drop closes the connection for good.
func (c *conn) drop() {
	_ = c.c.Raw(func(any) error { return driver.ErrBadConn }) // so that database/sql closes it
	_ = c.c.Close()
}

// native calls fn with the driver's own connection.
func (c *conn) native(fn func(*pgx.Conn) error) error {
	return c.c.Raw(func(dc any) error {
		n, ok := dc.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("a connection of type %T", dc)
		}
		return fn(n.Conn())
	})
}

// idle reports whether the connection stands, outside of any transaction.
func (c *conn) idle() bool {
	ok := false
	err := c.native(func(n *pgx.Conn) error {
		ok = !n.IsClosed() && n.PgConn().TxStatus() == 'I'
		return nil
	})
	return err == nil && ok
}

// plainValues prepares arguments as database/sql does. pgx would rather guess what to do with our types.
func plainValues(args []any) ([]any, error) {
	if len(args) == 0 {
		return nil, nil
	}
	plain := make([]any, len(args))
	for i, a := range args {
		v, err := plainValue(a)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		plain[i] = v
	}
	return plain, nil
}
