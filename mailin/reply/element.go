package reply

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/net/html"
)

// rolesByName has the roles that elements have by their name. Those not listed stand within a line.
var rolesByName = map[string]role{
	"p": roleBlock | rolePara, "div": roleBlock, "pre": roleBlock | rolePre, "blockquote": roleBlock, "table": roleBlock, "tbody": roleBlock, "thead": roleBlock, "tfoot": roleBlock,
	"tr": roleBlock, "td": 0, "th": 0, "caption": roleBlock, "ul": roleBlock | roleList, "ol": roleBlock | roleList, "li": roleBlock, "dl": roleBlock, "dt": roleBlock, "dd": roleBlock,
	"h1": roleBlock | rolePara, "h2": roleBlock | rolePara, "h3": roleBlock | rolePara, "h4": roleBlock | rolePara, "h5": roleBlock | rolePara, "h6": roleBlock | rolePara,
	"center": roleBlock, "section": roleBlock, "article": roleBlock, "header": roleBlock, "footer": roleBlock, "main": roleBlock, "aside": roleBlock, "nav": roleBlock, "address": roleBlock,
	"form": roleBlock, "fieldset": roleBlock, "figure": roleBlock, "figcaption": roleBlock, "details": roleBlock, "summary": roleBlock, "html": roleBlock, "body": roleBlock,
	"b": roleBold, "strong": roleBold, "option": roleBlock, "head": roleHidden, "xml": roleHidden, "svg": roleHidden, "math": roleHidden, "template": roleHidden, "object": 0,
}

// sign is a word in an attribute by which a client tells what an element is. Clients that quote such an element put a
// prefix before the word (x_, m_123) or a number behind it.
type sign struct {
	word  string
	roles role
}

// signs lists them. The first whose word occurs in a class, id or name holds.
var signs = [...]sign{
	{"gmail_attr", roleAttribution},
	{"gmail_quote", roleWrap},
	{"gmail_signature", roleSignature},
	{"yahoo_quoted", roleQuote},
	{"yahoo-quoted-begin", roleAttribution},
	{"iosymail", roleQuote},
	{"yahoo-quoted", roleQuote},
	{"moz-cite-prefix", roleAttribution},
	{"moz-signature", roleSignature},
	{"moz-forward-container", roleWrap},
	{"protonmail_quote", roleWrap},
	{"protonmail_signature_block", roleSignature},
	{"divrplyfwdmsg", roleRest},
	{"appendonsend", roleRule}, // words may follow it: only what it announces is quoted
	{"mail-editor-reference-message-container", roleQuote},
	{"ms-outlook-mobile-reference-message", roleQuote},
	{"ms-outlook-mobile-body-separator-line", roleBlock},
	{"ms-outlook-mobile-signature", roleSignature},
	{"olk_src_body_section", roleQuote},
	{"stopspelling", roleRest},
	{"messagereplysection", roleWrap},
	{"spark_quote", roleQuote},
	{"applemailsignature", roleSignature},
	{"tutanota_quote", roleQuote},
	{"isreplycontent", roleQuote},
	{"reply-intro", roleAttribution},
	{"front-blockquote", roleQuote},
	{"composer_signature", roleSignature},
	{"ymail_android_signature", roleSignature},
	{"mail_android_signature", roleSignature},
	{"bloop_markdown_signature", roleSignature},
	{"mb_sig", roleSignature},
	{"sh-signature", roleSignature},
	{"front-signature", roleSignature},
	{"tutanota-signature", roleSignature},
	{"zimbra-signature", roleSignature},
	{"history_container", roleQuote},
	{"mailru-blockquote", roleQuote},
	{"mail-quote-collapse", roleQuote},
	{"quote-header", roleAttribution},
	{"mimestream_quote", roleWrap},
	{"hey-quote", roleQuote},
	{"trix-content-quote", roleQuote},
	{"fastmail-quote", roleQuote},
	{"reply_quote", roleQuote},
	{"replyforwardmessage", roleWrap},
	{"wps-quote", roleQuote},
}

// emojiOf returns what an image stands for that is a character drawn by a client: an emoji, or an emoticon of punctuation. Other
// images say nothing, whatever program described them.
func emojiOf(t html.Token) string {
	for _, a := range t.Attr {
		if a.Key != "alt" || a.Val == "" || len(a.Val) > 40 {
			continue
		}
		if len(a.Val) <= 4 && (a.Val[0] == ':' || a.Val[0] == ';') && !strings.ContainsAny(a.Val, "<> \n") {
			return a.Val
		}
		for _, r := range a.Val {
			if r < 0x2190 && r != 0x200d && r != 0xa9 && r != 0xae || unicode.IsLetter(r) || r == 0xfffd || r >= 0x3000 && r < 0x1f000 && r != 0xfe0f {
				return ""
			}
		}
		return a.Val
	}
	return ""
}

