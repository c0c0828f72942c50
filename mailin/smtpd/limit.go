package smtpd

import (
	"net"
	"net/netip"
	"sync"
)

// limiter counts connections, in all and for each network.
type limiter struct {
	total, each int

	mu   sync.Mutex
	all  int
	nets map[netip.Prefix]int
}

// enter counts one more connection and returns what takes it off again, or false if there are too many. One that is free counts in all
// only: a mail server in front brings everybody's.
func (l *limiter) enter(ip netip.Addr, free bool) (leave func(), ok bool) {
	var networks [2]netip.Prefix
	if !free {
		networks = networksOf(ip)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total {
		return nil, false
	}
	for i, n := range networks {
		if n.IsValid() && l.nets[n] >= l.each*(1+i*(networkShare-1)) {
			return nil, false
		}
	}
	l.all++
	for _, n := range networks {
		if n.IsValid() {
			l.nets[n]++
		}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		// The map holds only networks that are here now.
		for _, n := range networks {
			if !n.IsValid() {
				continue
			}
			if l.nets[n]--; l.nets[n] == 0 {
				delete(l.nets, n)
			}
		}
	}, true
}

// networksOf returns the network that one party is likely to hold as a whole, and for IPv6 the one around it, of which some hold many: it
// may have networkShare times as many connections. Whoever has no address has no network.
func networksOf(ip netip.Addr) (networks [2]netip.Prefix) {
	bits := []int{64, 48}
	if ip.Is4() {
		bits = []int{24}
	}
	for i, b := range bits {
		if p, err := ip.WithZone("").Prefix(b); err == nil {
			networks[i] = p
		}
	}
	return networks
}

// peerIP returns the address of a client, or an invalid one if it has none (a Unix socket).
func peerIP(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	if ap, err := netip.ParseAddrPort(a.String()); err == nil {
		return ap.Addr().Unmap()
	}
	return netip.Addr{}
}

// peerName is what the log and the record of a mail call a client.
func peerName(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix socket"
	}
	return a.String()
}
