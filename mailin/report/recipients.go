package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"letterlock/bridge"
)

// findRecipients finds whom a report's words are about, and what they say of each: a line that begins with an address, or a label
// and an address; failing that, an address in a sentence, in the returned mail, or in the reverse-path that the report was sent to.
func findRecipients(m Mail, words []line, o original) []bridge.ReportedRecipient {
	skip := map[string]bool{strings.ToLower(m.From): true}
	for _, a := range append(appendAddresses(nil, m.Field("to")), o.sender...) {
		skip[strings.ToLower(a)] = true // who gets the bounce has sent the mail
	}
	var list []bridge.ReportedRecipient
	seen := map[string]int{}
	put := func(addr, text string) {
		key := strings.ToLower(addr)
		if i, ok := seen[key]; ok {
			if list[i].Diagnostic == "" || replyCode(list[i].Diagnostic) == "" && replyCode(text) != "" {
				list[i].Diagnostic = text
			}
			return
		}
		if len(list) < maxRecipients {
			seen[key] = len(list)
			list = append(list, bridge.ReportedRecipient{Recipient: addr, Diagnostic: text})
		}
	}
	named := false
	if f := m.Field("x-failed-recipients"); f != "" {
		for s := range strings.SplitSeq(f, ",") {
			if a, _, ok := findAddress(s); ok {
				put(a, "")
				named = true
			}
		}
	}
	for pass := 0; pass < 2 && len(list) == 0 || pass == 0; pass++ {
		for i := range words {
			a, rest, ok := leading(words[i].text)
			if !ok || pass == 0 && skip[strings.ToLower(a)] || isContact(a) && !o.wasTo(a) {
				continue
			}
			if _, known := seen[strings.ToLower(a)]; named && !known {
				continue // an alias that the failed address was expanded to
			}
			text := explain(words, i, rest)
			if replyCode(text) == "" && findEnhanced(text) == "" && fromWords(text) == "" && fromWords(words[i].text) != "" {
				text = clip(spaces(clean(words[i].text)), 1000) // the label says what is wrong
			}
			put(a, text)
			for _, more := range further(rest) {
				if _, known := seen[strings.ToLower(more)]; (!named || known) && !skip[strings.ToLower(more)] {
					put(more, "")
				}
			}
		}
		if len(list) == 0 {
			inSentences(words, skip, o, pass == 1, put)
		}
		if len(list) == 0 && pass == 0 {
			for _, a := range o.to {
				if len(o.to) == 1 && !skip[strings.ToLower(a)] {
					put(a, "")
				}
			}
			if a := verp(m.Field("to")); a != "" && len(list) == 0 {
				put(a, "")
			}
		}
	}
	common, looked := "", false
	for i := range list {
		d := list[i].Diagnostic
		if findEnhanced(d) != "" || replyCode(d) != "" {
			continue
		}
		if !looked {
			common, looked = commonReason(words), true
		}
		if findEnhanced(common) != "" || replyCode(common) != "" || d == "" || fromWords(d) == "" && fromWords(common) != "" {
			list[i].Diagnostic = common
		}
	}
	return list
}

// further reads the addresses of a list that goes on behind its first one.
func further(rest string) (list []string) {
	for len(list) < 100 {
		rest = strings.TrimLeft(rest, ">)] \t")
		if rest == "" || rest[0] != ',' && rest[0] != ';' {
			return list
		}
		rest = strings.TrimLeft(rest[1:], "<([ \t'\"")
		a, after, ok := findAddress(rest)
		if !ok || !strings.HasPrefix(rest, a) {
			return list
		}
		list = append(list, a)
		rest = after
	}
	return list
}

// verp reads the address that a variable envelope return path holds: bounces+ann=example.com@lists.example.
func verp(to string) string {
	a, _, ok := findAddress(to)
	if !ok {
		return ""
	}
	local := a[:strings.LastIndexByte(a, '@')]
	eq := strings.LastIndexByte(local, '=')
	if eq <= 0 || !strings.Contains(local[eq:], ".") {
		return ""
	}
	host := local[eq+1:]
	local = local[:eq]
	if i := strings.LastIndexAny(local, "+"); i >= 0 {
		local = local[i+1:]
	} else if i := strings.IndexByte(local, '-'); i >= 0 {
		local = local[i+1:]
	}
	if v, _, ok := findAddress(local + "@" + host); ok && local != "" {
		return v
	}
	return ""
}

