package mailaddr

import (
	"errors"
	"strings"
	"testing"
)

func TestNormalize(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ann@example.com", "ann@example.com"},
		{" Ann@Example.COM ", "ann@example.com"},
		{"ann@example.com.", "ann@example.com"},
		{`"Ann"@example.com`, "ann@example.com"},
		{`"an\n"@example.com`, "ann@example.com"},
		{`"a n"@example.com`, `"a n"@example.com`},
		{"ann+news@example.com", "ann+news@example.com"},
		{"ann@Bücher.example", "ann@xn--bcher-kva.example"},
		{"ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"},
		{"ann@[192.0.2.1]", "ann@[192.0.2.1]"},
		{"ann@[IPv6:2001:DB8::1]", "ann@[ipv6:2001:db8::1]"},
		{"JÜRGEN@example.com", "jürgen@example.com"},
		{"ju\u0308rgen@example.com", "jürgen@example.com"},
		{"a@b@example.com", "a@b@example.com"},
		{"nobody", "nobody"},
		{"", ""},
		{"@", "@"},
	} {
		if got := Normalize(c.in); got != c.want {
			t.Errorf("Normalize(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestValid(t *testing.T) {
	long := strings.Repeat("a", 64)
	label := strings.Repeat("d", 63)
	for _, c := range []struct {
		addr string
		ok   bool
	}{
		{"ann@example.com", true},
		{"reply+abc234@mail.example.com", true},
		{"ann@localhost", true},
		{"o'hara@example.com", true},
		{"a..b.@carrier.example", true},
		{"jürgen@bücher.example", true},
		{"用户@例子.广告", true},
		{"ann@[192.0.2.1]", true},
		{"ann@[IPv6:2001:db8::1]", true},
		{long + "@example.com", true},
		{long + "a@example.com", false},
		{"a@" + label + "." + label + "." + label + "." + label[:60], true},
		{"a@" + label + "." + label + "." + label + "." + label, false},
		{"a@" + label + "x.com", false},
		{"", false},
		{"ann", false},
		{"@example.com", false},
		{"ann@", false},
		{"ann@exam ple.com", false},
		{"an n@example.com", false},
		{"ann@example.com\r\nBcc: eve@example.net", false},
		{"ann\x00@example.com", false},
		{"<ann@example.com>", false},
		{"Ann <ann@example.com>", false},
		{"ann,eve@example.com", false},
		{`"ann"@example.com`, false},
		{"ann@eve@example.com", false},
		{"ann@example..com", false},
		{"ann@.example.com", false},
		{"ann@-example.com", false},
		{"ann@example.com.", false},
		{"ann@[192.0.2.1", false},
		{"ann@[fe80::1%eth0]", false},
		{"ann@[IPv6:192.0.2.1]", false},
		{"a\u202enn@example.com", false},
		{"a\u00a0n@example.com", false},
		{"an\u200bn@example.com", false},
		{"ju\u0308rgen@example.com", false},
		{"ann@ex\u200bample.com", false},
		{"ann\xff@example.com", false},
	} {
		err := Valid(c.addr)
		if (err == nil) != c.ok {
			t.Errorf("Valid(%q) = %v, want ok %t", c.addr, err, c.ok)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("Valid(%q) = %v, which does not wrap ErrInvalid", c.addr, err)
		}
	}
}

func TestSplit(t *testing.T) {
	if l, d, ok := Split("a@b@c"); l != "a@b" || d != "c" || !ok {
		t.Errorf("Split(a@b@c) = %q, %q, %t", l, d, ok)
	}
	for _, s := range []string{"", "@", "a@", "@b", "ab"} {
		if _, _, ok := Split(s); ok {
			t.Errorf("Split(%q) reports an address", s)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"Ann@Example.com", `"a\"b"@x.y`, "jürgen@bücher.example", "a@[IPv6:::1]", "\"\"\"\"@x", "İ@İ.com", "a@xn--a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := Normalize(s)
		if again := Normalize(n); again != n {
			t.Errorf("Normalize(%q) = %q, and again %q", s, n, again)
		}
		if Valid(s) != nil {
			return
		}
		if strings.ContainsAny(s, "\r\n\x00 \t<>,;:\"") && !strings.Contains(s, "@[") {
			t.Errorf("Valid(%q) passes what would break a header field", s)
		}
		if _, _, ok := Split(n); !ok {
			t.Errorf("valid %q normalizes to %q, which is no address", s, n)
		}
	})
}

func BenchmarkNormalize(b *testing.B) {
	for b.Loop() {
		Normalize("Ann.Miller@Example.COM")
	}
}
