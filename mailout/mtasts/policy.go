// Package mtasts finds out what a domain says about the hosts that take its mail: MTA-STS (RFC 8461).
//
// A TXT record announces a policy, which is fetched over HTTPS and kept until it expires. What was kept holds even where the record is gone
// or the policy can't be fetched any more, since that is what somebody in between would see to. What nobody ever fetched protects nobody.
//
// It must not know how mail is sent.
package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Mode is what to do about hosts that don't fit.
type Mode string

// The modes.
const (
	None    Mode = "none"
	Testing Mode = "testing"
	Enforce Mode = "enforce"
)

// The bounds of a policy. MaxAge is the RFC's, about a year.
const (
	MaxSize = 64 << 10 // octets
	MaxAge  = 31_557_600 * time.Second
	maxMX   = 1000
)

// Policy is a policy that was read.
type Policy struct {
	Mode   Mode // empty where there is no policy
	MX     []string
	MaxAge time.Duration
}

// ErrInvalid is wrapped by the errors of Parse.
var ErrInvalid = errors.New("not an MTA-STS policy")

// Parse reads a policy (RFC 8461, section 3.2). Keys that nobody knows count for nothing, and of keys that are there more than once the
// first counts, but for mx.
func Parse(text string) (Policy, error) {
	if len(text) > MaxSize {
		return Policy{}, fmt.Errorf("it is too large: %w", ErrInvalid)
	}
	var p Policy
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.Trim(line, " \t") == "" {
			continue
		}
		key, value, found := strings.Cut(line, ":")
		if !found {
			return Policy{}, fmt.Errorf("a line has no colon: %w", ErrInvalid)
		}
		key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
		if seen[key] && key != "mx" {
			continue
		}
		if err := p.set(key, value); err != nil {
			return Policy{}, err
		}
		switch key {
		case "version", "mode", "max_age", "mx":
			seen[key] = true
		}
	}
	for _, key := range []string{"version", "mode", "max_age"} {
		if !seen[key] {
			return Policy{}, fmt.Errorf("%s is missing: %w", key, ErrInvalid)
		}
	}
	if len(p.MX) == 0 && p.Mode != None {
		return Policy{}, fmt.Errorf("mx is missing: %w", ErrInvalid)
	}
	return p, nil
}

func (p *Policy) set(key, value string) error {
	switch key {
	case "version":
		if value != "STSv1" {
			return fmt.Errorf("the version is another: %w", ErrInvalid)
		}
	case "mode":
		switch p.Mode = Mode(value); p.Mode {
		case None, Testing, Enforce:
		default:
			return fmt.Errorf("the mode is none: %w", ErrInvalid)
		}
	case "max_age":
		seconds, err := strconv.ParseUint(value, 10, 64)
		if err != nil || len(value) > 10 {
			return fmt.Errorf("max_age is no number: %w", ErrInvalid)
		}
		p.MaxAge = MaxAge
		if seconds < uint64(MaxAge/time.Second) {
			p.MaxAge = time.Duration(seconds) * time.Second
		}
	case "mx":
		pattern := canonical(value)
		if len(p.MX) == maxMX || !isName(strings.TrimPrefix(pattern, "*.")) {
			return fmt.Errorf("mx is no name, or there are too many: %w", ErrInvalid)
		}
		p.MX = append(p.MX, pattern)
	}
	return nil
}

// Matches reports whether the policy names a mail exchanger (section 4.1): as it is, or by a pattern whose "*" stands for exactly one label.
func (p Policy) Matches(host string) bool {
	host = canonical(host)
	for _, pattern := range p.MX {
		if pattern == host {
			return true
		}
		parent, wild := strings.CutPrefix(pattern, "*.")
		first, rest, _ := strings.Cut(host, ".")
		if wild && first != "" && rest == parent {
			return true
		}
	}
	return false
}

// ParseRecord finds the policy's id in the TXT records of _mta-sts and the domain (section 3.1). It reports false where there is not
// exactly one record of ours, or that can't be read.
func ParseRecord(records []string) (id string, ok bool) {
	found := 0
	for _, r := range records {
		version, fields, more := strings.Cut(r, ";")
		if !more || strings.TrimRight(version, " \t") != "v=STSv1" {
			continue
		}
		if found++; found > 1 {
			return "", false
		}
		id = recordID(fields)
	}
	return id, id != ""
}

func recordID(fields string) string {
	if len(fields) > 4096 {
		return ""
	}
	for field := range strings.SplitSeq(fields, ";") {
		key, value, _ := strings.Cut(field, "=")
		if strings.Trim(key, " \t") != "id" {
			continue
		}
		id := strings.Trim(value, " \t")
		if len(id) < 1 || len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return !isLetterOrDigit(r) }) {
			return ""
		}
		return id
	}
	return ""
}

func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// isName reports whether a name can be that of a host (RFC 5890: A-labels).
func isName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool { return !isLetterOrDigit(r) && r != '-' && r != '_' }) {
			return false
		}
	}
	return true
}
