package mtasts

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const usual = "version: STSv1\nmode: enforce\nmx: mail.example.org\nmx: *.Backup.example.org\nmax_age: 604800\n"

func TestParse(t *testing.T) {
	want := Policy{Mode: Enforce, MX: []string{"mail.example.org", "*.backup.example.org"}, MaxAge: 604800 * time.Second}
	for name, text := range map[string]string{
		"as written":         usual,
		"CRLF":               strings.ReplaceAll(usual, "\n", "\r\n"),
		"no end of line":     strings.TrimSuffix(usual, "\n"),
		"spaces":             strings.ReplaceAll(usual, ": ", " \t:  "),
		"keys of the future": "later: x\n" + usual + "later: y: z\nmode_x: none\n",
		"keys twice":         usual + "mode: none\nmax_age: 1\nversion: STSv2\n",
		"empty lines":        "\n\n" + strings.ReplaceAll(usual, "\n", "\n \n"),
		"another order":      "max_age: 604800\nmx: mail.example.org.\nmode: enforce\nmx: *.backup.example.org\nversion: STSv1",
	} {
		p, err := Parse(text)
		if err != nil || p.Mode != want.Mode || p.MaxAge != want.MaxAge || !slices.Equal(p.MX, want.MX) {
			t.Errorf("%s: got %+v, %v, want %+v", name, p, err, want)
		}
	}
	if p, err := Parse("version: STSv1\nmode: none\nmax_age: 9999999999"); err != nil || p.MaxAge != MaxAge || p.Mode != None {
		t.Errorf("none, for ever: got %+v, %v", p, err)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"HTML":              "<html><body>Not found</body></html>",
		"another version":   strings.Replace(usual, "STSv1", "STSv2", 1),
		"no version":        strings.Replace(usual, "version: STSv1\n", "", 1),
		"no mode":           strings.Replace(usual, "mode: enforce\n", "", 1),
		"a mode of its own": strings.Replace(usual, "enforce", "Enforce", 1),
		"no max_age":        strings.Replace(usual, "max_age: 604800\n", "", 1),
		"no number":         strings.Replace(usual, "604800", "-1", 1),
		"a long number":     strings.Replace(usual, "604800", "00000604800", 1),
		"no mx":             "version: STSv1\nmode: testing\nmax_age: 1\n",
		"any mx":            strings.Replace(usual, "mail.example.org", "*", 1),
		"a star within":     strings.Replace(usual, "mail.example.org", "mail.*.example.org", 1),
		"a part of a label": strings.Replace(usual, "mail.example.org", "ma*.example.org", 1),
		"no name":           strings.Replace(usual, "mail.example.org", "mail..example.org", 1),
		"without a colon":   usual + "and so on\n",
		"large":             usual + strings.Repeat("x: y\n", MaxSize/5),
		"too many":          usual + strings.Repeat("mx: a.example\n", maxMX),
	} {
		if p, err := Parse(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %+v, %v, want an error", name, p, err)
		}
	}
}

func TestMatches(t *testing.T) {
	p := Policy{MX: []string{"mail.example.org", "*.backup.example.org"}}
	for host, want := range map[string]bool{
		"mail.example.org": true, "MAIL.example.org.": true, "a.backup.example.org": true, "B.Backup.Example.org": true,
		"backup.example.org": false, "a.b.backup.example.org": false, "xbackup.example.org": false, ".backup.example.org": false,
		"mail.example.org.evil.example": false, "evilmail.example.org": false, "example.org": false, "": false, "*.backup.example.org": true,
	} {
		if got := p.Matches(host); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
	if (Policy{}).Matches("mail.example.org") {
		t.Error("no policy matches something")
	}
}

func TestParseRecord(t *testing.T) {
	for _, tt := range []struct {
		records []string
		want    string
	}{
		{[]string{"v=STSv1; id=20260101T000000;"}, "20260101T000000"},
		{[]string{"v=STSv1;id=1"}, "1"},
		{[]string{"v=STSv1 ; x=y; id = aB3 ;"}, "aB3"},
		{[]string{"v=spf1 -all", "v=STSv1; id=1;"}, "1"},
		{[]string{"v=STSv1; id=1;", "v=STSv1; id=1;"}, ""},
		{[]string{"v=STSv1; id=1;", "v=STSv1; id=;"}, ""},
		{[]string{"v=sts1; id=1;"}, ""},
		{[]string{"v=STSv10; id=1;"}, ""},
		{[]string{"id=1; v=STSv1;"}, ""},
		{[]string{"v=STSv1;"}, ""},
		{[]string{"v=STSv1; id=a-b;"}, ""},
		{[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
		{nil, ""},
	} {
		if got, ok := ParseRecord(tt.records); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: got %q, %v, want %q", tt.records, got, ok, tt.want)
		}
	}
}

// FuzzParse reads anything. What is read has all that a policy needs, and no pattern names more than one label's worth of hosts.
func FuzzParse(f *testing.F) {
	for _, s := range []string{usual, "version:STSv1\nmode:none\nmax_age:0", "mx: *.*.x\n", "version: STSv1\r\nmode: testing\r\nmx: ä.example\r\nmax_age: 1\r\n", ":\n:"} {
		f.Add(s, "v=STSv1; id=1;", "mail.example.org")
	}
	f.Fuzz(func(t *testing.T, text, record, host string) {
		if id, ok := ParseRecord([]string{record}); ok != (id != "") || len(id) > 32 {
			t.Errorf("the record %q has the id %q", record, id)
		}
		p, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || p.Mode != "" && p.MX == nil && p.MaxAge != 0 {
				t.Errorf("got %+v, %v", p, err)
			}
			return
		}
		if p.Mode != None && len(p.MX) == 0 || p.MaxAge < 0 || p.MaxAge > MaxAge {
			t.Errorf("read %+v", p)
		}
		for _, pattern := range p.MX {
			if name := strings.TrimPrefix(pattern, "*."); !isName(name) || strings.Contains(name, "*") {
				t.Errorf("the pattern %q was taken", pattern)
			}
			if strings.HasPrefix(pattern, "*.") && (p.Matches("a.b."+pattern[2:]) && !slices.ContainsFunc(p.MX, func(o string) bool { return o != pattern })) {
				t.Errorf("%q matches two labels", pattern)
			}
		}
		if p.Matches(host) {
			h := canonical(host)
			if _, parent, _ := strings.Cut(h, "."); !slices.Contains(p.MX, h) && !slices.Contains(p.MX, "*."+parent) {
				t.Errorf("%q matches %q", host, p.MX)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(usual); err != nil {
			b.Fatal(err)
		}
	}
}
