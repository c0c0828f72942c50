package mailin

import "bytes"

// pgpBlock is an armoured block that stood in a text (RFC 9580, section 6.2), or the signature of a clear one (section 7).
type pgpBlock struct {
	name, mediaType string
	content         []byte
}

var (
	pgpBegin = []byte("-----BEGIN PGP ")
	pgpEnd   = []byte("-----END PGP ")
)

// maxPGP bounds the blocks of one text.
const maxPGP = 20

// cutPGP takes armour out of a text: what is encrypted, keys, and signatures. Text that is signed in the clear stays, without its frame. Time is linear.
func cutPGP(b []byte) (text []byte, blocks []pgpBlock) {
	if !bytes.Contains(b, pgpBegin) {
		return b, nil
	}
	out := make([]byte, 0, len(b))
	clear := false // within text that is signed
	for len(b) > 0 {
		i := lineIndex(b, pgpBegin)
		if i < 0 || len(blocks) >= maxPGP {
			break
		}
		kind, _, _ := bytes.Cut(b[i+len(pgpBegin):min(len(b), i+80)], []byte("-"))
		block := pgpBlock{name: "encrypted.asc", mediaType: "application/pgp-encrypted"}
		switch {
		case bytes.HasPrefix(kind, []byte("SIGNED MESSAGE")):
			out = append(out, unescapeDashes(b[:i], clear)...)
			b = b[nextLine(b, i):]
			// The names of hashes, up to an empty line.
			for n := 0; n < 10 && len(b) > 0; n++ {
				next := nextLine(b, 0)
				l := bytes.TrimSpace(b[:next])
				if len(l) > 0 && !bytes.Contains(l, []byte(": ")) {
					break
				}
				b = b[next:]
				if len(l) == 0 {
					break
				}
			}
			clear = true
			continue
		case bytes.HasPrefix(kind, []byte("SIGNATURE")):
			block.name, block.mediaType = "signature.asc", "application/pgp-signature"
		case bytes.HasPrefix(kind, []byte("PUBLIC KEY")), bytes.HasPrefix(kind, []byte("PRIVATE KEY")):
			block.name, block.mediaType = "key.asc", "application/pgp-keys"
		}
		end := lineIndex(b[i:], pgpEnd)
		if end < 0 {
			break // cut short: who knows what it is
		}
		end = nextLine(b, i+end)
		out = append(out, unescapeDashes(b[:i], clear)...)
		clear = false
		block.content = b[i:end:end]
		blocks = append(blocks, block)
		b = b[end:]
	}
	return append(out, unescapeDashes(b, clear)...), blocks
}

// lineIndex finds a line that begins so.
func lineIndex(b, prefix []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], prefix)
		if i < 0 {
			return -1
		}
		i += from
		if i == 0 || b[i-1] == '\n' {
			return i
		}
		from = i + len(prefix)
	}
}

// unescapeDashes takes "- " from the front of lines, where a signed text has it before each line of dashes.
func unescapeDashes(b []byte, clear bool) []byte {
	if !clear || !bytes.Contains(b, []byte("- -")) {
		return b
	}
	out := bytes.ReplaceAll(b, []byte("\n- -"), []byte("\n-"))
	return bytes.TrimPrefix(out, []byte("- "))
}
