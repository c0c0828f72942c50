package tlsrpt

import (
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

func TestRecords(t *testing.T) {
	for _, one := range []struct {
		name    string
		records []string
		want    string
	}{
		{"the example of RFC 8460, section 3.1", []string{"v=TLSRPTv1;rua=mailto:reports@example.com"}, "reports@example.com"},
		{"over HTTPS", []string{"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"}, "https://reporting.example.com/v1/tlsrpt"},
		{"both, with spaces and what is unknown", []string{"v=TLSRPTv1 ; x=y; rua = no; rua=https://a.example/?b=c , mailto:d%2Be@f.example;"}, "https://a.example/?b=c d+e@f.example"},
		{"others beside it", []string{"v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv10; rua=mailto:x@y.example"}, "a@b.example"},
		{"two of them", []string{"v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:a@b.example"}, ""},
		{"none", nil, ""},
		{"another version", []string{"v=TLSRPTv2; rua=mailto:a@b.example"}, ""},
		{"no destination", []string{"v=TLSRPTv1;"}, ""},
		{"the same twice", []string{"v=TLSRPTv1; rua=mailto:a@b.example,mailto:a@b.example"}, "a@b.example"},
		{"a mail with more in it", []string{"v=TLSRPTv1; rua=mailto:a@b.example?subject=hi&cc=x@y.example"}, "a@b.example"},
		{"fields made of an address", []string{"v=TLSRPTv1; rua=mailto:a%0d%0aBcc:%20x@b.example,mailto:a@b%0a.example,mailto:a@b..example"}, ""},
		{"several addresses in one", []string{"v=TLSRPTv1; rua=mailto:a@b.example%2cc@d.example"}, ""},
		{"an address of a network", []string{"v=TLSRPTv1; rua=mailto:a@[192.0.2.1]"}, ""},
		{"letters of another script", []string{"v=TLSRPTv1; rua=mailto:a@b%C3%BCcher.example"}, "a@xn--bcher-kva.example"},
		{"other ways", []string{"v=TLSRPTv1; rua=http://a.example/,ftp://a.example,file:///etc/passwd,https://u:p@a.example/,https://a.example:22/,https:///x,https:a,:"}, ""},
		{"very many", []string{"v=TLSRPTv1; rua=" + strings.Repeat("mailto:a@b.example,", 10) + "mailto:1@b.example,mailto:2@b.example,mailto:3@b.example,mailto:4@b.example,mailto:5@b.example"}, "a@b.example 1@b.example 2@b.example 3@b.example 4@b.example"},
		{"very much", []string{"v=TLSRPTv1; rua=mailto:a@b.example;" + strings.Repeat(" ", maxRecord)}, ""},
	} {
		var got []string
		for _, d := range ParseRecord(one.records) {
			got = append(got, d.Address+d.URL)
		}
		if strings.Join(got, " ") != one.want {
			t.Errorf("%s: got %q, want %q", one.name, got, one.want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=TLSRPTv1; rua=https://a.example/?b=c , mailto:d%2Be@f.example;")
	f.Add("v=TLSRPTv1;rua=mailto:a%0d%0aBcc:%20x@b.example,https://[::1]/")
	f.Fuzz(func(t *testing.T, record string) {
		all := ParseRecord([]string{record})
		if len(all) > maxDestinations {
			t.Fatalf("%d destinations", len(all))
		}
		for _, d := range all {
			if (d.Address == "") == (d.URL == "") || d.uri == "" {
				t.Errorf("got %+v", d)
			}
			if strings.ContainsAny(d.Address+d.URL, "\r\n\x00 ") {
				t.Errorf("%q would make a field of its own", d.Address+d.URL)
			}
			if d.URL != "" && !strings.HasPrefix(d.URL, "https://") {
				t.Errorf("got %q", d.URL)
			}
		}
	})
}

// TestGroups: what belongs to a domain's policy and what to a host's, and what of too many failures is told.
func TestGroups(t *testing.T) {
	count := func(host, policy, result string, n int64) bridge.TLSResult {
		return bridge.TLSResult{Domain: "home.example", Host: host, Policy: policy, Result: result, Count: n}
	}
	got := group("home.example", []bridge.TLSResult{
		count("mx1.home.example", "sts", "", 5), count("mx2.home.example", "sts", "", 2), count("mx1.home.example", "sts", "certificate-expired", 1),
		count("mx2.home.example", "sts", "starttls-not-supported", 3), count("", "sts", "sts-policy-fetch-error", 1),
		count("mx1.home.example", "tlsa", "", 7), count("mx2.home.example", "tlsa", "validation-failure", 1),
		count("mx1.home.example", "no-policy-found", "", 1),
	}, "version: STSv1\r\nmode: enforce\r\nmx: *.home.example\r\nmax_age: 86400\r\n")
	var lines []string
	for _, p := range got {
		line := p.Policy.Type + " of " + p.Policy.Domain + strings.Join(p.Policy.MXHosts, ",") + ":"
		for _, d := range p.Details {
			line += " " + d.Result + "@" + d.Host
		}
		if p.Policy.Type == "sts" && (len(p.Policy.Text) != 4 || p.Summary != summary{7, 5}) {
			t.Errorf("got %+v", p)
		}
		lines = append(lines, line)
	}
	want := "no-policy-found of home.example:\n" +
		"sts of home.example*.home.example: starttls-not-supported@mx2.home.example certificate-expired@mx1.home.example sts-policy-fetch-error@\n" +
		"tlsa of mx1.home.example:\n" +
		"tlsa of mx2.home.example: validation-failure@mx2.home.example"
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
	var many []bridge.TLSResult
	for range 2 * maxDetails {
		many = append(many, count("mx.home.example", "no-policy-found", "x", 1))
	}
	if got := group("home.example", many, ""); len(got) != 1 || len(got[0].Details) != maxDetails || got[0].Summary.Failed != 2*maxDetails {
		t.Errorf("got %d policies", len(got))
	}
}

// TestDelays: reports are spread, and always at the same time of the day after.
func TestDelays(t *testing.T) {
	day := time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)
	seen := map[time.Duration]bool{}
	for i := range 100 {
		d := delay(day, strings.Repeat("a", i)+".example")
		if d < firstDelay || d >= spread || d != delay(day, strings.Repeat("a", i)+".example") {
			t.Errorf("got %s", d)
		}
		seen[d/time.Minute] = true
	}
	if len(seen) < 30 {
		t.Errorf("they are sent in %d minutes of four hours", len(seen))
	}
}
