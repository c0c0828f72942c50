package report

import (
	"slices"
	"strings"

	"letterlock/bridge"
)

// readWords reads a bounce that a server wrote in words of its own. A mail is one only if its sender, its subject, its wording and what
// it returns agree well enough; a person who quotes a bounce, or a parcel service whose parcel could not be delivered, must not
// look like one. It also returns the copy of the reported mail that stands below the words.
func readWords(m Mail) (rs []bridge.ReportedRecipient, returned []byte, ok bool) {
	sender := senderWeight(m)
	failed := m.Field("x-failed-recipients")
	subject := isBounceSubject(m.Subject) || sender == 3 && (isArrivalSubject(m.Subject) || isDelaySubject(m.Subject) || countPhrases(strings.ToLower(m.Subject)) > 0)
	automatic := isAutomatic(m)
	if sender < 3 && !subject && !automatic {
		return nil, nil, false
	}
	if isReplyOrForward(m.Subject) && !repliesItself(m, sender) || m.InReplyTo && sender < 3 && !automatic {
		return nil, nil, false
	}
	words, rest := wordsOf(m.Text)
	if sender < 3 && passedOn(words) {
		return nil, nil, false
	}
	low := strings.ToLower(joined(words))
	phrases := countPhrases(low)
	if sender == 3 && phrases < 2 && (holdsAny(low, arrivals) || holdsAny(low, delays)) {
		phrases++
	}
	copied := rest != "" || slices.ContainsFunc(m.Parts, isReturned)
	flat := false
	if status := flatStatus(m.Text); status != "" {
		// The parts of a DSN ran together, or lost their types.
		rs = readStatus([]byte(status))
		flat = len(rs) > 0
	}
	if len(rs) == 0 {
		rs = findRecipients(m, words, returnedMail(m.Parts, rest))
	}
	if above := aboveHeader(rest); above != "" {
		for i := range rs {
			if d := rs[i].Diagnostic; findEnhanced(d) == "" && replyCode(d) == "" {
				rs[i].Diagnostic = above // some write the reason below the line that announces the copy
			}
		}
	}
	coded, told := false, false
	for _, r := range rs {
		coded = coded || findEnhanced(r.Diagnostic) != "" || replyCode(r.Diagnostic) != "" || flat && r.Status != ""
		told = told || fromWords(r.Diagnostic) != ""
	}
	self := !flat && len(rs) > 0 && allSelf(m, rs)
	switch {
	case failed == "" && !flat && !(coded && copied) && isOther(low), isOtherSubject(m.Subject), sender < 3 && m.Field("list-id") != "":
		return nil, nil, false
	case phrases < 2 && failed == "" && !automatic && !flat && mayBePerson(m) && greets(words) && !leads(words):
		return nil, nil, false
	case m.Attachments > 0 && !coded && failed == "", (len(rs) == 0 || self || inDomainOf(m, rs) && strings.Contains(low, "http")) && !coded && !copied && failed == "":
		return nil, nil, false // a trick to make somebody open a file or a link
	}
	// Without a link, and about an address that is none of ours, the words of a mail system trick nobody.
	robot := isRobot(m, words) && !self && !inDomainOf(m, rs) && !strings.Contains(low, "http")
	score := sender
	for _, e := range []struct {
		holds  bool
		weight int
	}{
		{failed != "", 3},
		{automatic, 1},
		{subject, 2},
		{phrases > 0, 2},
		{phrases > 1, 1},
		{len(rs) > 0, 1},
		{coded, 2},
		{told && !coded, 1},
		{copied, 1},
		{copied && sender == 3, 1},
		{flat, 3},
		{opens(words), 1},
	} {
		if e.holds {
			score += e.weight
		}
	}
	switch {
	case phrases == 0 && !flat && !(subject && (coded || copied || told)) && (failed == "" || !coded && !copied) && !(coded && copied && isDaemon(m.From)):
		return nil, nil, false
	case robot && phrases > 0 && opens(words) && len(rs) > 0:
	case !subject && !coded && !copied && failed == "" && (phrases < 2 || !told):
		return nil, nil, false
	case (sender == 3 || failed != "") && score >= 8:
	case robot && score >= 7 && (subject || phrases > 0) && (told || coded || phrases > 0 && opens(words)) && len(rs) > 0:
		// Carriers write one line, of which only the address and the sender tell that it is a bounce.
	case automatic && score >= 9 && (subject || phrases > 1) && len(rs) > 0:
	case sender > 0 && score >= 10 && subject && phrases > 1 && coded && len(rs) > 0:
	case score >= 10 && subject && phrases > 1 && coded && copied && opensAtOnce(words):
	default:
		return nil, nil, false
	}
	given := guessAction(m, words)
	for i := range rs {
		r := &rs[i]
		finish(r, given)
		if r.Class == temporary && r.Action == "failed" && findEnhanced(r.Diagnostic) == "" && replyCode(r.Diagnostic) == "" && holdsAny(low, []string{"permanent error", "permanent fatal", "failed permanently", "permanent failure"}) {
			r.Class, r.Status = permanent, "5"+r.Status[1:] // it says so itself, and no code says otherwise
		}
	}
	return rs, []byte(rest), true
}

