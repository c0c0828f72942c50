package store

import (
	"context"
	"fmt"
)

// What SQLite can say of its own file: whether the pages and indexes are whole, and whether all references lead somewhere.

// engine asks the database about itself. PostgreSQL keeps sums of its pages and enforces references by itself.
func (c *checker) engine(ctx context.Context) error {
	if c.db.pg != nil {
		return nil
	}
	return c.db.view(ctx, func(t *tx) error {
		err := t.each(ctx, "pragma integrity_check(100)", nil, func(r row) error {
			var says string
			if err := r.Scan(&says); err != nil {
				return err
			}
			if says != "ok" {
				c.fault("database", nil, "%s", says)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return t.each(ctx, "pragma foreign_key_check", nil, func(r row) error {
			var table, parent string
			var row, key any
			if err := r.Scan(&table, &row, &parent, &key); err != nil {
				return err
			}
			c.fault(table, nil, "a row refers to one of %s that is gone%s", parent, rowNumber(row))
			return nil
		})
	})
}

// rowNumber tells which row it is, where the table counts its rows.
func rowNumber(row any) string {
	if row == nil {
		return ""
	}
	return fmt.Sprintf(" (row %v)", row)
}
