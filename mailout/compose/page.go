package compose

import (
	"strings"

	"letterlock/bridge/wording"
)

// copyPage is the page of a copy: the message as its author wrote it, the message before it where the organization wants that, then
// our footer, and nothing around them, so that it reads like any other mail. The marks "letterlock-message", "letterlock-previous" and
// "letterlock-footer" stay recognisable when a client puts something before them, as clients do in quotes.
func copyPage(l *wording.Language, title, message, previous, footer string) string {
	var w strings.Builder
	w.Grow(4096 + len(message) + len(previous) + len(footer))
	l.Head(&w, title)
	w.WriteString(`<body style="margin:0;padding:16px">
<div id="letterlock-message" class="letterlock-message" dir="auto" style="font-family:` + wording.Fonts + `;font-size:15px;line-height:22px">
` + message + `
</div>
` + previous + `<div id="letterlock-footer" class="letterlock-footer" dir="` + l.Direction + `">
<table class="letterlock-footer" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" dir="` + l.Direction + `">
<tr><td style="padding:24px 0 0 0">
<table class="letterlock-footer" role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" dir="` + l.Direction + `">
<tr><td class="letterlock-faint" align="` + l.Align() + `" style="padding:12px 0 0 0;border-top:1px solid #b9c2cb;font-family:` + wording.Fonts + `;font-size:13px;line-height:20px;color:#5a6570">
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
