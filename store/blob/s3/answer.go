package s3

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// NewTransport returns how the store is reached: with time limits, and with trust in c's authorities, or the system's if c is nil.
func NewTransport(c *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     c,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: idleTime, ExpectContinueTimeout: time.Second,
		MaxIdleConns: 32, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
		DisableCompression: true, // a range is a range of the octets as they are
		ForceAttemptHTTP2:  true,
	}
}

// Object is one line of a list.
type Object struct {
	Key      string    `xml:"Key"`
	Modified time.Time `xml:"LastModified"`
}

type listAnswer struct {
	Contents  []Object `xml:"Contents"`
	Truncated bool     `xml:"IsTruncated"`
	Next      string   `xml:"NextContinuationToken"`
}

// List calls fn with the objects whose keys begin with a prefix, a page at a time, in the order of their keys. fn's error ends it.
func (c *Client) List(ctx context.Context, prefix string, fn func([]Object) error) error {
	return c.list(ctx, prefix, 0, fn)
}

// Check asks for a list of one, to find out whether the bucket is there and takes our keys.
func (c *Client) Check(ctx context.Context, prefix string) error {
	return c.list(ctx, prefix, 1, func([]Object) error { return io.EOF })
}

func (c *Client) list(ctx context.Context, prefix string, most int, fn func([]Object) error) error {
	for next := ""; ; {
		query := "list-type=2"
		if next != "" {
			query = "continuation-token=" + escape(next, false) + "&" + query
		}
		if most > 0 {
			query += "&max-keys=" + strconv.Itoa(most)
		}
		query += "&prefix=" + escape(prefix, false)
		res, err := c.do(ctx, request{method: http.MethodGet, query: query})
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		var page listAnswer
		err = xml.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&page)
		if err := errors.Join(err, drain(res)); err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if err := fn(page.Contents); err != nil {
			if most > 0 && err == io.EOF {
				return nil
			}
			return err
		}
		if !page.Truncated {
			return nil
		}
		if page.Next == "" || page.Next == next {
			return errors.New("list objects: the store does not say how the list goes on")
		}
		next = page.Next
	}
}

// fault is the body of an answer that is an error.
type fault struct {
	Code string `xml:"Code"`
}

func readAnswer(res *http.Response) (f fault) {
	// Answers to HEAD have none, and proxies send other things: then the status says enough.
	_ = xml.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&f)
	_ = drain(res)
	return f
}

// drain reads what little is left of an answer, so that the connection can be used again.
func drain(res *http.Response) error {
	_, err := io.CopyN(io.Discard, res.Body, 64<<10)
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, res.Body.Close())
}

// body is the content of an answer. A connection over which nothing comes for idleTime is given up.
type body struct {
	r      io.ReadCloser
	cancel context.CancelFunc
	timer  *time.Timer
}

func newBody(r io.ReadCloser, cancel context.CancelFunc) *body {
	t := time.AfterFunc(idleTime, cancel)
	t.Stop()
	return &body{r: r, cancel: cancel, timer: t}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(idleTime)
	defer b.timer.Stop()
	return b.r.Read(p)
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.cancel() // what is still on its way is not waited for
	return b.r.Close()
}
