package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"letterlock/store"
)

// checkCommand goes through everything that is stored.
type checkCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	asJSON
}

// Help is the longer help.
func (checkCommand) Help() string {
	return `It opens every sealed value and every file, follows the chain of the audit log to its end, and compares what must agree. Whatever was changed without the key is found and named, and the exit status is then 1. A gateway may be running meanwhile. docs/data.md says what it can't find.`
}

// Run checks, and says what is wrong.
func (c *checkCommand) Run(ctx context.Context, env *environment) error {
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	k, err := openKept(ctx, Config{General: c.General}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	defer k.db.Close()
	m := newMeter(env)
	found, err := k.db.Check(ctx, m.show)
	m.end()
	if err != nil {
		return err
	}
	if c.JSON {
		if found.Faults == nil {
			found.Faults = []store.Fault{}
		}
		err = writeJSON(env.stdout, found)
	} else {
		err = tellFaults(env, found)
	}
	if n := len(found.Faults) + found.More; err == nil && n > 0 {
		err = fmt.Errorf("%d faults: what is stored was changed or damaged; keep a copy of it as it is, and restore a backup", n)
	}
	return err
}

func tellFaults(env *environment, found store.Checked) error {
	for _, f := range found.Faults {
		if _, err := fmt.Fprintf(env.stdout, "%s %s: %s\n", f.Table, f.Row, f.What); err != nil {
			return err
		}
	}
	if found.More > 0 {
		fmt.Fprintf(env.stdout, "and %d more\n", found.More)
	}
	_, err := fmt.Fprintf(env.stdout, "%d rows, %d files with %d octets, and %d entries of the audit log up to %.16s… were read\n",
		found.Rows, found.Files, found.Octets, found.Audit, found.Head)
	return err
}
