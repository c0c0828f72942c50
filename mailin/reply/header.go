package reply

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// field is a header field that clients copy above the mail they quote.
type field uint8

const (
	noField field = iota
	fieldFrom
	fieldDate
	fieldTo
	fieldCc
	fieldSubject
	fieldOther
)

// fieldWords lists, for each field, its names in the languages clients speak, in lower case, separated by "|".
var fieldWords = map[field]string{
	fieldFrom: "from|von|de|da|van|från|fra|lähettäjä|od|от|від|από|kimden|gönderen|מאת|من|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸 사람|보낸사람|보낸이|từ|người gửi|" +
		"nadawca|expéditeur|remitente|mittente|remetente|afzender|avsändare|avsender|afsender|odesílatel|отправитель|відправник|feladó|expeditor|de la|od koho|absender|message from|寄信人",
	fieldDate: "date|sent|sent on|gesendet|gesendet am|datum|envoyé|envoyé le|date d'envoi|envoyé par|enviado|enviado el|fecha|data|inviato|inviata|data invio|enviada em|enviado em|enviada|data de envio|" +
		"verzonden|verzonden op|skickat|skickades|sendt|dato|lähetetty|päivämäärä|pvm|päiväys|wysłano|wysłane|data wysłania|odesláno|отправлено|дата|дата отправки|надіслано|відправлено|" +
		"στάλθηκε|εστάλη|ημερομηνία|αποστολή|gönderildi|gönderilme tarihi|gönderim tarihi|gönderme tarihi|tarih|נשלח|תאריך|التاريخ|تاريخ الإرسال|تم الإرسال|أرسلت|أُرسلت|الإرسال|" +
		"发送时间|发送日期|已发送|已傳送|已送出|寄件時間|傳送日期|odoslané|odesláno dne|verzonden om|wysłany|日期|時間|时间|寄件日期|傳送日期|傳送時間|日時|送信日時|送信|日付|보낸 날짜|보낸날짜|보낸 시간|날짜|đã gửi|ngày|gửi|ngày gửi|elküldve|dátum|trimis|received|recibido",
	fieldTo: "to|saaja|odbiorca|người nhận|받는 분|收信人|an|à|para|a|aan|till|til|vastaanottaja|do|komu|кому|до|προς|kime|alıcı|אל|إلى|الى|收件人|收件者|宛先|받는 사람|받는사람|받는이|đến|tới|destinataire|destinataires|destinatario|" +
		"destinatário|destinatari|adresat|empfänger|ontvanger|mottagare|mottaker|modtager|címzett|către|pre",
	fieldCc:      "cc|kopie|kopie an|copie à|copie|copia|cópia|kopia|kopi|kopio|kopia till|dw|do wiadomości|копия|копія|κοιν|κοινοποίηση|bilgi|עותק|نسخة|抄送|副本|参照|參照|참조|đồng kính gửi|bcc|cci|cco|másolat",
	fieldSubject: "subject|rubrik|ogg|otsikko|titel|主題|標題|标题|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|ämne|emne|aihe|temat|předmět|тема|θέμα|konu|נושא|الموضوع|موضوع|主题|主題|主旨|件名|제목|chủ đề|tiêu đề|tárgy|subiect|predmet|betr",
	fieldOther: "reply-to|reply to|importance|attachments|priorität|wichtigkeit|anlagen|antwort an|répondre à|importancia|importanza|prioridade|message-id|organization|" +
		"anhang|pièces jointes|x-mailer|sender|list-post|mailed-by|添付ファイル|附件|重要性",
}

// fieldNames finds a field by its name.
var fieldNames = sync.OnceValue(func() map[string]field {
	m := make(map[string]field, 300)
	for f, words := range fieldWords {
		for w := range strings.SplitSeq(words, "|") {
			m[w] = f
		}
	}
	return m
})

