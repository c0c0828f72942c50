// Package dnstest is a DNS server for tests: it answers from a zone that the test writes, on a port of loopback, and misbehaves where the
// test says so.
//
// It knows nothing of who asks. It follows aliases within its zone as a recursive server does, answers over UDP and TCP, and cuts off
// what does not fit into UDP.
package dnstest

import (
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Server is a running server.
type Server struct {
	Addr string // host:port

	mu       sync.Mutex
	records  map[string][]dns.RR // by name in lower case
	rcodes   map[string]int
	silent   map[string]bool
	asked    map[string]int
	lone     bool
	verified bool
	udp, tcp *dns.Server
}

// Start serves a zone, written as in a master file (RFC 1035, section 5), until Close.
func Start(zone string) (*Server, error) {
	s := &Server{rcodes: map[string]int{}, silent: map[string]bool{}, asked: map[string]int{}}
	if err := s.Set(zone); err != nil {
		return nil, err
	}
	// Both protocols need the same port, and a free one of UDP may be taken for TCP.
	for range 20 {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.Addr = packets.LocalAddr().String()
		stream, err := net.Listen("tcp", s.Addr)
		if err != nil {
			_ = packets.Close()
			continue
		}
		s.udp = &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(s.serve)}
		s.tcp = &dns.Server{Listener: stream, Handler: dns.HandlerFunc(s.serve)}
		var ready sync.WaitGroup
		for _, one := range []*dns.Server{s.udp, s.tcp} {
			ready.Add(1)
			one.NotifyStartedFunc = ready.Done
			go func() { _ = one.ActivateAndServe() }()
		}
		ready.Wait()
		return s, nil
	}
	return nil, fmt.Errorf("no port is free for both UDP and TCP")
}

// Close ends the server.
func (s *Server) Close() {
	_ = s.udp.Shutdown()
	_ = s.tcp.Shutdown()
}

// Set replaces the zone. Names without a final dot are completed by it alone; the TTL is an hour where none is written; space
// at the start of a line, where tests indent it, is left out.
func (s *Server) Set(zone string) error {
	var records []dns.RR
	lines := strings.Split(zone, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], " \t")
	}
	p := dns.NewZoneParser(strings.NewReader("$TTL 3600\n"+strings.Join(lines, "\n")), ".", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		records = append(records, rr)
	}
	if err := p.Err(); err != nil {
		return err
	}
	s.SetRecords(records)
	return nil
}

// SetRecords replaces the zone.
func (s *Server) SetRecords(records []dns.RR) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = map[string][]dns.RR{}
	for _, rr := range records {
		name := canonical(rr.Header().Name)
		s.records[name] = append(s.records[name], rr)
	}
}

// canonical returns a name in lower case, with a final dot, and escaped as the library escapes what it reads from a message.
func canonical(name string) string {
	var b [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), b[:], 0, nil, false)
	if err == nil {
		name, _, err = dns.UnpackDomainName(b[:n], 0)
	}
	if err != nil {
		return name // no question has it
	}
	return strings.ToLower(name)
}

// Answer makes the server answer each question about a name with an RCODE, such as dns.RcodeServerFailure; with dns.RcodeSuccess it does as before.
func (s *Server) Answer(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rcodes[canonical(name)] = rcode
}

// Silence makes the server drop each question about a name.
func (s *Server) Silence(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent[canonical(name)] = true
}

// Lone makes the server answer an alias with the alias alone, as one that does not recurse.
func (s *Server) Lone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lone = true
}

// Verify makes the server say that it has checked its answers by DNSSEC.
func (s *Server) Verify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verified = true
}

// Asked returns how often a name was asked for, whatever the type.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[canonical(name)]
}

func (s *Server) serve(w dns.ResponseWriter, ask *dns.Msg) {
	answer, ok := s.answer(ask)
	if !ok {
		return
	}
	if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
		size := dns.MinMsgSize
		if o := ask.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		answer.Truncate(size)
	}
	_ = w.WriteMsg(answer)
}

func (s *Server) answer(ask *dns.Msg) (*dns.Msg, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := new(dns.Msg)
	m.SetReply(ask)
	m.RecursionAvailable = true
	m.AuthenticatedData = s.verified
	m.Compress = true
	if len(ask.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		return m, true
	}
	name, kind := canonical(ask.Question[0].Name), ask.Question[0].Qtype
	for range 12 {
		s.asked[name]++
		if s.silent[name] {
			return nil, false
		}
		if code := s.rcodes[name]; code != dns.RcodeSuccess {
			m.Rcode, m.Answer = code, nil
			return m, true
		}
		next := ""
		found := false
		for _, rr := range s.records[name] {
			if c, ok := rr.(*dns.CNAME); ok && kind != dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
				next = canonical(c.Target)
			} else if rr.Header().Rrtype == kind {
				m.Answer = append(m.Answer, rr)
				found = true
			}
		}
		switch {
		case found, next != "" && s.lone:
			return m, true
		case next != "":
			name = next
			continue
		}
		if !s.exists(name) {
			m.Rcode = dns.RcodeNameError
		}
		m.Ns = append(m.Ns, &dns.SOA{
			Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60}, Ns: "ns.", Mbox: "host.", Minttl: 30,
		})
		return m, true
	}
	m.Rcode, m.Answer = dns.RcodeServerFailure, nil // as servers answer where aliases go round
	return m, true
}

// exists reports whether there is a name or anything below it (RFC 8020).
func (s *Server) exists(name string) bool {
	if s.records[name] != nil {
		return true
	}
	for n := range s.records {
		if strings.HasSuffix(n, "."+name) {
			return true
		}
	}
	return false
}
