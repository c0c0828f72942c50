package submit

import (
	"strings"
	"testing"
)

func TestTurn(t *testing.T) {
	for _, c := range []struct {
		said string
		of   int // octets that belong to the reply
	}{
		{"250 ok\r\n", 8},
		{"250-a\r\n250-b\r\n250 c\r\n", 21},
		{"250\r\n", 5},
		{"250 ok\r\n250 ok\r\n", 8},
		{"354 go\r\n.", 8},
		{"250-never\r\n", 11},
		{"what?\r\nmore\r\n", 13}, // no reply at all, which whoever reads it finds out
	} {
		for piece := range 5 {
			var turn turn
			n, rest := 0, c.said
			for len(rest) > 0 {
				part := rest[:min(piece+1, len(rest))]
				got := turn.theirs([]byte(part))
				n += got
				rest = rest[len(part):]
			}
			if n != c.of || turn.broken != (c.of < len(c.said)) || turn.ours(1) == turn.broken {
				t.Errorf("%q: %d octets, broken %v, want %d", c.said, n, turn.broken, c.of)
			}
		}
	}
}

func FuzzTurn(f *testing.F) {
	f.Add("250-a\r\n250 b\r\n", 3)
	f.Add("354 go\r\n250 taken\r\n", 8)
	f.Fuzz(func(t *testing.T, said string, at int) {
		var whole, parts turn
		n := whole.theirs([]byte(said))
		at = min(max(at, 0), len(said))
		m := parts.theirs([]byte(said[:at]))
		if !parts.broken {
			m += parts.theirs([]byte(said[at:]))
		}
		if n != m || n > len(said) || whole.broken != parts.broken || !whole.broken && n != len(said) {
			t.Errorf("%q in one piece: %d, in two: %d", said, n, m)
		}
		if whole.broken && !strings.HasSuffix(said[:n], "\n") {
			t.Errorf("%q: the reply ends with %q", said, said[:n])
		}
	})
}
