package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// purgeCommand deletes what has had its time, and what is left of what was deleted.
type purgeCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	Vacuum  bool `help:"Write the database anew, which makes it smaller. It takes room for a second copy, and holds up a running gateway's writes for so long."`
}

// Help is the longer help.
func (purgeCommand) Help() string {
	return `It deletes conversations whose time is over, with their files and the mail they came from, and takes what was deleted before out of the search index and the database's log, so that the files hold nothing of it. A running gateway does the same every hour; this does it now. Conversations on legal hold stay. Backups of before still hold what they hold.`
}

// Run purges.
func (c *purgeCommand) Run(ctx context.Context, env *environment) (err error) {
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	k, err := openKept(ctx, Config{General: c.General}, slog.New(slog.DiscardHandler), env.clock())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.db.Close()) }()
	m := newMeter(env)
	defer m.end()
	m.show("expired", 0, 0)
	n, err := k.gateway.Expire(ctx)
	if err != nil {
		return err
	}
	m.show("files", 0, 0)
	if err := k.db.Sweep(ctx, time.Now()); err != nil {
		return err
	}
	m.show("scrub", 0, 0)
	if err := k.db.Scrub(ctx, c.Vacuum); err != nil {
		return err
	}
	m.end()
	_, err = fmt.Fprintf(env.stderr, "%d conversations whose time was over were deleted; nothing of what was deleted is left in the database\n", n)
	return err
}
