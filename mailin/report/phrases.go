package report

import "strings"

// subjects of bounces, in lower case.
var subjects = []string{
	"undelivered mail", "undeliverable", "mail delivery failed", "mail delivery failure", "delivery status notification", "returned mail", "failure notice", "failure notification", "failure delivery", "delivery status", "delivery report",
	"delivery failure", "delivery failed", "delivery notification", "mail system error", "could not deliver", "couldn't be delivered", "could not be delivered", "cannot be delivered", "not delivered", "undelivered", "unable to deliver", "wasn't delivered",
	"delivery has failed", "mail delivery error", "delivery error", "message delivery", "message undeliverable", "nondeliverable mail", "non-delivery", "non delivery", "nondelivery", "message delayed", "delayed mail", "delivery unsuccessful", "unsuccessful delivery", "delivery was unsuccessful", "failed delivery", "failed mail", "mail failure", "mail failed",
	"warning: message", "mail delivery delayed", "delivery delayed", "delivery delay", "delivery incomplete", "user unknown", "unknown user", "email delivery", "message status - undeliverable", "mail returned", "returned to sender", "returning message to sender", "returned message", "mail error", "error sending your mail", "warning: could not send",
	"return to sender", "rejected mail", "message rejected", "mail rejected", "rejected:", "automatically rejected", "apparently from you", "in mail from you", "contents from you", "in your mail", "in your message", "message frozen", "message blocked", "mail blocked", "message you sent blocked", "delivery problem", "permanent delivery failure", "address not found", "message not delivered", "mail not delivered", "bounced mail", "bounced message", "systems bounce", "bounce notification", "mail could not be", "message could not", "mailbox full", "mailbox is full", "over quota", "recipient unknown",
	"unzustellbar", "fehler bei der zustellung", "zustellung fehlgeschlagen", "nicht zugestellt", "nicht zustellbar", "unzustellbare", "zustellstatus", "zustellfehler", "zustellungsfehler", "fehlgeschlagene", "zustellung verzögert", "zustellung der nachricht", "zurückgeschickt", "zustellung nicht möglich", "nicht ausgeliefert", "nachricht verzögert", "nachricht blockiert", "nachricht abgelehnt", "message bloqué", "message rejeté", "mensaje bloqueado", "mensaje rechazado", "messaggio bloccato", "messaggio respinto", "mensagem bloqueada", "mensagem rejeitada", "bericht geblokkeerd", "bericht geweigerd",
	"non remis", "non distribuable", "échec de la remise", "échec de remise", "echec de la remise", "non distribué", "échec de livraison", "échec de distribution", "échec de la distribution", "échec de l'envoi", "non délivré", "non livré", "retour à l'expéditeur", "échec d'acheminement", "non-remise", "remise retardée",
	"no se puede entregar", "no se pudo entregar", "no entregado", "no entregable", "error de entrega", "fallo en la entrega", "fallo de entrega", "error en la entrega", "notificación de estado de entrega", "correo devuelto", "mensaje devuelto", "no se ha podido entregar", "entrega fallida", "devuelto al remitente",
	"mancato recapito", "non recapitabile", "mancata consegna", "non consegnato", "non recapitato", "errore di consegna", "consegna fallita", "recapito fallito", "notifica dello stato", "impossibile recapitare", "avviso di mancata",
	"não entregue", "não foi possível entregar", "falha na entrega", "falha de entrega", "devolvido", "devolvida", "não é possível entregar", "erro de entrega", "não pôde ser entregue", "não pode ser entregue",
	"onbestelbaar", "niet bezorgd", "kan niet worden bezorgd", "bezorging mislukt", "niet afgeleverd", "aflevering mislukt", "olevererbart", "kan inte levereras", "går inte att leverera", "leveransfel", "leverans misslyckades", "kan ikke leveres", "kunne ikke leveres", "ikke levert", "ikke leveret", "levering mislyktes", "levering mislykkedes", "leveringsfejl", "leveringsfeil", "olevererad", "levererades inte", "toimitus epäonnistui", "ei voi toimittaa", "ei voitu toimittaa", "toimittaminen epäonnistui", "toimitusvirhe",
	"niedostarcz", "nie można dostarczyć", "nie dostarczono", "błąd dostarcz", "zwrot poczty", "nie została dostarczona", "nedoručiteln", "nedoručen", "nelze doručit", "doručení se nezdařilo", "kézbesíthetetlen", "nelivrabil", "не доставлено", "недоставлен", "не удалось доставить", "не удается доставить", "невозможно доставить", "ошибка доставки", "сообщение не доставлено", "не вдалося доставити", "помилка доставки", "неможливо доставити",
	"teslim edilemedi", "teslim edilemiyor", "iletilemedi", "退信", "无法投递", "无法送达", "未送达", "投递失败", "发送失败", "退件", "發送失敗", "無法傳遞", "無法投遞", "無法送達", "未傳遞", "寄送失敗", "傳送失敗", "退回", "配信不能", "配信できません", "配信できない", "配信に失敗", "配信エラー", "送信できません", "送信失敗", "送信エラー", "未配信", "配送できません", "配信遅延", "エラーメール", "不達", "반송", "전송 실패", "발송 실패", "배달되지 않음", "배달할 수 없음", "배달 실패", "전달되지", "không gửi được", "không thể gửi", "gửi thất bại", "αδυναμία παράδοσης", "δεν παραδόθηκε", "μη παραδο", "δεν ήταν δυνατή η παράδοση", "αποτυχία παράδοσης", "לא נמסר", "לא ניתן להעברה", "לא ניתן למסור", "מסירה נכשלה", "تعذر التسليم", "غير قابل للتسليم", "فشل تسليم", "فشل التسليم", "تعذر تسليم", "لم يتم تسليم",
}

