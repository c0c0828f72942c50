package mailin

import (
	"strings"
	"unicode"

	"letterlock/mailin/reply"
)

// readReply takes a mail's body apart from the part that gives the truer reply.
//
// Where the text is taken the HTML may still know better: it may have an element around a signature that the text runs into, or show a
// picture or an address where the text has a mark of it. Then it is taken if it shows no word that the text does not.
func readReply(text, html string) reply.Result {
	if preferHTML(text, html) {
		return reply.HTML(html)
	}
	t := reply.Text(text)
	if html == "" {
		return t
	}
	shown := t.Visible()
	if !hasLeftovers(shown) && !hasSignature(html) {
		return t
	}
	h := reply.HTML(html)
	if v := h.Visible(); v != "" && v != shown && within(v, shown) {
		return h
	}
	return t
}

// leftovers are what programs write into the text in the place of pictures and links.
var leftovers = []string{"[cid:", "[image:", "<mailto:", "[inline image", "[Inline image", "<tel:", "[data:image"}

// onlyLeftovers reports whether a text has nothing but such marks in brackets.
func onlyLeftovers(t string) bool {
	for t != "" {
		if t[0] != '[' || !hasLeftovers(t[:min(len(t), 20)]) {
			return false
		}
		_, rest, ok := strings.Cut(t, "]")
		if !ok {
			return false
		}
		t = strings.TrimSpace(rest)
	}
	return true
}

func hasLeftovers(text string) bool { return containsAny(text, leftovers) }

// signatures are what clients call elements that hold a signature.
var signatures = []string{"gmail_signature", "moz-signature", "protonmail_signature_block", "AppleMailSignature", "id=\"Signature\"", "id=\"signature\"", "class=\"signature\"", "__SIG_P", "composer_signature", "front-signature", "data-sigid", "ms-outlook-mobile-signature", "messageSignatureSection", "bloop_sign"}

func hasSignature(html string) bool { return containsAny(html, signatures) }

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// within reports whether the words of a text are among those of another one, in their order.
func within(part, whole string) bool {
	for part != "" {
		var w string
		if w, part = nextWord(part); w == "" {
			break
		}
		for found := false; !found; {
			var v string
			if v, whole = nextWord(whole); v == "" {
				return false
			}
			found = v == w
		}
	}
	return true
}

// nextWord returns the first word of a text, of letters and digits, and what is behind it.
func nextWord(s string) (word, rest string) {
	from := strings.IndexFunc(s, isWordRune)
	if from < 0 {
		return "", ""
	}
	s = s[from:]
	to := strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) })
	if to < 0 {
		return s, ""
	}
	return s[:to], s[to:]
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
