package mailin

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// mediaType is a Content-Type or Content-Disposition value: its main word and its parameters, as tolerant of real mail as a
// reader can be. A parameter may have several values: repeated, in several forms of RFC 2231, or not clearly delimited.
type mediaType struct {
	main   string // in lower case, "type/subtype" or a disposition; empty where it could not be read
	params []param
}

// param is one parameter. Its name is in lower case, without the marks of RFC 2231.
type param struct {
	name    string
	value   []byte // unquoted
	raw     []byte // all that stands up to the next ";", for readers that take more than the token
	section int    // RFC 2231 section; -1 for none
	ext     bool   // RFC 2231 extended: charset'language'percent-encoded
}

// maxParams bounds the parameters of one field.
const maxParams = 256

// parseMedia reads a field's value.
func parseMedia(value []byte) mediaType {
	v := plainSpaces(unfold(value))
	if bytes.HasPrefix(v, []byte("=?")) {
		v = []byte(decodeWords(v))
	}
	var m mediaType
	i := skipSpace(v, 0)
	start := i
	for i < len(v) && v[i] != ';' && v[i] != ' ' && v[i] != '\t' && v[i] != '(' && v[i] != ',' && !(v[i] == '=' && i > start) {
		i++
	}
	main := v[start:i]
	if i < len(v) && v[i] == '=' {
		// There is no main word: the first parameter stands in its place.
		i, main = start, nil
	}
	// "text / plain" and comments between: read on while the type lacks its half.
	for len(main) > 0 && i < len(v) && v[i] != ';' {
		j := skipSpace(v, i)
		if j >= len(v) || v[j] != '/' && main[len(main)-1] != '/' {
			break
		}
		k := j
		for k < len(v) && strings.IndexByte("; \t(,=", v[k]) < 0 {
			k++
		}
		if k == j {
			break
		}
		main = append(slices.Clip(main), v[j:k]...)
		i = k
	}
	m.main = lowerWord(bytes.Trim(main, `"' `))
	for i < len(v) && len(m.params) < maxParams {
		i = skipSpace(v, i)
		if i >= len(v) {
			break
		}
		if v[i] == ';' || v[i] == ',' {
			i++
			continue
		}
		var p param
		var ok bool
		if p, i, ok = readParam(v, i); ok {
			if m.params == nil {
				m.params = make([]param, 0, min(bytes.Count(v[i:], []byte(";"))+1, 8))
			}
			m.params = append(m.params, p)
		}
	}
	return m
}

// plainSpaces makes spaces of what some readers take for them: vertical tabs, form feeds, no-break spaces.
func plainSpaces(v []byte) []byte {
	if bytes.IndexByte(v, '\v') < 0 && bytes.IndexByte(v, '\f') < 0 && bytes.IndexByte(v, 0xa0) < 0 {
		return v
	}
	v = bytes.ReplaceAll(v, []byte("\xc2\xa0"), []byte("  "))
	for i, c := range v {
		// A lone no-break space counts at the front and behind a delimiter; elsewhere it may be half of a letter.
		if c == '\v' || c == '\f' || c == 0xa0 && (i == 0 || v[i-1] == ';' || v[i-1] == ' ' || v[i-1] == '=') {
			v[i] = ' '
		}
	}
	return bytes.TrimSpace(v)
}

// skipSpace passes over white space and comments (RFC 5322, section 3.2.2). An unclosed comment is no comment.
func skipSpace(v []byte, i int) int {
	for i < len(v) {
		switch v[i] {
		case ' ', '\t', '\r', '\n':
			i++
		case '(':
			end := commentEnd(v, i)
			if end < 0 {
				return i
			}
			i = end
		default:
			return i
		}
	}
	return i
}

