package sender

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"letterlock/bridge/canonical"
)

// maxSets is how many ARC sets a mail may have. RFC 8617, section 5.1.1.1, allows 50; a mail has as many as there were forwarders.
const maxSets = 20

// arcSet is what one forwarder added (RFC 8617, section 4.1).
type arcSet struct {
	results, message, seal headerField
	messageTags, sealTags  tagList
	sealer                 string // d= of the seal and of the message signature
}

// readChain collects the sets of a mail, from the first forwarder on. It returns none where there are none.
func readChain(h *header) ([]arcSet, error) {
	kinds := []string{"arc-authentication-results", "arc-message-signature", "arc-seal"}
	n := h.count("arc-seal")
	for _, kind := range kinds {
		if h.count(kind) != n {
			return nil, errors.New("its sets are not complete")
		}
	}
	switch {
	case n == 0:
		return nil, nil
	case n > maxSets:
		return nil, errors.New("it has too many sets")
	}
	sets := make([]arcSet, n)
	for k, kind := range kinds {
		for _, f := range h.all(kind, n) {
			instance, tags, err := readInstance(f, k > 0)
			if err != nil || instance < 1 || instance > n {
				return nil, errors.New("a field of it can't be read")
			}
			s := &sets[instance-1]
			into := []*headerField{&s.results, &s.message, &s.seal}[k]
			if into.raw != nil {
				return nil, errors.New("a set of it is there twice")
			}
			*into = f
			switch k {
			case 1:
				s.messageTags = tags
			case 2:
				s.sealTags = tags
			}
		}
	}
	for i := range sets {
		if err := sets[i].check(i); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// readInstance reads the i= of a field: a tag like others, or for results the first word before a semicolon.
func readInstance(f headerField, tagged bool) (int, tagList, error) {
	if len(f.raw) > maxFolded {
		return 0, nil, errTags
	}
	if !tagged {
		first, _, _ := strings.Cut(string(f.value()), ";")
		name, value, _ := strings.Cut(first, "=")
		if strings.Trim(name, " \t\r\n") != "i" {
			return 0, nil, errTags
		}
		n, err := strconv.Atoi(strings.Trim(value, " \t\r\n"))
		return n, nil, err
	}
	tags, err := parseTags(string(f.value()))
	if err != nil {
		return 0, nil, err
	}
	n, err := strconv.Atoi(tags.value("i"))
	return n, tags, err
}

// check looks at one set by itself; i counts from 0.
func (s *arcSet) check(i int) error {
	want := "pass"
	if i == 0 {
		want = "none"
	}
	if !strings.EqualFold(s.sealTags.value("cv"), want) {
		return errors.New("a forwarder found it broken")
	}
	if _, set := s.sealTags.get("h"); set {
		return errors.New("a seal has an h=, which none may have")
	}
	var ok bool
	if s.sealer, ok = plainDomain(s.sealTags.value("d")); !ok {
		return errors.New("a seal's d= is no domain name")
	}
	if d, _ := plainDomain(s.messageTags.value("d")); d != s.sealer {
		return errors.New("seal and signature of a set are of different domains")
	}
	return nil
}

// arcResult is what a chain of trusted forwarders says.
type arcResult struct {
	passed bool
	signed []string // what the last forwarder's signature covers
	note   string
	err    error // temporary
}

// arc believes what a trusted forwarder saw: that a mail had the author's DMARC pass when it came to it. Only forwarders named in the
// configuration are believed, and all that touched the mail after it have to be among them; the chain must hold from end to end.
func (p *Prover) arc(ctx context.Context, raw []byte, h *header, author string) arcResult {
	if len(p.sealers) == 0 || h.count("arc-seal") == 0 {
		return arcResult{}
	}
	if h.odd != "" {
		return arcResult{note: "ARC: not believed: " + h.odd}
	}
	sets, err := readChain(h)
	if err != nil {
		return arcResult{note: "ARC: the chain does not hold: " + err.Error()}
	}
	last := sets[len(sets)-1].sealer
	if !p.sealers[last] {
		return arcResult{note: "ARC: sealed last by " + last + ", which is not among the trusted"}
	}
	if err := p.verifyChain(ctx, raw, h, sets); err != nil {
		r := arcResult{note: "ARC: the chain does not hold: " + plainError(err)}
		if errors.Is(err, errTemporary) {
			r.err = err
		}
		return r
	}
	for i := len(sets) - 1; i >= 0 && p.sealers[sets[i].sealer]; i-- {
		_, text, _ := strings.Cut(string(sets[i].results.value()), ";")
		results, err := parseResults(text)
		if err == nil && results.dmarcPass(author) {
			return arcResult{passed: true, signed: sets[len(sets)-1].messageTags.list("h"), note: "ARC: " + sets[i].sealer + " saw it pass DMARC, and the chain holds"}
		}
	}
	return arcResult{note: "ARC: the chain holds, and no trusted forwarder saw the author's domain pass DMARC"}
}

// verifyChain validates a chain (RFC 8617, section 5.2): the last signature over the mail, and every seal.
func (p *Prover) verifyChain(ctx context.Context, raw []byte, h *header, sets []arcSet) error {
	last := sets[len(sets)-1]
	if err := p.verifyMessage(ctx, raw, h, last); err != nil {
		return fmt.Errorf("the last forwarder's signature: %w", err)
	}
	for i := len(sets) - 1; i >= 0; i-- {
		if err := p.verifySeal(ctx, sets[:i+1]); err != nil {
			return fmt.Errorf("seal %d: %w", i+1, err)
		}
	}
	return nil
}

// verifyMessage verifies an ARC-Message-Signature, which is like a DKIM-Signature (RFC 8617, section 4.1.2).
func (p *Prover) verifyMessage(ctx context.Context, raw []byte, h *header, s arcSet) error {
	signed := s.messageTags.list("h")
	if len(signed) > maxSigned || !slices.ContainsFunc(signed, func(n string) bool { return strings.EqualFold(n, "from") }) {
		return errors.New("it does not cover From")
	}
	if _, set := s.messageTags.get("l"); set {
		return errors.New("it covers a part of the text only (l=)")
	}
	if name := h.doubled(signed); name != "" {
		return fmt.Errorf("the mail has more than one %s field, and it does not cover all", name)
	}
	if err := (dkimSignature{}).times(s.messageTags, p.Now()); err != nil {
		return err
	}
	head, body, err := canonicalization(s.messageTags.value("c"))
	if err != nil {
		return err
	}
	want, err := base64.StdEncoding.DecodeString(squeeze(s.messageTags.value("bh")))
	if err != nil {
		return errors.New("its bh= can't be read")
	}
	if got := bodyHash(raw[h.body:], body); subtle.ConstantTimeCompare(got[:], want) != 1 {
		return errors.New("the text was changed after it")
	}
	return p.verifyTags(ctx, s.messageTags, fieldHash(h, signed, s.message, head))
}

// fieldHash is the hash of the fields that a signature covers, taken from the bottom of the header, and of the signature itself (RFC 6376, section 5.4.2).
func fieldHash(h *header, signed []string, signature headerField, relaxed bool) [32]byte {
	at := make(map[string][]int) // where each name stands
	for _, name := range signed {
		at[strings.ToLower(name)] = nil
	}
	for i, f := range h.fields {
		if list, wanted := at[f.name]; wanted {
			at[f.name] = append(list, i)
		}
	}
	var b []byte
	for _, name := range signed {
		name = strings.ToLower(name)
		list := at[name]
		if len(list) == 0 {
			continue // signed as absent
		}
		b = canonical.Field(b, h.fields[list[len(list)-1]].raw, relaxed)
		at[name] = list[:len(list)-1]
	}
	b = canonical.Field(b, unsigned(signature.raw), relaxed)
	return sha256.Sum256(trimEnd(b))
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// canonicalization reads c=; both are simple if it is empty.
func canonicalization(c string) (head, body bool, err error) {
	first, second, _ := strings.Cut(squeeze(c), "/")
	for _, s := range []struct {
		word    string
		relaxed *bool
	}{{first, &head}, {second, &body}} {
		switch s.word {
		case "relaxed":
			*s.relaxed = true
		case "", "simple":
		default:
			return false, false, errors.New("its c= is unknown")
		}
	}
	return head, body, nil
}

// verifySeal verifies the seal of the last of some sets, which covers all of them (RFC 8617, section 5.1.1).
func (p *Prover) verifySeal(ctx context.Context, sets []arcSet) error {
	var b []byte
	for i, s := range sets {
		b = canonical.RelaxedField(b, s.results.raw)
		b = canonical.RelaxedField(b, s.message.raw)
		if i < len(sets)-1 {
			b = canonical.RelaxedField(b, s.seal.raw)
		} else {
			b = canonical.RelaxedField(b, unsigned(s.seal.raw))
		}
	}
	return p.verifyTags(ctx, sets[len(sets)-1].sealTags, sha256.Sum256(trimEnd(b)))
}

// verifyTags verifies the b= of a signature over a hash, by the key that it names.
func (p *Prover) verifyTags(ctx context.Context, tags tagList, sum [32]byte) error {
	domain, ok := plainDomain(tags.value("d"))
	selector := tags.value("s")
	if !ok || !plainSelector(selector) {
		return errors.New("its key has no name")
	}
	signature, err := base64.StdEncoding.DecodeString(squeeze(tags.value("b")))
	if err != nil {
		return errors.New("its b= can't be read")
	}
	key, err := p.key(ctx, domain, selector)
	if err != nil {
		return err
	}
	return key.verify(tags.value("a"), sum[:], signature)
}
