package bridge

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanLine(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"  Your   results \t\n", "Your results"},
		{"a\r\nBcc: x@example.net", "a Bcc: x@example.net"}, // no second header field
		{"in\u202Evoice\u2066", "invoice"},                  // no overrides
		{"x\x00\x1by", "x y"},
		{"\xff\xfe", "\uFFFD"},
		{strings.Repeat("é", 40), strings.Repeat("é", 30)},
	} {
		if got := cleanLine(c.in, 30); got != c.want {
			t.Errorf("cleanLine(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestFileName(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"report.pdf", "report.pdf"},
		{"../../etc/passwd", "passwd"},
		{`C:\Users\ann\Letter.docx`, "Letter.docx"},
		{"...", "attachment"},
		{"", "attachment"},
		{"a\r\nContent-Type: text/html", "html"},
		{`qu"ote<s>.txt`, "qu_ote_s_.txt"},
		{"gpj.\u202Eexe", "gpj.exe"},
	} {
		if got := fileName(c.in); got != c.want {
			t.Errorf("fileName(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	long := fileName(strings.Repeat("ü", 300) + ".pdf")
	if len(long) > 180 || !strings.HasSuffix(long, ".pdf") || !utf8.ValidString(long) {
		t.Errorf("a long name becomes %q (%d octets)", long, len(long))
	}
}

func TestMaskAddress(t *testing.T) {
	for in, want := range map[string]string{"ann@example.org": "a•••@example.org", "ö@example.org": "ö•••@example.org", "nobody": ""} {
		if got := maskAddress(in); got != want {
			t.Errorf("maskAddress(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanLine(f *testing.F) {
	f.Add("a\r\nb")
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanLine(s, 50)
		if strings.ContainsAny(got, "\r\n\x00") || !utf8.ValidString(got) || utf8.RuneCountInString(got) > 51 || cleanLine(got, 50) != got {
			t.Errorf("cleanLine(%q) = %q", s, got)
		}
		name := fileName(s)
		if name == "" || len(name) > 180 || strings.ContainsAny(name, "/\\\r\n\x00\"") || !utf8.ValidString(name) {
			t.Errorf("fileName(%q) = %q", s, name)
		}
	})
}
