package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
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

// maxAnswer is the most octets of an answer that is read into memory: a list or an error.
const maxAnswer = 8 << 20

var (
	errCircle   = errors.New("the store does not say how the list goes on")
	errTooLong  = errors.New("the store's answer is too long")
	errAccepted = errors.New("the store says that it will, and not that it did")
)

// guarded stands between the library, which reads answers for as long as they come, and the store.
type guarded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	last, _ := r.Context().Value(pagesKey{}).(*string)
	token := q.Get("continuation-token")
	if last != nil && token != "" && token == *last {
		return nil, errCircle
	}
	ctx, cancel := context.WithCancel(r.Context())
	res, err := g.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	fine := res.StatusCode >= 200 && res.StatusCode < 300
	most := int64(maxAnswer)
	if fine && r.Method == http.MethodGet && !q.Has("list-type") {
		most = -1
	}
	res.Header.Del("Set-Cookie") // the library keeps them all
	res.Body = newBody(res.Body, cancel, most)
	if res.StatusCode == http.StatusAccepted {
		return nil, errors.Join(errAccepted, res.Body.Close())
	}
	if fine && last != nil {
		*last = token
	}
	return res, nil
}

type pagesKey struct{}

// withPages is for one list. The place to which the last page that came belongs goes with it, so that a list which stays there is given up.
func withPages(ctx context.Context) context.Context {
	return context.WithValue(ctx, pagesKey{}, new(string))
}

// body is what an answer holds. A connection over which nothing comes for idleTime is given up.
type body struct {
	r      io.ReadCloser
	cancel context.CancelFunc
	timer  *time.Timer
	left   int64 // octets that may still come; negative for any number
}

func newBody(r io.ReadCloser, cancel context.CancelFunc, most int64) *body {
	t := time.AfterFunc(idleTime, cancel)
	t.Stop()
	return &body{r: r, cancel: cancel, timer: t, left: most}
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(idleTime)
	defer b.timer.Stop()
	n, err := b.r.Read(p)
	if b.left < 0 {
		return n, err
	}
	if b.left -= int64(n); b.left < 0 {
		b.left = 0 // and so the next is too many as well
		return 0, errTooLong
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.cancel() // what is still on its way is not waited for
	return b.r.Close()
}
