// Package mailaddr compares and checks email addresses: the addr-spec of RFC 5322, section 3.4.1, with the lengths of
// RFC 5321, section 4.5.3.1, and the non-ASCII forms of RFC 6531 and RFC 5890.
//
// It is pure: it asks no DNS and knows nothing of people or threads. An address that passes [Valid] can be written into a
// header field or an SMTP command as it is; whether mail arrives there is another question.
package mailaddr

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// The bounds, in octets. MaxAddress follows from the 256 octets of a path with its brackets (RFC 5321, section 4.5.3.1.3).
const (
	MaxLocal   = 64
	MaxDomain  = 253
	MaxAddress = 254
)

// ErrInvalid is wrapped by every error of Valid.
var ErrInvalid = errors.New("not an email address")

// domains maps a domain for comparison: lower case, NFC, A-labels, and no more strictness than that, since an underscore or
// a leading hyphen in somebody's domain is not ours to judge when we compare.
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.VerifyDNSLength(false),
	idna.CheckHyphens(false), idna.CheckJoiners(false), idna.BidiRule())

// Split cuts an address at its last "@". It reports false where there is none or a side is empty, and checks nothing else.
func Split(addr string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(addr, '@')
	if i <= 0 || i == len(addr)-1 {
		return "", "", false
	}
	return addr[:i], addr[i+1:], true
}

// Normalize returns the form of an address to compare and look up by. Two addresses with the same normal form are taken for
// the same mailbox; the form itself is not for sending to.
//
// The domain becomes lower-case A-labels, so that "Bücher.example" and "xn--bcher-kva.example" meet, and loses a final dot.
// The local part becomes NFC and lower case, and loses quotes that it does not need. RFC 5321, section 2.4, leaves the case of
// a local part to the receiving host, but no host in use gives "Ann" and "ann" to different people, while people and programs change the
// case freely: a customer must not become a stranger, nor two contacts, by a capital letter. Dots and "+" details are kept, since
// hosts do differ there.
//
// It is idempotent. What is no address at all comes back in lower case.
func Normalize(addr string) string {
	// Taking off quotes, dots and spaces may lay bare more of them, and lowering may change what NFC joins: a few rounds settle it.
	// An ordinary address is settled by the first.
	for range 6 {
		next := normalizeOnce(addr)
		if next == addr {
			break
		}
		addr = next
	}
	return addr
}

func normalizeOnce(addr string) string {
	addr = strings.TrimSpace(addr)
	local, domain, ok := Split(addr)
	if !ok {
		return lower(addr)
	}
	local, domain = lower(unquote(local)), normalizeDomain(domain)
	return local + "@" + domain
}

func normalizeDomain(domain string) string {
	if d := strings.ToLower(domain); isLowerASCIIDomain(d) {
		return trimDots(d)
	}
	// IDNA takes the square of a label's length, and nothing this long is a domain.
	if !strings.HasPrefix(domain, "[") && len(domain) <= 4*MaxDomain {
		if a, err := domains.ToASCII(domain); err == nil && isLowerASCIIDomain(a) {
			return trimDots(a)
		}
	}
	return trimDots(lower(domain))
}

// trimDots takes off final dots, and the spaces that they hid.
func trimDots(domain string) string {
	return strings.TrimRightFunc(domain, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// isLowerASCIIDomain spares nearly every address the way through IDNA, which leaves such a domain as it is.
func isLowerASCIIDomain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || c <= ' ' || c == 0x7f || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return s != "" && s != "."
}

func lower(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.ToValidUTF8(s, "\uFFFD"))))
}

// unquote turns a quoted-string that holds a plain dot-atom into that dot-atom: "ann"@x and ann@x are the same mailbox
// (RFC 5321, section 4.1.2).
func unquote(local string) string {
	if len(local) < 3 || local[0] != '"' || local[len(local)-1] != '"' {
		return local
	}
	var b strings.Builder
	for i := 1; i < len(local)-1; i++ {
		c := local[i]
		if c == '\\' && i+1 < len(local)-1 {
			i++
			c = local[i]
		}
		if !isAtext(c) && c != '.' && c < utf8.RuneSelf {
			return local
		}
		b.WriteByte(c)
	}
	return b.String()
}

