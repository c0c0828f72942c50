package portal

import (
	"html"
	"strings"

	nethtml "golang.org/x/net/html"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
	"letterlock/web/page"
)

// formattedPolicy is for a mail's HTML in its frame. It may run nothing, fetch nothing but images that came with the mail,
// send nothing, and be framed by our own pages only. It keeps our origin (allow-same-origin) so that these images, which need
// the session, can be had; without allow-scripts that gives it no power.
const formattedPolicy = "default-src 'none'; img-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; form-action 'none'; " +
	"base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"

// formatted is GET /t/THREAD/formatted/MESSAGE: the HTML of a message, cleaned once more, as a page of its own for a frame.
func (p *Portal) formatted(v *page.Visit) error {
	m, err := p.message(v)
	if err != nil {
		return err
	}
	if m.HTML == "" {
		return bridge.ErrNotFound
	}
	clean, err := richtext.Clean(m.HTML)
	if err != nil {
		return err
	}
	style, err := p.site.Static().URL("frame.css")
	if err != nil {
		return err
	}
	body := showImages(clean.HTML, m.Attachments)
	out := `<!doctype html><html><head><meta charset="utf-8"><title>` + html.EscapeString(m.AuthorName) +
		`</title><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="` + style +
		`"></head><body dir="auto">` + body + `</body></html>`
	h := v.W.Header()
	h.Set("Content-Security-Policy", formattedPolicy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Content-Type", "text/html; charset=utf-8")
	answer(v, out)
	return nil
}

// showImages points the images of cleaned HTML that came with the mail (RFC 2392) at our own addresses of them, and drops the
// others. It takes linear time.
func showImages(cleaned string, files []bridge.Attachment) string {
	if !strings.Contains(cleaned, "cid:") {
		return cleaned
	}
	urls := map[string]string{}
	for _, f := range files {
		if f.ContentID != "" && page.CanPreview(f.ContentType) {
			urls[f.ContentID] = "/files/" + f.ID.String() + "/preview"
		}
	}
	var out strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(cleaned))
	for {
		kind := z.Next()
		if kind == nethtml.ErrorToken {
			return out.String()
		}
		raw := string(z.Raw())
		if (kind == nethtml.StartTagToken || kind == nethtml.SelfClosingTagToken) && strings.HasPrefix(raw, "<img") {
			raw = showImage(z.Token(), urls)
		}
		out.WriteString(raw)
	}
}

func showImage(t nethtml.Token, urls map[string]string) string {
	kept := t.Attr[:0]
	found := false
	for _, a := range t.Attr {
		if a.Key == "src" {
			id, _ := strings.CutPrefix(a.Val, "cid:")
			if a.Val, found = urls[id]; !found {
				continue
			}
		}
		kept = append(kept, a)
	}
	if !found {
		return ""
	}
	t.Attr = kept
	return t.String()
}
