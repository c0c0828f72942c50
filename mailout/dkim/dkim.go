// Package dkim signs mail that leaves (RFC 6376), with two signatures: RSA with 2048 bits, which every receiver verifies, and Ed25519 (RFC 8463).
//
// Both use relaxed/relaxed forms and cover the whole body. The fields that a reader sees or that a mailbox acts upon are named in h= once more than
// they are there, so that a second one which somebody adds breaks the signature (RFC 6376, section 8.15). The body is read once for both.
//
// Which keys sign is asked of a [Keys], again and again, so that all processes on one store change over within [Fresh] of a switch; keys are parsed
// once. The package knows nothing of queues, modes or how keys are stored, and keeps private keys out of errors.
package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// Keys tells which pair of keys signs now, or returns bridge.ErrNotFound if none does. A bridge.Gateway is one.
type Keys interface {
	SigningKeys(ctx context.Context) (bridge.SigningPair, error)
}

var _ Keys = (*bridge.Gateway)(nil)

// Fresh is how long an answer of Keys holds. Since the records of both pairs are published when one takes over, nothing hangs on it.
const Fresh = 5 * time.Second

// Config is what a Signer needs. Keys and Domain must be set.
type Config struct {
	Keys   Keys
	Domain string // of the From fields, which d= is aligned with
	Now    func() time.Time
}

// Signer signs mails. It may be used by several goroutines at once.
type Signer struct {
	keys   Keys
	domain string
	now    func() time.Time

	mu      sync.Mutex // held while Keys is asked, so that it is asked once
	looked  time.Time
	current *pair // nil if nothing signs
}

// pair is keys ready for use.
type pair struct {
	id   bridge.ID
	keys []key
}

type key struct {
	algorithm, selector string
	private             crypto.Signer
	hash                crypto.Hash // what Sign is told
}

// New returns a Signer.
func New(c Config) (*Signer, error) {
	if c.Keys == nil {
		return nil, errors.New("new signer: there is nowhere to take keys from")
	}
	domain, err := Domain(c.Domain)
	if err != nil {
		return nil, fmt.Errorf("new signer: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Signer{keys: c.Keys, domain: domain, now: c.Now}, nil
}

// Domain returns a domain as d= and DNS have it: in lower case and A-labels (RFC 6376, section 3.5).
func Domain(domain string) (string, error) {
	_, a, ok := mailaddr.Split(mailaddr.Normalize("x@" + domain))
	for i := range len(a) {
		ok = ok && a[i] > ' ' && a[i] < 0x7f
	}
	if !ok || a == "" {
		return "", fmt.Errorf("%q is no domain that can sign: %w", domain, bridge.ErrInvalid)
	}
	return a, nil
}

// Sign returns the signature fields for a message, to be put before it: none if no keys sign. The message has CRLF line endings.
func (s *Signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	p, err := s.pair(ctx)
	if err != nil || p == nil {
		return nil, err
	}
	m, err := read(message)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	t := strconv.FormatInt(s.now().Unix(), 10)
	var fields []byte
	for _, k := range p.keys {
		if fields, err = m.sign(fields, k, s.domain, t); err != nil {
			return nil, fmt.Errorf("sign with %s: %w", k.algorithm, err)
		}
	}
	return fields, nil
}

// pair returns the keys that sign now, nil if there are none. Where Keys can't tell, those from before go on signing.
func (s *Signer) pair(ctx context.Context) (*pair, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if since := now.Sub(s.looked); !s.looked.IsZero() && since >= 0 && since < Fresh {
		return s.current, nil
	}
	stored, err := s.keys.SigningKeys(ctx)
	switch {
	case errors.Is(err, bridge.ErrNotFound):
		s.current = nil
	case err != nil && s.current != nil:
		return s.current, nil
	case err != nil:
		return nil, fmt.Errorf("sign: %w", err)
	case s.current == nil || s.current.id != stored.ID:
		p, err := parse(stored)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		s.current = p
	}
	s.looked = now
	return s.current, nil
}

// parse makes stored keys ready for use.
func parse(stored bridge.SigningPair) (*pair, error) {
	p := &pair{id: stored.ID}
	for _, k := range stored.Keys {
		private, err := x509.ParsePKCS8PrivateKey(k.Private)
		if err != nil {
			return nil, fmt.Errorf("the key of selector %s can't be read", k.Selector)
		}
		ready := key{selector: k.Selector}
		switch private := private.(type) {
		case *rsa.PrivateKey:
			ready.algorithm, ready.private, ready.hash = "rsa-sha256", private, crypto.SHA256
		case ed25519.PrivateKey:
			// PureEdDSA over the hash (RFC 8463, section 3).
			ready.algorithm, ready.private = "ed25519-sha256", private
		default:
			return nil, fmt.Errorf("the key of selector %s is of an unknown kind", k.Selector)
		}
		p.keys = append(p.keys, ready)
	}
	if len(p.keys) == 0 {
		return nil, errors.New("there is no key where keys should be")
	}
	return p, nil
}
