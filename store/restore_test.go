package store_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"letterlock/store"
	"letterlock/store/blob"
	"letterlock/store/blob/s3"
	"letterlock/store/blob/s3/s3test"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
)

// bucketOf returns a shelf in a bucket of the test's own.
func bucketOf(t *testing.T) *blob.Bucket {
	t.Helper()
	server := s3test.New(t)
	c, err := s3.New(s3.Config{
		Endpoint: server.URL, Region: s3test.Region, Bucket: s3test.Bucket, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey, Transport: http.DefaultTransport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return blob.NewBucket(c, "letterlock/")
}

// opened opens what was restored.
func opened(t *testing.T, to store.RestoreTo) *store.DB {
	t.Helper()
	c := store.Config{DSN: to.DSN, Blobs: filepath.Join(to.Dir, to.Blobs), Shelf: to.Shelf, Keys: to.Keys}
	if to.DSN == "" {
		c.Path = filepath.Join(to.Dir, to.Database)
	}
	d, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestBackupComesBackOnEitherEngine writes one clinic down from each engine, and from one as the first release did, and brings each back to
// each kind of place: the same rows are there, every file opens, and search finds.
func TestBackupComesBackOnEitherEngine(t *testing.T) {
	keys := keyring(t)
	lite := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	newClinic(t, lite, keys, 3)
	indexAll(t, lite)
	var first bytes.Buffer
	lite.FirstBackup(t, &first)
	backups := map[string][]byte{"SQLite": backUp(t, lite), "the first release": first.Bytes()}
	want := map[string]map[string]string{"SQLite": lite.RowSums(t), "the first release": lite.RowSums(t)}
	t.Run("PostgreSQL", func(t *testing.T) {
		d := openDSN(t, pgtest.New(t), keys, filepath.Join(t.TempDir(), "files"))
		newClinic(t, d, keys, 2)
		backups["PostgreSQL"], want["PostgreSQL"] = backUp(t, d), d.RowSums(t)
	})
	for from, backup := range backups {
		for name, place := range map[string]func(t *testing.T, to *store.RestoreTo){
			"a folder":                  func(*testing.T, *store.RestoreTo) {},
			"a folder and a bucket":     func(t *testing.T, to *store.RestoreTo) { to.Shelf = bucketOf(t) },
			"PostgreSQL":                func(t *testing.T, to *store.RestoreTo) { to.DSN = pgtest.New(t) },
			"PostgreSQL and a bucket":   func(t *testing.T, to *store.RestoreTo) { to.DSN, to.Shelf = pgtest.New(t), bucketOf(t) },
			"a folder that is there":    func(_ *testing.T, to *store.RestoreTo) { to.Dir = filepath.Dir(to.Dir) },
			"a folder through a link":   func(t *testing.T, to *store.RestoreTo) { to.Dir = linkTo(t, t.TempDir()) },
			"a folder below one missed": func(_ *testing.T, to *store.RestoreTo) { to.Dir = filepath.Join(to.Dir, "deep", "data") },
		} {
			t.Run(from+" to "+name, func(t *testing.T) {
				to := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
				place(t, &to)
				head, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil)
				if err != nil {
					t.Fatal(err)
				}
				d := opened(t, to)
				if got := d.RowSums(t); !maps.Equal(got, want[from]) {
					for table := range got {
						if got[table] != want[from][table] {
							t.Errorf("table %s: got %s, want %s", table, got[table], want[from][table])
						}
					}
				}
				if found := whole(t, d); found.Files == 0 || head.Files == 0 {
					t.Errorf("got %+v of %+v", found, head)
				}
				indexAll(t, d)
				if n := d.Count(t, "search_entry"); n != d.Count(t, "message") {
					t.Errorf("%d messages are indexed, of %d", n, d.Count(t, "message"))
				}
				whole(t, d)
				left, err := filepath.Glob(filepath.Join(to.Dir, "..", "*restoring*"))
				inside, err2 := filepath.Glob(filepath.Join(to.Dir, ".restoring*"))
				if errors.Join(err, err2) != nil || len(left)+len(inside) > 0 {
					t.Errorf("it left %v %v", left, inside)
				}
			})
		}
	}
}

// linkTo returns a link to a folder.
func linkTo(t *testing.T, dir string) string {
	t.Helper()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// TestBackupOfPostgreSQLUnderLoad backs up while people write and somebody deletes: what was there before is in it, all of one moment.
func TestBackupOfPostgreSQLUnderLoad(t *testing.T) {
	keys := keyring(t)
	d := openDSN(t, pgtest.New(t), keys, filepath.Join(t.TempDir(), "files"))
	c := newClinic(t, d, keys, 3)
	before := len(c.threads)
	stop, done := make(chan struct{}), make(chan int)
	started := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
				c.thread("written meanwhile")
			}
			if n == 0 {
				close(started)
			}
		}
	}()
	<-started
	backup := backUp(t, d)
	close(stop)
	t.Logf("%d threads were written meanwhile", <-done)
	to := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
	head, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if head.Rows["thread"] < int64(before) {
		t.Errorf("got %d threads, want %d or more", head.Rows["thread"], before)
	}
	whole(t, opened(t, to))
	whole(t, d)
}

