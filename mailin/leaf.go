package mailin

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"letterlock/mailin/report"
)

// leaves reads a part that holds no parts, once for each transfer encoding that it claims.
func (w *walker) leaves(e *entity, t mediaType, encs []transfer) []piece {
	var out []piece
	for _, enc := range likeliest(e.body(), encs) {
		out = firstPieces(out, w.leaf(e, t, enc))
	}
	return out
}

// likeliest puts the encoding that the octets look like before the others that fields claim.
func likeliest(raw []byte, encs []transfer) []transfer {
	if len(encs) < 2 {
		return encs
	}
	first := encQP // what it leaves alone is the same in the clear
	if slices.Contains(encs, encBase64) && (beginsBase64(raw) || isWhollyBase64(raw)) {
		first = encBase64
	}
	i := slices.Index(encs, first)
	if i < 0 || first == encQP && encs[0] != encNone {
		return encs
	}
	return append([]transfer{first}, slices.Delete(slices.Clone(encs), i, i+1)...)
}

// leaf reads a part that holds no parts, as text for the body, as an attachment, or both.
func (w *walker) leaf(e *entity, t mediaType, enc transfer) []piece {
	raw := e.body()
	isText := t.main == "text/plain" || t.main == "text/html" || t.main == "text/enriched" || t.main == "text/richtext"
	declared := enc
	enc = w.trueEncoding(raw, enc, isText)
	content, first, ok := w.decode(raw, enc)
	if !ok {
		return nil
	}
	if enc == encUU {
		if _, files := w.cutUU(raw); len(files) > 1 {
			defer w.attachUU(e, files[1:]) // content is the first one
		}
	}
	name := w.filename(e, t)
	inline, attached := w.disposition(e)
	if report.IsPart(t.main) && w.foreign == 0 && bytes.IndexByte(content, 0) < 0 {
		if kept := w.report(t.main, content); !kept || name != "" || attached {
			// A report's part needs no name: this may be a file that calls itself one.
			w.attach(e, t, name, content, first)
		}
		return nil
	}
	if w.foreign == 0 && (!isText || attached || name != "") && report.IsStatus(content) {
		w.report(report.LooseStatus, content)
	}
	if ps, ok := w.special(e, t, name, content); ok {
		return ps
	}
	if enc == encBase64 && declared != encBase64 && !isText {
		defer w.add(e, t, name, raw) // a key or a checksum is meant as it came
	}
	if t.main == "text/calendar" && w.foreign == 0 && (w.spare == nil || isBlankString(w.spare.text) && isBlankString(w.spare.html)) {
		w.spare = &piece{text: invitation(content, t.text("charset"))}
	}
	if w.spare == nil && w.foreign == 0 && name == "" && !attached {
		w.spare = w.unusual(e, t, content)
	}
	if strings.HasSuffix(strings.ToLower(name), ".eml") && isMessage(content) {
		// Opened, it shows its files as a message/rfc822 does.
		w.attach(e, t, name, content, first)
		w.foreign++
		w.part(&source{data: content}, 0, len(content), place{depth: e.depth + 1, parent: "message/rfc822"})
		w.foreign--
		return nil
	}
	if !isText {
		w.binhex(e, content) // beside the file as it came, which is what others show
	}
	if !isText || attached || e.parent == "multipart/related" && !e.root && e.index > 0 && e.has("content-id") {
		w.attach(e, t, name, content, first)
		return nil
	}
	if looksBinary(content, t) && lineIndex(content, []byte("=ybegin ")) < 0 {
		w.defect("a text part holds no text")
		if t.main = "application/octet-stream"; len(content) > 0 {
			w.attach(e, t, name, content, first)
		}
		return nil
	}
	if name != "" {
		// Some clients show such a part in the body, some as a file, some as both. The first text is the letter even so.
		w.attach(e, t, name, content, first)
		if !inline && e.index > 0 {
			_, files := w.cutUU(content)
			w.attachUU(e, files)
			return nil
		}
	}
	if w.foreign > 0 {
		_, files := w.cutUU(content)
		w.attachUU(e, files)
		return nil
	}
	if e.parent == "multipart/alternative" && e.index > 0 && (t.main == "text/enriched" || t.main == "text/richtext") {
		return nil // the same once more
	}
	if t.main != "text/html" && enc == encNone {
		w.stray(e)
	}
	return []piece{w.text(e, t, content)}
}

// unusual makes text of a part that is a file to most clients, and the letter itself where the mail has no other text: RTF, and subtypes of text that nobody
// knows (RFC 2046, section 4.1.4).
func (w *walker) unusual(e *entity, t mediaType, content []byte) *piece {
	if len(content) > w.lim.Text {
		return nil
	}
	switch t.main {
	case "text/rtf", "application/rtf":
		text, html := readRTF(content)
		return &piece{text: text, html: html}
	case "text/htm", "text/xhtml", "application/xhtml+xml":
		return &piece{html: decodeLines(content, t.text("charset"), true)}
	case "text/plain", "text/html", "text/enriched", "text/richtext", "text/calendar", "text/csv", "text/vcard", "text/x-vcard", "text/directory", "text/css", "text/javascript", "text/x-amp-html":
		return nil
	}
	// A whole mail of no type that can be read is text as well (RFC 2045, section 5.2).
	if !strings.HasPrefix(t.main, "text/") && !(e.top && t.main == "application/octet-stream") || looksBinary(content, t) {
		return nil
	}
	return &piece{text: decodeLines(content, t.text("charset"), false)}
}

