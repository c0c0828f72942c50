package report

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"letterlock/bridge"
)

// A report that is split into many parts is put together once, and not once more for each part.
func TestSplitReport(t *testing.T) {
	m := Mail{Type: "multipart/report", ReportType: "delivery-status", From: "mailer-daemon@example.net", NullSender: true}
	size := 0
	for i := range 50 {
		part := fmt.Appendf(nil, "Final-Recipient: rfc822; ann%d@example.org\nAction: failed\nStatus: 5.1.1\n\n", i)
		part = append(part, bytes.Repeat([]byte("X-Other: x\n"), 20_000)...)
		size += len(part)
		m.Parts = append(m.Parts, Part{Type: "message/delivery-status", Content: part})
	}
	first := bytes.Clone(m.Parts[0].Content)
	var r Result
	var ok bool
	got := allocated(func() { r, ok = Read(m) })
	if !ok || r.Kind != bridge.KindBounce || len(r.Recipients) != 50 || r.Recipients[49].Recipient != "ann49@example.org" {
		t.Fatalf("got %v, %s, %d recipients", ok, r.Kind, len(r.Recipients))
	}
	if most := uint64(12 * size); got > most {
		t.Errorf("%d octets of parts took %d octets of memory, want at most %d", size, got, most)
	}
	if !bytes.Equal(first, m.Parts[0].Content) {
		t.Error("a part was changed")
	}
}

// Fields that are folded into many lines are put together in place, in the report and in the mail that it returns.
func TestFoldedReport(t *testing.T) {
	folded := func(name string) string { return name + ":\n" + strings.Repeat(" a\n", 2000) }
	status := []byte("Final-Recipient: rfc822;\n ann@example.org\nAction: failed\nStatus: 5.1.1\n" + strings.Repeat(folded("X-Other"), 20))
	returned := []byte(strings.Repeat(folded("Received"), 10) + "Subject: a\n\n")
	m := Mail{Type: "multipart/report", ReportType: "delivery-status", From: "mailer-daemon@example.net", NullSender: true, Parts: []Part{{"message/delivery-status", status}}}
	size := len(status)
	for range 10 {
		m.Parts = append(m.Parts, Part{"text/rfc822-headers", returned})
		size += len(returned)
	}
	var r Result
	got := allocated(func() { r, _ = Read(m) })
	if len(r.Recipients) != 1 || r.Recipients[0].Recipient != "ann@example.org" {
		t.Fatalf("recipients %+v", r.Recipients)
	}
	if most := uint64(20 * size); got > most {
		t.Errorf("%d octets of parts took %d octets of memory, want at most %d", size, got, most)
	}
}

// What the words of a report suggest is found out once, and not once more for each recipient.
func TestManyRecipientsWithoutAction(t *testing.T) {
	text := "Your message could not be delivered.\n" + strings.Repeat("It was a long letter, and all of it is here.\n", 1000)
	status := strings.Repeat("Final-Recipient: rfc822; ann@example.org\n\n", 200)
	var r Result
	got := allocated(func() {
		r, _ = Read(Mail{Type: "multipart/report", ReportType: "delivery-status", From: "mailer-daemon@example.net", Text: text, Parts: []Part{{"message/delivery-status", []byte(status)}}})
	})
	if len(r.Recipients) != 200 || r.Recipients[199].Action != "failed" {
		t.Fatalf("%d recipients", len(r.Recipients))
	}
	if most := uint64(50 * (len(text) + len(status))); got > most {
		t.Errorf("%d octets of text took %d octets of memory, want at most %d", len(text), got, most)
	}
}

// allocated returns how many octets of memory f took.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