// isAtext reports whether c may stand in an atom (RFC 5322, section 3.2.3).
func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// Valid reports what is wrong with an address that is to be written to, or nil. Its errors wrap ErrInvalid and can be shown to
// whoever typed the address.
//
// It wants an addr-spec and nothing around it: at most 64 octets before the "@" and 254 in all; letters, digits and the signs of
// an atom (RFC 5322, section 3.2.3) or letters of other scripts (RFC 6531); a domain of valid labels or an address literal. A
// local part in quotes is refused, since it can carry spaces, "@" and line ends to programs that do not expect them, and since nobody's
// mailbox needs one. Dots may stand at the end or side by side, because some carriers gave out such addresses.
func Valid(addr string) error {
	switch {
	case addr == "":
		return fmt.Errorf("%w: it is empty", ErrInvalid)
	case len(addr) > MaxAddress:
		return fmt.Errorf("%w: it is longer than %d octets", ErrInvalid, MaxAddress)
	case !utf8.ValidString(addr):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalid)
	}
	local, domain, ok := Split(addr)
	if !ok {
		return fmt.Errorf("%w: it needs a name, an @ and a domain", ErrInvalid)
	}
	if len(local) > MaxLocal {
		return fmt.Errorf("%w: the part before the @ is longer than %d octets", ErrInvalid, MaxLocal)
	}
	for _, r := range local {
		if r < utf8.RuneSelf && !isAtext(byte(r)) && r != '.' || r >= utf8.RuneSelf && !plain(r) {
			return fmt.Errorf("%w: %q may not stand before the @", ErrInvalid, r)
		}
	}
	if !norm.NFC.IsNormalString(local) {
		return fmt.Errorf("%w: the part before the @ is not in Unicode normal form C", ErrInvalid)
	}
	if strings.HasPrefix(domain, "[") {
		return validLiteral(domain)
	}
	return validDomain(domain)
}

// plain reports whether a non-ASCII character shows what it is: no space, control, format or private character, no lone mark.
func plain(r rune) bool {
	return r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Co, r)
}

func validLiteral(domain string) error {
	s, ok := strings.CutSuffix(domain[1:], "]")
	if !ok {
		return fmt.Errorf("%w: the address literal does not end", ErrInvalid)
	}
	s6, is6 := cutPrefixFold(s, "IPv6:")
	ip, err := netip.ParseAddr(s6)
	if err != nil || ip.Zone() != "" || ip.Is4() == is6 {
		return fmt.Errorf("%w: the address literal is not an IP address", ErrInvalid)
	}
	return nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

func validDomain(domain string) error {
	a := domain
	for _, r := range domain {
		if r < utf8.RuneSelf {
			continue
		}
		// IDNA maps some invisible characters away; an address must show what it is.
		var err error
		if !plain(r) {
			err = ErrInvalid
		} else if a == domain && len(domain) <= 4*MaxDomain {
			a, err = idna.Lookup.ToASCII(domain)
		}
		if err != nil {
			return fmt.Errorf("%w: the domain is not a valid internationalized name", ErrInvalid)
		}
	}
	if len(a) > MaxDomain {
		return fmt.Errorf("%w: the domain is longer than %d octets", ErrInvalid, MaxDomain)
	}
	for label := range strings.SplitSeq(a, ".") {
		if label == "" || len(label) > 63 {
			return fmt.Errorf("%w: the domain has an empty or too long label", ErrInvalid)
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%w: a label of the domain begins or ends with a hyphen", ErrInvalid)
		}
		for i := range len(label) {
			switch c := label[i]; {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return fmt.Errorf("%w: %q may not stand in a domain", ErrInvalid, rune(c))
			}
		}
	}
	return nil
}