// stray lists the files of parts that stand in a text which nothing declares to have parts, as where a relay lost the header. The text stays as it is.
func (w *walker) stray(e *entity) {
	if len(e.within(e.lo, e.hi)) == 0 || !w.mayLook(e.hi-e.lo) {
		return
	}
	b := e.guessBoundary(e.lo, e.hi, false)
	if len(b) == 0 {
		return
	}
	w.several++
	w.foreign++
	in := &entity{source: e.source, place: place{depth: e.depth + 1, parent: "multipart/mixed"}, lo: e.lo, hi: e.hi}
	w.parted(in, mediaType{main: "multipart/mixed", params: []param{{name: "boundary", value: b, section: -1}}}, false)
	w.several--
	w.foreign--
}

// isMessage reports whether content begins with a header of a mail.
func isMessage(b []byte) bool {
	h, _ := readHeader(b[:min(len(b), 16<<10)], DefaultLimits(), &notes{})
	return len(h.fields) > 1 && (h.has("from") || h.has("received") || h.has("content-type")) && (h.has("subject") || h.has("date") || h.has("to") || h.has("content-type"))
}

// trueEncoding corrects an encoding that the content belies.
func (w *walker) trueEncoding(raw []byte, enc transfer, isText bool) transfer {
	switch {
	case enc == encBase64 && isProse(raw) && !beginsBase64(raw):
		w.defect("a part is not base64 although it says so")
		return encNone
	case (enc == encNone || enc == encQP) && mayBeBase64(raw, isText) && isWhollyBase64(raw):
		if isText {
			b, _ := decodeBase64(raw[:min(len(raw), 2048)])
			if !utf8.Valid(b[:max(0, len(b)-4)]) || looksBinary(b, mediaType{}) {
				return enc
			}
		}
		w.defect("a part is base64 and does not say so")
		return encBase64
	}
	return enc
}

// beginsBase64 reports whether the first line is base64 and no word: above a footer, it is the content.
func beginsBase64(b []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(b, "\r\n"), []byte("\n"))
	line = bytes.TrimRight(line, "\r \t")
	if len(line) < 16 || len(line)%4 != 0 {
		return false
	}
	for i, c := range line {
		if v := base64Value[c]; v == 255 || v == 64 && i < len(line)-2 {
			return false
		}
	}
	return true
}

// isProse tells words from base64: base64 has no spaces within its lines.
func isProse(b []byte) bool {
	b = bytes.TrimSpace(b[:min(len(b), 4096)])
	spaces, strange := 0, 0
	for i, c := range b {
		switch {
		case c == ' ' && i > 0 && b[i-1] > ' ':
			spaces++
		case base64Value[c] == 255 && c > ' ':
			strange++
		}
	}
	if strange == 0 && spaces > 0 && evenWords(b) {
		return false
	}
	return len(b) > 0 && (spaces*12 > len(b) || strange*3 > len(b))
}

// evenWords reports whether the words of each line have one length, the last one aside: groups of base64, not prose.
func evenWords(b []byte) bool {
	for line := range bytes.Lines(b) {
		words := bytes.Fields(line)
		for i := 1; i < len(words)-1; i++ {
			if len(words[i]) != len(words[0]) {
				return false
			}
		}
	}
	return true
}

// decode undoes a transfer encoding within the bound on decoded octets. first is not zero if some readers see only so much of it.
func (w *walker) decode(raw []byte, enc transfer) (content []byte, first int, ok bool) {
	estimate := int64(len(raw))
	if enc == encBase64 || enc == encUU {
		estimate = estimate * 3 / 4
	}
	if w.decoded+estimate > w.lim.Decoded {
		w.overBound("its decoded content is larger than is read")
		return nil, 0, false
	}
	w.decoded += estimate
	switch enc {
	case encBase64:
		content, first = decodeBase64(plainAlphabet(withoutFooter(raw)))
	case encQP:
		content = decodeQP(raw)
	case encUU:
		content = decodeUU(raw)
	default:
		content = raw
	}
	return content, first, true
}

