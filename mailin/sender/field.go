package sender

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge/mailaddr"
)

// The bounds, in octets.
const (
	maxHeader = 1 << 20
	maxField  = 4 << 10 // of one From field
)

// fieldsNamed returns the values of all fields of the header with a name, unfolded (RFC 5322, section 2.2.3). The name is in
// lower case. White space before the colon is obsolete (section 4.5) and still seen, since others see it.
func fieldsNamed(raw []byte, name string) ([]string, error) {
	if len(raw) > maxHeader {
		raw = raw[:maxHeader]
	}
	var fields []string
	inField := false // the last field was one of those
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			break
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return nil, errors.New("the header has a bare CR, which can hide a field")
		}
		if line[0] == ' ' || line[0] == '\t' {
			if inField {
				last := &fields[len(fields)-1]
				if len(*last)+len(line) > maxField {
					return nil, errors.New("the field is too long")
				}
				*last += string(line)
			}
			continue
		}
		colon := bytes.IndexByte(line, ':')
		inField = colon > 0 && strings.EqualFold(string(bytes.TrimRight(line[:min(colon, 80)], " \t")), name)
		if inField {
			if len(line) > maxField {
				return nil, errors.New("the field is too long")
			}
			fields = append(fields, string(line[colon+1:]))
		}
	}
	return fields, nil
}

// plainMailbox reads a field that holds exactly one mailbox in the form that mail programs write: an addr-spec, or a display name and an
// addr-spec in angle brackets (RFC 5322, section 3.4). All else that the grammar allows (lists, groups, routes, comments by the
// address, quoted local parts, folding within the address) is refused with what it was.
func plainMailbox(field string) (string, error) {
	if !utf8.ValidString(field) {
		return "", errors.New("the From field is not valid UTF-8")
	}
	for _, r := range field {
		if r != '\t' && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp) {
			return "", errors.New("the From field has a control character")
		}
		if 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 {
			return "", errors.New("the From field turns the direction of its text, which makes an address look like another")
		}
	}
	field = strings.Trim(field, " \t")
	if field == "" {
		return "", errors.New("the From field is empty")
	}
	if name, addr, _ := strings.Cut(field, "<"); strings.TrimRight(name, " \t")+">" == addr {
		// The address as its own name, without the quotes that it should have (section 3.2.5): programs write so, and there is nothing else to read.
		field = "<" + addr
	}
	rest, err := skipPhrase(field)
	if err != nil {
		return "", err
	}
	addr := field
	if rest != "" {
		if !strings.HasSuffix(rest, ">") {
			return "", errors.New("the From field has something after the address")
		}
		addr = rest[1 : len(rest)-1]
	}
	switch {
	case addr == "":
		return "", errors.New("the From field has an empty address")
	case strings.Contains(addr, "=?"):
		return "", errors.New("the From field has an encoded address")
	case strings.Count(addr, "@") != 1:
		return "", errors.New("the From field is not one plain address")
	}
	for _, r := range addr {
		if unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			return "", errors.New("the From field has an invisible character or a space in its address")
		}
	}
	if err := mailaddr.Valid(addr); err != nil {
		return "", errors.New("the From field is not one plain address")
	}
	return addr, nil
}

// skipPhrase passes over a display name and returns what begins with its angle bracket, or nothing if there is no bracket.
func skipPhrase(field string) (string, error) {
	depth, quoted := 0, false
	for i := 0; i < len(field); i++ {
		c := field[i]
		switch {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case depth > 0 && (c == '<' || c == '>' || c == '@' || c == ','):
			return "", errors.New("the From field has an address in a comment")
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return "", errors.New("the From field has a comment that does not begin")
			}
		case depth > 0:
		case c == '"':
			quoted = true
		case c == '<':
			return field[i:], nil
		case c == ',':
			return "", errors.New("the From field has several mailboxes")
		case c == ':' || c == ';':
			return "", errors.New("the From field is a group")
		case c == '>':
			return "", errors.New("the From field has a bracket that does not begin")
		case c == '@' && strings.Contains(field, "<"):
			return "", errors.New("the From field has a second address in its name")
		}
	}
	if quoted || depth > 0 {
		return "", errors.New("the From field has a quote or a comment that does not end")
	}
	return "", nil
}