// commentEnd returns the index behind the comment that begins at i, or -1 if it has no end within 500 octets, or is nested deeper than anybody nests
// one: else a value full of beginnings would be searched that far from each.
func commentEnd(v []byte, i int) int {
	v = v[:min(len(v), i+500)]
	if bytes.IndexByte(v[i:], ')') < 0 {
		return -1
	}
	depth := 0
	for j := i; j < len(v); j++ {
		switch v[j] {
		case '\\':
			j++
		case '(':
			if depth++; depth > 10 {
				return -1
			}
		case ')':
			depth--
			if depth == 0 {
				return j + 1
			}
		}
	}
	return -1
}

// readParam reads "name=value" at i. Whatever it finds, it returns an index behind i.
func readParam(v []byte, i int) (p param, next int, ok bool) {
	start := i
	for i < len(v) && v[i] != '=' && v[i] != ';' && v[i] != ' ' && v[i] != '\t' && v[i] != '(' {
		i++
	}
	name := v[start:i]
	i = skipSpace(v, i)
	if i >= len(v) || v[i] != '=' {
		return p, max(i, start+1), false
	}
	p.name, p.section, p.ext = paramName(name)
	i = skipSpace(v, i+1)
	if i < len(v) && v[i] == '"' {
		p.value, next = quoted(v, i)
		p.raw = bytes.Trim(v[i:next], `"`)
		if (p.name == "filename" || p.name == "name") && isPath(p.raw) {
			p.value = p.raw // a program of Windows wrote its path without escapes
		}
		return p, next, p.name != ""
	}
	end := i
	if j := bytes.IndexByte(v[i:], ';'); j >= 0 {
		end = i + j
	} else {
		end = len(v)
	}
	p.raw = bytes.TrimSpace(v[i:end])
	if p.name == "filename" || p.name == "name" {
		// Unquoted file names have spaces and parentheses.
		p.value = bytes.TrimRight(p.raw, `"`)
		if j := bytes.LastIndex(p.value, []byte(" (")); j > 0 && p.value[len(p.value)-1] == ')' && path.Ext(string(p.value[:j])) != "" {
			p.value = bytes.TrimSpace(p.value[:j]) // a comment behind a whole name
		}
		return p, end, p.name != ""
	}
	next = i
	for next < end && v[next] != ' ' && v[next] != '\t' && v[next] != '(' {
		next++
	}
	p.value = v[i:next]
	return p, max(next, start+1), p.name != ""
}

// quoted reads the quoted-string at i. One that does not end reaches to the next ";" or the end.
func quoted(v []byte, i int) (value []byte, next int) {
	value = make([]byte, 0, 40)
	for j := i + 1; j < len(v); j++ {
		switch c := v[j]; c {
		case '\\':
			switch {
			case j+1 >= len(v):
			case v[j-1] >= 0x80 && v[j+1] != '"' && v[j+1] != '\\':
				value = append(value, c) // the second half of a character of Shift_JIS, Big5 or GBK
			default:
				j++
				value = append(value, v[j])
			}
		case '"':
			return value, j + 1
		default:
			value = append(value, c)
		}
	}
	end := len(v)
	if j := bytes.IndexByte(v[i:], ';'); j >= 0 {
		end = i + j
	}
	return bytes.TrimSpace(v[i+1 : max(end, i+1)]), end
}

// isPath tells a path of Windows, by its drive or server.
func isPath(v []byte) bool {
	return len(v) > 3 && (v[1] == ':' && v[2] == '\\' && v[3] != '\\' || v[0] == '\\' && v[1] == '\\' && v[2] != '\\')
}

// paramName takes RFC 2231's marks off: "filename*1*" is section 1 of an extended "filename".
func paramName(b []byte) (name string, section int, ext bool) {
	name = lowerWord(bytes.Trim(b, `"'`))
	section = -1
	if strings.HasSuffix(name, "*") {
		ext, name = true, name[:len(name)-1]
	}
	if i := strings.LastIndexByte(name, '*'); i >= 0 {
		n := 0
		for _, c := range []byte(name[i+1:]) {
			if c < '0' || c > '9' || n > maxParams {
				return name, section, ext
			}
			n = n*10 + int(c-'0')
		}
		if i+1 < len(name) {
			return name[:i], n, ext
		}
	}
	return name, section, ext
}