// fieldOf returns which header field a line begins with, and its value.
func fieldOf(s string) (field, string) {
	s = strings.TrimLeft(s, "*_ \u200e\u200f\u202a\u202b")
	const longest = 48
	at, wide := strings.IndexByte(clip(s, longest), ':'), 1
	if w := strings.Index(clip(s, longest+len("：")-1), "："); w >= 0 && (at < 0 || w < at) {
		at, wide = w, len("：")
	}
	if at <= 0 {
		return noField, ""
	}
	name := s[:at]
	for strings.HasSuffix(name, " ") || strings.HasSuffix(name, "*") || strings.HasSuffix(name, "_") || strings.HasSuffix(name, "\u00a0") {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	// Japanese and Chinese clients spread short names: "发 件 人".
	names := fieldNames()
	f, ok := names[name]
	if !ok {
		var buf [64]byte
		f, ok = names[string(lower(buf[:0], name))]
	}
	if !ok && name != "" && name[0] >= 0xe0 {
		f, ok = names[strings.ReplaceAll(strings.ReplaceAll(name, " ", ""), "\u3000", "")]
	}
	if !ok {
		f, ok = fieldTwice(name)
	}
	if !ok {
		return noField, ""
	}
	return f, strings.TrimLeft(s[at+wide:], "*_ \u00a0\t")
}

// fieldTwice finds a field that is named in two languages: "Von / From".
func fieldTwice(name string) (field, bool) {
	first, second, ok := strings.Cut(name, "/")
	if !ok {
		return noField, false
	}
	a, b := nameOnly(first), nameOnly(second)
	return a, a == b && a != noField
}

// lower appends s in lower case without allocating.
func lower(b []byte, s string) []byte {
	n := len(b)
	b = append(b, s...)
	for i, c := range b[n:] {
		if c >= utf8.RuneSelf {
			return lowerWide(b[:n+i], s[i:])
		}
		if c >= 'A' && c <= 'Z' {
			b[n+i] = c + 'a' - 'A'
		}
	}
	return b
}

// lowerWide is lower for what has letters beyond ASCII.
func lowerWide(b []byte, s string) []byte {
	for _, r := range s {
		if r < utf8.RuneSelf {
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
			b = append(b, byte(r))
		} else {
			b = utf8.AppendRune(b, lowerRune(r))
		}
	}
	return b
}

// lowerRune is unicode.ToLower, without its search for the scripts that most mail is written in.
func lowerRune(r rune) rune {
	switch {
	case r >= 'а' && r <= 'џ', r >= 'ß' && r <= 'ÿ': // in lower case
		return r
	case r >= 'А' && r <= 'Я':
		return r + 'а' - 'А'
	case r >= 0x590 && r < 0x10a0, r >= 0x2e80 && r < 0xa640, r >= 0xac00 && r < 0xf900: // scripts without case
		return r
	}
	return unicode.ToLower(r)
}

// maxHeaderLines bounds how many lines a block of header fields may have.
const maxHeaderLines = 16

// headerAt looks for a block of header fields that begins at line i, and returns the line after it. A block that follows a
// line which separates an earlier mail needs less to be believed.
func (d *document) headerAt(i int, separated bool) (after int, ok bool) {
	if separated && d.bareFields(i) > i {
		return d.bareFields(i), true
	}
	first, _ := fieldOf(d.text(i))
	if first == noField || first == fieldOther && !separated {
		return 0, false
	}
	if !separated && d.indented(i) && i+1 < len(d.lines) && d.indented(i+1) {
		return 0, false // set apart as code is
	}
	var seen [fieldOther + 1]bool
	var addressed, timed, linked bool
	last, extra := noField, 0
	after = i
	for j, n := i, 0; j < len(d.lines) && n < maxHeaderLines; j++ {
		l := &d.lines[j]
		if l.depth != d.lines[i].depth || l.wrap != d.lines[i].wrap {
			break
		}
		if j > i && !separated && (l.hint&(hintRule|hintQuoteBegins) != 0 || separatorOf(d.text(j)) == originalLine) {
			k := d.next(j)
			if k == len(d.lines) {
				break
			}
			if next, _ := fieldOf(d.text(k)); next == noField && separatorOf(d.text(k)) != originalLine {
				break // a rule ends them
			}
			return 0, false // they begin here, and what stands above only looks like one
		}
		if d.blank(j) {
			// Some clients give each field a paragraph of its own.
			k := d.next(j)
			if k >= len(d.lines) || d.lines[k].depth != l.depth {
				break
			}
			if f, _ := fieldOf(d.text(k)); f == noField || seen[f] {
				break
			}
			continue
		}
		n++
		f, value := fieldOf(d.text(j))
		if f == noField {
			extra++
			// A date, say, that was wrapped: the next line is a field again.
			if extra == 1 && last != noField && j+1 < len(d.lines) && !d.blank(j+1) && d.lines[j+1].depth == l.depth {
				if g, _ := fieldOf(d.text(j + 1)); g != noField && !seen[g] {
					continue
				}
			}
			if last == noField || extra > 4 || !(last == fieldTo || last == fieldCc || extra == 1 && last == fieldSubject || strings.Contains(d.text(j), "@")) {
				break
			}
			if last == fieldSubject && j > i && runes(d.text(j-1)) < 50 {
				break // too short to have been wrapped: the text begins
			}
			after = j + 1
			continue
		}
		if seen[f] && f != fieldOther && f != fieldTo {
			if f == first && f != fieldFrom && seen[fieldFrom] && !separated {
				return 0, false // the first one stands above the fields
			}
			break
		}
		seen[f], last, extra = true, f, 0
		after = j + 1
		ev := notice(value)
		switch f {
		case fieldFrom:
			addressed = addressed || ev&hasAddress != 0
			linked = linked || strings.Contains(value, "mailto:")
		case fieldDate:
			// A date without any digit we know is written in another script's.
			timed = timed || ev&hasTime != 0 || value != "" && !strings.ContainsAny(value, "0123456789")
		}
	}
	if after == i+1 && !separated {
		return after, d.headerInLine(i)
	}
	kinds := 0
	for _, f := range []field{fieldFrom, fieldDate, fieldTo, fieldSubject} {
		if seen[f] {
			kinds++
		}
	}
	switch {
	case kinds == 4 && (addressed || timed), kinds == 3 && seen[fieldFrom] && seen[fieldDate] && (addressed || timed && seen[fieldSubject]):
		return after, true
	case linked && addressed && seen[fieldTo] && seen[fieldSubject]:
		return after, true
	case separated && seen[fieldFrom] && (kinds >= 3 && seen[fieldSubject] || addressed || timed):
		return after, true
	}
	return 0, false
}

// indented reports whether line i begins with four spaces or a tab.
func (d *document) indented(i int) bool {
	s := strings.TrimLeft(d.raw(i), "\u00a0\u200b")
	return strings.HasPrefix(s, "    ") || strings.HasPrefix(s, "\t")
}

// bareFields looks for header fields without colons from line i on, as eM Client sets them: names in the first words of
// lines, of which one is the sender's with an address. It returns the line after them, or i.
func (d *document) bareFields(i int) int {
	kinds, addressed := 0, false
	j := i
	for ; j < len(d.lines) && j < i+8; j++ {
		name, value, ok := strings.Cut(d.text(j), " ")
		if !ok {
			break
		}
		f := nameOnly(name)
		if f == noField || strings.HasSuffix(name, ":") {
			break
		}
		kinds++
		addressed = addressed || f == fieldFrom && notice(value)&hasAddress != 0
	}
	if kinds < 3 || !addressed {
		return i
	}
	return j
}

// headerInLine reports whether one line has the fields of a header, as remains where a program joined lines:
// "From: Ann <ann@example.com> Sent: 1 May 2024 15:04 To: Bob Subject: The plan".
func (d *document) headerInLine(i int) bool {
	s := d.text(i)
	if len(s) < 40 || len(s) > 1000 {
		return false
	}
	ev := notice(s)
	if ev&(hasAddress|hasTime) == 0 {
		return false
	}
	var seen [fieldOther + 1]bool
	kinds := 0
	for at := 0; ; {
		n := strings.IndexByte(s[at:], ':')
		if n < 0 {
			break
		}
		words := strings.TrimRight(s[at:at+n], "*_ \u00a0")
		for range 2 { // the name of a field has one word or two
			k := strings.LastIndexAny(words, " *")
			f, _ := fieldOf(strings.TrimRight(s[at+k+1:at+n], "*_ ") + ":")
			if f != noField && f != fieldOther && !seen[f] {
				seen[f] = true
				kinds++
				break
			}
			if k < 0 {
				break
			}
			words = words[:k]
		}
		at += n + 1
	}
	return seen[fieldFrom] && kinds >= 3
}

// columns looks for header fields whose names and values stand on lines of their own below a name and a date, as Notes set
// them. Line i is the first name, "To". It returns where they begin and the line after them.
func (d *document) columns(i, low int) (from, after int) {
	if nameOnly(d.text(i)) != fieldTo {
		return 0, 0
	}
	for j, n := i+1, 0; j < len(d.lines) && n < maxHeaderLines; j++ {
		s := d.text(j)
		if s == "" {
			continue
		}
		n++
		if nameOnly(s) != fieldSubject {
			continue
		}
		date := d.lastText(low, i)
		if date < low || len(d.text(date)) > 60 || notice(d.text(date))&hasTime == 0 || d.lines[date].depth != d.lines[i].depth {
			return 0, 0
		}
		from = date
		if name := d.lastText(low, date); name >= low && len(d.text(name)) < 100 && (!d.blank(date-1) || notice(d.text(name))&hasAddress != 0 || strings.Count(d.text(name), "/") > 1 && isName(d.text(name))) {
			from = name
		}
		after = d.next(j + 1)
		if after < len(d.lines) {
			after++ // its value
		}
		return from, after
	}
	return 0, 0
}

// nameOnly returns which field a line names that has nothing else in it, not even a colon.
func nameOnly(s string) field {
	if s == "" || len(s) > 24 {
		return noField
	}
	var buf [64]byte
	return fieldNames()[string(lower(buf[:0], strings.Trim(s, "*_: ")))]
}

// originals are the words between dashes that separate an earlier mail, in lower case.
var originals = [...]string{
	"original message", "mail original", "mail d'origine", "courriel original", "courriel d'origine", "original appointment", "ursprünglicher termin", "rendez-vous d'origine", "original email", "original mail", "originalmessage", "reply message", "replied message", "message original", "ursprüngliche nachricht", "originalnachricht", "ursprüngliche mail", "original-nachricht",
	"message d'origine", "message d’origine", "message initial", "message original", "mensaje original", "correo original", "messaggio originale", "messaggio originario", "mensagem original", "oorspronkelijk bericht", "origineel bericht",
	"ursprungligt meddelande", "originalmeddelande", "originalmelding", "opprinnelig melding", "opprinnelig e-post", "oprindelig meddelelse", "original meddelelse", "oprindelig besked", "alkuperäinen viesti", "wiadomość oryginalna", "oryginalna wiadomość",
	"původní zpráva", "původní e-mail", "исходное сообщение", "исходное письмо", "оригинальное сообщение", "первоначальное сообщение", "оригінальне повідомлення", "вихідне повідомлення", "початкове повідомлення",
	"αρχικό μήνυμα", "πρωτότυπο μήνυμα", "orijinal mesaj", "özgün ileti", "orijinal ileti", "asıl mesaj", "הודעה מקורית", "ההודעה המקורית", "رسالة أصلية", "الرسالة الأصلية", "الرسالة الأصليه",
	"原始邮件", "邮件原件", "郵件原件", "原邮件", "原始消息", "原始信息", "回复的原邮件", "回复邮件", "原始郵件", "原始訊息", "元のメッセージ", "オリジナルメッセージ", "original message", "원본 메시지", "원본 메일", "원본메시지", "원본 이메일", "thư gốc", "tin nhắn gốc", "tin nhắn ban đầu", "eredeti üzenet", "mesaj original", "pôvodná správa", "original",
}

// forwards are the words that introduce a mail passed on, in lower case.
var forwards = [...]string{
	"forwarded message", "begin forwarded message", "start of forwarded message", "start på videresendt besked", "start på videresendt melding", "välitetty viesti alkaa", "začátek přeposílané zprávy", "začátek přeposlané zprávy", "preposlaná správa", "начало пересылаемого сообщения", "початок листа, який пересилається", "αρχή προωθημένου μηνύματος", "ileti başlangıcı", "תחילת ההודעה שהועברה", "بداية الرسالة المُعاد توجيهها", "بداية الرسالة المعاد توجيهها", "以下是转发的邮件", "以下是轉寄的郵件", "以下是轉寄的訊息", "전달된 메시지 시작", "bắt đầu thư được chuyển tiếp", "bắt đầu thư đã chuyển tiếp", "início da mensagem reenviada", "inizio del messaggio inoltrato", "doorgestuurde bericht", "továbbított üzenet kezdete", "forwarded by", "forwarded email", "weitergeleitete nachricht", "anfang der weitergeleiteten nachricht", "weitergeleitet von", "weitergeleitete mail", "message transféré", "début du message transféré", "début du message réexpédié", "mensaje reenviado", "inicio del mensaje reenviado",
	"messaggio inoltrato", "inizio messaggio inoltrato", "mensagem encaminhada", "mensagem reencaminhada", "início da mensagem encaminhada", "início da mensagem reencaminhada", "doorgestuurd bericht", "begin doorgestuurd bericht", "vidarebefordrat meddelande", "vidarebefordrat brev", "videresendt melding", "videresendt besked", "videresendt meddelelse",
	"starten på videresendt besked", "videresendt melding", "välitetty viesti", "edelleenlähetetty viesti", "przekazana wiadomość", "wiadomość przekazana", "początek przekazywanej wiadomości", "přeposlaná zpráva", "přeposlaný e-mail", "пересылаемое сообщение", "пересланное сообщение", "начало переадресованного сообщения", "переслане повідомлення", "пересилається", "початок переадресованого повідомлення", "початок листа, що пересилається",
	"προωθημένο μήνυμα", "yönlendirilen ileti", "iletilen mesaj", "iletilmiş mesaj", "הודעה שהועברה", "הודעה מועברת", "رسالة معاد توجيهها", "الرسالة المعاد توجيهها", "رسالة مُعاد توجيهها", "转发的邮件", "转发邮件", "轉寄的郵件", "轉寄郵件", "転送メッセージ", "転送されたメッセージ", "전달된 메시지", "전달된 메일",
	"thư được chuyển tiếp", "thư đã chuyển tiếp", "tin nhắn được chuyển tiếp", "továbbított üzenet", "mesaj redirecționat",
}

// separator says what a line between dashes, or one that announces a forwarded mail, introduces.
type separator uint8

const (
	noSeparator separator = iota
	ruleLine              // a long line of underscores, as Outlook draws
	originalLine
	forwardLine
)

// separatorOf recognises such a line. It looks at the words only where dashes, or a colon at the end, make it worthwhile.
func separatorOf(s string) separator {
	if len(s) < 5 || len(s) > 200 {
		return noSeparator
	}
	colon := s[len(s)-1] == ':' || strings.HasSuffix(s, "：")
	if r, _ := utf8.DecodeRuneInString(s); !isDash(r) && !colon && strings.IndexByte(s, '&') < 0 && !strings.Contains(s, "bove") {
		return noSeparator // as most lines
	}
	if strings.Contains(s, "&nbsp;") {
		s = strings.ReplaceAll(s, "&nbsp;", " ") // QQ Mail writes it into its text
	}
	inner := strings.TrimFunc(s, isDash)
	if inner == "" {
		if s[0] == '_' && len(s) >= 20 {
			return ruleLine
		}
		return noSeparator
	}
	if len(s) <= 80 && strings.Contains(s, "eply") && strings.Contains(s, "bove") && !speaks(s) {
		var buf [160]byte
		low := string(lower(buf[:0], inner))
		for _, start := range [...]string{"reply above", "please reply above", "write your reply above", "type your reply above", "please type your reply above", "enter your reply above", "please write your reply above", "reply directly above"} {
			if strings.HasPrefix(low, start) && (strings.Contains(low, "line") || strings.Contains(low, "mark")) {
				return originalLine
			}
		}
	}
	dashed := len(s)-len(inner) >= 6 && isDashed(s)
	if !dashed && !colon || len(inner) > 120 {
		return noSeparator
	}
	var buf [256]byte
	low := string(lower(buf[:0], strings.Trim(strings.TrimRight(inner, ":："), " \u00a0*")))
	for _, w := range forwards {
		if low == w || dashed && strings.HasPrefix(low, w) {
			return forwardLine
		}
	}
	if !dashed && !strings.HasPrefix(s, "*") {
		return noSeparator
	}
	if isOriginal(low) {
		return originalLine
	}
	return noSeparator
}

// isOriginal reports whether words in lower case announce an earlier mail.
func isOriginal(low string) bool {
	for _, w := range originals {
		if low == w {
			return true
		}
	}
	for _, w := range aboveLine {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// aboveLine has what help desks write into their mails between dashes, in lower case: below it nothing is new.
var aboveLine = [...]string{
	"above this line", "above the line", "below this line", "below the line", "unterhalb dieser zeile", "en dessous de cette ligne", "por debajo de esta línea", "por encima de la línea", "sotto questa riga", "abaixo desta linha", "onder deze regel", "över denna rad", "over denne linje", "over denne linjen", "tämän rivin yläpuolelle", "nad tímto řádkem", "вище цього рядка", "bu satırın üst", "この行より上", "此行之上", "이 줄 위에", "oberhalb dieser zeile", "über dieser linie", "über dieser zeile", "au-dessus de cette ligne", "encima de esta línea", "sopra questa riga", "sopra di questa riga", "sopra di questa linea", "sopra questa linea", "acima desta linha", "boven deze regel", "boven deze lijn", "ovanför den här raden", "выше этой строки", "powyżej tej linii",
}

// isDashed reports whether at least two dashes stand at either end.
func isDashed(s string) bool {
	front := s[:len(s)-len(strings.TrimLeftFunc(s, isDash))]
	back := s[len(strings.TrimRightFunc(s, isDash)):]
	return runes(strings.TrimSpace(front)) >= 2 && runes(strings.TrimSpace(back)) >= 2
}

func isNoDash(r rune) bool { return !isDash(r) }

func isDash(r rune) bool {
	switch r {
	case '-', '_', '=', '*', ' ', '\u00a0', '#', '~', '>', '<':
		return true
	}
	return r >= '\u2010' && r <= '\u2015' || r == '－' || r == '─' || r == '━' || r == '═' || r == '＝' || r == '＊' || r == '＿'
}
