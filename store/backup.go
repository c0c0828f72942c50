package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"letterlock/bridge"
)

// A backup is one line in the clear, which says what it is and how much is in it, and then one sealed stream (AES-256-GCM-HKDF, in segments, each
// backup under a key derived for it from the keyring), bound to that line. In the stream is a tar archive: first the schema, which names the
// tables; then the rows of each table, in parts; then every sealed file that the rows name. So a backup that was cut off, or changed anywhere,
// does not open to its end, and without the key it says nothing. Rows are written so that either engine reads them; the search index and
// what is only of the moment are left out.
//
// In version 1 the SQLite database itself stood in the place of schema and rows. It is still read.

// BackupHead is what a backup says of itself in the clear.
type BackupHead struct {
	Format  string           `json:"letterlock"` // backupFormat
	Version int              `json:"version"`
	MadeAt  time.Time        `json:"made_at"`
	Rows    map[string]int64 `json:"rows"`   // of each table
	Files   int64            `json:"files"`  // content outside of the database
	Octets  int64            `json:"octets"` // of the files' content; in version 1 of the database and the sealed files
}

const (
	backupFormat     = "backup"
	backupVersion    = 2
	firstVersion     = 1
	maxBackupHead    = 64 << 10
	maxBackupTables  = 1 << 20 // octets of the list of tables
	inSchema         = "schema"
	inRows           = "rows/"
	inDatabase       = "database" // of version 1
	inFiles          = "files/"
	backupPartOctets = 1 << 18 // of rows in one part; a single row may be longer
)

// backupSchema begins the archive.
type backupSchema struct {
	Schema int64   `json:"schema"` // the version that the database had; it is brought up to date after the rows are in
	Tables []table `json:"tables"` // each after those it refers to
}

// errFileGone means that a file was purged between the snapshot of the database and its turn.
var errFileGone = errors.New("a file was deleted while the backup ran")

// Backup writes everything that is stored to w, as one state of the database, while gateways go on working. It returns what it wrote.
// If a file is purged while it runs it must begin anew: then restart is called to take back what was written, and may refuse.
func (d *DB) Backup(ctx context.Context, w io.Writer, restart func() error, progress Progress) (BackupHead, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	for try := 1; ; try++ {
		b := &backup{db: d, progress: progress}
		head, err := b.run(ctx, w)
		if err == nil || !errors.Is(err, errFileGone) || try == 5 {
			if err != nil {
				err = fmt.Errorf("back up: %w", err)
			}
			return head, err
		}
		if err := restart(); err != nil {
			return head, fmt.Errorf("back up: begin anew: %w", err)
		}
	}
}

// backup is one backup that is being written.
type backup struct {
	db       *DB
	progress Progress
	head     BackupHead
	archive  *tar.Writer
}

func (b *backup) run(ctx context.Context, w io.Writer) (_ BackupHead, err error) {
	b.progress("snapshot", 0, 0)
	snapshot, err := b.db.openDump(ctx)
	if err != nil {
		return b.head, err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, snapshot.close())
		}
	}()
	schema, err := b.describe(ctx, snapshot)
	if err != nil {
		return b.head, fmt.Errorf("count what there is: %w", err)
	}
	line, err := json.Marshal(b.head)
	if err != nil {
		return b.head, err
	}
	line = append(line, '\n')
	out := bufio.NewWriterSize(w, 1<<18)
	if _, err := out.Write(line); err != nil {
		return b.head, err
	}
	sealed, err := b.db.keys.SealStream(out, backupName(line))
	if err != nil {
		return b.head, err
	}
	b.archive = tar.NewWriter(sealed)
	if err := b.rows(ctx, snapshot, schema); err != nil {
		return b.head, err
	}
	keys, err := newSpool()
	if err != nil {
		return b.head, err
	}
	defer keys.close()
	if err := snapshot.keys(ctx, keys.add); err != nil {
		return b.head, err
	}
	// The files are sealed already and never change: they need no snapshot.
	open = false
	if err := snapshot.close(); err != nil {
		return b.head, err
	}
	if err := b.files(ctx, keys); err != nil {
		return b.head, err
	}
	return b.head, errors.Join(b.archive.Close(), sealed.Close(), out.Flush())
}

// describe fills the head and returns the schema.
func (b *backup) describe(ctx context.Context, from *dump) (schema backupSchema, err error) {
	if schema.Schema, err = from.schema(ctx); err != nil {
		return schema, err
	}
	if schema.Tables, err = from.tables(ctx); err != nil {
		return schema, err
	}
	b.head = BackupHead{Format: backupFormat, Version: backupVersion, MadeAt: time.Now().UTC().Truncate(time.Second), Rows: map[string]int64{}}
	for _, t := range schema.Tables {
		if b.head.Rows[t.Name], err = from.count(ctx, t.Name); err != nil {
			return schema, err
		}
	}
	b.head.Files, b.head.Octets, err = from.files(ctx)
	return schema, err
}

