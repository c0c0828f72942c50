package sender

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// The bounds of DKIM for one mail.
const (
	maxSignatures = 5   // of the author's organization that are verified
	maxListed     = 50  // that are looked at
	maxSigned     = 150 // names in h=
	bigBody       = 1 << 20
)

// dkimSignature is one DKIM-Signature field (RFC 6376, section 3.5), as far as it is judged before anything is computed.
type dkimSignature struct {
	field    headerField
	tags     tagList
	domain   string
	selector string
	signed   []string // h=, as written
	agent    string   // the domain of i=
}

// readSignature checks a signature field by itself.
func readSignature(f headerField, now time.Time) (dkimSignature, error) {
	s := dkimSignature{field: f}
	if len(f.raw) > maxFolded {
		return s, errors.New("it is too long")
	}
	tags, err := parseTags(string(f.value()))
	if err != nil {
		return s, err
	}
	s.tags = tags
	var ok bool
	if s.domain, ok = plainDomain(squeeze(tags.value("d"))); !ok || squeeze(tags.value("d")) != tags.value("d") {
		return s, errors.New("its d= is no domain name")
	}
	if s.selector = tags.value("s"); !plainSelector(s.selector) {
		return s, errors.New("its s= is no selector")
	}
	// What follows the signed octets can be changed by anybody (RFC 6376, section 8.2).
	if _, set := tags.get("l"); set {
		return s, errors.New("it covers a part of the text only (l=)")
	}
	s.signed = tags.list("h")
	if len(s.signed) > maxSigned {
		return s, errors.New("its h= is too long")
	}
	if !slices.ContainsFunc(s.signed, func(name string) bool { return strings.EqualFold(name, "from") }) {
		return s, errors.New("it does not cover From")
	}
	s.agent = s.domain
	if i, set := tags.get("i"); set {
		_, agent, found := strings.Cut(squeeze(i), "@")
		if s.agent, ok = plainDomain(agent); !found || !ok || s.agent != s.domain && !strings.HasSuffix(s.agent, "."+s.domain) {
			return s, errors.New("its i= is not in its d=")
		}
	}
	return s, s.times(tags, now)
}

// times checks t= and x=: seconds since 1970 (RFC 6376, section 3.5).
func (s dkimSignature) times(tags tagList, now time.Time) error {
	var made, ends int64
	for _, tag := range []struct {
		name string
		to   *int64
	}{{"t", &made}, {"x", &ends}} {
		v, set := tags.get(tag.name)
		if !set {
			continue
		}
		n, err := strconv.ParseInt(squeeze(v), 10, 64)
		if err != nil || n < 0 {
			return errors.New("its times can't be read")
		}
		*tag.to = n
	}
	switch {
	case ends != 0 && ends < made:
		return errors.New("it ends before it begins")
	case ends != 0 && now.Unix() > ends:
		return errors.New("it has expired")
	case made > now.Add(24*time.Hour).Unix():
		return errors.New("it is from the future")
	}
	return nil
}

// dkimResult is what the signatures of a mail prove.
type dkimResult struct {
	domain string   // d= of the signature that proves the author; empty if none does
	signed []string // and what it covers
	notes  []string
	err    error // temporary
}

// dkim looks for a signature that proves that a mail is of the author's domain: valid, over From, and aligned. Signatures of others are told and not
// verified, since they would prove nothing.
func (p *Prover) dkim(ctx context.Context, raw []byte, h *header, author string, strict bool) dkimResult {
	var r dkimResult
	fields := h.all("dkim-signature", maxListed)
	if len(fields) == 0 {
		r.note("DKIM: no signature")
		return r
	}
	verified, others := 0, 0
	for _, f := range fields {
		s, err := readSignature(f, p.Now())
		switch {
		case s.domain != "" && !aligned(s.domain, author, strict):
			if others++; others <= 3 {
				r.note("DKIM: signed by " + s.domain + ", which is not the author's domain")
			}
			continue
		case err != nil:
			r.note("DKIM: a signature does not count: " + err.Error())
			continue
		}
		if verified++; verified > maxSignatures {
			r.note("DKIM: too many signatures, the rest is not looked at")
			break
		}
		if err = p.verifySignature(ctx, raw, h, s); err == nil {
			r.domain, r.signed = s.domain, s.signed
			r.note("DKIM: signed by " + s.domain)
			return r
		}
		if errors.Is(err, errTemporary) {
			r.err = err
		}
		r.note("DKIM: the signature of " + s.domain + " does not count: " + plainError(err))
	}
	return r
}

