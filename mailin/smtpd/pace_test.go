package smtpd

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)} }

func TestPace(t *testing.T) {
	k := newClock()
	p := newPaces(Pace{Mails: 3}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, k.now)
	spend := func(ip string) int {
		for n := range 1000 {
			if !p.visitor(netip.MustParseAddr(ip)).allow(pacedMails) {
				return n
			}
		}
		return 1000
	}
	for _, tt := range []struct {
		name, ip string
		want     int
	}{
		{"an address", "198.51.100.1", 3},
		{"at once again", "198.51.100.1", 0},
		{"its neighbour", "198.51.100.2", 3},
		{"and another", "198.51.100.3", 3},
		{"what is left of the network", "198.51.100.4", 3}, // a refusal of the address costs its network nothing
		{"somebody else", "203.0.113.1", 3},
		{"exempt", "192.0.2.9", 1000},
		{"IPv6", "2001:db8:1:1::1", 3},
		{"the same /64", "2001:db8:1:1:ffff::2", 0},
		{"the next /64", "2001:db8:1:2::1", 3},
		{"another /48", "2001:db8:2:2::1", 3},
		{"no address", "::", 3},
	} {
		if got := spend(tt.ip); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := spend("198.51.100.5"); got != 0 {
		t.Errorf("a fifth address of one network: got %d, want 0", got)
	}
	k.move(20 * time.Second)
	if got := spend("198.51.100.1"); got != 1 {
		t.Errorf("a third of a minute later: got %d, want 1", got)
	}
	if v := p.visitor(netip.Addr{}); !v.allow(pacedMails) || v != nil {
		t.Error("a Unix socket has bounds")
	}
}

// However many come, no more than so many are remembered, and who comes often stays known.
func TestPaceIsBounded(t *testing.T) {
	k := newClock()
	p := newPaces(Pace{Conns: 2}, nil, k.now)
	busy := netip.MustParseAddr("2001:db8::1")
	refused := 0
	for i := range 10 * maxSources {
		ip := netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 16), byte(i >> 8), byte(i), 1})
		p.visitor(ip).allow(pacedConns)
		if i%1000 == 0 && !p.visitor(busy).allow(pacedConns) {
			refused++
		}
		if len(p.young)+len(p.old) > 2*maxSources {
			t.Fatalf("%d sources are remembered", len(p.young)+len(p.old))
		}
	}
	if want := 10*maxSources/1000 + 1 - 2; refused != want {
		t.Errorf("the busy one was refused %d times, want %d", refused, want)
	}
}

func TestPacedSessions(t *testing.T) {
	k := newClock()
	addr, _ := start(t, newOffice(), func(c *Config) {
		c.Now, c.Pace = k.now, Pace{Conns: 3, Mails: 2, Recipients: 3, Faults: 4}
	})
	c := dial(t, addr)
	c.talk(`
		< 220
		> EHLO client.example
		<- 250
		> MAIL FROM:<ann@example.org>
		<- 250
		> RSET
		<- 250
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> RCPT TO:<reply+bob@desk.example>
		<- 250
		> RCPT TO:<postmaster>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 451 4.7.0
		> RSET
		<- 250
		> MAIL FROM:<ann@example.org>
		<- 451 4.7.0`)
	// Another connection has no more.
	dial(t, addr).talk("< 220\n> EHLO client.example\n<- 250\n> MAIL FROM:<ann@example.org>\n<- 451 4.7.0")
	k.move(30 * time.Second)
	c.talk("> MAIL FROM:<ann@example.org>\n<- 250\n> RSET\n<- 250\n> MAIL FROM:<ann@example.org>\n<- 451 4.7.0")
	// Three connections in the first minute, and one and a half in the next half.
	dial(t, addr).talk("< 220")
	dial(t, addr).talk("< 220")
	dial(t, addr).talk("<- 421 4.7.0\nclosed")
}

