package mailin

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"
	"sync"

	"letterlock/bridge"
	"letterlock/bridge/mailaddr"
)

// digest sums up what of a mail stays the same however it travelled: its author, date, Message-ID and subject, its decoded text and its attachments.
// Trace fields, transfer encodings, line ends, white space at the ends of lines and empty lines at the end of the text do not count; neither does the order of
// attachments.
//
// A mail that was not read to its end is summed up with all its octets as well: what was not looked at may be what differs.
func digest(m *bridge.Mail, text, html string) (sum [32]byte) {
	w := newSummer()
	defer summers.Put(w)
	put := func(s string) {
		w.Write(binary.BigEndian.AppendUint64(w.AvailableBuffer(), uint64(len(s))))
		w.WriteString(s)
	}
	put("letterlock mail 1")
	for _, a := range m.From {
		put(mailaddr.Normalize(a.Addr))
	}
	put("date")
	if !m.Date.IsZero() {
		put(m.Date.UTC().Format("2006-01-02T15:04:05Z"))
	}
	put(m.MessageID)
	put(spaced(m.Subject))
	for _, s := range []string{text, html} {
		// A length can't stand before what is not yet trimmed, but no line of text holds a NUL.
		trimLines(w, s, strings.IndexByte, w.WriteString)
		w.WriteByte(0)
	}
	sums := make([][32]byte, len(m.Attachments))
	for i := range m.Attachments {
		sums[i] = contentSum(&m.Attachments[i])
	}
	slices.SortFunc(sums, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, s := range sums {
		w.Write(s[:])
	}
	if m.OverBound != "" || (len(m.From) == 0 && m.MessageID == "") {
		raw := sha256.Sum256(m.Raw)
		w.Write(raw[:])
	}
	return w.sum()
}

// summer sums up what is written to it.
type summer struct {
	*bufio.Writer
	hash hash.Hash
	out  [32]byte
}

var summers = sync.Pool{New: func() any {
	h := sha256.New()
	return &summer{Writer: bufio.NewWriterSize(h, 4096), hash: h}
}}

// newSummer returns a summer to which nothing was written, to be put back after its sum was taken.
func newSummer() *summer {
	w := summers.Get().(*summer)
	w.hash.Reset()
	w.Reset(w.hash)
	return w
}

func (w *summer) sum() [32]byte {
	w.Flush()
	w.hash.Sum(w.out[:0])
	return w.out
}

// contentSum is the sum of an attachment. What looks like text may have other line ends after another transfer encoding.
func contentSum(p *bridge.MailPart) [32]byte {
	if bytes.IndexByte(p.Content[:min(len(p.Content), 1024)], 0) >= 0 {
		return p.SHA256
	}
	w := newSummer()
	defer summers.Put(w)
	trimLines(w, p.Content, bytes.IndexByte, w.Write)
	return w.sum()
}
