package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// evidence is what a string has of the parts of an attribution.
type evidence uint8

const (
	hasAddress evidence = 1 << iota // a mail address
	hasYear                         // 19xx or 20xx
	hasDate                         // numbers joined like a date
	hasTime                         // hours and minutes
	hasVerb                         // "wrote", in any language
)

// maxAttribution bounds how long, in octets, and over how many lines an attribution may run.
const (
	maxAttribution      = 500
	maxAttributionLines = 5
)

// verbs are the words by which attributions say that somebody wrote. One in an attribution suffices.
var verbs = [...]string{
	"wrote", "writes", "Quoth ", "written", "said:", "said :", "schrieb", "schreibt", "geschrieben", "a écrit", "à écrit", "écrivait", "écrit", "escribió", "escribio", "escribiste",
	"ha scritto", "scritto", "scrive", "scriveva", "escreveu", "escrito", "schreef", "geschreven", "skrev", "skreiv", "skrifaði", "kirjoitti", "napisał", "napisan", "pisze", "napsal", "píše",
	"написал", "пишет", "писал", "писа", "пише", "έγραψε", "έγραψαν", "yazdı", "yazmış", "כתב", "כתבה", "كتب", "كتبت", "كتابة",
	"写道", "寫道", "撰写", "寫", "书写", "書きました", "書いた", "のメール", "作成", "작성", "쓴 글", "이(가) 쓴", "님이 쓴", "썼습니다", "wrote:", "đã viết", "viết", "írta", "a scris", "scris", "napisala", "napisao", "rašė", "rakstīja", "kirjutas", "menulis", "เขียน", "написа", "написав",
	"odesílatel", "napísal", "písal", "va escriure", "idatzi du",
}

// openings are the words attributions begin with. A date follows, so they only say where one begins.
var openings = [...]string{
	"On ", "At ", "Am ", "Le ", "El ", "Il ", "Em ", "No dia ", "A ", "Op ", "Den ", "På ", "W dniu ", "Dnia ", "Dne ", "Στις ", "Την ", "Τη ", "Στα ",
	"Vào ", "Lúc ", "Ngày ", "في ", "بتاريخ ", "בתאריך ", "ב-", "ב־", "ביום ", "在", "于", "於", "La ", "Pe ", "Dana ", "На ", "Quoting ", "Zitat von ",
	"Wiadomość napisana przez ", "Pada ", "Kuupäev ", "V V ", "Missatge de ", "ในวันที่ ", "In a message dated ", "In message ", "In article ", "Il giorno ", "Citando ", "---- On ", "----- On ", "--- On ", "---- Am ", "---- El ", "---- Le ", "---- Il ",
}

// notice reads a string once and returns what it has, but for hasVerb.
func notice(s string) evidence {
	var ev evidence
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '@':
			if i > 0 && i+1 < len(s) && isWord(s[i-1]) && isWord(s[i+1]) {
				ev |= hasAddress
			}
			i++
		case c >= '0' && c <= '9':
			n := run(s[i:])
			if n == 4 && (s[i:i+2] == "20" || s[i:i+2] == "19") {
				ev |= hasYear
			}
			rest := s[i+n:]
			if n <= 2 && len(rest) > 2 {
				m := run(rest[1:])
				switch rest[0] {
				case ':', 'h':
					if m == 2 {
						ev |= hasTime
					}
				case '.', '/', '-':
					if m == 2 && rest[0] == '.' && (len(rest) == 3 || rest[3] != '.') {
						ev |= hasTime // 15.00, as Finland and Denmark write
					}
					if m >= 1 && m <= 2 && len(rest) > m+2 && rest[m+1] == rest[0] && run(rest[m+2:]) >= 2 {
						ev |= hasDate
					}
				}
			} else if n == 4 && len(rest) > 4 && (rest[0] == '-' || rest[0] == '/' || rest[0] == '.') && run(rest[1:]) > 0 {
				ev |= hasDate | hasYear
			}
			i += n
		default:
			i++
		}
	}
	if ev&hasTime == 0 && (strings.Contains(s, "时") || strings.Contains(s, "時") || strings.Contains(s, "시 ")) {
		ev |= hasTime
	}
	return ev
}