// text returns the parameter as text, whichever way it is given, or "": an extended form before a plain one, since who sends
// both means the extended one (RFC 6266, section 4.3, says so for HTTP, and mail programs agree).
func (m *mediaType) text(name string) string {
	var plain *param
	sections := map[int]*param{}
	for i := range m.params {
		p := &m.params[i]
		switch {
		case p.name != name:
		case p.section >= 0:
			if sections[p.section] == nil {
				sections[p.section] = p
			}
		case p.ext:
			return decodeExtended([]*param{p})
		case plain == nil || len(plain.value) == 0:
			plain = p
		}
	}
	if len(sections) > 0 {
		var ps []*param
		for n := 0; len(ps) < len(sections) && n <= maxParams+1; n++ {
			if p := sections[n]; p != nil {
				ps = append(ps, p)
			}
		}
		return decodeExtended(ps)
	}
	if plain == nil {
		return ""
	}
	return oneLine(decodeWords(plain.value))
}

// decodeExtended joins the sections of an RFC 2231 value. The charset stands in the first; each section says for itself
// whether it is percent-encoded.
func decodeExtended(ps []*param) string {
	charset := ""
	var b, run []byte
	encoded := false
	for i, p := range ps {
		v := p.value
		if i == 0 && p.ext {
			if c, rest, ok := bytes.Cut(v, []byte("'")); ok {
				if _, text, ok := bytes.Cut(rest, []byte("'")); ok {
					charset, v = string(c), text
				} else if len(c) > 2 && knownLabel(string(c)) {
					charset, v = string(c), rest // the language and its mark were left out
				}
			}
		}
		if !p.ext {
			b = append(append(b, unpercent(run)...), v...)
			run = nil
			continue
		}
		// Some cut an octet in two, so neighbours are joined first.
		encoded = true
		run = append(run, v...)
	}
	b = append(b, unpercent(run)...)
	if !encoded {
		return oneLine(decodeWords(b)) // continuations of encoded-words: not RFC 2231, but sent
	}
	return oneLine(decodeCharset(b, charset, false))
}

func unpercent(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) && unhex(b[i+1]) >= 0 && unhex(b[i+2]) >= 0 {
			out = append(out, byte(unhex(b[i+1])<<4|unhex(b[i+2])))
			i += 2
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// boundaries lists every boundary that some reader would take from this field, the likeliest first.
func (m *mediaType) boundaries() [][]byte {
	var list [][]byte
	add := func(b []byte) {
		b = bytes.TrimRight(b, " \t")
		if len(b) == 0 || len(list) >= 12 {
			return
		}
		for _, have := range list {
			if bytes.Equal(have, b) {
				return
			}
		}
		list = append(list, b)
	}
	var sections []*param
	for i := range m.params {
		p := &m.params[i]
		if p.name != "boundary" {
			continue
		}
		if p.section >= 0 {
			sections = append(sections, p)
			continue
		}
		if p.ext {
			add([]byte(decodeExtended([]*param{p})))
		}
		add(p.value)
		if bytes.ContainsAny(p.value, " \t") {
			add(bytes.TrimSpace(p.value))
			add(bytes.Map(func(r rune) rune {
				if r == ' ' || r == '\t' {
					return -1
				}
				return r
			}, p.value))
			add(bytes.ReplaceAll(p.value, []byte("\t"), []byte(" ")))
		}
		add(p.raw)
		add(bytes.Trim(p.raw, `'"`))
		if bytes.Contains(p.value, []byte("=?")) {
			add([]byte(decodeWords(p.value)))
		}
	}
	if len(sections) > 0 {
		slices.SortStableFunc(sections, func(a, b *param) int { return a.section - b.section })
		add([]byte(decodeExtended(sections)))
		add(sections[0].value)
	}
	return list
}

// isMultipart reports whether some reader would look for parts in it.
func (m *mediaType) isMultipart() bool { return strings.HasPrefix(m.main, "multipart/") }
