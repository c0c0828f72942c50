package sender

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"regexp"
)

// relaxedField appends a field in the relaxed form (RFC 6376, section 3.4.2): the name in lower case, folds taken out, runs of white space as
// one space, and none at the ends of the value.
func relaxedField(dst, raw []byte) []byte {
	name, value, _ := bytes.Cut(raw, []byte{':'})
	dst = append(dst, bytes.ToLower(bytes.TrimRight(name, " \t"))...)
	dst = append(dst, ':')
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

// canonicalField appends a field in the relaxed or in the simple form, which is as it is.
func canonicalField(dst, raw []byte, relaxed bool) []byte {
	if relaxed {
		return relaxedField(dst, raw)
	}
	return append(dst, raw...)
}

var signatureValue = regexp.MustCompile(`((?:^|[;:])[ \t\r\n]*b[ \t\r\n]*=)[^;]*`)

// unsigned returns a signature field without the value of b= (RFC 6376, section 3.5).
func unsigned(raw []byte) []byte {
	return signatureValue.ReplaceAll(bytes.TrimRight(raw, "\r\n"), []byte("$1"))
}

// bodyHash returns the SHA-256 sum of a body in relaxed or simple form (RFC 6376, sections 3.4.3 and 3.4.4), without a copy of it.
func bodyHash(body []byte, relaxed bool) [32]byte {
	h := sha256.New()
	for end := true; end && len(body) > 0; {
		body, end = bytes.CutSuffix(body, []byte("\r\n"))
	}
	if relaxed {
		relaxedBody(h, body)
	} else {
		h.Write(body)
		h.Write([]byte("\r\n"))
	}
	return [32]byte(h.Sum(nil))
}

// relaxedBody writes the lines of a body that does not end in an empty line, without its last line end.
func relaxedBody(h hash.Hash, body []byte) {
	buf := make([]byte, 0, 4<<10)
	blank := 0 // empty lines that count only if something follows
	written := false
	for len(body) > 0 {
		line, rest, ended := bytes.Cut(body, []byte("\r\n"))
		body = rest
		line = bytes.TrimRight(line, " \t")
		if len(line) == 0 {
			blank++
			continue
		}
		for ; blank > 0; blank-- {
			buf = flushed(h, append(buf, '\r', '\n'))
		}
		space := false
		for _, c := range line {
			if c == ' ' || c == '\t' {
				space = true
				continue
			}
			if space {
				buf = append(buf, ' ')
				space = false
			}
			buf = flushed(h, append(buf, c))
		}
		buf = append(buf, '\r', '\n')
		written = true
		if !ended {
			break
		}
	}
	if written {
		h.Write(buf)
	}
}

// flushed writes a buffer once it is nearly full.
func flushed(h hash.Hash, buf []byte) []byte {
	if len(buf) < cap(buf)-8 {
		return buf
	}
	h.Write(buf)
	return buf[:0]
}
