package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	"letterlock/bridge/wording"
)

// pen writes random letters: the same ones for the same seed.
type pen struct {
	rng      *rand.Rand
	ordinary []string // words that our templates use too
}

// alphabets are where letters come from; those of the first few are used most.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz", "eeeeaaaiiiooutnrsldcmpbgvfh", "aäbcdeéèfghiïjklmnñoöøpqrsßtuüvwxyzåæçłśżő",
	"абвгдежзийклмнопрстуфхцчшщыьэюя", "αβγδεζηθικλμνξοπρστυφχψω", "אבגדהוזחטיכלמנסעפצקרשת", "ابتثجحخدذرزسشصضطظعغفقكلمنهوي", "پچژگکیآبتدرسشمن",
	"日本語漢字文書手紙病院予約結果检查医生", "ひらがなさくらやまかわ", "カタカナテストレター", "가나다라마바사아자차카타파하", "अआइईउकखगघचछजझटठडढतथदधनपफबभमयरल", "กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวสหอ",
	"աբգդեզէըթժիլխծկհձղճմ", "აბგდევზთიკლმნოპჟრსტ", "አበገደሀወዘሐጠየከለመነሰ", "𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯", "𝔞𝔟𝔠𝔡𝔢𝔣𝔤𝔥",
}

// newPen returns a pen that knows the words of the templates, in all languages.
func newPen(seed uint64) (*pen, error) {
	p := &pen{rng: rand.New(rand.NewPCG(seed, 6))}
	all, err := wording.Builtin()
	if err != nil {
		return nil, err
	}
	for _, l := range all.All() {
		for _, s := range wording.Specs() {
			for _, paragraph := range l.Mails[s.Kind].Body {
				p.ordinary = append(p.ordinary, strings.FieldsFunc(paragraph.Text, func(r rune) bool { return !isTokenRune(r) })...)
			}
		}
	}
	return p, nil
}

// word writes one: mostly one that nobody has heard of, now and then one that templates use, or a name with signs in it.
func (p *pen) word() string {
	switch p.rng.IntN(40) {
	case 0:
		return p.ordinary[p.rng.IntN(len(p.ordinary))]
	case 1:
		return []string{"&", "<b>", "=?utf-8?q?x?=", "{link}", "%", "\"", ".", "--", "👩‍👩‍👧", "\u202e", "https://", "it's", "2026-11-20"}[p.rng.IntN(13)]
	}
	letters := []rune(alphabets[p.rng.IntN(len(alphabets))])
	if p.rng.IntN(2) == 0 {
		letters = []rune(alphabets[p.rng.IntN(4)])
	}
	w := make([]rune, 1+p.rng.IntN(14))
	for i := range w {
		w[i] = letters[p.rng.IntN(len(letters))]
	}
	if p.rng.IntN(3) == 0 {
		w[0] = unicode.ToUpper(w[0])
	}
	if p.rng.IntN(12) == 0 {
		w = append(w, '\u0301') // as decomposed text has it
	}
	return string(w)
}

// words writes as many as are asked for.
func (p *pen) words(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = p.word()
	}
	return strings.Join(all, " ")
}

// name writes a person's.
func (p *pen) name() string {
	return strings.Trim(p.words(1+p.rng.IntN(3)), " ") + " " + p.plain(5+p.rng.IntN(6))
}

// plain writes a word that can stand in an address.
func (p *pen) plain(n int) string {
	w := make([]byte, n)
	for i := range w {
		w[i] = "abcdefghijklmnopqrstuvwxyz"[p.rng.IntN(26)]
	}
	return string(w)
}

// address writes one that nobody else has. Some need SMTPUTF8.
func (p *pen) address(i int) string {
	local := fmt.Sprintf("%s.%s%d", p.plain(6), p.plain(5), i)
	if p.rng.IntN(10) == 0 {
		local = fmt.Sprintf("%s%d", string([]rune("аннаборисвикторгалина")[p.rng.IntN(8):][:8]), i)
	}
	return local + "@" + p.plain(9) + ".example"
}

// missive is a message before it is written to somebody.
type missive struct {
	subject, text, html string
	files               [][2]string // name and content
}

// missive writes one: mostly short, sometimes of one word, seldom very long.
func (p *pen) missive() missive {
	n := 1 + p.rng.IntN(40)
	switch p.rng.IntN(100) {
	case 0:
		n = 4000
	case 1, 2, 3, 4, 5, 6, 7, 8:
		n = 1
	}
	l := missive{subject: p.words(1+p.rng.IntN(8)) + " " + p.plain(6), text: p.words(n) + " " + p.plain(8)}
	if p.rng.IntN(3) == 0 {
		l.html = "<p>" + strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(p.words(1+p.rng.IntN(15))) + "</p><blockquote>" + p.plain(7) + "</blockquote>"
	}
	for range p.rng.IntN(4) / 2 {
		l.files = append(l.files, [2]string{p.words(1+p.rng.IntN(3)) + " " + p.plain(6) + ".txt", p.words(3)})
	}
	return l
}

// says returns all that a missive says.
func (l missive) says() string {
	all := l.subject + "\n" + l.text + "\n" + l.html
	for _, f := range l.files {
		all += "\n" + f[0] + "\n" + f[1]
	}
	return all
}
