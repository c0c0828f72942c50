package report

import (
	"strings"

	"letterlock/bridge"
)

// The classes of bridge.ReportedRecipient.
const (
	permanent = "permanent"
	temporary = "temporary"
	success   = "success"
)

// finish completes what is known of a recipient: a status out of the diagnostic, an action out of the status, the class out of both.
// given is the action that the mail's words suggest, or "".
func finish(r *bridge.ReportedRecipient, given string) {
	inText := findEnhanced(r.Diagnostic)
	if r.Status == "" || generic(r.Status) && inText != "" && !generic(inText) && (r.Status[0] == inText[0]) {
		if inText != "" {
			r.Status = inText
		}
	}
	if r.Status == "" {
		r.Status = fromReplyCode(r.Diagnostic)
	}
	if r.Status == "" || generic(r.Status) {
		if s := fromWords(r.Diagnostic); s != "" && (r.Status == "" || r.Status[0] == s[0]) {
			r.Status = s
		}
	}
	if r.Action == "" && !strings.HasPrefix(r.Status, "2") {
		r.Action = given
	}
	if r.Action == "" {
		switch {
		case r.Status == "" || r.Status[0] == '5':
			r.Action = "failed"
		case r.Status[0] == '4':
			r.Action = "delayed"
		default:
			r.Action = "delivered"
		}
	}
	switch r.Action {
	case "delivered", "relayed", "expanded":
		r.Class = success
	case "delayed":
		r.Class = temporary
	default:
		// The class of a failure is the status's: one that gave up after trying for days says 4.4.7, and may work next time.
		r.Class = permanent
		if r.Status != "" && r.Status[0] == '4' {
			r.Class = temporary
		}
	}
	if r.Status == "" {
		r.Status = map[string]string{permanent: "5.0.0", temporary: "4.0.0", success: "2.0.0"}[r.Class]
	}
}

// generic reports whether a status tells nothing beyond its class.
func generic(status string) bool {
	return len(status) == 5 && status[1:] == ".0.0"
}

