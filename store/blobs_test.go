package store_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/blob"
	"letterlock/store/blob/s3"
	"letterlock/store/blob/s3/s3test"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
)

// shelves is a database with a folder of files, of which a test can have several of one kind.
type shelves struct {
	*testing.T
	d     *store.DB
	files string
	keys  *seal.Keyring
}

// onBoth runs a test on both engines.
func onBoth(t *testing.T, test func(s *shelves)) {
	t.Run("SQLite", func(t *testing.T) {
		folder, keys := t.TempDir(), keyring(t)
		path := filepath.Join(folder, "letterlock.db")
		test(&shelves{t, openAt(t, path, keys), path + ".blobs", keys})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		files, keys := filepath.Join(t.TempDir(), "files"), keyring(t)
		test(&shelves{t, openDSN(t, pgtest.New(t), keys, files), files, keys})
	})
}

func (s *shelves) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *shelves) stage(content []byte) bridge.Blob {
	s.Helper()
	b, err := s.d.StageBlob(s.Context(), bytes.NewReader(content))
	s.must(err)
	return b
}

// attach adds a message with a file in a thread of its own.
func (s *shelves) attach(b bridge.Blob) (bridge.Attachment, error) {
	s.Helper()
	now := time.Now()
	th := bridge.Thread{ID: bridge.NewID(), Status: bridge.Open, CreatedAt: now, LastAt: now}
	a := bridge.Attachment{ID: bridge.NewID(), Filename: "x", Blob: b}
	err := s.d.Update(s.Context(), func(tx bridge.Tx) error {
		if err := tx.AddThread(s.Context(), th); err != nil {
			return err
		}
		return tx.AddMessage(s.Context(), &bridge.Message{ID: bridge.NewID(), Thread: th.ID, Kind: bridge.Public, At: now, Attachments: []bridge.Attachment{a}})
	})
	a.Thread = th.ID
	return a, err
}

