package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/store/blob/s3"
	"letterlock/store/blob/s3/s3test"
)

// TestHostStyle: the bucket's name is in the host, and the signature is of that.
func TestHostStyle(t *testing.T) {
	s := s3test.New(t)
	var hosts atomic.Value
	s.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		hosts.Store(r.Host + r.URL.Path)
		return false
	}
	tr := s3.NewTransport(nil)
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.URL, "http://"))
	}
	c := client(t, s, func(c *s3.Config) { c.Endpoint, c.HostStyle, c.Transport = "http://"+s3test.Domain+":8080", true, tr })
	if err := c.Put(t.Context(), "a/b", strings.NewReader("abc"), 3); err != nil {
		t.Fatal(err)
	}
	if got, want := hosts.Load(), s3test.Bucket+"."+s3test.Domain+":8080/a/b"; got != want {
		t.Errorf("put at %v, want %s", got, want)
	}
	if err := c.Check(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if got, err := get(c, "a/b", 1); err != nil || string(got) != "bc" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestHostsOfAmazon: a request goes to the endpoint of the configuration, in both styles.
func TestHostsOfAmazon(t *testing.T) {
	for endpoint, region := range map[string]string{
		"s3.eu-central-1.amazonaws.com":           "eu-central-1",
		"s3.us-east-1.amazonaws.com":              "us-east-1",
		"s3.dualstack.eu-central-1.amazonaws.com": "eu-central-1",
		"s3.cn-north-1.amazonaws.com.cn":          "cn-north-1",
		"s3-fips.us-gov-west-1.amazonaws.com":     "us-gov-west-1",
	} {
		for _, host := range []bool{false, true} {
			var got string
			c, err := s3.New(s3.Config{
				Endpoint: "https://" + endpoint, Region: region, Bucket: s3test.Bucket, AccessKey: "a", SecretKey: "b", HostStyle: host,
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					got = r.URL.Host
					return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody}, nil
				}),
			})
			if err != nil {
				t.Errorf("%s: %v", endpoint, err)
				continue
			}
			want := endpoint
			if host {
				want = s3test.Bucket + "." + endpoint
			}
			if err := c.Check(t.Context(), ""); !errors.Is(err, s3.ErrRefused) || got != want {
				t.Errorf("%s: asked %s, %v", endpoint, got, err)
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const line = "<Contents><Key>k</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>"

// TestStrangeStores: answers that a store ought not to give end in an error, and soon.
func TestStrangeStores(t *testing.T) {
	s := s3test.New(t)
	c := client(t, s, nil)
	list := func(ctx context.Context) error {
		return c.List(ctx, "", func([]s3.Object) error { return nil })
	}
	long := strings.Repeat("x", 1<<20)
	for name, one := range map[string]struct {
		status int
		answer string
		refuse bool
	}{
		"no XML":              {200, "hello", false},
		"another page again":  {200, "<L><IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken></L>", false},
		"the same once more":  {200, "<L>" + line + "<IsTruncated>true</IsTruncated><NextContinuationToken>1</NextContinuationToken></L>", false},
		"more, but not where": {200, "<L><IsTruncated>true</IsTruncated></L>", false},
		"no time":             {200, "<L><Contents><Key>k</Key></Contents></L>", false},
		"no end":              {200, "<L><x>" + strings.Repeat(long, 9) + "</x></L>", false},
		"later":               {202, "<L></L>", false},
		"an error in itself":  {403, "<Error><Code>" + s3test.SecretKey + "\n</Code><Message>" + s3test.SecretKey + "</Message></Error>", true},
		"a long error":        {400, strings.Repeat(long, 9), true},
		"no bucket":           {404, "", true},
	} {
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(one.status)
			_, _ = io.WriteString(w, one.answer)
			return true
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := list(ctx)
		if err == nil || errors.Is(err, s3.ErrRefused) != one.refuse || ctx.Err() != nil {
			t.Errorf("%s: got %v", name, err)
		} else if len(err.Error()) > 300 || strings.Contains(err.Error(), s3test.SecretKey) {
			t.Errorf("%s: the error shows what the store said: %.300v", name, err)
		}
		cancel()
	}
	s.Before = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := list(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a list that was given up: got %v, want context.Canceled", err)
	}
	if err := c.Check(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that was given up: got %v, want context.Canceled", err)
	}
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "<Fine></Fine>")
		return true
	}
	if err := c.Put(t.Context(), "k", strings.NewReader("abc"), 3); err == nil || errors.Is(err, s3.ErrRefused) {
		t.Errorf("put later: got %v", err)
	}
	if got, err := get(c, "k", 0); err == nil {
		t.Errorf("get later: got %q", got)
	}
}

// TestAnsweredEarly: a try that the store cut short, while it is still being sent, leaves the next one its whole body.
func TestAnsweredEarly(t *testing.T) {
	s := s3test.New(t)
	c := client(t, s, nil)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	for range 3 {
		var tries atomic.Int32
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			if tries.Add(1) > 1 {
				return false
			}
			_, _ = io.CopyN(io.Discard, r.Body, 100_000)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		if err := c.Put(t.Context(), "k", bytes.NewReader(want), int64(len(want))); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Content("k"), want) {
			t.Error("another content was put")
		}
	}
}

// zeros is a file of any length.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// TestMemory: a big object goes through, and is nowhere held as a whole. It goes in one request.
func TestMemory(t *testing.T) {
	const size, most = 128 << 20, 16 << 20
	s := s3test.New(t)
	c := client(t, s, nil)
	s.Before = func(w http.ResponseWriter, r *http.Request) bool {
		n, err := io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodPut && (n != size || err != nil) {
			t.Errorf("%d octets came, %v", n, err)
		}
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, io.NewSectionReader(zeros{}, 0, size))
		}
		return true
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := c.Put(t.Context(), "k", zeros{}, size); err != nil {
		t.Fatal(err)
	}
	r, err := c.Get(t.Context(), "k", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); err != nil || n != size {
		t.Errorf("got %d octets, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > most {
		t.Errorf("it took %d octets of memory", n)
	}
	if n := s.Requests(http.MethodPut) + s.Requests(http.MethodPost); n != 1 {
		t.Errorf("it took %d requests to put", n)
	}
}
