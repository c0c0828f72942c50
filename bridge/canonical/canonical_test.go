package canonical

import (
	"bytes"
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"
)

// TestFields begins with the example of RFC 6376, section 3.4.5.
func TestFields(t *testing.T) {
	for field, want := range map[string]string{
		"A: X\r\n":                     "a:X\r\n",
		"B : Y\t\r\n\tZ  \r\n":         "b:Y Z\r\n",
		"Subject:\r\n \r\n":            "subject:\r\n",
		"Subject: a  b \r\n c":         "subject:a b c\r\n",
		"X-Name \t:\t1:2 \r\n\t\r\n 3": "x-name:1:2 3\r\n",
		"no colon":                     "no colon:\r\n",
		"":                             ":\r\n",
		"T: \x00\xff":                  "t:\x00\xff\r\n",
	} {
		if got := string(Field([]byte("before "), []byte(field), true)); got != "before "+want {
			t.Errorf("%q: got %q, want %q", field, got, want)
		}
		if got := string(Field(nil, []byte(field), false)); got != field {
			t.Errorf("%q: the simple form is %q", field, got)
		}
	}
}

// TestBodies begins with the example of RFC 6376, section 3.4.5, and the sums of nothing of sections 3.4.3 and 3.4.4.
func TestBodies(t *testing.T) {
	for _, one := range []struct {
		body, relaxed, simple string
		clean                 bool
	}{
		{" C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n", " C \r\nD \t E\r\n", true},
		{"", "", "\r\n", true},
		{"\r\n \r\n\t\r\n", "", "\r\n \r\n\t\r\n", true},
		{"\r\n\r\n", "", "\r\n", true},
		{"a\r\n\r\n \r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n \r\nb\r\n", true},
		{"a", "a\r\n", "a\r\n", false},
		{"a\r\nb", "a\r\nb\r\n", "a\r\nb\r\n", false},
		{"a\r\n ", "a\r\n", "a\r\n \r\n", false},
		{"a\nb\r\n", "a\nb\r\n", "a\nb\r\n", false},
		{"a\rb\r\n", "a\rb\r\n", "a\rb\r\n", false},
		{"\n", "\n\r\n", "\n\r\n", false},
		{"\n\r\n", "\n\r\n", "\n\r\n", false},
		{"a\r\r\n", "a\r\r\n", "a\r\r\n", false},
		{strings.Repeat("x \t", 5000) + "\r\n", strings.Repeat("x ", 4999) + "x\r\n", strings.Repeat("x \t", 5000) + "\r\n", true},
	} {
		sum, clean := RelaxedBody([]byte(one.body))
		if sum != sha256.Sum256([]byte(one.relaxed)) || clean != one.clean {
			t.Errorf("%.40q: the sum is not that of %.40q, or clean is %v", one.body, one.relaxed, clean)
		}
		if SimpleBody([]byte(one.body)) != sha256.Sum256([]byte(one.simple)) {
			t.Errorf("%.40q: the sum is not that of %.40q", one.body, one.simple)
		}
	}
}

var white, ends = regexp.MustCompile(`[ \t]+`), regexp.MustCompile(`(\r\n)+$`)

// spelled is the relaxed form of a body, step by step as RFC 6376, section 3.4.4, spells it.
func spelled(body string) string {
	lines := strings.Split(body, "\r\n")
	for i, l := range lines {
		lines[i] = strings.TrimSuffix(white.ReplaceAllString(l, " "), " ")
	}
	body = ends.ReplaceAllString(strings.Join(lines, "\r\n"), "")
	if body != "" {
		body += "\r\n"
	}
	return body
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{"", " C \r\nD \t E\r\n\r\n\r\n", "a\nb\rc\r\n", "\r\n\r\na\r\n \t\r\n\r\nb", "x\r", "\r\r\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sum, clean := RelaxedBody(body)
		if sum != sha256.Sum256([]byte(spelled(string(body)))) {
			t.Errorf("%q: the sum is not that of %q", body, spelled(string(body)))
		}
		rest := bytes.ReplaceAll(body, []byte("\r\n"), nil)
		if want := !bytes.ContainsAny(rest, "\r\n") && (len(body) == 0 || bytes.HasSuffix(body, []byte("\r\n"))); clean != want {
			t.Errorf("%q: clean is %v, want %v", body, clean, want)
		}
		if got := RelaxedField(nil, body); !bytes.HasSuffix(got, []byte("\r\n")) || len(got) > 3*len(body)+3 || bytes.Count(got, []byte("\n")) != 1+bytes.Count(bytes.TrimRight(namePart(body), " \t"), []byte("\n")) {
			t.Errorf("%q: got the field %q", body, got)
		}
	})
}

func namePart(field []byte) []byte { name, _, _ := bytes.Cut(field, []byte{':'}); return name }

func BenchmarkRelaxedBody(b *testing.B) {
	for name, line := range map[string]string{
		"base64":   strings.Repeat("0123456789abcdef", 4) + "\r\n",
		"words":    strings.Repeat("lorem ipsum ", 6) + "dolor\r\n",
		"spaces":   strings.Repeat("a  b\t", 15) + "c\r\n",
		"empty":    "\r\n",
		"one line": strings.Repeat("a \t", 25),
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(strings.Repeat(line, 1<<20/len(line)))
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				RelaxedBody(body)
			}
		})
	}
}