// run returns how many digits s begins with.
func run(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80 || c == '_' || c == '-'
}

func saysWrote(s string) bool {
	if verbFinder().in(s) == 0 {
		return false
	}
	for _, v := range verbs {
		if i := strings.Index(s, v); i >= 0 {
			// A Latin verb is a word of its own: "rewrote" is not one of them.
			if i > 0 && v[0] < 0x80 && isWord(s[i-1]) && s[i-1] < 0x80 {
				continue
			}
			return true
		}
	}
	return false
}

// opens reports whether a line begins as attributions do.
func opens(s string) bool {
	s = strings.TrimLeft(s, "*_-–— \u200e\u200f\u202a\u202b\u202c\u2067\u2068")
	if s == "" {
		return false
	}
	if s[0] >= '0' && s[0] <= '9' {
		return true
	}
	for _, o := range openings {
		if strings.HasPrefix(s, o) || len(s) == len(o)-1 && strings.HasPrefix(o, s) {
			return true
		}
	}
	return false
}

// trimMarks takes off what surrounds an attribution: emphasis, and marks that set the direction of writing.
func trimMarks(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		switch r {
		case '*', '_', '\u00a0', '\u200e', '\u200f', '\u200b', '\ufeff':
			return true
		}
		return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || unicode.IsSpace(r)
	})
}

// endsLikeAttribution is the cheap test that most lines fail.
func endsLikeAttribution(s string) bool {
	if s == "" || len(s) > maxAttribution {
		return false
	}
	last := s[len(s)-1]
	switch last {
	case ':', '*', '_':
		return true
	case '>':
		// "2011/7/1 Ann <ann@example.com>", as Gmail once wrote.
		return len(s) <= 150 && s[0] >= '0' && s[0] <= '9'
	case '-':
		return strings.HasSuffix(s, "---") // Zoho sets dashes at either end
	}
	if last < 0x80 {
		return false
	}
	r, _ := utf8.DecodeLastRuneInString(s)
	if r == '：' {
		return true
	}
	return unicode.Is(unicode.Cf, r) && strings.HasSuffix(trimMarks(s), ":")
}

// strength says how sure an attribution is.
type strength uint8

const (
	none   strength = iota
	weak            // only if a quote follows
	strong          // even if what follows has no marks of a quote
)

// attributionEnding looks for an attribution whose last line is i, and returns its first line. The lines between low and
// i are free to be part of it.
func (d *document) attributionEnding(i, low int) (first int, s strength) {
	if !endsLikeAttribution(d.text(i)) {
		return d.attributionWithin(i, low)
	}
	dashed := strings.HasSuffix(d.text(i), "-")
	if t := trimMarks(d.text(i)); !dashed && t != "" && t[len(t)-1] != '>' && !strings.HasSuffix(t, ":") && !strings.HasSuffix(t, "：") {
		return 0, none
	}
	if strings.HasSuffix(d.text(i), ">") {
		if ev := notice(d.text(i)); ev&hasAddress != 0 && ev&(hasDate|hasYear) != 0 {
			return i, weak
		}
		return 0, none
	}
	if dashed {
		return d.dashedEnding(i, low)
	}
	if t := d.text(i); t[0] == '[' && strings.HasSuffix(t, "]:") {
		if ev := notice(t); ev&(hasYear|hasDate) != 0 && ev&hasTime != 0 && !speaks(t) {
			return i, weak // "[Ann, 01.05.2024 15:04]:"
		}
		return 0, none
	}
	var ev evidence
	size := 0
	first, s = i, none
	for k := i; k >= low && i-k < maxAttributionLines; k-- {
		t := d.text(k)
		if t == "" || d.lines[k].depth != d.lines[i].depth || d.lines[k].wrap != d.lines[i].wrap || d.lines[k].decided {
			break
		}
		if size += len(t); size > maxAttribution {
			break
		}
		if k < i && endsSentence(t) {
			break
		}
		ev |= notice(t)
		if ev&hasVerb == 0 && saysWrote(t) {
			ev |= hasVerb
		}
		begins := opens(t)
		got := judge(ev, begins)
		if got == strong && ev&hasVerb == 0 && !(begins && !hasDigit(t[:1])) && !d.endsInAddress(i) {
			got = weak
		}
		if got != none && speaks(t) {
			// "On 1 May you wrote:" is how people write. Few programs do, and those mark what they quote.
			if ev&(hasYear|hasDate) != 0 && ev&hasTime != 0 && ev&hasVerb != 0 {
				return i, weak
			}
			return 0, none
		}
		if got == weak && ev&hasAddress == 0 && (k < i || !begins && !named(t)) {
			got = none
		}
		if got == none && k == i {
			continue
		}
		if got > s {
			first, s = k, got
		}
		if begins && got == strong {
			break
		}
	}
	if s == none {
		return 0, none
	}
	if s == strong {
		return d.extend(first, i, low), strong
	}
	if s == weak && first < i {
		// Without a sure sign only the line itself counts.
		return i, weak
	}
	return first, s
}

