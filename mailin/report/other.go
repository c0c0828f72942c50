package report

import (
	"slices"
	"strings"

	"letterlock/bridge"
)

// receiptSubjects begin the subject of a read receipt, in lower case and with what stands behind.
var receiptSubjects = []string{
	"read:", "not read:", "read receipt", "return receipt", "disposition notification", "gelesen:", "ungelesen gelöscht:", "nicht gelesen:", "lesebestätigung", "empfangsbestätigung (angezeigt)", "lu :", "lu:", "non lu :", "non lu:", "accusé de lecture", "confirmation de lecture", "leído:", "no leído:", "confirmación de lectura", "acuse de lectura", "letto:", "da leggere:", "conferma di lettura", "ricevuta di lettura", "ricevuta di ritorno",
	"lida:", "lido:", "não lida:", "confirmação de leitura", "recibo de leitura", "gelezen:", "ongelezen:", "leesbevestiging", "läst:", "läskvitto", "lest:", "lesebekreftelse", "læst:", "kvittering for læsning", "luettu:", "lukukuittaus", "przeczytano:", "przeczytane:", "potwierdzenie przeczytania", "přečteno:", "přečtené:", "potvrzení o přečtení", "прочтено:", "прочитано:", "уведомление о прочтении", "подтверждение прочтения", "сповіщення про прочитання",
	"διαβάστηκε:", "αναγνώστηκε:", "okundu:", "okundu bilgisi", "נקרא:", "تمت القراءة:", "قراءة:", "已读:", "已读：", "已讀:", "讀取:", "閱讀回條", "开封:", "開封済み:", "開封確認", "開封通知", "읽음:", "수신 확인", "đã đọc:", "xác nhận đã đọc",
}

// receiptPhrases are what such a receipt says, in lower case and single-spaced.
var receiptPhrases = []string{
	"was read on", "was deleted without being read", "has been displayed", "was displayed on", "this is a return receipt", "return receipt for the mail", "read receipt for", "receipt for the message", "has been opened by", "was opened on", "no guarantee that the message has been read", "was received by:", "has been read by", "was seen on", "is a receipt for the mail", "is no guarantee that",
	"wurde gelesen am", "wurde am", "gelesen wurde", "wurde gelesen", "ungelesen gelöscht", "angezeigt wurde", "a été lu le", "a été affiché", "a été lu", "accusé de réception", "se leyó el", "fue leído el", "ha sido leído", "se ha leído", "è stato letto il", "è stato letto", "è stato visualizzato", "foi lida em", "foi lida", "foi exibida", "is gelezen op", "werd gelezen op", "is weergegeven", "lästes den", "har lästs", "ble lest", "er blitt lest", "blev læst", "er blevet læst", "luettiin", "on luettu", "została przeczytana", "zostało przeczytane", "odczytano", "byla přečtena", "byl přečten", "прочитано", "прочтено", "было прочитано", "αναγνώστηκε", "διαβάστηκε", "okundu", "נקראה", "تمت قراءة", "已于", "已被阅读", "已讀取", "已被讀取", "に開封", "開封されました", "表示されました", "읽었습니다", "읽음", "đã được đọc",
}

func isReceiptSubject(s string) bool {
	s = strings.ToLower(spaces(s))
	for _, p := range receiptSubjects {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// readReceipt reads a read receipt in a client's own words: the subject says so, and the text is short and says so too.
func readReceipt(m Mail) (Result, bool) {
	if !isReceiptSubject(m.Subject) || len(m.Text) > 4000 {
		return Result{}, false
	}
	words, rest := wordsOf(m.Text)
	low := strings.ToLower(joined(words))
	if passedOn(words) {
		return Result{}, false
	}
	for _, p := range receiptPhrases {
		if strings.Contains(low, p) {
			ids := idsIn([]byte(m.Text), maxReturned, "message-id", "original-message-id")
			if len(ids) == 0 {
				ids = idsIn([]byte(rest), maxReturned, "message-id")
			}
			if id, ok := angle(m.Field("in-reply-to")); ok && len(ids) == 0 {
				ids = []string{id}
			}
			return Result{Kind: bridge.KindReceipt, MessageIDs: ids}, true
		}
	}
	return Result{}, false
}

// isComplainer reports whether a mail may be from a provider's feedback loop that does not write ARF.
func isComplainer(m Mail) bool {
	local := squeezed(m.From)
	for _, p := range []string{"fbl", "feedbackloop", "feedback", "scomp", "abusereport", "complaint", "spamreport", "arf"} {
		if strings.HasPrefix(local, p) {
			return true
		}
	}
	if m.Field != nil && (m.Field("x-hmxmroriginalrecipient") != "" || m.Field("x-jmrp") != "" || m.Field("feedback-type") != "") {
		return true
	}
	return isComplaintSubject(m.Subject)
}

func isComplaintSubject(s string) bool {
	s = strings.ToLower(spaces(s))
	for _, p := range []string{"complaint about message from", "email feedback report for ip", "e-mail feedback report", "email feedback report", "spam complaint", "abuse report", "feedback loop report", "client tos notification", "email abuse report", "spam report", "fbl report"} {
		if strings.HasPrefix(s, p) || strings.HasPrefix(s, "["+p) {
			return true
		}
	}
	return false
}

// readComplaint reads an abuse report that is not in the form of RFC 5965: a feedback loop's mail that holds the mail that somebody complained about.
func readComplaint(m Mail) (Result, bool) {
	at := slices.IndexFunc(m.Parts, isReturned)
	if at < 0 || !isComplainer(m) || isReplyOrForward(m.Subject) && m.InReplyTo {
		return Result{}, false
	}
	words, _ := wordsOf(m.Text)
	low := strings.ToLower(joined(words))
	said := m.Field("x-hmxmroriginalrecipient") != "" || strings.Contains(low, "feedback-type:")
	for _, p := range []string{"abuse report", "spam complaint", "marked as spam", "marked the attached", "reported as spam", "as junk", "complaint", "feedback loop", "unwanted", "reported the following", "reported this message"} {
		said = said || strings.Contains(low, p)
	}
	if !said && !(isComplaintSubject(m.Subject) && (strings.TrimSpace(low) == "" || senderWeight(m) > 0)) {
		return Result{}, false
	}
	return Result{Kind: bridge.KindComplaint, MessageIDs: messageIDs(m.Parts[at].Content, []byte(m.Text))}, true
}
