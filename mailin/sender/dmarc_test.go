package sender

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestParseDMARC(t *testing.T) {
	for text, want := range map[string]string{
		"v=DMARC1; p=reject": "reject",
		"v=DMARC1;p=none":    "none",
		"v = DMARC1 ; p = Quarantine ; rua=mailto:a@example.org":     "quarantine",
		"v=DMARC1; p=reject; sp=none; np=reject; adkim=s; aspf=s":    "reject sp=none np=reject adkim aspf",
		"v=DMARC1; p=reject; pct=20":                                 "reject partly",
		"v=DMARC1; p=reject; pct=100":                                "reject",
		"v=DMARC1; p=reject; pct=200; ri=x; fo=9; rf=odd; unknown=1": "reject",
		"v=DMARC1; p=reject; t=y":                                    "reject partly",
		"v=DMARC1; p=reject; psd=y":                                  "reject psd",
		"v=DMARC1; p=rejected; rua=mailto:a@example.org":             "none",
		"v=DMARC1; p=rejected":                                       "-",
		"v=DMARC1":                                                   "-",
		"v=DMARC2; p=reject":                                         "-",
		"v=dmarc1; p=reject":                                         "-",
		"v=DMARC10; p=reject":                                        "-",
		"p=reject; v=DMARC1":                                         "-",
		"v=spf1 -all":                                                "-",
		"v=DMARC1; p=reject; p=none":                                 "-",
		"v=DMARC1; p=reject; sp=nonsense":                            "reject",
		"v=DMARC1; p=reject; " + strings.Repeat("x", 5000):           "-",
		"": "-",
		"v=DMARC1; p=none; " + strings.Repeat("a", 10) + "\x00=1; sp=1": "-",
	} {
		r, ok := parseDMARC(text)
		got := "-"
		if ok {
			got = string(r.p)
			for _, more := range []struct {
				is   bool
				word string
			}{
				{r.sp != "", " sp=" + string(r.sp)},
				{r.np != "", " np=" + string(r.np)},
				{r.strictDKIM, " adkim"},
				{r.strictSPF, " aspf"},
				{r.partly, " partly"},
				{r.suffix, " psd"},
			} {
				if more.is {
					got += more.word
				}
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestPolicyDiscovery(t *testing.T) {
	w := newWorld(t, `
		_dmarc.example.org.       IN TXT "v=DMARC1; p=reject; sp=quarantine; np=none"
		example.org.              IN A   192.0.2.1
		sub.example.org.          IN A   192.0.2.1
		mx.example.org.           IN MX  10 example.org.
		_dmarc.own.example.org.   IN TXT "v=DMARC1; p=none"
		_dmarc.two.example.org.   IN TXT "v=DMARC1; p=none"
		_dmarc.two.example.org.   IN TXT "v=DMARC1; p=reject"
		_dmarc.mixed.example.org. IN TXT "v=spf1 -all"
		_dmarc.mixed.example.org. IN TXT "v=DMARC1; p=quarantine"
		_dmarc.example.co.uk.     IN TXT "v=DMARC1; p=reject"
		_dmarc.alias.example.     IN CNAME _dmarc.example.co.uk.
		_dmarc.bank.              IN TXT "v=DMARC1; p=reject; sp=reject; psd=y"
		_dmarc.gov.uk.            IN TXT "v=DMARC1; p=reject"
	`)
	w.dns.Answer("_dmarc.dead.example", 2)
	w.dns.Answer("_dmarc.deadorg.example", 2)
	for domain, want := range map[string]string{
		"example.org":          "example.org asks for p=reject",
		"sub.example.org":      "example.org asks for p=quarantine",
		"mx.example.org":       "example.org asks for p=quarantine",
		"deep.sub.example.org": "example.org asks for p=none", // it does not exist, so np holds
		"gone.example.org":     "example.org asks for p=none",
		"own.example.org":      "own.example.org asks for p=none",
		"two.example.org":      "no policy", // and the organization's does not hold
		"mixed.example.org":    "mixed.example.org asks for p=quarantine",
		"mail.example.co.uk":   "example.co.uk asks for p=reject",
		"other.co.uk":          "no policy",
		"alias.example":        "alias.example asks for p=reject",
		"good.bank":            "bank asks for p=reject",
		"council.gov.uk":       "no policy", // its suffix does not take part
		"nothing.example":      "no policy",
		"dead.example":         "temporary",
		"sub.deadorg.example":  "temporary",
	} {
		p, err := w.prover.policy(t.Context(), domain)
		got := p.String()
		if err != nil {
			got = "temporary"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", domain, got, want)
		}
	}
}

// judged is a row of the tests that let a whole mail be judged.
type judged struct {
	name   string
	letter letter
	result bridge.VerdictResult
	method string
	reason string
}

func (w *world) run(t *testing.T, rows []judged) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			v := w.judge(tt.letter)
			if v.Result != tt.result || v.Method != tt.method {
				t.Errorf("got %s by %q, want %s by %q (%q)", v.Result, v.Method, tt.result, tt.method, v.Reasons)
			}
			if (v.Address == "ann@"+from(tt.letter.raw)) != (tt.result == bridge.VerdictPass) {
				t.Errorf("got the address %q with %s", v.Address, v.Result)
			}
			if all := strings.Join(v.Reasons, "\n"); !strings.Contains(all, tt.reason) || len(v.Reasons) == 0 {
				t.Errorf("got the reasons %q, want %q among them", all, tt.reason)
			}
		})
	}
}