// extend looks for lines above first that belong to the attribution from first to i, since a program wrapped it early.
func (d *document) extend(first, i, low int) int {
	size := 0
	for k := first; k <= i; k++ {
		size += len(d.text(k))
	}
	t := strings.TrimLeft(d.text(first), "*_ \u200e\u200f\u202a\u202b")
	whole := t != "" && (t[0] < '0' || t[0] > '9') && opens(t) && notice(t)&(hasYear|hasDate) != 0
	// From a day on, with all that attributions have: only a weekday or a month can be missing.
	complete := false
	if t != "" && t[0] >= '0' && t[0] <= '9' {
		ev := notice(d.body[d.lines[first].text:d.lines[i].end])
		complete = ev&hasAddress != 0 && ev&hasTime != 0 && (ev&hasDate != 0 || ev&hasYear != 0 && run(t) != 4)
	}
	best := first
	for k := first - 1; k >= low && i-k < maxAttributionLines; k-- {
		l, t := &d.lines[k], d.text(k)
		if t == "" || l.decided || l.depth != d.lines[i].depth || l.wrap != d.lines[i].wrap {
			break
		}
		if size += len(t); size > maxAttribution || endsSentence(t) || ownWords(t) && !opens(t) || speaks(t) {
			break
		}
		if complete {
			if !opens(t) || hasDigit(t) || len(t) > 30 || len(t) > 12 && !strings.Contains(t, ",") {
				return best
			}
			best = k
			continue
		}
		ev := notice(t)
		switch {
		case ev&hasAddress != 0 && named(t): // "Ann <ann@example.com>", as some languages begin
			best = k
		case whole:
			return best
		case ev&(hasYear|hasDate|hasTime) != 0 && strings.Count(t, " ") <= 14, opens(t) && (hasDigit(t) || k+1 == best && named(t)):
			best = k
		}
	}
	if best == first && strings.HasPrefix(d.text(first), "<") && first > low && !d.blank(first-1) && !d.lines[first-1].decided {
		best--
	}
	return best
}

// dashedEnding looks for an attribution that ends at line i and has dashes at either end.
func (d *document) dashedEnding(i, low int) (first int, s strength) {
	var ev evidence
	for k := i; k >= low && i-k < maxAttributionLines; k-- {
		t := d.text(k)
		if t == "" || len(t) > maxAttribution || d.lines[k].depth != d.lines[i].depth || d.lines[k].decided {
			break
		}
		ev |= notice(t)
		if saysWrote(t) {
			ev |= hasVerb
		}
		if strings.HasPrefix(t, "---") && (k == i && !isRule(t) || opens(t)) {
			if ev&hasVerb != 0 && judge(ev, true) == strong {
				return k, strong
			}
			break
		}
	}
	return 0, none
}

