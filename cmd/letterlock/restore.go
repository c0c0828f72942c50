package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"letterlock/store"
	"letterlock/store/seal"
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
	return `It fills the data folder, which must be empty or not there, with all of the backup or with nothing: the backup is verified from end to end first, then written beside the folder's place, checked as "letterlock check" does, and only then put in its place. It needs the key file that the backup was made with. Mail that waited in the queue when the backup was made waits again.`
}

// Run restores the backup.
func (c *restoreCommand) Run(ctx context.Context, env *environment) error {
	if c.Data == "" || c.KeyFile == "" {
		return usagef("say where to restore to with --data, and which keys to use with --key-file")
	}
	if c.Database != "" {
		return usagef("a backup is restored to a data folder with a database of its own: leave database unset, and move it afterwards with \"letterlock migrate\"")
	}
	keys, err := seal.Load(c.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no key file %s: a backup can only be opened with the key file that it was made with", c.KeyFile)
	}
	if err != nil {
		return err
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
	head, err := store.Restore(ctx, in, store.RestoreTo{Dir: c.Data, Database: databaseName, Blobs: filesName, Keys: keys}, m.show)
	if err != nil {
		return err
	}
	m.end()
	return c.tell(env, head, "was restored to "+c.Data)
}

func (c *restoreCommand) tell(env *environment, head store.BackupHead, done string) error {
	_, err := fmt.Fprintf(env.stderr, "the backup of %s, with %d conversations and %d files, %s\n", head.MadeAt.Local().Format(time.DateTime), head.Rows["thread"], head.Files, done)
	return err
}
