package compose

import (
	"html"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
	"letterlock/bridge/wording"
)

// dateOnly is how the day of the message before is written: in a form that no language reads another way.
const dateOnly = "2006-01-02"

// previous sets the message before as text and as HTML, quoted as clients quote, so that they fold it: Gmail by its class, Apple Mail,
// Thunderbird and others by the blockquote. It stands above our footer, which ends every copy.
func previous(l *wording.Language, p *bridge.Previous) (text, page string) {
	if p == nil {
		return "", ""
	}
	body := strings.Trim(lines(p.Text), "\n")
	if strings.TrimSpace(body) == "" {
		return "", ""
	}
	author, date := oneLine(p.Author), p.At.UTC().Format(dateOnly)
	var t strings.Builder
	t.WriteString(wording.Fill(l.Copy.Previous, map[string]string{"author": l.Isolate(author), "date": l.Isolate(date)}) + "\n")
	for line := range strings.SplitSeq(body, "\n") {
		if line == "" {
			t.WriteString(">\n")
			continue
		}
		t.WriteString("> " + line + "\n")
	}
	introduced := wording.Fill(html.EscapeString(l.Copy.Previous), map[string]string{"author": l.IsolateHTML(author), "date": l.IsolateHTML(date)})
	page = `<div id="letterlock-previous" class="letterlock-previous gmail_quote" dir="` + l.Direction + `" style="margin:24px 0 0 0;font-family:` + wording.Fonts + `;font-size:14px;line-height:20px">
<p class="letterlock-faint" style="margin:0 0 6px 0;color:#5a6570">` + introduced + `</p>
<blockquote type="cite" class="letterlock-previous gmail_quote" dir="auto" style="margin:0;padding:0 12px;border-left:2px solid #b9c2cb;border-right:0">
` + richtext.FromText(body) + `
</blockquote>
</div>
`
	return t.String(), page
}
