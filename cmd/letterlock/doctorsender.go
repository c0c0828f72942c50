package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dmarc"
	"golang.org/x/net/publicsuffix"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/mailout/dkim"
)

// checkSPF looks whether SPF (RFC 7208) lets mail of the domain leave as it does.
func checkSPF(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	relay, _, _ := net.SplitHostPort(p.config.Relay.Address)
	wanted := spfRecord(p.domain, relay)
	texts, err := p.names.LookupTXT(ctx, p.domain)
	if err != nil && !resolver.IsNotFound(err) {
		return []finding{unknown(p.domain, err)}
	}
	records := spfRecords(texts)
	switch len(records) {
	case 0:
		f := fault(p.domain, errors.New("it has no SPF record"), "publish one, with what your relay's provider asks for")
		f.Publish = []dnsRecord{wanted}
		return []finding{f}
	case 1:
	default:
		return []finding{fault(p.domain, fmt.Errorf("it has %d SPF records, which count as none (RFC 7208, section 4.5)", len(records)), "make one of them")}
	}
	host := relay
	if p.direct() {
		host = p.config.SMTP.Hostname
	}
	ips, err := p.publicAddresses(ctx, host)
	if err != nil {
		return []finding{unknown(host, err)}
	}
	if len(ips) == 0 {
		// Any address shows whether the record can be evaluated; this one is nobody's (RFC 5737).
		if f, ok := p.evaluate(ctx, records[0], host, netip.MustParseAddr("192.0.2.1")); !ok {
			return []finding{f}
		}
		return []finding{good(p.domain, "the record can be evaluated; from which addresses mail leaves can't be seen from here")}
	}
	var found []finding
	for _, ip := range ips {
		f, _ := p.evaluate(ctx, records[0], host, ip)
		found = append(found, f)
	}
	return found
}

// spfRecords finds the SPF records among the TXT records of a domain (RFC 7208, section 4.5).
func spfRecords(texts []string) []string {
	var records []string
	for _, t := range texts {
		if version, _, _ := strings.Cut(t, " "); strings.EqualFold(version, "v=spf1") {
			records = append(records, t)
		}
	}
	return records
}

// evaluate evaluates SPF for a mail of ours from an address. It reports false if the record itself is at fault.
func (p *patient) evaluate(ctx context.Context, record, host string, ip netip.Addr) (finding, bool) {
	result, err := spf.CheckHostWithSender(ip.AsSlice(), p.config.SMTP.Hostname, "postmaster@"+p.domain, spf.WithContext(ctx), spf.WithResolver(p.names))
	switch {
	case result == spf.PermError:
		return fault(p.domain, fmt.Errorf("the SPF record can't be evaluated: %w", err), "correct it; as it is, it counts as none"), false
	case result == spf.TempError:
		return unknown(p.domain, err), false
	case result == spf.Pass && errors.Is(err, spf.ErrMatchedAll):
		return fault(p.domain, errors.New("the SPF record ends in +all: everybody may send in this domain's name"), `end it with "~all" or "-all"`), false
	case result == spf.Pass:
		return good(p.domain, "SPF lets %s (%s) send", host, ip), true
	}
	what := fmt.Sprintf("SPF says %s for %s (%s), by which mail leaves", result, host, ip)
	f := fault(p.domain, errors.New(what), "add it to the record")
	if !p.direct() {
		// A provider's mail may well leave from others than those that take it.
		f.State, f.Advice = stateWarning, "if the relay sends from that address, add it to the record; else add what its provider asks for"
	}
	f.Publish = []dnsRecord{txtRecord(p.domain, withMechanism(record, spfMechanism(host)))}
	return f, true
}

// spfMechanism is what allows a host.
func spfMechanism(host string) string {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case err != nil:
		return "a:" + host
	case ip.Unmap().Is4():
		return "ip4:" + ip.Unmap().String()
	}
	return "ip6:" + ip.WithZone("").String()
}

// withMechanism puts a mechanism into an SPF record, before the "all" at its end.
func withMechanism(record, mechanism string) string {
	terms := strings.Fields(record)
	for i, t := range terms {
		if strings.EqualFold(strings.TrimLeft(t, "+-~?"), "all") || strings.HasPrefix(strings.ToLower(t), "redirect=") {
			return strings.Join(append(terms[:i:i], append([]string{mechanism}, terms[i:]...)...), " ")
		}
	}
	return strings.Join(append(terms, mechanism), " ")
}

// keyAge is after how long it is told that keys should be changed.
const keyAge = 365 * 24 * time.Hour

