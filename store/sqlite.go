package store

import (
	"errors"
	"net/url"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What is particular to SQLite: how it is opened, and what its errors mean.

const sqliteDriver = "sqlite"

// sqliteDSN returns the name under which the driver opens the database at path, for writing or for reading.
//
// synchronous=FULL makes a commit last. The log is copied into the database every 32 MB: less often than by default, since a page
// that many commits changed is then copied once. The caches are small, since the kernel has the pages, and since a reader's is
// emptied by every commit. temp_store keeps the journals of savepoints out of the temporary folder. secure_delete
// overwrites what was deleted, and defensive, trusted_schema and dqs refuse what only an attacker or a typing error would ask for.
func sqliteDSN(path string, write bool) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	q := url.Values{"_defensive": {"1"}, "_dqs": {"0"}}
	pragmas := []string{
		"busy_timeout(10000)", "foreign_keys(on)", "temp_store(memory)", "secure_delete(on)", "trusted_schema(off)", "cell_size_check(on)",
	}
	if write {
		pragmas = append(pragmas, "journal_mode(wal)", "synchronous(full)", "journal_size_limit(67108864)", "wal_autocheckpoint(8000)", "cache_size(-4096)")
	} else {
		pragmas = append(pragmas, "query_only(on)", "cache_size(-512)")
	}
	q["_pragma"] = pragmas
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}
	return u.String(), nil
}

func openSQLite(path string, write bool, conns int) (*sqlx.DB, error) {
	dsn, err := sqliteDSN(path, write)
	if err != nil {
		return nil, err
	}
	sqlx.BindDriver(sqliteDriver, sqlx.QUESTION)
	db, err := sqlx.Open(sqliteDriver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// sqliteUnavailable reports whether the same may be tried again after an error.
func sqliteUnavailable(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_ABORT:
			return true
		}
	}
	return false
}
