package sender

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// What is read of a header. Mail of people has a tenth of that; beyond it nothing that the header says is believed.
const (
	maxEvidence = 256 << 10 // octets
	maxFields   = 1000
	maxFolded   = 16 << 10 // octets of one field
	maxFolds    = 500      // lines of one field
)

// header is the header of a mail as a strict reader sees it.
type header struct {
	fields []headerField
	body   int    // where the body begins
	odd    string // what other readers may see differently, so that no signature over it is believed; empty if nothing
	hidden string // a From field that some readers see and others don't; empty if there is none
}

// headerField is one field: its name in lower case, and all of it as written, with its line ends.
type headerField struct {
	name  string
	raw   []byte
	colon int
	folds int
}

// value is what stands behind the colon, still folded.
func (f headerField) value() []byte { return f.raw[f.colon+1:] }

// readHeader reads the fields up to the first empty line (RFC 5322, section 2.1). It forgives nothing, and goes on where others might.
func readHeader(raw []byte) header {
	var h header
	h.hidden = hiddenBreak(raw)
	for at := 0; ; {
		if at == len(raw) {
			h.body = at
			return h
		}
		if at > maxEvidence || len(h.fields) > maxFields {
			h.strange("the header is larger than is read")
			h.body = len(raw)
			return h
		}
		start := at
		line := raw[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		at += len(line)
		text, ok := bytes.CutSuffix(line, []byte("\r\n"))
		if !ok {
			text = bytes.TrimRight(line, "\r\n")
			h.strange("a line of the header does not end in CR LF")
		}
		if len(text) == 0 {
			h.body = at
			return h
		}
		if bytes.IndexByte(text, '\r') >= 0 || bytes.IndexByte(text, 0) >= 0 {
			h.strange("the header has a bare CR or a NUL")
		}
		if text[0] == ' ' || text[0] == '\t' {
			h.fold(raw, text, start, at)
			continue
		}
		colon := bytes.IndexByte(text, ':')
		if colon <= 0 {
			h.strange("the header has a line that is no field")
			h.looksLikeFrom(text)
			continue
		}
		name := text[:colon]
		for _, c := range name {
			if c <= ' ' || c >= 0x7f {
				h.strange("the name of a header field has a character that none has")
				h.looksLikeFrom(name)
				break
			}
		}
		h.fields = append(h.fields, headerField{name: lowerName(name), raw: raw[start:at], colon: colon})
	}
}

// fold adds a folded line to the last field, of which it is a part in place.
func (h *header) fold(raw, text []byte, start, end int) {
	if len(bytes.TrimLeft(text, " \t")) == 0 {
		h.strange("the header has a line of spaces, which ends it for some")
	}
	if len(h.fields) == 0 {
		h.strange("the header begins with a folded line")
		h.looksLikeFrom(text)
		return
	}
	last := &h.fields[len(h.fields)-1]
	begin := start - len(last.raw)
	if begin < 0 || &raw[begin] != &last.raw[0] {
		h.strange("the header has a line that is no field") // the one before
		return
	}
	last.raw = raw[begin:end]
	if last.folds++; last.folds > maxFolds || len(last.raw) > maxFolded {
		h.strange("a field of the header is longer than is read")
	}
}

func (h *header) strange(why string) {
	if h.odd == "" {
		h.odd = why
	}
}

// looksLikeFrom notes what is "From" once all that is not a letter is taken out of it, as "From :" and " From".
func (h *header) looksLikeFrom(name []byte) {
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	var letters [5]byte
	n := 0
	for _, c := range name[:min(len(name), 200)] {
		if c |= 0x20; 'a' <= c && c <= 'z' && n < len(letters) {
			letters[n] = c
			n++
		}
	}
	if string(letters[:n]) == "from" && h.hidden == "" {
		h.hidden = "the header has something that is a From field to some programs only"
	}
}

// hiddenBreak finds a From field behind what ends a line to some programs: vertical tab, form feed, the separators of ASCII, NEL, and Unicode's
// line and paragraph separators.
func hiddenBreak(raw []byte) string {
	if i := bytes.Index(raw, []byte("\r\n\r\n")); i >= 0 {
		raw = raw[:i]
	}
	raw = raw[:min(len(raw), maxEvidence)]
	for i := 0; i < len(raw); {
		if c := raw[i]; c < utf8.RuneSelf && c != '\v' && c != '\f' && (c < 0x1c || c > 0x1e) && c != '\r' {
			i++
			continue
		}
		r, size := utf8.DecodeRune(raw[i:])
		i += size
		switch r {
		case '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029, '\r':
		case utf8.RuneError:
			if size != 1 || raw[i-1] != 0x85 { // NEL in ISO 8859
				continue
			}
		default:
			continue
		}
		rest := bytes.TrimLeft(raw[i:min(len(raw), i+80)], " \t\v\f\r")
		if len(rest) > 4 && bytes.EqualFold(rest[:4], []byte("from")) && bytes.HasPrefix(bytes.TrimLeft(rest[4:], " \t\x00"), []byte(":")) {
			return "a From field hides behind what ends a line to some programs"
		}
	}
	return ""
}

// fieldNames spares an allocation for the fields that nearly every mail has.
var fieldNames = func() map[string]string {
	m := map[string]string{}
	for n := range strings.FieldsSeq(`from to cc sender reply-to subject date message-id in-reply-to references received return-path
		delivered-to mime-version content-type content-transfer-encoding content-language dkim-signature authentication-results
		received-spf arc-seal arc-message-signature arc-authentication-results user-agent x-mailer x-received`) {
		m[n] = n
	}
	return m
}()

func lowerName(b []byte) string {
	var buf [40]byte
	if len(b) > len(buf) {
		return strings.ToLower(string(b))
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	if n, ok := fieldNames[string(buf[:len(b)])]; ok {
		return n
	}
	return string(buf[:len(b)])
}

// count returns how many fields have a name, given in lower case.
func (h *header) count(name string) int {
	n := 0
	for i := range h.fields {
		if h.fields[i].name == name {
			n++
		}
	}
	return n
}

// all returns the fields of a name, at most so many of them.
func (h *header) all(name string, limit int) []headerField {
	var list []headerField
	for _, f := range h.fields {
		if f.name == name && len(list) < limit {
			list = append(list, f)
		}
	}
	return list
}

// single are the fields that a mail has at most once (RFC 5322, section 3.6; RFC 2045). Of two, a signature may cover one and a
// reader show the other.
var single = []string{
	"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
	"mime-version", "content-type", "content-transfer-encoding", "content-disposition", "content-id",
}

// doubled returns the first of the fields in single that is there more often than a signature over these names covers.
func (h *header) doubled(signed []string) string {
	for _, name := range single {
		n := h.count(name)
		if n < 2 {
			continue
		}
		for _, s := range signed {
			if strings.EqualFold(s, name) {
				n--
			}
		}
		if n > 0 {
			return name
		}
	}
	return ""
}
