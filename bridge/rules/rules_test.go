package rules_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge/rules"
)

// all is a set with a rule of every kind that is known here.
func all(t testing.TB) *rules.Set {
	t.Helper()
	list := []rules.Rule{{ID: "card", Kind: rules.Card}, {ID: "iban", Kind: rules.IBAN}}
	for _, id := range rules.IDs() {
		list = append(list, rules.Rule{ID: id.Key, Kind: rules.ID, Values: []string{id.Key}})
	}
	return compile(t, list...)
}

func compile(t testing.TB, list ...rules.Rule) *rules.Set {
	t.Helper()
	s, err := rules.Compile(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// found are the rules that match a text.
func found(s *rules.Set, text string) string {
	var ids []string
	for _, f := range s.Match(rules.Content{Texts: []string{text}}) {
		ids = append(ids, f.Rule)
	}
	return strings.Join(ids, " ")
}

// The numbers here are those that networks, banks and administrations publish as examples.
func TestNumbers(t *testing.T) {
	every := all(t)
	for _, c := range []struct{ want, text string }{
		// Cards, in the ways that people write them.
		{"card", "Visa 4111111111111111, valid to 12/27"},
		{"card", "My card is 4111 1111 1111 1111."},
		{"card", "4111-1111-1111-1111"},
		{"card", "4111.1111.1111.1111"},
		{"card", "4111_1111_1111_1111"},
		{"card", "4111/1111/1111/1111"},
		{"card", "4111\u00a01111\u202f1111\u20071111"},
		{"card", "4111 - 1111 - 1111 - 1111"},
		{"card", "4111    1111    1111    1111"},
		{"card", "4111\n1111\n1111\n1111"},
		{"card", "4111 1111\r\n1111 1111"},
		{"card", "> 4111 1111\n> 1111 1111"},
		{"card", "4111, 1111, 1111, 1111"},
		{"card", "(4111) (1111) (1111) (1111)"},
		{"card", "4111\t1111\t1111\t1111"},
		{"card", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"},
		{"card", "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1"},
		{"card", "41 11 11 11 11 11 11 11"},
		{"card", "411111 1111111111"},
		{"card", "4111–1111—1111−1111"},
		{"card", "4111·1111•1111・1111"},
		{"card", "４１１１１１１１１１１１１１１１"},
		{"card", "４１１１　１１１１　１１１１　１１１１"},
		{"card", "4111\u200b1111\u200b1111\u200b1111"},
		{"card", "4\u200d1\u20601\ufeff1\u00ad1111\u034f1111\u200e1111"},
		{"card", "4️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣1️⃣"},
		{"card", "④①①①①①①①①①①①①①①①"},
		{"card", "❹❶❶❶❶❶❶❶❶❶❶❶❶❶❶❶"},
		{"card", "𝟜𝟙𝟙𝟙 𝟙𝟙𝟙𝟙 𝟙𝟙𝟙𝟙 𝟙𝟙𝟙𝟙"},
		{"card", "⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹"},
		{"card", "٤١١١١١١١١١١١١١١١"},
		{"card", "۴۱۱۱ ۱۱۱۱ ۱۱۱۱ ۱۱۱۱"},
		{"card", "४१११ ११११ ११११ ११११"},
		{"card", "4̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶1̶"},
		{"card", "card4111111111111111exp1227"},
		{"card", "卡号4111111111111111请查收"},
		{"card", "номер4111111111111111"},
		{"card", "4111 1111 1111 1111 123"},
		{"card", "order 17: 4111 1111 1111 1111"},
		{"card", "5555555555554444"},
		{"card", "2223003122003222"},
		{"card", "3782 822463 10005"},
		{"card", "371449635398431"},
		{"card", "3056 930902 5904"},
		{"card", "36227206271667"},
		{"card", "6011111111111117"},
		{"card", "3530111333300000"},
		{"card", "6205500000000000004"},
		{"card", "6759649826438453"},
		{"card", "2200 0000 0000 0053"},
		// What is none.
		{"", "4111 1111 1111 1112"},
		{"", "1111111111111117"},
		{"", "4111111111111111123456789"},
		{"", "call +49 170 1234567 or +1 (555) 010-9999"},
		{"", "+4111111111111 is a telephone"},
		{"", "0171/2345678, 030-901820"},
		{"", "Order 100-2345-998877, parcel 1Z999AA10123456784"},
		{"", "on 2026-11-20 09:30:00 and 2026-11-21 10:00:00"},
		{"", "4.50 11.10 12.20 13.30"},
		{"", "4111 and then 1111 and then 1111 and then 1111"},
		{"", "019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"},
		{"", ""},
		{"", "No numbers at all."},

		// IBANs of the registry.
		{"iban", "DE89370400440532013000"},
		{"iban", "IBAN: DE89 3704 0044 0532 0130 00, thank you"},
		{"iban", "de89 3704 0044 0532 0130 00"},
		{"iban", "IBANDE89370400440532013000"},
		{"iban", "DE89370400440532013000and more"},
		{"iban", "ＤＥ８９３７０４００４４０５３２０１３０００"},
		{"iban", "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0"},
		{"iban", "DE89-3704-0044-0532-0130-00"},
		{"iban", "DE89 3704 0044\n0532 0130 00"},
		{"iban", "GB29 NWBK 6016 1331 9268 19"},
		{"iban", "FR14 2004 1010 0505 0001 3M02 606"},
		{"iban", "NL91ABNA0417164300"},
		{"iban", "NO9386011117947"},
		{"iban", "MT84MALT011000012345MTLCAST001S"},
		{"iban", "CH9300762011623852957"},
		{"iban", "PL61109010140000071219812874"},
		{"iban", "SA0380000000608010167519"},
		{"iban", "BR9700360305000010009795493P1"},
		{"iban", "ES91 2100 0418 4502 0005 1332"},
		{"iban", "IT60X0542811101000000123456"},
		{"iban", "TR330006100519786457841326"},
		{"", "DE89370400440532013001"},
		{"", "XX89370400440532013000"},
		{"", "DE89 3704"},

		{"at-svnr", "SVNR 1237 010180"},
		{"be-rrn", "85.07.30-033.28"},
		{"be-rrn", "85073003328"},
		{"ch-ahv", "756.9217.0769.85"},
		{"ch-ahv", "7569217076985"},
		{"de-idnr", "86 095 742 719"},
		{"de-idnr", "86095742719"},
		{"de-svnr", "15 070649 C 103"},
		{"de-svnr", "15070649C103"},
		{"dk-cpr", "070761-4285"},
		{"dk-cpr", "0707614285"},
		{"dk-cpr", "010107-1234"}, // without a check digit, by its dash
		{"es-dni", "12345678Z"},
		{"es-dni", "12.345.678-Z"},
		{"es-dni", "X-1234567-L"},
		{"es-dni", "X1234567L"},
		{"fi-hetu", "131052-308T"},
		{"fi-hetu", "131052A308T"},
		{"fi-hetu", "131052+308t"},
		{"fr-nir", "2 55 08 14 168 025 38"},
		{"fr-nir", "255081416802538"},
		{"gb-nhs", "943 476 5919"},
		{"gb-nhs", "NHS number 9434765919"},
		{"it-cf", "RSSMRA85T10A562S"},
		{"it-cf", "rss mra 85t10 a562s"},
		{"nl-bsn", "111222333"},
		{"nl-bsn", "1112.22.333"},
		{"pl-pesel", "44051401359"},
		{"se-pnr", "811228-9874"},
		{"se-pnr", "19811228-9874"},
		{"se-pnr", "811228+9874"},
		{"se-pnr", "8112289874"},
		{"us-ssn", "123-45-6789"},
		{"us-ssn", "123 45 6789"},
		{"us-ssn", "SSN: 123456780"},
		{"us-ssn", "his social security number is 123456780"},
		{"", "000-45-6789"},
		{"", "666-45-6789"},
		{"", "900-45-6789"},
		{"", "12345678A"},
		{"", "RSSMRA85T10A562T"},
		{"", "131052-308U"},
		{"", "311352-308T"},
	} {
		// The same digits may be another country's id as well.
		got := found(every, c.text)
		if c.want == "" && got != "" || !slices.Contains(strings.Fields(got+" "), c.want) && c.want != "" || c.want != "card" && slices.Contains(strings.Fields(got), "card") {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// Two ids share their length with others, so these are looked for alone.
func TestNumbersAlone(t *testing.T) {
	for _, c := range []struct{ key, text string }{
		{"pt-nif", "501 964 843"}, {"pt-nif", "501964843"}, {"no-fnr", "29029600013"}, {"no-fnr", "290296 00013"}, {"fr-nir", "1 80 12 2A 004 001 50"},
	} {
		s := compile(t, rules.Rule{ID: c.key, Kind: rules.ID, Values: []string{c.key}})
		if got := found(s, "It is "+c.text+"."); got != c.key {
			t.Errorf("%s %q: got %q", c.key, c.text, got)
		}
		digits := []byte(c.text)
		digits[len(digits)-1] = '0' + (digits[len(digits)-1]-'0'+1)%10
		if got := found(s, string(digits)); got != "" {
			t.Errorf("%s with another check digit %q: got %q", c.key, digits, got)
		}
	}
}

func TestWords(t *testing.T) {
	s := compile(t, rules.Rule{ID: "w", Kind: rules.Words, Name: "Diagnoses", Values: []string{
		"HIV", "Krebs", "Brustkrebs-Vorsorge", "café crème", "Straße", "секрет", "ΟΔΟΣ", "癌", "がん", "비밀", "سرطان", "סוד", "มะเร็ง", "c++", "Łódź", "top secret", "ガード",
	}})
	for text, want := range map[string]bool{
		"an HIV test": true, "hiv": true, "ＨＩＶ": true, "H\u200bIV": true, "(HIV)": true, "HIV/AIDS": true, "HIV_test.pdf": true, "hives": false, "shiv": false, "HIV2": false,
		"Der KREBS kam": true, "Krebse": false, "Flusskrebs": false, "brustkrebs Vorsorge": true, "Brustkrebs–\nVorsorge": true, "BRUSTKREBSVORSORGE": false,
		"CAFE  CREME": true, "cafe\u0301 cre\u0300me": true, "Café-Crème": true, "cafés crème": false, "In der STRASSE": true, "strasse": true,
		"Это СЕКРЕТ!": true, "секретарь": false, "οδός": true, "οδοσ": true, "他有癌症": true, "これはがんです": true, "か\u3099ん": true, "비밀번호를": true, "السرطان": false, "سَرَطان": true, "סוֹד": true, "סודי": false,
		"โรคมะเร็งปอด": true, "in C++, please": true, "lodz": true, "Top\u00a0\n secret": true, "topsecret": false, "stop secret": false, "カード": false, "ｶﾞｰﾄﾞ": true, "": false,
	} {
		if got := found(s, text) != ""; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	s := compile(t, rules.Rule{ID: "p", Kind: rules.Pattern, Name: "Case numbers", Values: []string{`\bCASE-\d{4}\b`, `(?i)patient\s+no`}})
	for text, want := range map[string]bool{
		"CASE-1234": true, "ＣＡＳＥ－１２３４": true, "CASE\u200b-12\u200b34": true, "case-1234": false, "CASE-12345": false, "Patient\u00a0No 7": true, "CASE-١٢٣٤": true,
	} {
		if got := found(s, text) != ""; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	s := compile(t,
		rules.Rule{ID: "office", Kind: rules.Files, Name: "Documents", Values: []string{"office", "macros"}},
		rules.Rule{ID: "names", Kind: rules.Names, Name: "Lab", Values: []string{"*.dcm", "lab?result*", "Befund"}},
		rules.Rule{ID: "card", Kind: rules.Card})
	for _, c := range []struct {
		file rules.File
		want string
	}{
		{rules.File{Name: "a.doc", Kinds: []string{"office"}}, "office has a file of “Documents”"},
		{rules.File{Name: "a.zip", Kinds: []string{"archive", "macros"}}, "office has a file of “Documents”"},
		{rules.File{Name: "SCAN.DCM"}, "names has a file of “Lab”"},
		{rules.File{Name: "Lab-Results-2026.pdf"}, "names has a file of “Lab”"},
		{rules.File{Name: "2026_befund.pdf"}, "names has a file of “Lab”"},
		{rules.File{Name: "Befunde.pdf"}, ""},
		{rules.File{Name: "scan.dcm.pdf"}, ""},
		{rules.File{Name: "4111 1111 1111 1111.txt"}, "card has a card number in the name of a file"},
		{rules.File{}, ""},
	} {
		got := ""
		for _, f := range s.Match(rules.Content{Files: []rules.File{c.file}}) {
			got += f.Rule + " " + f.Text
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.file, got, c.want)
		}
	}
}

func TestWhereItIs(t *testing.T) {
	s := compile(t, rules.Rule{ID: "card", Kind: rules.Card})
	const card = "4111 1111 1111 1111"
	for want, c := range map[string]rules.Content{
		"contains a card number":           {Texts: []string{"nothing", card}},
		"has a card number in its subject": {Subject: card},
		"is too long to be looked through": {Texts: []string{strings.Repeat("a ", rules.MaxContent), card}},
	} {
		got := s.Match(c)
		if len(got) != 1 || got[0].Text != want {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
	if got := compile(t).Match(rules.Content{Texts: []string{strings.Repeat("a", rules.MaxContent+1)}}); got != nil {
		t.Errorf("without rules: got %+v", got)
	}
}

func TestRulesThatAreNone(t *testing.T) {
	words := func(v ...string) rules.Rule { return rules.Rule{ID: "x", Kind: rules.Words, Name: "n", Values: v} }
	for name, list := range map[string][]rules.Rule{
		"no id":              {{Kind: rules.Card}},
		"twice":              {{ID: "a", Kind: rules.Card}, {ID: "a", Kind: rules.IBAN}},
		"no kind":            {{ID: "a", Name: "n", Values: []string{"v"}}},
		"unknown id":         {{ID: "a", Kind: rules.ID, Values: []string{"xx-id"}}},
		"no name":            {{ID: "a", Kind: rules.Words, Values: []string{"v"}}},
		"empty":              {words()},
		"empty word":         {words("ok", " - ")},
		"long word":          {words(strings.Repeat("a", rules.MaxWord+1))},
		"many words":         {words(make([]string, rules.MaxValues+1)...)},
		"broken pattern":     {{ID: "a", Kind: rules.Pattern, Name: "n", Values: []string{"("}}},
		"empty pattern":      {{ID: "a", Kind: rules.Pattern, Name: "n", Values: []string{"x*"}}},
		"huge pattern":       {{ID: "a", Kind: rules.Pattern, Name: "n", Values: []string{"(a{30}){30}b"}}},
		"long pattern":       {{ID: "a", Kind: rules.Pattern, Name: "n", Values: []string{strings.Repeat("a", rules.MaxPattern+1)}}},
		"every file's name":  {{ID: "a", Kind: rules.Names, Name: "n", Values: []string{"*"}}},
		"empty kind of file": {{ID: "a", Kind: rules.Files, Name: "n", Values: []string{""}}},
	} {
		if _, err := rules.Compile(list); !errors.Is(err, rules.ErrRule) {
			t.Errorf("%s: got %v, want ErrRule", name, err)
		}
	}
}

// What is found is named by the rule, never by what was found.
func TestFindingsAreContentFree(t *testing.T) {
	s := all(t)
	for _, f := range s.Match(rules.Content{Subject: "4111111111111111", Texts: []string{"DE89370400440532013000 12345678Z 123-45-6789"}}) {
		if strings.ContainsAny(f.Text, "0123456789") {
			t.Errorf("%q holds a number", f.Text)
		}
	}
}

func TestTagged(t *testing.T) {
	for subject, want := range map[string]bool{
		"[secure] Your results": true, "Re: [SECURE] Your results": true, "［ｓｅｃｕｒｅ］": true, "[ secure ]": true, "[se\u200bcure]": true,
		"secure": false, "[secured]": false, "": false, "(secure)": false,
	} {
		if got := rules.Tagged(subject); got != want {
			t.Errorf("%q: got %v, want %v", subject, got, want)
		}
	}
}
