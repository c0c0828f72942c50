package submit

import (
	"net"
	"net/netip"
)

// special are networks that no mail exchanger of somebody else is in (RFC 6890 and its successors): what DNS says of one of them is an error, or
// somebody's try at what is behind our firewall.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

// embedding are networks of addresses that stand for an IPv4 address, and at which octet that begins.
var embedding = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12, // RFC 6052
	netip.MustParsePrefix("2002::/16"):    2,  // RFC 3056
}

func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

// guard says to which addresses mail and questions may go.
type guard struct {
	allowed []netip.Prefix // although they are special
	own     []netip.Addr   // this machine's
}

// permits reports whether an address may be connected to.
func (g guard) permits(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		return false
	}
	for _, p := range g.allowed {
		if p.Contains(ip) {
			return true
		}
	}
	for _, own := range g.own {
		if own == ip {
			return false
		}
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	for p, at := range embedding {
		if p.Contains(ip) {
			b := ip.As16()
			return g.permits(netip.AddrFrom4([4]byte(b[at : at+4])))
		}
	}
	return true
}

// ownAddresses returns the addresses of this machine's interfaces.
func ownAddresses() []netip.Addr {
	var own []netip.Addr
	all, _ := net.InterfaceAddrs() // without them, what is special is still refused
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, ip.Unmap())
			}
		}
	}
	return own
}
