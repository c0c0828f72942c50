package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/store/blob/s3"
	"letterlock/store/blob/s3/s3test"
)

func client(t testing.TB, s *s3test.Server, change func(*s3.Config)) *s3.Client {
	t.Helper()
	c := s3.Config{Endpoint: s.URL, Region: s3test.Region, Bucket: s3test.Bucket, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey}
	if change != nil {
		change(&c)
	}
	cl, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func get(c *s3.Client, key string, from int64) ([]byte, error) {
	r, err := c.Get(context.Background(), key, from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestObjects(t *testing.T) {
	s := s3test.New(t)
	c := client(t, s, nil)
	ctx := t.Context()
	for _, key := range []string{"plain", "a folder/with spaces", "ümläut", "a+b&c=d;e'(f)*", "x~y_z.-"} {
		want := []byte("the content of " + key)
		if err := c.Put(ctx, key, bytes.NewReader(want), int64(len(want))); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if got, err := get(c, key, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, %v", key, got, err)
		}
		if got, err := get(c, key, 4); err != nil || !bytes.Equal(got, want[4:]) {
			t.Errorf("%s from 4: got %q, %v", key, got, err)
		}
		if n, err := c.Size(ctx, key); err != nil || n != int64(len(want)) {
			t.Errorf("%s: got size %d, %v", key, n, err)
		}
		for range 2 {
			if err := c.Delete(ctx, key); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		_, getErr := get(c, key, 0)
		_, sizeErr := c.Size(ctx, key)
		if !errors.Is(getErr, fs.ErrNotExist) || !errors.Is(sizeErr, fs.ErrNotExist) {
			t.Errorf("%s after it was deleted: got %v and %v, want fs.ErrNotExist", key, getErr, sizeErr)
		}
	}
	if err := c.Put(ctx, "empty", bytes.NewReader(nil), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := get(c, "empty", 0); err != nil || len(got) != 0 {
		t.Errorf("an empty object: got %q, %v", got, err)
	}
	if err := c.Put(ctx, "short", strings.NewReader("abc"), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than it should be: got %v", err)
	}
	if err := c.Put(ctx, "huge", strings.NewReader(""), s3.MaxSize+1); err == nil {
		t.Error("an object that no request can put was put")
	}
}

func TestList(t *testing.T) {
	s := s3test.New(t)
	c := client(t, s, nil)
	var want []string
	for i := range 3*s3test.PageSize + 2 {
		key := fmt.Sprintf("in here/%03d", i)
		want = append(want, key)
		s.Replace(key, []byte("x"), time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC))
	}
	s.Replace("elsewhere", nil, time.Now())
	var got []string
	err := c.List(t.Context(), "in here/", func(page []s3.Object) error {
		for _, o := range page {
			if want := time.Date(2026, 1, 2, 3, 4, len(got), 0, time.UTC); !o.Modified.Equal(want) {
				t.Errorf("%s: got %v, want %v", o.Key, o.Modified, want)
			}
			got = append(got, o.Key)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %d of %d keys, %v", len(got), len(want), err)
	}
	stop := errors.New("enough")
	if err := c.List(t.Context(), "", func([]s3.Object) error { return stop }); err != stop {
		t.Errorf("got %v, want fn's error", err)
	}
	if err := c.Check(t.Context(), "nothing/"); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestWrongSettings(t *testing.T) {
	s := s3test.New(t)
	for name, change := range map[string]func(*s3.Config){
		"another bucket": func(c *s3.Config) { c.Bucket = "not-there" },
		"another secret": func(c *s3.Config) { c.SecretKey = "guessed" },
		"another key":    func(c *s3.Config) { c.AccessKey = "AKIDOTHER" },
		"another region": func(c *s3.Config) { c.Region = "mars-1" },
		"a wrong clock":  func(*s3.Config) { s.Ahead = time.Hour },
	} {
		before := s.Requests("GET")
		if err := client(t, s, change).Check(t.Context(), ""); !errors.Is(err, s3.ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", name, err)
		} else if strings.Contains(err.Error(), s3test.SecretKey) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
		if n := s.Requests("GET") - before; n != 1 {
			t.Errorf("%s: it was tried %d times", name, n)
		}
		s.Ahead = 0
	}
	for name, change := range map[string]func(*s3.Config){
		"no endpoint":    func(c *s3.Config) { c.Endpoint = "" },
		"no scheme":      func(c *s3.Config) { c.Endpoint = "s3.example.com" },
		"a path":         func(c *s3.Config) { c.Endpoint = "https://s3.example.com/bucket" },
		"a password":     func(c *s3.Config) { c.Endpoint = "https://a:b@s3.example.com" },
		"bucket upwards": func(c *s3.Config) { c.Bucket = "../x" },
		"bucket number":  func(c *s3.Config) { c.Bucket = "127.0.0.1" },
		"no bucket":      func(c *s3.Config) { c.Bucket = "" },
		"no region":      func(c *s3.Config) { c.Region = "" },
		"no secret":      func(c *s3.Config) { c.SecretKey = "" },
		"a new region":   func(c *s3.Config) { c.Endpoint, c.Region = "https://s3.mars-north-1.amazonaws.com", "mars-north-1" },
		"another's host": func(c *s3.Config) { c.Endpoint, c.Region = "https://s3.eu-west-1.amazonaws.com", "eu-west-2" },
	} {
		c := s3.Config{Endpoint: s.URL, Region: s3test.Region, Bucket: s3test.Bucket, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey}
		change(&c)
		if _, err := s3.New(c); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// TestPassingFaults: what fails for a moment is tried again, with the whole body.
func TestPassingFaults(t *testing.T) {
	s := s3test.New(t)
	c := client(t, s, nil)
	var faults atomic.Int32
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		switch faults.Add(1) {
		case 1:
			panic(http.ErrAbortHandler) // the connection breaks
		case 2:
			http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	want := bytes.Repeat([]byte("0123456789"), 20_000)
	if err := c.Put(t.Context(), "k", bytes.NewReader(want), int64(len(want))); err != nil {
		t.Fatal(err)
	}
	faults.Store(0)
	if got, err := get(c, "k", 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d octets, %v", len(got), err)
	}
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Put(ctx, "k", bytes.NewReader(want), int64(len(want))); err == nil || errors.Is(err, s3.ErrRefused) {
		t.Errorf("a store that stays away: got %v, want an error that is none of refusal", err)
	}
	s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "http://169.254.169.254/")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
	if _, err := c.Size(t.Context(), "k"); !errors.Is(err, s3.ErrRefused) {
		t.Errorf("a redirect: got %v, want ErrRefused", err)
	}
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		r.Header.Del("Range") // and so sends it all
		fmt.Fprint(w, "everything")
		return true
	}
	if got, err := get(c, "k", 5); err == nil {
		t.Errorf("a store without ranges: got %q", got)
	}
}