// isContact reports whether an address is one that bounces name for help.
func isContact(a string) bool {
	if isDaemon(a) {
		return true
	}
	switch squeezed(a) {
	case "abuse", "support", "helpdesk", "help", "noc", "hostmaster", "webmaster", "unblock", "delist", "whitelist", "servicedesk", "removals":
		return true
	}
	return false
}

// labels are parts of words that stand before the failed address, with a colon, in lower case; notLabels are of those that stand before another one.
var (
	labels = []string{
		"recipient", "rcpt", "address", "deliver", "fail", "user", "mailbox", "destination", "destinat", "addressed to", "undeliverable", "account", "mail to", "sent to", "empfänger", "adressat", "adresse", "ontvanger", "geadresseerde", "mottaga", "modtager", "mottaker", "vastaanottaja", "odbiorc", "adresat", "příjemc", "adresát", "получател", "адресат", "адрес", "одержувач", "отримувач", "παραλήπτ", "alıcı", "נמען", "נמענים", "المستلم", "收件", "接收", "邮件地址", "邮箱", "地址", "宛先", "送信先", "受信者", "あて先", "メールアドレス", "수신", "받는", "người nhận", "địa chỉ",
		"host", "unknown", "e-mail", "email", "invalid", "smtp", "final",
	}
	wholeLabels = []string{"to", "an", "à", "a", "para", "aan", "till", "til", "do", "komu", "кому", "προς", "kime", "אל", "إلى", "宛", "받는 사람", "tới", "받는사람"}
	notLabels   = []string{"from", "sender", "return", "reply", "please try", "try instead", "new address", "neue adresse", "contact", "help", "support", "postmaster", "admin", "absender", "expéditeur", "remitente", "mittente", "remetente", "afzender", "avsändare", "afsender", "avsender", "nadawc", "odesílat", "отправител", "发件", "寄件", "送信者", "差出人", "발신", "보낸", "error-to", "errors-to", "original sender", "reporting", "message-id", "message id", "subject", "betreff", "diagnostic", "said", "writes"}
)

func isLabel(label string) bool {
	label = strings.ToLower(strings.Trim(label, " \t*_-.\u3000"))
	if len(label) > 90 {
		return false
	}
	for _, l := range wholeLabels {
		if label == l {
			return true
		}
	}
	for _, l := range notLabels {
		if strings.Contains(label, l) {
			return false
		}
	}
	for _, l := range labels {
		if strings.Contains(label, l) {
			return true
		}
	}
	return strings.HasSuffix(label, " to") || strings.HasSuffix(label, " an") || strings.HasSuffix(label, " à")
}

// leading reads a line whose subject is an address: one that begins with it, perhaps behind a list mark, a number or a label.
func leading(t string) (addr, rest string, ok bool) {
	if t == "" || len(t) > 1000 {
		return "", "", false
	}
	if strings.HasPrefix(t, ">>>") || strings.HasPrefix(t, "<<<") || strings.HasPrefix(t, "-->") || strings.HasPrefix(t, "<--") {
		return "", "", false
	}
	s := strings.TrimLeft(t, "*-+•·>|\"'[(#= \t●○・")
	if n := digits(s); n > 0 && n < 4 && n < len(s) && (s[n] == '.' || s[n] == ')') {
		s = strings.TrimLeft(s[n+1:], " \t")
	}
	a, after, ok := findAddress(s)
	if !ok {
		return "", "", false
	}
	at := strings.Index(s, a)
	before := strings.TrimSpace(strings.TrimRight(s[:at], "<[('\"`"))
	before = strings.TrimSpace(strings.TrimRight(strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(before, "mailto:")), "rfc822;"), "<[('\"`"))
	label, labelled := strings.CutSuffix(before, ":")
	if !labelled {
		label, labelled = strings.CutSuffix(before, "：")
	}
	if labelled {
		return a, after, isLabel(label)
	}
	low := strings.ToLower(before)
	switch low {
	case "":
		// "ann@example.com wrote" begins with an address and is not about it; a fault says what is wrong.
		low := strings.ToLower(after)
		return a, after, !strings.HasPrefix(low, "wrote") && !strings.HasPrefix(low, "schrieb")
	case "to", "rcpt to", "recipient", "unable to deliver to", "failed to deliver to", "delivery to", "user", "address", "mailbox":
		return a, after, true
	}
	// "Ann Miller <ann@example.com>" or "Ann Miller (ann@example.com)" alone on its line.
	open := s[:at]
	if (strings.HasSuffix(open, "<") || strings.HasSuffix(open, "(") || strings.HasSuffix(open, "<mailto:") || strings.HasSuffix(open, "(mailto:") || strings.HasSuffix(open, "[")) && len(strings.Trim(after, ">:.)] ,")) == 0 && len(strings.Fields(before)) <= 5 && !strings.HasSuffix(low, " to") && !strings.HasSuffix(low, " for") && !strings.HasPrefix(low, "from") && !isDaemon(a) {
		return a, "", true
	}
	return "", "", false
}

