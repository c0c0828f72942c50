package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// restoredFiles is a folder that the files of a backup are written to, each in a sub-folder named by the first two digits of its key, as
// blob.Dir keeps them.
type restoredFiles string

// place writes a file. It lasts once finish has returned.
func (f restoredFiles) place(key string, r io.Reader) error {
	if len(key) < 8 || !filepath.IsLocal(key) || filepath.Base(key) != key {
		return fmt.Errorf("%q is not the key of a file", key)
	}
	path := filepath.Join(string(f), key[:2], key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFile(path, r)
}

// finish makes the names of the files last.
func (f restoredFiles) finish() error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	shards, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	for _, s := range shards {
		if s.IsDir() {
			if err := syncDir(filepath.Join(string(f), s.Name())); err != nil {
				return err
			}
		}
	}
	return syncDir(string(f))
}
