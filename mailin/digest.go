package mailin

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
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
	h := sha256.New()
	w := buffered(h)
	defer buffers.Put(w)
	put := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		w.Write(n[:])
		io.WriteString(w, s)
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
	put(strings.Join(strings.Fields(m.Subject), " "))
	for _, s := range []string{text, html} {
		// A length can't stand before what is not yet trimmed, but no line of text holds a NUL.
		trimLines([]byte(s), func(b []byte) { w.Write(b) })
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
	w.Flush()
	h.Sum(sum[:0])
	return sum
}

var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 4096) }}

// buffered returns a writer to h, to be put back after its last Flush.
func buffered(h hash.Hash) *bufio.Writer {
	w := buffers.Get().(*bufio.Writer)
	w.Reset(h)
	return w
}

// contentSum is the sum of an attachment. What looks like text may have other line ends after another transfer encoding.
func contentSum(p *bridge.MailPart) [32]byte {
	if bytes.IndexByte(p.Content[:min(len(p.Content), 1024)], 0) >= 0 {
		return p.SHA256
	}
	h := sha256.New()
	w := buffered(h)
	defer buffers.Put(w)
	trimLines(p.Content, func(b []byte) { w.Write(b) })
	w.Flush()
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}
