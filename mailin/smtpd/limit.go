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

// enter counts one more connection and returns what takes it off again, or false if there are too many.
func (l *limiter) enter(ip netip.Addr) (leave func(), ok bool) {
	network := networkOf(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.total || l.nets[network] >= l.each {
		return nil, false
	}
	l.all++
	l.nets[network]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all--
		// The map holds only networks that are here now.
		if l.nets[network]--; l.nets[network] == 0 {
			delete(l.nets, network)
		}
	}, true
}

// networkOf returns the network that one party is likely to hold as a whole.
func networkOf(ip netip.Addr) netip.Prefix {
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{} // a Unix socket: all of them are one network
	}
	return p
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
