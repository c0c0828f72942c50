package report

import (
	"strings"
	"unicode"

	"letterlock/bridge"
)

// line is one line of a report's own words.
type line struct {
	text   string // trimmed
	indent bool
}

// Bounds on the words that are read: what a server has to say stands at the top.
const (
	maxWords = 128 << 10
	maxLines = 2000
)

// readWords reads a bounce that a server wrote in words of its own. A mail is one only if its sender, its subject, its wording and what
// it returns agree well enough; a person who quotes a bounce, or a parcel service whose parcel could not be delivered, must not
// look like one. It also returns the copy of the reported mail that stands below the words.
func readWords(m Mail) (rs []bridge.ReportedRecipient, returned []byte, ok bool) {
	failed := m.Field("x-failed-recipients")
	daemon := m.NullSender || isDaemon(m.From) || isDaemonName(m.FromName)
	subject := isBounceSubject(m.Subject)
	if !daemon && !subject && failed == "" {
		return nil, nil, false
	}
	// Few servers answer as a person would, below the subject of the mail that failed.
	answers := isReplyOrForward(m.Subject) && !m.NullSender
	if answers && !daemon || m.InReplyTo && !daemon {
		return nil, nil, false
	}
	words, rest := wordsOf(m.Text)
	low := strings.ToLower(joined(words))
	phrases := countPhrases(low)
	copied := rest != "" || hasReturned(m.Parts)
	flat := strings.Contains(low, "final-recipient:") && strings.Contains(low, "action:")
	if flat {
		// The parts of a DSN ran together, or lost their types.
		phrases++
		rs = readStatus([]byte(lines(words)))
	}
	if len(rs) == 0 {
		rs = findRecipients(m, words)
	}
	coded := flat && len(rs) > 0
	for _, r := range rs {
		coded = coded || findEnhanced(r.Diagnostic) != "" || replyCode(r.Diagnostic) != "" || fromWords(r.Diagnostic) != ""
	}
	machine := failed != "" || strings.Contains(strings.ToLower(m.Field("auto-submitted")), "auto-") || m.NullSender
	signs := 0
	for _, s := range []bool{subject, phrases > 0, phrases > 1, copied, coded && len(rs) > 0, machine} {
		if s {
			signs++
		}
	}
	switch {
	case answers && (!strings.HasPrefix(strings.ToLower(m.Subject), "re:") || phrases < 2 || !coded || m.InReplyTo):
		return nil, nil, false
	case failed != "" && signs >= 2 && (daemon || phrases > 0 || copied):
	case daemon && phrases > 0 && signs >= 3 && (len(rs) > 0 || copied):
	case daemon && subject && signs >= 3:
	case !daemon && subject && phrases > 0 && len(rs) > 0 && signs >= 5:
	default:
		return nil, nil, false
	}
	given := guessAction(m, words)
	for i := range rs {
		finish(&rs[i], given)
	}
	return rs, []byte(rest), true
}

// daemons are local parts that mail systems write from.
var daemons = []string{
	"mailer-daemon", "mailerdaemon", "mailer_daemon", "mailer.daemon", "postmaster", "mail-daemon", "maildaemon", "mailsystem", "mail-system", "microsoftexchange",
	"mdaemon", "bounce", "bounces", "mailbot", "complaints-daemon", "mailadmin", "mail-admin", "smtpd", "mta", "qmail", "mailer", "nondelivery", "ndr", "bouncehandler", "sysadmin", "double-bounce",
}

func isDaemon(addr string) bool {
	local, _, _ := strings.Cut(strings.ToLower(addr), "@")
	local = strings.Trim(local, `"<> `)
	for _, d := range daemons {
		if rest, ok := strings.CutPrefix(local, d); ok && (rest == "" || len(rest) > 0 && !isLetter(rest[0]) || d == "microsoftexchange") {
			return true
		}
	}
	return false
}

func isDaemonName(name string) bool {
	name = strings.ToLower(name)
	for _, d := range []string{
		"mail delivery sub", "mail delivery system", "mailer-daemon", "mail delivery service", "mail delivery notif", "mail administrator", "system administrator", "microsoft outlook",
		"systemadministrator", "internet mail delivery", "mail system", "mailer daemon", "postmaster", "mail delivery", "mail server", "mdaemon", "mail-system", "undeliverable", "mail router", "microsoft exchange",
	} {
		if strings.Contains(name, d) {
			return true
		}
	}
	return false
}

