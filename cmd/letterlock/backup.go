package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"letterlock/store"
)

// backupCommand writes everything that is stored into one sealed file.
type backupCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	File    string `arg:"" help:"The file to write; - for standard output. A file of this name is replaced once the new one is whole."`
}

// Help is the longer help.
func (backupCommand) Help() string {
	return `A gateway may be running: the backup is its state at one moment. It is sealed with the keys of the key file and does not hold them: without the key file it can't be opened, so keep a copy of that apart from the backups. Configuration and certificates are not in it. While it runs it needs room for a copy of the database beside the database.`
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
	sweepParts(path)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+partSuffix) // with mode 0600
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
	return head, syncFolder(filepath.Dir(path))
}

const partSuffix = ".part"

// sweepParts removes what backups to the same place left that were killed more than a day ago.
func sweepParts(path string) {
	left, err := filepath.Glob(globEscape(path) + ".*" + partSuffix)
	if err != nil {
		return
	}
	for _, part := range left {
		if info, err := os.Lstat(part); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > 24*time.Hour {
			os.Remove(part)
		}
	}
}

// globEscape takes the meaning from what Glob would understand.
func globEscape(path string) string {
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "?", "\\?", "[", "\\[").Replace(path)
}

// syncFolder makes the names in a folder last.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
