package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"letterlock/store"
	"letterlock/store/folder"
)

// backupCommand writes everything that is stored into one sealed file.
type backupCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	File    string `arg:"" help:"The file to write; - for standard output. A file of this name is replaced once the new one is whole."`
}

// Help is the longer help.
func (backupCommand) Help() string {
	return `Gateways may be running, on SQLite or PostgreSQL: the backup is their state at one moment. It is sealed with the keys of the key file and does not hold them: without the key file nobody can open it, so keep a copy of that apart from the backups. Configuration and certificates are not in it. Files in a bucket are.`
}

// Run writes the backup.
func (c *backupCommand) Run(ctx context.Context, env *environment) error {
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	k, err := openKept(ctx, Config{General: c.General}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	defer k.db.Close()
	m := newMeter(env)
	var head store.BackupHead
	if c.File == "-" {
		head, err = k.db.Backup(ctx, env.stdout, func() error {
			return errors.New("a conversation was deleted meanwhile, and what is written can't be taken back: try again")
		}, m.show)
	} else {
		head, err = backupTo(ctx, k.db, c.File, m.show)
	}
	m.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "backed up %d conversations and %d files, %d octets\n", head.Rows["thread"], head.Files, head.Octets)
	return err
}

// backupTo writes a backup beside its place, and gives it its name once it is whole and on the disk.
func backupTo(ctx context.Context, db *store.DB, path string, progress store.Progress) (head store.BackupHead, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return head, fmt.Errorf("back up: %s is not a file: name one, or write to standard output with -", path)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // so that a link to the newest backup stays one
	}
	sweepParts(path)
	f, err := os.CreateTemp(filepath.Dir(path), fmt.Sprintf("%s.%d-*%s", filepath.Base(path), os.Getpid(), partSuffix)) // with mode 0600
	if err != nil {
		return head, fmt.Errorf("back up: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	restart := func() error {
		_, err := f.Seek(0, io.SeekStart)
		return errors.Join(err, f.Truncate(0))
	}
	if head, err = db.Backup(ctx, f, restart, progress); err != nil {
		return head, err
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return head, fmt.Errorf("back up: %w", err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return head, fmt.Errorf("back up: %w", err)
	}
	return head, folder.Sync(filepath.Dir(path))
}

const partSuffix = ".part"

// sweepParts removes what backups to the same place left that were killed: the number of their process is in the name.
func sweepParts(path string) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		number, _, numbered := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if ours && numbered && err == nil && strings.HasSuffix(rest, partSuffix) && e.Type().IsRegular() && !store.Runs(pid) {
			os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}
