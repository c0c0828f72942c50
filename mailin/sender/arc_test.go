package sender

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

const (
	sawPass = "list.example; dmarc=pass header.from=example.org"
	sawFail = "list.example; arc=pass; dmarc=fail header.from=example.org"
)

func TestARC(t *testing.T) {
	k := keys()
	w := newWorld(t, `
		_dmarc.example.org. IN TXT "v=DMARC1; p=reject"
		example.org.        IN TXT "v=spf1 -all"
		s._domainkey.list.example.     IN TXT `+record(k["good"], "")+`
		s._domainkey.forward.example.  IN TXT `+record(k["edwards"], "")+`
		s._domainkey.stranger.example. IN TXT `+record(k["other"], "")+`
	`, func(c *Config) { c.Sealers = []string{"list.example", "Forward.example", "dead.example"} })
	w.dns.Answer("s._domainkey.dead.example", 2)

	list := func(mail string) string { return seal(t, mail, 1, "list.example", "s", sawPass, "none", k["good"]) }
	forward := func(mail string, i int, results, cv string) string {
		return seal(t, mail, i, "forward.example", "s", results, cv, k["edwards"])
	}
	stranger := func(mail string, i int, results, cv string) string {
		return seal(t, mail, i, "stranger.example", "s", results, cv, k["other"])
	}
	without := func(mail, field string, n int) string {
		var kept []string
		for _, line := range strings.SplitAfter(mail, "\r\n") {
			if strings.HasPrefix(line, field) {
				if n--; n == 0 {
					continue
				}
			}
			kept = append(kept, line)
		}
		return strings.Join(kept, "")
	}
	tests := []struct {
		name, mail string
		passed     bool
		note       string
	}{
		{"a list", list(plainLetter), true, "list.example saw it pass"},
		{"a list, with its footer before it sealed", list(plainLetter + "-- \r\nThe list\r\n"), true, ""},
		{"two who are trusted", forward(list(plainLetter), 2, sawFail, "pass"), true, "list.example saw"},
		{"the last saw it pass", forward(stranger(plainLetter, 1, sawFail, "none"), 2, sawPass, "pass"), true, "forward.example saw"},
		{"ten", func() string {
			m := list(plainLetter)
			for i := 2; i <= 10; i++ {
				m = forward(m, i, sawFail, "pass")
			}
			return m
		}(), true, ""},

		{"no chain", plainLetter, false, ""},
		{"a stranger", stranger(plainLetter, 1, sawPass, "none"), false, "stranger.example, which is not among the trusted"},
		{"a stranger after the list", stranger(list(plainLetter), 2, sawPass, "pass"), false, "not among"},
		{"a stranger before, who says it passed", forward(stranger(plainLetter, 1, sawPass, "none"), 2, sawFail, "pass"), false, "no trusted forwarder saw"},
		{"a stranger between", forward(stranger(list(plainLetter), 2, sawFail, "pass"), 3, sawFail, "pass"), false, "no trusted forwarder saw"},
		{"it saw it fail", seal(t, plainLetter, 1, "list.example", "s", sawFail, "none", k["good"]), false, "no trusted"},
		{"it saw another author pass", seal(t, plainLetter, 1, "list.example", "s", "a; dmarc=pass header.from=evil.example", "none", k["good"]), false, "no trusted"},
		{"it was broken before", forward(list(plainLetter), 2, sawFail, "fail"), false, "found it broken"},
		{"the text was changed", strings.Replace(list(plainLetter), "Yes", "No", 1), false, "text was changed"},
		{"the author was changed", strings.Replace(list(plainLetter), "Ann <", "Eve <", 1), false, "signature is wrong"},
		{"the results were changed", strings.Replace(list(plainLetter), "dmarc=pass", "dmarc=PASS", 1), false, "seal 1"},
		{"an inner seal was changed", strings.Replace(forward(list(plainLetter), 2, sawFail, "pass"), "cv=none", "cv=None", 1), false, "seal 2"},
		{"another's key", seal(t, plainLetter, 1, "list.example", "s", sawPass, "none", k["other"]), false, "wrong"},
		{"no key", seal(t, plainLetter, 1, "list.example", "t", sawPass, "none", k["good"]), false, "no key"},
		{"a seal is missing", without(forward(list(plainLetter), 2, sawFail, "pass"), "ARC-Seal:", 1), false, "not complete"},
		{"a whole set is there twice", func() string {
			m := list(plainLetter)
			return m[:len(m)-len(plainLetter)] + m
		}(), false, "twice"},
		{"numbers with a gap", strings.ReplaceAll(list(plainLetter), "i=1;", "i=2;"), false, "can't be read"},
		{"number none", strings.ReplaceAll(list(plainLetter), "i=1;", "i=x;"), false, "can't be read"},
		{"a seal with h=", strings.Replace(list(plainLetter), "cv=none;", "cv=none; h=from;", 1), false, "h="},
		{"seal and signature of two", strings.Replace(list(plainLetter), "d=list.example; s=s;\r\n", "d=forward.example; s=s;\r\n", 1), false, "different domains"},
		{"the signature covers a part", strings.Replace(list(plainLetter), "h=from:to", "l=3; h=from:to", 1), false, "l="},
		{"the signature does not cover From", strings.Replace(list(plainLetter), "h=from:to", "h=to", 1), false, "cover From"},
		{"a second subject", "Subject: Send money\r\n" + list(plainLetter), false, "more than one subject"},
		{"too many", strings.Repeat("ARC-Seal: i=1\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1\r\n", 21) + plainLetter, false, "too many"},
		{"odd", "X-A : b\r\n" + list(plainLetter), false, "not believed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.mail)
			h := readHeader(raw)
			r := w.prover.arc(t.Context(), raw, &h, "example.org")
			if r.passed != tt.passed || r.err != nil {
				t.Errorf("got %+v, want %v", r, tt.passed)
			}
			if !strings.Contains(r.note, tt.note) {
				t.Errorf("got the note %q, want %q in it", r.note, tt.note)
			}
		})
	}
	away := letter{from: "list@list.example", ip: "192.0.2.9", helo: "list.example", raw: seal(t, plainLetter, 1, "dead.example", "s", sawPass, "none", k["good"])}
	w.run(t, []judged{
		{"judged: through the list", letter{from: "list@list.example", ip: "192.0.2.9", helo: "list.example", raw: list(plainLetter)}, bridge.VerdictPass, MethodARC, "list.example saw"},
		{"judged: through a stranger", letter{from: "list@list.example", ip: "192.0.2.9", helo: "list.example", raw: stranger(plainLetter, 1, sawPass, "none")}, bridge.VerdictReject, MethodDMARC, "p=reject"},
		{"judged: DNS does not answer for the key", away, bridge.VerdictTemporary, MethodNone, "does not answer"},
	})
}

func TestUnsigned(t *testing.T) {
	for field, want := range map[string]string{
		"ARC-Seal: i=1; b=abc\r\n def=\r\n":       "ARC-Seal: i=1; b=",
		"ARC-Seal:b=abc; i=1\r\n":                 "ARC-Seal:b=; i=1",
		"ARC-Seal: i=1;\r\n\tb =\tabc;bh=x\r\n":   "ARC-Seal: i=1;\r\n\tb =;bh=x",
		"ARC-Seal: z=To:b=3Dc; bh=b=; b=abc":      "ARC-Seal: z=To:b=3Dc; bh=b=; b=",
		"ARC-Seal: i=1; B=abc; bb=c; a b=c; d;\r": "ARC-Seal: i=1; B=abc; bb=c; a b=c; d;",
		"": "",
	} {
		if got := string(unsigned([]byte(field))); got != want {
			t.Errorf("%q: got %q, want %q", field, got, want)
		}
	}
}
