package mailin

import (
	"bytes"
	"encoding/binary"
)

// binhexFile is a file in the encoding that programs of the Macintosh put into texts (RFC 1741, appendix A). Its resource fork is left out.
type binhexFile struct {
	name    string
	content []byte
}

var binhexMark = []byte("(This file must be converted with BinHex")

// binhexValue maps an octet to its six bits, or 255.
var binhexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr") {
		t[c] = byte(i)
	}
	return t
}()

// maxBinHex bounds the beginnings in one text that are tried.
const maxBinHex = 20

// cutBinHex takes the file in BinHex that begins at b[at:] out of a text. Whatever runs of one octet it announces, it has at most limit octets; ok is false
// where there is none, or where it is cut short or longer, and the content then what was read so far.
func cutBinHex(b []byte, at int, limit int64) (f binhexFile, after int, ok bool) {
	start := nextLine(b, at)
	open := bytes.IndexByte(b[start:], ':')
	if open < 0 || len(bytes.TrimSpace(b[start:start+open])) > 0 {
		return f, 0, false
	}
	r := binhexReader{b: b, i: start + open + 1, limit: 300}
	n := int(r.octet())
	head := r.take(int64(n) + 1 + 4 + 4 + 2 + 4 + 4 + 2)
	if r.fail || n == 0 || n > 63 {
		return f, 0, false
	}
	size := int64(binary.BigEndian.Uint32(head[n+11:]))
	r.limit = limit
	f.name = decodeCharset(head[:n], "macintosh", false)
	if f.content = r.take(size); r.fail {
		return f, 0, false
	}
	// The checksum and the other fork follow, up to the second colon.
	end := len(b)
	if i := bytes.IndexByte(b[r.i:], ':'); i >= 0 {
		end = nextLine(b, r.i+i)
	}
	return f, end, true
}

// binhexReader takes octets out of the lines of BinHex: six bits of each character, then runs undone.
type binhexReader struct {
	b     []byte
	i     int
	acc   uint32
	bits  int
	last  byte
	run   int // how often the last octet is still to come
	limit int64
	fail  bool
}

// six returns the next octet before runs are undone.
func (r *binhexReader) six() byte {
	for r.bits < 8 {
		if r.i >= len(r.b) || r.b[r.i] == ':' {
			r.fail = true
			return 0
		}
		c := r.b[r.i]
		r.i++
		switch v := binhexValue[c]; {
		case v != 255:
			r.acc = r.acc<<6 | uint32(v)
			r.bits += 6
		case c > ' ':
			r.fail = true
			return 0
		}
	}
	r.bits -= 8
	return byte(r.acc >> r.bits)
}

func (r *binhexReader) octet() byte {
	if r.run > 0 {
		r.run--
		return r.last
	}
	c := r.six()
	if c != 0x90 {
		r.last = c
		return c
	}
	switch n := r.six(); {
	case n == 0:
		r.last = c
	case n >= 2:
		r.run = int(n) - 2 // the octet itself was one, this is the second
	}
	return r.last
}

func (r *binhexReader) take(n int64) []byte {
	if n > r.limit {
		r.fail = true
		return nil
	}
	out := make([]byte, 0, min(n, int64(len(r.b))))
	for ; n > 0 && !r.fail; n-- {
		out = append(out, r.octet())
	}
	return out
}

// binhex lists the files that stand in BinHex in a content, and returns what is left of that as text.
func (w *walker) binhex(e *entity, content []byte) []byte {
	var rest []byte
	from := 0 // where to look on
	kept := 0 // what is before it stands in rest already
	for range maxBinHex {
		at := lineIndex(content[from:], binhexMark)
		if at < 0 {
			break
		}
		at += from
		f, after, ok := cutBinHex(content, at, w.lim.Decoded-w.decoded)
		if !w.spend(len(f.content)) || !ok { // what cannot be used was decoded all the same
			from = nextLine(content, at)
			continue
		}
		w.add(&entity{place: e.place}, mediaType{main: typeByName(f.name)}, f.name, f.content)
		rest = append(rest, content[kept:at]...)
		from, kept = after, after
	}
	if kept == 0 {
		return content
	}
	return append(rest, content[kept:]...)
}
