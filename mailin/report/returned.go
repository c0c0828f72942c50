package report

import (
	"bytes"
	"strings"
)

// original is what the copy of the reported mail says of it.
type original struct {
	to     []string // whom it was written to
	sender []string // addresses of its author and its reverse-path
}

// maxReturned bounds the octets of a returned mail that are read.
const maxReturned = 64 << 10

// isReturned reports whether a part is the reported mail, or its header (RFC 6522, sections 3 and 4; RFC 6533).
func isReturned(p Part) bool {
	switch p.Type {
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		return true
	}
	return false
}

// returnedMail reads the header of the mail that came back, as a part or below the words of a server.
func returnedMail(parts []Part, rest string) original {
	var o original
	for _, p := range parts {
		if !isReturned(p) {
			continue
		}
		if o.read(p.Content); len(o.to) > 0 {
			return o
		}
	}
	o.read([]byte(rest[:min(len(rest), maxReturned)]))
	return o
}

func (o *original) read(b []byte) {
	b = b[:min(len(b), maxReturned)]
	name, value := "", []byte(nil)
	field := func() {
		switch name {
		case "to", "cc", "bcc", "resent-to", "x-original-to":
			o.to = appendAddresses(o.to, string(value))
		case "from", "sender", "return-path", "reply-to", "errors-to", "envelope-from", "x-envelope-from":
			o.sender = appendAddresses(o.sender, string(value))
		}
		name, value = "", value[:0]
	}
	fields, blank := 0, 0
	for len(b) > 0 {
		var l []byte
		l, b, _ = bytes.Cut(b, []byte("\n"))
		l = bytes.TrimRight(l, "\r \t")
		if len(l) == 0 {
			if fields > 1 {
				break
			}
			if blank++; blank > 5 {
				break
			}
			continue
		}
		if (l[0] == ' ' || l[0] == '\t') && name != "" {
			if len(value) < 8000 {
				value = append(append(value, ' '), l...)
			}
			continue
		}
		field()
		n, v, ok := bytes.Cut(bytes.TrimLeft(l, "> \t|"), []byte(":"))
		if !ok || len(n) > 60 || bytes.ContainsAny(n, " \t") {
			continue
		}
		fields++
		name, value = strings.ToLower(string(n)), append(value[:0], v...)
	}
	field()
}

// appendAddresses adds the addresses that stand in a field.
func appendAddresses(list []string, s string) []string {
	for len(list) < maxRecipients {
		a, after, ok := findAddress(s)
		if !ok {
			break
		}
		list = append(list, decode([]byte(a)))
		s = after
	}
	return list
}

func (o *original) wasTo(addr string) bool {
	for _, a := range o.to {
		if strings.EqualFold(a, addr) {
			return true
		}
	}
	return false
}
