package smtpd

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"letterlock/bridge/mailaddr"
)

// maxHops is how many Received fields a mail may have. RFC 5321, section 6.3, wants at least 100 to be allowed for loop detection by counting;
// mail that reached us honestly has a tenth of that, and each hop of a loop through us costs a message.
const maxHops = 50

// trace is what a Received field says (RFC 5321, section 4.4).
type trace struct {
	helo string
	peer netip.Addr
	by   string
	with string // RFC 3848 and RFC 6531, section 4.3
	tls  *tls.ConnectionState
	id   string
	rcpt string // only if there is one recipient: the others are nobody's business (section 7.2)
	at   time.Time
}

// field returns the Received field with its line ends.
func (t trace) field() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Received: from %s", heloName(t.helo))
	if t.peer.IsValid() {
		literal := t.peer.WithZone("").String()
		if t.peer.Is6() {
			literal = "IPv6:" + literal
		}
		fmt.Fprintf(&b, " ([%s])", literal)
	}
	if t.tls != nil {
		fmt.Fprintf(&b, "\r\n\t(%s %s)", strings.ReplaceAll(tls.VersionName(t.tls.Version), " ", ""), tls.CipherSuiteName(t.tls.CipherSuite))
	}
	fmt.Fprintf(&b, "\r\n\tby %s with %s id %s", t.by, t.with, t.id)
	if t.rcpt != "" && mailaddr.Valid(t.rcpt) == nil {
		fmt.Fprintf(&b, "\r\n\tfor <%s>", t.rcpt)
	}
	fmt.Fprintf(&b, ";\r\n\t%s\r\n", t.at.Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	return b.Bytes()
}

// heloName makes a claimed name safe to write into a field.
func heloName(s string) string {
	if len(s) > 255 {
		s = s[:255]
	}
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>,;\"@`, r) {
			return '?'
		}
		return r
	}, s)
	if s == "" {
		return "unknown"
	}
	return s
}

// hops counts the Received fields of a mail, and no further than it has to.
func hops(raw []byte) int {
	n := 0
	for len(raw) > 0 && n <= maxHops {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		if len(bytes.TrimRight(line, "\r")) == 0 {
			break
		}
		name, _, ok := bytes.Cut(line, []byte{':'})
		if ok && len(name) < 80 && strings.EqualFold(string(bytes.TrimRight(name, " \t")), "received") {
			n++
		}
	}
	return n
}
