package mailin

import "bytes"

// OIDs of PKCS#7 (RFC 5652), as they are encoded.
var (
	oidSignedData = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
	oidData       = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01}
)

// maxBERDepth bounds the nesting of what is passed over.
const maxBERDepth = 16

// berHeader reads the tag and the length of one element in BER (X.690). size is -1 for the indefinite form.
func berHeader(b []byte) (tag byte, size int, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return 0, 0, nil, false // no tag above 30 occurs
	}
	tag, l := b[0], b[1]
	b = b[2:]
	switch {
	case l < 0x80:
		size = int(l)
	case l == 0x80:
		return tag, -1, b, tag&0x20 != 0
	default:
		n := int(l & 0x7f)
		if n > 4 || n > len(b) {
			return 0, 0, nil, false
		}
		for _, c := range b[:n] {
			size = size<<8 | int(c)
		}
		b = b[n:]
	}
	// A file cut short still has what it has.
	return tag, min(size, len(b)), b, true
}

// berEnter returns what stands inside the element at b, which must have that tag, and beyond it where its length is known.
func berEnter(b []byte, want byte) (inside []byte, ok bool) {
	tag, size, rest, ok := berHeader(b)
	if !ok || tag != want {
		return nil, false
	}
	if size < 0 {
		return rest, true
	}
	return rest[:size], true
}

// berSkip returns what follows the element at b.
func berSkip(b []byte, depth int) ([]byte, bool) {
	_, size, rest, ok := berHeader(b)
	if !ok || depth > maxBERDepth {
		return nil, false
	}
	if size >= 0 {
		return rest[size:], true
	}
	for {
		if len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			return rest[2:], true
		}
		if rest, ok = berSkip(rest, depth+1); !ok {
			return nil, false
		}
	}
}

// berOctets gathers an octet string, which may be in pieces.
func berOctets(b, out []byte, depth int) (all, rest []byte, ok bool) {
	tag, size, rest, ok := berHeader(b)
	if !ok || depth > maxBERDepth {
		return out, nil, false
	}
	switch {
	case tag == 0x04:
		if out == nil {
			return rest[:size:size], rest[size:], true
		}
		return append(out, rest[:size]...), rest[size:], true
	case tag != 0x24:
		return out, nil, false
	}
	inside := rest
	if size >= 0 {
		inside = rest[:size]
	}
	if out == nil {
		out = make([]byte, 0, len(inside))
	}
	for len(inside) > 0 {
		if size < 0 && len(inside) >= 2 && inside[0] == 0 && inside[1] == 0 {
			return out, inside[2:], true
		}
		if out, inside, ok = berOctets(inside, out, depth+1); !ok {
			return out, nil, len(out) > 0
		}
	}
	if size >= 0 {
		return out, rest[size:], true
	}
	return out, nil, true
}

// signedContent returns the content that an opaque signature holds (RFC 8551, section 3.5.2): a MIME part. It verifies nothing.
func signedContent(b []byte) ([]byte, bool) {
	b, ok := berEnter(b, 0x30)
	if !ok {
		return nil, false
	}
	if kind, ok := berEnter(b, 0x06); !ok || !bytes.Equal(kind, oidSignedData) {
		return nil, false
	}
	if b, ok = berSkip(b, 0); !ok {
		return nil, false
	}
	if b, ok = berEnter(b, 0xa0); !ok {
		return nil, false
	}
	if b, ok = berEnter(b, 0x30); !ok {
		return nil, false
	}
	for range 2 { // the version and the digest algorithms
		if b, ok = berSkip(b, 0); !ok {
			return nil, false
		}
	}
	if b, ok = berEnter(b, 0x30); !ok {
		return nil, false
	}
	if kind, ok := berEnter(b, 0x06); !ok || !bytes.Equal(kind, oidData) {
		return nil, false
	}
	if b, ok = berSkip(b, 0); !ok {
		return nil, false
	}
	if b, ok = berEnter(b, 0xa0); !ok {
		return nil, false
	}
	content, _, ok := berOctets(b, nil, 0)
	return content, ok && len(content) > 0
}
