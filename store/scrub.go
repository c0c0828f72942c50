package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What was deleted is overwritten in the database file (secure_delete), but a log still has what was there before, and the search index
// keeps deleted tokens until it merges its parts. Scrub sees to both.

const (
	mergePages    = 200              // of the index, in one transaction: other writers wait no longer than for these
	checkpointFor = 20 * time.Second // how long it is tried to empty the log while others read
)

// Scrub takes what was deleted out of the search index and the log, so that the database's files hold nothing of it. With vacuum the file is
// written anew, which also makes it smaller; that holds up all writers, and takes room for a second copy. On PostgreSQL the server does
// this in its own time, and Scrub asks for it.
func (d *DB) Scrub(ctx context.Context, vacuum bool) error {
	if d.pg != nil {
		return d.scrubPostgres(ctx)
	}
	if err := d.mergeIndex(ctx); err != nil {
		return fmt.Errorf("scrub the search index: %w", err)
	}
	var path string
	err := d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select file from pragma_database_list where name = 'main'", nil, &path)
	})
	if err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	db, err := openSQLite(path, true, 1)
	if err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	if vacuum {
		_, err = db.ExecContext(ctx, "vacuum")
	}
	for until := time.Now().Add(checkpointFor); err == nil; {
		var busy, frames, copied int
		if err = db.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&busy, &frames, &copied); err != nil || busy == 0 {
			break
		}
		if time.Now().After(until) {
			err = errors.New("the log could not be emptied, since others read all the time: try again later")
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err = errors.Join(unavailable(err), db.Close()); err != nil {
		return fmt.Errorf("scrub: %w", err)
	}
	return nil
}

// mergeIndex merges the parts of the search index into one, a few pages in each transaction, which leaves out what was deleted.
func (d *DB) mergeIndex(ctx context.Context) error {
	for pages := -mergePages; ; pages = mergePages {
		var changes int
		err := d.update(ctx, func(t *tx) error {
			var before int
			if err := t.one(ctx, "select total_changes()", nil, &before); err != nil {
				return err
			}
			if _, err := t.exec(ctx, "insert into search_text (search_text, rank) values ('merge', ?)", pages); err != nil {
				return err
			}
			err := t.one(ctx, "select total_changes()", nil, &changes)
			changes -= before
			return err
		})
		if err != nil || pages > 0 && changes < 2 {
			return err
		}
	}
}

// scrubPostgres has the server remove dead rows from the tables that lost some, where this user may.
func (d *DB) scrubPostgres(ctx context.Context) error {
	var tables []string
	for _, s := range inventory {
		tables = append(tables, s.name)
	}
	_, err := d.pg.db.ExecContext(ctx, "vacuum "+strings.Join(append(tables, "message", "search_entry"), ", "))
	if err != nil {
		return fmt.Errorf("scrub: %w", unavailable(err))
	}
	return nil
}
