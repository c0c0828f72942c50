package portal

import (
	"net/http"
	"strconv"

	"letterlock/bridge"
	"letterlock/web/page"
)

// message returns the message that an address /t/THREAD/…/MESSAGE names.
func (p *Portal) message(v *page.Visit) (bridge.Message, error) {
	thread, err := v.ID("thread")
	if err != nil {
		return bridge.Message{}, err
	}
	id, err := v.ID("message")
	if err != nil {
		return bridge.Message{}, err
	}
	return p.gateway.Message(v.Context(), v.Actor(), thread, id)
}

// answer sends a body that is there as a whole. Its kind and policy are set before.
func answer(v *page.Visit, body string) {
	v.W.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write([]byte(body)) // the browser went away; there is nobody to tell
	}
}

// text is GET /t/THREAD/text/MESSAGE: the whole text of a message that is too long for the page of its conversation.
func (p *Portal) text(v *page.Visit) error {
	m, err := p.message(v)
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
	answer(v, out)
	return nil
}
