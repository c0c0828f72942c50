package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/pressly/goose/v3"

	"letterlock/store/folder"
)

const restoringSuffix = ".restoring-"

// folderPlace is a data folder with an SQLite database. If it is not there yet, it is put together beside its place, and then takes the
// name. If it is there and empty it may be a disk of its own: then it is put together inside, and the database moves to its place last.
type folderPlace struct {
	to     RestoreTo
	temp   string
	inside bool
}

func newFolderPlace(to RestoreTo) (*folderPlace, error) {
	to.Dir = filepath.Clean(to.Dir)
	if real, err := filepath.EvalSymlinks(to.Dir); err == nil {
		to.Dir = real
	} else if _, linked := os.Lstat(to.Dir); linked == nil {
		return nil, fmt.Errorf("the folder %s is a link that leads nowhere: %w", to.Dir, err)
	}
	p := &folderPlace{to: to}
	parent := filepath.Dir(to.Dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	if err := removeLeft(parent, filepath.Base(to.Dir)+restoringSuffix); err != nil {
		return nil, err
	}
	where, name := parent, filepath.Base(to.Dir)+restoringSuffix
	switch _, err := os.Stat(to.Dir); {
	case err == nil:
		if err := p.empty(); err != nil {
			return nil, err
		}
		p.inside, where, name = true, to.Dir, restoringSuffix
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	temp, err := os.MkdirTemp(where, name+strconv.Itoa(os.Getpid())+"-")
	p.temp = temp
	return p, err
}

// empty returns an error if the folder has something in it that a restore has not left there that was killed.
func (p *folderPlace) empty() error {
	left, err := leftBy(p.to.Dir, restoringSuffix)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(p.to.Dir)
	if err != nil {
		return err
	}
	only := len(left) > 0
	for _, e := range entries {
		only = only && (strings.HasPrefix(e.Name(), restoringSuffix) || e.Name() == p.to.Blobs)
	}
	if only {
		// It was killed between moving the files and the database, or earlier.
		left = append(left, filepath.Join(p.to.Dir, p.to.Blobs))
	} else if len(entries) > 0 {
		return fmt.Errorf("the folder %s has something in it: choose one that is empty, or not there", p.to.Dir)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if entries, err = os.ReadDir(p.to.Dir); err == nil && len(entries) > 0 {
		err = fmt.Errorf("another restore is writing to the folder %s", p.to.Dir)
	}
	return err
}

// removeLeft removes what restores left that were killed.
func removeLeft(dir, prefix string) error {
	left, err := leftBy(dir, prefix)
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// leftBy returns the folders of restores that don't run any more: the number of their process is in the name.
func leftBy(dir, prefix string) (left []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), prefix)
		number, _, ok := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && ok && err == nil && e.IsDir() && !Runs(pid) {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	return left, nil
}

// Runs reports whether a process of this machine runs, or may run: what it left half-done may still be its own.
func Runs(pid int) bool {
	if runtime.GOOS == "windows" || pid == os.Getpid() {
		return true
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, fs.ErrPermission)
}

// config implements place.
func (p *folderPlace) config() Config {
	return Config{Path: filepath.Join(p.temp, p.to.Database), Blobs: filepath.Join(p.temp, p.to.Blobs), Shelf: p.to.Shelf, Keys: p.to.Keys}
}

// sink implements place.
func (p *folderPlace) sink(ctx context.Context, version int64) (rowSink, error) {
	path := p.config().Path
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := openSQLite(path, true, 2)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(migrateTo(ctx, db.DB, goose.DialectSQLite3, "sqlite", version), db.Close()); err != nil {
		return nil, err
	}
	return newSQLiteSink(ctx, path)
}

// keep implements place.
func (p *folderPlace) keep(context.Context) error {
	if err := folder.Sync(p.temp); err != nil {
		return err
	}
	if !p.inside {
		if err := os.Rename(p.temp, p.to.Dir); err != nil { // which fails if something has come there meanwhile
			return err
		}
		if err := folder.Sync(filepath.Dir(p.to.Dir)); err != nil {
			return fmt.Errorf("%w: %w", errUncertain, err)
		}
		return nil
	}
	entries, err := os.ReadDir(p.temp)
	if err != nil {
		return err
	}
	for _, last := range []bool{false, true} { // whatever happens in between, there is no database
		for _, e := range entries {
			if (e.Name() == p.to.Database) != last {
				continue
			}
			if err := os.Rename(filepath.Join(p.temp, e.Name()), filepath.Join(p.to.Dir, e.Name())); err != nil {
				return err
			}
		}
		if err := folder.Sync(p.to.Dir); err != nil && last {
			return fmt.Errorf("%w: %w", errUncertain, err)
		} else if err != nil {
			return err
		}
	}
	_ = os.Remove(p.temp) // which is empty
	return nil
}

// undo implements place.
func (p *folderPlace) undo(context.Context) error {
	err := os.RemoveAll(p.temp)
	if _, missing := os.Stat(filepath.Join(p.to.Dir, p.to.Database)); p.inside && errors.Is(missing, fs.ErrNotExist) {
		err = errors.Join(err, os.RemoveAll(filepath.Join(p.to.Dir, p.to.Blobs)))
	}
	return err
}
