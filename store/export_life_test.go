package store

// Path returns the name of the SQLite file.
func (d *DB) Path() (path string, err error) {
	err = d.view(background, func(t *tx) error {
		return t.one(background, "select file from pragma_database_list where name = 'main'", nil, &path)
	})
	return path, err
}
