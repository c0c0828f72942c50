package submit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"letterlock/bridge/resolver"
)

// Resolver asks DNS. A *resolver.Resolver does.
type Resolver interface {
	Lookup(ctx context.Context, name string, kind uint16) (resolver.Answer, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// The bounds of one attempt: how many exchangers and addresses of a domain are looked at (RFC 5321, section 5.1, asks for two at least).
const (
	maxExchangers = 10
	maxAddresses  = 12 // of all together
)

// exchangers are the hosts that take a domain's mail.
type exchangers struct {
	domain string
	hosts  []string // in the order in which to try them, without final dots
	secure bool     // DNSSEC proves them
}

// unroutable is an error about a domain that no other attempt will find different.
func unroutable(code int, enhanced, text string) *Error {
	return &Error{Permanent: true, Stage: StageConnect, Code: code, Enhanced: enhanced, Text: text}
}

// unresolved is an error about DNS, which may pass.
func unresolved(err error) *Error {
	return &Error{Stage: StageConnect, Relay: true, Text: cleanText("DNS does not answer: " + err.Error()), Err: err}
}

// exchangers finds the hosts of a domain (RFC 5321, section 5.1).
func (d *Direct) exchangers(ctx context.Context, domain string) (exchangers, error) {
	if strings.HasPrefix(domain, "[") || !strings.Contains(domain, ".") {
		return exchangers{}, unroutable(550, "5.1.2", "mail goes to domains alone, and not to an address of a network or a name without a dot")
	}
	a, err := d.c.Resolver.Lookup(ctx, domain, dns.TypeMX)
	switch {
	case err == nil:
	case resolver.IsNotFound(err):
		return d.implicit(ctx, domain)
	default:
		return exchangers{}, unresolved(err)
	}
	var list []*dns.MX
	null := false
	for _, rr := range a.Records {
		if mx, ok := rr.(*dns.MX); ok {
			if mx.Mx == "." {
				null = true
				continue
			}
			list = append(list, mx)
		}
	}
	if len(list) == 0 && null {
		return exchangers{}, unroutable(556, "5.1.10", "the domain says that it takes no mail (RFC 7505)")
	}
	if len(list) == 0 {
		return d.implicit(ctx, domain)
	}
	// Those that are preferred equally share the load, so their order is left to chance.
	d.c.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b *dns.MX) int { return int(a.Preference) - int(b.Preference) })
	for i, mx := range list {
		if d.ourselves[hostName(mx.Mx)] {
			// Those that are preferred as much or less would only bring it back here.
			at := slices.IndexFunc(list, func(m *dns.MX) bool { return m.Preference == list[i].Preference })
			list = list[:at]
			break
		}
	}
	if len(list) == 0 {
		return exchangers{}, unroutable(554, "5.4.6", "mail for the domain would come back here: DNS names this server as its mail server")
	}
	e := exchangers{domain: domain, secure: a.Authenticated && d.c.Validates}
	for _, mx := range list[:min(len(list), maxExchangers)] {
		if name := hostName(mx.Mx); !slices.Contains(e.hosts, name) {
			e.hosts = append(e.hosts, name)
		}
	}
	return e, nil
}

// implicit is the domain that is its own exchanger, having no MX.
func (d *Direct) implicit(ctx context.Context, domain string) (exchangers, error) {
	if d.ourselves[domain] {
		return exchangers{}, unroutable(554, "5.4.6", "mail for the domain would come back here: it is this server's name")
	}
	h, err := d.host(ctx, domain)
	if err != nil {
		return exchangers{}, unresolved(err)
	}
	if len(h.addresses) == 0 {
		return exchangers{}, unroutable(550, "5.1.2", "there is no such domain, or it has no mail server")
	}
	// That there is no MX is not proven, so nothing of it is.
	return exchangers{domain: domain, hosts: []string{domain}}, nil
}

// host is one exchanger's addresses.
type host struct {
	name      string
	canonical string // after aliases
	addresses []netip.Addr
	secure    bool // DNSSEC proves them
}

// host finds a host's addresses: IPv6 and IPv4 in turns, since either may be broken on the way. None, without an error, where there are none.
func (d *Direct) host(ctx context.Context, name string) (host, error) {
	h := host{name: name, canonical: name, secure: d.c.Validates}
	var six, four []netip.Addr
	var failed error
	found := false
	for _, kind := range []uint16{dns.TypeAAAA, dns.TypeA} {
		a, err := d.c.Resolver.Lookup(ctx, name, kind)
		if err != nil {
			if !resolver.IsNotFound(err) {
				failed = err
			}
			continue
		}
		found = true
		h.secure = h.secure && a.Authenticated
		h.canonical = hostName(a.Name)
		for _, rr := range a.Records {
			switch rr := rr.(type) {
			case *dns.AAAA:
				if ip, ok := netip.AddrFromSlice(rr.AAAA); ok {
					six = append(six, ip)
				}
			case *dns.A:
				if ip, ok := netip.AddrFromSlice(rr.A.To4()); ok {
					four = append(four, ip)
				}
			}
		}
	}
	if !found && failed != nil {
		return h, failed
	}
	h.secure = h.secure && found
	for i := range max(len(six), len(four)) {
		if i < len(six) {
			h.addresses = append(h.addresses, six[i])
		}
		if i < len(four) {
			h.addresses = append(h.addresses, four[i])
		}
	}
	return h, nil
}

// reachable leaves out the addresses that mail must not go to.
func (d *Direct) reachable(h host) ([]netip.Addr, error) {
	if len(h.addresses) == 0 {
		return nil, fmt.Errorf("%s has no address", h.name)
	}
	kept := slices.DeleteFunc(slices.Clone(h.addresses), func(ip netip.Addr) bool { return !d.guard.permits(ip) })
	if len(kept) == 0 {
		return nil, errForbidden
	}
	return kept, nil
}

// errForbidden is about a host all of whose addresses are ours, or of networks where nobody else's mail server is.
var errForbidden = errors.New("its addresses are this machine's, or of a private network")

func hostName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
