package page

import (
	"strings"
	"unicode/utf8"
)

// Disposition returns a Content-Disposition field value (RFC 6266): a plain name for old browsers, and the whole one in UTF-8
// (RFC 8187). Nothing in the name can end the field or name a folder.
func Disposition(kind, filename string) string {
	var plain, coded strings.Builder
	const hex = "0123456789ABCDEF"
	for _, r := range strings.ToValidUTF8(filename, "_") {
		switch {
		case r < ' ' || r == 0x7f:
			continue
		case r == '"' || r == '\\' || r == '/' || r == '%' || r == ';' || r >= utf8.RuneSelf:
			plain.WriteByte('_')
		default:
			plain.WriteRune(r)
		}
		if r == '/' || r == '\\' {
			r = '_'
		}
		for _, c := range []byte(string(r)) {
			if '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '.' || c == '-' || c == '_' {
				coded.WriteByte(c)
				continue
			}
			coded.WriteByte('%')
			coded.WriteByte(hex[c>>4])
			coded.WriteByte(hex[c&15])
		}
	}
	if plain.Len() == 0 {
		return kind
	}
	return kind + `; filename="` + plain.String() + `"; filename*=UTF-8''` + coded.String()
}
