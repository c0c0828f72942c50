package imap

import (
	"bytes"
	"strings"
)

// withCRLF gives a message the line ends that it should have had. Nearly always it has them, and is returned as it is.
func withCRLF(raw []byte) []byte {
	bare := bytes.Count(raw, []byte{'\n'}) - bytes.Count(raw, []byte("\r\n"))
	if bare == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+bare)
	for i, b := range raw {
		if b == '\n' && (i == 0 || raw[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, b)
	}
	return out
}

// returnPath returns the reverse-path that the last host wrote into the header (RFC 5321, section 4.4): the topmost one. It is empty if
// there is none, since then it's unknown whom one may answer.
func returnPath(raw []byte) string {
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 {
			return ""
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || len(name) > 80 || !strings.EqualFold(strings.TrimSpace(string(name)), "return-path") {
			continue
		}
		path := strings.Trim(string(value), " \t")
		if len(path) > 1 && len(path) < 320 && path[0] == '<' && path[len(path)-1] == '>' {
			return path[1 : len(path)-1]
		}
		return ""
	}
	return ""
}
