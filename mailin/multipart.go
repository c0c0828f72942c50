package mailin

import (
	"bytes"
	"strings"
)

// multipart reads the parts of e. It reports false where there are none.
func (w *walker) multipart(e *entity, t mediaType, encs []transfer) ([]piece, bool) {
	files := len(w.attachments)
	plain, ok := w.parted(e, t, false)
	if ok && (len(w.attachments) > files || w.foreign > 0) {
		return plain, true
	}
	// A multipart must not be encoded (RFC 2045, section 6.4), but some are, even behind parts in the clear.
	for _, enc := range encs {
		if enc == encNone {
			continue
		}
		if ok && enc == encQP && !bytes.Contains(e.body(), []byte("=2D")) && !bytes.Contains(e.body(), []byte("=2d")) && !bytes.Contains(e.body(), []byte("--=")) {
			continue // no line between parts is encoded
		}
		b, _, whole := w.decode(e.body(), enc)
		if !whole {
			return plain, true
		}
		inner := &entity{source: &source{data: b}, place: e.place, header: e.header, lo: 0, hi: len(b)}
		if ok {
			w.several++
		}
		ps, found := w.parted(inner, t, false)
		if !found {
			ps, found = w.parted(inner, t, true)
		}
		if ok {
			w.several--
		}
		if found {
			w.defect("a multipart is encoded")
			return firstPieces(plain, ps), true
		}
	}
	if !ok {
		return w.parted(e, t, true)
	}
	return plain, ok
}

// parted reads the parts of e between lines of a boundary: those that its field declares, or what looks like one. It reports false where there are none.
func (w *walker) parted(e *entity, t mediaType, guess bool) ([]piece, bool) {
	var candidates [][]byte
	if !guess {
		candidates = t.boundaries()
	}
	var out []piece
	found := 0
	try := func(b []byte, loose bool) {
		w.work += len(e.within(e.lo, e.hi)) + 1
		if w.work > maxWork {
			w.overBound("it has more lines that look like boundaries than are read")
			return
		}
		parts, closed, late := e.split(e.lo, e.hi, b, loose, w.lim.Parts)
		if len(parts) == 0 {
			return
		}
		if found++; found > 1 {
			w.defect("a multipart has several boundaries")
			w.several++
			defer func() { w.several-- }()
		}
		if late {
			w.defect("parts stand behind the end of a multipart")
		} else if !closed {
			w.defect("a multipart does not end")
		}
		out = firstPieces(out, w.siblings(e, t, parts))
		// Files from before MIME may stand outside of the parts.
		_, files := w.cutUU(e.data[e.lo:parts[0].lo])
		w.attachUU(e, files)
		if closed {
			_, files = w.cutUU(e.data[parts[len(parts)-1].hi:e.hi])
			w.attachUU(e, files)
		}
	}
	for _, b := range candidates {
		before := found
		if try(b, false); found > before && w.several < 3 && w.mayLook(e.hi-e.lo) && e.longer(e.lo, e.hi, b) {
			try(b, true)
		}
	}
	if found == 0 {
		for _, b := range candidates {
			if try(b, true); found > 0 {
				w.defect("the lines between parts are malformed")
				break
			}
		}
	}
	if guess {
		if b := e.guessBoundary(e.lo, e.hi, false); b != nil {
			if try(b, false); found > 0 {
				w.defect("the boundary between parts is not the declared one")
			}
		}
	}
	if e.clipped {
		w.overBound("it has more lines that look like boundaries than are read")
	}
	return out, found > 0
}

// maxLooks bounds the octets that are searched for what few mails hold.
const maxLooks = 64 << 20

func (w *walker) mayLook(n int) bool {
	w.looked += n
	return w.looked <= maxLooks
}

// siblings reads the parts of one multipart and joins what they show.
func (w *walker) siblings(e *entity, t mediaType, parts []segment) []piece {
	kind := t.main
	if e.top && w.foreign == 0 {
		w.topType = kind
	}
	var all []piece
	var alternative piece
	start := strings.Trim(t.text("start"), "<> ") // RFC 2387, section 3.2
	shown := false
	for i, seg := range parts {
		at := place{depth: e.depth + 1, parent: kind, index: i}
		if kind == "multipart/related" && i < 20 {
			at.root = start == "" && !shown || start != "" && bytes.Contains(e.data[seg.lo:min(seg.hi, seg.lo+2048)], []byte(start))
		}
		ps := w.part(e.source, seg.lo, seg.hi, at)
		shown = shown || len(ps) > 0
		if kind != "multipart/alternative" {
			all = append(all, ps...)
			continue
		}
		// Alternatives say the same in rising order of fidelity (RFC 2046, section 5.1.4): the first text, the last HTML.
		text, html := w.joinPieces(ps)
		switch {
		case alternative.text == "":
			alternative.text = text
		case html == "" && i < 8 && saysMore(alternative.text, text):
			// A client that takes the last one shows what the first one doesn't say.
			alternative.text = strings.TrimRight(alternative.text, "\n") + "\n\n" + text
		}
		if html != "" {
			alternative.html = html
		}
		if w.over != "" && w.parts > w.lim.Parts {
			break
		}
	}
	if kind == "multipart/alternative" {
		return []piece{alternative}
	}
	return all
}

// saysMore reports whether a text has words that another one has not, leaving white space aside.
func saysMore(have, text string) bool {
	if len(have) > 1<<20 || len(text) > 1<<20 {
		return false
	}
	return !strings.Contains(spaced(have), spaced(text))
}
