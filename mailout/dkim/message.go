package dkim

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"letterlock/bridge/canonical"
)

// sealedFields are named in h= once more than they are there. Content-Transfer-Encoding is among them because a field that comes back changes what
// the signed octets mean; Sender is not, because mailing lists add one.
var sealedFields = []string{
	"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding",
}

// signedFields are named as often as they are there.
var signedFields = []string{"Auto-Submitted"}

// maxFields bounds the header section of what is signed. Ours has some fifteen.
const maxFields = 1000

// message is what the signatures of one mail have in common.
type message struct {
	names    []string // h=
	header   []byte   // the named fields in the relaxed form (RFC 6376, section 3.4.2)
	bodyHash string   // bh=
}

var (
	errNoHeader = errors.New("it has no header section that can be signed")
	errLineEnds = errors.New("its lines do not all end in CRLF")
)

// read finds out what is signed of a message.
func read(raw []byte) (*message, error) {
	fields := map[string][][]byte{} // by name in lower case, in order
	n := 0
	for {
		field, rest, ok := cutField(raw)
		if !ok {
			return nil, errNoHeader
		}
		raw = rest
		if len(field) == 0 {
			break
		}
		name, _, ok := bytes.Cut(field, []byte{':'})
		if n++; !ok || len(name) == 0 || n > maxFields {
			return nil, errNoHeader
		}
		key := strings.ToLower(string(bytes.TrimRight(name, " \t")))
		fields[key] = append(fields[key], field)
	}
	if len(fields["from"]) == 0 {
		return nil, errNoHeader // RFC 6376, section 5.4: From must be signed
	}
	m := &message{}
	for i, list := range [][]string{sealedFields, signedFields} {
		for _, name := range list {
			// The last one is named first (section 5.4.2).
			there := fields[strings.ToLower(name)]
			for j := len(there) - 1; j >= 0; j-- {
				m.names = append(m.names, name)
				m.header = canonical.RelaxedField(m.header, there[j])
			}
			if i == 0 {
				m.names = append(m.names, name)
			}
		}
	}
	sum, clean := canonical.RelaxedBody(raw)
	if !clean {
		return nil, errLineEnds
	}
	m.bodyHash = base64.StdEncoding.EncodeToString(sum[:])
	return m, nil
}

// cutField takes the first field off, with its folded lines and its line end, or the empty line after the last one.
func cutField(raw []byte) (field, rest []byte, ok bool) {
	for at := 0; ; {
		end := bytes.IndexByte(raw[at:], '\n')
		if end < 0 {
			return nil, nil, false
		}
		if end += at; end == at || raw[end-1] != '\r' || bytes.IndexByte(raw[at:end-1], '\r') >= 0 {
			return nil, nil, false
		}
		if end == 1 {
			return nil, raw[2:], true
		}
		at = end + 1
		if at == len(raw) || raw[at] != ' ' && raw[at] != '\t' {
			return raw[:at], raw[at:], true
		}
	}
}

// sign appends a DKIM-Signature field (RFC 6376, section 3.5). It is signed with an empty b=, which stands last, and then filled in.
func (m *message) sign(dst []byte, k key, domain, at string) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "DKIM-Signature: v=1; a="...)
	dst = append(append(dst, k.algorithm...), "; c=relaxed/relaxed;\r\n d="...)
	dst = append(append(dst, domain...), ";\r\n s="...)
	dst = append(append(dst, k.selector...), "; t="...)
	dst = append(append(dst, at...), ";\r\n h="...)
	column := len(" h=")
	for i, name := range m.names {
		if i > 0 {
			dst = append(dst, ':')
			if column++; column+len(name)+1 > maxColumn {
				dst = append(dst, "\r\n  "...)
				column = 2
			}
		}
		dst = append(dst, name...)
		column += len(name)
	}
	dst = append(dst, ";\r\n bh="...)
	dst = append(append(dst, m.bodyHash...), ";\r\n b="...)

	h := sha256.New()
	h.Write(m.header)
	own := canonical.RelaxedField(nil, dst[start:])
	h.Write(own[:len(own)-2])
	signature, err := k.private.Sign(rand.Reader, h.Sum(nil), k.hash)
	if err != nil {
		return nil, err
	}
	b := base64.StdEncoding.EncodeToString(signature)
	column = len(" b=")
	for len(b) > 0 {
		n := min(maxColumn-column, len(b))
		dst = append(dst, b[:n]...)
		if b = b[n:]; len(b) > 0 {
			dst = append(dst, "\r\n  "...)
			column = 2
		}
	}
	return append(dst, '\r', '\n'), nil
}

// maxColumn is where the field is folded.
const maxColumn = 76
