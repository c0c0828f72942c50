package store

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/store/seal"
)

// A backup is one line in the clear, which says what it is and how much is in it, and then one sealed stream (AES-256-GCM-HKDF, in segments, each
// backup under a key derived for it from the keyring), bound to that line. In the stream is a tar archive: the database, and then every sealed
// file that it names. So a backup that was cut off, or changed anywhere, does not open to its end, and without the key file it says nothing.

// BackupHead is what a backup says of itself in the clear.
type BackupHead struct {
	Format  string           `json:"letterlock"` // backupFormat
	Version int              `json:"version"`
	MadeAt  time.Time        `json:"made_at"`
	Rows    map[string]int64 `json:"rows"`   // of each table
	Files   int64            `json:"files"`  // content outside of the database
	Octets  int64            `json:"octets"` // of the database and the files
}

const (
	backupFormat  = "backup"
	backupVersion = 1
	maxBackupHead = 64 << 10
	inDatabase    = "database"
	inFiles       = "files/"
)

// errFileGone means that a file was purged between the snapshot of the database and its turn.
var errFileGone = errors.New("a file was deleted while the backup ran")

// Backup writes everything that is stored to w, as one state of the database, while the gateway goes on working. It returns what it wrote.
// If a file is purged while it runs it must begin anew: then restart is called to take back what was written, and may refuse.
func (d *DB) Backup(ctx context.Context, w io.Writer, restart func() error, progress Progress) (BackupHead, error) {
	if d.pg != nil {
		return BackupHead{}, errors.New(`back up: a PostgreSQL database is backed up by its own tools (pg_dump, or base backups), together with the folder of files`)
	}
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	for try := 1; ; try++ {
		head, err := d.backup(ctx, w, progress)
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

func (d *DB) backup(ctx context.Context, w io.Writer, progress Progress) (BackupHead, error) {
	progress("snapshot", 0, 0)
	snap, err := d.snapshot(ctx)
	if err != nil {
		return BackupHead{}, err
	}
	defer snap.close()
	head := BackupHead{Format: backupFormat, Version: backupVersion, MadeAt: time.Now().UTC().Truncate(time.Second), Rows: snap.rows, Files: int64(len(snap.files))}
	head.Octets = snap.size
	for _, key := range snap.files {
		n, err := d.fileSize(ctx, key)
		if err != nil {
			return head, err
		}
		head.Octets += n
	}
	line, err := json.Marshal(head)
	if err != nil {
		return head, err
	}
	line = append(line, '\n')
	out := bufio.NewWriterSize(w, 1<<18)
	if _, err := out.Write(line); err != nil {
		return head, err
	}
	sealed, err := d.keys.SealStream(out, backupName(line))
	if err != nil {
		return head, err
	}
	archive := tar.NewWriter(sealed)
	counted := &countingWriter{w: archive, ctx: ctx, add: func(n int64) { progress("backup", n, head.Octets) }}
	put := func(name string, size int64, r io.Reader) error {
		err := archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: head.MadeAt, Format: tar.FormatPAX})
		if err == nil {
			_, err = io.Copy(counted, r)
		}
		return err
	}
	if err := put(inDatabase, snap.size, snap.file); err != nil {
		return head, err
	}
	for _, key := range snap.files {
		r, size, err := d.blobs.OpenSealed(ctx, key)
		if err != nil {
			return head, d.explainGone(ctx, key, err)
		}
		err = errors.Join(put(inFiles+key, size, r), r.Close())
		if err != nil {
			return head, err
		}
	}
	return head, errors.Join(archive.Close(), sealed.Close(), out.Flush())
}

// backupName is what the sealed stream is bound to.
func backupName(line []byte) []byte { return append([]byte("backup\x00"), line...) }

func (d *DB) fileSize(ctx context.Context, key string) (int64, error) {
	r, n, err := d.blobs.OpenSealed(ctx, key)
	if err != nil {
		return 0, d.explainGone(ctx, key, err)
	}
	return n, r.Close()
}

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

// snapshot is a copy of the database as it was at one moment. Its name is gone already: only the open file is left of it.
type snapshot struct {
	dir   string
	file  *os.File
	size  int64
	rows  map[string]int64
	files []string // keys of the content that it names
}

func (s *snapshot) close() {
	if s.file != nil {
		s.file.Close()
	}
	os.RemoveAll(s.dir)
}

