package mailin

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"letterlock/bridge"
)

// maxAddresses bounds the mailboxes of one field.
const maxAddresses = 1000

// addresses reads the mailboxes of address fields (RFC 5322, section 3.4), with comments, groups, routes and the forms that people and
// programs write by mistake. It makes nothing up: what has no "@" is no address, and an address is never decoded out of an
// encoded-word, since other readers would not do so. Every address that some reader could take for the mailbox is listed.
func (n *notes) addresses(values [][]byte, field string) []bridge.Address {
	if len(values) == 0 {
		return nil
	}
	var list []bridge.Address
	m := mailbox{phrase: make([]byte, 0, 64)}
	for _, v := range values {
		v = unfold(v)
		for len(v) > 0 && len(list) < maxAddresses {
			v = m.read(v)
			list = m.appendTo(list, n, field)
		}
		if len(list) >= maxAddresses {
			list = list[:maxAddresses] // one piece may name many
			n.defect("the " + field + " field names more addresses than are read")
			break
		}
	}
	return list
}

// mailbox is one piece of an address list, between commas, taken apart but not decoded.
type mailbox struct {
	phrase   []byte   // what stands outside of brackets and comments, quotes included
	angles   [][]byte // what stands in angle brackets
	comments [][]byte
	broken   bool
}

// read takes one piece off the list, in the place of the one before. Commas count neither in quotes, comments nor brackets; a semicolon ends a
// group, and some write it in place of the comma; a colon outside of all of them ends a group's name.
func (m *mailbox) read(v []byte) (rest []byte) {
	m.phrase, m.angles, m.comments, m.broken = m.phrase[:0], m.angles[:0], m.comments[:0], false
	at := false // the phrase has an "@"
	for i := 0; i < len(v); i++ {
		switch c := v[i]; c {
		case ',', ';':
			return v[i+1:]
		case ':':
			// A group's display name; or a colon in a name that should be quoted, which is lost with it.
			if at = at || bytes.IndexByte(m.phrase, '@') >= 0; !at {
				m.phrase = m.phrase[:0]
				continue
			}
			m.phrase = append(m.phrase, c)
		case '"':
			end := quoteEnd(v, i)
			if end < 0 {
				// A quote that does not end is a character.
				m.broken = true
				m.phrase = append(m.phrase, ' ')
				continue
			}
			m.phrase = append(m.phrase, v[i:end]...)
			i = end - 1
		case '(':
			end := commentEnd(v, i)
			if end < 0 {
				m.broken = true
				m.phrase = append(m.phrase, ' ')
				continue
			}
			m.comments = append(m.comments, v[i+1:end-1])
			m.phrase = append(m.phrase, ' ')
			i = end - 1
		case '<':
			end := bytes.IndexByte(v[i:min(len(v), i+1200)], '>')
			if end < 0 {
				// "<ann@example.com" without its end: up to the comma.
				m.broken = true
				end = bytes.IndexAny(v[i:min(len(v), i+1200)], ",; ")
				if end < 0 {
					end = min(len(v), i+1200) - i
				}
				m.angles = append(m.angles, v[i+1:i+end])
				i += end - 1
				continue
			}
			m.angles = append(m.angles, v[i+1:i+end])
			i += end
		case '\\':
			if i+1 < len(v) {
				m.phrase = append(m.phrase, c, v[i+1])
				i++
			}
		default:
			m.phrase = append(m.phrase, c)
		}
	}
	return nil
}

// quoteEnd returns the index behind the quoted-string at i, or -1 if it has no end within 500 octets.
func quoteEnd(v []byte, i int) int {
	for j := i + 1; j < len(v) && j < i+500; j++ {
		switch v[j] {
		case '\\':
			j++
		case '"':
			return j + 1
		}
	}
	return -1
}

