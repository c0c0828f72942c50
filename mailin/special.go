package mailin

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// special reads parts that are containers of a kind of their own: TNEF, opaque S/MIME signatures, AppleSingle. It reports false for what is none.
func (w *walker) special(e *entity, t mediaType, name string, content []byte) ([]piece, bool) {
	low := strings.ToLower(name)
	switch {
	case isTNEF(content):
		return nil, w.tnef(e, content)
	case t.main == "application/pkcs7-mime" || t.main == "application/x-pkcs7-mime" || strings.HasSuffix(low, ".p7m"):
		inner, ok := signedContent(content)
		if !ok || !w.spend(len(inner)) {
			return nil, false
		}
		// The clients that can read it show what is inside in its place.
		return w.part(&source{data: inner}, 0, len(inner), place{depth: e.depth + 1, parent: t.main, index: e.index, top: false}), true
	case bytes.HasPrefix(content, appleSingle):
		fork, realName, ok := appleFork(content)
		if !ok {
			return nil, false
		}
		if realName == "" {
			realName = name
		}
		w.add(e, mediaType{main: typeByName(realName)}, realName, fork)
		return nil, true
	}
	return nil, false
}

// spend takes decoded octets from what one mail may have.
func (w *walker) spend(n int) bool {
	if w.decoded+int64(n) > w.lim.Decoded {
		w.overBound("its decoded content is larger than is read")
		return false
	}
	w.decoded += int64(n)
	return true
}

// tnef lists the files of a TNEF part, and keeps its text in case the mail has no other. It reports whether the part itself is used up.
func (w *walker) tnef(e *entity, content []byte) bool {
	if !w.spend(len(content)) {
		return false
	}
	room := w.lim.Decoded - w.decoded
	m, ok := readTNEF(content, 0, &room)
	if w.decoded = w.lim.Decoded - max(room, 0); room < 0 {
		w.overBound("its decoded content is larger than is read")
	}
	if !ok {
		return false
	}
	for _, f := range m.files {
		if w.parts++; w.parts > w.lim.Parts {
			w.overBound("it has more parts than are read")
			return false
		}
		t := mediaType{main: f.mediaType}
		if !strings.Contains(t.main, "/") {
			t.main = typeByName(f.name)
		}
		in := &entity{place: place{parent: "application/ms-tnef"}}
		if f.contentID != "" {
			in.fields = []field{{name: "content-id", value: []byte(f.contentID)}}
			in.parent = "multipart/related"
		}
		w.add(in, t, f.name, f.content)
	}
	if w.foreign == 0 && w.spare == nil {
		w.spare = &piece{text: newlines(m.text), html: newlines(m.html)}
	}
	if !m.whole {
		w.defect("a TNEF part cannot be read to its end")
	}
	return m.whole
}

var appleSingle = []byte{0x00, 0x05, 0x16, 0x00}

// appleFork returns the data fork of an AppleSingle file, and its name (RFC 1740, appendix A).
func appleFork(b []byte) (fork []byte, name string, ok bool) {
	if len(b) < 26 {
		return nil, "", false
	}
	n := min(int(binary.BigEndian.Uint16(b[24:])), 50)
	for i := range n {
		at := 26 + 12*i
		if at+12 > len(b) {
			break
		}
		id, lo, size := binary.BigEndian.Uint32(b[at:]), int64(binary.BigEndian.Uint32(b[at+4:])), int64(binary.BigEndian.Uint32(b[at+8:]))
		if lo > int64(len(b)) {
			continue
		}
		part := b[lo:min(int64(len(b)), lo+size)]
		switch id {
		case 1:
			fork, ok = slices.Clip(part), true
		case 3:
			name = decodeCharset(part[:min(len(part), 255)], "", false)
		}
	}
	return fork, name, ok
}

// maxCalendar bounds the octets of an invitation that are read for its summary.
const maxCalendar = 256 << 10

// invitation makes one readable line of an iCalendar object (RFC 5545).
func invitation(b []byte, charset string) string {
	s := decodeLines(b[:min(len(b), maxCalendar)], charset, false)
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\n ", ""), "\n\t", "")
	values := map[string]string{}
	event := false
	for line := range strings.Lines(s) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(strings.ToUpper(name), ";")
		if name == "BEGIN" {
			event = event || strings.EqualFold(value, "VEVENT") || strings.EqualFold(value, "VTODO")
			continue
		}
		if _, there := values[name]; !there && (event || name == "METHOD") && len(value) < 2000 {
			values[name] = strings.NewReplacer(`\n`, " ", `\N`, " ", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
		}
	}
	what := "Calendar entry"
	switch strings.ToUpper(values["METHOD"]) {
	case "REQUEST":
		what = "Invitation"
	case "CANCEL":
		what = "Cancelled"
	case "REPLY":
		what = "Answer to an invitation"
	}
	if !event {
		return ""
	}
	line := what
	if v := values["SUMMARY"]; v != "" {
		line += ": " + v
	}
	if v := calendarTime(values["DTSTART"]); v != "" {
		line += ", " + v
		if v := calendarTime(values["DTEND"]); v != "" {
			line += " to " + v
		}
	}
	if v := values["LOCATION"]; v != "" {
		line += ", " + v
	}
	return oneLine(line) + "\n"
}

// calendarTime makes 20261120T081500Z readable.
func calendarTime(v string) string {
	if len(v) < 8 || strings.Trim(v[:8], "0123456789") != "" {
		return ""
	}
	s := v[:4] + "-" + v[4:6] + "-" + v[6:8]
	if len(v) >= 13 && v[8] == 'T' {
		s += " " + v[9:11] + ":" + v[11:13]
		if strings.HasSuffix(v, "Z") {
			s += " UTC"
		}
	}
	return s
}

// plainEnriched makes text of text/enriched (RFC 1896) or text/richtext (RFC 1341): commands fall away, single line ends too.
func plainEnriched(s string) string {
	var out strings.Builder
	out.Grow(len(s))
	nofill, hidden := 0, 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '<' && strings.HasPrefix(s[i:], "<<"):
			out.WriteByte('<')
			i += 2
		case c == '<':
			end := strings.IndexByte(s[i:min(len(s), i+70)], '>')
			if end < 0 {
				out.WriteByte(c)
				i++
				continue
			}
			switch strings.ToLower(s[i+1 : i+end]) {
			case "param", "comment":
				hidden++
			case "/param", "/comment":
				hidden = max(0, hidden-1)
			case "nofill", "verbatim":
				nofill++
			case "/nofill", "/verbatim":
				nofill = max(0, nofill-1)
			case "nl", "np":
				out.WriteByte('\n')
			case "lt":
				out.WriteByte('<')
			}
			i += end + 1
		case c == '\n' && nofill == 0:
			n := 0
			for i < len(s) && s[i] == '\n' {
				n++
				i++
			}
			if hidden == 0 {
				if n == 1 {
					out.WriteByte(' ')
				}
				out.WriteString(strings.Repeat("\n", n-1))
			}
		default:
			if hidden == 0 {
				out.WriteByte(c)
			}
			i++
		}
	}
	return out.String()
}
