package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"letterlock/store/blob"
	"letterlock/store/seal"
)

// VerifyBackup reads a backup from its first octet to its last and writes nothing.
func VerifyBackup(ctx context.Context, r io.Reader, keys *seal.Keyring, progress Progress) (BackupHead, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	head, err := readBackup(ctx, r, keys, progress, reading{})
	if err != nil {
		return head, fmt.Errorf("verify the backup: %w", err)
	}
	return head, nil
}

// RestoreTo is where a backup goes.
type RestoreTo struct {
	Dir      string     // the data folder: without a DSN it must be empty, or not there
	Database string     // the SQLite database's name in it
	DSN      string     // a PostgreSQL database, to use instead of that. It must be empty
	Blobs    string     // the name of the folder for big content, in Dir
	Shelf    blob.Shelf // keeps big content elsewhere, if it is not nil. Nothing else may be on it
	Keys     *seal.Keyring
}

// place is where a backup is put together and checked before it takes its place for good.
type place interface {
	// config says how what is put together is opened.
	config() Config
	// sink makes all tables as they were at a version of the schema, and takes their rows.
	sink(ctx context.Context, version int64) (rowSink, error)
	// keep lets it take its place, all of it or nothing. Nobody has it open.
	keep(ctx context.Context) error
	// undo leaves nothing of it behind.
	undo(ctx context.Context) error
}

// rowSink takes the rows of a database.
type rowSink interface {
	// tables returns the tables that there are.
	tables(ctx context.Context) ([]table, error)
	// take takes all rows of a table, in whatever order the columns come.
	take(ctx context.Context, t table, next func() ([]any, error)) error
	// end makes what was taken last.
	end(ctx context.Context) error
	// close gives up what was not ended.
	close() error
}

// Restore brings a backup back, all of it or nothing. It is put together beside its place (in a folder, or in a schema of its own), checked
// there from end to end, and only then takes its place. What is not empty is refused.
func Restore(ctx context.Context, r io.Reader, to RestoreTo, progress Progress) (head BackupHead, err error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore: %w", err)
		}
	}()
	p, err := newPlace(ctx, to)
	if err != nil {
		return head, err
	}
	rs := &restoring{to: to, place: p, progress: progress, crowded: to.DSN != "" || to.Shelf != nil}
	defer func() {
		if err != nil {
			err = errors.Join(err, rs.undo(context.WithoutCancel(ctx), err))
		}
		if rs.placed != nil {
			rs.placed.close()
		}
	}()
	if rs.placed, err = newSpool(); err != nil {
		return head, err
	}
	// What a backup says of itself is needed before its end.
	if rs.head, err = readBackup(ctx, r, to.Keys, progress, rs); err != nil {
		return rs.head, err
	}
	if err := rs.check(ctx); err != nil {
		return rs.head, err
	}
	return rs.head, p.keep(ctx)
}

func newPlace(ctx context.Context, to RestoreTo) (place, error) {
	if to.DSN != "" {
		return newSchemaPlace(ctx, to)
	}
	return newFolderPlace(to)
}

// restoring is a restore under way. It takes what is in the backup.
type restoring struct {
	to       RestoreTo
	place    place
	progress Progress
	crowded  bool // others might have files where these go
	head     BackupHead
	sink     rowSink
	db       *DB // once all rows are in
	placed   *spool
}

var _ taker = (*restoring)(nil)

// database implements taker. Where the engine is another, the rows are read out of the database.
func (r *restoring) database(ctx context.Context, from io.Reader) error {
	c := r.place.config()
	path := c.Path
	if path == "" {
		dir, err := os.MkdirTemp(c.Blobs, snapshotPrefix)
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "letterlock.db")
	}
	if err := writeFile(path, from); err != nil {
		return err
	}
	if c.Path != "" {
		return nil
	}
	if err := prepareSQLite(ctx, path); err != nil {
		return err
	}
	s, err := dumpSQLite(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(r.copy(ctx, s), s.close())
}