// put writes one part of the archive.
func (b *backup) put(name string, size int64, r io.Reader) error {
	err := b.archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: b.head.MadeAt, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.Copy(b.archive, r)
	return err
}

func (b *backup) putOctets(name string, octets []byte) error {
	return b.put(name, int64(len(octets)), bytes.NewReader(octets))
}

// rows writes the schema and all rows.
func (b *backup) rows(ctx context.Context, from *dump, schema backupSchema) error {
	list, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	if err := b.putOctets(inSchema, list); err != nil {
		return err
	}
	var total, done int64
	for _, n := range b.head.Rows {
		total += n
	}
	for _, t := range schema.Tables {
		if err := b.table(ctx, from, t, func() {
			if done++; done%64 == 0 || done == total {
				b.progress("rows", done, total)
			}
		}); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

// table writes the rows of one table.
func (b *backup) table(ctx context.Context, from *dump, t table, told func()) error {
	next, stop, err := from.rows(ctx, t)
	if err != nil {
		return err
	}
	defer stop()
	var part []byte
	for {
		row, err := next()
		if err == nil {
			err = ctx.Err()
		}
		if err == io.EOF && len(part) > 0 {
			return b.putOctets(inRows+t.Name, part)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, v := range row {
			if part, err = appendValue(part, v); err != nil {
				return err
			}
		}
		told()
		if len(part) >= backupPartOctets {
			if err := b.putOctets(inRows+t.Name, part); err != nil {
				return err
			}
			part = part[:0]
		}
	}
}

// files writes the files.
func (b *backup) files(ctx context.Context, keys *spool) error {
	counted := int64(0)
	return keys.each(func(key string) error {
		r, size, err := b.db.blobs.OpenSealed(ctx, key)
		if err != nil {
			return b.db.explainGone(ctx, key, err)
		}
		read := &countingReader{r: r, ctx: ctx, add: func(n int64) {
			counted += n
			b.progress("files", min(counted, b.head.Octets), b.head.Octets)
		}}
		return errors.Join(b.put(inFiles+key, size, read), r.Close())
	})
}

// backupName is what the sealed stream is bound to.
func backupName(line []byte) []byte { return append([]byte("backup\x00"), line...) }

// explainGone tells a file that was purged meanwhile from one that is missing.
func (d *DB) explainGone(ctx context.Context, key string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	used := 0
	usedErr := d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select count(*) from blob where key = ?", []any{key}, &used)
	})
	switch {
	case usedErr != nil:
		return usedErr
	case used > 0:
		return fmt.Errorf(`the file %s is missing: run "letterlock check"`, key)
	}
	return errFileGone
}

// ReadBackupHead reads what a backup says of itself, without its key, and returns the line it stands on and the reader of the rest.
func ReadBackupHead(r io.Reader) (BackupHead, []byte, *bufio.Reader, error) {
	in := bufio.NewReaderSize(r, maxBackupHead)
	line, err := in.ReadSlice('\n')
	if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
		return BackupHead{}, nil, nil, err // of the disk or the network
	}
	var head BackupHead
	if err != nil || json.Unmarshal(line, &head) != nil || head.Format != backupFormat {
		return head, nil, nil, fmt.Errorf("this is not a backup of Letterlock, or not its beginning: %w", bridge.ErrInvalid)
	}
	if head.Version > backupVersion {
		return head, nil, nil, fmt.Errorf("this backup has version %d, and this program reads versions up to %d: %w", head.Version, backupVersion, errNewer)
	}
	if head.Version < firstVersion {
		return head, nil, nil, fmt.Errorf("this backup has version %d, which there never was: %w", head.Version, bridge.ErrInvalid)
	}
	return head, append([]byte(nil), line...), in, nil
}

// countingReader tells how much was read, and stops when ctx ends.
type countingReader struct {
	r   io.Reader
	ctx context.Context
	add func(int64)
}

// Read implements io.Reader.
func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.add(int64(n))
	return n, err
}

// spool is a list of keys of files that may be long: it is in a temporary file that has no name. The keys are random and no secret.
type spool struct {
	f    *os.File
	w    *bufio.Writer
	name string // where an open file can't lose it
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "letterlock-")
	if err != nil {
		return nil, err
	}
	s := &spool{f: f, w: bufio.NewWriter(f)}
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	return s, nil
}

func (s *spool) add(key string) error {
	_, err := s.w.WriteString(key + "\n")
	return err
}

func (s *spool) each(fn func(string) error) error {
	if err := s.w.Flush(); err != nil {
		return err
	}
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewScanner(s.f)
	for in.Scan() {
		if err := fn(in.Text()); err != nil {
			return err
		}
	}
	return in.Err()
}

func (s *spool) close() {
	s.f.Close()
	if s.name != "" {
		os.Remove(s.name)
	}
}