func isBounceSubject(s string) bool {
	s = strings.ToLower(spaces(s))
	s = strings.ReplaceAll(s, "’", "'")
	for _, w := range subjects {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func isReplyOrForward(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimSpace(strings.TrimLeft(s, "["))
	for _, p := range []string{"re:", "re :", "re[", "ref:", "fwd:", "fwd]", "fwd ", "fw:", "aw:", "antwort:", "wg:", "wtr:", "weitergeleitet:", "sv:", "vs:", "vb:", "tr:", "tr :", "rv:", "rif:", "r:", "i:", "odp:", "pd:", "enc:", "res:", "antw:", "doorst:", "vl:", "ynt:", "ilt:", "απ:", "πρθ:", "отв:", "пересл:", "отв.:", "на:", "回复", "答复", "转发", "回覆", "轉寄", "re：", "fw：", "fwd：", "답장:", "전달:", "回信:", "转:", "返信:", "転送:", "trả lời:", "chuyển tiếp:", "הועבר:", "השב:", "إعادة توجيه", "رد:"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// phrases that mail systems tell a bounce with, in lower case and single-spaced.
var phrases = []string{
	"could not be delivered", "couldn't be delivered", "could not deliver", "couldn't deliver", "unable to deliver", "wasn't able to deliver", "was not able to deliver", "not been delivered", "was not delivered", "wasn't delivered", "were not delivered", "cannot be delivered", "cannot deliver", "can not be delivered", "not yet been delivered", "not delivered to", "undelivered to", "impossible to deliver",
	"can't be delivered", "delivery has failed", "delivery failed", "failed permanently", "delivery to the following", "undeliverable", "undelivered", "did not reach", "could not be reached", "couldn't be reached", "could not be sent", "couldn't be sent", "cannot be sent", "was not sent", "wasn't sent", "could not send your", "unable to send",
	"permanent fatal errors", "transient non-fatal errors", "following addresses had", "addresses had delivery", "following address failed", "following address(es) failed", "following addresses failed", "failed addresses", "failed recipient", "permanent error", "i've given up", "had delivery problems", "had delivery errors", "recipients were affected", "error delivering your mail", "trouble delivering your message", "error in delivering", "problem delivering", "problems delivering", "problem with the e-mail address",
	"returned to sender", "mail delivery software", "mail delivery system", "mail system at host", "qmail-send program", "message delivery to the following", "error occurred while trying to deliver", "error while attempting to deliver", "error occurred during delivery", "automatically generated delivery status notification", "delivery status notification", "the mail system", "the mail server", "nondelivery", "non-delivery",
	"returned message", "return message", "undelivered message", "delivery error", "delivery failure", "mail delivery failure", "remote host said", "remote server returned", "remote server responded", "response from the remote server", "rejected recipient", "failed to send to", "message non-deliverable",
	"smtp error from remote", "error that the other server returned", "rejected your message", "rejected by the recipient", "your message was rejected", "message was rejected", "message has been rejected", "message you sent was rejected", "email was rejected", "mail was rejected", "message was not accepted", "has been blocked", "was blocked by", "message was blocked", "message you sent blocked", "the reason for the problem", "has been delayed", "is delayed", "will be retried", "will keep trying", "still trying to deliver",
	"diagnostic information for administrators", "generating server", "was not listed in", "not listed in domino", "transcript of session follows", "session transcript", "transcript of the attempts", "address couldn't be found", "recipient address rejected", "there was a temporary problem", "was returned to you", "is being returned", "mail is returned", "has been returned", "message is returned",
	"was rejected by a remote mail server", "recipients was rejected", "did not receive this message", "as their mailbox", "failed to deliver", "error has occurred while attempting to deliver", "will not continue trying", "failed to be delivered", "fail to deliver", "delivery attempt", "has been removed from the mail queue", "undeliverable address", "undeliverable to", "unknown user:", "unknown host:", "user mailbox exceeds allowed size:", "invalid final delivery userid", "no valid recipients",
	"content checker found", "your email to the following", "your message to the following", "did not send the message", "have yet to be delivered", "automatically rejected", "delivery of the email was stopped", "delivery of the message was stopped", "did not reach the following", "encountered delivery problems",
	"delivery incomplete", "will retry for", "temporary problem delivering", "permanent fatal delivery errors", "undeliverable to the following", "problem with its delivery", "due to the following reason", "on the delivery status of a message", "unsuccessful delivery attempts", "was not able to be delivered", "isn't able to receive", "the group you tried to contact", "did not like our rcpt", "the user(s) account is", "your mail was not",
	"nicht zugestellt", "konnte nicht zustellen", "nicht zustellbar", "unzustellbar", "nicht ausgeliefert", "nicht überbracht", "zustellung an", "zustellung ihrer", "zustellung der nachricht", "nachrichtenzustellung", "nicht übermittelt", "zugestellt werden konnte", "zustellfehler", "fehler bei der zustellung", "zustellung ist fehlgeschlagen", "wurde abgelehnt", "nicht angenommen", "wurde zurückgewiesen",
	"n'a pas pu être", "n'ont pas pu être", "pas été remis", "impossible de remettre", "n'a pas été remis", "échec de la remise", "échec de remise", "échec de la distribution", "non distribué", "n'a pu être", "pas été distribué", "n'a pas été délivré", "pas été délivré", "n'a pas été livré", "être remis à", "pas pu être acheminé", "échec de l'envoi", "a été rejeté", "impossible de délivrer", "impossible d'acheminer",
	"no se pudo entregar", "no se ha podido entregar", "no pudo ser entregado", "no se ha entregado", "no fue entregado", "no ha podido ser entregado", "no ha sido entregado", "no se puede entregar", "error de entrega", "entrega a los siguientes", "no se entregó", "error en la entrega", "no han podido entregar", "imposible entregar", "ha sido rechazado", "fue rechazado", "no se pudo enviar",
	"non è stato possibile recapitare", "impossibile recapitare", "non è stato recapitato", "non può essere consegnato", "non può essere recapitato", "non è stato consegnato", "non è stato possibile consegnare", "recapito non riuscito", "impossibile consegnare", "mancato recapito", "mancata consegna", "consegna non riuscita", "è stato respinto", "è stato rifiutato", "non ha potuto essere",
	"não pôde ser entregue", "não foi possível entregar", "não foi entregue", "não pode ser entregue", "falha na entrega", "falha ao entregar", "não é possível entregar", "não foi possível a entrega", "foi rejeitada", "não conseguiu entregar", "erro na entrega",
	"kan niet worden bezorgd", "kon niet worden bezorgd", "niet bezorgd", "niet worden afgeleverd", "niet afgeleverd", "bezorging aan", "bezorging mislukt", "kunde inte levereras", "kan inte levereras", "inte leverera", "leveransen misslyckades", "har inte levererats", "kunne ikke leveres", "kan ikke leveres", "ikke blitt levert", "ikke blevet leveret", "ikke levere", "levering mislyktes", "leveringen til", "ei voitu toimittaa", "ei voida toimittaa", "ei pystytty toimittamaan", "toimittaminen seuraaville", "toimitus epäonnistui", "ei ole toimitettu",
	"nie może zostać dostarczon", "nie można dostarczyć", "nie została dostarczona", "nie mogła zostać dostarczona", "nie można było dostarczyć", "dostarczenie do", "nie udało się dostarczyć", "nie została doręczona", "nemohla být doručena", "nebyla doručena", "nelze doručit", "doručení těmto", "nepodařilo doručit", "nemohlo být doručeno", "nem sikerült kézbesíteni", "nem kézbesíthető", "nu a putut fi livrat",
	"не доставлено", "не может быть доставлено", "не удалось доставить", "не было доставлено", "не были доставлены", "не может быть доставлен", "не могло быть доставлено", "сбой доставки", "ошибка доставки", "не удается доставить", "невозможно доставить", "не смогло быть доставлено", "не доставлена", "не вдалося доставити", "не може бути доставлен", "не було доставлено", "δεν ήταν δυνατή η παράδοση", "δεν παραδόθηκε", "η παράδοση", "αποτυχία παράδοσης", "δεν μπόρεσε να παραδοθεί", "δεν μπορεί να παραδοθεί",
	"teslim edilemedi", "teslim edilemiyor", "iletilemedi", "teslim başarısız", "gönderilemedi", "teslimat başarısız", "无法送达", "无法投递", "投递失败", "退信", "未能送达", "传递失败", "发送失败", "未送达", "被退回", "無法傳送", "無法投遞", "無法送達", "無法傳遞", "傳遞失敗", "寄送失敗", "傳送失敗", "未能送達", "配信できません", "配信できなかった", "配信することができません", "配信に失敗", "配信されません", "届けることができません", "お届けできません", "届きません", "送信できません", "送信に失敗", "送達できません", "配送できません", "配達できません", "メールサーバー", "전송하지 못", "배달하지 못", "배달되지", "배달할 수 없", "전달하지 못", "전달되지", "발송되지", "전송에 실패", "전송되지", "반송되었", "không thể gửi", "không gửi được", "không được gửi", "thất bại", "לא ניתן היה למסור", "לא נמסרה", "מסירת ההודעה נכשלה", "המסירה", "לא ניתן למסור", "تعذر تسليم", "لم يتم تسليم", "فشل تسليم", "فشل التسليم", "تعذر توصيل",
}

// countPhrases counts the phrases in a lower-case text, up to three.
func countPhrases(low string) int {
	n := 0
	for _, p := range phrases {
		if strings.Contains(low, p) {
			if n++; n == 3 {
				break
			}
		}
	}
	return n
}

// others are what mails say that look like bounces and are none: challenges to a sender, quarantine lists, warnings to a mailbox's owner, notices of
// list servers.
var others = []string{
	"quarantine summary", "quarantine digest", "quarantine report", "spam digest", "spam quarantine", "spam report for", "quarantined messages", "messages in quarantine", "in your quarantine", "release to inbox", "release this message", "release message", "held messages", "messages on hold", "your quarantine", "quarantäne-bericht", "quarantänebericht", "in quarantäne", "quarantaine", "cuarentena", "quarantena", "quarentena", "карантин", "隔離", "隔离",
	"confirm that you sent", "confirm you sent", "confirm your message", "confirm this message", "confirm your email address to deliver", "verify that you are", "verify your address", "verify yourself", "prove that you are", "prove you are", "are a human", "you are human", "sender verification", "challenge", "to have your message delivered", "to get your message delivered", "approved sender", "authorized senders", "guest list", "whitelist request", "one-time confirmation", "complete the verification", "simply reply to this message", "just reply to this", "click the link below to confirm", "click on the link below to deliver", "bestätigen sie ihre", "bestätigen sie bitte", "um ihre nachricht zuzustellen", "pour confirmer", "confirmer votre message", "confirme su mensaje", "confermare il messaggio",
	"click here to release", "click here to retrieve", "click to release", "click here to deliver", "retrieve your message", "retrieve messages", "recover your message", "recover messages", "review your message", "review messages", "pending messages", "messages pending", "incoming messages", "release your message", "restore your message", "verify your account", "verify your mailbox", "log in to", "sign in to", "login to",
	"awaiting moderation", "awaits moderator", "moderator approval", "held for approval", "excessive bounces", "membership has been disabled", "bounce action notification", "uncaught bounce", "list moderator", "subscription to",
	"delete old", "delete some", "empty your trash", "your mailbox is almost", "your mailbox is nearly", "your mailbox has reached", "your account is over", "upgrade your storage", "your storage",
	"your parcel", "your package", "your shipment",
}

// isOther reports whether a lower-case text is of a mail that only looks like a bounce.
func isOther(low string) bool {
	for _, o := range others {
		if strings.Contains(low, o) {
			return true
		}
	}
	return false
}

// isOtherSubject reports whether a subject is that of a mail that servers write to whoever runs them.
func isOtherSubject(s string) bool {
	low := strings.ToLower(strings.TrimSpace(s))
	return strings.Contains(low, "smtp server: errors from") || hasAnyPrefix(low, "cron <", "logwatch", "report domain:", "[dmarc", "dmarc ", "mail queue", "bounce action notification", "uncaught bounce", "daily report", "weekly report")
}