// explain gathers what stands with an address: the rest of its line and the lines below, to the next empty one or the next address.
func explain(words []line, i int, rest string) string {
	parts := []string{}
	rest = strings.TrimSpace(strings.TrimLeft(rest, ">:;,.) \t\"]"))
	if a, after, ok := findAddress(rest); ok && strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(rest, "<"), "mailto:"))[:len(a)] == a && strings.Trim(after, ">) ") == "" {
		rest = "" // the address again, as a link
	}
	if rest != "" {
		parts = append(parts, rest)
	}
	blank := 0
	size := len(rest)
	for _, l := range words[i+1 : min(i+15, len(words))] {
		if l.text == "" {
			// "because:" and an empty line: the reason is still to come.
			if blank++; len(parts) > 0 && !strings.HasSuffix(parts[len(parts)-1], ":") || blank > 2 || len(parts) == 0 && blank > 1 {
				break
			}
			continue
		}
		if _, _, ok := leading(l.text); ok || strings.HasPrefix(l.text, "-----") {
			break
		}
		if size += len(l.text); size > 1000 {
			break
		}
		parts = append(parts, l.text)
	}
	return clip(spaces(clean(strings.Join(parts, " "))), 1000)
}

// inSentences finds addresses within sentences that speak of a failure, and in the lines of a transcript. If the returned mail says to whom it was
// written, and some are among them, the others are not meant. all takes also those of the sender, who may have written to himself.
func inSentences(words []line, skip map[string]bool, o original, all bool, put func(addr, text string)) {
	type found struct {
		addr, text string
		original   bool
	}
	for pass := range 2 {
		var list []found
		originals := false
		for i, l := range words {
			if l.text == "" || len(l.text) > 2000 || len(list) >= maxRecipients {
				continue
			}
			low := strings.ToLower(l.text)
			if hasAnyPrefix(low, "from:", "sender", "original sender", "message-id", "subject:", "return-path", "reporting-mta", "remote-mta", "reply-to:") || strings.Contains(low, "mail from") {
				continue
			}
			if pass == 0 && !strings.Contains(low, " to ") && !strings.Contains(low, "rcpt to") && !strings.Contains(low, " an ") && !strings.Contains(low, "recipient") && !strings.Contains(low, " for ") && countPhrases(low) == 0 && replyCode(l.text) == "" {
				continue
			}
			s := l.text
			for n := 0; n < 20; n++ {
				a, after, ok := findAddress(s)
				if !ok {
					break
				}
				before := s[:strings.Index(s, a)]
				if (all || !skip[strings.ToLower(a)]) && (!isContact(a) || o.wasTo(a)) && !forContact(before) {
					f := found{a, explain(words, i, after), o.wasTo(a)}
					originals = originals || f.original
					list = append(list, f)
				}
				s = after
			}
		}
		for _, f := range list {
			if f.original || !originals {
				put(f.addr, f.text)
			}
		}
		if len(list) > 0 {
			return
		}
	}
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// forContact reports whether what stands before an address says that it is one to write to, or of the sender.
func forContact(before string) bool {
	before = strings.ToLower(before[max(0, len(before)-60):])
	if i := strings.LastIndex(before, ". "); i >= 0 {
		before = before[i+2:]
	}
	for _, w := range []string{"please try", "try instead", "new address", "neue adresse", "contact", "help", "write to", "e-mail us", "email us", "reply to", "questions", "assistance", "from ", "from:", "from <", "sender", "via ", "http", "wenden sie sich", "von ", "absender", "by sending", "forward this", "report this", "mailto:postmaster", "message-id"} {
		if strings.Contains(before, w) {
			return true
		}
	}
	return false
}

// commonReason finds the one reason of a report that gives it apart from the addresses: a paragraph with a code in it, best one that a
// remote server is quoted with.
func commonReason(words []line) string {
	best := -1
	for i, l := range words {
		if len(l.text) > 2000 || findEnhanced(l.text) == "" && replyCode(l.text) == "" {
			continue
		}
		if best < 0 {
			best = i
		}
		low := strings.ToLower(l.text)
		prev := ""
		if i > 0 {
			prev = strings.ToLower(words[i-1].text)
			if prev == "" && i > 1 {
				prev = strings.ToLower(words[i-2].text)
			}
		}
		for _, sign := range []string{"said:", "response", "returned", "reason", "diagnostic", "<<<", "error from", "remote server", "smtp"} {
			if strings.Contains(low, sign) || strings.Contains(prev, sign) {
				return reasonAt(words, i)
			}
		}
	}
	if best >= 0 {
		return reasonAt(words, best)
	}
	// No code at all: the sentence that says what is wrong.
	for _, l := range words {
		if len(l.text) < 500 && fromWords(l.text) != "" {
			return clip(spaces(clean(l.text)), 1000)
		}
	}
	return ""
}

func reasonAt(words []line, i int) string {
	s := words[i].text
	for _, l := range words[i+1 : min(i+6, len(words))] {
		if l.text == "" || strings.HasPrefix(l.text, "-----") {
			break
		}
		s += " " + l.text
	}
	return clip(spaces(clean(strings.TrimLeft(s, "<> "))), 1000)
}

// findAddress returns the first addr-spec in a text and what follows it (and its closing bracket).
func findAddress(s string) (addr, after string, ok bool) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '@')
		if i < 0 {
			return "", "", false
		}
		i += from
		lo := localStart(s, i)
		hi := domainEnd(s, i+1)
		if j := strings.LastIndex(s[lo:i], "-'"); j >= 0 {
			lo += j + 2 // a reply code and a quote: 550-'ann@example.com
		}
		for lo < i && strings.IndexByte("'.=*/`", s[lo]) >= 0 {
			lo++
		}
		a := s[lo:i] + s[i:hi]
		if lo < i && hi > i+1 && utf8.ValidString(a) && len(a) <= 254 {
			after := strings.TrimPrefix(s[hi:], ">")
			return a, strings.TrimLeft(after, " \t"), true
		}
		from = i + 1
	}
}