// read reads a file as whoever read its row does.
func (s *shelves) read(id bridge.ID) ([]byte, error) {
	var a bridge.Attachment
	err := s.d.View(s.Context(), func(tx bridge.Tx) (err error) {
		a, err = tx.Attachment(s.Context(), id)
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := s.d.OpenBlob(s.Context(), a.Blob)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (s *shelves) count() (n int) {
	s.Helper()
	s.must(filepath.WalkDir(s.files, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			n++
		}
		return err
	}))
	return n
}

func big(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestTheSameContentIsKeptOnce(t *testing.T) {
	onBoth(t, func(s *shelves) {
		now, content := time.Now(), big(200_000)
		var all []bridge.Attachment
		for range 3 {
			b := s.stage(content)
			if b.Size != int64(len(content)) || b.SHA256 != sha256.Sum256(content) {
				s.Errorf("staged %+v", b)
			}
			a, err := s.attach(b)
			s.must(err)
			all = append(all, a)
		}
		if all[0].Blob.Key != all[1].Blob.Key || all[0].Blob.Key != all[2].Blob.Key {
			s.Error("the same content has several keys")
		}
		// Who stages it again waits as long, for the same work: what is too much goes later.
		if n := s.count(); n != 3 {
			s.Errorf("before the sweep there are %d files, want 3", n)
		}
		s.must(s.d.Sweep(s.Context(), now))
		if n := s.count(); n != 1 {
			s.Errorf("after the sweep there are %d files, want 1", n)
		}
		for i, a := range all {
			if got, err := s.read(a.ID); err != nil || !bytes.Equal(got, content) {
				s.Fatalf("%d references: got %d octets, %v", len(all)-i, len(got), err)
			}
			s.must(s.d.Exec("delete from thread where id = ?", a.Thread[:]))
			s.must(s.d.Sweep(s.Context(), now.Add(time.Hour))) // it is not a day yet
			s.must(s.d.Sweep(s.Context(), now.Add(time.Duration(i+1)*49*time.Hour)))
			if n, want := s.count(), min(1, len(all)-1-i); n != want {
				s.Fatalf("after %d of %d references went: %d files, want %d", i+1, len(all), n, want)
			}
		}
	})
}

func TestStagedTooLongAgo(t *testing.T) {
	onBoth(t, func(s *shelves) {
		b := s.stage(big(100_000))
		s.must(s.d.Sweep(s.Context(), time.Now().Add(25*time.Hour)))
		if _, err := s.attach(b); !errors.Is(err, bridge.ErrUnavailable) {
			s.Errorf("attached: got %v, want ErrUnavailable", err)
		}
		err := s.d.Update(s.Context(), func(tx bridge.Tx) error {
			return tx.AddReceived(s.Context(), bridge.Received{ID: bridge.NewID(), Envelope: bridge.Envelope{At: time.Now()}}, b)
		})
		if !errors.Is(err, bridge.ErrUnavailable) {
			s.Errorf("as a raw mail: got %v, want ErrUnavailable", err)
		}
		if _, err := s.d.OpenBlob(s.Context(), b); !errors.Is(err, bridge.ErrNotFound) {
			s.Errorf("open: got %v, want ErrNotFound", err)
		}
	})
}

// TestCrashesBetweenFileAndRow: what a crash leaves behind is a file of which no row knows, or a row that nothing refers to.
func TestCrashesBetweenFileAndRow(t *testing.T) {
	onBoth(t, func(s *shelves) {
		dir, err := blob.NewDir(s.files)
		s.must(err)
		k, err := blob.New(filepath.Join(s.files, "staging"), dir, s.keys)
		s.must(err)
		_, err = k.Stage(s.Context(), bytes.NewReader(big(100_000))) // and then it crashed
		s.must(err)
		s.stage(big(100_000)) // and then it crashed
		s.must(os.WriteFile(filepath.Join(s.files, "staging", strings.Repeat("0f", 16)), []byte("half of"), 0o600))
		kept, err := s.attach(s.stage(big(100_000)))
		s.must(err)
		s.must(s.d.Sweep(s.Context(), time.Now()))
		if n := s.count(); n != 4 {
			s.Errorf("while all are young: %d files, want 4", n)
		}
		s.must(s.d.Sweep(s.Context(), time.Now().Add(25*time.Hour)))
		if n := s.count(); n != 1 {
			s.Errorf("a day later: %d files, want 1", n)
		}
		if _, err := s.read(kept.ID); err != nil {
			s.Error(err)
		}
	})
}

// TestSweepsAndUploadsAtOnce: whoever was told that a file is attached has it, however staging, attaching, deleting and sweeping meet.
// The sweeps believe that a day has passed.
func TestSweepsAndUploadsAtOnce(t *testing.T) {
	onBoth(t, func(s *shelves) {
		contents := [][]byte{big(70_000), big(70_000), big(70_000)}
		var kept sync.Map
		var attached, late atomic.Int32
		var writers, sweeper sync.WaitGroup
		ctx, stop := context.WithCancel(s.Context())
		sweeper.Go(func() {
			for ctx.Err() == nil {
				if err := s.d.SweepRows(s.Context(), time.Now().Add(25*time.Hour)); err != nil {
					s.Errorf("sweep: %v", err)
					return
				}
			}
		})
		for w := range 6 {
			writers.Go(func() {
				for i := range 40 {
					content := contents[(w+i)%len(contents)]
					b, err := s.d.StageBlob(s.Context(), bytes.NewReader(content))
					if err != nil {
						s.Errorf("stage: %v", err)
						return
					}
					a, err := s.attach(b)
					if errors.Is(err, bridge.ErrUnavailable) {
						late.Add(1)
						continue
					}
					if err != nil {
						s.Errorf("attach: %v", err)
						return
					}
					attached.Add(1)
					if got, err := s.read(a.ID); err != nil || !bytes.Equal(got, content) {
						s.Errorf("attached and lost: got %d octets, %v", len(got), err)
						return
					}
					if i%2 == 0 {
						if err := s.d.Exec("delete from thread where id = ?", a.Thread[:]); err != nil {
							s.Errorf("delete: %v", err)
							return
						}
						continue
					}
					kept.Store(a.ID, content)
				}
			})
		}
		writers.Wait()
		stop()
		sweeper.Wait()
		s.Logf("%d attached, %d were swept before that", attached.Load(), late.Load())
		if attached.Load() == 0 {
			s.Error("nothing was attached")
		}
		kept.Range(func(id, content any) bool {
			if got, err := s.read(id.(bridge.ID)); err != nil || !bytes.Equal(got, content.([]byte)) {
				s.Errorf("attached and lost: got %d octets, %v", len(got), err)
				return false
			}
			return true
		})
	})
}

// TestSwappedFilesDoNotOpen: whoever can write to the database and the folder, and has no key, can't give one row another's content.
func TestSwappedFilesDoNotOpen(t *testing.T) {
	onBoth(t, func(s *shelves) {
		var files [2]bridge.Attachment
		var contents [2][]byte
		for i := range files {
			contents[i] = big(150_000)
			var err error
			files[i], err = s.attach(s.stage(contents[i]))
			s.must(err)
		}
		file := func(i int) string { return filepath.Join(s.files, files[i].Blob.Key[:2], files[i].Blob.Key) }
		swapped := func(what string) {
			s.Helper()
			if got, err := s.read(files[0].ID); !errors.Is(err, seal.ErrSealed) || len(got) != 0 {
				s.Errorf("%s: got %d octets, %v, want ErrSealed", what, len(got), err)
			}
		}
		row := "update attachment set blob_key = ? where id = ?"
		s.must(s.d.Exec(row, files[1].Blob.Key, files[0].ID))
		swapped("another row's key")
		s.must(s.d.Exec(row, files[0].Blob.Key, files[0].ID))

		raw, err := os.ReadFile(file(0))
		s.must(err)
		other, err := os.ReadFile(file(1))
		s.must(err)
		s.must(os.WriteFile(file(0), other, 0o600))
		swapped("another file's octets")
		s.must(os.WriteFile(file(0), raw, 0o600))

		secret := "update blob set sealed_secret = (select b.sealed_secret from blob b where b.key = ?) where key = ?"
		s.must(s.d.Exec(secret, files[1].Blob.Key, files[0].Blob.Key))
		swapped("another file's secret")
		// Content that is known by a row that lies is not taken for the same.
		if _, err := s.d.StageBlob(s.Context(), bytes.NewReader(contents[0])); !errors.Is(err, seal.ErrSealed) {
			s.Errorf("staging what a changed row knows: got %v, want ErrSealed", err)
		}
		s.must(s.d.Exec("update blob set sealed_secret = null where key = ?", files[0].Blob.Key))
		swapped("no secret, as in the first format")
		if _, err := s.read(files[1].ID); err != nil {
			s.Errorf("the other file: %v", err)
		}
	})
}

// TestFilesOfTheFirstFormat: a file that was written before chunks came is read, in ranges too.
func TestFilesOfTheFirstFormat(t *testing.T) {
	onBoth(t, func(s *shelves) {
		content, key := big(200_000), strings.Repeat("5a", 16)
		var sealed bytes.Buffer
		w, err := s.keys.SealStream(&sealed, []byte(key))
		s.must(err)
		_, err = w.Write(content)
		s.must(err)
		s.must(w.Close())
		s.must(os.MkdirAll(filepath.Join(s.files, key[:2]), 0o700))
		s.must(os.WriteFile(filepath.Join(s.files, key[:2], key), sealed.Bytes(), 0o600))
		s.must(s.d.Exec("insert into blob (key, size, used_at, idle) values (?, ?, ?, ?)", key, len(content), 0, false)) // as the migration does
		a, err := s.attach(bridge.Blob{Key: key, Size: int64(len(content)), SHA256: sha256.Sum256(content)})
		s.must(err)
		if got, err := s.read(a.ID); err != nil || !bytes.Equal(got, content) {
			s.Errorf("got %d octets, %v", len(got), err)
		}
		r, err := s.d.OpenBlob(s.Context(), a.Blob)
		s.must(err)
		defer r.Close()
		_, err = r.Seek(123_456, io.SeekStart)
		s.must(err)
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content[123_456:]) {
			s.Errorf("a range: got %d octets, %v", len(got), err)
		}
		s.must(s.d.Sweep(s.Context(), time.Now().Add(49*time.Hour)))
		if n := s.count(); n != 1 {
			s.Errorf("after a sweep there are %d files, want 1", n)
		}
	})
}

func TestFilesInABucket(t *testing.T) {
	store3 := s3test.New(t)
	c, err := s3.New(s3.Config{Endpoint: store3.URL, Region: s3test.Region, Bucket: s3test.Bucket, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "letterlock.db")
	d, err := store.Open(t.Context(), store.Config{Path: path, Keys: keyring(t), Shelf: blob.NewBucket(c, "letterlock/")})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := &shelves{t, d, path + ".blobs", nil}
	content := big(300_000)
	a, err := s.attach(s.stage(content))
	s.must(err)
	s.stage(content)
	s.stage(big(100_000))
	if got, err := s.read(a.ID); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d octets, %v", len(got), err)
	}
	s.must(d.Sweep(t.Context(), time.Now()))
	if n := len(store3.Keys()); n != 2 {
		t.Errorf("after the first sweep there are %d objects, want 2", n)
	}
	s.must(d.Sweep(t.Context(), time.Now().Add(25*time.Hour)))
	if n := len(store3.Keys()); n != 1 || s.count() != 0 {
		t.Errorf("a day later there are %d objects and %d files, want 1 and none", n, s.count())
	}
	store3.Replace(store3.Keys()[0], nil, time.Now())
	if _, err := s.read(a.ID); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("an object that was emptied: got %v, want ErrSealed", err)
	}
}