// from is the domain that ann's letter is from.
func from(raw string) string {
	_, rest, _ := strings.Cut(raw, "<ann@")
	domain, _, _ := strings.Cut(rest, ">")
	return strings.ToLower(domain)
}

func by(domain string) string {
	return strings.ReplaceAll(plainLetter, "ann@example.org", "ann@"+domain)
}

func TestVerdicts(t *testing.T) {
	zone := dkimZone() + `
		_dmarc.reject.example.     IN TXT "v=DMARC1; p=reject"
		reject.example.            IN TXT "v=spf1 ip4:192.0.2.1 -all"
		mail.reject.example.       IN TXT "v=spf1 ip4:192.0.2.1 -all"
		mail.reject.example.       IN A   192.0.2.1
		_dmarc.exact.example.      IN TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
		mail.exact.example.        IN TXT "v=spf1 ip4:192.0.2.1 -all"
		exact.example.             IN TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.quarantine.example. IN TXT "v=DMARC1; p=quarantine"
		_dmarc.monitor.example.    IN TXT "v=DMARC1; p=none"
		_dmarc.partly.example.     IN TXT "v=DMARC1; p=reject; pct=0"
		_dmarc.parent.example.     IN TXT "v=DMARC1; p=none; sp=reject"
		sub.parent.example.        IN A   192.0.2.1
		silent.example.            IN A   192.0.2.1
		failing.example.           IN TXT "v=spf1 -all"
		spf.example.               IN TXT "v=spf1 ip4:192.0.2.1 -all"
		news.spf.example.          IN TXT "v=spf1 ip4:192.0.2.1 -all"
		evil.example.              IN TXT "v=spf1 ip4:203.0.113.9 -all"
		open.example.              IN TXT "v=spf1 +all"
		good._domainkey.exact.example.      IN TXT ` + record(keys()["good"], "") + `
		good._domainkey.mail.exact.example. IN TXT ` + record(keys()["good"], "") + `
		good._domainkey.mail.reject.example. IN TXT ` + record(keys()["good"], "") + `
		good._domainkey.evil.example. IN TXT ` + record(keys()["good"], "") + `
	`
	w := newWorld(t, zone, func(c *Config) {
		c.Allow = []string{"silent.example", "Monitor.Example", "failing.example", "reject.example"}
	})
	w.dns.Answer("_dmarc.dead.example", 2)
	w.dns.Answer("broken.example", 2)
	good := keys()["good"]
	own := func(domain, path string) letter {
		return letter{from: path, ip: "192.0.2.1", helo: "mail.example.org", raw: by(domain), to: "reply+token@desk.example", claims: "ann@" + domain}
	}
	strange := func(domain string) letter {
		return letter{from: "bob@evil.example", ip: "203.0.113.9", helo: "mail.evil.example", raw: by(domain), to: "reply+token@desk.example", claims: "ann@" + domain}
	}
	signed := func(l letter, domain string) letter {
		l.raw = sign(t, l.raw, domain, "good", good)
		return l
	}
	const pass, fail, none, reject, temp = bridge.VerdictPass, bridge.VerdictFail, bridge.VerdictNone, bridge.VerdictReject, bridge.VerdictTemporary
	rows := []judged{
		{"SPF and DMARC", own("reject.example", "ann@reject.example"), pass, MethodDMARC, "SPF: pass"},
		{"SPF of a subdomain, relaxed", own("reject.example", "bounce@mail.reject.example"), pass, MethodDMARC, ""},
		{"SPF of the parent, relaxed", own("mail.reject.example", "ann@reject.example"), pass, MethodDMARC, "reject.example asks"},
		{"SPF of a subdomain, strict", own("exact.example", "bounce@mail.exact.example"), reject, MethodDMARC, "not the author's"},
		{"SPF of the same, strict", own("exact.example", "ann@exact.example"), pass, MethodDMARC, ""},
		{"DKIM of a subdomain, relaxed", signed(strange("reject.example"), "mail.reject.example"), pass, MethodDMARC, "signed by mail.reject.example"},
		{"DKIM of a subdomain, strict", signed(strange("exact.example"), "mail.exact.example"), reject, MethodDMARC, ""},
		{"DKIM of the same, strict", signed(strange("exact.example"), "exact.example"), pass, MethodDMARC, ""},
		{"DKIM of several, one right", signed(signed(strange("exact.example"), "exact.example"), "evil.example"), pass, MethodDMARC, ""},
		{"DKIM of another", signed(strange("reject.example"), "evil.example"), reject, MethodDMARC, "evil.example, which is not"},
		{"nothing, p=reject", strange("reject.example"), reject, MethodDMARC, "p=reject"},
		{"nothing, p=reject, although allowed", strange("reject.example"), reject, MethodDMARC, ""},
		{"nothing, p=quarantine", strange("quarantine.example"), fail, MethodDMARC, "p=quarantine"},
		{"nothing, p=reject for some", strange("partly.example"), fail, MethodDMARC, "not for all"},
		{"nothing, sp=reject", strange("sub.parent.example"), reject, MethodDMARC, "parent.example asks for p=reject"},
		{"nothing, p=none for the parent", strange("parent.example"), none, MethodNone, "p=none"},
		{"nothing, no policy", strange("nobody.example"), none, MethodNone, "no policy"},
		{"nothing, no policy, allowed", strange("silent.example"), pass, bridge.MethodAddress, "configuration allows"},
		{"nothing, p=none, allowed", strange("monitor.example"), pass, bridge.MethodAddress, ""},
		{"SPF says no, allowed", letter{from: "ann@failing.example", ip: "203.0.113.9", helo: "a.example", raw: by("failing.example"), claims: "ann@failing.example"}, fail, MethodSPF, "SPF: fail"},
		{"allowed, another participant", func() letter { l := strange("silent.example"); l.claims = "eve@silent.example"; return l }(), none, MethodNone, ""},
		{"allowed, to an inbox", func() letter { l := strange("silent.example"); l.claims = ""; return l }(), none, MethodNone, ""},
		{"SPF alone", own("spf.example", "ann@news.spf.example"), pass, MethodSPF, "no policy"},
		{"DKIM alone", signed(strange("example.org"), "example.org"), pass, MethodDKIM, ""},
		{"SPF that lets everybody", letter{from: "ann@open.example", ip: "203.0.113.9", helo: "a.example", raw: by("open.example")}, none, MethodNone, "everybody"},
		{"no SPF known, p=reject", func() letter { l := strange("reject.example"); l.ip = ""; return l }(), fail, MethodDMARC, "client is not known"},
		{"DNS does not answer for the policy", strange("dead.example"), temp, MethodNone, "does not answer"},
		{"DNS does not answer for SPF", letter{from: "ann@broken.example", ip: "192.0.2.1", helo: "a.example", raw: by("broken.example")}, temp, MethodNone, ""},
		{"a null reverse-path and the HELO of the domain", letter{ip: "192.0.2.1", helo: "spf.example", raw: by("spf.example"), claims: "ann@spf.example"}, none, MethodNone, "null"},
		{"another From", letter{from: "ann@spf.example", ip: "192.0.2.1", helo: "a.example", raw: strings.Replace(by("spf.example"), "From: ", "From: Eve <eve@evil.example>, ", 1)}, reject, MethodFrom, "not one plain"},
		{"a domain that is none", letter{from: "ann@spf.example", ip: "192.0.2.1", helo: "a.example", raw: by("localhost")}, reject, MethodFrom, "from:"},
		{"a report", letter{from: "ann@spf.example", ip: "192.0.2.1", raw: "Auto-Submitted: auto-replied\r\n" + by("spf.example")}, none, MethodNone, "auto_reply"},
	}
	w.run(t, rows)

	// An old letter of ann's to somebody else, sent again to the reply address that leaked.
	old := strange("exact.example")
	old.raw = sign(t, strings.Replace(old.raw, "reply+token@desk.example", "shop@elsewhere.example", 1), "exact.example", "good", good)
	bcc := strange("exact.example")
	bcc.raw = signTags(t, bcc.raw, "d=exact.example; s=good; h=From:Subject", good)
	inbox := old
	inbox.to, inbox.claims = "hello@desk.example", ""
	straight := old
	straight.from, straight.ip = "ann@exact.example", "192.0.2.1"
	mailbox := old
	mailbox.imap, mailbox.ip, mailbox.from = "office", "", ""
	w.run(t, []judged{
		{"an old letter to a mailbox", mailbox, fail, MethodDKIM, "old letter"},
		{"an old letter", old, fail, MethodDKIM, "old letter"},
		{"To is not covered", bcc, fail, MethodDKIM, "old letter"},
		{"the same to an inbox", inbox, pass, MethodDMARC, ""},
		{"the same from the domain's host", straight, pass, MethodDMARC, ""},
	})

	// A domain of other letters than ASCII's is compared in the form that DNS has.
	idn := newWorld(t, `
		xn--bcher-kva.example.        IN TXT "v=spf1 ip4:192.0.2.1 -all"
		_dmarc.xn--bcher-kva.example. IN TXT "v=DMARC1; p=reject"
	`)
	for ip, want := range map[string]bridge.VerdictResult{"192.0.2.1": pass, "192.0.2.2": reject} {
		for _, path := range []string{"ann@xn--bcher-kva.example", "ann@bücher.example", "änn@bücher.example"} {
			v := idn.judge(letter{from: path, ip: ip, helo: "mail.example.org", raw: by("bücher.example")})
			if v.Result != want || want == pass && v.Address != "ann@xn--bcher-kva.example" {
				t.Errorf("%s from %s: got %+v, want %s", path, ip, v, want)
			}
		}
	}

	strict := newWorld(t, zone, func(c *Config) { c.Strict = true })
	strict.run(t, []judged{
		{"strict: SPF and DMARC", own("reject.example", "ann@reject.example"), pass, MethodDMARC, ""},
		{"strict: DKIM alone", signed(strange("example.org"), "example.org"), pass, MethodDKIM, ""},
		{"strict: nothing, p=reject", strange("reject.example"), fail, MethodDMARC, "p=reject"},
		{"strict: nothing, no policy", strange("silent.example"), none, MethodNone, ""},
	})
	if _, err := NewProver(Config{Resolver: w.prover.Resolver, Strict: true, Allow: []string{"a.example"}}); err == nil {
		t.Error("strict with exceptions was taken")
	}
	if _, err := NewProver(Config{Resolver: w.prover.Resolver, Sealers: []string{"not a domain"}}); err == nil {
		t.Error("a sealer that is no domain was taken")
	}
}