// TestRestoreToPostgreSQLIsAllOrNothing wants nothing left of any backup that is wrong, and nothing written over.
func TestRestoreToPostgreSQLIsAllOrNothing(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	newClinic(t, d, keys, 2)
	backup := backUp(t, d)
	end := len(backup)
	flipped := bytes.Clone(backup)
	flipped[end*3/4] ^= 1
	empty := func(t *testing.T, to store.RestoreTo) {
		t.Helper()
		again := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
		again.DSN, again.Dir = to.DSN, to.Dir
		if to.Shelf != nil {
			again.Shelf = to.Shelf
		}
		files, err := filepath.Glob(filepath.Join(to.Dir, to.Blobs, "*", "*"))
		if err != nil || len(files) > 0 {
			t.Errorf("it left files: %v, %v", files, err)
		}
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), again, nil); err != nil {
			t.Errorf("after it, nothing can be restored: %v", err)
		}
	}
	for name, wrong := range map[string][]byte{"cut": backup[:end/2], "flipped": flipped, "without its end": backup[:end-1]} {
		t.Run(name, func(t *testing.T) {
			to := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
			to.DSN = pgtest.New(t)
			if _, err := store.Restore(t.Context(), bytes.NewReader(wrong), to, nil); !errors.Is(err, seal.ErrSealed) {
				t.Errorf("got %v", err)
			}
			empty(t, to)
		})
	}
	t.Run("into a database that a gateway was started on", func(t *testing.T) {
		to := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
		to.DSN = pgtest.New(t)
		gateway, err := store.Open(t.Context(), store.Config{DSN: to.DSN, Blobs: filepath.Join(to.Dir, to.Blobs), Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		if held, err := gateway.Lease(t.Context(), "sweep", "it", time.Minute); !held || err != nil {
			t.Fatal(held, err)
		}
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil); err == nil || !strings.Contains(err.Error(), "a gateway is using") {
			t.Errorf("got %v", err)
		}
		if err := errors.Join(gateway.EndLease(t.Context(), "sweep", "it"), gateway.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil); err != nil {
			t.Fatal(err)
		}
		whole(t, opened(t, to))
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("over what was restored: got %v", err)
		}
		whole(t, opened(t, to))
	})
	t.Run("beside files of another", func(t *testing.T) {
		to := restoreTo(filepath.Join(t.TempDir(), "data"), keys)
		to.DSN = pgtest.New(t)
		other := openDSN(t, pgtest.New(t), keys, filepath.Join(to.Dir, to.Blobs))
		newClinic(t, other, keys, 1)
		if _, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil); err == nil || !strings.Contains(err.Error(), "does not know") {
			t.Errorf("got %v", err)
		}
		whole(t, other)
	})
}

