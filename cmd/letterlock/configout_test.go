package main

import (
	"log/slog"
	"slices"
	"testing"
	"time"
)

// TestTLSReportsAreAPart: reports are sent where mail leaves without a relay, unless somebody turned them off.
func TestTLSReportsAreAPart(t *testing.T) {
	t.Chdir(t.TempDir())
	if status, _, stderr := runIt("", "init", "--domain", "mail.example.com"); status != exitOK {
		t.Fatal(stderr)
	}
	for _, tt := range []struct {
		name            string
		direct, reports bool
		want            bool
	}{
		{"a relay", false, true, false},
		{"without one", true, true, true},
		{"turned off", true, false, false},
	} {
		c := defaultConfig()
		if !c.Direct.TLSReports {
			t.Error("they are off where nobody said so")
		}
		c.Domain, c.BaseURL = "mail.example.com", "https://mail.example.com"
		c.SMTP.Listen, c.HTTP.Listen = "127.0.0.1:0", "127.0.0.1:0"
		c.Relay.Address, c.Relay.TLS = "127.0.0.1:1", "none"
		c.DNS.Servers = []string{"127.0.0.1:1"}
		if c.Direct.Enabled, c.Direct.TLSReports = tt.direct, tt.reports; tt.direct {
			c.Relay.Address = ""
		}
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		a, err := newApp(t.Context(), appConfig{Config: c, log: slog.New(slog.DiscardHandler), now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(a.behind, func(p part) bool { return p.name == "TLS reports" }); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	}
}
