package sender

import (
	"strings"

	"golang.org/x/net/publicsuffix"

	"letterlock/bridge/mailaddr"
)

// plainDomain returns a domain in lower case if it is a host name of two labels or more (RFC 1123, section 2.1), in ASCII. Nothing else is
// ever asked for in DNS or compared: not what has a NUL, a parenthesis or a space in it, which end the name to some.
func plainDomain(s string) (string, bool) {
	if len(s) == 0 || len(s) > mailaddr.MaxDomain {
		return "", false
	}
	lower := false
	label, labels := 0, 1
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case 'A' <= c && c <= 'Z':
			lower = true
		case c == '-' && label > 0 && i+1 < len(s) && s[i+1] != '.':
		case c == '.' && label > 0 && i+1 < len(s):
			label = -1
			labels++
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	if lower {
		s = strings.ToLower(s)
	}
	if labels < 2 {
		return "", false
	}
	return s, true
}

// plainSelector is plainDomain for selectors, which may have one label and underscores (RFC 6376, section 3.1).
func plainSelector(s string) bool {
	_, ok := plainDomain(strings.ReplaceAll(s, "_", "x") + ".x")
	return ok
}

// organization returns the organizational domain (RFC 7489, section 3.2): the public suffix and one label more. A public suffix is its own.
func organization(domain string) string {
	org, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return domain
	}
	return org
}

// aligned reports whether two plain domains are the same, or in relaxed mode of the same organization (RFC 7489, section 3.1).
func aligned(a, b string, strict bool) bool {
	if a == b {
		return true
	}
	return !strict && organization(a) == organization(b) && !isPublicSuffix(a) && !isPublicSuffix(b)
}

func isPublicSuffix(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}
