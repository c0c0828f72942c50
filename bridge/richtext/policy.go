package richtext

import (
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// policy is the second layer: it knows the canonical form that the first layer writes, and nothing else gets through it.
// All its patterns are RE2, so they take linear time.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "div", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd",
		"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "hr", "br",
		"b", "strong", "i", "em", "u", "s", "code", "sub", "sup", "span")

	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(https?://[^/\\\s"'<>\x60]|mailto:|tel:)[^\s"'<>\x60\\[:cntrl:]]*$`)).OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^` + linkRel + `$`)).OnElements("a")
	p.AllowAttrs("target").Matching(regexp.MustCompile(`^_blank$`)).OnElements("a")

	p.AllowAttrs("src").Matching(regexp.MustCompile(`^cid:[!#-&(-;=?-\[\]^_a-~]+$`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("width", "height").Matching(regexp.MustCompile(`^[0-9]{1,4}$`)).OnElements("img")
	p.AllowAttrs(markKey).Matching(regexp.MustCompile(`^(` + markRemote + `|` + markOmitted + `)$`)).OnElements("span")

	p.AllowAttrs("colspan", "rowspan").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("td", "th")
	p.AllowAttrs("border", "cellpadding", "cellspacing").Matching(regexp.MustCompile(`^[0-9]{1,2}$`)).OnElements("table")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,6}$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(regexp.MustCompile(`^[0-9]{1,6}$`)).OnElements("li")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^[1aAiI]$`)).OnElements("ol", "ul")

	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,34}$`)).Globally()
	p.AllowAttrs("style").Matching(regexp.MustCompile(
		`^(color|background-color|text-align|font-weight|font-style|text-decoration|direction|white-space|(margin|padding)(-top|-right|-bottom|-left)?|width)` +
			`:(rgba?\([0-9.,%]+\)|[#a-z0-9.% -]+)` +
			`(;(color|background-color|text-align|font-weight|font-style|text-decoration|direction|white-space|(margin|padding)(-top|-right|-bottom|-left)?|width)` +
			`:(rgba?\([0-9.,%]+\)|[#a-z0-9.% -]+))*$`)).Globally()
	return p
})
