package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
	"letterlock/store/storetest"
)

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// open opens a database in a folder of its own. Benchmarks run on a PostgreSQL that waits for the disk if LETTERLOCK_TEST_ENGINE is
// "postgres".
func open(t testing.TB) *store.DB {
	t.Helper()
	if _, ok := t.(*testing.B); ok && os.Getenv("LETTERLOCK_TEST_ENGINE") == "postgres" {
		return openDSN(t, pgtest.Durable(t), keyring(t), t.TempDir())
	}
	return openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keyring(t))
}

func openAt(t testing.TB, path string, keys *seal.Keyring) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), store.Config{Path: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bridge.Store { return open(t) })
}

// openPostgres opens an empty database on a PostgreSQL of the test's own.
func openPostgres(t testing.TB) *store.DB {
	t.Helper()
	return openDSN(t, pgtest.New(t), keyring(t), t.TempDir())
}

func openDSN(t testing.TB, dsn string, keys *seal.Keyring, blobs string) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), store.Config{DSN: dsn, Blobs: blobs, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestStoreOnPostgreSQL(t *testing.T) {
	storetest.Run(t, func(t *testing.T) bridge.Store { return openPostgres(t) })
}
