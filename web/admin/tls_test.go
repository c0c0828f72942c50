package admin

import (
	"fmt"
	"testing"

	"letterlock/bridge"
)

// TestTLSDay: those with which it went worst come first, and neither many domains nor many faults make an endless page.
func TestTLSDay(t *testing.T) {
	results := []bridge.TLSResult{{Domain: "good.example", Count: 900}, {Domain: "bad.example", Count: 5}}
	for i := range 2 * maxTLSFailures {
		results = append(results, bridge.TLSResult{Domain: "bad.example", Host: fmt.Sprintf("mx%d.bad.example", i), Result: "certificate-expired", Count: 2})
	}
	for i := range 2 * maxTLSLines {
		results = append(results, bridge.TLSResult{Domain: fmt.Sprintf("d%d.example", i), Count: 1})
	}
	results = append(results, bridge.TLSResult{Domain: "worse.example", Result: "something new", Count: 100})
	day := tlsDayOf("Today", results)
	if len(day.Domains) != maxTLSLines || day.Others != 2*maxTLSLines+3-maxTLSLines {
		t.Errorf("got %d domains and %d others", len(day.Domains), day.Others)
	}
	worst, bad, good := day.Domains[0], day.Domains[1], day.Domains[2]
	if worst.Domain != "worse.example" || worst.Failures[0].Why != "the server did not prove who it is" {
		t.Errorf("got %+v first", worst)
	}
	if bad.Domain != "bad.example" || bad.Good != 5 || bad.Failed != 4*maxTLSFailures || len(bad.Failures) != maxTLSFailures || bad.Failures[0].Why != "the certificate has expired" {
		t.Errorf("got %+v then", bad)
	}
	if good.Domain != "good.example" || good.Good != 900 || good.Failed != 0 {
		t.Errorf("got %+v then", good)
	}
}
