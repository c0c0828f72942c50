package reply

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// A golden file holds cases:
//
//	=== name: why it exists
//	=== client language kind | why it exists
//	the body
//	--- visible
//	what must be visible
//	--- signature
//	what must be folded as signature (optional)
//
// Files that end in .html.txt hold HTML. In lines.txt each line is a case of its own: a kind, a language or client, and a line
// that must be recognised.
type golden struct {
	group, name, why, in, visible, signature string
	hasSignature                             bool
}

func readGolden(t testing.TB, path string) []golden {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	for _, c := range strings.Split("\n"+string(b), "\n=== ")[1:] {
		head, rest, _ := strings.Cut(c, "\n")
		group, name := "", ""
		tags, why, ok := strings.Cut(head, " | ")
		if ok {
			group, name = tags, strings.ReplaceAll(tags, " ", "/")
		} else {
			name, why, ok = strings.Cut(head, ": ")
		}
		in, want, ok2 := strings.Cut(rest, "\n--- visible")
		if !ok || !ok2 {
			t.Fatalf("%s: case %q has no reason or no visible part", path, head)
		}
		g := golden{group: group, name: name, why: why, in: strings.ReplaceAll(in, "␠", " ") + "\n"}
		g.visible, g.signature, g.hasSignature = strings.Cut(want, "\n--- signature")
		cases = append(cases, g)
	}
	return cases
}

// same compares two texts, white space aside.
func same(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	total := 0
	groups := map[string]*tally{}
	for _, path := range paths {
		if filepath.Base(path) == "lines.txt" {
			continue
		}
		isHTML := strings.HasSuffix(path, ".html.txt")
		cases := readGolden(t, path)
		for _, g := range cases {
			ok := t.Run(filepath.Base(path)+"/"+g.name, func(t *testing.T) {
				var r Result
				if isHTML {
					r = HTML(g.in)
					checkHTML(t, g.in)
				} else {
					r = Text(g.in)
					checkText(t, g.in)
				}
				if got := r.Visible(); !same(got, g.visible) {
					t.Errorf("%s\ngot:\n%s\nwant:%s\nspans:\n%s", g.why, got, g.visible, show(r))
				}
				if got := r.Signature(); g.hasSignature && !same(got, g.signature) {
					t.Errorf("%s\nsignature: got:\n%s\nwant:%s\nspans:\n%s", g.why, got, g.signature, show(r))
				}
			})
			names := strings.Fields(g.group)
			for i, what := range [...]string{"client ", "language ", "kind "} {
				if i < len(names) {
					count(groups, what+names[i], ok)
				}
			}
			count(groups, "file "+filepath.Base(path), ok)
		}
		total += len(cases)
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		n := groups[name]
		t.Logf("%-28s %3d of %3d right (%d %%)", name, n.right, n.all, 100*n.right/n.all)
	}
	t.Logf("%d cases", total)
}

// tally counts the cases of a group.
type tally struct{ right, all int }

func count(groups map[string]*tally, name string, right bool) {
	n := groups[name]
	if n == nil {
		n = new(tally)
		groups[name] = n
	}
	n.all++
	if right {
		n.right++
	}
}

func show(r Result) string {
	var b strings.Builder
	for _, s := range r.Spans {
		fmt.Fprintf(&b, "  %-11s %q (%s)\n", s.Kind, s.Text, s.Why)
	}
	return b.String()
}

// TestLines puts each line of lines.txt where it must be recognised, and where nothing else helps.
func TestLines(t *testing.T) {
	b, err := os.ReadFile("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if l == "" || l[0] == '#' {
			continue
		}
		kind, rest, _ := strings.Cut(l, "\t")
		who, text, ok := strings.Cut(rest, "\t")
		if !ok {
			t.Fatalf("lines.txt:%d: %q has no text", n+1, l)
		}
		text = strings.ReplaceAll(text, "⏎", "\n")
		t.Run(fmt.Sprintf("%s/%s/%d", kind, who, n+1), func(t *testing.T) {
			var bodies []string
			switch kind {
			case "attribution": // also where the quote has no marks
				bodies = []string{"My words.\n\n" + text + "\n> their words\n> more\n", "My words.\n" + text + "\n\ntheir words\n\nmore\n"}
			case "weak": // only where the quote has marks
				bodies = []string{"My words.\n\n" + text + "\n> their words\n"}
			case "header":
				bodies = []string{"My words.\n\n" + text + "\n\ntheir words\n\nmore\n"}
			case "separator":
				bodies = []string{"My words.\n\n" + text + "\nFrom: Ann <ann@example.com>\nSubject: x\n\ntheir words\n", "My words.\n\n" + text + "\n\ntheir words\n"}
			case "mobile":
				bodies = []string{"My words.\n\n" + text + "\n", "My words.\n" + text + "\n\nOn 1 May 2024 at 10:00, Ann <ann@example.com> wrote:\n> their words\n"}
			case "legal":
				bodies = []string{"My words.\n\n" + text + "\n"}
			case "contact": // a closing, a name, a company
				bodies = []string{"My words.\n\n" + text + "\nAnn Example\nExample Ltd\n+44 20 7946 0000\nann@example.com\n"}
			case "keep": // looks like something else and is the author's own
				r := Text("My words.\n\n" + text + "\n\nMore words.\n")
				if got, want := r.Visible(), "My words.\n"+text+"\nMore words."; !same(got, want) {
					t.Errorf("got:\n%s\nspans:\n%s", got, show(r))
				}
				return
			default:
				t.Fatalf("kind %q", kind)
			}
			want := "My words."
			if kind == "contact" {
				want += " " + text
			}
			for _, body := range bodies {
				r := Text(body)
				if got := r.Visible(); !same(got, want) {
					t.Errorf("got:\n%s\nspans:\n%s", got, show(r))
				}
			}
		})
	}
}

