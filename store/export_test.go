package store

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"letterlock/store/seal"
)

// Statements returns every statement that the database's connections have prepared.
func (d *DB) Statements() []string {
	seen := map[string]bool{}
	_ = d.update(background, func(t *tx) error {
		for q := range t.conn.stmts {
			seen[q] = true
		}
		return nil
	})
	var readers []*conn
	for range cap(d.readers) {
		readers = append(readers, <-d.readers)
	}
	for _, c := range readers {
		if c != nil {
			for q := range c.stmts {
				seen[q] = true
			}
		}
		d.readers <- c
	}
	var all []string
	for q := range seen {
		all = append(all, q)
	}
	return all
}

// Exec runs a statement that no method of the store would.
func (d *DB) Exec(query string, args ...any) error {
	return d.update(background, func(t *tx) error {
		_, err := t.exec(background, query, args...)
		return err
	})
}

// InventoryColumns returns the columns of the inventory, as TABLE.COLUMN.
func InventoryColumns() []string {
	var all []string
	for _, s := range inventory {
		for _, c := range s.columns {
			all = append(all, s.name+".sealed_"+c)
		}
	}
	for _, one := range sealedSingles {
		all = append(all, one.table+"."+one.sqlColumn)
	}
	return all
}

// Token returns what stands for a word in the search index.
func (d *DB) Token(word string) string { return newHasher(d.keys).word(word) }

// Count returns how many rows a table has.
func (d *DB) Count(t testing.TB, table string) (n int) {
	t.Helper()
	err := d.view(background, func(t *tx) error { return t.one(background, "select count(*) from "+table, nil, &n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// CheckIndex has FTS5 look whether its index is whole.
func (d *DB) CheckIndex() error {
	return d.Exec("insert into search_text (search_text) values ('integrity-check')")
}

// SweepRows is the part of Sweep that goes by rows, for a moment at which files are old that were written just now.
func (d *DB) SweepRows(ctx context.Context, now time.Time) error {
	return d.sweepBlobs(ctx, now, now.Add(-orphanAge))
}

// FirstBackup writes a backup as the first version of the format was: with the SQLite database itself.
func (d *DB) FirstBackup(t testing.TB, w io.Writer) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	path, err := d.sqlitePath(background)
	must(err)
	copied := filepath.Join(t.TempDir(), "copy.db")
	db, err := openSQLite(path, true, 1)
	must(err)
	_, err = db.Exec("vacuum into ?", copied)
	must(errors.Join(err, db.Close()))
	content, err := os.ReadFile(copied)
	must(err)
	s, err := dumpSQLite(background, copied)
	must(err)
	tables, err := s.tables(background)
	must(err)
	head := BackupHead{Format: backupFormat, Version: firstVersion, Rows: map[string]int64{}, Octets: int64(len(content))}
	for _, t := range tables {
		head.Rows[t.Name], err = s.count(background, t.Name)
		must(err)
	}
	var keys []string
	files := map[string][]byte{}
	must(s.keys(background, func(key string) error {
		r, size, err := d.blobs.OpenSealed(background, key)
		if err != nil {
			return err
		}
		keys = append(keys, key)
		files[key], err = io.ReadAll(r)
		head.Octets += size
		return errors.Join(err, r.Close())
	}))
	must(s.close())
	head.Files = int64(len(keys))
	line, err := json.Marshal(head)
	must(err)
	line = append(line, '\n')
	_, err = w.Write(line)
	must(err)
	sealed, err := d.keys.SealStream(w, backupName(line))
	must(err)
	archive := tar.NewWriter(sealed)
	put := func(name string, content []byte) {
		must(archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600, Format: tar.FormatPAX}))
		_, err := archive.Write(content)
		must(err)
	}
	put(inDatabase, content)
	for _, key := range keys {
		put(inFiles+key, files[key])
	}
	must(archive.Close())
	must(sealed.Close())
}

// SealBackup makes a backup of a head and parts that nobody would write.
func SealBackup(t testing.TB, keys *seal.Keyring, head BackupHead, parts ...[2]string) []byte {
	t.Helper()
	head.Format = backupFormat
	line, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	line = append(line, '\n')
	b := bytes.NewBuffer(bytes.Clone(line))
	sealed, err := keys.SealStream(b, backupName(line))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(sealed)
	for _, p := range parts {
		if err := archive.WriteHeader(&tar.Header{Name: p[0], Size: int64(len(p[1])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, p[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), sealed.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ReadRow and AppendValue are how rows stand in a backup.
var (
	ReadRow     = readRow
	AppendValue = appendValue
	ErrRow      = errRow
)

// RowSums returns a check sum over the rows of each table, whichever the engine, and how many there are.
func (d *DB) RowSums(t testing.TB) map[string]string {
	t.Helper()
	ctx := t.Context()
	s, err := d.openDump(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	tables, err := s.tables(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, one := range tables {
		slices.Sort(one.Columns)
		next, stop, err := s.rows(ctx, one)
		if err != nil {
			t.Fatal(err)
		}
		var sum [sha256.Size]byte
		n := 0
		for {
			row, err := next()
			if err == io.EOF {
				break
			}
			var b []byte
			for _, v := range row {
				if err == nil {
					b, err = appendValue(b, v)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			of := sha256.Sum256(b)
			for i := range sum { // in any order
				sum[i] ^= of[i]
			}
			n++
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		sums[one.Name] = fmt.Sprintf("%d rows, %x", n, sum[:8])
	}
	return sums
}

// PlaceSealed puts a file on the shelf as a restore does.
func (d *DB) PlaceSealed(t testing.TB, key, content string) error {
	return d.blobs.PlaceSealed(t.Context(), key, strings.NewReader(content), int64(len(content)))
}
