// Package s3 is the five requests by which a shelf of files is kept in an S3-compatible store: put, get from an offset, size, delete
// and list (Amazon S3 API Reference: PutObject, GetObject, HeadObject, DeleteObject, ListObjectsV2). The requests, their signatures and
// their answers are minio-go's. This package says what the answers mean to us, and keeps a store that is broken or hostile from holding
// us up. A request that fails by the network or with a temporary status is tried again.
//
// This package must not know what the objects are.
package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Config says where a bucket is and who we are there. All but HostStyle and Transport must be set.
type Config struct {
	Endpoint  string // such as https://s3.eu-central-1.amazonaws.com, without a path
	Region    string // such as eu-central-1; what the store's signatures are made for
	Bucket    string
	AccessKey string
	SecretKey string
	HostStyle bool              // the bucket's name goes into the host, not into the path
	Transport http.RoundTripper // NewTransport(nil) if nil
}

// Client speaks to one bucket. It is safe for use by many goroutines.
type Client struct {
	store  minio.Core
	bucket string
}

// ErrRefused means that the store answered, and said no: the bucket, the keys or the clock are wrong. Trying again won't help.
var ErrRefused = errors.New("the store refuses")

// MaxSize is the largest object that one request can put, in octets.
const MaxSize = 5 << 30

const (
	attempts   = 3
	firstPause = 200 * time.Millisecond
	idleTime   = time.Minute // without a single octet, after which a connection counts as dead
	slowest    = 64 << 10    // octets a second at which a put is still waited for
	pageSize   = 1000        // objects of a list that are handed on at once
)

// bucketName is the rule for names of buckets ("Bucket naming rules"); it keeps everything else out of hosts and paths.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// New returns a Client, or an error that says which setting is wrong. It asks the store nothing.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("endpoint %q is not a web address without a path", c.Endpoint)
	case !bucketName.MatchString(c.Bucket) || net.ParseIP(c.Bucket) != nil:
		return nil, fmt.Errorf("bucket %q is no name of a bucket", c.Bucket)
	case c.Region == "":
		return nil, errors.New("a region is needed")
	case c.AccessKey == "" || c.SecretKey == "":
		return nil, errors.New("an access key and its secret key are needed")
	}
	if c.Transport == nil {
		c.Transport = NewTransport(nil)
	}
	lookup := minio.BucketLookupPath
	if c.HostStyle {
		lookup = minio.BucketLookupDNS
	}
	store, err := minio.NewCore(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: u.Scheme == "https", Region: c.Region, BucketLookup: lookup,
		Transport: guarded{c.Transport}, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", c.Endpoint, err)
	}
	store.SetS3EnableDualstack(strings.Contains(u.Host, ".dualstack."))
	if err := rightHost(store.Client, u.Hostname(), c); err != nil {
		return nil, err
	}
	return &Client{store: *store, bucket: c.Bucket}, nil
}

// rightHost makes sure that requests go to the endpoint. For Amazon's, the library takes the host from a list of regions instead,
// and the one of us-east-1 for a region that it doesn't know.
func rightHost(store *minio.Client, want string, c Config) error {
	u, err := store.Presign(context.Background(), http.MethodGet, c.Bucket, "x", time.Minute, nil)
	if err != nil {
		return fmt.Errorf("endpoint %q: %w", c.Endpoint, err)
	}
	got := u.Hostname()
	if c.HostStyle {
		got = strings.TrimPrefix(got, c.Bucket+".")
	}
	everywhere := want == "s3.amazonaws.com" && strings.Contains(got, "."+c.Region+".")
	if !strings.EqualFold(got, want) && !everywhere {
		return fmt.Errorf("endpoint %q does not go with region %q: for that it would be %s", c.Endpoint, c.Region, got)
	}
	return nil
}

