package report

import (
	"strings"
	"unicode/utf8"

	"letterlock/bridge"
)

// findRecipients finds whom a report's words are about, and what they say of each: a line that begins with an address, or a label
// and an address; failing that, an address in a sentence.
func findRecipients(m Mail, words []line) []bridge.ReportedRecipient {
	skip := map[string]bool{strings.ToLower(m.From): true}
	if a, _, ok := findAddress(m.Field("to")); ok {
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
	for i := range words {
		if a, rest, ok := leading(words[i].text); ok && !skip[strings.ToLower(a)] {
			if _, known := seen[strings.ToLower(a)]; named && !known {
				continue // an alias that the failed address was expanded to
			}
			put(a, explain(words, i, rest))
		}
	}
	if len(list) == 0 {
		inSentences(words, skip, put)
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
		if findEnhanced(common) != "" || replyCode(common) != "" || d == "" {
			list[i].Diagnostic = common
		}
	}
	return list
}

// labels stand before the failed address, in lower case.
var labels = []string{
	"recipient", "recipients", "failed recipient", "recipient address", "final-recipient", "final recipient", "original-recipient", "to", "address", "email", "e-mail", "failed address", "bad address", "user", "mailbox", "invalid address", "rcpt to",
	"user unknown", "unknown user", "user mailbox exceeds allowed size", "undeliverable to", "undeliverable address", "destination", "empfänger", "an", "destinataire", "destinatario", "destinatário", "ontvanger", "mottagare", "modtager", "mottaker", "vastaanottaja", "odbiorca", "příjemce", "получатель", "收件人", "宛先", "수신자",
	"could not deliver message to", "message could not be delivered to", "unknown recipient", "invalid recipient", "no such user", "invalid final delivery userid",
}

// leading reads a line whose subject is an address: one that begins with it, perhaps behind a list mark or a label.
func leading(t string) (addr, rest string, ok bool) {
	if t == "" || len(t) > 1000 {
		return "", "", false
	}
	s := strings.TrimLeft(t, "*-+•·>|\"'[( \t")
	if strings.HasPrefix(t, ">>>") || strings.HasPrefix(t, "<<<") {
		return "", "", false
	}
	a, after, ok := findAddress(s)
	if !ok {
		return "", "", false
	}
	at := strings.Index(s, a)
	before := strings.TrimSpace(strings.TrimSuffix(s[:at], "<"))
	if label, isLabel := strings.CutSuffix(before, ":"); isLabel {
		label = strings.ToLower(strings.TrimSpace(label))
		for _, l := range labels {
			if label == l {
				return a, after, true
			}
		}
		return "", "", false
	}
	switch strings.ToLower(before) {
	case "":
		// "ann@example.com wrote" begins with an address and is not about it; a fault says what is wrong.
		low := strings.ToLower(after)
		return a, after, !strings.HasPrefix(low, "wrote") && !strings.HasPrefix(low, "schrieb")
	case "to", "rcpt to", "recipient", "unable to deliver to", "mailto:":
		return a, after, true
	}
	// "Ann Miller <ann@example.com>" or "Ann Miller (ann@example.com)" alone on its line.
	if (strings.HasSuffix(s[:at], "<") || strings.HasSuffix(s[:at], "(") || strings.HasSuffix(s[:at], "<mailto:") || strings.HasSuffix(s[:at], "(mailto:")) && len(strings.Trim(after, ">:.) ")) == 0 && len(strings.Fields(before)) <= 5 && !strings.HasSuffix(before, " to") && !isDaemon(a) {
		return a, "", true
	}
	return "", "", false
}

// explain gathers what stands with an address: the rest of its line and the lines below, to the next empty one or the next address.
func explain(words []line, i int, rest string) string {
	parts := []string{}
	if rest = strings.TrimSpace(strings.TrimLeft(rest, ">:;,.) \t\"]")); rest != "" {
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

// inSentences finds addresses within sentences that speak of a failure, and in the lines of a transcript.
func inSentences(words []line, skip map[string]bool, put func(addr, text string)) {
	for pass := range 2 {
		found := false
		for i, l := range words {
			if l.text == "" || len(l.text) > 2000 {
				continue
			}
			low := strings.ToLower(l.text)
			if strings.HasPrefix(low, "from:") || strings.HasPrefix(low, "sender") || strings.HasPrefix(low, "message-id") || strings.Contains(low, "contact") || strings.Contains(low, "postmaster") || strings.HasPrefix(low, "subject:") || strings.Contains(low, "mail from") || strings.Contains(low, "http") {
				continue
			}
			if pass == 0 && !strings.Contains(low, " to ") && !strings.Contains(low, " an ") && !strings.Contains(low, "recipient") && !strings.Contains(low, " for ") && countPhrases(low) == 0 && replyCode(l.text) == "" {
				continue
			}
			s := l.text
			for n := 0; n < 20; n++ {
				a, after, ok := findAddress(s)
				if !ok {
					break
				}
				if !skip[strings.ToLower(a)] {
					put(a, explain(words, i, after))
					found = true
				}
				s = after
			}
		}
		if found {
			return
		}
	}
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
		lo := i
		for lo > 0 && lo > i-128 && isLocal(s[lo-1]) {
			lo--
		}
		// A quoted local part.
		if lo == i && i > 1 && s[i-1] == '"' {
			if q := strings.LastIndexByte(s[max(0, i-70):i-1], '"'); q >= 0 {
				lo = max(0, i-70) + q
			}
		}
		hi := i + 1
		for hi < len(s) && hi < i+256 && isDomain(s[hi]) {
			hi++
		}
		for hi > i+1 && (s[hi-1] == '.' || s[hi-1] == '-') {
			hi--
		}
		if j := strings.LastIndex(s[lo:i], "-'"); j >= 0 {
			lo += j + 2 // a reply code and a quote: 550-'ann@example.com
		}
		for lo < i && (s[lo] == '\'' || s[lo] == '.' || s[lo] == '=' || s[lo] == '*' || s[lo] == '/' || s[lo] == '`') {
			lo++
		}
		a := s[lo:i] + s[i:hi]
		if lo < i && hi > i+1 && utf8.ValidString(a) && len(a) <= 254 {
			if j := strings.LastIndex(a, "mailto:"); j >= 0 {
				a = a[j+7:]
			}
			after := s[hi:]
			after = strings.TrimPrefix(after, ">")
			return a, strings.TrimLeft(after, " \t"), true
		}
		from = i + 1
	}
}

func isLocal(c byte) bool {
	return isLetter(c) || isDigit(c) || c >= utf8.RuneSelf || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.:", c) >= 0 && c != ':'
}

func isDomain(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '.' || c == '-' || c == '_' || c >= utf8.RuneSelf
}
