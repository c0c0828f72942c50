package wording

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
)

// changed returns the English texts as JSON after a change.
func changed(t *testing.T, change func(map[string]any)) []byte {
	t.Helper()
	b, err := languageFiles.ReadFile("languages/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	if b, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLanguagesThatAreRefused(t *testing.T) {
	body := func(blocks ...string) func(map[string]any) {
		return func(m map[string]any) { m["mails"].(map[string]any)["notice"].(map[string]any)["body"] = blocks }
	}
	link := "{link}"
	for name, change := range map[string]func(map[string]any){
		"a notice that would show the subject": func(m map[string]any) {
			m["mails"].(map[string]any)["notice"].(map[string]any)["subject"] = "{subject}"
		},
		"a notice that would name the author": body("From {author}", link),
		"a notice with a code":                body("{code}", link),
		"a notice without a link":             body("Something waits."),
		"two links":                           body(link, link),
		"a link with a label":                 body("Click {link}"),
		"a link within a sentence":            body("Go to {link}", link),
		"a kind of mail left out":             func(m map[string]any) { delete(m["mails"].(map[string]any), "code") },
		"a kind that there is not":            func(m map[string]any) { m["mails"].(map[string]any)["spam"] = m["mails"].(map[string]any)["notice"] },
		"a placeholder left open":             body("a {organization", link),
		"a field nobody knows":                func(m map[string]any) { m["extra"] = "x" },
		"a text left out":                     func(m map[string]any) { delete(m, "via") },
		"a direction nobody writes in":        func(m map[string]any) { m["direction"] = "up" },
		"a tag in capitals":                   func(m map[string]any) { m["tag"] = "EN" },
		"no English":                          func(m map[string]any) { m["tag"] = "de" },
	} {
		files := fstest.MapFS{"languages/x.json": {Data: changed(t, change)}}
		if _, err := load(files); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLookup(t *testing.T) {
	tagged := func(tag string) *fstest.MapFile {
		return &fstest.MapFile{Data: changed(t, func(m map[string]any) { m["tag"] = tag })}
	}
	all, err := load(fstest.MapFS{"languages/en.json": tagged("en"), "languages/de.json": tagged("de"), "languages/pt-br.json": tagged("pt-br")})
	if err != nil {
		t.Fatal(err)
	}
	for locale, want := range map[string]string{
		"": "en", "de": "de", "de-AT": "de", "DE_ch": "de", "de-Latn-DE": "de", "pt": "en", "pt-BR": "pt-br", "xx": "en", "-": "en", "de-": "de", strings.Repeat("de-", 1000): "en",
	} {
		if got := all.Lookup(locale).Tag; got != want {
			t.Errorf("%.20q: got %s, want %s", locale, got, want)
		}
	}
}

func TestFill(t *testing.T) {
	v := map[string]string{"a": "{b}", "b": "x"}
	for given, want := range map[string]string{"": "", "no": "no", "{a}": "{b}", "1{a}2{b}3": "1{b}2x3"} {
		if got := Fill(given, v); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for tag, sizes := range map[string]map[int64]string{
		"en": {0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 1500: "1.5 kB", 12_345: "12 kB", 3_400_000: "3.4 MB", 5_000_000_000_000: "5000 GB"},
		"de": {3_400_000: "3,4 MB"},
		"fr": {3_400_000: "3,4 Mo"},
	} {
		for n, want := range sizes {
			if got := builtin(t)[tag].Size(n); got != want {
				t.Errorf("%d in %s: got %q, want %q", n, tag, got, want)
			}
		}
	}
}

func builtin(tb testing.TB) Languages {
	tb.Helper()
	all, err := Builtin()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
