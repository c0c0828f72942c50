package report

import (
	"bytes"
	"fmt"
	"runtime"
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
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, ok := Read(m)
	runtime.ReadMemStats(&after)
	if !ok || r.Kind != bridge.KindBounce || len(r.Recipients) != 50 || r.Recipients[49].Recipient != "ann49@example.org" {
		t.Fatalf("got %v, %s, %d recipients", ok, r.Kind, len(r.Recipients))
	}
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(12*size); got > most {
		t.Errorf("%d octets of parts took %d octets of memory, want at most %d", size, got, most)
	}
	if !bytes.Equal(first, m.Parts[0].Content) {
		t.Error("a part was changed")
	}
}
