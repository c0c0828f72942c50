package wording

import (
	"strings"
	"testing"
)

// TestTemplatesThatAreRefused has what an admin may try, and a word of the reason they get.
func TestTemplatesThatAreRefused(t *testing.T) {
	const good = "# Something waits.\n\n{link}\n\n~ Why."
	for name, c := range map[string]struct {
		kind            Kind
		subject, source string
		because         string
	}{
		"the subject of the message in the subject": {Notice, "About {subject}", good, "says nothing about the message"},
		"the author in the text":                    {Notice, "News", "{author} wrote.\n\n{link}", "says nothing about the message"},
		"the name of a file":                        {Reminder, "News", "See {attachment}.\n\n{link}", "says nothing about the message"},
		"who else is in it":                         {StaffNotice, "News", "With {recipient}.\n\n{link}", "says nothing about the message"},
		"a placeholder that there is not":           {Notice, "News", "{weather}\n\n{link}", "{weather} can't be used"},
		"a code in a notice":                        {Notice, "News", "{code}\n\n{link}", "{code} can't be used"},
		"the link in the subject":                   {Notice, "{link}", good, "{link} can't be used"},
		"no link":                                   {Notice, "News", "Something waits.", "{link} is missing"},
		"two links":                                 {Notice, "News", good + "\n\n{link}", "second {link}"},
		"a link within a sentence":                  {Notice, "News", "Go to {link} now", "stands alone"},
		"an address of its own":                     {Notice, "News", good + "\n\nhttps://elsewhere.example", "second link"},
		"an address without a scheme":               {Notice, "News", good + "\n\nSee WWW.elsewhere.example", "second link"},
		"a brace left open":                         {Notice, "News", "a {organization\n\n{link}", "without a }"},
		"a brace too many":                          {Notice, "News", "a }\n\n{link}", "without a {"},
		"braces in braces":                          {Notice, "News", "{{link}}", "without a }"},
		"nothing":                                   {Notice, "", "", "in the subject, it is empty"},
		"no subject":                                {Notice, " \t", good, "empty"},
		"a subject without end":                     {Notice, strings.Repeat("x", MaxSubject+1), good, "150"},
		"a text without end":                        {Notice, "News", strings.Repeat("x ", MaxSource), "6000"},
		"paragraphs without end":                    {Notice, "News", strings.Repeat("x\n\n", 40) + "{link}", "30 paragraphs"},
		"a code mail without a code":                {Code, "Code", "Here it is.", "{code} is missing"},
		"text turned around":                        {Notice, "News", "\u202eabc\n\n{link}", "can't be seen"},
		"a kind that there is not":                  {"spam", "News", good, "no such kind"},
	} {
		if _, err := Parse(c.kind, c.subject, c.source); err == nil || !strings.Contains(err.Error(), c.because) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.because)
		}
	}
}

func TestTemplatesAreReadAsTheyAreWritten(t *testing.T) {
	for tag, l := range builtin(t) {
		for kind, m := range l.Mails {
			again, err := Parse(kind, m.Subject, m.Source())
			if err != nil || again.Source() != m.Source() || again.Subject != m.Subject {
				t.Errorf("%s in %s: got %v, %q, want %q", kind, tag, err, again.Source(), m.Source())
			}
		}
	}
	got, err := Parse(Notice, "  Two\twords ", "# Lead\r\nwrapped\r\n{link}\r\nAfter it\r\n~ Small")
	if want := "# Lead wrapped\n\n{link}\n\nAfter it\n\n~ Small"; err != nil || got.Source() != want || got.Subject != "Two words" {
		t.Errorf("got %q, %q, %v, want %q", got.Subject, got.Source(), err, want)
	}
}

// FuzzParse reads anything: what is taken can be written and read again, and when it is set has one link and no markup of its own.
func FuzzParse(f *testing.F) {
	f.Add("notice", "News of {organization}", "# Lead\n\ntext <b>&\n\n{link}\n\n~ small")
	f.Add("code", "x", "{code}\r\r{minutes}")
	f.Add("answer", "{", "}{link}{reason}")
	all, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind, subject, source string) {
		got, err := Parse(Kind(kind), subject, source)
		if err != nil {
			return
		}
		again, err := Parse(Kind(kind), got.Subject, got.Source())
		if err != nil || again.Source() != got.Source() {
			t.Fatalf("once %q, and once %q, %v", got.Source(), again.Source(), err)
		}
		set := all["ar"].Set(got, Values{Organization: "<O>&", Link: "https://x.example/m/1", Code: "1", Reason: "<r>"}, Sheet{Phrase: "<p>"})
		if n := strings.Count(set.HTML, "<a "); n > 1 || strings.Contains(set.HTML, "<O>") || strings.Contains(set.HTML, "<p>&") {
			t.Errorf("%d links:\n%s", n, set.HTML)
		}
	})
}

func TestAccept(t *testing.T) {
	all := builtin(t)
	for field, want := range map[string]string{
		"": "", "*": "", "de": "de", "de-AT,de;q=0.9,en;q=0.8": "de-at", "sv, fr;q=0.5, it;q=0.7": "it", "xx;q=1, en-GB;q=0.1": "en-gb",
		"fr;q=0": "", "fr;q=2": "", "fr;q=x, pl": "pl", "AR-eg": "ar-eg", "de;q=0.5,es;q=0.5": "de", "de;level=1": "", "en\r\nBcc: x": "",
		strings.Repeat("xx,", 100) + "de": "", strings.Repeat("x", 5000): "",
	} {
		if got := all.Accept(field); got != want {
			t.Errorf("%.40q: got %q, want %q", field, got, want)
		}
	}
}