func (r *dkimResult) note(s string) {
	if len(r.notes) < 10 {
		r.notes = append(r.notes, s)
	}
}

// plainError is an error without what a server or a library says in its own words.
func plainError(err error) string {
	if errors.Is(err, errTemporary) {
		return errTemporary.Error()
	}
	return err.Error()
}

// verifySignature verifies one signature with go-msgauth. That gets the signed fields and this signature alone: it joins folded lines and looks
// fields up in quadratic time, and verifies several signatures in goroutines, where a panic would end the process.
func (p *Prover) verifySignature(ctx context.Context, raw []byte, h *header, s dkimSignature) error {
	if h.odd != "" {
		return errors.New(h.odd)
	}
	if name := h.doubled(s.signed); name != "" {
		return fmt.Errorf("the mail has more than one %s field, and it does not cover all", name)
	}
	key, err := p.key(ctx, s.domain, s.selector)
	if err != nil {
		return err
	}
	if slices.Contains(key.tags.list("t"), "s") && s.agent != s.domain {
		return errors.New("its i= is a subdomain, which the key forbids (t=s)")
	}
	body := raw[h.body:]
	if len(body) > bigBody {
		// The library has the whole text in memory twice.
		select {
		case p.big <- struct{}{}:
			defer func() { <-p.big }()
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errTemporary, ctx.Err())
		}
	}
	results, err := dkim.VerifyWithOptions(io.MultiReader(bytes.NewReader(signedHeader(h, s)), bytes.NewReader(body)), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{key.record}, nil }, MaxVerifications: 1,
	})
	switch {
	case err != nil || len(results) != 1:
		return errors.New("it can't be verified")
	case results[0].Err != nil && strings.Contains(results[0].Err.Error(), "signature did not verify") && s.verifyFields(h, key):
		return nil
	case results[0].Err != nil:
		return errors.New(strings.TrimPrefix(results[0].Err.Error(), "dkim: "))
	case !strings.EqualFold(results[0].Domain, s.domain):
		return errors.New("it can be read in more than one way")
	}
	return nil
}

// verifyFields verifies what go-msgauth checks last: the signature over the fields, once all else was found right. The library takes what follows any
// "b=" out of the signature's field, also within the copied fields of z= and the local part of i=, where it belongs to what was signed.
func (s dkimSignature) verifyFields(h *header, key signingKey) bool {
	relaxed, _, err := canonicalization(s.tags.value("c"))
	if err != nil {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(squeeze(s.tags.value("b")))
	if err != nil {
		return false
	}
	sum := fieldHash(h, s.signed, s.field, relaxed)
	return key.verify(s.tags.value("a"), sum[:], signature) == nil
}

// signedHeader returns the fields that a signature covers, the signature, and the empty line. Where it covers DKIM-Signature fields, which few do,
// it is not verifiable so, and does not count.
func signedHeader(h *header, s dkimSignature) []byte {
	names := make(map[string]bool, len(s.signed))
	for _, name := range s.signed {
		names[strings.ToLower(name)] = true
	}
	delete(names, "dkim-signature")
	var b bytes.Buffer
	b.Write(s.field.raw)
	for _, f := range h.fields {
		if names[f.name] {
			b.Write(f.raw)
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}