// appendTo appends the addresses of one piece: one as a rule, several if it is ambiguous, none if it has none.
func (m *mailbox) appendTo(list []bridge.Address, n *notes, field string) []bridge.Address {
	if m.broken {
		n.defect("the " + field + " field is malformed")
	}
	before := len(list)
	name := ""
	if len(m.angles) > 0 {
		if name = displayName(m.phrase); name == "" && len(m.comments) > 0 {
			name = displayName(m.comments[0])
		}
	}
	for _, a := range m.angles {
		addr, ok := addrSpec(bytes.TrimLeft(a, "< "))
		if !ok {
			if len(bytes.TrimSpace(a)) > 0 {
				n.defect("the " + field + " field holds an address that cannot be read")
			}
			continue
		}
		list = append(list, bridge.Address{Name: name, Addr: addr})
	}
	if len(m.angles) > 1 {
		n.defect("the " + field + " field has several addresses where one belongs")
	}
	if len(m.angles) > 0 {
		// A name that is an address is common, a different address in the name's place is a trick or a mistake.
		if bytes.IndexByte(m.phrase, '@') < 0 {
			return list
		}
		for _, w := range unquotedWords(m.phrase) {
			if addr, ok := addrSpec(bytes.Trim(w, `"',()[]`)); ok && (len(list) == before || !strings.EqualFold(addr, list[before].Addr)) {
				n.defect("the " + field + " field names another address beside the one in brackets")
				if len(list) == before {
					list = append(list, bridge.Address{Addr: addr})
				}
			}
		}
		return list
	}
	// No brackets, or only the closing one: "ann@example.com", "ann@example.com (Ann)", or "Ann ann@example.com".
	if p := bytes.TrimRight(m.phrase, "> "); len(p) < len(bytes.TrimRight(m.phrase, " ")) {
		n.defect("the " + field + " field is malformed")
		m.phrase = p
	}
	if addr, ok := addrSpec(m.phrase); ok {
		a := bridge.Address{Addr: addr}
		if len(m.comments) > 0 {
			a.Name = displayName(m.comments[0])
		}
		return append(list, a)
	}
	var words []byte
	for _, w := range unquotedWords(m.phrase) {
		if addr, ok := addrSpec(w); ok {
			list = append(list, bridge.Address{Addr: addr})
		} else {
			words = append(append(words, w...), ' ')
		}
	}
	switch found := len(list) - before; {
	case found == 1:
		n.defect("the " + field + " field has an address without brackets")
		list[before].Name = displayName(words)
	case found > 1:
		n.defect("the " + field + " field has several addresses where one belongs")
	case len(bytes.TrimSpace(m.phrase)) > 0:
		n.defect("the " + field + " field holds a name without an address")
	}
	return list
}

// unquotedWords splits at white space outside of quotes.
func unquotedWords(v []byte) [][]byte {
	var list [][]byte
	start := -1
	for i := 0; i <= len(v); i++ {
		if i == len(v) || v[i] == ' ' || v[i] == '\t' {
			if start >= 0 {
				list = append(list, v[start:i])
				start = -1
			}
			continue
		}
		if start < 0 {
			start = i
		}
		if v[i] == '"' {
			if end := quoteEnd(v, i); end > 0 {
				i = end - 1
			}
		}
	}
	return list
}

// addrSpec reads local@domain. It takes off comments, a source route (RFC 5322, section 4.4), spaces around "@" and ".", and
// "mailto:". It refuses what holds a control character or inner space.
func addrSpec(v []byte) (string, bool) {
	v = bytes.TrimSpace(v)
	if len(v) > 2 && v[0] == '[' && v[len(v)-1] == ']' {
		v = v[1 : len(v)-1]
	}
	if len(v) < 3 || len(v) > 1200 || bytes.IndexByte(v, '@') < 0 {
		return "", false
	}
	if hasPrefixFold(v, "mailto:") {
		v = v[7:]
	}
	if v[0] == '@' {
		// "<@relay.example:ann@example.com>"
		_, after, ok := bytes.Cut(v, []byte(":"))
		if !ok {
			return "", false
		}
		v = after
	}
	var buf [64]byte
	b := buf[:0]
	space := false
	at := -1 // the last "@" outside of quotes
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch {
		case c == '"':
			end := quoteEnd(v, i)
			if end < 0 || space || bytes.ContainsAny(v[i:end], "<>") {
				return "", false
			}
			b = append(b, v[i:end]...)
			i = end - 1
			continue
		case c == '(':
			end := commentEnd(v, i)
			if end < 0 {
				return "", false
			}
			i = end - 1
			continue
		case c == ' ' || c == '\t':
			space = len(b) > 0
			continue
		case c < ' ' || c == 0x7f || c == '<' || c == '>' || c == ',' || c == ';':
			return "", false
		}
		if space {
			last := b[len(b)-1]
			if c != '@' && c != '.' && last != '@' && last != '.' {
				return "", false
			}
			space = false
		}
		if c == '@' {
			at = len(b)
		}
		b = append(b, c)
	}
	if b = bytes.TrimRight(b, "'"); len(b) > 0 && b[0] == '\'' {
		b, at = b[1:], at-1
	}
	if at <= 0 || at == len(b)-1 || b[at+1] == '.' || !utf8.Valid(b) {
		return "", false
	}
	s := oneLine(string(b))
	return s, len(s) == len(b) // no control character of Unicode either
}

// displayName decodes a phrase: quoted strings, escapes and encoded-words, in and out of quotes.
func displayName(phrase []byte) string {
	phrase = bytes.Trim(phrase, " \t<>")
	if len(phrase) == 0 {
		return ""
	}
	b := make([]byte, 0, len(phrase))
	for i := 0; i < len(phrase); i++ {
		switch c := phrase[i]; c {
		case '"':
		case '\\':
			if i+1 < len(phrase) {
				i++
				b = append(b, phrase[i])
			}
		default:
			b = append(b, c)
		}
	}
	name := spaced(oneLine(decodeWords(b)))
	// Some programs quote what is quoted already.
	for len(name) > 1 && (name[0] == '\'' && name[len(name)-1] == '\'' || name[0] == '"' && name[len(name)-1] == '"') {
		name = strings.TrimSpace(name[1 : len(name)-1])
	}
	return clipText(name, 512)
}
