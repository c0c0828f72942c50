package mailin

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"letterlock/bridge"
	"letterlock/mailin/report"
)

// piece is a stretch of the body: what one text part, or one set of alternatives, shows.
type piece struct {
	text, html string
}

// walker goes through the parts of one mail and gathers its body and its attachments.
//
// Mail programs disagree on what malformed MIME means, and an attachment that is hidden from a reader but shown by somebody's client is a
// way in. So where a part can be read in more than one way it is read in each, and every attachment that comes out is
// listed; the body is what the likeliest reading gives. Bounds on parts, work and decoded octets hold over all readings together.
type walker struct {
	notes
	lim     Limits
	parts   int
	decoded int64
	work    int
	looked  int
	// textRead counts the octets of text parts, in every reading of them.
	textRead int

	attachments []bridge.MailPart
	inside      []bool // for each attachment: it lies in a message inside the mail
	reports     []report.Part
	foreign     int // above 0 inside a message/rfc822 part: its text is not ours
	several     int // above 0 inside a part that is read in more than one way
	topType     string
	inner       bool // the mail was carried by another one
	cleaned     *cleaned
	spare       *piece // the text of a TNEF part or an invitation, for a mail that has no other
}

// maxWork bounds the lines compared with boundaries, over all parts and readings.
const maxWork = 20 << 20

// maxReadings bounds how many values of a repeated field are tried.
const maxReadings = 6

// place is where a part stands.
type place struct {
	depth  int
	parent string // media type of the multipart around it; empty at the top
	index  int    // among its siblings
	root   bool   // nothing before it in a multipart/related shows, or its parent names it as what the others belong to
	top    bool
}

// entity is a part whose header was read.
type entity struct {
	*source
	place
	header
	lo, hi int // its body
}

func (e *entity) body() []byte { return e.data[e.lo:e.hi:e.hi] }

// part reads the part at data[lo:hi].
func (w *walker) part(s *source, lo, hi int, at place) []piece {
	if w.parts++; w.parts > w.lim.Parts {
		w.overBound("it has more parts than are read")
		return nil
	}
	if at.depth > w.lim.Depth {
		w.overBound("its parts are nested deeper than is read")
		return nil
	}
	h, skip := readHeader(s.data[lo:hi:hi], w.lim, &w.notes)
	if w.several > 0 && !w.spend(skip) {
		return nil // readings multiply with the depth
	}
	e := &entity{source: s, place: at, header: h, lo: lo + skip, hi: hi}
	if len(h.fields) == 0 && !at.top {
		// An empty line too many before the part's fields.
		rest := e.body()
		trimmed := bytes.TrimLeft(rest, "\r\n \t")
		if hasPrefixFold(trimmed, "content-") && nameEnd(trimmed[:min(len(trimmed), maxName)]) > 0 {
			w.defect("an empty line stands before the fields of a part")
			at.depth++
			return w.part(s, hi-len(trimmed), hi, at)
		}
	}
	return w.entity(e)
}

func (w *walker) entity(e *entity) []piece {
	types := w.types(e)
	encs := w.encodings(e)
	if len(types) > 1 || len(encs) > 1 {
		w.several++
		defer func() { w.several-- }()
	}
	var out []piece
	for _, t := range types {
		var ps []piece
		switch {
		case t.isMultipart() || hasParam(&t, "boundary"):
			var ok bool
			if ps, ok = w.multipart(e, t, encs); !ok {
				if t.isMultipart() {
					w.defect("a multipart has no parts")
					t.main = "text/plain"
				}
				ps = w.leaves(e, t, encs)
			}
		case t.main == "message/rfc822" || t.main == "message/global" || t.main == "message/news" || t.main == "text/rfc822" || t.main == "message/partial" && t.text("number") == "1":
			for _, enc := range encs {
				ps = firstPieces(ps, w.message(e, t, enc))
			}
		default:
			if b := w.guess(e, t); b != nil {
				w.defect("parts stand where the header names none")
				t := mediaType{main: "multipart/mixed", params: []param{{name: "boundary", value: b, section: -1}}}
				if ps, ok := w.multipart(e, t, encs); ok {
					out = firstPieces(out, ps)
					continue
				}
			}
			ps = w.leaves(e, t, encs)
		}
		out = firstPieces(out, ps)
	}
	return out
}