func (r *restoring) copy(ctx context.Context, s *dump) error {
	version, err := s.schema(ctx)
	if err != nil {
		return err
	}
	tables, err := s.tables(ctx)
	if err != nil {
		return err
	}
	if err := r.schema(ctx, backupSchema{Schema: version, Tables: tables}); err != nil {
		return err
	}
	for _, t := range tables {
		next, stop, err := s.rows(ctx, t)
		if err != nil {
			return err
		}
		if err := errors.Join(r.table(ctx, t, next), stop()); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

// snapshotPrefix is that of folders with a copy of a database.
const snapshotPrefix = ".backup-"

// schema implements taker.
func (r *restoring) schema(ctx context.Context, s backupSchema) (err error) {
	if err := knownSchema(s.Schema); err != nil {
		return err
	}
	if r.sink, err = r.place.sink(ctx, s.Schema); err != nil {
		return err
	}
	have, err := r.sink.tables(ctx)
	if err != nil {
		return err
	}
	columns := map[string]map[string]bool{}
	for _, t := range have {
		columns[t.Name] = setOf(t.Columns)
	}
	for _, t := range s.Tables {
		if !maps.Equal(columns[t.Name], setOf(t.Columns)) {
			return fmt.Errorf("the backup's table %.100q is none that this program knows", t.Name)
		}
		delete(columns, t.Name)
	}
	for name := range columns {
		return fmt.Errorf("the backup lacks the table %s", name)
	}
	return nil
}

func setOf(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// table implements taker.
func (r *restoring) table(ctx context.Context, t table, next func() ([]any, error)) error {
	return r.sink.take(ctx, t, next)
}

// rowsTaken implements taker. The files come next: before the first of them is written, the rows say whose files they are.
func (r *restoring) rowsTaken(ctx context.Context) (err error) {
	c := r.place.config()
	if r.sink != nil {
		if err := r.sink.end(ctx); err != nil {
			return err
		}
		if err := r.sink.close(); err != nil {
			return err
		}
		r.sink = nil
	}
	if r.db, err = Open(ctx, c); err != nil {
		return err
	}
	if !r.crowded {
		return nil
	}
	// A gateway removes what it does not know. So it must have a place for files of its own.
	strange := 0
	err = r.db.blobs.Old(ctx, time.Now().AddDate(100, 0, 0), func(keys []string) error {
		known, err := r.db.knownBlobs(ctx, keys)
		for _, is := range known {
			if !is {
				strange++
			}
		}
		return err
	})
	if err == nil && strange > 0 {
		err = fmt.Errorf("where the files go there are %d that this backup does not know: they are another gateway's, or left of a restore that was killed; name an empty place, or empty it", strange)
	}
	return err
}

// file implements taker.
func (r *restoring) file(ctx context.Context, key string, size int64, from io.Reader) error {
	if err := r.placed.add(key); err != nil {
		return err
	}
	return r.db.blobs.PlaceSealed(ctx, key, from, size)
}

// check goes through what was restored, and closes it.
func (r *restoring) check(ctx context.Context) error {
	if r.head.Version == firstVersion {
		if err := r.count(ctx); err != nil {
			return err
		}
	}
	found, err := r.db.Check(ctx, r.progress)
	if err = errors.Join(err, r.db.Close()); err != nil {
		return err
	}
	if len(found.Faults) > 0 {
		f := found.Faults[0]
		return fmt.Errorf("what is in the backup is not whole: %s %s: %s (and %d more)", f.Table, f.Row, f.What, len(found.Faults)-1+found.More)
	}
	return nil
}

// count compares the numbers of rows with what a backup of version 1 says. It counted the index too, and what migrations have added since it did not.
func (r *restoring) count(ctx context.Context) error {
	return r.db.view(ctx, func(t *tx) error {
		for _, name := range []string{"person", "thread", "message", "attachment", "received", "delivery"} {
			var n int64
			if err := t.one(ctx, "select count(*) from "+name, nil, &n); err != nil {
				return err
			}
			if n != r.head.Rows[name] {
				return fmt.Errorf("the backup has %d rows in table %s, and says that it has %d", n, name, r.head.Rows[name])
			}
		}
		return nil
	})
}

// errUncertain means that what was restored may have taken its place, and that this could not be made sure.
var errUncertain = errors.New(`it is not known whether that was kept: look with "letterlock check"`)

// undo takes back what was restored until now.
func (r *restoring) undo(ctx context.Context, why error) (err error) {
	if r.sink != nil {
		err = r.sink.close()
	}
	if r.db != nil && r.crowded && !errors.Is(why, errUncertain) {
		err = errors.Join(err, r.placed.each(func(key string) error { return r.db.blobs.Remove(ctx, key) }))
	}
	if r.db != nil {
		err = errors.Join(err, r.db.Close())
	}
	return errors.Join(err, r.place.undo(ctx))
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// insertInto is the statement that adds one row.
func insertInto(t table) string {
	list := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		list[i] = quoted(c)
	}
	return "insert into " + quoted(t.Name) + " (" + strings.Join(list, ", ") + ") values (?" + strings.Repeat(", ?", len(list)-1) + ")"
}

// commitRows is after how many rows an SQLite database that is being filled commits: its log holds what was not committed.
const commitRows = 20_000

// sqliteSink fills an SQLite database that nobody else has open.
type sqliteSink struct {
	dump // of the same connection: it knows the tables
	rows int
}

func newSQLiteSink(ctx context.Context, path string) (*sqliteSink, error) {
	db, err := openSQLite(path, true, 1)
	if err != nil {
		return nil, err
	}
	s, err := beginDump(ctx, db, sqliteEngine, "begin immediate")
	if err != nil {
		return nil, err
	}
	return &sqliteSink{dump: *s}, nil
}

// take implements rowSink.
func (s *sqliteSink) take(ctx context.Context, t table, next func() ([]any, error)) error {
	if _, err := s.c.ExecContext(ctx, "delete from "+quoted(t.Name)); err != nil {
		return err
	}
	insert, err := s.c.PreparexContext(ctx, insertInto(t))
	if err != nil {
		return err
	}
	for {
		row, err := next()
		if err == io.EOF {
			return insert.Close()
		}
		if err == nil {
			_, err = insert.ExecContext(ctx, row...)
		}
		if s.rows++; err == nil && s.rows%commitRows == 0 {
			err = s.again(ctx)
		}
		if err != nil {
			return errors.Join(err, insert.Close())
		}
	}
}

func (s *sqliteSink) again(ctx context.Context) error {
	_, err := s.c.ExecContext(ctx, "commit")
	if err == nil {
		_, err = s.c.ExecContext(ctx, "begin immediate")
	}
	return err
}

// end implements rowSink.
func (s *sqliteSink) end(ctx context.Context) error {
	_, err := s.c.ExecContext(ctx, "commit")
	return err
}