// checkText asserts what holds for every body: the spans are the body, and every visible line comes from it, in order.
func checkText(t *testing.T, body string) Result {
	t.Helper()
	r := Text(body)
	checkSpans(t, r, body)
	return r
}

func checkHTML(t *testing.T, body string) {
	t.Helper()
	d := layOut(body, new(paper))
	checkSpans(t, HTML(body), d.body)
}

func checkSpans(t *testing.T, r Result, body string) {
	t.Helper()
	var all strings.Builder
	for i, s := range r.Spans {
		all.WriteString(s.Text)
		if s.Text == "" || i > 0 && s.Kind == r.Spans[i-1].Kind && s.Why == r.Spans[i-1].Why {
			t.Errorf("span %d is empty or goes on from the one before: %q", i, s.Text)
		}
		if s.Kind != New && s.Why == "" {
			t.Errorf("span %d (%s) does not say why", i, s.Kind)
		}
	}
	if all.String() != body {
		t.Errorf("the spans are not the body:\n%q\n%q", all.String(), body)
	}
	rest := body
	for l := range strings.SplitSeq(r.Visible(), "\n") {
		if l == "" {
			continue
		}
		i := strings.Index(rest, l)
		if i < 0 {
			t.Fatalf("the visible line %q is not in the body after those before it", l)
		}
		rest = rest[i+len(l):]
	}
}

func TestEmpty(t *testing.T) {
	for _, s := range []string{"", "\n", " \r\n\r\n", "\u00a0\n"} {
		if got := Text(s).Visible(); got != "" {
			t.Errorf("Text(%q): got %q", s, got)
		}
		if got := HTML(s).Visible(); got != "" {
			t.Errorf("HTML(%q): got %q", s, got)
		}
	}
}

func TestParts(t *testing.T) {
	tests := []struct{ why, text, html, want string }{
		{"text alone", "a\n", "", "a"},
		{"HTML alone", "", "<p>a</p>", "a"},
		{"both: the HTML knows its quote", "a\n\nold words\n", "<p>a</p><blockquote type=cite>old words</blockquote>", "a"},
		{"a client that quoted its own words in HTML", "a\n\n> b\n", "<blockquote type=cite>a<br><br>b</blockquote>", "a"},
		{"CRLF", "a\r\n\r\nc\r\n-- \r\nAnn\r\n\r\nOn 1 May 2024 10:00, Bob wrote:\r\n> b\r\n", "", "a\n\nc"},
		{"an HTML part without anything", "a\n", "<html><body></body></html>", "a"},
	}
	for _, tt := range tests {
		if got := Parts(tt.text, tt.html).Visible(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
		}
	}
}

