package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"

	"letterlock/store/seal"
)

// blobKeysQuery lists the files that a database knows.
const blobKeysQuery = "select key from blob order by key"

// countRows counts the rows of all tables.
func countRows(ctx context.Context, db *sqlx.DB, to map[string]int64) error {
	var tables []string
	err := db.SelectContext(ctx, &tables, "select name from sqlite_schema where type = 'table' and sql not like 'create virtual%' and name not like 'sqlite\\_%' escape '\\' order by name")
	if err != nil {
		return err
	}
	for _, t := range tables {
		var n int64
		if err := db.GetContext(ctx, &n, `select count(*) from "`+strings.ReplaceAll(t, `"`, `""`)+`"`); err != nil {
			return err
		}
		to[t] = n
	}
	return nil
}

// VerifyBackup reads a backup from its first octet to its last and writes nothing.
func VerifyBackup(ctx context.Context, r io.Reader, keys *seal.Keyring, progress Progress) (BackupHead, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	head, err := readBackup(ctx, r, keys, progress, func(_ BackupHead, _ string, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		return head, fmt.Errorf("verify the backup: %w", err)
	}
	return head, nil
}

// RestoreTo is where a backup goes.
type RestoreTo struct {
	Dir      string // the data folder: it must be empty, or not there
	Database string // the database's name in it
	Blobs    string // likewise the folder for big content
	Keys     *seal.Keyring
}

// Restore brings a backup back as a new data folder, all of it or nothing: it is written beside the folder's place, checked there from end to
// end, and only then takes its name. A folder with something in it is refused.
func Restore(ctx context.Context, r io.Reader, to RestoreTo, progress Progress) (head BackupHead, err error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore: %w", err)
		}
	}()
	to.Dir = filepath.Clean(to.Dir)
	if err := emptyOrAbsent(to.Dir); err != nil {
		return head, err
	}
	parent := filepath.Dir(to.Dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return head, err
	}
	temp, err := os.MkdirTemp(parent, filepath.Base(to.Dir)+".restoring-")
	if err != nil {
		return head, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(temp)
		}
	}()
	path := filepath.Join(temp, to.Database)
	blobs := restoredFiles(filepath.Join(temp, to.Blobs))
	head, err = readBackup(ctx, r, to.Keys, progress, func(_ BackupHead, name string, r io.Reader) error {
		if name == inDatabase {
			return writeFile(path, r)
		}
		key, ok := strings.CutPrefix(name, inFiles)
		if !ok {
			return fmt.Errorf("the backup has %q in it, which is nothing of ours", name)
		}
		return blobs.place(key, r)
	})
	if err != nil {
		return head, err
	}
	if err := blobs.finish(); err != nil {
		return head, err
	}
	if err := checkRestored(ctx, head, path, filepath.Join(temp, to.Blobs), to.Keys, progress); err != nil {
		return head, err
	}
	if err := syncDir(temp); err != nil {
		return head, err
	}
	if err := os.Remove(to.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return head, err // something came into it meanwhile
	}
	if err := os.Rename(temp, to.Dir); err != nil {
		return head, err
	}
	return head, syncDir(parent)
}

// checkRestored compares what was written with what the backup says, and then with itself.
func checkRestored(ctx context.Context, head BackupHead, path, blobs string, keys *seal.Keyring, progress Progress) error {
	raw, err := openSQLite(path, false, 1)
	if err != nil {
		return err
	}
	rows := map[string]int64{}
	if err := errors.Join(countRows(ctx, raw, rows), raw.Close()); err != nil {
		return err
	}
	if !maps.Equal(rows, head.Rows) {
		return errors.New("the database in the backup has other numbers of rows than the backup says")
	}
	d, err := Open(ctx, Config{Path: path, Blobs: blobs, Keys: keys})
	if err != nil {
		return err
	}
	found, err := d.Check(ctx, progress)
	if err = errors.Join(err, d.Close()); err != nil {
		return err
	}
	if len(found.Faults) > 0 {
		f := found.Faults[0]
		return fmt.Errorf("what is in the backup is not whole: %s %s: %s (and %d more)", f.Table, f.Row, f.What, len(found.Faults)-1+found.More)
	}
	return nil
}

func emptyOrAbsent(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("the folder %s has something in it: choose one that is empty, or not there", dir)
	}
	return nil
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes the names in a folder last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
