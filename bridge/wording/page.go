package wording

import (
	"html"
	"strconv"
	"strings"
)

// The pages below are made for programs that show mail: Outlook for Windows lays out with Word (tables, a fixed width behind a
// condition, no margins on table cells), Gmail keeps inline styles and drops what it does not know, Apple Mail follows the dark
// scheme. Some programs keep neither <html> nor <body>, so that direction and colours are told once more further in. Nothing is
// fetched from anywhere.

// Fonts are those of all our mails.
const Fonts = `-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif`

// headStyle is for programs that know the dark scheme; the others see the inline styles.
const headStyle = `<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
.letterlock-page { background-color: #15181c !important; }
.letterlock-card { background-color: #1f2429 !important; border-color: #39424b !important; }
.letterlock-ink { color: #e9edf1 !important; }
.letterlock-faint { color: #a9b4bf !important; }
.letterlock-link { color: #8ec5ff !important; }
.letterlock-word { background-color: #2b323a !important; border-color: #4a5560 !important; }
}
</style>
</head>
`

// Head begins a page: everything before <body>.
func (l *Language) Head(w *strings.Builder, title string) {
	w.WriteString(`<!DOCTYPE html>
<html lang="` + l.Tag + `" dir="` + l.Direction + `">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>` + html.EscapeString(title) + `</title>
` + headStyle)
}

// Align is the side where lines begin.
func (l *Language) Align() string {
	if l.RTL() {
		return "right"
	}
	return "left"
}

// beginCard begins the page of a content-free mail: one card, with the organization's name or its logo at the top.
func (l *Language) beginCard(w *strings.Builder, title string, v Values, s Sheet) {
	l.Head(w, title)
	w.WriteString(`<body class="letterlock-page" bgcolor="#f1f3f5" style="margin:0;padding:0;background-color:#f1f3f5">
<table id="letterlock-notice" class="letterlock-page letterlock-notice" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f1f3f5" dir="` + l.Direction + `" style="background-color:#f1f3f5">
<tr><td align="center" style="padding:24px 12px">
<!--[if mso]><table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" dir="` + l.Direction + `" style="max-width:560px">
<tr><td class="letterlock-card" align="` + l.Align() + `" bgcolor="#ffffff" style="padding:28px;background-color:#ffffff;border:1px solid #d5dbe1;font-family:` + Fonts + `">
`)
	name := html.EscapeString(v.Organization)
	if s.LogoSource != "" {
		// On white in either scheme, since most logos are made for it.
		w.WriteString(`<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr><td bgcolor="#ffffff" style="padding:6px 0;background-color:#ffffff"><img src="` +
			html.EscapeString(s.LogoSource) + `" width="` + strconv.Itoa(s.LogoWidth) + `" height="` + strconv.Itoa(s.LogoHeight) + `" alt="` + name + `" style="display:block;border:0"></td></tr></table>
<p style="margin:0 0 12px 0;font-size:1px;line-height:1px">&nbsp;</p>
`)
		return
	}
	w.WriteString(`<p class="letterlock-faint" style="margin:0 0 20px 0;font-size:14px;line-height:20px;font-weight:bold;color:#5a6570">` + name + "</p>\n")
}

// writePhrase shows the recipient's own phrase: in a box of its own, where they look first.
func (l *Language) writePhrase(w *strings.Builder, phrase string) {
	w.WriteString(`<table role="presentation" cellpadding="0" cellspacing="0" border="0" dir="` + l.Direction + `"><tr><td class="letterlock-word letterlock-ink" align="` + l.Align() +
		`" bgcolor="#eef2f6" style="padding:8px 12px;background-color:#eef2f6;border:1px solid #c9d3dd;font-family:` + Fonts + `;font-size:15px;line-height:22px;color:#1d2329">` +
		html.EscapeString(l.Phrase) + ` <b><bdi dir="auto">` + html.EscapeString(phrase) + `</bdi></b></td></tr></table>
<p style="margin:0 0 16px 0;font-size:1px;line-height:1px">&nbsp;</p>
`)
}

func (l *Language) writeAlone(w *strings.Builder, style Style, s string) {
	s = html.EscapeString(s)
	if style == Digits {
		w.WriteString(`<p class="letterlock-ink" dir="ltr" align="` + l.Align() + `" style="margin:0 0 20px 0;text-align:` + l.Align() + `;font-family:Consolas,Menlo,monospace;font-size:30px;line-height:38px;font-weight:bold;letter-spacing:4px;color:#1d2329">` + s + "</p>\n")
		return
	}
	w.WriteString(`<p dir="ltr" align="` + l.Align() + `" style="margin:0 0 20px 0;text-align:` + l.Align() + `;font-size:16px;line-height:24px;word-break:break-all"><a class="letterlock-link" href="` + s + `" style="color:#0b57a4;text-decoration:underline">` + s + "</a></p>\n")
}

// writeParagraph writes a paragraph that is HTML already.
func writeParagraph(w *strings.Builder, style Style, s string) {
	switch style {
	case Lead:
		w.WriteString(`<p class="letterlock-ink" style="margin:0 0 16px 0;font-size:18px;line-height:26px;font-weight:bold;color:#1d2329">`)
	case Small:
		w.WriteString(`<p class="letterlock-faint" style="margin:0 0 10px 0;font-size:13px;line-height:20px;color:#5a6570">`)
	default:
		w.WriteString(`<p class="letterlock-ink" style="margin:0 0 16px 0;font-size:16px;line-height:24px;color:#1d2329">`)
	}
	w.WriteString(s)
	w.WriteString("</p>\n")
}

// endCard writes who the mail is from, and where they are, and ends the page.
func endCard(w *strings.Builder, v Values, s Sheet) {
	w.WriteString(`<p class="letterlock-faint" style="margin:20px 0 0 0;font-size:13px;line-height:20px;color:#5a6570"><b><bdi dir="auto">` + html.EscapeString(v.Organization) + "</bdi></b>")
	for _, line := range [2]string{s.Postal, s.Contact} {
		if line != "" {
			w.WriteString(`<br><bdi dir="auto">` + html.EscapeString(line) + "</bdi>")
		}
	}
	w.WriteString(`</p>
</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
`)
}
