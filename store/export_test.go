package store

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
