// Package dane judges certificates by TLSA records, as mail servers do (RFC 6698, RFC 7671, RFC 7672).
//
// It is pure. Whoever calls it has seen to it that the records came by DNSSEC: without that they are worth nothing.
package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// The usages that count between mail servers (RFC 7672, section 3.1).
const (
	TrustAnchor uint8 = 2 // DANE-TA: an issuer
	EndEntity   uint8 = 3 // DANE-EE: the server's own certificate or key
)

// The bounds of what is looked at.
const (
	maxRecords = 64
	maxData    = 16 << 10 // octets of one record's data
	maxChain   = 16
)

// Record is one record that can be used.
type Record struct {
	Usage    uint8
	Selector uint8 // 0: the certificate, 1: its public key
	Matching uint8 // 0: as it is, 1: SHA-256, 2: SHA-512
	Data     []byte
}

// Read returns the records that can be used. Others, such as those with a usage for the web's issuers or with a digest of a wrong length,
// count as unusable (RFC 7672, section 3.1.3).
func Read(records []dns.RR) []Record {
	var usable []Record
	for _, rr := range records {
		t, ok := rr.(*dns.TLSA)
		if !ok || len(usable) == maxRecords || len(t.Certificate) > 2*maxData {
			continue
		}
		data, err := hex.DecodeString(t.Certificate)
		if err != nil || len(data) == 0 || t.Usage != TrustAnchor && t.Usage != EndEntity || t.Selector > 1 {
			continue
		}
		r := Record{Usage: t.Usage, Selector: t.Selector, Matching: t.MatchingType, Data: data}
		if r.readable() {
			usable = append(usable, r)
		}
	}
	return usable
}

func (r Record) readable() bool {
	switch r.Matching {
	case 0:
		if r.Selector == 0 {
			_, err := x509.ParseCertificate(r.Data)
			return err == nil
		}
		_, err := x509.ParsePKIXPublicKey(r.Data)
		return err == nil
	case 1:
		return len(r.Data) == sha256.Size
	case 2:
		return len(r.Data) == sha512.Size
	}
	return false
}

// matches reports whether the record is about a certificate.
func (r Record) matches(c *x509.Certificate) bool {
	content := c.Raw
	if r.Selector == 1 {
		content = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case 0:
		return bytes.Equal(content, r.Data)
	case 1:
		sum := sha256.Sum256(content)
		return bytes.Equal(sum[:], r.Data)
	case 2:
		sum := sha512.Sum512(content)
		return bytes.Equal(sum[:], r.Data)
	}
	return false
}

// ErrNoMatch is wrapped where no record is about the certificates that were shown.
var ErrNoMatch = errors.New("no TLSA record matches the certificate")

// Verify checks a chain, the server's own certificate first. With DANE-EE neither names nor dates matter (RFC 7672, section 3.1.1); with DANE-TA
// the chain must lead to the anchor, and the certificate be for one of the names (section 3.1.2).
func Verify(records []Record, chain []*x509.Certificate, names []string, at time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("the server shows no certificate: %w", ErrNoMatch)
	}
	chain = chain[:min(len(chain), maxChain)]
	anchors, others := x509.NewCertPool(), x509.NewCertPool()
	anchored := false
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	for _, r := range records {
		if r.Usage == EndEntity {
			if r.matches(chain[0]) {
				return nil
			}
			continue
		}
		for _, c := range chain[1:] {
			if c.IsCA && r.matches(c) {
				anchors.AddCert(c)
				anchored = true
			}
		}
		if r.Selector == 0 && r.Matching == 0 {
			// The record is the anchor itself, which the server need not show.
			if c, err := x509.ParseCertificate(r.Data); err == nil && c.IsCA {
				anchors.AddCert(c)
				anchored = true
			}
		}
	}
	if !anchored {
		return ErrNoMatch
	}
	err := ErrNoMatch
	for _, name := range names {
		_, err = chain[0].Verify(x509.VerifyOptions{DNSName: name, Roots: anchors, Intermediates: others, CurrentTime: at})
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("the chain does not lead to the TLSA record's anchor: %w", err)
}
