package reply

import "strings"

// What is looked for where a letter says how its answers are set. The bits are in the order of the lists.
var markedFinder = lists(colourWords[:], boldWords[:], inlineWords[:], answerWords[:])

const (
	findsColour = 1 << iota
	findsBold
	findsInline
	findsAnswer
)

// colourWords, in lower case, are how a letter says that it answers in a colour.
var colourWords = [...]string{
	"in red", "in blue", "in green", "in purple", "in orange", "in colour", "in color", "red below", "blue below", "in rot", "in blau", "in grün", "rot markiert", "farbig", "in roter", "in blauer", "in grüner", "en rouge", "en bleu", "en vert", "en couleur", "en rojo", "en azul", "en verde", "en color",
	"in rosso", "in blu", "in verde", "em vermelho", "em azul", "em verde", "a vermelho", "a azul", "in rood", "in het rood", "in blauw", "in het blauw", "in groen", "in het groen", "i rött", "med rött", "i rödt", "i blått", "med blått", "i grönt", "i rødt", "med rødt", "med rød", "i blåt", "med blå", "med grøn", "med grønn",
	"punaisella", "sinisellä", "vihreällä", "na czerwono", "na niebiesko", "na zielono", "červeně", "modře", "zeleně", "красным", "синим", "зелёным", "зеленым", "червоним", "синім", "зеленим", "με κόκκινο", "με μπλε", "με πράσινο", "kırmızı", "mavi", "yeşil", "באדום", "בכחול", "בירוק", "بالأحمر", "بالأزرق", "بالأخضر", "باللون",
	"红色", "蓝色", "绿色", "紅色", "藍色", "綠色", "标红", "赤字", "青字", "赤色", "青色", "빨간", "파란", "적색", "màu đỏ", "màu xanh",
}

var boldWords = [...]string{
	"in bold", "bold below", "bolded", "in fett", "fett gedruckt", "fettgedruckt", "fett markiert", "en gras", "en negrita", "in grassetto", "em negrito", "a negrito", "vetgedrukt", "in vet", "in het vet", "med fet", "i fet", "med fed", "lihavoi", "pogrubi", "tučně", "жирным", "жирним", "έντον", "kalın", "מודגש", "بالخط العريض", "粗体", "加粗", "粗體", "太字", "굵은", "in đậm", "chữ đậm",
}

var inlineWords = [...]string{
	"inline", "in-line", "in line below", "in your text", "in the text below", "in your mail", "in your email", "within your", "between your lines", "im text", "in ihrem text", "in deinem text", "in ihrer mail", "in deiner mail", "unten im", "dans le texte", "dans votre message", "dans votre mail", "dans ton mail", "dans le corps", "en el texto", "en tu correo", "en su correo",
	"entre líneas", "nel testo", "nella tua mail", "no texto", "no corpo do", "in de tekst", "in je mail", "in uw mail", "tussen de regels", "i texten", "i ditt mail", "i teksten", "i din mail", "i mailen", "tekstin seassa", "viestisi sekaan", "w treści", "w tekście", "v textu", "в тексте", "по тексту", "у тексті", "στο κείμενο", "metin içinde", "בגוף ה", "ضمن النص", "文中", "本文中", "본문", "trong nội dung",
}

// answerWords, in lower case, are how a letter speaks of its answers, or points at them.
var answerWords = [...]string{
	"answer", "repl", "comment", "respon", "see my", "see inline", "see text", "below", "antwort", "kommentar", "anmerkung", "siehe", "unten", "répon", "commentaire", "voir", "ci-dessous", "respuest", "comentario", "abajo", "rispost", "commenti", "sotto", "respost", "comentári", "abaixo", "antwoord", "opmerking", "hieronder", "svar", "kommentar", "nedan", "nedenfor", "vastau", "kommentt", "odpowied", "komentarz", "poniżej", "odpověd", "komentář", "níže",
	"ответ", "коммент", "ниже", "відпов", "нижче", "απαντ", "σχόλι", "cevap", "yanıt", "yorum", "aşağı", "תשוב", "הערות", "جواب", "إجاب", "ردود", "تعليق", "回复", "回覆", "答", "返信", "コメント", "回答", "답변", "답", "trả lời", "phản hồi",
}

// maxAnnounced bounds how many lines are looked at for words that say how answers are set.
const maxAnnounced = 60

// findMarked finds answers that their author set in a colour or in bold between the quoted lines, as people do in clients that
// mark no quotes. The words above must say so: the mail that is answered may have had colours itself.
func (d *document) findMarked() {
	if !d.html {
		return
	}
	var said uint16
	first, looked := -1, 0
	for i := range d.lines {
		l := &d.lines[i]
		if l.decided {
			if first < 0 && l.kind == Quote {
				first = i
			}
			continue
		}
		if looked++; looked > maxAnnounced {
			break
		}
		has := markedFinder().inLower(clip(d.text(i), 500))
		if has&findsAnswer == 0 {
			has &= findsInline // a gate may be red, too
		}
		said |= has
	}
	if first < 0 || said&(findsInline|findsColour|findsBold) == 0 {
		return
	}
	end, all, coloured, bold := d.markedEnd(first)
	by := hintColour
	if said&findsColour == 0 && (said&findsBold != 0 || coloured == 0) {
		by, coloured = hintBold, bold
	}
	if coloured == 0 || 3*coloured > 2*all {
		return
	}
	asked := -1 // the quoted line above
	for i := first; i < end; i++ {
		l := &d.lines[i]
		switch {
		case d.blank(i):
		case l.kind != Quote:
			asked = -1
		case l.hint&by == 0:
			asked = i
		default:
			l.kind, l.why = Answer, whyAnswer
			if asked >= 0 && !greets(d.text(asked)) {
				d.lines[asked].kind, d.lines[asked].why = Answered, whyAnswered
			}
			asked = -1
		}
	}
}

// markedEnd returns where the quote that begins at line first ends, or an older one begins in it, and counts its lines: all, those
// in a colour, and those in bold.
func (d *document) markedEnd(first int) (end, all, coloured, bold int) {
	depth := d.lines[first].depth
	for end = first; end < len(d.lines); end++ {
		l := &d.lines[end]
		if d.blank(end) || l.kind != Quote {
			continue
		}
		if l.depth > depth {
			break
		}
		if end > first {
			s := d.text(end)
			if f, v := fieldOf(s); f == fieldFrom && v != "" && notice(v) != 0 || introduces(s) {
				break
			}
		}
		all++
		if l.hint&hintColour != 0 {
			coloured++
		}
		if l.hint&hintBold != 0 {
			bold++
		}
	}
	return end, all, coloured, bold
}

// unmarked returns a line of an answer without the marks of the quote that it was written into.
func unmarked(l string) string { return strings.TrimLeft(l, "> ") }