// FuzzAccept reads anything a browser may send.
func FuzzAccept(f *testing.F) {
	f.Add("de-AT,de;q=0.9,en;q=0.8")
	f.Add(";;q=,,=,")
	all, err := Builtin()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if got := all.Accept(field); got != "" && (!isTag(got) || all.find(got) == nil) {
			t.Errorf("%q: got %q", field, got)
		}
	})
}

// TestNamesDoNotTurnASentenceAround looks for the marks that keep a name's direction to itself, and for none beside the link and the code,
// where a program could take them for a part of it.
func TestNamesDoNotTurnASentenceAround(t *testing.T) {
	all := builtin(t)
	v := Values{Organization: "Seaside Clinic (North)", Link: "https://portal.example/m/1", Code: "1234 5678", Minutes: "10"}
	s := all["ar"].Set(all["ar"].Mails[Notice], v, Sheet{Phrase: "blue whale"})
	for _, want := range []string{"\u2068Seaside Clinic (North)\u2069", "\u2068blue whale\u2069", "\n\nhttps://portal.example/m/1\n\n"} {
		if !strings.Contains(s.Text, want) {
			t.Errorf("%q is missing:\n%s", want, s.Text)
		}
	}
	for _, want := range []string{`<html lang="ar" dir="rtl">`, `<bdi dir="auto">Seaside Clinic (North)</bdi>`, `<p dir="ltr" align="right"`} {
		if !strings.Contains(s.HTML, want) {
			t.Errorf("%q is missing:\n%s", want, s.HTML)
		}
	}
	if strings.Count(s.Text, "\u2068") != strings.Count(s.Text, "\u2069") {
		t.Errorf("marks are not in pairs:\n%q", s.Text)
	}
	plain := all["de"].Set(all["de"].Mails[Notice], v, Sheet{})
	if strings.ContainsAny(plain.Text, "\u2068\u2069") {
		t.Errorf("marks where nothing mixes:\n%q", plain.Text)
	}
	v.Organization = "مركز الشاطئ"
	if mixed := all["de"].Set(all["de"].Mails[Notice], v, Sheet{}); !strings.Contains(mixed.Text, "\u2068مركز الشاطئ\u2069") {
		t.Errorf("an Arabic name in German is not isolated:\n%q", mixed.Text)
	}
}

// TestTextAndHTMLSayTheSame compares the words of both, for every kind and language.
func TestTextAndHTMLSayTheSame(t *testing.T) {
	v := Values{Organization: "Clinic & Sons", Link: "https://portal.example/m/1", Code: "1234 5678", Minutes: "10", Reason: "Too <large>.", When: "2026-03-01 09:30 UTC"}
	for tag, l := range builtin(t) {
		for kind, m := range l.Mails {
			s := l.Set(m, v, Sheet{Phrase: "blue whale", Postal: "Quay 1", Contact: "+49 40 123"})
			text := strings.Join(strings.Fields(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(s.Text)), " ")
			page := s.HTML[strings.Index(s.HTML, "<body"):]
			var b strings.Builder
			for len(page) > 0 {
				before, after, _ := strings.Cut(page, "<")
				b.WriteString(before)
				_, page, _ = strings.Cut(after, ">")
				if strings.HasSuffix(before, "\n") || strings.HasPrefix(after, "br") {
					b.WriteByte(' ')
				}
			}
			shown := strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&#39;", "'", "&nbsp;", " ", "&#34;", `"`).Replace(b.String())
			shown = strings.Join(strings.Fields(shown), " ")
			if want := "Clinic & Sons " + text; shown != want {
				t.Errorf("%s in %s:\ngot  %s\nwant %s", kind, tag, shown, want)
			}
		}
	}
}

// In French a colon never begins a line, in any mail.
func TestSpacesThatDoNotBreakStay(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	fr, n := all["fr"], 0
	for kind, mail := range fr.Mails {
		set := fr.Set(mail, Values{Organization: "Clinique", Link: "https://portal.example/", Code: "1234", Minutes: "10", Reason: "x", When: "y"}, Sheet{Phrase: "baleine"})
		for _, text := range []string{set.Text, set.HTML[strings.Index(set.HTML, "<body"):]} {
			for _, mark := range []string{" :\n", " :<", " ;", " »", "« "} {
				if strings.Contains(text, mark) {
					t.Errorf("%s: %q can be broken over two lines", kind, mark)
				}
			}
			n += strings.Count(text, "\u00a0:")
		}
	}
	if n == 0 {
		t.Error("there is no colon")
	}
	own, err := Parse(Notice, "Un\u00a0sujet", "# Bonjour\u00a0!  Lisez\n ici\u202f:\n\n{link}")
	if err != nil || own.Subject != "Un\u00a0sujet" || own.Body[0].Text != "Bonjour\u00a0! Lisez ici\u202f:" {
		t.Errorf("got %q, %v", own, err)
	}
}
