package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"letterlock/store"
)

// migrateCommand moves what is stored from SQLite to PostgreSQL.
type migrateCommand struct {
	withConfig
	General `embed:"" group:"Keys of the configuration file"`
	From    string `placeholder:"sqlite:FILE" help:"The database to move: sqlite:data/letterlock.db. The one in the data folder if it is not said."`
	To      string `placeholder:"postgres://USER@HOST/NAME" help:"The PostgreSQL database, which must be empty. The configuration's database if it is not said."`
	Reopen  bool   `help:"Let the SQLite database be used again after it was moved. What came in on PostgreSQL since is not in it."`
}

// Help is the longer help.
func (migrateCommand) Help() string {
	return `A gateway may be running on the SQLite database: until the move is over it takes no mail and no message, which senders then bring again, and afterwards it takes none at all. Stop it, set database in the configuration file, and start it again. Files stay in the data folder.

All tables are copied in one transaction, and compared by count and check sum with what was sent. If it is interrupted, nothing has changed, and it can begin again.

Example: letterlock migrate --from sqlite:data/letterlock.db --to postgres://letterlock@db.example.com/letterlock`
}

// Run moves everything over, or back.
func (c *migrateCommand) Run(ctx context.Context, env *environment) error {
	to := c.To
	if to == "" {
		to = c.Database
	}
	if err := c.complete(); err != nil {
		return usageError{err}
	}
	path := filepath.Join(c.Data, "letterlock.db")
	if c.From != "" {
		name, ok := strings.CutPrefix(c.From, "sqlite:")
		if !ok || name == "" {
			return usagef("--from: %q is not sqlite:FILE", c.From)
		}
		path = strings.TrimPrefix(name, "//")
	}
	if !c.Reopen && !strings.HasPrefix(to, "postgres://") && !strings.HasPrefix(to, "postgresql://") {
		return usagef("--to: name the PostgreSQL database, as postgres://USER@HOST/NAME")
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s: name it with --from sqlite:FILE", path)
	} else if err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	keys, err := c.keys(ctx)
	if err != nil {
		return err
	}
	if c.Reopen {
		if err := store.Reopen(ctx, path, keys); err != nil {
			return err
		}
		_, err := fmt.Fprintf(env.stdout, "%s can be used again\n", path)
		return err
	}
	m := newMeter(env)
	moved, err := store.MoveToPostgres(ctx, path, to, keys, m.show)
	m.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "moved %d rows of %d tables, and compared them.\n%s takes nothing any more. Set database in the configuration file, and start the gateway again; files stay in %s.\n",
		moved.Rows, moved.Tables, path, c.Data)
	return err
}
