package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// LookupTXT returns the TXT records of a name. The character-strings of a record are joined without a space (RFC 7208, section 3.3).
func (r *Resolver) LookupTXT(ctx context.Context, name string) ([]string, error) {
	a, err := r.Lookup(ctx, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(a.Records))
	for _, rr := range a.Records {
		if txt, ok := rr.(*dns.TXT); ok {
			texts = append(texts, plainText(txt.Txt))
		}
	}
	return texts, nil
}

// plainText undoes the escapes of a zone file that the library leaves in character-strings.
func plainText(parts []string) string {
	if len(parts) == 1 && strings.IndexByte(parts[0], '\\') < 0 {
		return parts[0]
	}
	var b strings.Builder
	for _, s := range parts {
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c != '\\' || i+1 == len(s) {
				b.WriteByte(c)
				continue
			}
			if i+3 < len(s) && isDigit(s[i+1]) && isDigit(s[i+2]) && isDigit(s[i+3]) {
				b.WriteByte((s[i+1]-'0')*100 + (s[i+2]-'0')*10 + s[i+3] - '0')
				i += 3
				continue
			}
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// LookupMX returns the mail exchangers of a name, the most preferred first. A null MX (RFC 7505) is one with the host ".".
func (r *Resolver) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a, err := r.Lookup(ctx, name, dns.TypeMX)
	if err != nil {
		return nil, err
	}
	list := make([]*net.MX, 0, len(a.Records))
	for _, rr := range a.Records {
		if mx, ok := rr.(*dns.MX); ok {
			list = append(list, &net.MX{Host: mx.Mx, Pref: mx.Preference})
		}
	}
	slices.SortStableFunc(list, func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) })
	return list, nil
}

// LookupIPAddr returns the addresses of a host, IPv4 before IPv6. It fails where either kind may be missing for a passing reason.
func (r *Resolver) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	type result struct {
		answer Answer
		err    error
	}
	six := make(chan result, 1)
	go func() {
		a, err := r.Lookup(ctx, host, dns.TypeAAAA)
		six <- result{a, err}
	}()
	a4, err4 := r.Lookup(ctx, host, dns.TypeA)
	r6 := <-six
	var list []net.IPAddr
	for _, rr := range a4.Records {
		if a, ok := rr.(*dns.A); ok {
			list = append(list, net.IPAddr{IP: a.A})
		}
	}
	for _, rr := range r6.answer.Records {
		if a, ok := rr.(*dns.AAAA); ok {
			list = append(list, net.IPAddr{IP: a.AAAA})
		}
	}
	for _, err := range []error{err4, r6.err} {
		if err != nil && (!IsNotFound(err) || len(list) == 0) {
			return nil, err
		}
	}
	return list, nil
}

// LookupAddr returns the names that the reverse zone has for an IP address, with final dots.
func (r *Resolver) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return nil, notFound(addr, "it is no IP address")
	}
	reverse, err := dns.ReverseAddr(ip.Unmap().WithZone("").String())
	if err != nil {
		return nil, notFound(addr, "it is no IP address")
	}
	a, err := r.Lookup(ctx, reverse, dns.TypePTR)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(a.Records))
	for _, rr := range a.Records {
		if ptr, ok := rr.(*dns.PTR); ok {
			names = append(names, ptr.Ptr)
		}
	}
	return names, nil
}

// IsNotFound reports whether an error of a Resolver means that there is certainly no such record.
func IsNotFound(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}
