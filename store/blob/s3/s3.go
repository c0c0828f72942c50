// Package s3 is a client for the five requests by which a shelf of files is kept in an S3-compatible store: put, get from an offset,
// size, delete and list (Amazon S3 API Reference: PutObject, GetObject, HeadObject, DeleteObject, ListObjectsV2), signed with
// Signature Version 4. A request that fails by the network or with a temporary status is tried again.
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
)

// Config says where a bucket is and who we are there. All but Transport and Now must be set.
type Config struct {
	Endpoint  string // such as https://s3.eu-central-1.amazonaws.com, without a path
	Region    string // such as eu-central-1; what the store's signatures are made for
	Bucket    string
	AccessKey string
	SecretKey string
	HostStyle bool              // the bucket's name goes into the host, not into the path
	Transport http.RoundTripper // NewTransport(nil) if nil
	Now       func() time.Time  // time.Now if nil
}

// Client speaks to one bucket. It is safe for use by many goroutines.
type Client struct {
	base      url.URL // of the bucket, without a slash at its end
	region    string
	accessKey string
	secretKey string
	http      *http.Client
	now       func() time.Time
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
	maxAnswer  = 8 << 20     // octets of a list or an error
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
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + c.Bucket}
	if c.HostStyle {
		base.Host, base.Path = c.Bucket+"."+u.Host, ""
	}
	if c.Transport == nil {
		c.Transport = NewTransport(nil)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{
		base: base, region: c.Region, accessKey: c.AccessKey, secretKey: c.SecretKey, now: c.Now,
		// A redirect would need a signature of its own; it means that the endpoint is another region's.
		http: &http.Client{Transport: c.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
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
	ctx, cancel := context.WithTimeout(ctx, attempts*(idleTime+time.Duration(size/slowest)*time.Second))
	defer cancel()
	res, err := c.do(ctx, request{method: http.MethodPut, key: key, body: body, size: size, payload: hex.EncodeToString(hash.Sum(nil))})
	if err != nil {
		return fmt.Errorf("put an object: %w", err)
	}
	return drain(res)
}

// Get returns the octets of an object from an offset on; its error wraps fs.ErrNotExist if there is none. The caller closes it.
func (c *Client) Get(ctx context.Context, key string, from int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := request{method: http.MethodGet, key: key}
	if from > 0 {
		r.from = "bytes=" + strconv.FormatInt(from, 10) + "-"
	}
	res, err := c.do(ctx, r)
	if err == nil && from > 0 && !strings.HasPrefix(res.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(from, 10)+"-") {
		err = errors.Join(errors.New("the store sent another range than was asked for"), res.Body.Close())
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("get an object: %w", err)
	}
	return newBody(res.Body, cancel), nil
}

// Size returns the size of an object in octets; its error wraps fs.ErrNotExist if there is none.
func (c *Client) Size(ctx context.Context, key string) (int64, error) {
	res, err := c.do(ctx, request{method: http.MethodHead, key: key})
	if err != nil {
		return 0, fmt.Errorf("look at an object: %w", err)
	}
	if err := drain(res); err != nil {
		return 0, fmt.Errorf("look at an object: %w", err)
	}
	if res.ContentLength < 0 {
		return 0, errors.New("look at an object: the store doesn't say its size")
	}
	return res.ContentLength, nil
}

// Delete removes an object. To remove what isn't there is no error.
func (c *Client) Delete(ctx context.Context, key string) error {
	res, err := c.do(ctx, request{method: http.MethodDelete, key: key})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete an object: %w", err)
	}
	return drain(res)
}

// request is one request, which may be sent several times.
type request struct {
	method  string
	key     string // empty for the bucket itself
	query   string // encoded and sorted
	from    string // the Range field
	body    io.ReaderAt
	size    int64
	payload string // SHA-256 of the body in hex; empty where there is none
}

// do sends a request until it is answered with success, or for good. The caller closes the body.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	pause := firstPause
	for n := 1; ; n++ {
		res, err := c.once(ctx, r)
		if err == nil || n == attempts || errors.Is(err, ErrRefused) || errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			return res, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
		pause *= 4
	}
}

func (c *Client) once(ctx context.Context, r request) (*http.Response, error) {
	u := c.base
	if r.key != "" {
		u.Path += "/" + r.key
		u.RawPath = escape(u.Path, true)
	} else if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = r.query
	var body io.Reader
	if r.size > 0 {
		body = io.NewSectionReader(r.body, 0, r.size)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = r.size
	if r.from != "" {
		req.Header.Set("Range", r.from)
	}
	if r.payload == "" {
		r.payload = emptySum
	}
	sign(req, c.accessKey, c.secretKey, c.region, r.payload, c.now())
	res, err := c.http.Do(req)
	if err != nil {
		// The address of the request holds the bucket and a random name, and no secret.
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	return nil, failure(res)
}

// failure reads why a request failed.
func failure(res *http.Response) error {
	text := readAnswer(res)
	if len(text.Code) > 100 {
		text.Code = text.Code[:100]
	}
	err := fmt.Errorf("the store answered %d %s", res.StatusCode, text.Code)
	switch {
	case res.StatusCode == http.StatusNotFound && text.Code != "NoSuchBucket":
		return fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	case res.StatusCode >= 500, res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout,
		text.Code == "RequestTimeout", text.Code == "SlowDown", text.Code == "OperationAborted":
		return err
	}
	return fmt.Errorf("%w: %w", err, ErrRefused)
}