// subjects of bounces, in lower case.
var subjects = []string{
	"undelivered mail returned", "undeliverable", "mail delivery failed", "mail delivery failure", "delivery status notification", "returned mail", "failure notice",
	"delivery failure", "delivery failed", "delivery notification", "mail system error", "could not deliver", "couldn't be delivered", "could not be delivered", "not delivered", "undelivered",
	"delivery has failed", "mail delivery error", "delivery error", "message delivery", "message undeliverable", "nondeliverable mail", "non-delivery", "non delivery", "nondelivery", "message delayed", "delayed mail",
	"warning: message", "mail delivery delayed", "delivery delayed", "delivery delay", "delivery incomplete", "user unknown", "unknown user", "email delivery", "message status - undeliverable", "mail returned", "returned to sender",
	"return to sender", "rejected mail", "message rejected", "delivery report", "delivery problem", "permanent delivery failure", "address not found", "message not delivered", "mail not delivered", "bounced mail", "bounce",
	"unzustellbar", "zustellung fehlgeschlagen", "nicht zugestellt", "nicht zustellbar", "unzustellbare", "zustellstatus", "zustellungsfehler", "fehlgeschlagene",
	"non remis", "non distribuable", "échec de la remise", "echec de la remise", "non distribué", "échec de livraison", "échec de distribution",
	"no se puede entregar", "no se pudo entregar", "no entregado", "error de entrega", "notificación de estado de entrega", "devuelto", "no se ha podido entregar",
	"mancato recapito", "non recapitabile", "mancata consegna", "non consegnato", "notifica dello stato", "não entregue", "não foi possível entregar", "falha na entrega", "devolvido", "não é possível entregar",
	"onbestelbaar", "niet bezorgd", "kan niet worden bezorgd", "olevererbart", "kan inte levereras", "kan ikke leveres", "kunne ikke leveres", "ikke levert", "olevererad", "levererades inte", "toimitus epäonnistui", "ei voitu toimittaa",
	"niedostarczon", "nie można dostarczyć", "nie dostarczono", "nedoručiteln", "nedoručen", "не доставлено", "недоставлен", "не удалось доставить", "невозможно доставить", "не вдалося доставити", "недоставлен",
	"teslim edilemedi", "teslim edilemiyor", "退信", "无法投递", "无法送达", "未送达", "投递失败", "發送失敗", "無法傳遞", "無法投遞", "退回", "配信不能", "配信できません", "送信できません", "未配信", "エラーメール", "반송", "전송 실패", "배달되지 않음", "배달할 수 없음", "không gửi được", "không thể gửi", "αδυναμία παράδοσης", "δεν παραδόθηκε", "לא נמסר", "تعذر التسليم", "غير قابل للتسليم",
}

