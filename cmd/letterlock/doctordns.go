package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"letterlock/bridge/resolver"
	"letterlock/mailout/dkim"
)

// checkDNS looks whether DNS answers at all, for the checks that follow.
func checkDNS(ctx context.Context, p *patient) []finding {
	if p.flaw != nil {
		return nil // what the questions would be about is not known
	}
	advice := "set dns.servers to a server that answers; nothing that depends on DNS was looked at"
	names, err := p.config.DNS.resolver()
	if err != nil {
		return []finding{fault("", err, advice)}
	}
	if p.domain, err = dkim.Domain(p.config.Domain); err != nil {
		return []finding{fault("", err, "set domain to one that is in DNS")}
	}
	if _, err := names.LookupTXT(ctx, p.domain); err != nil && !resolver.IsNotFound(err) {
		return []finding{fault("", fmt.Errorf("DNS does not answer: %w", err), advice)}
	}
	p.names = names
	return []finding{good("", "it answers")}
}

// unknown is what is found where DNS does not answer.
func unknown(about string, err error) finding {
	return finding{About: about, State: stateWarning, What: "DNS does not answer: " + err.Error(), Advice: "try again; if it stays so, look at dns.servers"}
}

// checkMX looks whether mail to the domain of reply addresses comes to this gateway.
func checkMX(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	host := p.config.SMTP.Hostname
	record := []dnsRecord{mxRecord(p.domain, host)}
	list, err := p.names.LookupMX(ctx, p.domain)
	switch {
	case err != nil && !resolver.IsNotFound(err):
		return []finding{unknown(p.domain, err)}
	case len(list) == 0:
		f := fault(p.domain, errors.New("it has no MX record, so that replies may not come back"), "publish it, with the name of whatever takes mail for it")
		f.Publish = record
		return []finding{f}
	case len(list) == 1 && strings.Trim(list[0].Host, ".") == "":
		f := fault(p.domain, errors.New("its MX record says that it takes no mail (RFC 7505)"), "replace it")
		f.Publish = record
		return []finding{f}
	}
	var hosts []string
	for _, mx := range list {
		hosts = append(hosts, strings.ToLower(strings.TrimSuffix(mx.Host, ".")))
	}
	named := strings.Join(hosts, ", ")
	if !slices.Contains(hosts, strings.ToLower(host)) {
		switch {
		case p.config.LMTP.Listen != "" || len(p.config.SMTP.Forwarders) > 0 || p.config.SMTP.Listen == "":
			// Something else takes the mail, and brings it here or lets us fetch it.
			return []finding{good(p.domain, "mail goes to %s, from where it must come to this gateway", named)}
		case p.sameAddress(ctx, hosts, host):
			return []finding{good(p.domain, "mail goes to %s, which has an address of %s", named, host)}
		}
		f := fault(p.domain, fmt.Errorf("its mail goes to %s, and this gateway is %s", named, host),
			"publish an MX record that leads here, or set smtp.hostname to the name in the MX record; if a server there brings mail here, set smtp.forwarders or lmtp.listen")
		f.Publish = record
		return []finding{f}
	}
	ips, err := p.names.LookupIPAddr(ctx, host)
	if resolver.IsNotFound(err) {
		return []finding{fault(p.domain, fmt.Errorf("its mail goes to %s, which has no address", host), "publish an A or AAAA record for that name")}
	}
	if err != nil {
		return []finding{unknown(host, err)}
	}
	return []finding{good(p.domain, "mail goes to %s (%s)", named, joinIPs(ips))}
}

// sameAddress reports whether one of several hosts has an address of a host.
func (p *patient) sameAddress(ctx context.Context, hosts []string, host string) bool {
	ours, _ := p.names.LookupIPAddr(ctx, host)
	for _, h := range hosts {
		theirs, _ := p.names.LookupIPAddr(ctx, h)
		for _, ip := range theirs {
			if slices.ContainsFunc(ours, func(o net.IPAddr) bool { return o.IP.Equal(ip.IP) }) {
				return true
			}
		}
	}
	return false
}

func joinIPs(ips []net.IPAddr) string {
	texts := make([]string, len(ips))
	for i, ip := range ips {
		texts[i] = ip.IP.String()
	}
	return strings.Join(texts, ", ")
}

// ownAddresses are the public addresses of smtp.hostname.
func (p *patient) ownAddresses(ctx context.Context) ([]netip.Addr, error) {
	return p.publicAddresses(ctx, p.config.SMTP.Hostname)
}

// publicAddresses are those of a host, which may be an address, without what nobody else can reach.
func (p *patient) publicAddresses(ctx context.Context, host string) ([]netip.Addr, error) {
	var list []netip.Addr
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		list = append(list, ip.Unmap())
	} else {
		ips, err := p.names.LookupIPAddr(ctx, host)
		if err != nil && !resolver.IsNotFound(err) {
			return nil, err
		}
		for _, a := range ips {
			if ip, ok := netip.AddrFromSlice(a.IP); ok {
				list = append(list, ip.Unmap())
			}
		}
	}
	return slices.DeleteFunc(list, func(ip netip.Addr) bool {
		return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()
	}), nil
}

// direct reports whether mail leaves from this machine to the recipients' own servers, or through a mail server on it, which will do that.
func (p *patient) direct() bool {
	address := p.config.Relay.Address
	host, _, err := net.SplitHostPort(address)
	return address == "" || strings.HasPrefix(address, "unix:") || err == nil && loopbackHost(host)
}

// checkPTR looks at the reverse zone of our addresses: many servers take no mail from one that has no name, or another.
func checkPTR(ctx context.Context, p *patient) []finding {
	if p.names == nil {
		return nil
	}
	host := p.config.SMTP.Hostname
	ips, err := p.ownAddresses(ctx)
	if err != nil {
		return []finding{unknown(host, err)}
	}
	bad := stateWarning
	if p.direct() {
		bad = stateFault
	}
	var found []finding
	for _, ip := range ips {
		f := finding{About: ip.String(), State: bad, Advice: fmt.Sprintf("ask whoever gave you the address to set its PTR record to %s.", host)}
		if bad == stateWarning {
			f.Advice += " It matters only for mail that leaves this machine without the relay."
		}
		list, err := p.names.LookupAddr(ctx, ip.String())
		switch {
		case err != nil && !resolver.IsNotFound(err):
			f = unknown(ip.String(), err)
		case len(list) == 0:
			f.What = "it has no PTR record"
		default:
			f = p.checkName(ctx, f, ip, list)
		}
		found = append(found, f)
	}
	return found
}

// maxPTR is how many names of one address are looked at.
const maxPTR = 5

// checkName looks whether one of an address's names leads back to it.
func (p *patient) checkName(ctx context.Context, f finding, ip netip.Addr, list []string) finding {
	for _, name := range list[:min(len(list), maxPTR)] {
		back, err := p.names.LookupIPAddr(ctx, name)
		if err != nil && !resolver.IsNotFound(err) {
			return unknown(name, err)
		}
		if slices.ContainsFunc(back, func(a net.IPAddr) bool { return a.IP.Equal(ip.AsSlice()) }) {
			return good(f.About, "its name is %s, which leads back to it", strings.TrimSuffix(name, "."))
		}
	}
	f.What = fmt.Sprintf("its PTR record says %s, which does not lead back to it", strings.TrimSuffix(list[0], "."))
	return f
}
