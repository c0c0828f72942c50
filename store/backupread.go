package store

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"letterlock/store/seal"
)

// taker takes what is in a backup, in the order in which it stands there.
type taker interface {
	// database takes the SQLite database of a backup of version 1. Then schema and table are not called.
	database(ctx context.Context, r io.Reader) error
	// schema takes the tables that come next.
	schema(ctx context.Context, s backupSchema) error
	// table takes the rows of one table, which next hands out until io.EOF. A row is its own until the next call.
	table(ctx context.Context, t table, next func() ([]any, error)) error
	// rowsTaken is called after the last row and before the first file.
	rowsTaken(ctx context.Context) error
	// file takes a sealed file of so many octets.
	file(ctx context.Context, key string, size int64, r io.Reader) error
}

// backupReader reads a backup.
type backupReader struct {
	ctx      context.Context
	progress Progress
	head     BackupHead
	archive  *tar.Reader
	part     *tar.Header // what stands next in the archive; nil at its end
	rows     int64       // read until now
	total    int64
	files    int64
	octets   int64
}

// readBackup opens a backup to its end and hands out what is in it. It returns an error unless the end is the right one.
func readBackup(ctx context.Context, r io.Reader, keys *seal.Keyring, progress Progress, to taker) (BackupHead, error) {
	head, line, in, err := ReadBackupHead(r)
	if err != nil {
		return head, err
	}
	b := &backupReader{ctx: ctx, progress: progress, head: head}
	for _, n := range head.Rows {
		b.total += n
	}
	plain, err := keys.OpenStream(in, backupName(line))
	if err == nil {
		b.archive = tar.NewReader(plain)
		if err = b.next(); err == nil {
			err = b.all(to)
		}
	}
	if err == nil {
		// The archive's end is not the stream's: what says that nothing was cut off is the last segment.
		_, err = io.Copy(io.Discard, plain)
	}
	if errors.Is(err, seal.ErrSealed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader) {
		return head, fmt.Errorf("the backup does not open: it was cut off or changed, or it belongs to another key file: %w", seal.ErrSealed)
	}
	return head, err
}

// next goes on to the next part.
func (b *backupReader) next() error {
	h, err := b.archive.Next()
	if err == io.EOF {
		b.part = nil
		return nil
	}
	b.part = h
	return err
}

// body is the content of the part at hand.
func (b *backupReader) body(counted func(int64)) io.Reader {
	return &countingReader{r: b.archive, ctx: b.ctx, add: counted}
}

func (b *backupReader) all(to taker) error {
	var err error
	if b.head.Version == firstVersion {
		err = b.first(to)
	} else {
		err = b.tables(to)
	}
	if err == nil {
		err = to.rowsTaken(b.ctx)
	}
	for err == nil && b.part != nil {
		key, ok := strings.CutPrefix(b.part.Name, inFiles)
		if !ok {
			return fmt.Errorf("the backup has %.100q where it should not be", b.part.Name)
		}
		b.files++
		err = to.file(b.ctx, key, b.part.Size, b.body(func(n int64) {
			b.octets += n
			b.progress("files", min(b.octets, b.head.Octets), b.head.Octets)
		}))
		if err == nil {
			err = b.next()
		}
	}
	switch {
	case err != nil:
		return err
	case b.files != b.head.Files:
		return fmt.Errorf("the backup has %d files, and says that it has %d", b.files, b.head.Files)
	case b.head.Version == firstVersion && b.octets != b.head.Octets:
		return fmt.Errorf("the backup has %d octets, and says that it has %d", b.octets, b.head.Octets)
	}
	return nil
}

// first reads what a backup of version 1 begins with.
func (b *backupReader) first(to taker) error {
	if b.part == nil || b.part.Name != inDatabase {
		return errors.New("the backup has no database in it")
	}
	err := to.database(b.ctx, b.body(func(n int64) {
		b.octets += n
		b.progress("rows", min(b.octets, b.head.Octets), b.head.Octets)
	}))
	if err != nil {
		return err
	}
	return b.next()
}

// tables reads the schema and all rows, and counts them.
func (b *backupReader) tables(to taker) error {
	if b.part == nil || b.part.Name != inSchema || b.part.Size > maxBackupTables {
		return errors.New("the backup does not say which tables it has")
	}
	text, err := io.ReadAll(b.body(func(int64) {}))
	if err != nil {
		return err
	}
	var schema backupSchema
	if err := json.Unmarshal(text, &schema); err != nil {
		return fmt.Errorf("read the backup's list of tables: %w", err)
	}
	if err := b.next(); err != nil {
		return err
	}
	if err := to.schema(b.ctx, schema); err != nil {
		return err
	}
	counted := map[string]int64{}
	for _, t := range schema.Tables {
		if _, twice := counted[t.Name]; twice || len(t.Columns) == 0 {
			return fmt.Errorf("the backup's list of tables has a wrong %.100q", t.Name)
		}
		before := b.rows
		row := b.rowsOf(t)
		err := to.table(b.ctx, t, row)
		if err == nil {
			if _, after := row(); after != io.EOF {
				err = errors.New("there are rows left")
			}
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		counted[t.Name] = b.rows - before
	}
	if !maps.Equal(counted, b.head.Rows) {
		return errors.New("the backup has other numbers of rows than it says")
	}
	return nil
}

// rowsOf returns what hands out the rows of a table, over all the parts they stand in.
func (b *backupReader) rowsOf(t table) func() ([]any, error) {
	in := bufio.NewReaderSize(nil, 1<<16)
	open := false
	return func() ([]any, error) {
		for {
			if !open {
				if b.part == nil || b.part.Name != inRows+t.Name {
					return nil, io.EOF
				}
				in.Reset(b.body(func(int64) {}))
				open = true
			}
			row, err := readRow(in, len(t.Columns))
			if err == io.EOF {
				open = false
				if err := b.next(); err != nil {
					return nil, err
				}
				continue
			}
			if err == nil {
				if b.rows++; b.rows%64 == 0 {
					b.progress("rows", b.rows, max(b.total, b.rows))
				}
			}
			return row, err
		}
	}
}

// reading takes a backup to look whether it is whole.
type reading struct{}

var _ taker = reading{}

func (reading) database(_ context.Context, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

func (reading) schema(_ context.Context, s backupSchema) error { return knownSchema(s.Schema) }

func (reading) table(_ context.Context, _ table, next func() ([]any, error)) error {
	for {
		if _, err := next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (reading) rowsTaken(context.Context) error { return nil }

func (reading) file(_ context.Context, _ string, _ int64, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
