package mailin

import (
	"bytes"
	"strings"
)

// field is one line of a header, as written: the value still folded and encoded.
type field struct {
	name  string // in lower case
	value []byte
}

// header is the fields of a mail or a part, in order.
type header struct{ fields []field }

// first returns the value of the first field of that name (in lower case), or nil.
func (h *header) first(name string) []byte {
	for i := range h.fields {
		if h.fields[i].name == name {
			return h.fields[i].value
		}
	}
	return nil
}

// all returns the values of every field of that name.
func (h *header) all(name string) [][]byte {
	var vs [][]byte
	for i := range h.fields {
		if h.fields[i].name == name {
			vs = append(vs, h.fields[i].value)
		}
	}
	return vs
}

func (h *header) has(name string) bool {
	for i := range h.fields {
		if h.fields[i].name == name {
			return true
		}
	}
	return false
}

// text returns the first field of that name, decoded.
func (h *header) text(name string) string { return decodeText(h.first(name)) }

// count returns how many fields of that name there are.
func (h *header) count(name string) int {
	n := 0
	for i := range h.fields {
		if h.fields[i].name == name {
			n++
		}
	}
	return n
}

// joined returns the values of every field of that name as one, with spaces between them.
func (h *header) joined(name string) []byte {
	if h.count(name) == 1 {
		return h.first(name)
	}
	return bytes.Join(h.all(name), []byte(" "))
}

// names spares an allocation for each field that nearly every mail has, and for other words that stand in the fields of MIME.
var names = func() map[string]string {
	m := map[string]string{}
	for n := range strings.FieldsSeq(`from to cc bcc sender reply-to subject date message-id in-reply-to references received
		return-path delivered-to x-original-to envelope-to mime-version content-type content-transfer-encoding
		content-disposition content-id content-description content-language dkim-signature authentication-results
		received-spf arc-seal arc-message-signature arc-authentication-results user-agent x-mailer thread-topic
		thread-index auto-submitted precedence list-id list-post list-unsubscribe x-received importance x-priority
		text/plain text/html multipart/alternative multipart/mixed multipart/related charset boundary format delsp name filename
		attachment inline 7bit 8bit quoted-printable base64`) {
		m[n] = n
	}
	return m
}()

// lowerWord returns a name or a word of MIME in lower case.
func lowerWord(b []byte) string {
	var buf [40]byte
	if len(b) <= len(buf) {
		lowerInto(buf[:], b)
		if n, ok := names[string(buf[:len(b)])]; ok {
			return n
		}
	}
	return string(bytes.ToLower(b))
}

func lowerInto(dst, src []byte) {
	for i, c := range src {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst[i] = c
	}
}

// lines walks over lines that end in CRLF, LF or the end of the data. It remembers where the next LF is, so that looking for
// bare CRs within a line does not look for its end again and again.
type lines struct {
	data []byte
	pos  int
	nl   int // the next LF at or after pos; len(data) where there is none; -1 unknown
	cr   int // where the CRs before it begin
}

func (l *lines) end() int {
	if l.nl < l.pos {
		if i := bytes.IndexByte(l.data[l.pos:], '\n'); i >= 0 {
			l.nl = l.pos + i
		} else {
			l.nl = len(l.data)
		}
		for l.cr = l.nl; l.cr > l.pos && l.data[l.cr-1] == '\r'; l.cr-- {
		}
	}
	return l.nl
}

// next returns the line at pos without its end, and where the following one begins. A bare CR ends a line too, where what
// follows it is a field: some clients read it so, and a field hidden from us there would not be hidden from them.
func (l *lines) next() (line []byte, after int, bare bool) {
	end := l.end()
	after = min(end+1, len(l.data))
	line = l.data[l.pos:max(l.pos, l.cr)]
	from := 0
	for {
		i := bytes.IndexByte(line[from:], '\r')
		if i < 0 {
			return line, after, false
		}
		i += from
		if colon := colonEnd(line[i+1:]); colon > 0 {
			if i == 0 {
				line = line[1:] // the CR of a line end that was turned around
				l.pos++
				continue
			}
			return line[:i], l.pos + i + 1, true
		}
		from = i + 1
	}
}

// maxName bounds the search for the colon; the longest registered field name has 50 octets.
const maxName = 200

// nameEnd returns the index of the colon if the line begins with a field name (RFC 5322, section 3.6.8), else 0. Spaces before
// the colon are forgiven, as section 4.5 asks, and a colon that is missing behind the name of a MIME field.
func nameEnd(line []byte) int {
	if i := colonEnd(line); i > 0 {
		return i
	}
	for _, n := range []string{"content-type", "content-transfer-encoding", "content-disposition"} {
		if hasPrefixFold(line, n) && len(line) > len(n)+1 && (line[len(n)] == '=' || (line[len(n)] == ' ' || line[len(n)] == '\t') && mimeValue(line[len(n)+1:])) {
			return len(n)
		}
	}
	return 0
}

