package sender

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// wish is what a domain wants done with mail that is not from it.
type wish string

const (
	wishNone       wish = "none"
	wishQuarantine wish = "quarantine"
	wishReject     wish = "reject"
)

// dmarcRecord is a record as published (RFC 7489, section 6.3; np and psd of RFC 9091).
type dmarcRecord struct {
	p, sp, np  wish // sp and np empty where they are not set
	strictDKIM bool
	strictSPF  bool
	partly     bool // pct under 100, or a test (t=y): the next milder wish holds
	suffix     bool // the record of a public suffix
}

// parseDMARC reads a record. It reports false for what is no DMARC record, or one to be taken for none.
func parseDMARC(text string) (dmarcRecord, bool) {
	if len(text) > maxKeyRecord {
		return dmarcRecord{}, false
	}
	version, _, _ := strings.Cut(text, ";")
	name, value, ok := strings.Cut(version, "=")
	if !ok || strings.TrimRight(name, " \t") != "v" || strings.Trim(value, " \t") != "DMARC1" {
		return dmarcRecord{}, false
	}
	tags, err := parseTags(text)
	if err != nil {
		return dmarcRecord{}, false
	}
	r := dmarcRecord{}
	if r.p, ok = parseWish(tags.value("p")); !ok {
		// With somewhere to report to it is a record that asks for nothing else (RFC 7489, section 6.6.3, step 6).
		if !strings.Contains(tags.value("rua"), "mailto:") {
			return dmarcRecord{}, false
		}
		r.p = wishNone
	}
	for _, sub := range []struct {
		tag string
		to  *wish
	}{{"sp", &r.sp}, {"np", &r.np}} {
		if v, set := tags.get(sub.tag); set {
			if w, ok := parseWish(v); ok {
				*sub.to = w
			}
		}
	}
	r.strictDKIM = strings.EqualFold(tags.value("adkim"), "s")
	r.strictSPF = strings.EqualFold(tags.value("aspf"), "s")
	r.suffix = strings.EqualFold(tags.value("psd"), "y")
	if pct, err := strconv.Atoi(tags.value("pct")); err == nil && pct >= 0 && pct < 100 {
		r.partly = true
	}
	r.partly = r.partly || strings.EqualFold(tags.value("t"), "y")
	return r, true
}

func parseWish(s string) (wish, bool) {
	switch w := wish(strings.ToLower(s)); w {
	case wishNone, wishQuarantine, wishReject:
		return w, true
	}
	return "", false
}

// policy is what holds for one author's domain.
type policy struct {
	found      bool
	at         string // the domain that has the record
	wish       wish
	strictDKIM bool
	strictSPF  bool
	partly     bool
}

// String is for the reasons of a verdict.
func (p policy) String() string {
	if !p.found {
		return "no policy"
	}
	s := fmt.Sprintf("%s asks for p=%s", p.at, p.wish)
	if p.partly {
		s += ", not for all mail"
	}
	return s
}

// policy looks for the policy of a plain domain: its own record, else that of its organizational domain, else of the public suffix if
// that takes part (RFC 7489, section 6.6.3; RFC 9091). Its error is temporary.
func (p *Prover) policy(ctx context.Context, domain string) (policy, error) {
	r, several, err := p.record(ctx, domain)
	if err != nil || several {
		return policy{}, err
	}
	if r != nil {
		return r.policy(domain, r.p), nil
	}
	org := organization(domain)
	suffix, _ := publicsuffix.PublicSuffix(domain)
	for _, at := range []string{org, suffix} {
		if at == domain || at == suffix && (at == org || !strings.Contains(domain, ".")) {
			continue
		}
		if r, several, err = p.record(ctx, at); err != nil || several {
			return policy{}, err
		}
		if r == nil || at == suffix && !r.suffix {
			continue
		}
		w := r.p
		if r.sp != "" {
			w = r.sp
		}
		if r.np != "" {
			missing, err := p.missing(ctx, domain)
			if err != nil {
				return policy{}, err
			}
			if missing {
				w = r.np
			}
		}
		return r.policy(at, w), nil
	}
	return policy{}, nil
}

func (r *dmarcRecord) policy(at string, w wish) policy {
	return policy{found: true, at: at, wish: w, strictDKIM: r.strictDKIM, strictSPF: r.strictSPF, partly: r.partly}
}

// record looks up the record of one domain. Several of them are none, and end the search.
func (p *Prover) record(ctx context.Context, domain string) (r *dmarcRecord, several bool, err error) {
	texts, err := p.text(ctx, "_dmarc."+domain)
	if err != nil {
		return nil, false, err
	}
	for _, text := range texts {
		one, ok := parseDMARC(text)
		if !ok {
			continue
		}
		if r != nil {
			return nil, true, nil
		}
		r = &one
	}
	return r, false, nil
}

// missing reports whether a domain does not exist: it has neither addresses nor mail exchangers (RFC 9091, section 2.7).
func (p *Prover) missing(ctx context.Context, domain string) (bool, error) {
	_, err := p.Resolver.LookupIPAddr(ctx, domain)
	if err == nil {
		return false, nil
	}
	if isNotFound(err) {
		_, err = p.Resolver.LookupMX(ctx, domain)
	}
	switch {
	case err == nil:
		return false, nil
	case isNotFound(err):
		return true, nil
	}
	return false, fmt.Errorf("%w: %w", errTemporary, err)
}
