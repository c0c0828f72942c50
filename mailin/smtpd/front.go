package smtpd

import (
	"net/netip"
	"strconv"
	"strings"
)

// forwarded is what a mail server in front tells about the client that it got the next mail from: the XFORWARD command, as Postfix's
// XFORWARD_README describes it. A field that is not told is empty.
type forwarded struct {
	ip   netip.Addr
	port string
	helo string
}

// xforward lists the attributes that are taken, for the reply to EHLO.
const xforward = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"

// maxAttribute is the longest value of an attribute, in octets.
const maxAttribute = 255

// forward reads the arguments of one XFORWARD command into what is known already: attributes may come in several commands. It reports false
// for what is not well formed.
func (f *forwarded) forward(args string) bool {
	fields := strings.Fields(args)
	if len(fields) == 0 {
		return false
	}
	next := *f
	for _, field := range fields {
		name, coded, found := strings.Cut(field, "=")
		value, ok := xtext(coded)
		if !found || !ok || len(value) > maxAttribute {
			return false
		}
		known := !strings.EqualFold(value, "[UNAVAILABLE]") && !strings.EqualFold(value, "[TEMPUNAVAIL]") && value != ""
		switch strings.ToUpper(name) {
		case "ADDR":
			next.ip = netip.Addr{}
			if !known {
				continue
			}
			if len(value) > 5 && strings.EqualFold(value[:5], "IPv6:") {
				value = value[5:]
			}
			ip, err := netip.ParseAddr(value)
			if err != nil || ip.Zone() != "" {
				return false
			}
			next.ip = ip.Unmap()
		case "PORT":
			next.port = ""
			if known {
				if _, err := strconv.ParseUint(value, 10, 16); err != nil {
					return false
				}
				next.port = value
			}
		case "HELO":
			next.helo = ""
			if known {
				next.helo = value
			}
		case "NAME", "PROTO", "IDENT", "SOURCE":
		default:
			return false
		}
	}
	*f = next
	return true
}

// xtext decodes RFC 3461, section 4. What decodes to a control character is refused.
func xtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '+' {
			if i+2 >= len(s) {
				return "", false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return "", false
			}
			c = byte(n)
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// name is what the record of a mail calls the client.
func (f forwarded) name() string {
	if f.port == "" {
		return f.ip.String()
	}
	p, _ := strconv.ParseUint(f.port, 10, 16)
	return netip.AddrPortFrom(f.ip, uint16(p)).String()
}
