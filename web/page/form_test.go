package page

import (
	"bytes"
	"errors"
	"mime/multipart"
	"strings"
	"testing"

	"letterlock/bridge"
)

// All fields of a form are in memory at once, so they are bounded together, however many there are.
func TestFieldsOfALetterAreBoundedTogether(t *testing.T) {
	for n, want := range map[int]error{3: nil, 5: bridge.ErrTooLarge, 100: bridge.ErrTooLarge} {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for range n {
			if err := w.WriteField("text", strings.Repeat("x", 1<<20)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := (&Visit{}).parts(multipart.NewReader(&b, w.Boundary()))
		if !errors.Is(err, want) || f.octets > maxText+1 {
			t.Errorf("%d fields of 1 MiB: got %v and %d octets, want %v", n, err, f.octets, want)
		}
		kept := 0
		for _, v := range f.All("text") {
			kept += len(v)
		}
		if kept > maxText {
			t.Errorf("%d fields of 1 MiB: %d octets are kept", n, kept)
		}
	}
}
