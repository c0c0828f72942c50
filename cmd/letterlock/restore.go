package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"letterlock/store"
)

// What the data folder has in it.
const (
	databaseName = "letterlock.db"
	filesName    = "files"
)

// restoreCommand brings a backup back.
type restoreCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	File    string `arg:"" help:"The backup; - for standard input."`
	Check   bool   `help:"Only verify the backup, from its first octet to its last, and write nothing."`
}

// Help is the longer help.
func (restoreCommand) Help() string {
	return `It brings back all of the backup or nothing. The backup is verified from end to end first, then written beside its place, checked as "letterlock check" does, and only then put in its place: the data folder, which must be empty or not there, or the PostgreSQL database that the configuration names, which must be empty. Whichever database it was made on, it comes back on either. Files go where the configuration says (blobs). It needs the keys that the backup was made with: without them nobody can open it.

No gateway may be running on the place. If it is interrupted, start it again. Mail that waited in the queue when the backup was made waits again.`
}

// Run restores the backup.
func (c *restoreCommand) Run(ctx context.Context, env *environment) error {
	if c.Data == "" {
		return usagef("say where to restore to with --data")
	}
	if err := errors.Join(c.completeDatabase(), c.completeKeys(), c.Blobs.complete()); err != nil {
		return usageError{err}
	}
	keys, err := c.keys(ctx)
	if err != nil {
		return c.noKeys(err, "a backup can only be opened with the keys that it was made with")
	}
	in := env.stdin
	m := newMeter(env)
	defer m.end()
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		defer f.Close()
		head, err := store.VerifyBackup(ctx, f, keys, func(_ string, done, total int64) { m.show("verify", done, total) })
		if err != nil {
			return err
		}
		if c.Check {
			m.end()
			return c.tell(env, head, "is whole")
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		in = f
	} else if c.Check {
		head, err := store.VerifyBackup(ctx, in, keys, func(_ string, done, total int64) { m.show("verify", done, total) })
		if err != nil {
			return err
		}
		m.end()
		return c.tell(env, head, "is whole")
	}
	to := store.RestoreTo{Dir: c.Data, Database: databaseName, DSN: c.Database, Blobs: filesName, Keys: keys}
	bucket, err := c.Blobs.shelf(ctx)
	if err != nil {
		return err
	}
	if bucket != nil {
		to.Shelf = bucket
	}
	head, err := store.Restore(ctx, in, to, m.show)
	if err != nil {
		return err
	}
	m.end()
	if c.Database != "" {
		return c.tell(env, head, "was restored to the PostgreSQL database")
	}
	return c.tell(env, head, "was restored to "+c.Data)
}

func (c *restoreCommand) tell(env *environment, head store.BackupHead, done string) error {
	_, err := fmt.Fprintf(env.stderr, "the backup of %s, with %d conversations and %d files, %s\n", head.MadeAt.Local().Format(time.DateTime), head.Rows["thread"], head.Files, done)
	return err
}