// localStart returns where the local part that ends at i begins. Text of a script without spaces may stand right before an ASCII one.
func localStart(s string, i int) int {
	if i > 1 && s[i-1] == '"' {
		from := max(0, i-70)
		if q := strings.LastIndexByte(s[from:i-1], '"'); q >= 0 && strings.IndexFunc(s[from+q:i], unicode.IsControl) < 0 {
			return from + q
		}
	}
	lo, ascii := i, false
	for lo > 0 && lo > i-128 {
		c := s[lo-1]
		if c < utf8.RuneSelf {
			if !isLocal(c) {
				break
			}
			ascii = ascii || isLetter(c) || isDigit(c)
			lo--
			continue
		}
		r, n := utf8.DecodeLastRuneInString(s[:lo])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) || ascii && r >= 0x2e80 {
			break
		}
		lo -= n
	}
	return lo
}

// domainEnd returns where the domain that begins at i ends.
func domainEnd(s string, i int) int {
	hi, ascii := i, false
	if hi < len(s) && s[hi] == '[' {
		// A domain literal.
		if j := strings.IndexByte(s[hi:min(len(s), hi+60)], ']'); j > 0 && !strings.ContainsAny(s[hi:hi+j], " \t@<>") {
			return hi + j + 1
		}
	}
	for hi < len(s) && hi < i+256 {
		c := s[hi]
		if c < utf8.RuneSelf {
			if !isDomain(c) {
				break
			}
			ascii = ascii || isLetter(c) || isDigit(c)
			hi++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[hi:])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) || ascii && r >= 0x2e80 {
			break
		}
		hi += n
	}
	for hi > i && strings.IndexByte(".-_", s[hi-1]) >= 0 {
		hi--
	}
	return hi
}

func isLocal(c byte) bool {
	return isLetter(c) || isDigit(c) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0
}

func isDomain(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' || c == '-' || c == '_' }
