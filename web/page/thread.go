package page

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"letterlock/bridge"
)

// threadStep is how many messages of a long thread are on one page.
const threadStep = 100

// ThreadPage is a thread, or the part of a long one that a page shows.
type ThreadPage struct {
	View  bridge.ThreadView
	after int // the Seq before the first message shown; 0 for the beginning
}

// ReadThread opens a thread for the visitor at the place that the query names, or at its end.
func ReadThread(v *Visit, g *bridge.Gateway, id bridge.ID) (ThreadPage, error) {
	if text := v.R.URL.Query().Get("after"); text != "" {
		after, err := strconv.Atoi(text)
		if err != nil || after < 0 {
			return ThreadPage{}, bridge.ErrNotFound
		}
		t, err := g.OpenThread(v.Context(), v.Actor(), bridge.ThreadRead{Thread: id, AfterSeq: after, Limit: threadStep})
		return ThreadPage{View: t, after: after}, err
	}
	t, err := g.OpenThread(v.Context(), v.Actor(), bridge.ThreadRead{Thread: id, Limit: threadStep, Last: true})
	return ThreadPage{View: t, after: t.AfterSeq}, err
}

// Links returns where the parts before and after are, or nothing.
func (p ThreadPage) Links(base string) (earlier, later string) {
	if p.after > 0 {
		earlier = base + "?after=" + strconv.Itoa(max(0, p.after-threadStep))
	}
	if n := len(p.View.Messages); p.View.More && n > 0 {
		later = base + "?after=" + strconv.Itoa(p.View.Messages[n-1].Seq)
	}
	return earlier, later
}

// OnceOf makes a form safe to send twice: the same form with the same content counts once. What was changed in between, say
// after going back, is another message.
func OnceOf(f Form) bridge.Once {
	token := f.Get("once")
	if token == "" || len(token) > 64 {
		return bridge.Once{}
	}
	h := sha256.New()
	for _, name := range []string{"kind", "to", "subject", "text", "secure", "at", "zone", "replaces"} {
		h.Write([]byte(f.Get(name)))
		h.Write([]byte{0})
	}
	for _, id := range append(f.All("contact"), f.All("keep")...) {
		h.Write([]byte(id))
	}
	for _, a := range f.Files {
		h.Write([]byte(a.Filename))
		h.Write(a.Blob.SHA256[:])
	}
	request := [32]byte(h.Sum(nil))
	return bridge.Once{Key: "web " + token + " " + hex.EncodeToString(request[:8]), Request: request}
}

// LetterFlaw returns what was wrong with a letter that somebody wrote.
func LetterFlaw(err error, f Form) string {
	text := Explain(err)
	if errors.Is(err, bridge.ErrTooLarge) {
		text = "That is too large to send at once. " + text
	}
	if errors.Is(err, bridge.ErrTooMany) {
		text = "You have sent very many messages within a short time. Wait a quarter of an hour, then send this one."
	}
	if text == "" {
		text = "That could not be sent. Please check it."
	}
	if len(f.Files) > 0 || errors.Is(err, bridge.ErrTooLarge) {
		text += " Files have to be chosen again."
	}
	return text
}