// rolesOf returns what an element means for the lines in it.
func rolesOf(t html.Token) role {
	r := rolesByName[t.Data]
	var class, id, name, style, kind, data string
	ours := false
	for _, a := range t.Attr {
		switch a.Key {
		case "class":
			class = a.Val
		case "id":
			id = a.Val
		case "name", "data-smartmail":
			name = a.Val
		case "style":
			style = a.Val
		case "type":
			kind = a.Val
		case "data-marker":
			data = a.Val
		case "data-sigid": // Zoho
			r |= roleSignature
		case "fairemail":
			switch a.Val {
			case "signature":
				r |= roleSignature
			case "reference":
				r |= roleWrap
			}
		case "color":
			if t.Data == "font" && isColour(a.Val) {
				r |= roleColour
			}
		case "hidden":
			r |= roleHidden
		}
		switch a.Key {
		case "href", "src", "cite", "background", "style", "title", "alt":
		default:
			ours = ours || strings.Contains(a.Val, "letterlock-") || strings.Contains(a.Key, "data-letterlock")
		}
	}
	if ours && t.Data != "a" && t.Data != "body" && t.Data != "html" {
		r |= roleOurs | roleQuote
	}
	if t.Data == "p" && (strings.Contains(class, "Mso") || strings.HasPrefix(style, "margin:0") || strings.HasPrefix(style, "margin: 0")) {
		r &^= rolePara // Word and editors like it set empty lines themselves
	}
	if style != "" {
		r |= rolesByStyle(style)
	}
	if class != "" || id != "" || name != "" {
		r |= rolesBySign(t.Data, class, id, name)
	}
	switch data {
	case "__HEADERS__":
		r |= roleAttribution
	case "__QUOTED_TEXT__":
		r |= roleQuote
	case "__SIG_PRE__", "__SIG_POST__":
		r |= roleSignature
	}
	if t.Data == "blockquote" && r&roleQuote == 0 {
		switch {
		case strings.EqualFold(kind, "cite"), r&roleWrap != 0, strings.Contains(style, "border-left"):
			r = r&^roleWrap | roleQuote
		default:
			r |= roleSoft
		}
	}
	if (t.Data == "div" || t.Data == "td") && r&(roleQuote|roleWrap) == 0 && strings.Contains(style, "border-left") && strings.Contains(style, "solid") {
		r |= roleSoft // a quote only where something introduces it
	}
	if t.Data == "div" && strings.EqualFold(name, "quote") {
		r |= roleQuote
	}
	return r
}

// signFinder finds the words that rolesBySign looks for.
var signFinder = sync.OnceValue(func() *finder {
	words := []string{"sign"}
	for _, s := range signs {
		words = append(words, s.word)
	}
	return lists(words)()
})

// rolesBySign looks for the words of clients in a class, id or name.
func rolesBySign(element, class, id, name string) role {
	var r role
	var buf [256]byte
	b := lower(buf[:0], clip(class, 80))
	b = append(b, ' ')
	b = lower(b, clip(id, 80))
	b = append(b, ' ')
	b = lower(b, clip(name, 80))
	if signFinder().inBytes(b) == 0 {
		return 0
	}
	all := string(b)
	for _, s := range signs {
		if strings.Contains(all, s.word) {
			r |= s.roles
			break
		}
	}
	if r == 0 && strings.Contains(all, "sign") && rolesByName[element]&roleBlock != 0 {
		for w := range strings.FieldsSeq(all) {
			if strings.HasSuffix(w, "signature") || strings.HasPrefix(w, "signature") || w == "messagesignaturesection" || strings.HasSuffix(w, "bloop_sign") {
				return roleSignature // Outlook on the web, Yahoo, Open-Xchange, and many more
			}
		}
	}
	return r
}

// startsRest reports whether what follows a rule is quoted.
func startsRest(t html.Token) bool {
	return rolesOf(t)&roleRest != 0
}

// hasRule reports whether an element is drawn with a line above it and none around it, as Outlook sets header fields.
func hasRule(t html.Token) bool {
	for _, a := range t.Attr {
		if a.Key == "style" && strings.Contains(a.Val, "border-top:") && strings.Contains(a.Val, "solid") {
			return true
		}
	}
	return false
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
