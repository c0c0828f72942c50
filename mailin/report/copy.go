package report

import (
	"strings"
	"unicode"
)

// line is one line of a report's own words.
type line struct {
	text   string // trimmed
	indent bool
}

// Bounds on the words that are read: what a server has to say stands at the top.
const (
	maxWords = 128 << 10
	maxLines = 2000
)

// markers begin the copy of the mail that comes back, in lower case.
var markers = []string{
	"below this line is a copy", "this is a copy of", "copy of your message", "copy of the message", "original message follows", "message header follows", "message headers follow", "unsent message below", "unsent message follows", "original message headers",
	"original message header", "undelivered message follows", "returned message follows", "text of your message follows", "body of your message", "----- original message", "-----original message", "--- original message", "--- message header", "headers of the message", "message text follows", "undelivered message header", "full message text", "original message -----",
	"----- message header", "start of returned message", "message contents follow", "returned mail follows", "begin of original", "included is a copy", "header of the original", "headers of the original", "---- returned message", "--- message from", "--- begin message", "--- the header of", "copy of the original message", "--- undelivered message", "your message reads", "message follows:", "lines of the message follow", "---- unsent message", "nachrichtenkopf", "ursprüngliche nachricht",
}

// wordsOf cuts a body into the server's words and the copy of the mail below them.
func wordsOf(text string) (words []line, rest string) {
	text = text[:min(len(text), maxWords)]
	for len(text) > 0 && len(words) < maxLines {
		raw, after, _ := strings.Cut(text, "\n")
		t := strings.TrimSpace(raw)
		if len(words) > 0 && t != "" {
			if isMarker(t) {
				return words, after
			}
			if beginsHeader(raw) && looksHeader(after) {
				return words, text
			}
		}
		text = after
		if strings.HasPrefix(t, "> ") {
			continue // a person quotes so; servers' transcripts have ">>>"
		}
		words = append(words, line{text: t, indent: len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t')})
	}
	return words, ""
}

func isMarker(t string) bool {
	if len(t) > 200 {
		return false
	}
	low := strings.ToLower(t)
	for _, m := range markers {
		if strings.Contains(low, m) {
			// A sentence of the explanation may speak of the copy: a marker is set off or ends in a colon or dashes.
			return strings.HasPrefix(low, "-") || strings.HasPrefix(low, "=") || strings.HasPrefix(low, "*") || strings.HasPrefix(low, "|") || strings.HasPrefix(low, "_") || strings.HasSuffix(low, ":") || strings.HasSuffix(low, "-") || strings.HasSuffix(low, "=") || low == m || low == m+"."
		}
	}
	return false
}

func beginsHeader(raw string) bool {
	for _, n := range []string{"Received: ", "Return-Path: ", "Return-path: ", "DKIM-Signature: ", "Message-ID: ", "Message-Id: ", "X-Received: ", "ARC-Seal: ", "MIME-Version: "} {
		if strings.HasPrefix(raw, n) {
			return true
		}
	}
	return false
}

// looksHeader reports whether the next lines are fields or folded ones.
func looksHeader(s string) bool {
	for range 2 {
		var l string
		l, s, _ = strings.Cut(s, "\n")
		if l == "" {
			return false
		}
		if l[0] == ' ' || l[0] == '\t' {
			continue
		}
		n, _, ok := strings.Cut(l, ":")
		if !ok || strings.ContainsAny(n, " \t") {
			return false
		}
	}
	return true
}

func joined(words []line) string {
	var b strings.Builder
	for _, l := range words {
		for i, f := range strings.FieldsFunc(l.text, unicode.IsSpace) {
			if i > 0 || b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f)
		}
	}
	return strings.ReplaceAll(b.String(), "’", "'")
}
