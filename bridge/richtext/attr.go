package richtext

import (
	"strings"

	"golang.org/x/net/html"
)

// The mark on what stands in place of an image: one from elsewhere, or one we don't show for another reason.
const (
	markKey     = "data-image"
	markRemote  = "remote"
	markOmitted = "omitted"
)

// attributes returns the attributes an element may keep, in canonical form and order.
func attributes(name string, t html.Token) []html.Attribute {
	if len(t.Attr) == 0 && t.Data != "center" {
		return nil
	}
	var href, dir, lang, mark string
	var style styles
	if t.Data == "center" {
		style.set("text-align", "center")
	}
	var extra []html.Attribute
	cell := name == "td" || name == "th"
	list := name == "ol" || name == "ul"
	for _, a := range t.Attr {
		v := strings.TrimSpace(a.Val)
		switch a.Key {
		case "href":
			if name == "a" {
				href, _ = link(a.Val)
			}
		case "dir":
			if d := strings.ToLower(v); d == "ltr" || d == "rtl" || d == "auto" {
				dir = d
			}
		case "lang", "xml:lang":
			if lang == "" && languageTag(v) {
				lang = v
			}
		case markKey:
			if name == "span" && (v == markRemote || v == markOmitted) {
				mark = v
			}
		case "style":
			style.read(a.Val, name)
		case "align":
			if name != "table" {
				style.prefer("text-align", v, name)
			}
		case "bgcolor":
			style.prefer("background-color", v, name)
		case "color":
			if t.Data == "font" {
				style.prefer("color", v, name)
			}
		case "width":
			if cell || name == "table" {
				if digits(v, 4) {
					v += "px"
				}
				style.prefer("width", v, name)
			}
		case "colspan", "rowspan":
			if cell && digits(v, 3) {
				extra = insert(extra, html.Attribute{Key: a.Key, Val: v})
			}
		case "border", "cellpadding", "cellspacing":
			if name == "table" && digits(v, 2) {
				extra = insert(extra, html.Attribute{Key: a.Key, Val: v})
			}
		case "start", "value":
			if (a.Key == "start" && name == "ol" || a.Key == "value" && name == "li") && digits(v, 6) {
				extra = insert(extra, html.Attribute{Key: a.Key, Val: v})
			}
		case "type":
			if list && (v == "1" || v == "a" || v == "A" || v == "i" || v == "I") {
				extra = insert(extra, html.Attribute{Key: a.Key, Val: v})
			}
		}
	}
	var out []html.Attribute
	if href != "" {
		out = append(out, html.Attribute{Key: "href", Val: href}, html.Attribute{Key: "rel", Val: linkRel}, html.Attribute{Key: "target", Val: "_blank"})
	}
	if mark != "" {
		out = append(out, html.Attribute{Key: markKey, Val: mark})
	}
	if dir != "" {
		out = append(out, html.Attribute{Key: "dir", Val: dir})
	}
	if lang != "" {
		out = append(out, html.Attribute{Key: "lang", Val: lang})
	}
	out = append(out, extra...)
	if css := style.String(); css != "" {
		out = append(out, html.Attribute{Key: "style", Val: css})
	}
	return out
}

// linkRel keeps a page we link to from reaching back (noopener), from learning where its visitor came from (noreferrer),
// and from gaining by being linked (nofollow).
const linkRel = "noopener noreferrer nofollow"

// insert adds an attribute, keeping the list sorted by key.
func insert(list []html.Attribute, a html.Attribute) []html.Attribute {
	i := len(list)
	for i > 0 && list[i-1].Key > a.Key {
		i--
	}
	list = append(list, html.Attribute{})
	copy(list[i+1:], list[i:])
	list[i] = a
	return list
}

// hidden reports whether a style keeps an element from being shown at all.
func hidden(attrs []html.Attribute) bool {
	for _, a := range attrs {
		if a.Key == "hidden" {
			return true
		}
		if a.Key != "style" || !strings.Contains(a.Val, ":") {
			continue
		}
		for d := range strings.SplitSeq(a.Val, ";") {
			k, v, ok := strings.Cut(d, ":")
			if !ok || !strings.EqualFold(strings.TrimSpace(k), "display") {
				continue
			}
			v = strings.TrimSpace(strings.ToLower(v))
			if v == "none" || strings.HasPrefix(v, "none ") || strings.HasPrefix(v, "none!") {
				return true
			}
		}
	}
	return false
}

// squeeze removes what a browser removes from a URL before it reads the scheme (URL standard, section 4.4).
func squeeze(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// link returns the canonical form of a URL that a letter may link to: http, https, mailto or tel.
func link(s string) (string, bool) {
	s = squeeze(plain(s))
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || len(s) > 8192 {
		return "", false
	}
	scheme = strings.ToLower(scheme)
	switch scheme {
	case "http", "https":
		if !strings.HasPrefix(rest, "//") || len(rest) < 3 || rest[2] == '/' || rest[2] == '\\' {
			return "", false
		}
	case "mailto", "tel":
		if rest == "" {
			return "", false
		}
	default:
		return "", false
	}
	return scheme + ":" + escapeURL(rest), true
}

// escapeURL percent-encodes what may not stand in a URL (RFC 3986, section 2) and characters that change how text is shown.
func escapeURL(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, r := range s {
		switch {
		case r <= ' ', r == '"', r == '<', r == '>', r == '`', r == '\\', r == '\'', r >= 0x7f && r < 0xa1,
			r >= 0x2000 && r <= 0x200f, r >= 0x2028 && r <= 0x202f, r >= 0x205f && r <= 0x206f, r == 0x3000, r == 0xfeff, r == 0xfffd:
			for _, c := range []byte(string(r)) {
				b.WriteByte('%')
				b.WriteByte(hex[c>>4])
				b.WriteByte(hex[c&15])
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// contentID returns the Content-ID that a cid URL names (RFC 2392).
func contentID(src string) (string, bool) {
	if len(src) < 5 || !strings.EqualFold(src[:4], "cid:") || len(src) > 300 {
		return "", false
	}
	id := src[4:]
	for _, r := range id {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'<>\\`", r) {
			return "", false
		}
	}
	return id, true
}

// digits reports whether s is a decimal number of at most n digits.
func digits(s string, n int) bool {
	if s == "" || len(s) > n {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// languageTag reports whether s looks like a language tag (RFC 5646, section 2.1).
func languageTag(s string) bool {
	if s == "" || len(s) > 35 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0) {
			return false
		}
	}
	return true
}

// clip cuts a string after n octets, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