// findEnhanced finds an enhanced status code (RFC 3463) in a text: the first "d.ddd.ddd" of class 2, 4 or 5 that stands by itself.
func findEnhanced(s string) string {
	for i := 0; i+4 < len(s); i++ {
		c := s[i]
		if c != '5' && c != '4' && c != '2' || s[i+1] != '.' {
			continue
		}
		if i > 0 && (isDigit(s[i-1]) || s[i-1] == '.' || isLetter(s[i-1])) {
			continue
		}
		j := i + 2
		n := digits(s[j:])
		if n == 0 || n > 3 || j+n >= len(s) || s[j+n] != '.' {
			continue
		}
		k := j + n + 1
		n = digits(s[k:])
		if n == 0 || n > 3 {
			continue
		}
		end := k + n
		if end < len(s) && (isLetter(s[end]) || s[end] == '.' && end+1 < len(s) && isDigit(s[end+1])) {
			continue // an IP address or a version
		}
		return s[i:end]
	}
	return ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// replyCode finds an SMTP reply code of a failure: three digits, 4xx or 5xx, that stand by themselves and where a reply would.
func replyCode(s string) string {
	for i := 0; i+3 <= len(s); i++ {
		c := s[i]
		if c != '4' && c != '5' || i > 0 && (isDigit(s[i-1]) || isLetter(s[i-1]) || s[i-1] == '.' || s[i-1] == '-' || s[i-1] == '@') {
			continue
		}
		if s[i+1] < '0' || s[i+1] > '7' || !isDigit(s[i+2]) {
			continue
		}
		if i+3 == len(s) || strings.IndexByte(" -:;,)]'\"#_", s[i+3]) >= 0 || s[i+3] == '.' && (i+4 == len(s) || !isDigit(s[i+4])) {
			return s[i : i+3]
		}
	}
	return ""
}

func fromReplyCode(s string) string {
	switch code := replyCode(s); code {
	case "":
		return ""
	case "550", "551", "553":
		if w := fromWords(s); w != "" && w[0] == '5' {
			return w
		}
		return "5.0.0"
	case "552", "452":
		if w := fromWords(s); w != "" {
			return code[:1] + w[1:]
		}
		return code[:1] + ".2.2"
	default:
		if w := fromWords(s); w != "" && w[0] == code[0] {
			return w
		}
		return code[:1] + ".0.0"
	}
}

// reasons are what servers say where they give no code, and what it means. The first that occurs decides, so the more telling stand first.
var reasons = []struct{ words, status string }{
	{"will be retried", "4.0.0"},
	{"will keep trying", "4.0.0"},
	{"will continue to try", "4.0.0"},
	{"temporarily over quota", "4.2.2"},
	{"temporarily full", "4.2.2"},
	{"temporarily disabled", "4.2.1"},
	{"temporarily unavailable", "4.2.1"},
	{"temporarily not available", "4.2.1"},
	{"temporarily inactive", "4.2.1"},
	{"temporarily deferred", "4.0.0"},
	{"temporarily rejected", "4.0.0"},
	{"mailbox full", "5.2.2"},
	{"mailbox is full", "5.2.2"},
	{"mailbox has exceeded", "5.2.2"},
	{"quota", "5.2.2"},
	{"over limit", "5.2.2"},
	{"exceeds allowed size", "5.2.2"},
	{"exceeded the local limit", "5.2.2"},
	{"mailbox size limit", "5.2.2"},
	{"storage limit", "5.2.2"},
	{"out of storage", "5.2.2"},
	{"mailfolder is full", "5.2.2"},
	{"account is full", "5.2.2"},
	{"inbox is full", "5.2.2"},
	{"not enough storage", "5.2.2"},
	{"postfach voll", "5.2.2"},
	{"postfach ist voll", "5.2.2"},
	{"überfüllt", "5.2.2"},
	{"boîte aux lettres pleine", "5.2.2"},
	{"boîte pleine", "5.2.2"},
	{"est pleine", "5.2.2"},
	{"buzón lleno", "5.2.2"},
	{"está lleno", "5.2.2"},
	{"casella piena", "5.2.2"},
	{"casella di posta piena", "5.2.2"},
	{"è piena", "5.2.2"},
	{"caixa de correio cheia", "5.2.2"},
	{"está cheia", "5.2.2"},
	{"postvak is vol", "5.2.2"},
	{"postvak vol", "5.2.2"},
	{"brevlådan är full", "5.2.2"},
	{"przepełnion", "5.2.2"},
	{"переполнен", "5.2.2"},
	{"邮箱已满", "5.2.2"},
	{"信箱已滿", "5.2.2"},
	{"邮箱空间不足", "5.2.2"},
	{"容量", "5.2.2"},
	{"メールボックスがいっぱい", "5.2.2"},
	{"용량", "5.2.2"},
	{"exceeded storage", "5.2.2"},
	{"insufficient disk", "4.3.1"},
	{"insufficient storage", "4.3.1"},
	{"user unknown", "5.1.1"},
	{"unknown user", "5.1.1"},
	{"no such user", "5.1.1"},
	{"no such recipient", "5.1.1"},
	{"no such local user", "5.1.1"},
	{"no such address", "5.1.1"},
	{"no mailbox here", "5.1.1"},
	{"unknown recipient", "5.1.1"},
	{"recipient unknown", "5.1.1"},
	{"recipient not found", "5.1.1"},
	{"address not found", "5.1.1"},
	{"address couldn't be found", "5.1.1"},
	{"unknown address", "5.1.1"},
	{"does not exist", "5.1.1"},
	{"doesn't exist", "5.1.1"},
	{"doesn't have", "5.1.1"},
	{"not found", "5.1.1"},
	{"wasn't found", "5.1.1"},
	{"not listed in", "5.1.1"},
	{"invalid recipient", "5.1.1"},
	{"mailbox unavailable", "5.1.1"},
	{"account is disabled", "5.2.1"},
	{"account disabled", "5.2.1"},
	{"mailbox disabled", "5.2.1"},
	{"inactive", "5.2.1"},
	{"空间不足", "5.2.2"},
	{"unavailable mail user", "5.1.1"},
	{"invalid user", "5.1.1"},
	{"not known", "5.1.1"},
	{"user not found", "5.1.1"},
	{"no valid recipient", "5.1.1"},
	{"未开通", "5.1.1"},
	{"address syntax", "5.1.3"},
	{"suspended", "5.2.1"},
	{"user disabled", "5.2.1"},
	{"no longer available", "5.1.1"},
	{"no longer exists", "5.1.1"},
	{"number not in service", "5.1.1"},
	{"not a valid", "5.1.1"},
	{"unknown account", "5.1.1"},
	{"bad address", "5.1.1"},
	{"unknown mailbox", "5.1.1"},
	{"not recognized", "5.1.1"},
	{"unbekannt", "5.1.1"},
	{"existiert nicht", "5.1.1"},
	{"nicht gefunden", "5.1.1"},
	{"introuvable", "5.1.1"},
	{"n'existe pas", "5.1.1"},
	{"inconnu", "5.1.1"},
	{"no existe", "5.1.1"},
	{"desconocid", "5.1.1"},
	{"inesistente", "5.1.1"},
	{"non esiste", "5.1.1"},
	{"sconosciut", "5.1.1"},
	{"não existe", "5.1.1"},
	{"desconhecid", "5.1.1"},
	{"bestaat niet", "5.1.1"},
	{"finns inte", "5.1.1"},
	{"finnes ikke", "5.1.1"},
	{"findes ikke", "5.1.1"},
	{"ei ole olemassa", "5.1.1"},
	{"nie istnieje", "5.1.1"},
	{"neexistuje", "5.1.1"},
	{"не существует", "5.1.1"},
	{"не найден", "5.1.1"},
	{"не знайдено", "5.1.1"},
	{"不存在", "5.1.1"},
	{"存在しません", "5.1.1"},
	{"見つかりません", "5.1.1"},
	{"존재하지", "5.1.1"},
	{"không tồn tại", "5.1.1"},
	{"unrouteable", "5.1.2"},
	{"unroutable", "5.1.2"},
	{"host not found", "5.1.2"},
	{"host unknown", "5.1.2"},
	{"unknown host", "5.1.2"},
	{"domain not found", "5.1.2"},
	{"couldn't find any host", "5.1.2"},
	{"no mx", "5.1.2"},
	{"suppression list", "5.1.1"},
	{"previously bounced", "5.1.1"},
	{"not active", "5.2.1"},
	{"not a member", "5.7.2"},
	{"deactivated", "5.2.1"},
	{"account is locked", "5.2.1"},
	{"no longer accepts", "5.2.1"},
	{"not accepting", "5.2.1"},
	{"subscriber is not available", "5.1.1"},
	{"number is invalid", "5.1.1"},
	{"has moved", "5.1.6"},
	{"nicht mehr gültig", "5.1.1"},
	{"nicht vorhanden", "5.1.1"},
	{"nicht im", "5.1.1"},
	{"too large", "5.3.4"},
	{"size limit", "5.3.4"},
	{"message size", "5.3.4"},
	{"greylist", "4.7.1"},
	{"graylist", "4.7.1"},
	{"try again later", "4.0.0"},
	{"timed out", "4.4.1"},
	{"timeout", "4.4.1"},
	{"connection refused", "4.4.1"},
	{"couldn't reach", "4.4.1"},
	{"no answer from host", "4.4.1"},
	{"has been in the queue too long", "4.4.7"},
	{"in the queue too long", "4.4.7"},
	{"retry time not reached", "4.4.1"},
	{"expired", "4.4.7"},
	{"relaying denied", "5.7.1"},
	{"relay access denied", "5.7.1"},
	{"access denied", "5.7.1"},
	{"spam", "5.7.1"},
	{"blocked", "5.7.1"},
	{"blacklist", "5.7.1"},
	{"policy", "5.7.1"},
	{"not authorized", "5.7.1"},
	{"número inválido", "5.1.1"},
	{"invalid number", "5.1.1"},
	{"endereço inválido", "5.1.3"},
	{"dirección no válida", "5.1.3"},
	{"virus", "5.7.0"},
	{"malware", "5.7.0"},
	{"banned", "5.7.0"},
	{"loop", "5.4.6"},
	{"too many hops", "5.4.6"},
}

func fromWords(s string) string {
	low := strings.ToLower(s)
	for _, r := range reasons {
		if strings.Contains(low, r.words) {
			return r.status
		}
	}
	return ""
}
