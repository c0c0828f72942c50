package sender

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The bounds of keys. RFC 8301, section 3.2, has signatures by shorter keys count for nothing; longer ones cost more than they prove.
const (
	minRSA       = 1024
	maxRSA       = 8192
	maxKeyRecord = 4 << 10 // octets
)

// signingKey is the public key of a selector (RFC 6376, section 3.6.1).
type signingKey struct {
	record string // as it came, for go-msgauth
	public crypto.PublicKey
	tags   tagList
}

// errTemporary is wrapped by what may be known later.
var errTemporary = errors.New("DNS does not answer")

// key looks up the key of a selector. Domain and selector are plain. Its error is temporary or says what is wrong with the key.
func (p *Prover) key(ctx context.Context, domain, selector string) (signingKey, error) {
	texts, err := p.text(ctx, selector+"._domainkey."+domain)
	if err != nil {
		return signingKey{}, err
	}
	switch len(texts) {
	case 0:
		return signingKey{}, errors.New("there is no key")
	case 1:
		return parseKey(texts[0])
	}
	return signingKey{}, errors.New("there are several keys where one belongs")
}

// parseKey reads a key record.
func parseKey(record string) (signingKey, error) {
	k := signingKey{record: record}
	if len(record) > maxKeyRecord {
		return k, errors.New("the key record is too long")
	}
	var err error
	if k.tags, err = parseTags(record); err != nil {
		return k, errors.New("the key record can't be read")
	}
	if v, ok := k.tags.get("v"); ok && (v != "DKIM1" || k.tags[0].name != "v") {
		return k, errors.New("the key record is of an unknown version")
	}
	encoded := squeeze(k.tags.value("p"))
	if encoded == "" {
		return k, errors.New("the key was revoked")
	}
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return k, errors.New("the key record can't be read")
	}
	if services := k.tags.list("s"); services != nil && !slices.Contains(services, "*") && !slices.Contains(services, "email") {
		return k, errors.New("the key is not for mail")
	}
	if hashes := k.tags.list("h"); hashes != nil && !slices.Contains(hashes, "sha256") {
		return k, errors.New("the key is for other hashes than SHA-256")
	}
	// Signed with such a key is as good as not signed (RFC 6376, section 3.6.1).
	if slices.Contains(k.tags.list("t"), "y") {
		return k, errors.New("the key is marked as a test (t=y)")
	}
	switch k.tags.value("k") {
	case "", "rsa":
		k.public, err = parseRSA(der)
		return k, err
	case "ed25519":
		if len(der) != ed25519.PublicKeySize {
			return k, errors.New("the key is no Ed25519 key")
		}
		k.public = ed25519.PublicKey(der)
		return k, nil
	}
	return k, errors.New("the key is of an unknown kind")
}

// parseRSA reads both forms that are in use (RFC 6376, erratum 3017).
func parseRSA(der []byte) (*rsa.PublicKey, error) {
	public, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		any, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, errors.New("the key is no RSA key")
		}
		var ok bool
		if public, ok = any.(*rsa.PublicKey); !ok {
			return nil, errors.New("the key is no RSA key")
		}
	}
	if n := public.N.BitLen(); n < minRSA || n > maxRSA {
		return nil, fmt.Errorf("the key has %d bits, and counts from %d to %d", n, minRSA, maxRSA)
	}
	return public, nil
}

// verify checks a signature over a SHA-256 sum. The algorithm is that of the signature's a= tag.
func (k signingKey) verify(algorithm string, sum, signature []byte) error {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if !strings.EqualFold(algorithm, "rsa-sha256") {
			return errors.New("the key is for another algorithm")
		}
		if rsa.VerifyPKCS1v15(public, crypto.SHA256, sum, signature) == nil {
			return nil
		}
	case ed25519.PublicKey:
		if !strings.EqualFold(algorithm, "ed25519-sha256") {
			return errors.New("the key is for another algorithm")
		}
		if ed25519.Verify(public, sum, signature) {
			return nil
		}
	}
	return errors.New("the signature is wrong")
}

// text returns the TXT records of a name, none if there are none. Its error is temporary.
func (p *Prover) text(ctx context.Context, name string) ([]string, error) {
	texts, err := p.Resolver.LookupTXT(ctx, name)
	if err == nil || isNotFound(err) {
		return texts, nil
	}
	return nil, fmt.Errorf("%w: %w", errTemporary, err)
}