// mimeValue tells what follows the name of a MIME field from words of a sentence that begins with it.
func mimeValue(v []byte) bool {
	v = bytes.TrimSpace(v)
	word := v
	if i := bytes.IndexAny(v, "; \t"); i >= 0 {
		word = v[:i]
	}
	if _, known := parseEncoding(word); known && len(word) > 0 {
		return true
	}
	return bytes.IndexByte(word, '/') > 0 || bytes.EqualFold(word, []byte("attachment")) || bytes.EqualFold(word, []byte("inline"))
}

func colonEnd(line []byte) int {
	spaced := false
	for i, c := range line {
		switch {
		case c == ':' && i > 0:
			return i
		case c == 0:
			// Passed over, as many readers do.
		case c == ' ' || c == '\t':
			if i == 0 {
				return 0
			}
			spaced = true
		case c < ' ' || c == 0x7f || c == ':' || spaced || i > maxName:
			return 0
		}
	}
	return 0
}

// readHeader reads the fields at the start of data and returns where the body begins. It forgives what some client forgives:
// what it passes over or where it guesses goes to the notes.
func readHeader(data []byte, lim Limits, n *notes) (header, int) {
	var h header
	h.fields = make([]field, 0, 16)
	l := lines{data: data, nl: -1}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) && nameEnd(data[3:min(3+maxName, len(data))]) > 0 {
		n.defect("a byte order mark stands before the header")
		l.pos = 3
	}
	if bytes.HasPrefix(data, []byte("From ")) || bytes.HasPrefix(data, []byte(">From ")) {
		if _, after, _ := l.next(); nameEnd(data[after:min(after+maxName, len(data))]) > 0 {
			n.defect("an mbox From line stands before the header")
			l.pos = after
		}
	}
	for l.pos < len(data) {
		if l.pos > lim.HeaderBytes || len(h.fields) >= lim.Fields {
			n.overBound("the header is larger than is read")
			return h, endOfHeader(data, l.pos)
		}
		line, after, bare := l.next()
		start := l.pos
		if start+len(line) > lim.HeaderBytes {
			n.overBound("the header is larger than is read")
			line = line[:max(1, lim.HeaderBytes-start)]
		}
		if bare {
			n.defect("a bare CR stands in the header")
		}
		if len(line) == 0 {
			return h, after
		}
		if isBlank(line) {
			// Whitespace alone may be a folded line or a broken end of the header; what follows tells.
			if !continues(data, after) {
				n.defect("the header ends with a line of spaces")
				return h, after
			}
			n.defect("a line of spaces stands in the header")
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(h.fields) > 0 {
				f := &h.fields[len(h.fields)-1]
				f.value = extend(data, f.value, line, start)
				l.pos = after
				continue
			}
			trimmed := bytes.TrimLeft(line, " \t")
			if nameEnd(trimmed) == 0 {
				l.pos = after
				continue
			}
			n.defect("the first field of a header is folded")
			line = trimmed
		}
		colon := nameEnd(line)
		if colon == 0 {
			if !continues(data, after) || bytes.HasPrefix(line, []byte("--")) {
				n.defect("no empty line stands between header and body")
				return h, start
			}
			n.defect("a line in the header is not a field")
			// It must not become a part of the field before it when a folded line follows.
			h.fields = append(h.fields, field{value: line})
			l.pos = after
			continue
		}
		name := line[:colon]
		if trimmed := bytes.TrimRight(name, " \t"); len(trimmed) != len(name) {
			n.defect("a space stands between a field's name and its colon")
			name = trimmed
		}
		if bytes.IndexByte(name, 0) >= 0 {
			n.defect("a NUL stands in a field's name")
			name = bytes.ReplaceAll(name, []byte{0}, nil)
		}
		h.fields = append(h.fields, field{name: lowerWord(name), value: line[colon+1:]})
		l.pos = after
	}
	return h, len(data)
}

// extend makes a field's value reach over a folded line. Both lie in data, one behind the other, so that nothing is copied.
func extend(data, value, line []byte, lineStart int) []byte {
	if cap(value) == 0 {
		return line
	}
	begin := cap(data) - cap(value)
	return data[begin : lineStart+len(line)]
}

func isBlank(line []byte) bool { return len(bytes.TrimLeft(line, " \t\r\x00")) == 0 }

// continues reports whether the header goes on at that place: with a field or a folded line, not with the end of the header.
func continues(data []byte, at int) bool {
	if at >= len(data) {
		return false
	}
	rest := data[at:min(at+maxName, len(data))]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return nameEnd(rest) > 0 || len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') && !isBlank(rest)
}

// endOfHeader finds the body of a header that is too large to be read.
func endOfHeader(data []byte, from int) int {
	for {
		rest := data[from:]
		if bytes.HasPrefix(rest, []byte("\r\n")) {
			return from + 2
		}
		if bytes.HasPrefix(rest, []byte("\n")) {
			return from + 1
		}
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return len(data)
		}
		from += i + 1
	}
}

// unfold takes the line ends out of a value (RFC 5322, section 2.2.3). It copies only if there are any.
func unfold(value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 && bytes.IndexByte(value, 0) < 0 {
		return bytes.TrimSpace(value)
	}
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if c != '\r' && c != '\n' && c != 0 {
			out = append(out, c)
		}
	}
	return bytes.TrimSpace(out)
}
