package store

import (
	"context"
	"testing"
	"time"
)

// Statements returns every statement that the database's connections have prepared.
func (d *DB) Statements() []string {
	seen := map[string]bool{}
	_ = d.update(background, func(t *tx) error {
		for q := range t.conn.stmts {
			seen[q] = true
		}
		return nil
	})
	var readers []*conn
	for range cap(d.readers) {
		readers = append(readers, <-d.readers)
	}
	for _, c := range readers {
		if c != nil {
			for q := range c.stmts {
				seen[q] = true
			}
		}
		d.readers <- c
	}
	var all []string
	for q := range seen {
		all = append(all, q)
	}
	return all
}

// Exec runs a statement that no method of the store would.
func (d *DB) Exec(query string, args ...any) error {
	return d.update(background, func(t *tx) error {
		_, err := t.exec(background, query, args...)
		return err
	})
}

// InventoryColumns returns the columns of the inventory, as TABLE.COLUMN.
func InventoryColumns() []string {
	var all []string
	for _, s := range inventory {
		for _, c := range s.columns {
			all = append(all, s.name+".sealed_"+c)
		}
	}
	for _, one := range sealedSingles {
		all = append(all, one.table+"."+one.sqlColumn)
	}
	return all
}

// Token returns what stands for a word in the search index.
func (d *DB) Token(word string) string { return newHasher(d.keys).word(word) }

// Count returns how many rows a table has.
func (d *DB) Count(t testing.TB, table string) (n int) {
	t.Helper()
	err := d.view(background, func(t *tx) error { return t.one(background, "select count(*) from "+table, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// CheckIndex has FTS5 look whether its index is whole.
func (d *DB) CheckIndex() error {
	return d.Exec("insert into search_text (search_text) values ('integrity-check')")
}

// SweepRows is the part of Sweep that goes by rows, for a moment at which files are old that were written just now.
func (d *DB) SweepRows(ctx context.Context, now time.Time) error {
	return d.sweepBlobs(ctx, now, now.Add(-orphanAge))
}