// guess finds a boundary in a body whose header lost its Content-Type.
func (w *walker) guess(e *entity, t mediaType) []byte {
	if !e.top && !strings.HasPrefix(e.parent, "message/") || e.has("content-type") && t.main != "" && t.main != "text/plain" {
		return nil
	}
	b := e.guessBoundary(e.lo, e.hi, true)
	if b == nil || e.has("content-type") && !(w.mayLook(e.hi-e.lo) && bytes.Contains(e.body(), append([]byte("\n--"), append(slices.Clip(b), "--"...)...))) {
		return nil
	}
	return b
}

// firstPieces keeps the body of the likeliest reading.
func firstPieces(have, more []piece) []piece {
	for _, p := range have {
		if p.text != "" || p.html != "" {
			return have
		}
	}
	return more
}

func hasParam(m *mediaType, name string) bool {
	for i := range m.params {
		if m.params[i].name == name {
			return true
		}
	}
	return false
}

// types returns every media type that the part's fields claim, the first first.
func (w *walker) types(e *entity) []mediaType {
	values := e.all("content-type")
	if len(values) == 0 {
		if e.parent == "multipart/digest" {
			return []mediaType{{main: "message/rfc822"}}
		}
		return []mediaType{{main: "text/plain"}}
	}
	var list []mediaType
	var read [][]byte // not those that were passed over: the last one may repeat one of them
	for i, v := range values {
		v = bytes.TrimSpace(v)
		if slices.ContainsFunc(read, func(o []byte) bool { return bytes.Equal(o, v) }) {
			w.defect("a Content-Type field is repeated")
			continue
		}
		if len(list) >= maxReadings-1 && i < len(values)-1 {
			w.defect("there are more Content-Type fields than are read")
			continue // the last one is what some readers take
		}
		read = append(read, v)
		if i := bytes.IndexByte(v, 0); i > 0 {
			// Some readers end at a NUL where others pass over it.
			if t := parseMedia(v[:i]); strings.Contains(t.main, "/") {
				list = append(list, t)
			}
		}
		t := parseMedia(v)
		switch t.main {
		case "text", "plain", "plain/text":
			t.main = "text/plain"
		case "html":
			t.main = "text/html"
		case "multipart", "mixed":
			t.main = "multipart/mixed"
		}
		if !strings.Contains(t.main, "/") {
			w.defect("a Content-Type field cannot be read")
			if t.main = "text/plain"; strings.TrimSpace(string(v)) != "" && !hasParam(&t, "charset") {
				t.main = "application/octet-stream"
			}
			if hasParam(&t, "boundary") {
				t.main = "multipart/mixed"
			}
		}
		list = append(list, t)
	}
	if len(list) > 1 {
		w.defect("several Content-Type fields contradict each other")
	}
	return list
}

// encodings returns every transfer encoding that the part's fields claim.
func (w *walker) encodings(e *entity) []transfer {
	values := e.all("content-transfer-encoding")
	if len(values) == 0 {
		return []transfer{encNone}
	}
	var list []transfer
	for _, v := range values {
		enc, known := parseEncoding(v)
		if !known {
			w.defect("a Content-Transfer-Encoding is not a known one")
		}
		if !slices.Contains(list, enc) {
			list = append(list, enc)
		}
	}
	if len(list) > 1 {
		w.defect("several Content-Transfer-Encoding fields contradict each other")
	}
	return list
}