func TestTooManyFaults(t *testing.T) {
	k := newClock()
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.Now, c.Pace, c.MaxFaults = k.now, Pace{Faults: 5}, 4 })
	c := dial(t, addr)
	c.talk(`
		< 220
		> MAIL FROM:<ann@example.org>
		<- 502
		> AUTH LOGIN
		<- 502
		> EHLO client.example
		<- 250
		> AUTH LOGIN
		<- 523
		> MAIL FOR:<ann@example.org>
		<- 421 4.7.0 Too many errors
		closed`)
	// One more of the five is left, and then nobody from there is let in for a while.
	c = dial(t, addr)
	c.talk("< 220\n> EHLO client.example\n<- 250\n> MAIL FROM:<ann@example.org>\n<- 250\n> RCPT TO:<x@desk.example>\n<- 550\n> RCPT TO:<y@desk.example>\n<- 421\nclosed")
	dial(t, addr).talk("<- 421 4.7.0\nclosed")
	k.move(time.Minute)
	c = dial(t, addr)
	hello(c)
	c.talk("> .\n<- 250")
}

// Whoever tries to smuggle does not try for long.
func TestSmugglingIsAFault(t *testing.T) {
	k := newClock()
	addr, _ := start(t, newOffice(), func(c *Config) { c.Now, c.Pace = k.now, Pace{Faults: 2} })
	for range 2 {
		c := dial(t, addr)
		hello(c)
		c.send("Subject: one\r\n\r\ntext\n.\nMAIL FROM:<boss@example.org>\r\n.\r\n")
		c.talk("<- 550 5.6.0\nclosed")
	}
	dial(t, addr).talk("<- 421 4.7.0\nclosed")
}

// The PROXY protocol is for those who were asked to speak it, before the first command.
func TestProxyFromAStranger(t *testing.T) {
	for _, header := range []string{
		"PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n",
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x00\x19",
	} {
		o := newOffice()
		addr, _ := start(t, o, nil)
		c := dial(t, addr)
		c.talk("< 220")
		c.send(header + "EHLO client.example\r\nMAIL FROM:<ann@example.org>\r\n")
		for range 3 {
			if last := c.reply(); begins(last, "500 5.5.2 A line") || begins(last, "500 5.5.1 The PROXY") {
				break
			}
		}
		c.closed()
	}
}

func TestNetworksAtOnce(t *testing.T) {
	l := &limiter{total: 1000, each: 2, nets: make(map[netip.Prefix]int)}
	var leave []func()
	enter := func(ip string) bool {
		f, ok := l.enter(netip.MustParseAddr(ip), false)
		if ok {
			leave = append(leave, f)
		}
		return ok
	}
	for _, tt := range []struct {
		ip   string
		want bool
	}{
		{"192.0.2.1", true},
		{"192.0.2.2", true},
		{"192.0.2.3", false},
		{"198.51.100.1", true},
		{"2001:db8:0:1::1", true},
		{"2001:db8:0:1::2", true},
		{"2001:db8:0:1::3", false},
		{"2001:db8:0:2::1", true},
		{"2001:db8:0:2::2", true},
		{"2001:db8:0:3::1", true},
		{"2001:db8:0:3::2", true},
		{"2001:db8:0:4::1", true},
		{"2001:db8:0:4::2", true},
		{"2001:db8:0:5::1", false},
		{"2001:db8:1:5::1", true},
	} {
		if got := enter(tt.ip); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.ip, got, tt.want)
		}
	}
	for _, f := range leave {
		f()
	}
	if len(l.nets) != 0 || l.all != 0 {
		t.Errorf("%d networks and %d connections are still counted", len(l.nets), l.all)
	}
	if peerName(&net.UnixAddr{Net: "unix"}) != "unix socket" {
		t.Error("a Unix socket has no name")
	}
}

func BenchmarkPace(b *testing.B) {
	p := newPaces(Pace{Conns: 1 << 30, Mails: 1 << 30, Recipients: 1 << 30, Faults: 1 << 30}, nil, time.Now)
	ip := netip.MustParseAddr("192.0.2.1")
	b.Run("connection", func(b *testing.B) {
		for b.Loop() {
			p.visitor(ip).allow(pacedConns)
		}
	})
	v := p.visitor(ip)
	b.Run("mail", func(b *testing.B) {
		for b.Loop() {
			v.allow(pacedMails)
		}
	})
	b.Run("exempt", func(b *testing.B) {
		for b.Loop() {
			(*visitor)(nil).allow(pacedMails)
		}
	})
}
