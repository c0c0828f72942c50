package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Pace is how much one address may do within a minute, as much at once as in a whole minute; zero or less is no bound. An address is one of
// IPv4 or a /64 of IPv6, which one party holds as a whole. The network around it (IPv4 /24, IPv6 /48) may do four times as much.
type Pace struct {
	Conns      int // connections
	Mails      int // mails begun
	Recipients int // asked for
	Faults     int // commands that are none, unknown recipients, broken handshakes and mails; nobody with too many is let in
}

// networkShare is how many times as much as one address its network may do.
const networkShare = 4

// paced is what is counted.
type paced int

const (
	pacedConns paced = iota
	pacedMails
	pacedRecipients
	pacedFaults
	pacedKinds
)

// maxSources is how many addresses and networks are remembered before the older ones begin to be forgotten.
const maxSources = 8 << 10

// paces remembers what each source did. There are two tables: when the young one is full, the old one is dropped and the young one takes
// its place. So what is remembered is bounded, costs the same at any size, and whoever comes often is never forgotten.
type paces struct {
	most   [pacedKinds]int
	exempt []netip.Prefix
	clock  func() time.Time

	mu         sync.Mutex
	young, old map[netip.Prefix]*source
}

// source is an address or a network.
type source struct{ limits [pacedKinds]*rate.Limiter }

func newPaces(p Pace, exempt []netip.Prefix, clock func() time.Time) *paces {
	return &paces{
		most: [pacedKinds]int{pacedConns: p.Conns, pacedMails: p.Mails, pacedRecipients: p.Recipients, pacedFaults: p.Faults}, exempt: exempt, clock: clock,
		young: make(map[netip.Prefix]*source),
	}
}

// visitor is a client for the counting. A nil one has no bounds.
type visitor struct {
	all     *paces
	sources [2]*source // its address, and the network around it
}

// visitor returns the one at an address, or nil if it has no bounds.
func (p *paces) visitor(ip netip.Addr) *visitor {
	if !ip.IsValid() || within(ip, p.exempt) || p.most == [pacedKinds]int{} {
		return nil
	}
	narrow, wide := 64, 48
	if ip.Is4() {
		narrow, wide = 32, 24
	}
	v := &visitor{all: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, bits := range [2]int{narrow, wide} {
		network, err := ip.WithZone("").Prefix(bits)
		if err != nil {
			return nil
		}
		v.sources[i] = p.source(network, 1+i*(networkShare-1))
	}
	return v
}

// source returns that of a network, which may do so many times as much as an address. The lock is held.
func (p *paces) source(network netip.Prefix, share int) *source {
	if s, ok := p.young[network]; ok {
		return s
	}
	s, ok := p.old[network]
	if !ok {
		s = &source{}
		for kind, most := range p.most {
			if most > 0 {
				s.limits[kind] = rate.NewLimiter(rate.Limit(float64(most*share)/60), most*share)
			}
		}
	}
	if len(p.young) >= maxSources {
		p.old, p.young = p.young, make(map[netip.Prefix]*source)
	}
	p.young[network] = s
	return s
}

// allow counts one more of a kind, and reports whether that is within the bounds.
func (v *visitor) allow(kind paced) bool {
	if v == nil {
		return true
	}
	now := v.all.clock()
	for _, s := range v.sources {
		if l := s.limits[kind]; l != nil && !l.AllowN(now, 1) {
			return false
		}
	}
	return true
}

// spent reports whether another one of a kind would be too many, and counts nothing.
func (v *visitor) spent(kind paced) bool {
	if v == nil {
		return false
	}
	now := v.all.clock()
	for _, s := range v.sources {
		if l := s.limits[kind]; l != nil && l.TokensAt(now) < 1 {
			return true
		}
	}
	return false
}

// within reports whether one of the networks holds an address.
func within(ip netip.Addr, networks []netip.Prefix) bool {
	ip = ip.WithZone("")
	for _, n := range networks {
		if n.Contains(ip) {
			return true
		}
	}
	return false
}
