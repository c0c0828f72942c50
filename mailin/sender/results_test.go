package sender

import (
	"fmt"
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestParseResults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", " spf=pass smtp.mailfrom=example.org; dkim=fail header.d=example.org", "spf=pass[smtp.mailfrom=example.org] dkim=fail[header.d=example.org]"},
		{"none", " none", ""},
		{"comments", "spf=pass (all; good (really)) smtp.mailfrom=a@example.org (dmarc=pass)", "spf=pass[smtp.mailfrom=a@example.org]"},
		{"a comment with a parenthesis escaped", `spf=pass (a \) ; dmarc=pass) smtp.mailfrom=x.example`, "spf=pass[smtp.mailfrom=x.example]"},
		{"quotes", `auth=pass smtp.auth="a; dmarc=pass header.from=b"`, "auth=pass[smtp.auth=a; dmarc=pass header.from=b]"},
		{"folded, with spaces about", "\r\n\tdmarc = pass\r\n  header.from = example.org ;\r\n", "dmarc=pass[header.from=example.org]"},
		{"version and case", "DMARC/1=Pass Header.From=Example.org", "dmarc=pass[header.from=Example.org]"},
		{"a comment without an end", "dmarc=pass (header.from=example.org", "error"},
		{"a comment that does not begin", "dmarc=pass) header.from=example.org", "error"},
		{"quotes without an end", `dmarc=pass reason="x`, "error"},
		{"an escape at the end", `dmarc=pass (x\`, "error"},
		{"NUL", "dmarc=pass\x00 header.from=a.example", "error"},
		{"nested for ever", strings.Repeat("(", 1000), "error"},
		{"statements for ever", strings.Repeat("a=b;", 1000), "error"},
		{"no statement", "pass pass; ;", ""},
	}
	for _, tt := range tests {
		results, err := parseResults(tt.text)
		var words []string
		for _, r := range results {
			w := r.method + "=" + r.result
			for _, p := range r.properties {
				w += "[" + p[0] + "=" + p[1] + "]"
			}
			words = append(words, w)
		}
		got := strings.Join(words, " ")
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestUpstream(t *testing.T) {
	w := newWorld(t, `
		_dmarc.example.org. IN TXT "v=DMARC1; p=reject"
	`, func(c *Config) {
		c.Accounts = map[string][]string{"office": {"mx.host.example"}, "cloud": {Nameless}}
		c.Fronts = []string{"front.example"}
	})
	const (
		good = "Authentication-Results: mx.host.example;\r\n\tspf=fail smtp.mailfrom=bob@elsewhere.example;\r\n\tdmarc=pass (p=REJECT) header.from=example.org\r\n"
		spf  = "Authentication-Results: mx.host.example; spf=pass smtp.mailfrom=ann@example.org\r\n"
		evil = "Authentication-Results: evil.example; dmarc=pass header.from=example.org\r\n"
	)
	on := func(account, header string) letter {
		return letter{imap: account, from: "ann@example.org", raw: header + plainLetter, claims: "ann@example.org"}
	}
	const pass, fail, reject = bridge.VerdictPass, bridge.VerdictFail, bridge.VerdictReject
	w.run(t, []judged{
		{"DMARC passed there", on("office", good), pass, MethodUpstream, "by mx.host.example"},
		{"SPF passed there", on("office", spf), pass, MethodDMARC, "SPF: pass"},
		{"below trace fields", on("office", "Return-Path: <ann@example.org>\r\nX-Received: by a\r\nReceived: from a by b; c\r\n"+good), pass, MethodUpstream, ""},
		{"in another case", on("office", strings.Replace(good, "mx.host", "MX.Host", 1)), pass, MethodUpstream, ""},
		{"with a version", on("office", strings.Replace(good, "example;", "example 1;", 1)), pass, MethodUpstream, ""},
		{"with a comment before the name", on("office", strings.Replace(good, "mx.host", "(a;b) mx.host", 1)), fail, MethodDMARC, "not of a trusted"},
		{"without a name", on("cloud", "Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.org; dkim=none (a; b)\r\n header.d=none;dmarc=pass action=none\r\n header.from=example.org;compauth=pass reason=100\r\n"), pass, MethodDMARC, "SPF: pass"},

		{"of nobody", on("office", ""), fail, MethodDMARC, "none of a trusted"},
		{"of a stranger", on("office", evil), fail, MethodDMARC, "not of a trusted"},
		{"of a stranger above", on("office", evil+good), fail, MethodDMARC, "not of a trusted"},
		{"below the author's fields", on("office", "Subject: a\r\n"+good), fail, MethodDMARC, "none of a trusted"},
		{"a forged one below a real one", on("office", "Authentication-Results: mx.host.example; spf=fail smtp.mailfrom=evil.example; dmarc=fail header.from=example.org\r\n"+good), reject, MethodDMARC, "SPF: fail"},
		{"of another account's host", on("other", good), fail, MethodDMARC, "SPF"},
		{"another author", on("office", strings.Replace(good, "header.from=example.org", "header.from=evil.example", 1)), reject, MethodDMARC, ""},
		{"two statements about DMARC", on("office", strings.Replace(good, "\r\n\tdmarc", "\r\n\tdmarc=fail header.from=example.org; dmarc", 1)), reject, MethodDMARC, ""},
		{"in a comment", on("office", "Authentication-Results: mx.host.example; spf=none (x@example.org; dmarc=pass header.from=example.org) smtp.mailfrom=x\r\n"), reject, MethodDMARC, ""},
		{"unreadable", on("office", strings.Replace(good, "(p", "((p", 1)), fail, MethodDMARC, "can't be read"},
		{"version 2", on("office", strings.Replace(good, "example;", "example 2;", 1)), fail, MethodDMARC, "not of a trusted"},
		{"with an odd header", on("office", "X : a\r\n"+good), fail, MethodDMARC, "not believed"},

		{"from a server in front", letter{from: "ann@example.org", raw: strings.Replace(good, "mx.host.example", "front.example", 1) + plainLetter}, pass, MethodUpstream, ""},
		{"from anywhere, in its name", letter{from: "ann@example.org", ip: "192.0.2.9", helo: "a.example", raw: strings.Replace(good, "mx.host.example", "front.example", 1) + plainLetter}, reject, MethodDMARC, ""},
		{"a mailbox, in its name", on("office", strings.Replace(good, "mx.host.example", "front.example", 1)), fail, MethodDMARC, ""},
	})
}

func FuzzParseResults(f *testing.F) {
	for _, s := range []string{" spf=pass (a;b) smtp.mailfrom=x@y.example; dmarc=pass header.from=\"y;z\"", "none", `a="\"`, "((", ";;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		results, err := parseResults(s)
		if err != nil {
			return
		}
		// Nothing within a comment added at the end changes what is read.
		again, err := parseResults(s + " (dmarc=pass; dmarc=pass header.from=evil.example)")
		if err != nil || fmt.Sprint(again) != fmt.Sprint(results) {
			t.Errorf("%q: got %v, and with a comment %v (%v)", s, results, again, err)
		}
		_, _ = splitID(s)
	})
}