// withoutFooter cuts off a footer that a list or scanner put in clear text below base64: what follows an empty line and is no base64, or a line of two
// dashes or underscores. Two dashes are as well the boundary of a multipart that is over.
func withoutFooter(b []byte) []byte {
	lead := len(b) - len(bytes.TrimLeft(b, "\r\n"))
	for at, n := lead, 0; n < 20; n++ {
		i := bytes.Index(b[at:], []byte("\n--"))
		if j := bytes.Index(b[at:], []byte("\n__")); j >= 0 && (i < 0 || j < i) {
			i = j
		}
		if i < 0 || n == 0 && urlAlphabet(b[lead:at+i]) {
			break
		}
		if at += i + 1; !moreBase64(b[nextLine(b, at):]) {
			b = b[:at]
			break
		}
	}
	for _, empty := range []string{"\n\r\n", "\n\n"} {
		if i := bytes.Index(b[lead:], []byte(empty)); i >= 0 && !moreBase64(b[lead+i:]) {
			return b[:lead+i+1]
		}
	}
	return b
}

// urlAlphabet reports whether base64 has a sign of the alphabet for URLs near its beginning.
func urlAlphabet(b []byte) bool { return bytes.ContainsAny(b[:min(len(b), 2048)], "-_") }

// attach lists a file, and once more the shorter form that readers see who stop at the first padding of base64.
func (w *walker) attach(e *entity, t mediaType, name string, content []byte, first int) {
	w.add(e, t, name, content)
	if first > 0 && first < len(content) {
		w.defect("base64 goes on behind its end")
		w.add(e, t, name, content[:first:first])
	}
}

// cutUU takes the files out of a text, and says so if there may be more of them.
func (w *walker) cutUU(b []byte) (text []byte, files []uuFile) {
	text, files = cutUU(b)
	if len(files) == maxUU {
		w.overBound("a text holds more files than are read")
	}
	return text, files
}

func (w *walker) attachUU(e *entity, files []uuFile) {
	for _, f := range files {
		w.add(&entity{place: e.place}, mediaType{main: typeByName(f.name)}, f.name, f.content)
	}
}

// text makes a piece of the body out of a text part.
func (w *walker) text(e *entity, t mediaType, content []byte) piece {
	if len(content) > w.lim.Text {
		w.overBound("its text is longer than is read")
		content = content[:w.lim.Text]
	}
	if w.textRead += len(content); w.textRead > 2*w.lim.Text {
		w.overBound("its text is longer than is read")
		return piece{}
	}
	html := t.main == "text/html"
	if !html {
		var files []uuFile
		if content, files = w.cutUU(content); len(files) > 0 {
			w.attachUU(e, files)
		}
		content = w.binhex(e, content)
		var blocks []pgpBlock
		content, blocks = cutPGP(content)
		for _, b := range blocks {
			w.add(&entity{place: e.place}, mediaType{main: b.mediaType}, b.name, b.content)
		}
	}
	s := decodeLines(content, t.text("charset"), html)
	if html {
		return piece{html: s}
	}
	if t.main != "text/plain" {
		s = plainEnriched(s)
	} else if strings.EqualFold(t.text("format"), "flowed") {
		s = unflow(s, strings.EqualFold(t.text("delsp"), "yes"))
	}
	return piece{text: s}
}

// newlines makes every line end a LF.
func newlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	s = strings.ReplaceAll(s, "\r\r\n", "\n") // some gateway made CR CR LF of CR LF
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.ReplaceAll(s, "\r", "\n")
}

// looksBinary reports whether content that is said to be text is none: control characters that no text has, and no sign of a charset
// that would explain them.
func looksBinary(b []byte, t mediaType) bool {
	if stateful(cleanLabel(t.text("charset"))) {
		return false
	}
	b = b[:min(len(b), 8192)]
	if wideOctets(b) != "" {
		return false
	}
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return false
	}
	bad := 0
	for i := control(b, 0); i < len(b); i = control(b, i+1) {
		switch b[i] {
		case '\n', '\r', '\t', '\f', 0x1b, 0x0e, 0x0f, 0x1a:
		default:
			bad++
		}
	}
	return bad > 2 && bad*20 > len(b)
}

// joinPieces puts pieces together: as text and as HTML. Where some piece has HTML, text of the others joins it in its place.
func (w *walker) joinPieces(ps []piece) (text, html string) {
	if len(ps) == 1 {
		return ps[0].text, ps[0].html
	}
	anyHTML, anyText := false, false
	for _, p := range ps {
		anyHTML = anyHTML || p.html != ""
		anyText = anyText || strings.TrimSpace(p.text) != ""
	}
	var t, h strings.Builder
	for _, p := range ps {
		switch {
		case strings.TrimSpace(p.text) != "":
			joinText(&t, p.text)
		case anyText && p.html != "":
			joinText(&t, w.htmlText(p.html))
		}
		if anyHTML {
			if p.html != "" {
				h.WriteString(p.html)
			} else if strings.TrimSpace(p.text) != "" {
				h.WriteString(textHTML(p.text))
			}
			h.WriteByte('\n')
		}
	}
	return t.String(), strings.TrimSuffix(h.String(), "\n")
}

func joinText(b *strings.Builder, s string) {
	if b.Len() > 0 && s != "" {
		b.WriteString("\n")
	}
	b.WriteString(s)
	if !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
}