// message reads a message inside the mail: it is an attachment, and so is every file that it holds, since the clients that open
// it in place show them.
func (w *walker) message(e *entity, t mediaType, enc transfer) []piece {
	body, src, lo, hi := e.body(), e.source, e.lo, e.hi
	if enc == encBase64 || enc == encQP {
		if b, _, ok := w.decode(body, enc); ok {
			if h, _ := readHeader(b, w.lim, &notes{}); len(h.fields) > 1 {
				body, src, lo, hi = b, &source{data: b}, 0, len(b)
			} else if raw, _ := readHeader(body, w.lim, &notes{}); len(raw.fields) < 2 && len(b) > 0 {
				return w.leaf(e, t, enc) // it is no message, read either way
			}
		}
	}
	var n notes
	h, _ := readHeader(body, w.lim, &n)
	name := w.filename(e, t)
	if name == "" {
		if name = h.text("subject"); name != "" {
			name += ".eml"
		}
	}
	w.report("message/rfc822", body)
	if w.foreign < 2 && (w.several == 0 || w.spend(len(body))) {
		// One deeper is inside one that is listed; hashing it again at each depth would cost the square of the size.
		w.add(e, t, name, body)
	}
	w.foreign++
	w.part(src, lo, hi, place{depth: e.depth + 1, parent: t.main})
	w.foreign--
	return nil
}

// report keeps a part for reading it as a report, and says whether it did.
func (w *walker) report(kind string, content []byte) (kept bool) {
	if w.foreign > 0 || w.several > 0 || len(w.reports) >= 50 {
		return false
	}
	w.reports = append(w.reports, report.Part{Type: kind, Content: content})
	return true
}

// add lists an attachment.
func (w *walker) add(e *entity, t mediaType, name string, content []byte) {
	if len(w.attachments) >= w.lim.Parts {
		w.overBound("it has more parts than are read") // one text may hold many files
		return
	}
	a := bridge.MailPart{ContentType: cleanType(t.main), Content: content, SHA256: sha256.Sum256(content)}
	if w.several > 0 {
		// Another reading of the same part.
		for i := range w.attachments {
			if have := &w.attachments[i]; have.SHA256 == a.SHA256 && (have.Filename == Filename(name, a.ContentType, i+1) || name == "") {
				return
			}
		}
	}
	a.ContentID = contentID(e.first("content-id"))
	inline, attachment := w.disposition(e)
	a.Inline = !attachment && (inline || a.ContentID != "" && e.parent == "multipart/related")
	a.Filename = Filename(name, a.ContentType, len(w.attachments)+1)
	w.attachments = append(w.attachments, a)
	w.inside = append(w.inside, w.foreign > 0)
}

func contentID(v []byte) string {
	return clipText(oneLine(string(bytes.Trim(unfold(v), "<> \t"))), 256)
}

// cleanType makes a media type safe to write anywhere.
func cleanType(s string) string {
	major, minor, ok := strings.Cut(s, "/")
	if !ok || len(s) > 100 || !isToken(major) || !isToken(minor) {
		return "application/octet-stream"
	}
	return s
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// disposition reads the Content-Disposition fields. If any says attachment, it is one; a word that nobody knows means the same
// (RFC 2183, section 2.8).
func (w *walker) disposition(e *entity) (inline, attachment bool) {
	values := e.all("content-disposition")
	for i, v := range values {
		switch d := parseMedia(v); d.main {
		case "inline", "form-data":
			inline = true
		case "":
		default:
			attachment = true
		}
		if i == 1 && !bytes.Equal(bytes.TrimSpace(values[0]), bytes.TrimSpace(v)) {
			w.defect("several Content-Disposition fields contradict each other")
		}
	}
	return inline, attachment
}

// filename returns the name that the part's fields give it, as written, or "".
func (w *walker) filename(e *entity, t mediaType) string {
	for _, v := range e.all("content-disposition") {
		d := parseMedia(v)
		if s := d.text("filename"); s != "" {
			return s
		}
		if s := d.text("name"); s != "" {
			return s
		}
	}
	if s := t.text("name"); s != "" {
		return s
	}
	if s := t.text("filename"); s != "" {
		return s
	}
	values := e.all("content-type")
	if len(values) == 1 && bytes.IndexByte(values[0], 0) < 0 {
		return "" // t is what it says
	}
	for _, v := range values {
		o := parseMedia(v)
		if s := o.text("name"); s != "" {
			return s
		}
	}
	return ""
}
