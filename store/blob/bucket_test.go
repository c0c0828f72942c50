package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/store/blob"
	"letterlock/store/blob/blobtest"
	"letterlock/store/blob/s3"
	"letterlock/store/blob/s3/s3test"
)

const prefix = "some/where/"

func bucketPlace(t testing.TB, endpoint string) (blobtest.Place, *s3.Client) {
	t.Helper()
	c, err := s3.New(s3.Config{Endpoint: endpoint, Region: s3test.Region, Bucket: s3test.Bucket, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	key := func(name string) string { return prefix + name[:2] + "/" + name }
	return blobtest.Place{
		Shelf: blob.NewBucket(c, prefix), Staging: filepath.Join(t.TempDir(), "staging"),
		Raw: func(name string) []byte {
			r, err := c.Get(context.Background(), key(name), 0)
			if err != nil {
				t.Error(err)
				return nil
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			if err != nil {
				t.Error(err)
			}
			return b
		},
		Replace: func(name string, sealed []byte) {
			if err := c.Put(context.Background(), key(name), bytes.NewReader(sealed), int64(len(sealed))); err != nil {
				t.Error(err)
			}
		},
		Names: func() (names []string) {
			err := c.List(context.Background(), prefix, func(page []s3.Object) error {
				for _, o := range page {
					names = append(names, o.Key)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			return names
		},
	}, c
}

func TestBucket(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		p, _ := bucketPlace(t, s3test.New(t).URL)
		return p
	})
}

// TestBucketInARealStore runs where Versity's S3 gateway is installed, a store that others wrote:
// go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
func TestBucketInARealStore(t *testing.T) {
	program, err := exec.LookPath("versitygw")
	if err != nil {
		t.Log("versitygw is not on the PATH, so only our own test store was tried")
		return
	}
	blobtest.Run(t, func(t *testing.T) blobtest.Place {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		l.Close()
		folder := t.TempDir()
		if err := os.MkdirAll(filepath.Join(folder, "root", s3test.Bucket), 0o700); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		c := exec.CommandContext(ctx, program, "--port", address, "--access", s3test.AccessKey, "--secret", s3test.SecretKey, "--region", s3test.Region,
			"posix", "--nometa", filepath.Join(folder, "root"))
		var log bytes.Buffer
		c.Stdout, c.Stderr = &log, &log
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			stop()
			_ = c.Wait() // it was killed
			if t.Failed() {
				t.Log(log.String())
			}
		})
		p, client := bucketPlace(t, "http://"+address)
		for until := time.Now().Add(20 * time.Second); client.Check(t.Context(), "") != nil; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("versitygw does not answer: %v", client.Check(t.Context(), ""))
			}
		}
		return p
	})
}

// TestBrokenConnections: a file is read on where a connection broke, and a store that stays away is an error that says so.
func TestBrokenConnections(t *testing.T) {
	s := s3test.New(t)
	p, _ := bucketPlace(t, s.URL)
	k := keeper(t, p)
	want := random(1 << 20)
	b, err := k.Stage(t.Context(), bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	var away, breaks atomic.Bool
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		if breaks.Load() && r.Method == http.MethodGet {
			sealed := s.Content(strings.TrimPrefix(r.URL.Path, "/"+s3test.Bucket+"/"))
			if r.Header.Get("Range") == "" {
				w.Header().Set("Content-Length", "1048832")
				w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
				_, _ = w.Write(sealed[:300_001])
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
		}
		return false
	}
	breaks.Store(true)
	r, err := k.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d octets, %v", len(got), err)
	}
	away.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = k.Open(ctx, b)
	if !errors.Is(err, blob.ErrShelf) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: got %v, want ErrShelf", err)
	}
	_, err = k.Stage(ctx, bytes.NewReader(want))
	if !errors.Is(err, blob.ErrShelf) {
		t.Errorf("stage: got %v, want ErrShelf", err)
	}
	if left, err := os.ReadDir(p.Staging); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