func TestStagedAccounts(t *testing.T) {
	onBoth(t, func(s *shelves) {
		ann, bob, now := bridge.NewID(), bridge.NewID(), time.Now()
		one, two := bridge.Blob{Key: "one", Size: 100}, bridge.Blob{Key: "two", Size: 7}
		account := func(want int64, owner bridge.ID, since time.Time) {
			s.Helper()
			s.must(s.d.View(s.Context(), func(tx bridge.Tx) error {
				if got, err := tx.Staged(s.Context(), owner, since); err != nil || got != want {
					s.Errorf("got %d, %v, want %d", got, err, want)
				}
				return nil
			}))
		}
		add := func(owner bridge.ID, b bridge.Blob, at time.Time) {
			s.Helper()
			s.must(s.d.Update(s.Context(), func(tx bridge.Tx) error { return tx.AddStaged(s.Context(), owner, b, at) }))
		}
		account(0, ann, time.Time{})
		add(ann, one, now)
		add(ann, one, now.Add(time.Second))
		add(ann, two, now.Add(-time.Hour))
		add(bob, one, now)
		account(207, ann, now.Add(-2*time.Hour))
		account(200, ann, now)
		account(100, bob, now)
		s.must(s.d.Update(s.Context(), func(tx bridge.Tx) error { return tx.UseStaged(s.Context(), ann, one) }))
		account(7, ann, now.Add(-2*time.Hour))
		account(100, bob, now)
		s.must(s.d.Sweep(s.Context(), now.Add(23*time.Hour+30*time.Minute)))
		account(0, ann, time.Time{})
		account(100, bob, time.Time{})
	})
}
