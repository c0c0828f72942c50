package compose

import (
	"html"
	"strings"
)

// The pages below are made for programs that show mail: Outlook for Windows lays out with Word (tables, a fixed width behind a
// condition, no margins on table cells), Gmail keeps inline styles and drops what it does not know, Apple Mail follows the dark
// scheme. Nothing is fetched from anywhere.

const fonts = `-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif`

// pageStart begins both kinds of page. The style is for programs that know the dark scheme; the others see the inline styles.
func pageStart(w *strings.Builder, l *language, title string) {
	w.WriteString(`<!DOCTYPE html>
<html lang="` + l.Tag + `" dir="` + l.Direction + `">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>` + html.EscapeString(title) + `</title>
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
.letterlock-page { background-color: #15181c !important; }
.letterlock-card { background-color: #1f2429 !important; border-color: #39424b !important; }
.letterlock-ink { color: #e9edf1 !important; }
.letterlock-faint { color: #a9b4bf !important; }
.letterlock-link { color: #8ec5ff !important; }
}
</style>
</head>
`)
}

// cardPage is the page of a content-free mail.
func cardPage(l *language, title, body string) string {
	var w strings.Builder
	w.Grow(4096 + len(body))
	pageStart(&w, l, title)
	align := "left"
	if l.Direction == "rtl" {
		align = "right"
	}
	w.WriteString(`<body class="letterlock-page" bgcolor="#f1f3f5" style="margin:0;padding:0;background-color:#f1f3f5">
<table id="letterlock-notice" class="letterlock-page letterlock-notice" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" bgcolor="#f1f3f5" style="background-color:#f1f3f5">
<tr><td align="center" style="padding:24px 12px">
<!--[if mso]><table role="presentation" width="560" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px">
<tr><td class="letterlock-card" align="` + align + `" bgcolor="#ffffff" style="padding:28px;background-color:#ffffff;border:1px solid #d5dbe1;font-family:` + fonts + `">
` + body + `</td></tr>
</table>
<!--[if mso]></td></tr></table><![endif]-->
</td></tr>
</table>
</body>
</html>
`)
	return w.String()
}

// copyPage is the page of a copy: the message as its author wrote it, then our footer, and nothing around them, so that it
// reads like any other mail. The marks "letterlock-message" and "letterlock-footer" stay recognisable when a client puts
// something before them, as clients do in quotes.
func copyPage(l *language, title, message, footer string) string {
	var w strings.Builder
	w.Grow(4096 + len(message) + len(footer))
	pageStart(&w, l, title)
	w.WriteString(`<body style="margin:0;padding:16px">
<div id="letterlock-message" class="letterlock-message" dir="auto" style="font-family:` + fonts + `;font-size:15px;line-height:22px">
` + message + `
</div>
<div id="letterlock-footer" class="letterlock-footer">
<table class="letterlock-footer" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td style="padding:24px 0 0 0">
<table class="letterlock-footer" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td class="letterlock-faint" style="padding:12px 0 0 0;border-top:1px solid #b9c2cb;font-family:` + fonts + `;font-size:13px;line-height:20px;color:#5a6570">
` + footer + `</td></tr>
</table>
</td></tr>
</table>
</div>
</body>
</html>
`)
	return w.String()
}
