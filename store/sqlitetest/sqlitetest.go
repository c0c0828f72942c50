// Package sqlitetest gives tests an SQLite database that has its schema: a copy of one that is made when the first test asks. Making
// it takes longer than most tests do. It must not know what is stored.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"letterlock/store"
	"letterlock/store/seal"
)

// New returns the path of an empty database in a folder of the test's own, and its keys.
func New(t testing.TB) (path string, keys *seal.Keyring) {
	t.Helper()
	m, err := once()
	if err != nil {
		t.Fatalf("make a database: %v", err)
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, m.file, 0o600); err != nil {
		t.Fatal(err)
	}
	if keys, err = m.keys.Copy(); err != nil {
		t.Fatal(err)
	}
	return path, keys
}

const name = "letterlock.db"

// made is a database as store.Open makes it.
type made struct {
	file []byte
	keys *seal.Keyring
}

var once = sync.OnceValues(func() (*made, error) {
	dir, err := os.MkdirTemp("", "sqlitetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	keys, err := seal.Generate()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	db, err := store.Open(context.Background(), store.Config{Path: path, Keys: keys})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	// All is in the one file: what closes an SQLite database last takes its log into it.
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("its log is left")
	}
	file, err := os.ReadFile(path)
	return &made{file, keys}, err
})