// allSelf reports whether the only addresses that were found are of whom the mail is for.
func allSelf(m Mail, rs []bridge.ReportedRecipient) bool {
	own := appendAddresses(nil, m.Field("to"))
	for _, r := range rs {
		if !slices.ContainsFunc(own, func(a string) bool { return strings.EqualFold(a, r.Recipient) }) {
			return false
		}
	}
	return true
}

// inDomainOf reports whether an address that was found is in the domain of whom the mail is for, as in warnings to the owner of a mailbox.
func inDomainOf(m Mail, rs []bridge.ReportedRecipient) bool {
	own := appendAddresses(nil, m.Field("to"))
	for _, r := range rs {
		if slices.ContainsFunc(own, func(a string) bool {
			return strings.EqualFold(a[strings.LastIndexByte(a, '@')+1:], r.Recipient[strings.LastIndexByte(r.Recipient, '@')+1:])
		}) {
			return true
		}
	}
	return false
}

// repliesItself reports whether a mail with the subject of an answer is one of the few that servers write so.
func repliesItself(m Mail, sender int) bool {
	if m.NullSender || m.Field("x-failed-recipients") != "" {
		return true
	}
	low := strings.ToLower(m.Subject)
	if sender < 3 || m.InReplyTo || !strings.HasPrefix(low, "re:") && !strings.HasPrefix(low, "re :") {
		return false
	}
	words, _ := wordsOf(m.Text)
	return countPhrases(strings.ToLower(joined(words))) > 1 && opens(words)
}

// opens reports whether a mail begins with what servers say, where a person would begin with a greeting or a question.
func opens(words []line) bool {
	size := 0
	for i, l := range words {
		if l.text == "" {
			continue
		}
		if size += len(l.text); size > 400 && i > 0 {
			break
		}
		if low := strings.ToLower(strings.ReplaceAll(l.text, "’", "'")); countPhrases(low) > 0 || holdsAny(low, delays) {
			return true
		}
	}
	return false
}

// opensAtOnce is opens for the first line alone.
func opensAtOnce(words []line) bool {
	for i, l := range words {
		if l.text != "" {
			return opens(words[i : i+1])
		}
	}
	return false
}

// leads reports whether a line is set out around an address that is not one to write to: a label and it, or it alone or before a colon. In a
// person's sentence it stands otherwise.
func leads(words []line) bool {
	return slices.ContainsFunc(words, func(l line) bool {
		a, rest, ok := leading(l.text)
		if !ok || isContact(a) {
			return false
		}
		before := strings.TrimRight(l.text[:strings.Index(l.text, a)], "<[( \t")
		rest = strings.TrimLeft(rest, ">]) \t")
		return strings.HasSuffix(before, ":") || strings.Trim(before, "-*") == "" && (rest == "" || rest[0] == ':')
	})
}

// opensWithLabel reports whether the first line begins with an address, or is a label, such as "Error:", below which the next one does.
func opensWithLabel(words []line) bool {
	label := ""
	for _, l := range words {
		switch {
		case l.text == "":
		case label != "":
			_, _, ok := leading(l.text)
			return ok
		case strings.HasSuffix(l.text, ":") && len(l.text) < 40:
			label = l.text
		default:
			a, rest, ok := leading(l.text)
			return ok && strings.HasPrefix(strings.TrimLeft(rest, ">) "), ":") && !isContact(a)
		}
	}
	return false
}

