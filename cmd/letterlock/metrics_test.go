package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
)

// sample is a line of Prometheus's text format, version 0.0.4, as far as it is used here.
var sample = regexp.MustCompile(`^[a-z_]+(\{[a-z]+="[a-z]+"\})? [0-9.e+]+$`)

func TestFiguresAreWrittenAsPrometheusReadsThem(t *testing.T) {
	text := string(figures{
		states: map[bridge.DeliveryState]int{bridge.Queued: 3, bridge.Failed: 1}, stops: 2, late: 90 * time.Second, transactions: 7, commits: 5,
	}.write(mailout.Stats{Notices: 11, Failed: 4, Bounced: 1, Hops: 3, HopsDown: 1}))
	for _, want := range []string{
		`letterlock_deliveries{state="queued"} 3`, `letterlock_deliveries{state="held"} 0`, "letterlock_delivery_late_seconds 90", "letterlock_mail_stops 2",
		`letterlock_delivery_outcomes_total{outcome="notice"} 11`, `letterlock_delivery_outcomes_total{outcome="failed"} 3`,
		`letterlock_delivery_outcomes_total{outcome="bounced"} 1`, `letterlock_next_hops{state="up"} 2`, `letterlock_next_hops{state="down"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	types := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ := strings.Cut(rest, " ")
			if types[name] {
				t.Errorf("%s is described twice", name)
			}
			types[name] = true
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		name, _, _ := strings.Cut(strings.Split(line, " ")[0], "{")
		if !sample.MatchString(line) || !types[name] {
			t.Errorf("%q is no sample of a family", line)
		}
	}
}

func TestMetricsAreServedToTheOperatorAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	opened, _, _ := startServe(t, func(c *Config) { c.Metrics.Listen = addr })
	get := func(url string) (int, string) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	status, text := get("http://" + addr + "/metrics")
	if status != http.StatusOK || !strings.Contains(text, "letterlock_deliveries{") || strings.Contains(text, "@") || strings.Contains(text, "example") {
		t.Errorf("got %d:\n%s", status, text)
	}
	if status, _ := get("http://" + opened.http + "/metrics"); status == http.StatusOK {
		t.Error("the portal serves them too")
	}
	if status, _ := get("http://" + addr + "/"); status != http.StatusNotFound {
		t.Errorf("anything else there: got %d", status)
	}
}
