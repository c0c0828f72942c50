package reply

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mutations are what clients, servers and people do to a text on its way. None of it changes what is new in it.
var mutations = []struct {
	why string
	do  func(string) string
}{
	{"CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"CR alone", func(s string) string { return strings.ReplaceAll(s, "\n", "\r") }},
	{"a space at the end of each line", func(s string) string {
		return mapLines(s, func(l string) string {
			if strings.HasPrefix(l, "--") && strings.TrimRight(l, "- ") == "" {
				return l // it would make a delimiter of a rule
			}
			return l + " "
		})
	}},
	{"no line ending at the end", func(s string) string { return strings.TrimRight(s, "\n") }},
	{"empty lines at both ends", func(s string) string { return "\n\n" + s + "\n\n\n" }},
	{"each empty line twice", func(s string) string {
		return mapLines(s, func(l string) string {
			if l == "" {
				return "\n"
			}
			return l
		})
	}},
	{"no-break spaces on empty lines", func(s string) string {
		return mapLines(s, func(l string) string {
			if l == "" {
				return "\u00a0"
			}
			return l
		})
	}},
	{"zero-width spaces on empty lines", func(s string) string {
		return mapLines(s, func(l string) string {
			if l == "" {
				return "\u200b"
			}
			return l
		})
	}},
	{"a no-break space before each line", func(s string) string {
		return mapLines(s, func(l string) string {
			if l == "" || strings.HasPrefix(l, "--") {
				return l
			}
			return "\u00a0" + l
		})
	}},
	{"quote marks without a space", func(s string) string {
		return mapLines(s, func(l string) string {
			if strings.HasPrefix(l, "> ") {
				return ">" + l[2:]
			}
			return l
		})
	}},
	{"quote marks with a tab", func(s string) string {
		return mapLines(s, func(l string) string {
			if strings.HasPrefix(l, "> ") {
				return ">\t" + l[2:]
			}
			return l
		})
	}},
	{"a space before quote marks", func(s string) string {
		return mapLines(s, func(l string) string {
			if strings.HasPrefix(l, ">") {
				return " " + l
			}
			return l
		})
	}},
	{"another year and time", func(s string) string {
		return strings.NewReplacer("2026", "2031", "2024", "2019", "10:04", "23:59", "10.04", "23.59", "15:04", "08:30").Replace(s)
	}},
	{"narrow no-break spaces before AM and PM", func(s string) string {
		return strings.NewReplacer(" AM", "\u202fAM", " PM", "\u202fPM").Replace(s)
	}},
	{"no-break spaces after colons and numbers", func(s string) string {
		return strings.NewReplacer("20 ", "20\u00a0", "2026 ", "2026\u00a0", " :", "\u00a0:").Replace(s)
	}},
	{"typographic quotation marks and apostrophes", func(s string) string {
		return strings.NewReplacer("'", "’").Replace(s)
	}},
	{"another address", func(s string) string {
		return strings.NewReplacer("p.holm@example.org", "no-reply+7.x_y@mail.example-group.co.uk", "bob@example.org", "b@x.io").Replace(s)
	}},
	{"a byte order mark", func(s string) string { return "\ufeff" + s }},
}

func mapLines(s string, f func(string) string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = f(l)
	}
	return strings.Join(lines, "\n")
}

// words joins a text's words, so that texts can be compared that differ in white space and the marks of mutations.
func words(s string) string {
	s = strings.NewReplacer("\u00a0", " ", "\u200b", " ", "\u202f", " ", "\ufeff", "", "’", "'").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

func marks(s string) string { return strings.ReplaceAll(words(s), "> ", ">") }

// TestMutations asserts that what is visible of each golden case does not depend on such details.
func TestMutations(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		if filepath.Base(p) == "lines.txt" || strings.HasSuffix(p, ".html.txt") {
			continue
		}
		for _, g := range readGolden(t, p) {
			if !same(Text(g.in).Visible(), g.visible) {
				continue // TestGolden says so
			}
			for _, m := range mutations {
				in := m.do(g.in)
				if in == g.in {
					continue
				}
				r := Text(in)
				if got, want := marks(r.Visible()), marks(m.do(g.visible)); got != want {
					t.Errorf("%s/%s: %s\ngot:\n%s\nwant:\n%s\nspans:\n%s", filepath.Base(p), g.name, m.why, got, want, show(r))
				}
			}
		}
	}
}