// endsSentence reports whether a line ends as sentences do, not as an abbreviation.
func endsSentence(t string) bool {
	switch t[len(t)-1] {
	case ':', '!', '?':
		return !strings.HasSuffix(t, "(időpont:")
	case '.':
		word := t[strings.LastIndexByte(t, ' ')+1:]
		return longer(word, 8) || longer(word, 6) && !hasDigit(word) && len(t) > 30
	}
	return strings.HasSuffix(t, "：") || strings.HasSuffix(t, "。") || strings.HasSuffix(t, "！") || strings.HasSuffix(t, "？")
}

func hasDigit(s string) bool {
	for i := range len(s) {
		if isDigit(s[i]) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return c-'0' < 10 }

// attributionWithin looks for an attribution that is followed by the quote in the same line, as one phone writes it. It must
// have an address, a date and a time.
func (d *document) attributionWithin(i, low int) (first int, s strength) {
	t := d.text(i)
	if len(t) > 4*maxAttribution {
		t = t[:4*maxAttribution]
	}
	at := strings.IndexByte(t, '>')
	if at < 0 || at+2 >= len(t) || t[at+1] != ' ' && t[at+1] != ':' || strings.IndexByte(t[:at], '@') < 0 {
		return 0, none
	}
	n := strings.Index(t[at:min(len(t), at+60)], ": ")
	if n < 0 { // "wrote:May I use it?"
		n = strings.IndexByte(t[at:min(len(t), at+60)], ':')
		if n >= 0 && (at+n+1 >= len(t) || t[at+n+1] == '/') {
			return 0, none
		}
	}
	if n < 0 || !saysWrote(t[:at+n+1]) || speaks(t[:at+n]) {
		return 0, none
	}
	const all = hasAddress | hasTime
	ev := notice(t[:at])
	first = i
	if k := d.startAbove(i, low); !opens(t) && k < i {
		first = k
		ev |= notice(d.text(k))
	}
	if ev&all != all || ev&(hasYear|hasDate) == 0 || !opens(d.text(first)) {
		return 0, none
	}
	return first, strong
}

// startAbove looks for a line shortly above i with which an attribution that ends at i may have begun.
func (d *document) startAbove(i, low int) int {
	for k := i - 1; k >= low && i-k < maxAttributionLines; k-- {
		t := d.text(k)
		if t == "" || len(t) > maxAttribution || d.lines[k].decided || d.lines[k].depth != d.lines[i].depth || d.lines[k].wrap != d.lines[i].wrap {
			break
		}
		if endsSentence(t) {
			break
		}
		if opens(t) && notice(t)&(hasYear|hasDate|hasTime) != 0 {
			return k
		}
	}
	return i
}

// endsInAddress reports whether the last word before the colon at the end of line i is a mail address. The colon may stand alone.
func (d *document) endsInAddress(i int) bool {
	t := strings.TrimRightFunc(d.text(i), afterAddress)
	if t == "" && i > 0 {
		t = strings.TrimRightFunc(d.text(i-1), afterAddress)
	}
	return strings.IndexByte(t[strings.LastIndexAny(t, " <(")+1:], '@') >= 0
}

func afterAddress(r rune) bool {
	switch r {
	case ':', '：', '>', ')', ']', '"', '*', '_':
		return true
	}
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// judge weighs the parts an attribution has.
func judge(ev evidence, begins bool) strength {
	day := ev&(hasYear|hasDate) != 0
	switch {
	case ev&hasVerb != 0 && ev&hasAddress != 0 && (day || ev&hasTime != 0):
		return strong
	case ev&hasVerb != 0 && day && ev&hasTime != 0:
		return strong
	case ev&hasVerb != 0 && begins && (day || ev&hasAddress != 0):
		return strong
	case ev&hasAddress != 0 && day && ev&hasTime != 0:
		return strong
	case ev&hasVerb != 0, ev&hasAddress != 0, begins && day && ev&hasTime != 0:
		return weak
	}
	return none
}

// named reports whether a line is at most a name and a verb: "Ann Example wrote:". A name's words begin in upper case, where the
// script has it.
func named(s string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, "*_\"'"))
	if len(s) > 120 || strings.Count(s, " ") > 8 || !unicode.IsUpper(r) && (!unicode.IsLetter(r) || unicode.IsLower(r)) || ownWords(s) {
		return false
	}
	for w := range strings.FieldsSeq(s) {
		r, _ := utf8.DecodeRuneInString(strings.TrimLeft(w, "*_\"'(<\u202a"))
		if unicode.IsLower(r) && !betweenNames[strings.TrimRight(w, ":：.,")] && strings.IndexByte(w, '@') < 0 && verbFinder().in(w) == 0 && !strings.HasSuffix(w, ":") {
			return false
		}
	}
	return true
}

