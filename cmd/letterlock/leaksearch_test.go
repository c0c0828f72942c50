package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// haystack is all that somebody who has a mail can read in it, in lower case, and where to look first.
type haystack struct {
	text  string
	fours map[[4]rune]bool // each four letters that follow each other
}

// newHaystack spreads out what was overheard: as it came, and decoded in every way that MIME knows and in some that it does not.
func newHaystack(all ...string) *haystack {
	var b strings.Builder
	for _, one := range all {
		b.WriteString(strings.ToLower(one))
		b.WriteByte('\n')
	}
	h := &haystack{text: b.String(), fours: map[[4]rune]bool{}}
	var last [4]rune
	n := 0
	for _, r := range h.text {
		copy(last[:], last[1:])
		last[3] = r
		if n++; !isTokenRune(r) {
			n = 0
		}
		if n >= 4 {
			h.fours[last] = true
		}
	}
	return h
}

// holds reports whether a token, which is in lower case, is there, in the midst of a word too.
func (h *haystack) holds(token string) bool {
	var first [4]rune
	n := 0
	for _, r := range token {
		if first[n] = r; n == 3 {
			break
		}
		n++
	}
	return h.fours[first] && strings.Contains(h.text, token)
}

// isTokenRune reports whether a rune belongs to a word: letters and the marks that stand on them.
func isTokenRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) }

// tokens returns the words of four or more letters, in lower case. Where a script sets no spaces, any four letters count as one, since nobody can tell
// where words begin.
func tokens(text string) []string {
	var all []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !isTokenRune(r) }) {
		letters := []rune(w)
		if len(letters) < 4 {
			continue
		}
		if !unicode.In(letters[0], unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai) {
			all = append(all, w)
			continue
		}
		for i := range len(letters) - 3 {
			all = append(all, string(letters[i:i+4]))
		}
	}
	return all
}

var (
	tag          = regexp.MustCompile(`<[^>]*>`)
	base64Run    = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)
	hexRun       = regexp.MustCompile(`(?:[0-9A-Fa-f]{2}){8,}`)
	percentRun   = regexp.MustCompile(`(?:[\w.%+-]*%[0-9A-Fa-f]{2}[\w.%+-]*)+`)
	continuation = regexp.MustCompile(`(?s)(name)\*\d+\*?=([^;\r\n]*);?\s*`)
	xtextRun     = regexp.MustCompile(`\+([0-9A-F]{2})`)
)

// spread returns what was overheard in every form that somebody could read.
func spread(tb testing.TB, m overheard) []string {
	tb.Helper()
	data := strings.ReplaceAll("\r\n"+m.data, "\r\n..", "\r\n.")[2:]
	all := []string{m.said, data}
	read, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		tb.Fatalf("read a mail: %v\n%s", err, data)
	}
	all = append(all, readFields(textproto.MIMEHeader(read.Header))...)
	all = append(all, readPart(tb, textproto.MIMEHeader(read.Header), read.Body, 0)...)
	// And whatever else may be folded up in it, whether anything says so or not.
	unfolded := strings.NewReplacer("\r\n ", "", "\r\n\t", "", "=\r\n", "", "\r\n", "").Replace(data) + "\n" + m.said
	all = append(all, unfolded)
	for _, run := range base64Run.FindAllString(unfolded, -1) {
		for cut := range 4 {
			if cut >= len(run) {
				break
			}
			part := strings.NewReplacer("-", "+", "_", "/").Replace(run[cut:])
			if decoded, err := base64.RawStdEncoding.DecodeString(part[:len(part)/4*4]); err == nil {
				all = append(all, strings.ToValidUTF8(string(decoded), " "))
			}
		}
	}
	for _, run := range hexRun.FindAllString(unfolded, -1) {
		if decoded, err := hex.DecodeString(run[:len(run)/2*2]); err == nil {
			all = append(all, strings.ToValidUTF8(string(decoded), " "))
		}
	}
	if decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(data))); err == nil {
		all = append(all, strings.ToValidUTF8(string(decoded), " "))
	}
	xtext := xtextRun.ReplaceAllString(m.said, "%$1")
	for _, text := range []string{unfolded, xtext} {
		for _, run := range percentRun.FindAllString(text, -1) {
			if decoded, err := url.PathUnescape(run); err == nil {
				all = append(all, decoded)
			}
		}
	}
	return all
}

// readFields returns the values of a header section with their encoded-words and their continued parameters decoded.
func readFields(h textproto.MIMEHeader) []string {
	var all []string
	for name, values := range h {
		for _, v := range values {
			all = append(all, name+": "+v)
			if decoded, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
				all = append(all, decoded)
			}
			joined := continuation.ReplaceAllString(v, "$2")
			if decoded, err := url.PathUnescape(joined); err == nil {
				all = append(all, decoded)
			}
			if _, params, err := mime.ParseMediaType(v); err == nil {
				for key, value := range params {
					all = append(all, key+" "+value)
				}
			}
		}
	}
	return all
}

// readPart returns what a part and those in it say: their fields, their bodies decoded, and of HTML what its tags and entities leave.
func readPart(tb testing.TB, h textproto.MIMEHeader, body io.Reader, depth int) []string {
	tb.Helper()
	if depth > 8 {
		tb.Fatal("a mail is too deep")
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		tb.Fatalf("Content-Type %q: %v", h.Get("Content-Type"), err)
	}
	var all []string
	if strings.HasPrefix(kind, "multipart/") {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			part, err := r.NextRawPart()
			if err == io.EOF {
				return all
			}
			if err != nil {
				tb.Fatalf("read a part: %v", err)
			}
			all = append(all, readFields(part.Header)...)
			all = append(all, readPart(tb, part.Header, part, depth+1)...)
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		tb.Fatalf("read a part: %v", err)
	}
	all = append(all, string(bytes.ToValidUTF8(text, []byte(" "))))
	if kind == "text/html" {
		all = append(all, html.UnescapeString(string(text)), html.UnescapeString(tag.ReplaceAllString(string(text), "")))
	}
	return all
}