// Put keeps size octets of body under a key, in place of what was there. When it returns nil, the store has them all: it compared them with their SHA-256.
func (c *Client) Put(ctx context.Context, key string, body io.ReaderAt, size int64) error {
	if size > MaxSize {
		return fmt.Errorf("put an object of %d octets: the most is %d", size, int64(MaxSize))
	}
	hash := sha256.New()
	if n, err := io.Copy(hash, io.NewSectionReader(body, 0, size)); err != nil || n != size {
		return fmt.Errorf("put an object: its file has %d octets, not %d: %w", n, size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	ctx, cancel := context.WithTimeout(ctx, attempts*(idleTime+time.Duration(size/slowest)*time.Second))
	defer cancel()
	pause := firstPause
	for n := 1; ; n++ {
		// Each try has a reader of its own: the connection of one that was answered early may go on reading for a moment, so that
		// it can't be rewound. What can't be rewound, the library doesn't try again.
		r := struct{ io.Reader }{io.NewSectionReader(body, 0, size)}
		// With the sum of the whole at hand, its chunks need none.
		_, err := c.store.PutObject(ctx, c.bucket, key, r, size, "", sum, minio.PutObjectOptions{DisableContentSha256: true})
		if err == nil {
			return nil
		}
		err = fmt.Errorf("put an object: %w", failure(err))
		if n == attempts || errors.Is(err, ErrRefused) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
		pause *= 4
	}
}

// Get returns the octets of an object from an offset on; its error wraps fs.ErrNotExist if there is none. The caller closes it.
func (c *Client) Get(ctx context.Context, key string, from int64) (io.ReadCloser, error) {
	var o minio.GetObjectOptions
	if from > 0 {
		if err := o.SetRange(from, 0); err != nil {
			return nil, fmt.Errorf("get an object: %w", failure(err))
		}
	}
	r, _, header, err := c.store.GetObject(ctx, c.bucket, key, o)
	switch {
	case err != nil:
		err = failure(err)
	case r == nil:
		err = errors.New("the store's answer is none")
	case from > 0 && !strings.HasPrefix(header.Get("Content-Range"), "bytes "+strconv.FormatInt(from, 10)+"-"):
		err = errors.Join(errors.New("the store sent another range than was asked for"), r.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("get an object: %w", err)
	}
	return r, nil
}

// Size returns the size of an object in octets; its error wraps fs.ErrNotExist if there is none.
func (c *Client) Size(ctx context.Context, key string) (int64, error) {
	o, err := c.store.StatObject(ctx, c.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return 0, fmt.Errorf("look at an object: %w", failure(err))
	}
	if o.Size < 0 {
		return 0, errors.New("look at an object: the store doesn't say its size")
	}
	return o.Size, nil
}

// Delete removes an object. To remove what isn't there is no error.
func (c *Client) Delete(ctx context.Context, key string) error {
	err := c.store.RemoveObject(ctx, c.bucket, key, minio.RemoveObjectOptions{})
	if err == nil {
		return nil
	}
	if err = failure(err); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("delete an object: %w", err)
}

// Object is one line of a list.
type Object struct {
	Key      string
	Modified time.Time
}

// List calls fn with the objects whose keys begin with a prefix, some at a time, in the order in which the store names them. fn's error ends it.
func (c *Client) List(ctx context.Context, prefix string, fn func([]Object) error) error {
	var page []Object
	for o := range c.store.ListObjectsIter(withPages(ctx), c.bucket, listOptions(prefix)) {
		switch {
		case o.Err != nil:
			return fmt.Errorf("list objects: %w", failure(o.Err))
		case o.LastModified.IsZero():
			// It would pass for an old one, and be swept.
			return errors.New("list objects: the store doesn't say when one was put")
		}
		if page = append(page, Object{o.Key, o.LastModified}); len(page) == pageSize {
			if err := fn(page); err != nil {
				return err
			}
			page = nil
		}
	}
	if err := ctx.Err(); err != nil { // the library ends the list then, as if that were all
		return fmt.Errorf("list objects: %w", err)
	}
	if len(page) == 0 {
		return nil
	}
	return fn(page)
}

// Check asks for a list of one, to find out whether the bucket is there and takes our keys.
func (c *Client) Check(ctx context.Context, prefix string) error {
	o := listOptions(prefix)
	o.MaxKeys = 1
	for o := range c.store.ListObjectsIter(withPages(ctx), c.bucket, o) {
		if o.Err != nil {
			return fmt.Errorf("list objects: %w", failure(o.Err))
		}
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return nil
}

func listOptions(prefix string) minio.ListObjectsOptions {
	return minio.ListObjectsOptions{Prefix: prefix, Recursive: true, FetchOwner: new(bool)}
}

// code is what the reference has for codes of errors. Nothing else of a store's answer comes into our errors: it may be anything.
var code = regexp.MustCompile(`^[A-Za-z0-9.]{1,100}$`)

// failure says what the error of a request means. One of the network stays as it is: it has the address of the request, which holds
// the bucket and a random name, and no secret.
func failure(err error) error {
	var f minio.ErrorResponse
	switch {
	case !errors.As(err, &f):
		return err
	case f.StatusCode == 0:
		return errors.New("the store's answer can't be understood")
	case !code.MatchString(f.Code):
		f.Code = http.StatusText(f.StatusCode)
	}
	err = fmt.Errorf("the store answered %d %s", f.StatusCode, f.Code)
	switch {
	case f.StatusCode == http.StatusNotFound && f.Code != minio.NoSuchBucket:
		return fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	case f.StatusCode >= 500, f.StatusCode == http.StatusTooManyRequests, f.StatusCode == http.StatusRequestTimeout,
		f.Code == "RequestTimeout", f.Code == "SlowDown", f.Code == "OperationAborted":
		return err
	}
	return fmt.Errorf("%w: %w", err, ErrRefused)
}
