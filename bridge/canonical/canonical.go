// Package canonical brings mail into the forms over which its signatures are made and verified (RFC 6376, section 3.4), which DKIM and ARC (RFC 8617)
// have in common: the relaxed ones and the simple ones, of fields and of bodies.
//
// It takes any octets, works through them once and keeps no copy of a body. It knows nothing of signatures, keys or who asks.
package canonical

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// Field appends a field in the relaxed form, or in the simple one, in which it is as it is. The field begins with its name and ends with its line end, if it has one.
func Field(dst, field []byte, relaxed bool) []byte {
	if relaxed {
		return RelaxedField(dst, field)
	}
	return append(dst, field...)
}

// RelaxedField appends a field in the relaxed form (RFC 6376, section 3.4.2): the name in lower case, folds taken out, runs of white space as
// one space, and none at the ends of the value. It ends with CRLF, whether the field does or not.
func RelaxedField(dst, field []byte) []byte {
	name, value, _ := bytes.Cut(field, []byte{':'})
	dst = append(append(dst, bytes.ToLower(bytes.TrimRight(name, " \t"))...), ':')
	start, space := len(dst), false
	for _, c := range value {
		switch c {
		case '\r', '\n':
		case ' ', '\t':
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		}
	}
	return append(dst, '\r', '\n')
}

// SimpleBody returns the SHA-256 sum of a body in the simple form (RFC 6376, section 3.4.3).
func SimpleBody(body []byte) [sha256.Size]byte {
	for end := true; end && len(body) > 0; {
		body, end = bytes.CutSuffix(body, crlf)
	}
	h := sha256.New()
	h.Write(body)
	h.Write(crlf)
	return [sha256.Size]byte(h.Sum(nil))
}

// RelaxedBody returns the SHA-256 sum of a body in the relaxed form (RFC 6376, section 3.4.4), and whether it consists of lines that all end in CRLF, with
// no CR and no LF elsewhere. Where it does not, those count as any other octet, and another reader may see other lines.
//
// Lines that are in the form already, as all of base64 and nearly all of quoted-printable are, go into the sum as they are, many at once.
func RelaxedBody(body []byte) (sum [sha256.Size]byte, clean bool) {
	h := sha256.New()
	clean = true
	run, blank := 0, 0 // where what waits for the sum begins; how many empty lines wait for one that is not
	var small [512]byte
	for at := 0; at < len(body); {
		text, next, whole := line(body, at)
		clean = clean && whole && bytes.IndexByte(text, '\r') < 0
		if len(text) > 0 && blank == 0 && next-at > len(text) && isRelaxed(text) {
			at = next
			continue
		}
		h.Write(body[run:at])
		if text = bytes.TrimRight(text, " \t"); len(text) == 0 {
			blank++
		} else {
			for ; blank > 0; blank-- {
				h.Write(crlf)
			}
			relaxedLine(h, small[:0], text)
		}
		at, run = next, next
	}
	h.Write(body[run:])
	return [sha256.Size]byte(h.Sum(nil)), clean
}

var crlf = []byte("\r\n")

// line returns the line that begins at an octet, and where the next one begins. It is whole if it ends in CRLF and has no other LF.
func line(body []byte, at int) (text []byte, next int, whole bool) {
	for from := at; ; {
		end := bytes.IndexByte(body[from:], '\n')
		if end < 0 {
			return body[at:], len(body), false
		}
		if end += from; end > at && body[end-1] == '\r' {
			return body[at : end-1], end + 1, from == at
		}
		from = end + 1
	}
}

// isRelaxed reports whether the relaxed form of a line that is not empty is the line.
func isRelaxed(line []byte) bool {
	if bytes.IndexByte(line, '\t') >= 0 || line[len(line)-1] == ' ' {
		return false
	}
	for {
		at := bytes.IndexByte(line, ' ')
		if at < 0 {
			return true
		}
		if line[at+1] == ' ' { // the last octet is none
			return false
		}
		line = line[at+1:]
	}
}

// relaxedLine writes a line without white space at its end, with runs of it as one space, and CRLF after it. Buf is what it may use.
func relaxedLine(h hash.Hash, buf, line []byte) {
	space := false
	for _, c := range line {
		if c == ' ' || c == '\t' {
			space = true
			continue
		}
		if len(buf) > cap(buf)-4 { // a space, this octet and CRLF
			h.Write(buf)
			buf = buf[:0]
		}
		if space {
			buf = append(buf, ' ')
			space = false
		}
		buf = append(buf, c)
	}
	h.Write(append(buf, crlf...))
}
