package mailin

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rtfDictionary is what the window of compressed RTF begins with ([MS-OXRTFCP], section 2.1.2.1).
const rtfDictionary = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// maxRTF bounds the octets of one RTF body.
const maxRTF = 10 << 20

// inflateRTF undoes the compression of RTF in TNEF ([MS-OXRTFCP]).
func inflateRTF(b []byte) ([]byte, bool) {
	if len(b) < 16 {
		return nil, false
	}
	raw := binary.LittleEndian.Uint32(b[4:])
	kind := binary.LittleEndian.Uint32(b[8:])
	b = b[16:]
	switch kind {
	case 0x414c454d: // not compressed
		return b[:min(len(b), int(min(raw, maxRTF)))], true
	case 0x75465a4c:
	default:
		return nil, false
	}
	limit := int(min(raw, maxRTF))
	out := make([]byte, 0, min(limit, 8*len(b)+16))
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) & 4095
	}
	for len(b) > 0 && len(out) < limit {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0 && len(out) < limit; bit++ {
			if flags>>bit&1 == 0 {
				put(b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return out, true
			}
			ref := int(b[0])<<8 | int(b[1])
			b = b[2:]
			from, n := ref>>4, ref&15+2
			if from == at {
				return out, true
			}
			for ; n > 0; n-- {
				put(window[from&4095])
				from++
			}
		}
	}
	return out, true
}

// rtfState is what a group of RTF inherits from the one around it.
type rtfState struct {
	skip    bool // its text is not shown
	tag     bool // its text is HTML ([MS-OXRTFEX])
	htmlrtf bool // its text repeats HTML
	uc      int  // characters that stand for a \u
}

// readRTF makes text out of RTF, and gives back the HTML where the RTF was made from HTML. Time is linear.
func readRTF(b []byte) (text, html string) {
	fromHTML := strings.Contains(string(b[:min(len(b), 2000)]), "\\fromhtml")
	var out, page strings.Builder
	var octets []byte // in the code page, not yet decoded
	codepage := "windows-1252"
	state := rtfState{uc: 1}
	var stack []rtfState
	ignored, pending := 0, 0 // groups beyond the bound; characters that stand for a \u
	starred := false
	high := rune(0) // the first half of a character that two \u make (RFC 2781, section 2.1)
	write := func(s string) {
		switch {
		case state.tag:
			page.WriteString(s)
		case state.skip || state.htmlrtf:
		default:
			out.WriteString(s)
			if fromHTML {
				page.WriteString(s)
			}
		}
	}
	flush := func() {
		if len(octets) > 0 {
			write(decodeCharset(octets, codepage, false))
			octets, high = octets[:0], 0
		}
	}
	char := func(c byte) {
		if pending > 0 {
			pending--
			return
		}
		if ignored == 0 {
			octets = append(octets, c)
		}
	}
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case '{':
			flush()
			pending = 0
			if len(stack) < 1000 {
				stack = append(stack, state)
			} else {
				ignored++
			}
			starred = false
			i++
		case '}':
			flush()
			pending = 0
			switch {
			case ignored > 0:
				ignored--
			case len(stack) > 0:
				state = stack[len(stack)-1]
				stack = stack[:len(stack)-1]
			}
			i++
		case '\r', '\n', 0:
			i++
		case '\\':
			if i+1 >= len(b) {
				i++
				continue
			}
			c := b[i+1]
			if !('a' <= c|0x20 && c|0x20 <= 'z') {
				i += 2
				switch c {
				case '\'':
					if i+1 < len(b) && unhex(b[i]) >= 0 && unhex(b[i+1]) >= 0 {
						char(byte(unhex(b[i])<<4 | unhex(b[i+1])))
						i += 2
					}
				case '*':
					starred = true
				case '\\', '{', '}':
					char(c)
				case '~':
					flush()
					write("\u00a0")
				case '_':
					char('-')
				case '\r', '\n':
					flush()
					write("\n")
				}
				continue
			}
			word, number, has, next := rtfWord(b, i+1)
			i = next
			if word != "'" {
				// Octets of one code page are decoded together; a control word ends them.
				flush()
			}
			known := true
			switch word {
			case "htmltag":
				if ignored == 0 {
					state.tag, state.skip, state.htmlrtf = true, true, false
				}
			case "htmlrtf":
				state.htmlrtf = !has || number != 0
			case "ansicpg":
				if l := codepageLabel(uint32(max(number, 0))); l != "" {
					codepage = l
				}
			case "uc":
				state.uc = min(max(number, 0), 10)
			case "u":
				if number < 0 {
					number += 65536
				}
				switch r := rune(number); {
				case utf16.IsSurrogate(r) && r < 0xdc00:
					high = r
				case utf16.IsSurrogate(r):
					if c := utf16.DecodeRune(high, r); c != utf8.RuneError {
						write(string(c))
					}
					high = 0
				case utf8.ValidRune(r) && r > 0:
					high = 0
					write(string(r))
				}
				pending = state.uc
			case "par", "line", "row", "sect", "page":
				write("\n")
			case "tab", "cell":
				write("\t")
			case "emdash":
				write("—")
			case "endash":
				write("–")
			case "bullet":
				write("•")
			case "lquote":
				write("‘")
			case "rquote":
				write("’")
			case "ldblquote":
				write("“")
			case "rdblquote":
				write("”")
			case "bin":
				i = min(len(b), i+max(number, 0))
			case "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "headerl", "headerr", "footerl", "footerr", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl", "themedata", "datastore", "latentstyles", "fldinst", "mhtmltag":
				state.skip, state.tag = true, false
			default:
				known = false
			}
			if starred && !known {
				state.skip, state.tag = true, false
			}
			starred = false
		default:
			char(c)
			i++
		}
	}
	flush()
	if fromHTML {
		html = page.String()
	}
	return strings.TrimLeft(out.String(), "\n"), html
}

// rtfWord reads a control word at i, its number, and the space that ends it.
func rtfWord(b []byte, i int) (word string, number int, has bool, next int) {
	start := i
	for i < len(b) && i < start+32 && 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' {
		i++
	}
	word = string(b[start:i])
	negative := i+1 < len(b) && b[i] == '-' && b[i+1] >= '0' && b[i+1] <= '9'
	if negative {
		i++
	}
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		if number < 1<<28 {
			number = number*10 + int(b[i]-'0')
		}
		has = true
		i++
	}
	if negative {
		number = -number
	}
	if i < len(b) && b[i] == ' ' {
		i++
	}
	return word, number, has, i
}