// checkDKIM looks whether the records of the keys that sign are published.
func checkDKIM(ctx context.Context, p *patient) []finding {
	if p.names == nil || p.kept == nil {
		return nil
	}
	all, err := p.kept.gateway.ListSigningPairs(ctx, bridge.AsOperator())
	if err != nil {
		return []finding{fault("", err, `run "letterlock check"`)}
	}
	var found []finding
	for _, pair := range all {
		for _, k := range pair.Keys {
			if f, tell := checkKey(pair, k, dkim.Published(ctx, p.names, p.domain, k), p.now()); tell {
				if f.State != stateOK && (pair.State == bridge.SigningNext || pair.State == bridge.SigningCurrent) && f.Publish == nil {
					f.Publish = []dnsRecord{txtRecord(k.Name(p.domain), k.Record())}
				}
				found = append(found, f)
			}
		}
	}
	if current := pairsIn(all, bridge.SigningCurrent); len(current) == 0 {
		advice := `make keys with "letterlock dkim rotate", publish their records, and let them sign with "letterlock dkim switch"`
		if len(pairsIn(all, bridge.SigningNext)) > 0 {
			advice = `publish the records of the new keys, and let them sign with "letterlock dkim switch"`
		}
		found = append(found, fault("", errors.New("mail leaves without a signature: no keys sign"), advice))
	} else if since := p.now().Sub(current[0].CurrentAt); since > keyAge {
		found = append(found, finding{
			State: stateWarning, What: fmt.Sprintf("the same keys sign since %s", current[0].CurrentAt.Format(time.DateOnly)),
			Advice: `change them every now and then: "letterlock dkim rotate"`,
		})
	}
	return found
}

// checkKey says what to think of one key, or reports false if there is nothing to say.
func checkKey(pair bridge.SigningPair, k bridge.SigningKey, err error, now time.Time) (finding, bool) {
	if errors.Is(err, dkim.ErrUnknown) && pair.State != bridge.SigningRetired {
		f := unknown(k.Selector, err)
		f.Publish = []dnsRecord{}
		return f, true
	}
	rested := now.After(pair.PastAt.Add(bridge.SigningRest))
	switch {
	case pair.State == bridge.SigningCurrent && err == nil:
		return good(k.Selector, "the key that signs is published"), true
	case pair.State == bridge.SigningCurrent:
		return fault(k.Selector, fmt.Errorf("the key that signs is not in DNS: %w", err), "publish its record: until then mail counts as not signed by it"), true
	case pair.State == bridge.SigningNext && err == nil:
		return good(k.Selector, `the new key is published; "letterlock dkim switch" lets it sign`), true
	case pair.State == bridge.SigningNext:
		return finding{About: k.Selector, State: stateWarning, What: "a new key is not in DNS: " + err.Error(), Advice: "publish its record, before it signs"}, true
	case pair.State == bridge.SigningPast && rested:
		return good(k.Selector, `it was replaced more than a week ago; "letterlock dkim retire" destroys it`), true
	case pair.State == bridge.SigningPast && err != nil:
		return finding{
			About: k.Selector, State: stateWarning, What: "the record of a key that was replaced just now is gone: " + err.Error(),
			Advice: "leave it published for a week after the switch, for mail that is on its way",
		}, true
	}
	return finding{}, false
}

// checkDMARC looks what the domain asks receivers to do with mail in its name that is not ours (RFC 7489).
func checkDMARC(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	publish := []dnsRecord{dmarcRecord(p.domain)}
	for _, domain := range withOrganization(p.domain) {
		texts, err := p.names.LookupTXT(ctx, "_dmarc."+domain)
		if err != nil && !resolver.IsNotFound(err) {
			return []finding{unknown("_dmarc."+domain, err)}
		}
		var records []string
		for _, t := range texts {
			if version, _, _ := strings.Cut(t, ";"); strings.TrimSpace(version) == "v=DMARC1" {
				records = append(records, t)
			}
		}
		switch len(records) {
		case 0:
			continue
		case 1:
			return []finding{p.checkPolicy(domain, records[0], publish)}
		}
		f := fault(domain, fmt.Errorf("it has %d DMARC records, which count as none", len(records)), "leave one of them")
		return []finding{f}
	}
	f := fault(p.domain, errors.New("it has no DMARC record: large providers want one, and anybody can write in its name"), "publish one")
	f.Publish = publish
	return []finding{f}
}

// checkPolicy looks at a DMARC record, of the domain or of the organization's.
func (p *patient) checkPolicy(domain, record string, publish []dnsRecord) finding {
	r, err := dmarc.Parse(record)
	if err != nil {
		f := fault(domain, fmt.Errorf("its DMARC record can't be read: %w", err), "replace it")
		f.Publish = publish
		return f
	}
	policy := r.Policy
	if domain != p.domain && r.SubdomainPolicy != "" {
		policy = r.SubdomainPolicy
	}
	if policy == dmarc.PolicyNone {
		return finding{
			About: domain, State: stateWarning, What: "its DMARC policy is none: who writes in its name is not stopped", Publish: publish,
			Advice: "when the reports show that your own mail passes, ask for quarantine or reject",
		}
	}
	// Signatures and the reverse-path are of the very domain that From is of.
	return good(domain, "its DMARC policy is %s; our signatures and reverse-path are aligned with it", policy)
}

// withOrganization returns the domain, and the organization's if that is another (RFC 7489, section 3.2).
func withOrganization(domain string) []string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil && org != domain {
		return []string{domain, org}
	}
	return []string{domain}
}