var hostile = map[string]string{
	"blank lines": "\n", "attributions": "On Mon, 1 May 2024 at 10:00 Ann <a@example.com>\n", "attribution ends": "wrote:\n", "header fields": "From: a\nTo: b\n", "one field": "From: a@example.com\n",
	"deep quotes": ">", "quotes and answers": "> a\nb\n", "one long line": "a b: ", "dashes": "-----\n", "separators": "-----Original Message-----x\n", "delimiters": "-- \n", "short paragraphs": "a\n\n",
	"mobile lines": "Sent from my iPhone\n\n", "rules": "-----\n\n", "legal": "This e-mail is confidential, intended for its recipient only; delete it if you got it in error.\n\n", "wide marks": "＞",
	"quoted blanks": ">\nFrom: a@example.com\n\n", "rests": `<div id=appendonsend>a`, "attributions in HTML": `<div class=gmail_attr>a</div>`, "heads": "<head><p>", "soft": "<blockquote>a</blockquote>On 1 May 2024 10:00 Ann wrote:",
	"unclosed": "<div>", "unclosed quotes": "<blockquote>a", "inline": "<b><i>", "cells": "<table><td>", "breaks": "<br>", "less": "<", "ends": "</div></p>", "list items": "<ul><li>a",
	"introduced quotes": `<div>On 1 May 2024 10:00 Ann wrote<blockquote>a</blockquote></div>`, "not introduced": `<div>On 1 May 2024 at 10:00 at the mill</div><blockquote>a</blockquote>`, "answers in red": `see my answers in red<br><blockquote type=cite>a<br><font color=red>b</font>`, "signature spans": `<span class=signature>a</span><td style="border-left:solid">b`,
	"styles": `<p style="color:rgb(1,2,3);font-size:0;display:;;:">a`, "emoji": `<img alt="👍">`, "links": `<a href="https://example.com/x">a`, "wraps": `<div class=gmail_quote>a`, "paragraphs with marks": `<p><font color=#1>`, "attributes": "<p a=b ", "CJK": "写道：\n", "closings": "Regards\n", "underscores": "____________________\nFrom: a\n",
	"initials": "Ann wrote:\nAB> x\n", "columns": "1 May 2024 10:00\nTo\nSubject\n", "bare names": "To\n", "open addresses": "a <a@example.com\n> wrote:\n", "arrows": ">>> 1.5.2024 10:00 >>>\n", "our marks": "https://example.com\n(letterlock-copy)\n", "our mark alone": "(letterlock-copy)\n",
	"notices between quotes": "> a\nThis e-mail is confidential, for its recipient only; delete it if you got it in error. Registered office: Leeds, company number 1\n", "glued notices": "Tom\nVirus-free.\n\n", "copies": "On 1 May 2024 10:00, Ann <a@example.com> wrote:\na\n(letterlock-copy)\n", "bars": "Ann wrote:\n| a\nb\n", "columns of a signature": "Regards\n-----\nAnn | Example Ltd | 0123456789\n",
	"rests of paragraphs": "> " + strings.Repeat("words ", 12) + "and\n" + strings.Repeat("words ", 12) + "\nwords\n> b\n", "slashes": "a / ", "by hand": "am 1.5.2024 10:00 Ann wrote:\n",
	"dashes at either end": "---- On 1 May 2024\n----\n", "no colon": "On 1 May 2024 10:00 a@example.com wrote\n> a\n", "invisible": "\u200b\u00a0\n", "long invisible": "\u200b", "soft quotes": "On 1 May 2024 10:00 Ann wrote:<blockquote>a</blockquote>b", "signature elements": "<div class=signature>a</div>b", "answers to one": "> a\nOn 1 May 2024 10:00 Ann wrote:\n> b\nc\n",
}

func TestLinear(t *testing.T) {
	for name, unit := range hostile {
		t.Run(name, func(t *testing.T) {
			in := strings.Repeat(unit, (1<<19)/len(unit))
			begin := time.Now()
			checkText(t, in)
			HTML(in)
			if d := time.Since(begin); d > 6*time.Second {
				t.Errorf("512 kB took %v", d)
			}
		})
	}
}

func TestMoreLinesThanBound(t *testing.T) {
	long := strings.Repeat("words\n> quoted\n", maxLines)
	r := checkText(t, long+"end\n")
	if last := r.Spans[len(r.Spans)-1]; last.Kind.Visible() == false || !strings.HasSuffix(last.Text, "end\n") {
		t.Errorf("the rest is %s", last.Kind)
	}
	folded := checkText(t, "Fine.\n\nOn 1 May 2024 at 10:00, Ann <ann@example.com> wrote:\n\nwords\n"+long)
	if got := folded.Visible(); got != "Fine." {
		t.Errorf("got %d octets visible", len(got))
	}
	checkHTML(t, strings.Repeat("a<br>", maxLines+5))
}

func FuzzText(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		if filepath.Base(p) != "lines.txt" && !strings.HasSuffix(p, ".html.txt") {
			for _, g := range readGolden(f, p) {
				f.Add(g.in)
			}
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		checkText(t, body)
	})
}

func FuzzHTML(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.html.txt")
	for _, p := range paths {
		for _, g := range readGolden(f, p) {
			f.Add(g.in)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		checkHTML(t, body)
		// No word may be lost that is plainly text.
		if !strings.ContainsAny(body, "<&\x00\r") {
			var want, got []rune
			for _, r := range body {
				if !unicode.IsSpace(r) {
					want = append(want, r)
				}
			}
			d := layOut(body, new(paper))
			for _, r := range d.body {
				if !unicode.IsSpace(r) {
					got = append(got, r)
				}
			}
			if string(got) != string(want) {
				t.Errorf("got %q, want %q", string(got), string(want))
			}
		}
	})
}

func TestLowerRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if got, want := lowerRune(r), unicode.ToLower(r); got != want {
			t.Errorf("lowerRune(%U) = %U, want %U", r, got, want)
		}
	}
}
