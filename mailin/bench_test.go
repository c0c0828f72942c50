package mailin

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	small, err := os.ReadFile("testdata/reply-gmail.eml")
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("testdata/reply-text.eml")
	if err != nil {
		b.Fatal(err)
	}
	var wrapped bytes.Buffer
	enc := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0123456789abcdef"), 2<<20/16))
	for len(enc) > 0 {
		n := min(76, len(enc))
		wrapped.WriteString(enc[:n] + "\r\n")
		enc = enc[n:]
	}
	big := strings.Replace(mixed("Content-Type: application/pdf; name=f.pdf\nContent-Transfer-Encoding: base64\n\nCONTENT"), "CONTENT", wrapped.String(), 1)
	crlf := func(b []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	}
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"text", crlf(text)}, {"alternative", crlf(small)}, {"attachment 2 MB", []byte(big)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for b.Loop() {
				Parse(c.raw, Limits{})
			}
		})
	}
}
