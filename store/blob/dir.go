package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"letterlock/store/folder"
)

// Dir is a shelf in a folder. Each file is in a sub-folder named by the first two digits of its name.
type Dir struct {
	path string
	mu   sync.Mutex
	made map[string]bool // sub-folders known to be on the disk
}

var _ Shelf = (*Dir)(nil)

// NewDir returns the folder at path, which it makes with mode 0700 if it isn't there.
func NewDir(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	if err := folder.Sync(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("open blob folder: %w", err)
	}
	return &Dir{path: path, made: make(map[string]bool)}, nil
}

// Put implements Shelf. It moves the file once its content is on the disk, and returns when the new name is too.
func (d *Dir) Put(_ context.Context, name string, f *os.File, _ int64) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := d.makeShard(name); err != nil {
		return err
	}
	final := d.file(name)
	if err := os.Rename(f.Name(), final); err != nil {
		return err
	}
	if err := folder.Sync(filepath.Dir(final)); err != nil {
		return errors.Join(err, os.Remove(final))
	}
	return nil
}

// makeShard makes the sub-folder of a name, and returns only once the sub-folder is on the disk, whoever made it.
func (d *Dir) makeShard(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir := filepath.Dir(d.file(name))
	if d.made[dir] {
		return nil
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := folder.Sync(d.path); err != nil {
		return err
	}
	d.made[dir] = true
	return nil
}

// Open implements Shelf. A file that is being read can be read to its end, even if it is removed.
func (d *Dir) Open(_ context.Context, name string) (Volume, error) {
	f, err := os.Open(d.file(name))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &dirFile{f, info.Size()}, nil
}

// Remove implements Shelf.
func (d *Dir) Remove(_ context.Context, name string) error {
	if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove blob: %w", err)
	}
	return nil
}

// Old implements Shelf.
func (d *Dir) Old(ctx context.Context, before time.Time, fn func(names []string) error) error {
	shards, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !shard.IsDir() || len(shard.Name()) != 2 {
			continue
		}
		old, err := oldKeys(filepath.Join(d.path, shard.Name()), before)
		if err != nil {
			return err
		}
		if err := inBatches(old, fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name[:2], name) }

// dirFile is a Volume.
type dirFile struct {
	f    *os.File
	size int64
}

// Size implements Volume.
func (v *dirFile) Size() int64 { return v.size }

// From implements Volume.
func (v *dirFile) From(_ context.Context, offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(v.f, offset, max(0, v.size-offset))), nil
}

// Close implements Volume.
func (v *dirFile) Close() error { return v.f.Close() }

// oldKeys returns the files of a folder that are ours and were last written before a moment.
func oldKeys(dir string, before time.Time) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range entries {
		if !validKey(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.ModTime().Before(before) {
			keys = append(keys, e.Name())
		}
	}
	return keys, nil
}

// oldBatch is how many names Old hands over at once, at most.
const oldBatch = 500

func inBatches(names []string, fn func([]string) error) error {
	for len(names) > 0 {
		n := min(len(names), oldBatch)
		if err := fn(names[:n]); err != nil {
			return err
		}
		names = names[n:]
	}
	return nil
}