const snapshotPrefix = ".backup-"

// snapshot copies the database beside itself, in a folder that nobody else can enter.
func (d *DB) snapshot(ctx context.Context) (_ *snapshot, err error) {
	var path string
	err = d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select file from pragma_database_list where name = 'main'", nil, &path)
	})
	if err != nil {
		return nil, err
	}
	sweepSnapshots(filepath.Dir(path))
	s := &snapshot{rows: map[string]int64{}}
	if s.dir, err = os.MkdirTemp(filepath.Dir(path), snapshotPrefix); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	db, err := openSQLite(path, true, 1)
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(s.dir, "letterlock.db")
	_, err = db.ExecContext(ctx, "vacuum into ?", copied)
	if err = errors.Join(unavailable(err), db.Close()); err != nil {
		return nil, fmt.Errorf("copy the database: %w", err)
	}
	if err := s.read(ctx, copied); err != nil {
		return nil, fmt.Errorf("read the copy of the database: %w", err)
	}
	if s.file, err = os.Open(copied); err != nil {
		return nil, err
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	s.size = info.Size()
	return s, os.RemoveAll(s.dir)
}

// read counts the rows of a copy and lists the files that it names.
func (s *snapshot) read(ctx context.Context, path string) (err error) {
	db, err := openSQLite(path, false, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := countRows(ctx, db, s.rows); err != nil {
		return err
	}
	return db.SelectContext(ctx, &s.files, blobKeysQuery)
}

// sweepSnapshots removes what a backup left that was killed in the moment before its copy had no name any more.
func sweepSnapshots(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() && strings.HasPrefix(e.Name(), snapshotPrefix) && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// countingWriter tells how much was written, and stops when ctx ends.
type countingWriter struct {
	w   io.Writer
	ctx context.Context
	n   int64
	add func(total int64)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.add(c.n)
	return n, err
}

// ReadBackupHead reads what a backup says of itself, without its key, and returns the reader of the rest.
func ReadBackupHead(r io.Reader) (BackupHead, []byte, *bufio.Reader, error) {
	in := bufio.NewReaderSize(r, maxBackupHead)
	line, err := in.ReadSlice('\n')
	var head BackupHead
	if err != nil || json.Unmarshal(line, &head) != nil || head.Format != backupFormat {
		return head, nil, nil, fmt.Errorf("this is not a backup of Letterlock, or not its beginning: %w", bridge.ErrInvalid)
	}
	if head.Version != backupVersion {
		return head, nil, nil, fmt.Errorf("this backup has version %d, and this program reads version %d", head.Version, backupVersion)
	}
	return head, append([]byte(nil), line...), in, nil
}

// readBackup opens a backup to its end and hands out what is in it. It returns an error unless the end is the right one.
func readBackup(ctx context.Context, r io.Reader, keys *seal.Keyring, progress Progress, each func(head BackupHead, name string, r io.Reader) error) (BackupHead, error) {
	head, line, in, err := ReadBackupHead(r)
	if err != nil {
		return head, err
	}
	wrong := func(err error) error {
		if errors.Is(err, seal.ErrSealed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader) {
			return fmt.Errorf("the backup does not open: it was cut off or changed, or it belongs to another key file: %w", seal.ErrSealed)
		}
		return err
	}
	plain, err := keys.OpenStream(in, backupName(line))
	if err != nil {
		return head, wrong(err)
	}
	archive := tar.NewReader(plain)
	read := int64(0)
	files := int64(0)
	for n := 0; ; n++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return head, wrong(err)
		}
		if (n == 0) != (h.Name == inDatabase) {
			return head, fmt.Errorf("the backup has %q where it should not be", h.Name)
		}
		counted := &countingReader{r: archive, ctx: ctx, add: func(n int64) {
			read += n
			progress("backup", read, head.Octets)
		}}
		if n > 0 {
			files++
		}
		if err := each(head, h.Name, counted); err != nil {
			return head, wrong(err)
		}
	}
	// The archive's end is not the stream's: what says that nothing was cut off is the last segment.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return head, wrong(err)
	}
	if files != head.Files || read != head.Octets {
		return head, fmt.Errorf("the backup has %d files and %d octets, and says that it has %d and %d", files, read, head.Files, head.Octets)
	}
	return head, nil
}

type countingReader struct {
	r   io.Reader
	ctx context.Context
	add func(int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.add(int64(n))
	return n, err
}
