package sender

import (
	"bytes"
	"regexp"

	"letterlock/bridge/canonical"
)

var signatureValue = regexp.MustCompile(`((?:^|[;:])[ \t\r\n]*b[ \t\r\n]*=)[^;]*`)

// unsigned returns a signature field without the value of b= (RFC 6376, section 3.5).
func unsigned(raw []byte) []byte {
	return signatureValue.ReplaceAll(bytes.TrimRight(raw, "\r\n"), []byte("$1"))
}

// bodyHash returns the SHA-256 sum of a body in one of its canonical forms.
func bodyHash(body []byte, relaxed bool) [32]byte {
	if relaxed {
		sum, _ := canonical.RelaxedBody(body)
		return sum
	}
	return canonical.SimpleBody(body)
}
