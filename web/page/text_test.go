package page

import (
	"strings"
	"testing"
	"time"
)

func TestProse(t *testing.T) {
	anchor := func(url string) string {
		return `<a href="` + url + `" rel="noopener noreferrer nofollow ugc" target="_blank">` + url + `</a>`
	}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"plain", "plain"},
		{"\n\ntwo\r\nlines\n\n", "two\nlines"},
		{"a <b> & \"c\"", "a &lt;b&gt; &amp; &#34;c&#34;"},
		{"see https://a.example/x.", "see " + anchor("https://a.example/x") + "."},
		{"(https://a.example/x_(y))", "(" + anchor("https://a.example/x_(y)") + ")"},
		{"<https://a.example/>, HTTP://B.example", "&lt;" + anchor("https://a.example/") + "&gt;, " + anchor("HTTP://B.example")},
		{`https://a.example/"onclick="x`, anchor("https://a.example/") + `&#34;onclick=&#34;x`},
		{"https://a.example/?a=1&b=2", anchor("https://a.example/?a=1&amp;b=2")},
		{"javascript:alert(1) ftp://a.example xhttp://a.example https:// http://...", "javascript:alert(1) ftp://a.example xhttp://a.example https:// http://..."},
		{"https://a.example\u202e/gpj", anchor("https://a.example") + "\u202e/gpj"},
		{"一 https://a.example/路 二", "一 " + anchor("https://a.example/路") + " 二"},
		{"> quote\n> more\nanswer", "<blockquote>quote\nmore</blockquote>answer"},
		{"before\n\n> quote\n\nafter", "before\n<blockquote>quote</blockquote>after"},
		{"> one\n\n> two", "<blockquote>one</blockquote><blockquote>two</blockquote>"},
		{">", "<blockquote></blockquote>"},
		{"> a\n\n\nb", "<blockquote>a</blockquote>\nb"},
	} {
		if got := string(prose(c.in)); got != c.want {
			t.Errorf("prose(%q):\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestTimes(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	s := textSetter{now: func() time.Time { return time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC) }, in: berlin}
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 20, 23, 10, 0, 0, time.UTC), "Today 00:10"},
		{time.Date(2026, 11, 20, 22, 10, 0, 0, time.UTC), "20 Nov, 23:10"},
		{time.Date(2025, 11, 20, 22, 10, 0, 0, time.UTC), "20 Nov 2025"},
	} {
		if got := s.shortTime(c.at); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1_000: "1 kB", 1_499_999: "1.5 MB", 3_200_000_000: "3.2 GB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d): got %q, want %q", n, got, want)
		}
	}
}

// Whatever the text, what comes out has only our own tags, balanced, and says the same.
func FuzzProse(f *testing.F) {
	for _, s := range []string{"> a\nb https://x.example/(a).", "http://://http://", "<script>", "https://a\"b", strings.Repeat(">\n", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := string(prose(s))
		rest := out
		for _, tag := range []string{"<blockquote>", "</blockquote>", `" rel="noopener noreferrer nofollow ugc" target="_blank">`, "</a>"} {
			rest = strings.ReplaceAll(rest, tag, "")
		}
		rest = strings.ReplaceAll(rest, `<a href="http`, "http")
		rest = strings.ReplaceAll(rest, `<a href="HTTP`, "http")
		if !strings.Contains(strings.ToLower(s), "http") && strings.ContainsAny(rest, `<>"`) {
			t.Errorf("prose(%q) lets markup through: %q", s, out)
		}
		if strings.Count(out, "<blockquote>") != strings.Count(out, "</blockquote>") || strings.Count(out, "<a ") != strings.Count(out, "</a>") {
			t.Errorf("prose(%q) is not balanced: %q", s, out)
		}
	})
}

func BenchmarkProse(b *testing.B) {
	text := strings.Repeat("Some words and a link https://example.org/path?a=b, then more.\n> a quoted line\n\n", 30)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		prose(text)
	}
}

// Time grows with the size of the text and not with its square.
func BenchmarkProseHostile(b *testing.B) {
	for name, unit := range map[string]string{"schemes": "http://", "urls": "http://a ", "dots": "http://....", "parens": "http://a(((", "quotes": ">\n"} {
		text := strings.Repeat(unit, 1<<20/len(unit))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				prose(text)
			}
		})
	}
}