// One mail to many recipients is examined once.
func TestForOneMail(t *testing.T) {
	w := newWorld(t, dkimZone())
	l := letter{
		from: "bob@evil.example", ip: "203.0.113.9", helo: "a.example", to: "reply+token@desk.example", claims: "ann@example.org",
		raw: sign(t, plainLetter, "example.org", "good", keys()["good"]),
	}
	j := ForOneMail(w.prover)
	raw := []byte(l.raw)
	first := w.judgeBy(j, l)
	if first.Result != bridge.VerdictPass {
		t.Fatalf("got %+v", first)
	}
	one, ok := j.(*oneMail)
	if !ok {
		t.Fatal("the prover has no judge for one mail")
	}
	one.evidence.notes = []string{"remembered"}
	v := j.Judge(t.Context(), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "bob@evil.example", ForwardPath: "reply+other@desk.example"}, Peer{}, raw, one.mail, bridge.Claim{Address: "ann@example.org", Path: "reply+other@desk.example"})
	if v.Result != bridge.VerdictFail || v.Reasons[0] != "remembered" {
		t.Errorf("the second recipient: got %+v, want what was found for the first, and that To does not name this one", v)
	}
	if _, same := ForOneMail(AddressPolicy{}).(AddressPolicy); !same {
		t.Error("a judge without that is not itself")
	}
}
