package submit

import (
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/dane"
)

// results counts how TLS went (RFC 8460), until somebody takes the counts to keep them.
type results struct {
	now func() time.Time

	mu    sync.Mutex
	count map[bridge.TLSResult]int64
}

// maxResults bounds the kinds of results between two takings; others are not counted.
const maxResults = 10_000

// add counts one session. An empty result is a success.
func (r *results) add(domain, host, policy, result string) {
	r.put(bridge.TLSResult{Day: r.now().UTC().Truncate(24 * time.Hour), Domain: domain, Host: host, Policy: policy, Result: result}, 1)
}

func (r *results) put(key bridge.TLSResult, n int64) {
	key.Count = 0
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count = map[bridge.TLSResult]int64{}
	}
	if _, known := r.count[key]; known || len(r.count) < maxResults {
		r.count[key] += n
	}
}

// take returns what was counted, and begins anew.
func (r *results) take() []bridge.TLSResult {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]bridge.TLSResult, 0, len(r.count))
	for key, n := range r.count {
		key.Count = n
		all = append(all, key)
	}
	clear(r.count)
	return all
}

// restore adds back what could not be kept.
func (r *results) restore(all []bridge.TLSResult) {
	for _, one := range all {
		r.put(one, one.Count)
	}
}

// resultOf names a fault of TLS with a mail server, as RFC 8460, section 4.3, does.
func resultOf(err error) string {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, errNoTLS):
		return "starttls-not-supported"
	case errors.Is(err, dane.ErrNoMatch):
		return "validation-failure"
	case errors.As(err, &host):
		return "certificate-host-mismatch"
	case errors.As(err, &authority):
		return "certificate-not-trusted"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate-expired"
	}
	return "validation-failure"
}
