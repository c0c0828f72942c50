package sender

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"letterlock/bridge"
	"letterlock/mailin"
)

func FuzzReadHeader(f *testing.F) {
	for _, s := range []string{plainLetter, "From: a\r\n b\r\n\r\nc", " x\r\nFrom : a\r\n", "a\rFrom:b\n\n", "A\u2028From: b\r\n\r\n", ":\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := readHeader(raw)
		if h.body < 0 || h.body > len(raw) {
			t.Fatalf("the body begins at %d of %d", h.body, len(raw))
		}
		var all []byte
		for _, field := range h.fields {
			if field.colon <= 0 || field.raw[field.colon] != ':' || !strings.EqualFold(field.name, string(field.raw[:field.colon])) && field.raw[0] < 0x80 && isASCII(field.raw[:field.colon]) {
				t.Fatalf("%q is no field with the name %q", field.raw, field.name)
			}
			all = append(all, field.raw...)
		}
		if h.odd == "" && !bytes.Equal(append(all, "\r\n"...), raw[:h.body]) && !bytes.Equal(all, raw[:h.body]) {
			t.Errorf("%q: nothing is odd, and the fields are %q", raw[:h.body], all)
		}
	})
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func FuzzParseTags(f *testing.F) {
	for _, s := range []string{"v=1; a=b;", "v=DKIM1; p=", "a=b=c; d", ";", "a\r\n =\r\n b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := parseTags(s)
		if err != nil {
			return
		}
		for _, tag := range tags {
			if !strings.Contains(s, tag.name) || !strings.Contains(s, tag.value) || strings.Contains(tag.value, ";") {
				t.Errorf("%q: got %q=%q", s, tag.name, tag.value)
			}
		}
		_, _ = parseDMARC(s)
		_, _ = parseKey(s)
	})
}

func FuzzDomain(f *testing.F) {
	for _, s := range []string{"example.org", "Example.ORG", "a..b", "-a.b", "a.b-", "a_b.c", "x.co.uk", "localhost"} {
		f.Add(s, "example.org")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, ok := plainDomain(a)
		y, also := plainDomain(b)
		if !ok || !also {
			return
		}
		if x != strings.ToLower(x) || !strings.EqualFold(x, a) || strings.ContainsAny(x, " \x00()_@") {
			t.Errorf("%q became %q", a, x)
		}
		if aligned(x, y, false) != aligned(y, x, false) || aligned(x, y, true) != (x == y) || !aligned(x, "mail."+x, false) && !isPublicSuffix(x) && !isPublicSuffix("mail."+x) {
			t.Errorf("%q and %q: alignment depends on the order, or is none of a subdomain", x, y)
		}
		_, _ = plainPath(a + "@" + b)
	})
}

// nobody is a resolver that knows one key, and nothing else.
type nobody struct{ key string }

func (n nobody) LookupTXT(_ context.Context, name string) ([]string, error) {
	if strings.Contains(name, "_domainkey") && n.key != "" {
		return []string{n.key}, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}

func (nobody) LookupMX(context.Context, string) ([]*net.MX, error) {
	return nil, &net.DNSError{IsNotFound: true}
}

func (nobody) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) {
	return nil, &net.DNSError{IsNotFound: true}
}

func (nobody) LookupAddr(context.Context, string) ([]string, error) {
	return nil, &net.DNSError{IsNotFound: true}
}

// FuzzJudge judges any mail with any envelope: it never passes, since nobody has a key or a record.
func FuzzJudge(f *testing.F) {
	signed := sign(f, plainLetter, "example.org", "good", keys()["good"])
	chain := seal(f, plainLetter, 1, "list.example", "s", sawPass, "none", keys()["good"])
	for _, m := range []string{plainLetter, signed, chain, "Authentication-Results: mx; dmarc=pass\r\n" + plainLetter} {
		f.Add([]byte(m), "ann@example.org", "helo.example")
	}
	p, err := NewProver(Config{Resolver: nobody{}, Sealers: []string{"list.example"}, Fronts: []string{"mx"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, path, helo string) {
		mail := mailin.Parse(raw, mailin.Limits{})
		peer := Peer{IP: netip.MustParseAddr("192.0.2.1"), Helo: helo}
		v := p.Judge(t.Context(), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: path, ForwardPath: "a@b.example"}, peer, raw, mail, bridge.Claim{})
		if v.Result == bridge.VerdictPass || v.Address != "" || len(v.Reasons) == 0 {
			t.Errorf("got %+v", v)
		}
	})
}