// TestRestoreAfterOneThatWasKilled finds what a killed restore leaves in a folder that is there, and goes on as if it were not.
func TestRestoreAfterOneThatWasKilled(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	newClinic(t, d, keys, 1)
	backup := backUp(t, d)
	const nobody = "4194999" // no process has this number: it is beyond the largest
	parent := t.TempDir()
	dir := filepath.Join(parent, "data")
	for _, left := range []string{dir + ".restoring-" + nobody + "-1", filepath.Join(dir, ".restoring-"+nobody+"-2"), filepath.Join(dir, "letterlock.db.blobs", "ab")} {
		if err := os.MkdirAll(left, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(left, "half"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := restoreTo(dir, keys)
	if _, err := store.Restore(t.Context(), bytes.NewReader(backup), to, nil); err != nil {
		t.Fatal(err)
	}
	whole(t, opened(t, to))
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v", entries, err)
	}
	if half, err := filepath.Glob(filepath.Join(dir, "*", "*", "half")); err != nil || len(half) > 0 {
		t.Errorf("got %v, %v", half, err)
	}
	// A folder with files and no killed restore is somebody's.
	other := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(other, "letterlock.db.blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(t.Context(), bytes.NewReader(backup), restoreTo(other, keys), nil); err == nil || !strings.Contains(err.Error(), "something in it") {
		t.Errorf("got %v", err)
	}
	nowhere := linkTo(t, filepath.Join(t.TempDir(), "gone"))
	if _, err := store.Restore(t.Context(), bytes.NewReader(backup), restoreTo(nowhere, keys), nil); err == nil || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("got %v", err)
	}
}

// TestRestoreRefusesWhatItDoesNotKnow gives it backups that were sealed with the right key, by somebody else's program.
func TestRestoreRefusesWhatItDoesNotKnow(t *testing.T) {
	keys := keyring(t)
	type parts = [][2]string
	const schema = `{"schema":7,"tables":[{"name":"thread","columns":["id"]}]}`
	rows := map[string]int64{"thread": 0}
	for name, one := range map[string]struct {
		head  store.BackupHead
		parts parts
		want  string
	}{
		"a newer format":         {store.BackupHead{Version: 3}, nil, "newer version"},
		"no version":             {store.BackupHead{Version: 0}, nil, "never was"},
		"a newer schema":         {store.BackupHead{Version: 2}, parts{{"schema", `{"schema":7000,"tables":[]}`}}, "newer version"},
		"no schema":              {store.BackupHead{Version: 2}, parts{{"rows/thread", ""}}, "which tables"},
		"nothing":                {store.BackupHead{Version: 2}, nil, "which tables"},
		"a schema of something":  {store.BackupHead{Version: 2}, parts{{"schema", `[]`}}, "list of tables"},
		"a long name":            {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {strings.Repeat("x", 100_000), "y"}}, "should not be"},
		"a table twice":          {store.BackupHead{Version: 2}, parts{{"schema", `{"schema":7,"tables":[{"name":"a","columns":["b"]},{"name":"a","columns":["b"]}]}`}}, `wrong "a"`},
		"a table of no columns":  {store.BackupHead{Version: 2}, parts{{"schema", `{"schema":7,"tables":[{"name":"a"}]}`}}, `wrong "a"`},
		"half a row":             {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {"rows/thread", "\x03\x10half"}}, "in the middle"},
		"a value without an end": {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {"rows/thread", "\x03\xff\xff\xff\xff\xff\xff\xff\x7f"}}, "can't be read"},
		"another tag":            {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {"rows/thread", "\x09"}}, "tag 9"},
		"more rows than it says": {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {"rows/thread", "\x00"}}, "numbers of rows"},
		"more files":             {store.BackupHead{Version: 2, Rows: rows}, parts{{"schema", schema}, {"files/x", "y"}}, "has 1 files"},
		"the first version, empty": {
			store.BackupHead{Version: 1}, nil, "no database",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := store.SealBackup(t, keys, one.head, one.parts...)
			if _, err := store.VerifyBackup(t.Context(), bytes.NewReader(b), keys, nil); err == nil || !strings.Contains(err.Error(), one.want) {
				t.Errorf("verified: got %v, want %q", err, one.want)
			}
			parent := t.TempDir()
			if _, err := store.Restore(t.Context(), bytes.NewReader(b), restoreTo(filepath.Join(parent, "data"), keys), nil); err == nil {
				t.Error("it was restored")
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
	for _, key := range []string{"../../letterlock.key", "/etc/passwd", strings.Repeat("a", 300), "", "ab"} {
		d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
		if err := d.PlaceSealed(t, key, "content"); err == nil {
			t.Errorf("a file was placed as %q", key)
		}
	}
}

func TestRowsOfABackup(t *testing.T) {
	row := []any{nil, int64(0), int64(math.MinInt64), int64(math.MaxInt64), "", "Ännchen\x00", []byte{}, bytes.Repeat([]byte{7}, 300_000)}
	var b []byte
	var err error
	for _, v := range append(row, true, false) {
		if b, err = store.AppendValue(b, v); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReaderSize(bytes.NewReader(b), 16)
	got, err := store.ReadRow(r, len(row)+2)
	if want := append(row, int64(1), int64(0)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %.200v, %v", got, err)
	}
	if _, err := store.ReadRow(r, 1); err != io.EOF {
		t.Errorf("after the last: got %v", err)
	}
	for cut := 1; cut < 40; cut++ {
		if _, err := store.ReadRow(bufio.NewReader(bytes.NewReader(b[:cut])), len(row)); !errors.Is(err, store.ErrRow) {
			t.Errorf("cut at %d: got %v", cut, err)
		}
	}
	if _, err := store.AppendValue(nil, 1.5); err == nil {
		t.Error("a number that is not whole was written")
	}
}

func FuzzRowsOfABackup(f *testing.F) {
	f.Add([]byte("\x01\x02\x02\x01a\x03\x01b\x00"), 4)
	f.Add([]byte("\x03\xff\xff\xff\xff\x03"), 1)
	f.Add([]byte("\x03\xff\xd5\xff\xff\xfd\xfd\xfd\xfd\xfd0"), 79) // a length that no number holds
	f.Fuzz(func(t *testing.T, b []byte, columns int) {
		if columns < 1 || columns > 100 {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			row, err := store.ReadRow(r, columns)
			if err != nil {
				if err != io.EOF && !errors.Is(err, store.ErrRow) {
					t.Fatal(err)
				}
				return
			}
			var again []byte
			for _, v := range row {
				if again, err = store.AppendValue(again, v); err != nil {
					t.Fatal(err)
				}
			}
			back, err := store.ReadRow(bufio.NewReader(bytes.NewReader(again)), columns)
			if err != nil || !reflect.DeepEqual(back, row) {
				t.Fatalf("got %v, %v, want %v", back, err, row)
			}
		}
	})
}
