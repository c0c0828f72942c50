package query

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

func texts(s string) []string {
	var out []string
	for w := range Words(s) {
		out = append(out, w.Text)
	}
	return out
}

func TestWords(t *testing.T) {
	for _, one := range []struct{ text, want string }{
		{"", ""},
		{" \t\n—!?", ""},
		{"Hello, World! It's 3.14.", "hello world it s 3 14"},
		{"blood_results-2026.PDF", "blood results 2026 pdf"},
		{"ann@example.org https://example.org/a?b=1", "ann example org https example org a b 1"},
		{"Müller trägt Größe STRASSE Straße", "muller tragt grosse strasse strasse"},
		{"L’hôpital Noël naïve œuvre", "l hopital noel naive oeuvre"},
		{"Søren Łukasz İstanbul ISPARTA ılık", "soren lukasz istanbul isparta ilik"},
		{"Καλημέρα ΚΑΛΗΜΕΡΑ ΟΔΥΣΣΕΥΣ Οδυσσεύς", "καλημερα καλημερα οδυσσευσ οδυσσευσ"},
		{"Ёлка елка Привет", "елка елка привет"},
		{"שָׁלוֹם שלום", "שלום שלום"},
		{"مُحَمَّد محمد أحمد احمد مدرسة ٢٠٢٦", "محمد محمد احمد احمد مدرسه 2026"},
		{"东京都", "东京 京都"},
		{"我 爱 茶", "我 爱 茶"},
		{"東京タワーへ", "東京 京タ タワ ワー ーへ"},
		{"ｶﾞｽ ガス", "ガス ガス"},
		{"병원에서 치료", "병원 원에 에서 치료"},
		{"สวัสดี", "สวั วัส สดี"},
		{"Ａｐｐｌｅ ﬁne", "apple fine"},
		{"version2 中文abc", "version2 中文 abc"},
		{"soft\u00adhyphen Cafe\u0301", "softhyphen cafe"},
		{"\xff\xfeabc\x00def", "abc def"},
		{"👍🏽 ok 👩‍⚕️", "ok"},
	} {
		if got := strings.Join(texts(one.text), " "); got != one.want {
			t.Errorf("%q:\n got %s\nwant %s", one.text, got, one.want)
		}
	}
	if got := texts(strings.Repeat("a", 1000)); len(got) != 2 || len(got[0]) != maxWord {
		t.Errorf("a long word: got %d", len(got))
	}
	for range Words("one two") {
		break // it stops when it is told to
	}
}

