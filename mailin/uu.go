package mailin

import (
	"bytes"
	"strings"
)

// uuFile is a file that stood uuencoded in a text.
type uuFile struct {
	name    string
	content []byte
}

// maxUU bounds the files of one text.
const maxUU = 100

// cutUU takes uuencoded files out of a text: "begin 644 name", lines whose first octet tells their length, "end"; and those in the
// two other encodings that stood in texts before MIME, "begin-base64" and yEnc. What only looks like a beginning stays text. Time is linear.
func cutUU(b []byte) (text []byte, files []uuFile) {
	if !bytes.Contains(b, []byte("begin")) {
		return b, nil
	}
	starts, ends := 0, -1 // for yEnc: whether an end is still to come
	var out []byte
	kept := 0
	for i := 0; i < len(b) && len(files) < maxUU; {
		next := nextLine(b, i)
		line := b[i:next]
		if len(line) > 1 && line[0] == '=' && bytes.HasPrefix(line, []byte("=ybegin ")) {
			if starts++; ends < i && starts < 1000 {
				if ends = bytes.Index(b[next:], []byte("\n=yend")); ends < 0 {
					ends = len(b) + 1
				} else {
					ends += next
				}
			}
			size := len(b)
			if _, v, ok := bytes.Cut(line, []byte(" size=")); ok && ends > len(b) {
				// Cut short: what it says of itself is the bound.
				v, _, _ = bytes.Cut(bytes.TrimSpace(v), []byte(" "))
				if n, ok := number(string(v), 9); ok {
					size, ends = n, len(b)
				}
			}
			if ends <= len(b) && ends > i {
				content, after := decodeYEnc(b, next, ends)
				out = append(out, b[kept:i]...)
				files = append(files, uuFile{yName(line), content[:min(len(content), size)]})
				kept, i = after, after
				continue
			}
		}
		if name, ok := base64Begin(line); ok {
			if content, after, ok := decodeBase64Lines(b, next); ok {
				out = append(out, b[kept:i]...)
				files = append(files, uuFile{name, content})
				kept, i = after, after
				continue
			}
		}
		name, ok := uuBegin(line)
		if !ok {
			i = next
			continue
		}
		content, after, ok := decodeUULines(b, next, true)
		if !ok {
			// Nothing that lies between can be a file's lines, except a beginning of its own.
			i = next
			continue
		}
		out = append(out, b[kept:i]...)
		kept, i = after, after
		files = append(files, uuFile{name, content})
	}
	if len(files) == 0 {
		return b, nil
	}
	return append(out, b[kept:]...), files
}

func nextLine(b []byte, i int) int {
	if j := bytes.IndexByte(b[i:], '\n'); j >= 0 {
		return i + j + 1
	}
	return len(b)
}

func uuBegin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin "))
	if !ok {
		return "", false
	}
	rest = bytes.TrimSpace(rest)
	mode, file, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 6 || len(bytes.Trim(mode, "01234567")) > 0 {
		return "", false
	}
	name = strings.TrimSpace(decodeRaw(file))
	if len(name) > 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	return name, true
}

// decodeUULines decodes lines up to "end". strict wants every line to be whole, as is needed where a text may only look like a file; there, what stands
// below a full line is the end too, since no words look like one.
func decodeUULines(b []byte, i int, strict bool) (content []byte, after int, ok bool) {
	n, full := 0, false
	for i < len(b) {
		next := nextLine(b, i)
		line := bytes.TrimRight(b[i:next], "\r\n")
		switch {
		case bytes.Equal(bytes.TrimSpace(line), []byte("end")):
			return content, next, n > 0 || !strict
		case len(bytes.TrimSpace(line)) == 0 || len(line) == 1 && (line[0] == '`' || line[0] == ' '):
			i = next
			continue
		}
		size := int(line[0]-' ') & 63
		need := (size + 2) / 3 * 4
		// Trailing spaces may have been lost on the way, and an encoder may add a checksum.
		if line[0] < ' ' || line[0] > '`' || size == 0 || size > 45 || len(line)-1 > need+2 || strict && len(line)-1 < need-3 {
			return content, i, n > 0 && (!strict || full)
		}
		full = full || size == 45 && len(line) >= 61
		content = appendUU(content, line[1:], size)
		n++
		i = next
	}
	return content, i, n > 0
}

func appendUU(out, line []byte, size int) []byte {
	at := func(i int) byte {
		if i < len(line) {
			return (line[i] - ' ') & 63
		}
		return 0
	}
	for i := 0; size > 0; i += 4 {
		three := [3]byte{at(i)<<2 | at(i+1)>>4, at(i+1)<<4 | at(i+2)>>2, at(i+2)<<6 | at(i+3)}
		n := min(size, 3)
		out = append(out, three[:n]...)
		size -= n
	}
	return out
}

// decodeUU decodes a body whose transfer encoding is uuencode.
func decodeUU(b []byte) []byte {
	if _, files := cutUU(b); len(files) > 0 {
		return files[0].content
	}
	i := bytes.Index(b, []byte("begin "))
	if i < 0 {
		// Only the lines of the file, since a field has its name.
		if content, _, ok := decodeUULines(b, 0, true); ok {
			return content
		}
		return b
	}
	content, _, _ := decodeUULines(b, nextLine(b, i), false)
	return content
}

// base64Begin reads "begin-base64 644 name" (uuencode -m of POSIX).
func base64Begin(line []byte) (name string, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("begin-base64 "))
	if !ok {
		return "", false
	}
	return uuBegin(append([]byte("begin "), rest...))
}

// decodeBase64Lines decodes lines of base64 up to "====". Anything else among them makes it no file.
func decodeBase64Lines(b []byte, i int) (content []byte, after int, ok bool) {
	start := i
	for i < len(b) {
		next := nextLine(b, i)
		line := bytes.TrimSpace(b[i:next])
		if bytes.Equal(line, []byte("====")) {
			content, _ = decodeBase64(b[start:i])
			return content, next, i > start
		}
		for _, c := range line {
			if base64Value[c] == 255 {
				return nil, i, false
			}
		}
		i = next
	}
	return nil, i, false
}

func yName(line []byte) string {
	_, name, _ := bytes.Cut(line, []byte(" name="))
	return strings.TrimSpace(decodeRaw(bytes.TrimSpace(name)))
}

// decodeYEnc decodes the lines of b[i:end], and returns where the line of its end is over.
func decodeYEnc(b []byte, i, end int) (content []byte, after int) {
	if bytes.HasPrefix(b[i:], []byte("=ypart ")) {
		i = nextLine(b, i)
	}
	content = make([]byte, 0, max(0, end-i))
	for ; i < end; i++ {
		switch c := b[i]; c {
		case '\r', '\n':
		case '=':
			if i++; i < end {
				content = append(content, b[i]-64-42)
			}
		default:
			content = append(content, c-42)
		}
	}
	return content, nextLine(b, min(len(b), end+1))
}
