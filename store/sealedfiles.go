package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FolderFiles is a folder of sealed files, each in a sub-folder named by the first two digits of its key, as package blob keeps them.
type FolderFiles string

var _ SealedFiles = FolderFiles("")

func (f FolderFiles) path(key string) (string, error) {
	if len(key) < 8 || !filepath.IsLocal(key) || filepath.Base(key) != key {
		return "", fmt.Errorf("%q is not the key of a file: %w", key, fs.ErrNotExist)
	}
	return filepath.Join(string(f), key[:2], key), nil
}

// OpenSealed implements SealedFiles.
func (f FolderFiles) OpenSealed(_ context.Context, key string) (io.ReadCloser, int64, error) {
	path, err := f.path(key)
	if err != nil {
		return nil, 0, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// place writes a file of a backup. It lasts once finish has returned.
func (f FolderFiles) place(key string, r io.Reader) error {
	path, err := f.path(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return writeFile(path, r)
}

// finish makes the names of the files last.
func (f FolderFiles) finish() error {
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