func TestEdges(t *testing.T) {
	for text, want := range map[string]string{
		"ab": "", "abc": "abc", "Invoice": "inv invo invoi invoic invoice", "appointments": "app appo appoi appoin appoint appointm", "茶": "茶", "东京": "东 京", "Über": "ube uber",
	} {
		var got []string
		for w := range Words(text) {
			got = slices.AppendSeq(got, w.Edges)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %s", text, got, want)
		}
	}
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestParse(t *testing.T) {
	words := func(w ...string) Term { return Term{Words: w} }
	for _, one := range []struct {
		typed string
		want  Query
	}{
		{"", Query{}},
		{" \t ", Query{}},
		{"blood Results", Query{Terms: []Term{words("blood"), words("results")}}},
		{`"blood results" -x-ray`, Query{Terms: []Term{words("blood", "results"), {Words: []string{"x", "ray"}, Not: true}}}},
		{`„Größe“ «b c» “d`, Query{Terms: []Term{words("grosse"), words("b", "c"), words("d")}}},
		{`-"not this"`, Query{Terms: []Term{{Words: []string{"not", "this"}, Not: true}}}},
		{"inv* -dra*", Query{Terms: []Term{{Words: []string{"inv"}, Prefix: true}, {Words: []string{"dra"}, Prefix: true, Not: true}}}},
		{"in* two-words*", Query{Terms: []Term{words("in"), words("two", "words")}, Notices: []string{"A word before * needs at least 3 letters.", "Only a single word can end in *."}}},
		{"茶 东京都", Query{Terms: []Term{{Words: []string{"茶"}, Prefix: true}, words("东京", "京都")}}},
		{"from:ann@Example.org -from:@spam.example from:\"Ann Smith\"", Query{From: []Sender{{Address: "ann@Example.org"}, {Domain: "spam.example", Not: true}, {Words: []string{"ann", "smith"}}}}},
		{"has:attachment in:open after:2026-03 before:2026", Query{Files: Yes, In: "open", Since: day(2026, 3, 1), Until: day(2026, 1, 1)}},
		{"-has:files status:Closed on:31.12.2025", Query{Files: No, In: "closed", Since: day(2025, 12, 31), Until: day(2026, 1, 1)}},
		{"-in:closed -before:2026-03-14", Query{In: "open", Since: day(2026, 3, 14)}},
		{"in:trash has:cheese before:yesterday from:", Query{Notices: []string{
			"in: knows in:open and in:closed.", "has: knows only has:attachment.",
			"before: needs a date, such as before:2026-03-31, before:2026-03 or before:2026.", "from: needs a name or an address, such as from:ann or from:ann@example.org.",
		}}},
		{"re:results http://x", Query{Terms: []Term{words("re", "results"), words("http", "x")}}},
		{"- -- * ** \"\" -\"\" \" ' ; ) NEAR(", Query{Terms: []Term{words("near")}}},
	} {
		got, err := Parse(one.typed)
		if err != nil || !reflect.DeepEqual(got, one.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", one.typed, got, err, one.want)
		}
	}
	if _, err := Parse(strings.Repeat("x", MaxLength+1)); err != ErrTooLong {
		t.Errorf("too long: got %v", err)
	}
	many, err := Parse(strings.Repeat("a ", MaxLength/2))
	if err != nil || len(many.Terms) != MaxTerms || len(many.Notices) != 1 {
		t.Errorf("many words: got %d terms, %q, %v", len(many.Terms), many.Notices, err)
	}
	long, err := Parse("\"" + strings.Repeat("a ", MaxLength/2-1) + "\"")
	if err != nil || len(long.Terms) != 1 || len(long.Terms[0].Words) != maxWords || len(long.Notices) != 1 {
		t.Errorf("a long phrase: got %+v, %v", long, err)
	}
}

func shown(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Found {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestSnippet(t *testing.T) {
	filler := strings.Repeat("and so on ", 40)
	for _, one := range []struct{ typed, text, want string }{
		{"results", "", ""},
		{"nothing", "A short text.", "A short text."},
		{"RESULTS", "Your Results are\n\n  in.", "Your [Results] are in."},
		{"größe", "Die GROSSE Frage", "Die [GROSSE] Frage"},
		{`"are in"`, "They are. They are in.", "They are. They [are in]."},
		{"inv*", "The invoice of Inverness", "The [invoice] of [Inverness]"},
		{"东京都", "我在东京都住", "我在[东京都]住"},
		{"茶", "我喝茶吗", "我喝[茶]吗"},
		{"-secret word", "a secret word", "a secret [word]"},
		{"needle", filler + "the needle is here " + filler, "… on and so on and so on and so on and so on and so on the [needle] is here and so on and so on …"},
	} {
		q, err := Parse(one.typed)
		if err != nil {
			t.Fatal(err)
		}
		parts, _ := q.Marker().Snippet(one.text, 94)
		if got := shown(parts); got != one.want {
			t.Errorf("%s in %.30q:\n got %s\nwant %s", one.typed, one.text, got, one.want)
		}
	}
	q, _ := Parse("results")
	parts, found := q.Marker().Mark("Your results")
	if !found || shown(parts) != "Your [results]" {
		t.Errorf("mark: got %v", parts)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`from:"a b" -x* "p q" has:attachment before:2026`, "\xff\"„", "-−-:*", "in:", "茶\u0e31*"} {
		f.Add(s, "a text "+s)
	}
	f.Fuzz(func(t *testing.T, typed, text string) {
		q, err := Parse(typed)
		if err != nil {
			if len(typed) <= MaxLength {
				t.Fatal(err)
			}
			return
		}
		words := 0
		for _, term := range q.Terms {
			words += len(term.Words)
			if len(term.Words) == 0 || term.Prefix && len(term.Words) != 1 {
				t.Fatalf("%q: a term %+v", typed, term)
			}
		}
		for _, s := range q.From {
			words += len(s.Words)
		}
		if words > maxWords || len(q.Terms)+len(q.From) > MaxTerms {
			t.Fatalf("%q: %d words", typed, words)
		}
		parts, _ := q.Marker().Mark(text)
		var all strings.Builder
		for _, p := range parts {
			all.WriteString(p.Text)
		}
		if len(text) < 1000 && utf8.ValidString(text) && len(all.String()) < len(text)/4 {
			t.Fatalf("%q: the marked text lost something: %q", text, all.String())
		}
		q.Marker().Snippet(text, 80)
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"Größe 东京都 ｶﾞ สวัสดี", "a\u0301\u0301\u0301", "\xff\u200d\u200d", "'''a'b:c", strings.Repeat("ﷺ", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for w := range Words(s) {
			if w.Text == "" || w.Start < last || w.End <= w.Start || w.End > len(s) || !utf8.ValidString(w.Text) {
				t.Fatalf("%q: %+v after %d", s, w, last)
			}
			if utf8.RuneCountInString(w.Text) > 40*maxMarks+2*maxWord {
				t.Fatalf("%q: a long word %q", s, w.Text)
			}
			for e := range w.Edges {
				if !strings.Contains(w.Text, e) {
					t.Fatalf("%q: edge %q", w.Text, e)
				}
			}
			last = w.Start
			// What is typed as it stands in the text is found.
			if len(w.Text) == 0 {
				t.Fatal("empty")
			}
		}
	})
}

func BenchmarkWords(b *testing.B) {
	for name, text := range map[string]string{
		"English": strings.Repeat("Thank you for the results of last week. ", 25),
		"German":  strings.Repeat("Vielen Dank für die Größe der Prüfung. ", 25),
		"Chinese": strings.Repeat("谢谢您上周的结果。", 40),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				for range Words(text) {
				}
			}
		})
	}
}

// TestCommonLettersFoldAlike: the short way and the long way agree.
func TestCommonLettersFoldAlike(t *testing.T) {
	f := folder{caser: cases.Fold()}
	for _, s := range []string{"Größe", "ÅNGSTRÖM", "Οδυσσεύς", "Ёлка", "שָׁלוֹם", "Łódź", "İzmir", "naïve", "Cafe\u0301", "ﬁne", "ǅ", "ΐ", strings.Repeat("ß", 100)} {
		short, ok := f.common(s)
		if long := f.any(s); ok && utf8.RuneCountInString(long) < maxWord && short != long {
			t.Errorf("%q: got %q, want %q", s, short, long)
		}
	}
	for r := range rune(0x600) {
		if short, _ := f.common("a" + string(r) + "b"); short != f.any("a"+string(r)+"b") {
			t.Errorf("%U: got %q, want %q", r, short, f.any("a"+string(r)+"b"))
		}
	}
}