// greets reports whether a mail begins as people begin theirs, with a line that does nothing else.
func greets(words []line) bool {
	for _, l := range words {
		if l.text == "" {
			continue
		}
		low := strings.ToLower(l.text)
		return len(low) < 80 && countPhrases(low) == 0 && hasAnyPrefix(low, "dear ", "hello", "hi ", "hi,", "hi!", "hey", "good morning", "good day", "good afternoon", "greetings", "to whom", "hallo", "sehr geehrte", "guten tag", "guten morgen", "liebe", "moin", "servus", "bonjour", "bonsoir", "madame", "monsieur", "cher ", "chère ", "hola", "estimad", "buenos d", "buenas", "buongiorno", "salve", "ciao", "gentile", "egregio", "spett", "olá", "ola ", "prezad", "bom dia", "boa tarde", "caro", "beste ", "geachte", "goedemorgen", "goedendag", "hej", "bästa", "god dag", "kjære", "kære", "moi ", "hei", "hyvä", "dzień dobry", "szanown", "witam", "cześć", "dobrý den", "vážen", "ahoj", "здравствуйте", "добрый день", "уважаем", "привет", "доброго дня", "шановн", "вітаю", "γεια", "αγαπητ", "καλημέρα", "merhaba", "sayın", "iyi günler", "שלום", "مرحبا", "السلام", "您好", "你好", "尊敬的", "お世話", "いつも", "こんにちは", "안녕", "xin chào", "kính gửi", "kedves", "tisztelt", "bună", "stimat")
	}
	return false
}

// passedOn reports whether a person's client put the words of another mail below that person's.
func passedOn(words []line) bool {
	for _, l := range words[:min(len(words), 60)] {
		low := strings.ToLower(l.text)
		for _, p := range []string{"forwarded message", "begin forwarded", "weitergeleitete nachricht", "message transféré", "mensaje reenviado", "messaggio inoltrato", "mensagem encaminhada", "doorgestuurd bericht", "пересылаемое", "转发邮件", "転送"} {
			if strings.Contains(low, p) {
				return true
			}
		}
		if strings.HasSuffix(low, "wrote:") || strings.HasSuffix(low, "schrieb:") || strings.HasSuffix(low, "a écrit :") || strings.HasSuffix(low, "escribió:") {
			return true
		}
	}
	return false
}

// flatStatus returns what begins with the fields of a delivery status where these stand in a text, or "".
func flatStatus(text string) string {
	text = text[:min(len(text), maxWords)]
	low := lowerASCII(text)
	if !strings.Contains(low, "action:") && !strings.Contains(low, "status:") {
		return ""
	}
	at := -1
	for _, n := range []string{"final-recipient:", "original-recipient:"} {
		for from := 0; ; {
			i := strings.Index(low[from:], n)
			if i < 0 {
				break
			}
			i += from
			start := from + strings.LastIndexByte(low[from:i], '\n') + 1
			// Without a line end in between it stands on the line of the one before.
			if (start > from || from == 0) && strings.TrimSpace(low[start:i]) == "" {
				if at < 0 || start < at {
					at = start
				}
				break
			}
			from = i + len(n)
		}
	}
	if at < 0 {
		return ""
	}
	// Indented as a whole, its lines would look folded.
	var b strings.Builder
	indent := len(text[at:]) - len(strings.TrimLeft(text[at:], " \t"))
	for l := range strings.Lines(text[at:]) {
		for n := 0; n < indent && l != "" && (l[0] == ' ' || l[0] == '\t'); n++ {
			l = l[1:]
		}
		b.WriteString(l)
	}
	return b.String()
}

