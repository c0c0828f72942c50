package store

import (
	"maps"
	"slices"
)

// DialPatiently is what makes the connections on which statements are sent.
var DialPatiently = dialPatiently

// PostgresStatements is Statements for a database on PostgreSQL.
func (d *DB) PostgresStatements() []string {
	seen := map[string]bool{}
	for _, pool := range []chan *conn{d.pg.writers, d.pg.readers} {
		for range cap(pool) {
			c := <-pool
			if c != nil {
				for q := range c.queries {
					seen[q] = true
				}
			}
			defer func() { pool <- c }()
		}
	}
	return slices.Collect(maps.Keys(seen))
}
