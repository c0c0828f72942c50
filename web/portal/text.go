package portal

import (
	"net/http"
	"strconv"

	"letterlock/web/page"
)

// text is GET /t/THREAD/text/MESSAGE: the whole text of a message that is too long for the page of its conversation.
func (p *Portal) text(v *page.Visit) error {
	thread, err := v.ID("thread")
	if err != nil {
		return err
	}
	id, err := v.ID("message")
	if err != nil {
		return err
	}
	m, err := p.gateway.Message(v.Context(), v.Actor(), thread, id)
	if err != nil {
		return err
	}
	out := m.Text
	for _, folded := range []string{m.Quoted, m.Signature} {
		if folded != "" {
			out += "\n\n" + folded
		}
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write([]byte(out)) // the browser went away; there is nobody to tell
	}
	return nil
}