// lowerASCII is strings.ToLower that changes ASCII letters alone, so that each octet keeps its place.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// delays and arrivals are what servers say of a mail that they still try, or that arrived; in lower case, single-spaced.
var (
	delays = []string{
		"will be retried", "not yet been delivered", "has not been delivered yet", "will keep trying", "keep trying to deliver", "will retry for", "will continue to try", "no action is required on your part", "you do not need to resend", "this is a warning message only", "warning message only",
		"still trying to deliver", "still attempting", "delivery attempts will continue", "further attempts", "transient non-fatal errors", "has been delayed", "is delayed", "noch nicht zugestellt", "zustellung wird weiter versucht", "weitere zustellversuche", "verzögert", "a été retardé", "ha sido retrasad", "è stato ritardato", "was delayed", "delivery incomplete", "message delayed", "not been delivered to one or more of its recipients after more than", "attempts to deliver the message will continue",
		"vorübergehendes problem", "vorübergehend nicht", "versucht noch", "problème temporaire", "temporairement", "problema temporal", "temporalmente", "problema temporaneo", "temporaneamente", "problema temporário", "temporariamente", "tijdelijk probleem", "tijdelijk niet", "tillfälligt problem", "midlertidigt problem", "midlertidig problem", "tilapäinen ongelma", "tymczasowy problem", "dočasný problém", "временная проблема", "временная ошибка", "тимчасова проблема", "προσωρινό πρόβλημα", "geçici bir sorun", "暂时性问题", "暫時性問題", "一時的な問題", "일시적인 문제", "sự cố tạm thời", "בעיה זמנית", "مشكلة مؤقتة",
		"have yet to be delivered", "has yet to be delivered", "has been frozen", "delivery is delayed", "delivery delayed", "delivery has been delayed", "verzögerte zustellung", "zustellung ist verzögert", "wird weiterhin versucht", "n'a pas encore été", "pas encore été remis", "remise est retardée", "remise est différée", "remise retardée", "todavía no se ha entregado", "aún no se ha entregado", "se ha retrasado", "entrega se ha retrasado", "non è ancora stato recapitato", "recapito ritardato", "recapito in ritardo", "è in ritardo", "ainda não foi entregue", "está atrasada", "foi atrasada", "nog niet bezorgd", "nog niet afgeleverd", "is vertraagd", "har inte levererats ännu", "ännu inte levererats", "fördröjts", "är fördröjd", "ennå ikke levert", "endnu ikke leveret", "er forsinket", "er blitt forsinket", "ei ole vielä toimitettu", "viivästy",
		"nie została jeszcze dostarczona", "jeszcze nie została dostarczona", "została opóźniona", "zatím nebyla doručena", "nebyla dosud doručena", "doručení je zpožděno", "еще не доставлен", "ещё не доставлен", "еще не было доставлен", "ещё не было доставлен", "задерживается", "доставка отложена", "ще не доставлен", "затримується", "δεν έχει παραδοθεί ακόμα", "καθυστερεί", "henüz teslim edilmedi", "gecikti", "gecikmiştir", "尚未传递", "尚未送达", "已延迟", "延迟传递", "尚未傳遞", "尚未送達", "已延遲", "まだ配信されていません", "遅延しています", "配信が遅れて", "아직 배달되지", "지연되고", "지연되었", "vẫn chưa được gửi", "bị trì hoãn", "עדיין לא נמסרה", "מתעכבת", "لم يتم تسليمها بعد", "تأخر تسليم",
	}
	arrivals = []string{
		"successfully delivered", "was successfully relayed", "delivered successfully", "has been delivered to the following", "your message has been delivered", "was delivered to the following", "successful mail delivery", "successfully relayed to", "relayed to mailer", "delivery to these recipients or groups is complete", "erfolgreich zugestellt",
		"oder gruppen ist abgeschlossen", "wurde an die folgenden empfänger übermittelt", "remise à ces destinataires ou groupes est terminée", "a été remis aux destinataires suivants", "se ha completado la entrega", "se entregó a los siguientes", "gruppi è stato completato", "è stato recapitato ai seguenti", "ou grupos foi concluída", "foi entregue aos seguintes", "of groepen is voltooid", "is bezorgd bij de volgende", "eller grupper är slutförd", "har levererats till följande", "eller grupper er fullført", "er levert til følgende", "eller grupper er fuldført", "er leveret til følgende", "lub grup zostało ukończone", "została dostarczona do następujących",
		"доставка этим получателям или группам завершена", "доставлено следующим получателям", "への配信は完了しました", "配信されました", "传递已完成", "已传递给以下", "傳遞已完成", "已傳遞給下列", "배달이 완료", "다음 받는 사람에게 배달되었",
	}
	giveUps = []string{"has stopped trying", "hat die versuche eingestellt", "a cessé d'essayer", "ha dejado de intentarlo", "ha interrotto i tentativi", "given up", "giving up", "failed permanently", "permanent fatal", "permanent error", "will not be retried", "no further attempts", "in the queue too long", "retry timeout exceeded", "could not be delivered for", "returned to sender"}
)

