package mailin

import (
	"bytes"
	"sort"
)

// source is one run of octets in which parts are looked for: the mail as received, or the decoded content of a part that was
// encoded although it holds parts. It knows its lines that begin with "--", so that finding the parts of a multipart looks
// at those alone, however deep it lies.
type source struct {
	data    []byte
	dashes  []uint32
	indexed bool
	clipped bool
}

// maxDashes bounds the lines that are looked at as boundaries.
const maxDashes = 1 << 20

func (s *source) lines() []uint32 {
	if s.indexed {
		return s.dashes
	}
	s.indexed = true
	if bytes.HasPrefix(s.data, []byte("--")) {
		s.dashes = append(s.dashes, 0)
	}
	for i := 0; ; {
		j := bytes.Index(s.data[i:], []byte("--"))
		if j < 0 {
			break
		}
		i += j
		if i > 0 && (s.data[i-1] == '\n' || s.data[i-1] == '\r') {
			if len(s.dashes) == maxDashes {
				s.clipped = true
				break
			}
			s.dashes = append(s.dashes, uint32(i))
		}
		// Pass over the whole run of dashes: within it no line begins.
		for i++; i < len(s.data) && s.data[i] == '-'; i++ {
		}
	}
	return s.dashes
}

// within returns the lines that begin with "--" in data[lo:hi].
func (s *source) within(lo, hi int) []uint32 {
	d := s.lines()
	from := sort.Search(len(d), func(i int) bool { return int(d[i]) >= lo })
	to := sort.Search(len(d), func(i int) bool { return int(d[i]) >= hi })
	return d[from:to]
}

// delimiter is a line that parts a multipart (RFC 2046, section 5.1.1).
type delimiter struct {
	at    int // where its line begins
	after int // where the next line begins
	close bool
}

// match tells whether the line at p, which begins with "--", is a delimiter of that boundary. loose takes any line that begins with it.
func (s *source) match(p, hi int, boundary []byte, loose bool) (delimiter, bool) {
	if !bytes.HasPrefix(s.data[p+2:hi], boundary) {
		return delimiter{}, false
	}
	i := p + 2 + len(boundary)
	end := i
	for end < hi && end < i+256 && s.data[end] != '\n' && s.data[end] != '\r' {
		end++
	}
	rest := bytes.TrimRight(s.data[i:end], " \t\x00")
	d := delimiter{at: p, after: end}
	lf := end
	for lf < hi && s.data[lf] == '\r' && lf < end+4 {
		lf++ // some gateway made CR CR LF of CR LF
	}
	switch {
	case lf < hi && s.data[lf] == '\n':
		d.after = lf + 1
	case lf > end:
		d.after = end + 1
	}
	switch {
	case len(rest) == 0:
		return d, end == hi || d.after > end
	case bytes.Equal(bytes.TrimLeft(rest, " \t"), []byte("--")):
		d.close = true
		return d, true
	case loose:
		d.close = bytes.HasPrefix(rest, []byte("--"))
		if d.after == end {
			return d, false
		}
		return d, true
	}
	return d, false
}

// segment is where one part lies.
type segment struct{ lo, hi int }

// split finds the parts of data[lo:hi] between lines of that boundary. Parts behind a closing line are found too, as some clients
// show them; what stands before the first line or between a closing line and the next is no part.
func (s *source) split(lo, hi int, boundary []byte, loose bool, limit int) (parts []segment, closed, late bool) {
	open := -1
	for _, p := range s.within(lo, hi) {
		d, ok := s.match(int(p), hi, boundary, loose)
		if !ok {
			continue
		}
		if open >= 0 {
			parts = append(parts, segment{open, beforeEOL(s.data, open, d.at)})
			if len(parts) >= limit {
				return parts, closed, late
			}
		}
		if d.close {
			open, closed = -1, true
			continue
		}
		late = late || closed
		open = d.after
	}
	if open >= 0 {
		parts = append(parts, segment{open, hi})
		closed = false
	}
	return parts, closed, late
}

// longer reports whether lines that only begin with the boundary stand before fields of MIME, as if they parted it too, and no part declares them.
func (s *source) longer(lo, hi int, boundary []byte) bool {
	n := 0
	for _, p := range s.within(lo, hi) {
		if _, strict := s.match(int(p), hi, boundary, false); strict {
			continue
		}
		d, ok := s.match(int(p), hi, boundary, true)
		if !ok || d.close || !hasPrefixFold(s.data[d.after:hi], "content-") {
			continue
		}
		if n++; n > 3 {
			return false
		}
		line := bytes.TrimRight(s.data[int(p)+2:d.after], "\r\n \t")
		if !bytes.Contains(s.data[lo:hi], append([]byte("="), line...)) && !bytes.Contains(s.data[lo:hi], append([]byte("=\""), line...)) {
			return true
		}
	}
	return false
}

// beforeEOL takes off the line end that belongs to the delimiter.
func beforeEOL(data []byte, lo, at int) int {
	if at > lo && data[at-1] == '\n' {
		at--
	}
	if at > lo && data[at-1] == '\r' {
		at--
	}
	return at
}

// guessBoundary finds what parts data[lo:hi] where the header does not say: a line of "--" and a word, with a field of MIME on the
// next line.
func (s *source) guessBoundary(lo, hi int, onlyFirst bool) []byte {
	for n, p := range s.within(lo, hi) {
		if n > 200 {
			break
		}
		if onlyFirst && !isBlankText(s.data[lo:p]) {
			break
		}
		line, rest, ok := bytes.Cut(s.data[p+2:min(int(p)+300, hi)], []byte("\n"))
		line = bytes.TrimRight(line, "\r \t")
		if ok && (len(line) > 0 || !onlyFirst) && len(line) <= 200 && hasPrefixFold(rest, "content-") {
			return line
		}
	}
	return nil
}

func isBlankText(b []byte) bool {
	return len(bytes.TrimLeft(b[:min(len(b), 1000)], " \t\r\n")) == 0 && len(b) <= 1000
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}