// htmlMutations are what clients do to the HTML that they pass on or quote.
var htmlMutations = []struct {
	why string
	do  func(string) string
}{
	{"upper case", func(s string) string {
		return strings.NewReplacer("<div", "<DIV", "</div", "</DIV", "<blockquote", "<BLOCKQUOTE", "</blockquote", "</BLOCKQUOTE", "<p ", "<P ", "<br", "<BR", "<hr", "<HR").Replace(s)
	}},
	{"a prefix of Outlook", func(s string) string { return strings.NewReplacer(`id="`, `id="x_`, `class="`, `class="x_`).Replace(s) }},
	{"a prefix of Gmail", func(s string) string {
		return strings.NewReplacer(`id="`, `id="m_-123456`, `class="`, `class="m_-123456`).Replace(s)
	}},
	{"lines between elements", func(s string) string { return strings.ReplaceAll(s, "><", ">\n<") }},
	{"a page around it", func(s string) string {
		return "<!DOCTYPE html><html><head><title>x</title></head><body><div><div dir=auto>" + s + "</div></div></body></html>"
	}},
	{"CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }},
	{"a byte order mark", func(s string) string { return "\ufeff" + s }},
}

// TestHTMLMutations asserts that what is visible of each golden case does not depend on such details.
func TestHTMLMutations(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.html.txt")
	for _, p := range paths {
		for _, g := range readGolden(t, p) {
			for _, m := range htmlMutations {
				r := HTML(m.do(g.in))
				if got, want := words(r.Visible()), words(g.visible); same(HTML(g.in).Visible(), g.visible) && got != want {
					t.Errorf("%s/%s: %s\ngot:\n%s\nwant:\n%s\nspans:\n%s", filepath.Base(p), g.name, m.why, got, want, show(r))
				}
			}
		}
	}
}

// TestWraps cuts each attribution at each of its spaces, and asserts that it is recognised all the same above a quote that
// has marks, and gives people other names and addresses.
func TestWraps(t *testing.T) {
	b, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	people := []struct{ name, addr string }{
		{"Ann Example", "ann@example.com"},
		{"ann@example.com", "ann@example.com"},
		{"José-María O’Neill", "jm.o-neill@mail.example.co.uk"},
		{"Ümit Çelik-Überall", "u@x.de"},
		{"王小明", "xm.wang_99@example.cn"},
		{"Dr. Vera van den Berg (Example)", "vera@example.com"},
		{"EXAMPLE, Ann", "ann.example+news@example.com"},
	}
	for l := range strings.SplitSeq(string(b), "\n") {
		f := strings.SplitN(l, "\t", 3)
		if len(f) < 3 || f[0] != "attribution" && f[0] != "weak" {
			continue
		}
		for n, who := range people {
			text := strings.NewReplacer("Ann Example", who.name, "ann@example.com", who.addr).Replace(strings.ReplaceAll(f[2], "⏎", "\n"))
			check := func(what, body string) {
				if got := Text(body).Visible(); got != "My words." {
					t.Errorf("%s: %s: %q: got:\n%s", f[1], what, body, got)
				}
			}
			if n > 0 {
				check("another person", "My words.\n\n"+text+"\n> their words\n> more\n")
				if f[0] == "attribution" {
					check("another person", "My words.\n\n"+text+"\n\nTheir words.\n\nMore.\n")
				}
				continue
			}
			if strings.Contains(text, "\n") || f[0] == "weak" {
				continue
			}
			for i := range text {
				if text[i] == ' ' && i < len(text)-1 && (runes(text[:i]) >= 24 || text[i+1] == '<') {
					check("wrapped", "My words.\n\n"+text[:i]+"\n"+text[i+1:]+"\n\n> their words\n> more\n")
					check("wrapped, without marks", "My words.\n\n"+text[:i]+"\n"+text[i+1:]+"\n\nTheir words.\n\nMore.\n")
				}
			}
		}
	}
}

// TestTogether puts a phone's line, a legal notice and an introduction of each kind into one mail, in each order that occurs.
func TestTogether(t *testing.T) {
	b, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string][]string{}
	for l := range strings.SplitSeq(string(b), "\n") {
		if f := strings.SplitN(l, "\t", 3); len(f) == 3 {
			lines[f[0]] = append(lines[f[0]], strings.ReplaceAll(f[2], "⏎", "\n"))
		}
	}
	of := func(kind string, i int) string { return lines[kind][i%len(lines[kind])] }
	const words, marked, unmarked = "My words.\n\nMore of them, in a line that is long enough to be wrapped by some.\n\nKind regards,\nMary\n", "> Dear Mary,\n>\n> their words\n", "\nDear Mary,\n\ntheir words\n\nKind regards\nPeter\n"
	for i := range 400 {
		mobile, legal := of("mobile", i), of("legal", i)
		for _, body := range []string{
			words + "\n" + mobile + "\n\n" + of("attribution", i) + "\n" + marked,
			words + "\n" + mobile + "\n\n" + of("attribution", i) + "\n" + unmarked,
			words + "\n" + legal + "\n\n" + of("attribution", i) + "\n" + marked,
			words + "\n" + mobile + "\n" + of("header", i) + "\n" + unmarked,
			words + "\n" + legal + "\n\n" + of("header", i) + "\n" + unmarked,
			words + "\n" + mobile + "\n\n" + of("separator", i) + "\nFrom: Peter <p.holm@example.org>\nSubject: x\n" + unmarked,
			words + mobile + "\n\n" + legal + "\n\n" + of("attribution", i) + "\n\n" + marked,
			words + "\n" + mobile + "\n\n" + of("attribution", i) + "\n" + marked + "\n" + legal + "\n",
			of("weak", i) + "\n" + marked + "\n" + words + "\n" + mobile + "\n",
			of("attribution", i) + "\n" + marked + "\n" + words + "\n" + legal + "\n",
		} {
			r := checkText(t, body)
			if got := r.Visible(); !same(got, words) {
				t.Errorf("%q\ngot:\n%s\nspans:\n%s", body, got, show(r))
			}
		}
	}
}
