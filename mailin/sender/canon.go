package sender

import (
	"bytes"
	"slices"

	"letterlock/bridge/canonical"
)

// unsigned returns a signature field without the value of b= (RFC 6376, section 3.5). What looks like it within another tag, such as the copied fields of
// z=, stays.
func unsigned(raw []byte) []byte {
	raw = bytes.TrimRight(raw, "\r\n")
	for at := bytes.IndexByte(raw, ':') + 1; at < len(raw); {
		end := len(raw)
		if i := bytes.IndexByte(raw[at:], ';'); i >= 0 {
			end = at + i
		}
		if name, _, ok := bytes.Cut(raw[at:end], []byte{'='}); ok && string(bytes.Trim(name, " \t\r\n")) == "b" {
			return slices.Concat(raw[:at+len(name)+1], raw[end:])
		}
		at = end + 1
	}
	return raw
}

// bodyHash returns the SHA-256 sum of a body in one of its canonical forms.
func bodyHash(body []byte, relaxed bool) [32]byte {
	if relaxed {
		sum, _ := canonical.RelaxedBody(body)
		return sum
	}
	return canonical.SimpleBody(body)
}
