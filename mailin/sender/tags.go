package sender

import (
	"errors"
	"strings"
)

// tagList is a list of TAG=VALUE pairs, as in the fields and records of DKIM, ARC and DMARC (RFC 6376, section 3.2).
type tagList []struct{ name, value string }

var errTags = errors.New("it is not a list of tags")

const maxTags = 50

// parseTags reads a list of tags. White space and line ends around names and values are taken off. A tag that is there twice, a name that is none, and
// a control character make it no list.
func parseTags(s string) (tagList, error) {
	tags := make(tagList, 0, 12)
	for len(s) > 0 {
		var pair string
		pair, s, _ = strings.Cut(s, ";")
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.Trim(name, " \t\r\n"), strings.Trim(value, " \t\r\n")
		if !ok {
			if name == "" && strings.Trim(s, " \t\r\n") == "" {
				break // a last semicolon
			}
			return nil, errTags
		}
		if !isTagName(name) || len(tags) == maxTags {
			return nil, errTags
		}
		if _, twice := tags.get(name); twice {
			return nil, errTags
		}
		for i := range len(value) {
			if c := value[i]; c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
				return nil, errTags
			}
		}
		tags = append(tags, struct{ name, value string }{name, value})
	}
	return tags, nil
}

func isTagName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !('0' <= c && c <= '9') && c != '_') {
			return false
		}
	}
	return s != ""
}

func (l tagList) get(name string) (string, bool) {
	for i := range l {
		if l[i].name == name {
			return l[i].value, true
		}
	}
	return "", false
}

func (l tagList) value(name string) string {
	v, _ := l.get(name)
	return v
}

// list splits a value at colons, without white space.
func (l tagList) list(name string) []string {
	v := l.value(name)
	if v == "" {
		return nil
	}
	parts := strings.Split(v, ":")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " \t\r\n")
	}
	return parts
}

// squeeze takes all white space out, as of folded base64.
func squeeze(s string) string {
	if !strings.ContainsAny(s, " \t\r\n") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s)
}
