package rules_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"letterlock/bridge/rules"
)

// FuzzMatch looks through anything. What is found in plain text is found however its characters are dressed.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{
		"", "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00", "+4111111111111", "RSSMRA85T10A562S", "131052-308T", "x\xff\u200b４", "\u0300\u0301", "1\u20e31", "e\u0301 - DIAGNOSE_ガ",
	} {
		f.Add(s)
	}
	s := compileAll(f)
	wide := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９", " ", "\u00a0")
	f.Fuzz(func(t *testing.T, text string) {
		s.Match(rules.Content{Subject: text, Texts: []string{text}, Files: []rules.File{{Name: text, Kinds: []string{text}}}})
		for i := range len(text) {
			if text[i] >= utf8.RuneSelf || text[i] < ' ' {
				return
			}
		}
		want := found(s, text)
		if got := found(s, wide.Replace(text)); got != want {
			t.Errorf("%q: got %q in full width, %q plain", text, got, want)
		}
		if got := found(s, strings.Join(strings.Split(text, ""), "\u200b")); got != want {
			t.Errorf("%q: got %q with characters of no width between, %q plain", text, got, want)
		}
	})
}

// FuzzCompile makes a set of anything, and uses it.
func FuzzCompile(f *testing.F) {
	f.Add("words", "HIV", "an HIV test")
	f.Add("pattern", `\d+`, "17")
	f.Add("names", "*.d?m", "a.dcm")
	f.Add("names", "**a*?*b", strings.Repeat("ab", 50))
	f.Fuzz(func(t *testing.T, kind, value, text string) {
		s, err := rules.Compile([]rules.Rule{{ID: "a", Kind: rules.Kind(kind), Name: "n", Values: []string{value}}})
		if err != nil {
			return
		}
		got := s.Match(rules.Content{Texts: []string{text}, Files: []rules.File{{Name: text}}})
		if len(got) > 1 || len(got) == 1 && got[0].Rule != "a" {
			t.Errorf("%s %q in %q: got %+v", kind, value, text, got)
		}
	})
}

func compileAll(t testing.TB) *rules.Set {
	list := []rules.Rule{
		{ID: "card", Kind: rules.Card},
		{ID: "iban", Kind: rules.IBAN},
		{ID: "w", Kind: rules.Words, Name: "Diagnoses", Values: []string{"diagnose", "HIV", "癌", "top secret", "ガード"}},
		{ID: "p", Kind: rules.Pattern, Name: "Cases", Values: []string{`CASE-\d{4}`}},
		{ID: "n", Kind: rules.Names, Name: "Scans", Values: []string{"*.dcm", "scan?*"}},
	}
	for _, id := range rules.IDs() {
		list = append(list, rules.Rule{ID: id.Key, Kind: rules.ID, Values: []string{id.Key}})
	}
	return compile(t, list...)
}

// BenchmarkMatch looks through letters of 64 KiB, and through what is made to take long.
func BenchmarkMatch(b *testing.B) {
	s := compileAll(b)
	fill := func(s string) string { return strings.Repeat(s, 64<<10/len(s)) }
	cards := compile(b, rules.Rule{ID: "card", Kind: rules.Card}, rules.Rule{ID: "iban", Kind: rules.IBAN})
	for _, c := range []struct {
		name string
		set  *rules.Set
		text string
	}{
		{"prose", s, fill("Dear Ms Example, thank you for your letter of 20 November. We will answer by Friday. ")},
		{"prose, default rules", cards, fill("Dear Ms Example, thank you for your letter of 20 November. We will answer by Friday. ")},
		{"german", s, fill("Sehr geehrte Frau Müller, vielen Dank für Ihr Schreiben vom 20. November. ")},
		{"source, default rules", cards, fill("1" + strings.Repeat("X", 79) + "\n")},
		{"russian", s, fill("Уважаемая госпожа Иванова, благодарим Вас за письмо от 20 ноября. ")},
		{"russian, default rules", cards, fill("Уважаемая госпожа Иванова, благодарим Вас за письмо от 20 ноября. ")},
		{"invoice", s, fill("2 x Article 4711-0815-99  12,50 EUR   25,00 EUR\nPhone +49 30 1234567, IBAN DE89 3704 0044 0532 0130 01\n")},
		{"invoice, default rules", cards, fill("2 x Article 4711-0815-99  12,50 EUR   25,00 EUR\nPhone +49 30 1234567, IBAN DE89 3704 0044 0532 0130 01\n")},
		{"japanese", s, fill("お世話になっております。ご連絡ありがとうございます。")},
		{"single digits", s, fill("4 ")},
		{"digits", s, fill("4")},
		{"accounts", s, fill("DE89 3704 0044 0532 0130 01 ")},
		{"nearly a word", s, fill("top secre ")},
		{"invisible", s, fill("4\u200b")},
		{"marks", s, fill("\u0300")},
		{"accents apart", s, fill("Ve\u0301rite\u0301 ")},
		{"begin of accounts", s, fill("AT20" + strings.Repeat(" ", 60))},
		{"numbers far apart", s, fill("123456789" + strings.Repeat(" ", 300))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				c.set.Match(rules.Content{Subject: "Your order", Texts: []string{c.text}})
			}
		})
	}
}
