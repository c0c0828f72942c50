package bridge

import (
	"context"
	"fmt"
	"strings"
)

// Path is what has been proven of the way that a mail takes from here. The zero Path is that nothing has been.
type Path string

// The paths, from the weakest to the strongest.
const (
	PathUnknown   Path = ""
	PathClear     Path = "clear"     // anybody on the way can read it
	PathEncrypted Path = "encrypted" // TLS with somebody who has not proven who they are
	PathTLS       Path = "tls"       // TLS with a next hop that proved its name with a valid certificate
	// PathVerified is that the recipient's domain says by MTA-STS (RFC 8461) or DANE (RFC 7672) who its hosts are, and one of them proved
	// it; or that the relay, proven likewise, offers REQUIRETLS (RFC 8689).
	PathVerified Path = "verified"
)

// Need is what a path must be for a copy to take it.
type Need string

// The needs.
const (
	NeedAny      Need = "any"
	NeedTLS      Need = "tls" // the default
	NeedVerified Need = "verified"
)

// ParseNeed reads "any", "tls" or "verified". Its error wraps ErrInvalid.
func ParseNeed(s string) (Need, error) {
	switch n := Need(s); n {
	case NeedAny, NeedTLS, NeedVerified:
		return n, nil
	}
	return "", fmt.Errorf("%q is none of any, tls and verified: %w", clip(s, 40), ErrInvalid)
}

// MetBy reports whether a copy may take a path. A Need that this version does not know is as strict as the strictest, and the zero Need is
// NeedTLS.
func (n Need) MetBy(p Path) bool {
	switch n {
	case NeedAny:
		return true
	case NeedTLS, "":
		return p == PathTLS || p == PathVerified
	}
	return p == PathVerified
}

// Lack says, in a clause for staff, why a path does not meet a need.
func (n Need) Lack(p Path) string {
	if p == PathTLS {
		return "nothing proves the whole way to the recipient (MTA-STS, DANE or REQUIRETLS)"
	}
	switch p {
	case PathClear:
		return "the next mail server does not offer TLS"
	case PathEncrypted:
		return "the next mail server has no valid certificate"
	}
	return "nothing is proven of the way to the recipient"
}

// Paths foretells the way to recipients. The transports do.
type Paths interface {
	// Path returns what a mail to a domain would take now. It may ask the network, and returns PathUnknown and an error where it can't be
	// told before ctx ends.
	Path(ctx context.Context, domain string) (Path, error)
}

// Departure is how a mail left.
type Departure struct {
	Form Form
	Path Path   // that of the connection on which it was taken
	Why  string // why it was a notice where the mode would have let a copy go: a clause for staff
	Said string // what the next hop said
}

// DomainOf returns the domain of an address, in the form that DNS knows; empty if it has none.
func DomainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || at == len(address)-1 {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(address[at+1:], "."))
}
