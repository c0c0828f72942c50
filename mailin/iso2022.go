package mailin

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charSet is what an escape sequence of ISO 2022 switches to.
type charSet int

const (
	setASCII charSet = iota
	setKatakana
	setJIS0208
	setJIS0212
	setGB2312
	setKSC5601
	setUnknown // two octets for each character, of a set that is not known
)

// escapes are the sequences of ISO-2022-JP, -JP-1, -JP-2, -JP-3, -KR and -CN (RFC 1468, 2237, 1554, 1557, 1922).
var escapes = []struct {
	seq string
	set charSet
	g1  bool // for use behind a shift out
}{
	{"(B", setASCII, false},
	{"(J", setASCII, false},
	{"(H", setASCII, false},
	{"(I", setKatakana, false},
	{"$@", setJIS0208, false},
	{"$B", setJIS0208, false},
	{"$(B", setJIS0208, false},
	{"$(@", setJIS0208, false},
	{"$(D", setJIS0212, false},
	{"$(O", setJIS0208, false},
	{"$(Q", setJIS0208, false},
	{"$(P", setUnknown, false},
	{"$A", setGB2312, false},
	{"$(A", setGB2312, false},
	{"$(C", setKSC5601, false},
	{"$)C", setKSC5601, true},
	{"$)A", setGB2312, true},
	{"$)G", setUnknown, true},
	{"$)E", setUnknown, true},
}

// lostEscapes tells text that a relay took the escapes out of from words that hold the same signs: behind "$B" stand whole pairs of octets, and no
// space, up to "(B" or "(J".
func lostEscapes(b []byte) bool {
	for {
		_, rest, ok := bytes.Cut(b, []byte("$B"))
		if !ok {
			return false
		}
		n := 0
		for n+1 < len(rest) && rest[n] > ' ' && rest[n] < 0x7f && rest[n+1] > ' ' && rest[n+1] < 0x7f {
			if n > 0 && rest[n] == '(' && (rest[n+1] == 'B' || rest[n+1] == 'J') {
				return true
			}
			n += 2
		}
		b = rest[n:]
	}
}

// decodeISO2022 reads text that switches its character set by escape sequences. Each line begins anew in ASCII, whatever the one before forgot to end.
func decodeISO2022(b []byte, label string) string {
	if bytes.IndexByte(b, 0x1b) < 0 && strings.HasPrefix(label, "iso-2022-jp") && lostEscapes(b) {
		// A relay took the escapes out.
		for _, seq := range []string{"$B", "(B", "(J"} {
			b = bytes.ReplaceAll(b, []byte(seq), []byte("\x1b"+seq))
		}
	}
	g0, g1, shifted := setASCII, setKSC5601, false
	switch {
	case strings.HasPrefix(label, "iso-2022-jp"):
		g1 = setKatakana
	case strings.HasPrefix(label, "iso-2022-cn"):
		g1 = setGB2312
	}
	decoders := map[charSet]*encoding.Decoder{}
	var out strings.Builder
	out.Grow(len(b))
	var run []byte // characters of two octets that were not yet decoded
	var runSet charSet
	flush := func() {
		if len(run) == 0 {
			return
		}
		d := decoders[runSet]
		if d == nil {
			switch runSet {
			case setGB2312:
				d = simplifiedchinese.GB18030.NewDecoder()
			case setKSC5601:
				d = korean.EUCKR.NewDecoder()
			default:
				d = japanese.EUCJP.NewDecoder()
			}
			decoders[runSet] = d
		}
		if s, err := d.Bytes(run); err == nil {
			out.Write(s)
		}
		run = run[:0]
	}
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c == 0x1b:
			flush()
			i++
			found := false
			for _, e := range escapes {
				if bytes.HasPrefix(b[i:], []byte(e.seq)) {
					if e.g1 {
						g1 = e.set
					} else {
						g0, shifted = e.set, false
					}
					i += len(e.seq)
					found = true
					break
				}
			}
			if !found && i+1 < len(b) && (b[i] == '&' || b[i] == '.' || b[i] == '*') {
				i += 2 // announcers, and sets that are hardly used
			}
			continue
		case c == 0x0e:
			flush()
			shifted = true
			i++
			continue
		case c == 0x0f:
			flush()
			shifted = false
			i++
			continue
		case c == '\n':
			flush()
			g0, shifted = setASCII, false
			out.WriteByte(c)
			i++
			continue
		}
		set := g0
		if shifted {
			set = g1
		}
		switch {
		case c >= 0xa1 && c <= 0xdf && (set == setASCII || set == setKatakana) && g1 == setKatakana:
			flush()
			out.WriteRune(rune(c) - 0xa1 + 0xff61) // half-width in eight bits
			i++
		case c >= utf8.RuneSelf:
			flush()
			r, n := utf8.DecodeRune(b[i:])
			out.WriteRune(r)
			i += n
		case set == setKatakana && c > ' ' && c < 0x60:
			flush()
			out.WriteRune(rune(c) - 0x21 + 0xff61)
			i++
		case set == setASCII || set == setKatakana || c <= ' ' || c == 0x7f:
			flush()
			out.WriteByte(c)
			i++
		case i+1 >= len(b) || b[i+1] <= ' ' || b[i+1] >= 0x7f:
			flush()
			out.WriteRune(utf8.RuneError) // half a character
			i++
		case set == setUnknown:
			flush()
			out.WriteRune(utf8.RuneError)
			i += 2
		default:
			if runSet != set {
				flush()
				runSet = set
			}
			if set == setJIS0212 {
				run = append(run, 0x8f)
			}
			run = append(run, c|0x80, b[i+1]|0x80)
			i += 2
		}
	}
	flush()
	return out.String()
}