// FuzzSignedForms has our reading of canonical forms, which ARC needs, agree with go-msgauth's, which signs here.
func FuzzSignedForms(f *testing.F) {
	f.Add("Subject: a  b \r\n c", "text \t x\r\n\r\n \r\n\r\n", true, true)
	f.Add("X-A:b", "", false, true)
	f.Add("X-A: \r\n b", "\r\n\r\n", true, false)
	f.Add("X-A: b\t", " ", false, false)
	key := keys()["edwards"]
	f.Fuzz(func(t *testing.T, field, body string, relaxedHead, relaxedBody bool) {
		mail := "From: ann@example.org\r\n" + field + "\r\n\r\n" + body
		h := readHeader([]byte(mail))
		if h.odd != "" || len(h.fields) < 2 || strings.Contains(body, "\r\r") || strings.Count(body, "\r") != strings.Count(body, "\r\n") || strings.Count(body, "\n") != strings.Count(body, "\r\n") {
			return
		}
		// The library trims a name by Unicode's idea of space, and joins a last line that has no end.
		if strings.TrimSpace(h.fields[1].name) != h.fields[1].name || h.body != len(mail)-len(body) || len(h.fields) != 2 {
			return
		}
		forms := map[bool]dkim.Canonicalization{true: dkim.CanonicalizationRelaxed, false: dkim.CanonicalizationSimple}
		var b bytes.Buffer
		err := dkim.Sign(&b, strings.NewReader(mail), &dkim.SignOptions{
			Domain: "example.org", Selector: "s", Signer: key, Hash: crypto.SHA256, HeaderKeys: []string{"From", h.fields[1].name},
			HeaderCanonicalization: forms[relaxedHead], BodyCanonicalization: forms[relaxedBody],
		})
		if err != nil {
			return
		}
		raw := b.Bytes()
		h = readHeader(raw)
		s := h.all("dkim-signature", 1)[0]
		tags, err := parseTags(string(s.value()))
		if err != nil {
			t.Fatal(err)
		}
		if sum := bodyHash(raw[h.body:], relaxedBody); base64.StdEncoding.EncodeToString(sum[:]) != squeeze(tags.value("bh")) {
			t.Errorf("%q: the text's hash differs", body)
		}
		p := &Prover{Config: Config{Resolver: nobody{key: strings.Trim(plain(record(key, "")), `" `)}}}
		var names []string
		for _, n := range tags.list("h") {
			names = append(names, strings.TrimSpace(n))
		}
		if err := p.verifyTags(t.Context(), tags, fieldHash(&h, names, s, relaxedHead)); err != nil {
			t.Errorf("%q: %v", field, err)
		}
	})
}

// plain undoes zoneText.
func plain(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' {
			var c int
			_, _ = fmt.Sscanf(s[i+1:i+4], "%d", &c)
			b.WriteByte(byte(c))
			i += 3
		} else if s[i] != '"' && s[i] != ' ' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func BenchmarkVerdict(b *testing.B) {
	w := newWorld(b, dkimZone()+`
		_dmarc.example.org. IN TXT "v=DMARC1; p=reject"
		example.org.        IN TXT "v=spf1 include:one.example include:two.example -all"
		one.example.        IN TXT "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all"
		two.example.        IN TXT "v=spf1 ip4:192.0.2.0/24 -all"
	`)
	letter := plainLetter + strings.Repeat("A line of text as people write it in letters.\r\n", 200)
	for _, bench := range []struct{ name, raw, ip string }{
		{"signed", sign(b, letter, "example.org", "good", keys()["good"]), "192.0.2.1"},
		{"spf", letter, "192.0.2.1"},
		{"forged", letter, "192.168.0.1"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			raw := []byte(bench.raw)
			mail := mailin.Parse(raw, mailin.Limits{})
			e := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "ann@example.org", ForwardPath: "reply+token@desk.example"}
			peer := Peer{IP: netip.MustParseAddr(bench.ip), Helo: "mail.example.org"}
			b.ReportAllocs()
			for b.Loop() {
				w.prover.Judge(b.Context(), e, peer, raw, mail, bridge.Claim{})
			}
		})
	}
	b.Run("address", func(b *testing.B) {
		raw := []byte(letter)
		mail := mailin.Parse(raw, mailin.Limits{})
		b.ReportAllocs()
		for b.Loop() {
			AddressPolicy{}.Judge(b.Context(), bridge.Envelope{}, Peer{}, raw, mail, bridge.Claim{Address: "ann@example.org"})
		}
	})
}

// What is hostile in size costs no more than in proportion.
func BenchmarkHostile(b *testing.B) {
	w := newWorld(b, dkimZone())
	sum := sha256.Sum256(nil)
	folded := "From: ann@example.org\r\nX-A: b\r\n" + strings.Repeat(strings.Repeat(" a\r\n", 4000)+"X-A: b\r\n", 15)
	signature := "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=good; h=from" + strings.Repeat(":x-a", 140) + "; bh=" +
		base64.StdEncoding.EncodeToString(sum[:]) + "; b=YQ==\r\n"
	for name, raw := range map[string]string{
		"folds":      strings.Repeat(signature, 5) + folded + "\r\n",
		"fields":     strings.Repeat(signature, 5) + "From: ann@example.org\r\n" + strings.Repeat("x-a: b\r\n", 980) + "\r\n",
		"line ends":  strings.Repeat(signature, 5) + "From: ann@example.org\r\n\r\n" + strings.Repeat("\r\n", 500_000) + "a",
		"signatures": strings.Repeat(signature, 900) + "From: ann@example.org\r\n\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			mail := mailin.Parse([]byte(raw), mailin.Limits{})
			for b.Loop() {
				w.prover.Judge(b.Context(), bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "a@example.org"}, Peer{}, []byte(raw), mail, bridge.Claim{})
			}
		})
	}
}
