package submit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/mailout/dane"
	"letterlock/mailout/mtasts"
)

// The kinds of policies, in the words of RFC 8460, section 4.4.
const (
	policyTLSA = "tlsa"
	policySTS  = "sts"
	policyNone = "no-policy-found"
)

// demand is what one host must prove before mail for a domain goes there.
type demand struct {
	policy    string
	mustTLS   bool
	mustProve bool
	name      string // for the server name indication
	stray     bool   // the policy does not name the host, which is only to be counted
	uncounted bool   // how TLS goes is nobody's business
	prove     func(*tls.Config) proof
}

// demand finds out what a host must prove. DANE comes first: nothing that MTA-STS says takes its place where there are records
// (RFC 8461, section 2). Its error means that nobody knows now, so the host can't be used.
func (d *Direct) demand(ctx context.Context, e exchangers, h host, sts mtasts.Policy) (demand, error) {
	records, base, err := d.tlsa(ctx, e, h)
	if err != nil {
		return demand{}, err
	}
	usual := func(c *tls.Config) proof { return named(c, h.name) }
	switch {
	case len(records) > 0:
		usable := dane.Read(records)
		if len(usable) == 0 {
			// That there are records promises TLS, but nobody can be told by them (RFC 7672, section 2.2).
			return demand{policy: policyTLSA, mustTLS: true, name: h.name, prove: usual}, nil
		}
		names := []string{base, h.name, e.domain}
		return demand{policy: policyTLSA, mustTLS: true, mustProve: true, name: base, prove: func(c *tls.Config) proof {
			return func(state tls.ConnectionState) (bridge.Path, error) {
				if err := dane.Verify(usable, state.PeerCertificates, names, now(c)); err != nil {
					return bridge.PathEncrypted, err
				}
				return bridge.PathVerified, nil
			}
		}}, nil
	case sts.Mode == mtasts.Enforce && !sts.Matches(h.name):
		return demand{policy: policySTS}, errNotInPolicy
	case sts.Mode == mtasts.Enforce:
		return demand{policy: policySTS, mustTLS: true, mustProve: true, name: h.name, prove: func(c *tls.Config) proof {
			return func(state tls.ConnectionState) (bridge.Path, error) {
				path, err := named(c, h.name)(state)
				if err == nil {
					path = bridge.PathVerified
				}
				return path, err
			}
		}}, nil
	case sts.Mode == mtasts.Testing:
		return demand{policy: policySTS, name: h.name, prove: usual, stray: !sts.Matches(h.name)}, nil
	}
	return demand{policy: policyNone, name: h.name, prove: usual}, nil
}

// errNotInPolicy is about a host that DNS names and the domain's policy does not.
var errNotInPolicy = errors.New("the domain's MTA-STS policy does not name it")

// tlsa returns the TLSA records of a host, and the name that they are of. There are none without DNSSEC all the way: for the domain's
// exchangers, the host's addresses and the records (RFC 7672, section 2.2). Its error means that DNS does not answer, which somebody may have
// seen to.
func (d *Direct) tlsa(ctx context.Context, e exchangers, h host) (records []dns.RR, base string, err error) {
	if !e.secure || !h.secure {
		return nil, "", nil
	}
	bases := []string{h.canonical}
	if h.name != h.canonical {
		bases = append(bases, h.name)
	}
	for _, base := range bases {
		a, err := d.c.Resolver.Lookup(ctx, fmt.Sprintf("_%d._tcp.%s", smtpPort, base), dns.TypeTLSA)
		switch {
		case err == nil && a.Authenticated:
			return a.Records, base, nil
		case err != nil && !resolver.IsNotFound(err):
			return nil, "", fmt.Errorf("its TLSA records can't be had: %w", err)
		}
	}
	return nil, "", nil
}