// guessAction returns the action that the words suggest: "delayed", "delivered" or "failed".
func guessAction(m Mail, words []line) string {
	low := strings.ToLower(m.Subject + " " + joined(words))
	switch {
	case holdsAny(low, giveUps):
		return "failed"
	case holdsAny(low, delays):
		return "delayed"
	case hasAnyPrefix(strings.ToLower(strings.TrimSpace(m.Subject)), "relayed:", "weitergeleitet (ohne", "relayé :", "retransmitido:", "inoltrato:"):
		return "relayed"
	case holdsAny(low, arrivals) || isArrivalSubject(m.Subject):
		return "delivered"
	}
	return "failed"
}

func holdsAny(low string, list []string) bool {
	for _, p := range list {
		if strings.Contains(low, p) {
			return true
		}
	}
	return false
}

// isArrivalSubject reports whether a subject is that of a notice of success.
func isArrivalSubject(s string) bool {
	return hasAnyPrefix(strings.ToLower(strings.TrimSpace(s)), "delivered:", "relayed:", "successful mail delivery", "successful delivery", "return receipt", "delivery confirmation", "zugestellt:", "weitergeleitet (ohne", "übermittelt:", "remis :", "relayé :", "entregado:", "retransmitido:", "recapitato:", "consegnato:", "inoltrato:", "entregue:", "bezorgd:", "levererat:", "levert:", "leveret:", "toimitettu:", "dostarczono:", "doručeno:", "доставлено:", "παραδόθηκε:", "teslim edildi:", "已送达:", "已傳遞:", "配信済み:", "배달됨:", "đã gửi:", "נמסר:", "تم التسليم:")
}

// isDelaySubject reports whether a subject is that of a server that still tries.
func isDelaySubject(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return hasAnyPrefix(s, "delayed:", "delay:", "message frozen", "übermittlung verzögert", "verzögert:", "zustellung verzögert", "remise différée", "remise retardée", "retardé :", "entrega retrasada", "retrasado:", "entrega demorada", "entrega atrasada", "atrasado:", "recapito ritardato", "consegna ritardata", "in ritardo:", "bezorging vertraagd", "vertraagd:", "leverans fördröjd", "leveransen är försenad", "fördröjd:", "levering forsinket", "forsinket:", "toimitus viivästynyt", "viivästynyt:", "dostarczenie opóźnione", "opóźnione:", "doručení zpožděno", "zpožděno:", "доставка задерж", "доставка отлож", "задержка доставки", "затримка доставки", "η παράδοση καθυστ", "καθυστέρηση παράδοσης", "teslim gecikti", "teslimat gecik", "传递延迟", "邮件延迟", "延迟:", "傳遞延遲", "延遲:", "配信遅延", "配信の遅延", "배달 지연", "전송 지연", "gửi bị trì hoãn", "המסירה מתעכבת", "تأخر التسليم") || holdsAny(s, delays)
}

// aboveHeader returns what stands between the line that announces the copy of the mail and the copy's header, if it holds a code.
func aboveHeader(rest string) string {
	var b strings.Builder
	for n := 0; n < 6; n++ {
		var l string
		l, rest, _ = strings.Cut(rest, "\n")
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		if name, _, ok := strings.Cut(l, ":"); ok && !strings.ContainsAny(name, " \t") || b.Len() > 500 {
			break
		}
		b.WriteString(l + " ")
	}
	if s := b.String(); findEnhanced(s) != "" || replyCode(s) != "" {
		return clip(spaces(clean(s)), 1000)
	}
	return ""
}

// Suspect reports whether a mail may be a bounce by its sender, its subject or its fields, at the cost of a glance: a caller
// that has to prepare the text for Read can leave it where this says no.
func Suspect(m Mail) bool {
	return senderWeight(m) == 3 || isBounceSubject(m.Subject) || isReceiptSubject(m.Subject) || isComplainer(m) || m.Field != nil && isAutomatic(m)
}
