package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxUDP is the largest answer asked for over UDP, in octets: one that no common path fragments.
	maxUDP = 1232
	// maxAliases is how many CNAMEs are followed in all.
	maxAliases = 10
)

// errNoData is for records that the library reads as such of a dynamic update: an address would be no address.
var errNoData = errors.New("the DNS server answered with a record without data")

var errTooManyAliases = errors.New("too many aliases, or they go round")

// ask finds the answer to a question, following aliases.
func (r *Resolver) ask(ctx context.Context, q question) *entry {
	e := &entry{name: q.name, ttl: r.MaxTTL, authenticated: true}
	aliases := 0
	for {
		m, err := r.exchange(ctx, question{e.name, q.kind})
		if err != nil {
			return &entry{failure: err}
		}
		e.authenticated = e.authenticated && m.AuthenticatedData
		before := e.name
		if aliases, err = e.follow(m, q.kind, aliases); err != nil {
			return &entry{failure: err}
		}
		switch {
		case len(e.records) > 0:
			return e
		case e.name != before && m.Rcode == dns.RcodeSuccess && !hasSOA(m):
			continue // the server has not followed its own alias to the end
		case m.Rcode == dns.RcodeNameError:
			e.missing = "no such name"
		default:
			e.missing = "no such record"
		}
		e.ttl = min(e.ttl, negativeTTL(m))
		return e
	}
}

// follow takes the records that answer the question out of a message: those of the name that the aliases in it lead to.
func (e *entry) follow(m *dns.Msg, kind uint16, aliases int) (int, error) {
	for {
		next := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || canonical(h.Name) != e.name {
				continue
			}
			switch {
			case h.Rrtype != kind && h.Rrtype != dns.TypeCNAME:
				continue
			case h.Rdlength == 0:
				return aliases, errNoData
			case h.Rrtype == kind:
				e.records = append(e.records, rr)
				e.size += dns.Len(rr)
			case next == "":
				next = canonical(rr.(*dns.CNAME).Target)
			default:
				continue
			}
			e.ttl = min(e.ttl, time.Duration(h.Ttl)*time.Second)
		}
		if len(e.records) > 0 || next == "" {
			return aliases, nil
		}
		if aliases++; aliases > maxAliases {
			return aliases, errTooManyAliases
		}
		e.name = next
	}
}

func hasSOA(m *dns.Msg) bool { return negativeTTL(m) > 0 }

// negativeTTL is how long it is known that there is nothing (RFC 2308, section 5); 0 where the server does not say.
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(max(1, min(soa.Hdr.Ttl, soa.Minttl))) * time.Second
		}
	}
	return 0
}

// exchange asks one server after the other until one knows.
func (r *Resolver) exchange(ctx context.Context, q question) (*dns.Msg, error) {
	m := new(dns.Msg)
	m.SetQuestion(q.name, q.kind)
	m.AuthenticatedData = true // we want to hear of it (RFC 6840, section 5.7)
	m.SetEdns0(maxUDP, false)
	first := int(r.first.Load())
	var last error
	for i := range r.Rounds * len(r.Servers) {
		at := (first + i) % len(r.Servers)
		answer, err := r.askOne(ctx, m, r.Servers[at])
		if err == nil {
			r.first.Store(uint32(at))
			return answer, nil
		}
		last = err
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, last
}

// askOne asks one server. Only what answers the question, and is an answer at all, comes back without an error.
func (r *Resolver) askOne(ctx context.Context, m *dns.Msg, server string) (*dns.Msg, error) {
	m.Id = dns.Id()
	// A client, and with it a port, for each question: whoever wants to answer in the server's stead has to guess that as well.
	answer, _, err := (&dns.Client{Net: "udp", Timeout: r.Timeout, UDPSize: maxUDP}).ExchangeContext(ctx, m, server)
	if err == nil && answer.Truncated {
		answer, _, err = (&dns.Client{Net: "tcp", Timeout: r.Timeout}).ExchangeContext(ctx, m, server)
	}
	if err != nil {
		return nil, err
	}
	if !answer.Response || answer.Truncated || len(answer.Question) != 1 || answer.Question[0].Qtype != m.Question[0].Qtype ||
		canonical(answer.Question[0].Name) != m.Question[0].Name {
		return nil, errors.New("the DNS server answered something else")
	}
	switch answer.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return answer, nil
	}
	return nil, fmt.Errorf("the DNS server said %s", dns.RcodeToString[answer.Rcode])
}

// canonical returns a name of a message in the form that wireName gives names: lower case, and odd octets escaped in one way.
func canonical(name string) string {
	if strings.IndexByte(name, '\\') < 0 {
		return strings.ToLower(name)
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c == '\\' && i+1 < len(name) {
			if i+3 < len(name) && isDigit(name[i+1]) && isDigit(name[i+2]) && isDigit(name[i+3]) {
				c = (name[i+1]-'0')*100 + (name[i+2]-'0')*10 + name[i+3] - '0'
				i += 3
			} else {
				i++
				c = name[i]
			}
			if c == '.' {
				b.WriteString(`\046`) // within a label; no name that we ask for has it
				continue
			}
		}
		escapeOctet(&b, c)
	}
	return b.String()
}