func isBounceSubject(s string) bool {
	s = strings.ToLower(spaces(s))
	for _, w := range subjects {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func isReplyOrForward(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, p := range []string{"re:", "re[", "fwd:", "fw:", "aw:", "wg:", "sv:", "vs:", "tr:", "rv:", "r:", "i:", "odp:", "enc:", "antw:", "doorst:", "vl:", "ynt:", "ilt:", "回复", "答复", "转发", "回覆", "轉寄", "re："} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// phrases that mail systems explain a bounce with, in lower case and single-spaced.
var phrases = []string{
	"could not be delivered", "couldn't be delivered", "could not deliver", "couldn't deliver", "unable to deliver", "wasn't able to deliver", "was not able to deliver", "not been delivered", "was not delivered", "wasn't delivered", "cannot be delivered",
	"can't be delivered", "delivery has failed", "delivery failed", "failed permanently", "delivery to the following", "undeliverable", "undelivered", "did not reach", "could not be reached",
	"permanent fatal errors", "transient non-fatal errors", "following addresses had", "following address failed", "following address(es) failed", "failed addresses", "failed recipient", "permanent error", "i've given up",
	"returned to sender", "mail delivery software", "mail delivery system", "mail system at host", "qmail-send program", "message delivery to the following", "error occurred while trying to deliver", "error while attempting to deliver",
	"returned message", "return message", "undelivered message", "delivery error", "delivery failure", "mail delivery failure", "user unknown", "unknown user", "no such user", "remote host said", "remote server returned", "response from the remote server",
	"smtp error from remote", "error that the other server returned", "rejected your message", "rejected by the recipient", "your message was rejected", "message was not accepted", "the reason for the problem", "has been delayed", "is delayed", "will be retried", "will keep trying", "delivery status notification",
	"diagnostic information for administrators", "generating server", "was not listed in", "not listed in domino", "transcript of session follows", "session transcript", "address couldn't be found", "recipient address rejected", "there was a temporary problem", "mailbox is full", "mailbox full", "over quota",
	"was rejected by a remote mail server", "recipients was rejected", "did not receive this message", "account is disabled", "as their mailbox", "may not exist", "failed to deliver", "error has occurred while attempting to deliver", "will not continue trying",
	"delivery incomplete", "will retry for", "temporary problem delivering", "permanent fatal delivery errors", "undeliverable to the following", "problem with its delivery", "due to the following reason", "on the delivery status of a message", "unsuccessful delivery attempts", "was not able to be delivered", "unknown recipient", "no such recipient", "isn't able to receive", "recipient not found",
	"nicht zugestellt", "konnte nicht zustellen", "nicht zustellbar", "unzustellbar", "nicht ausgeliefert", "zustellung an", "n'a pas pu être", "n’a pas pu être", "pas été remis", "impossible de remettre", "n'a pas été remis", "échec de la remise", "non distribué", "no se pudo entregar", "no se ha podido entregar", "no pudo ser entregado", "no se ha entregado", "no fue entregado",
	"non è stato possibile recapitare", "impossibile recapitare", "non è stato recapitato", "non può essere consegnato", "não pôde ser entregue", "não foi possível entregar", "não foi entregue", "kan niet worden bezorgd", "kon niet worden bezorgd", "niet bezorgd", "kunde inte levereras", "kunne ikke leveres", "ei voitu toimittaa",
	"nie może zostać dostarczona", "nie można dostarczyć", "nie została dostarczona", "nemohla být doručena", "nebyla doručena", "не доставлено", "не может быть доставлено", "не удалось доставить", "не было доставлено", "teslim edilemedi", "无法送达", "无法投递", "投递失败", "退信", "無法傳送", "無法投遞", "無法送達", "配信できません", "届けることができません", "送信できません", "配送できません", "전송하지 못", "배달하지 못", "배달되지", "δεν ήταν δυνατή η παράδοση", "không thể gửi",
}

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

func hasPhrase(text string) bool {
	words, _ := wordsOf(text)
	return countPhrases(strings.ToLower(joined(words))) > 0
}

func hasReturned(ps []Part) bool {
	for _, p := range ps {
		if p.Type == "message/rfc822" || p.Type == "text/rfc822-headers" || p.Type == "message/rfc822-headers" {
			return true
		}
	}
	return false
}

// markers begin the copy of the mail that comes back, in lower case.
var markers = []string{
	"below this line is a copy", "this is a copy of", "copy of your message", "copy of the message", "original message follows", "message header follows", "message headers follow", "unsent message below", "unsent message follows", "original message headers",
	"original message header", "undelivered message follows", "returned message follows", "text of your message follows", "body of your message", "----- original message", "-----original message", "--- original message", "--- message header", "headers of the message", "message text follows", "undelivered message header", "full message text", "original message -----",
	"----- message header", "start of returned message", "message contents follow", "returned mail follows", "begin of original", "included is a copy", "header of the original", "headers of the original", "---- returned message", "--- message from", "--- begin message", "--- the header of", "copy of the original message", "--- undelivered message", "your message reads", "message follows:", "lines of the message follow", "---- unsent message", "nachrichtenkopf", "ursprüngliche nachricht",
}

// wordsOf cuts a body into the server's words and the copy of the mail below them.
func wordsOf(text string) (words []line, rest string) {
	text = text[:min(len(text), maxWords)]
	for len(text) > 0 && len(words) < maxLines {
		raw, after, _ := strings.Cut(text, "\n")
		t := strings.TrimSpace(raw)
		if len(words) > 0 && t != "" {
			if isMarker(t) {
				return words, after
			}
			if beginsHeader(raw) && looksHeader(after) {
				return words, text
			}
		}
		text = after
		if strings.HasPrefix(t, "> ") {
			continue // a person quotes so; servers' transcripts have ">>>"
		}
		words = append(words, line{text: t, indent: len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t')})
	}
	return words, ""
}

func isMarker(t string) bool {
	if len(t) > 200 {
		return false
	}
	low := strings.ToLower(t)
	for _, m := range markers {
		if strings.Contains(low, m) {
			// A sentence of the explanation may speak of the copy: a marker is set off or ends in a colon or dashes.
			return strings.HasPrefix(low, "-") || strings.HasPrefix(low, "=") || strings.HasPrefix(low, "*") || strings.HasPrefix(low, "|") || strings.HasPrefix(low, "_") || strings.HasSuffix(low, ":") || strings.HasSuffix(low, "-") || strings.HasSuffix(low, "=") || low == m
		}
	}
	return false
}

func beginsHeader(raw string) bool {
	for _, n := range []string{"Received: ", "Return-Path: ", "Return-path: ", "DKIM-Signature: ", "Message-ID: ", "Message-Id: ", "X-Received: ", "ARC-Seal: ", "MIME-Version: "} {
		if strings.HasPrefix(raw, n) {
			return true
		}
	}
	return false
}

// looksHeader reports whether the next lines are fields or folded ones.
func looksHeader(s string) bool {
	for range 2 {
		var l string
		l, s, _ = strings.Cut(s, "\n")
		if l == "" {
			return false
		}
		if l[0] == ' ' || l[0] == '\t' {
			continue
		}
		n, _, ok := strings.Cut(l, ":")
		if !ok || strings.ContainsAny(n, " \t") {
			return false
		}
	}
	return true
}

func lines(words []line) string {
	var b strings.Builder
	for _, l := range words {
		if l.indent && l.text != "" {
			b.WriteByte(' ')
		}
		b.WriteString(l.text)
		b.WriteByte('\n')
	}
	return b.String()
}

func joined(words []line) string {
	var b strings.Builder
	for _, l := range words {
		for i, f := range strings.FieldsFunc(l.text, unicode.IsSpace) {
			if i > 0 || b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(f)
		}
	}
	return strings.ReplaceAll(b.String(), "’", "'")
}

// delays and arrivals are what servers say of a mail that they still try, or that arrived; in lower case, single-spaced.
var (
	delays = []string{
		"will be retried", "not yet been delivered", "has not been delivered yet", "will keep trying", "keep trying to deliver", "will retry for", "will continue to try", "no action is required on your part", "you do not need to resend", "this is a warning message only", "warning message only",
		"still trying to deliver", "still attempting", "delivery attempts will continue", "further attempts", "transient non-fatal errors", "has been delayed", "is delayed", "noch nicht zugestellt", "zustellung wird weiter versucht", "weitere zustellversuche", "verzögert", "a été retardé", "ha sido retrasad", "è stato ritardato", "was delayed", "delivery incomplete", "message delayed", "not been delivered to one or more of its recipients after more than", "attempts to deliver the message will continue",
	}
	arrivals = []string{"successfully delivered", "was successfully relayed", "delivered successfully", "has been delivered to the following", "your message has been delivered", "was delivered to the following", "successful mail delivery", "successfully relayed to", "relayed to mailer", "delivery to these recipients or groups is complete", "erfolgreich zugestellt"}
	giveUps  = []string{"given up", "giving up", "failed permanently", "permanent fatal", "permanent error", "will not be retried", "no further attempts", "in the queue too long", "retry timeout exceeded", "could not be delivered for", "returned to sender"}
)

// guessAction returns the action that the words suggest: "delayed", "delivered" or "failed".
func guessAction(m Mail, words []line) string {
	low := strings.ToLower(m.Subject + " " + joined(words))
	has := func(list []string) bool {
		for _, p := range list {
			if strings.Contains(low, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has(giveUps):
		return "failed"
	case has(delays):
		return "delayed"
	case has(arrivals):
		return "delivered"
	}
	return "failed"
}

// Suspect reports whether a mail may be a bounce by its sender, its subject or its fields, at the cost of a glance: a caller
// that has to prepare the text for Read can leave it where this says no.
func Suspect(m Mail) bool {
	return m.NullSender || isDaemon(m.From) || isDaemonName(m.FromName) || isBounceSubject(m.Subject) || m.Field != nil && m.Field("x-failed-recipients") != ""
}