// betweenNames may stand between the words of a name and a verb.
var betweenNames = map[string]bool{
	"van": true, "von": true, "de": true, "der": true, "den": true, "del": true, "della": true, "di": true, "da": true, "dos": true, "das": true, "do": true, "du": true, "des": true, "la": true, "le": true, "el": true, "al": true, "bin": true, "ibn": true, "zu": true, "zur": true, "zum": true, "ter": true, "ten": true, "te": true, "af": true, "av": true, "y": true, "e": true, "i": true, "und": true, "and": true, "et": true,
	"a": true, "à": true, "ha": true, "hat": true, "heeft": true, "het": true, "volgende": true, "folgendes": true, "am": true, "um": true, "on": true, "at": true, "via": true, "je": true, "ezt": true, "przez": true, "v": true, "ve": true, "đã": true, "şunu": true, "şunları": true, "hat:": true, "op": true, "om": true, "kl": true, "klo": true, "ο": true, "η": true,
}

// speaks reports whether a line speaks to somebody or of the author, as no program's attribution does.
func speaks(s string) bool {
	if pronounsFinder().in(s) != 0 {
		return true
	}
	return strings.HasPrefix(s, "You ") || strings.HasPrefix(s, "I ") || strings.HasPrefix(s, "We ") || strings.HasPrefix(s, "Я ") ||
		strings.HasPrefix(s, "我") && strings.IndexByte(s, '@') < 0
}

// pronouns, with their verb, are how people introduce a quote by hand.
var pronouns = [...]string{
	" ich ", " ich:", " ik ", " ik:", " jag ", " jag:", " jeg ", " jeg:", " je vous ", " je lui ", " nous vous ", "ho scritto", "abbiamo scritto", " escribí", " escribimos", "escrevi ", "escrevi:", "escrevemos", "kirjoitin", "kirjoitimme", "napisałem", "napisałam", "pisałem", "pisałam", "napisaliśmy", "Państw", " jsem ", " jsme ", " vám ", " мы ", " вам ", " вас ", " ми ", " я ", " я:", "έγραψα ", "έγραψα:", " σας ", " μου ", "yazdım", "yazdık", " size ", "כתבתי", " לכם", " לי ", " לנו ", "אני ", " لكم", " لي ", " لنا ", "我们", "我們", "私は", "私が", "제가", "저는", "저희", "tôi ", " her mail", " his mail", " their mail", " her email", " his email", " her e-mail", " his e-mail",
	" wrote to ", " wrote me", " mir ", " uns ", " Ihr ", " Ihre ", " Ihnen ", " m'a écrit", " nous a écrit", " nos escribió", " ci ha scritto", " me escreveu", " aan mij ", " мне ", " нам ", " mi napisał", " bana ", " you wrote", " I wrote", " we wrote", " he wrote", " she wrote", " they wrote", "have written", "schrieben Sie", "Sie schrieben", "schriebst du", "schrieb ich", " your ", "vous avez écrit", "tu as écrit", "j'ai écrit", "usted escribió", "me escribió", "lei ha scritto", "mi ha scritto", "você escreveu", "schreef u", "schreef je", "skrev du", "вы писали", "Вы писали", "ви писали", "вы написали",
}
