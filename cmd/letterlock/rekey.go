package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/seal"
)

// rekeyCommand changes the keys that seal what is stored.
type rekeyCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	Retire  bool   `help:"Take the old keys out of the key file, once nothing is sealed with them any more, and keep the file as it was before under another name."`
	KeepOld string `name:"keep-old" placeholder:"FILE" help:"Where --retire keeps the key file as it was before: KEY-FILE.retired-DATE if it is not set. Backups of before can only be opened with it."`
}

// Help is the longer help.
func (rekeyCommand) Help() string {
	return `It adds new keys to the key file and seals everything stored anew with them, while the gateway runs: a running gateway reads the key file again within a second. It can be stopped at any time; the next "letterlock rekey" goes on where it was. When it is done, "letterlock rekey --retire" takes the old keys out of the file. Keep copies of the key file up to date: after --retire an old copy no longer opens what is stored, and backups of before need the old file.

Where the keys come from LETTERLOCK_KEY or key_command, nothing can be added to them here: the first "letterlock rekey" prints the old keys and new ones and changes nothing. Put that in the place of the keys, start all gateways again, and run it again, which seals everything anew. "letterlock rekey --retire" then prints the new keys alone, to be put there likewise.

The key of look-up hashes and old signing keys stay in the file: docs/data.md says why.`
}

// Run changes the keys, goes on with a change, or retires the old keys.
func (c *rekeyCommand) Run(ctx context.Context, env *environment) (err error) {
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	if !c.keysInFile() {
		if err := c.printable(env); err != nil {
			return err
		}
	}
	k, err := openKept(ctx, Config{General: c.General}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.db.Close()) }()
	lock, err := k.db.BeginRekey(ctx)
	if errors.Is(err, bridge.ErrConflict) {
		return fmt.Errorf("another process is changing the keys just now: wait for it, or for two minutes if it was killed")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.End(context.WithoutCancel(ctx))) }()
	// Only now: somebody may have changed the file in the meantime.
	if _, err := k.keys.Refresh(); err != nil {
		return err
	}
	switch {
	case k.keys.Keys() == 1 && c.Retire && !c.keysInFile():
		return fmt.Errorf("there are no old keys to retire: nothing was printed") // where it goes, the keys would be written over
	case k.keys.Keys() == 1 && !c.keysInFile():
		return c.printAdded(ctx, env, k)
	case k.keys.Keys() == 1 && c.Retire:
		_, err = fmt.Fprintln(env.stderr, "there are no old keys to retire")
		return err
	case k.keys.Keys() == 1:
		if err := k.keys.AddKey(); err != nil {
			return err
		}
		if err := k.gateway.NoteKeys(ctx, bridge.AsOperator(), fmt.Sprintf("key %08x added", k.keys.KeyID())); err != nil {
			return err
		}
		fmt.Fprintf(env.stderr, "new keys are in %s: copy the file to where you keep its copy\n", c.KeyFile)
	}
	if err := c.reseal(ctx, env, k, lock); err != nil {
		return err
	}
	if !c.Retire {
		out := "out of the file"
		if !c.keysInFile() {
			out = "away"
		}
		_, err = fmt.Fprintf(env.stderr, "everything is sealed with the new keys; \"letterlock rekey --retire\" takes the old ones %s\n", out)
		return err
	}
	return c.retire(ctx, env, k)
}

// reseal goes through everything, and keeps other processes away meanwhile.
func (c *rekeyCommand) reseal(ctx context.Context, env *environment, k *kept, lock *store.Rekey) error {
	m := newMeter(env)
	defer m.end()
	renewed := time.Now()
	var lost error
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done, err := k.db.Reseal(ctx, func(part string, done, total int64) {
		m.show(part, done, total)
		if time.Since(renewed) > 20*time.Second {
			renewed = time.Now()
			if lost = lock.Renew(ctx); lost != nil {
				stop()
			}
		}
	})
	if lost != nil {
		return lost
	}
	if err != nil {
		return fmt.Errorf(`%w ("letterlock rekey" goes on where it was)`, err)
	}
	m.end()
	_, err = fmt.Fprintf(env.stderr, "%d values and %d files were sealed anew\n", done.Values, done.Files)
	return err
}

// retire takes the old keys away, after it has waited for gateways that still sealed with them and looked at everything once more.
func (c *rekeyCommand) retire(ctx context.Context, env *environment, k *kept) error {
	select {
	case <-time.After(3 * seal.RefreshEvery):
	case <-ctx.Done():
		return ctx.Err()
	}
	m := newMeter(env)
	old, err := k.db.SealedWithOld(ctx, m.show)
	m.end()
	if err != nil {
		return err
	}
	if old > 0 {
		return fmt.Errorf("%d values are sealed with old keys: a running gateway goes on using them; see its log, and try again", old)
	}
	if !c.keysInFile() {
		return c.printRetired(ctx, env, k)
	}
	kept := c.KeepOld
	if kept == "" {
		kept = c.KeyFile + ".retired-" + time.Now().Format("20060102-150405")
	}
	if err := copyNew(kept, c.KeyFile); err != nil {
		return fmt.Errorf("keep the old key file: %w", err)
	}
	if err := k.gateway.NoteKeys(ctx, bridge.AsOperator(), fmt.Sprintf("all keys but %08x retired", k.keys.KeyID())); err != nil {
		return err
	}
	if err := k.keys.Retire(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stderr, "the old keys are retired: copy %s to where you keep its copy, and keep %s, away from here, for as long as you keep backups of before\n", c.KeyFile, kept)
	return err
}

// copyNew copies a file to one that is not there yet, for its owner alone, and makes it last.
func copyNew(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", to)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
