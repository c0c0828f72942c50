package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"letterlock/bridge"
)

// tx is one transaction, for the time of one function. One goroutine at a time may use it. Its methods are in the files
// named after the nouns of bridge's store interfaces.
type tx struct {
	conn   *conn
	write  bool
	ended  bool
	ran    bool  // at least one statement
	wrote  bool  // at least one that was not a query
	queued int   // tasks for the index
	err    error // the first statement that failed; nothing works after it
}

var _ bridge.Tx = (*tx)(nil)

var errEnded = errors.New("the transaction has ended")

// ready returns the error that stands in the way of another statement.
func (t *tx) ready(ctx context.Context) error {
	if t.ended {
		return errEnded
	}
	if t.err == nil {
		t.err = ctx.Err()
	}
	return t.err
}

// fail keeps the first error of a statement: what was done before it can't stay without what should have followed.
func (t *tx) fail(query string, err error) error {
	first, _, _ := strings.Cut(strings.TrimSpace(query), "\n")
	t.err = fmt.Errorf("%.60s: %w", first, unavailable(err))
	return t.err
}

// exec runs a statement and returns how many rows it touched.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.ready(ctx); err != nil {
		return 0, err
	}
	t.ran, t.wrote = true, true
	n, err := t.conn.exec(query, args...)
	if err != nil {
		return 0, t.fail(query, err)
	}
	return n, nil
}

// send is exec for a statement of which nobody needs to know how many rows it touched. That it failed may come out at a later one, or at the
// commit; either way nothing of the transaction is kept.
func (t *tx) send(ctx context.Context, query string, args ...any) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	t.ran, t.wrote = true, true
	if err := t.conn.send(query, args...); err != nil {
		return t.fail(query, err)
	}
	return nil
}

// change is exec for a row that must be there: its error is bridge.ErrNotFound if no row was touched.
func (t *tx) change(ctx context.Context, query string, args ...any) error {
	n, err := t.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return bridge.ErrNotFound
	}
	return err
}

// add is exec for a row that must not be there: its error is bridge.ErrConflict if "on conflict do nothing" did nothing.
func (t *tx) add(ctx context.Context, query string, args ...any) error {
	n, err := t.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return bridge.ErrConflict
	}
	return err
}

// one reads the first row of a query into dest. Without a row its error is bridge.ErrNotFound, and the transaction goes on.
func (t *tx) one(ctx context.Context, query string, args []any, dest ...any) error {
	found := false
	err := t.each(ctx, query, args, func(r row) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return bridge.ErrNotFound
	}
	return err
}

// row is what each hands out.
type row interface{ Scan(dest ...any) error }

// each calls fn for every row of a query. fn must not use the transaction.
func (t *tx) each(ctx context.Context, query string, args []any, fn func(row) error) error {
	if err := t.ready(ctx); err != nil {
		return err
	}
	t.ran = true
	t.wrote = t.wrote || !strings.HasPrefix(query, "select ")
	fault, err := t.conn.each(query, args, fn)
	if fault != nil {
		return t.fail(query, fault)
	}
	return err
}
