package sender

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"letterlock/bridge"
)

// dkimZone has keys for example.org, its subdomain, and others.
func dkimZone() string {
	k := keys()
	return strings.Join([]string{
		"good._domainkey.example.org. IN TXT " + record(k["good"], ""),
		"good._domainkey.mail.example.org. IN TXT " + record(k["good"], ""),
		"edwards._domainkey.example.org. IN TXT " + record(k["edwards"], ""),
		"least._domainkey.example.org. IN TXT " + record(k["least"], ""),
		"test._domainkey.example.org. IN TXT " + record(k["good"], "t=y; "),
		"exact._domainkey.example.org. IN TXT " + record(k["good"], "t=s; "),
		"web._domainkey.example.org. IN TXT " + record(k["good"], "s=tlsrpt; "),
		"old._domainkey.example.org. IN TXT " + record(k["good"], "h=sha1; "),
		"revoked._domainkey.example.org. IN TXT \"v=DKIM1; p=\"",
		"two._domainkey.example.org. IN TXT " + record(k["good"], ""),
		"two._domainkey.example.org. IN TXT " + record(k["other"], ""),
		"junk._domainkey.example.org. IN TXT \"v=DKIM1; p=!!\"",
		"good._domainkey.example.net. IN TXT " + record(k["other"], ""),
		"good._domainkey.org. IN TXT " + record(k["good"], ""),
		"good._domainkey.example.co.uk. IN TXT " + record(k["good"], ""),
		"good._domainkey.co.uk. IN TXT " + record(k["good"], ""),
		"", // each line ends
	}, "\n")
}

func short(t *testing.T) *rsa.PrivateKey {
	t.Setenv("GODEBUG", "rsa1024min=0") // to make what must not count
	k, err := rsa.GenerateKey(rand.Reader, 768)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestDKIM(t *testing.T) {
	weak := short(t)
	w := newWorld(t, dkimZone()+"weak._domainkey.example.org. IN TXT "+record(weak, "")+"\n")
	w.dns.Answer("dead._domainkey.example.org", 2)
	k := keys()
	good := func(mail string) string { return sign(t, mail, "example.org", "good", k["good"]) }
	simple := func(o *dkim.SignOptions) { o.HeaderCanonicalization, o.BodyCanonicalization = "simple", "simple" }
	twice := func(o *dkim.SignOptions) { o.HeaderKeys = []string{"From", "From", "To", "Subject", "Subject"} }
	const tags = "d=example.org; s=good; h=From:To:Subject:Date"
	tests := []struct {
		name string
		mail string
		want string // the proving domain, or empty
		note string
	}{
		{"relaxed", good(plainLetter), "example.org", "signed by"},
		{"simple", sign(t, plainLetter, "example.org", "good", k["good"], simple), "example.org", ""},
		{"Ed25519", sign(t, plainLetter, "example.org", "edwards", k["edwards"]), "example.org", ""},
		{"1024 bits", sign(t, plainLetter, "example.org", "least", k["least"]), "example.org", ""},
		{"a subdomain", sign(t, plainLetter, "mail.example.org", "good", k["good"]), "mail.example.org", ""},
		{"two, of which one is another's", sign(t, good(plainLetter), "example.net", "good", k["other"]), "example.org", "example.net, which is not"},
		{"two, of which one is broken", sign(t, strings.Replace(good(plainLetter), "Yes", "No", 1), "example.org", "good", k["good"]), "example.org", ""},
		{"a field more that is not signed", "X-Scanned: yes\r\n" + good(plainLetter), "example.org", ""},
		{"a Received field more", "Received: from a by b; Fri, 20 Nov 2026 09:00:00 +0000\r\n" + good(plainLetter), "example.org", ""},
		{"i= in a subdomain", signTags(t, plainLetter, tags+"; i=ann@mail.example.org", k["good"]), "example.org", ""},
		{"fields signed as absent", sign(t, plainLetter, "example.org", "good", k["good"], twice), "example.org", ""},
		{"by hand", signTags(t, plainLetter, tags, k["good"]), "example.org", ""},
		{"b= within z=", signTags(t, plainLetter, tags+"; z=Subject:the=20web=20site|To:b=3Dc", k["good"]), "example.org", ""},
		{"b= within i=", signTags(t, plainLetter, tags+"; i=prvs=b=ann@example.org", k["good"]), "example.org", ""},
		{"not yet expired", signTags(t, plainLetter, fmt.Sprintf("%s; t=%d; x=%d", tags, time.Now().Unix(), time.Now().Unix()+1000), k["good"]), "example.org", ""},

		{"none", plainLetter, "", "no signature"},
		{"another's", sign(t, plainLetter, "example.net", "good", k["other"]), "", "not the author's domain"},
		{"another key", sign(t, plainLetter, "example.org", "good", k["other"]), "", "did not verify"},
		{"another key, and b= within z=", signTags(t, plainLetter, tags+"; z=To:b=3Dc", k["other"]), "", "did not verify"},
		{"another z=", strings.Replace(signTags(t, plainLetter, tags+"; z=To:b=3Dc", k["good"]), "b=3Dc", "b=3Dd", 1), "", "did not verify"},
		{"another text, and b= within z=", strings.Replace(signTags(t, plainLetter, tags+"; z=To:b=3Dc", k["good"]), "Yes", "No", 1), "", "body hash"},
		{"another text", strings.Replace(good(plainLetter), "Yes", "No", 1), "", "body hash"},
		{"text behind", good(plainLetter) + "P.S. No\r\n", "", "body hash"},
		{"another subject", strings.Replace(good(plainLetter), "Subject: Re", "Subject: No, re", 1), "", "did not verify"},
		{"another From", strings.Replace(good(plainLetter), "Ann <", "Bob <", 1), "", "did not verify"},
		{"length tag", signTags(t, plainLetter, tags+"; l=5", k["good"]), "", "l="},
		{"length tag of nothing", signTags(t, plainLetter, tags+"; l=0", k["good"]), "", "l="},
		{"a short key", sign(t, plainLetter, "example.org", "weak", weak), "", "768 bits"},
		{"a test key", sign(t, plainLetter, "example.org", "test", k["good"]), "", "t=y"},
		{"a key for other services", sign(t, plainLetter, "example.org", "web", k["good"]), "", "not for mail"},
		{"a key for SHA-1", sign(t, plainLetter, "example.org", "old", k["good"]), "", "other hashes"},
		{"a revoked key", sign(t, plainLetter, "example.org", "revoked", k["good"]), "", "revoked"},
		{"two keys", sign(t, plainLetter, "example.org", "two", k["good"]), "", "several keys"},
		{"a key that is none", sign(t, plainLetter, "example.org", "junk", k["good"]), "", "can't be read"},
		{"no key", sign(t, plainLetter, "example.org", "absent", k["good"]), "", "no key"},
		{"i= with t=s", signTags(t, plainLetter, "d=example.org; s=exact; h=From:To; i=ann@mail.example.org", k["good"]), "", "t=s"},
		{"i= outside d=", signTags(t, plainLetter, tags+"; i=ann@example.net", k["good"]), "", "i="},
		{"i= that ends alike", signTags(t, plainLetter, tags+"; i=ann@evilexample.org", k["good"]), "", "i="},
		{"i= of the author, d= of another", signTags(t, plainLetter, "d=example.net; s=good; h=From; i=ann@example.org", k["other"]), "", "not the author's"},
		{"expired", signTags(t, plainLetter, tags+"; t=1000; x=2000", k["good"]), "", "expired"},
		{"from the future", signTags(t, plainLetter, fmt.Sprintf("%s; t=%d", tags, time.Now().Unix()+1e6), k["good"]), "", "future"},
		{"ends before it begins", signTags(t, plainLetter, tags+"; t=2000; x=1000", k["good"]), "", "ends before"},
		{"From not covered", signTags(t, plainLetter, "d=example.org; s=good; h=To:Subject", k["good"]), "", "cover From"},
		{"a second Subject", "Subject: Send money\r\n" + good(plainLetter), "", "more than one subject"},
		{"a second Subject, signed as absent", "Subject: Send money\r\n" + sign(t, plainLetter, "example.org", "good", k["good"], twice), "", "did not verify"},
		{"a second Content-Type", "Content-Type: text/html\r\n" + good(plainLetter), "", "more than one content-type"},
		{"d= of everybody", signTags(t, plainLetter, "d=org; s=good; h=From", k["good"]), "", "d="},
		{"NUL in d=", signTags2(t, plainLetter, "d=example.org\x00.evil.example; s=good; h=From", k["good"]), "", "does not count"},
		{"a parenthesis in d=", signTags(t, plainLetter, "d=example.org(.evil.example; s=good; h=From", k["good"]), "", "d="},
		{"NUL in s=", signTags2(t, plainLetter, "d=example.org; s=good\x00; h=From", k["good"]), "", "does not count"},
		{"s= that reaches out", signTags(t, plainLetter, "d=example.org; s=good._domainkey.evil.example\\; h=From", k["good"]), "", "s="},
		{"two d=", strings.Replace(good(plainLetter), "d=example.org", "d=example.org; d=example.net", 1), "", "not a list"},
		{"version 2", strings.Replace(good(plainLetter), "v=1", "v=2", 1), "", "version"},
		{"SHA-1", strings.Replace(good(plainLetter), "a=rsa-sha256", "a=rsa-sha1", 1), "", "too weak"},
		{"a bare CR in the header", "X-A: b\rc\r\n" + good(plainLetter), "", "bare CR"},
		{"a line that is no field", strings.Replace(good(plainLetter), "\r\nMIME-Version:", "\r\nNonsense\r\nMIME-Version:", 1), "", "no field"},
		{"a line of spaces", "X-A: b\r\n \r\n" + good(plainLetter), "", "spaces"},
		{"a space before a colon", "X-A : b\r\n" + good(plainLetter), "", "character that none has"},
		{"an endless header", strings.Repeat("X-A: b\r\n", maxFields+1) + good(plainLetter), "", "no signature"},
		{"a long fold", "X-A: b\r\n" + strings.Repeat(" c\r\n", maxFolded/2) + good(plainLetter), "", "longer"},
		{"many broken ones", strings.Repeat(broken(t), 8) + good(plainLetter), "", "too many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := []byte(tt.mail)
			h := readHeader(raw)
			r := w.prover.dkim(t.Context(), raw, &h, "example.org", false)
			if r.domain != tt.want {
				t.Errorf("got %q, want %q (%q)", r.domain, tt.want, r.notes)
			}
			if all := strings.Join(r.notes, "\n"); !strings.Contains(all, tt.note) {
				t.Errorf("got the notes %q, want %q among them", all, tt.note)
			}
			if r.err != nil {
				t.Errorf("a temporary failure: %v", r.err)
			}
		})
	}
	raw := []byte(sign(t, plainLetter, "example.org", "dead", k["good"]))
	h := readHeader(raw)
	if r := w.prover.dkim(t.Context(), raw, &h, "example.org", false); r.err == nil || r.domain != "" {
		t.Errorf("a key server that is away: got %+v", r)
	}
}

// broken is a signature of the right domain with another's key.
func broken(t *testing.T) string {
	t.Helper()
	signed := sign(t, plainLetter, "example.org", "good", keys()["other"])
	return signed[:len(signed)-len(plainLetter)]
}

// signTags2 is signTags for tags that are none to us: the signature would be good if they were read leniently.
func signTags2(t *testing.T, mail, tags string, key crypto.Signer) string {
	t.Helper()
	clean := strings.ReplaceAll(tags, "\x00", "")
	return strings.Replace(signTags(t, mail, clean, key), clean, tags, 1)
}

func TestAlignment(t *testing.T) {
	for _, tt := range []struct {
		a, b            string
		relaxed, strict bool
	}{
		{"example.org", "example.org", true, true},
		{"mail.example.org", "example.org", true, false},
		{"mail.example.org", "news.example.org", true, false},
		{"example.net", "example.org", false, false},
		{"evilexample.org", "example.org", false, false},
		{"example.org.evil.net", "example.org", false, false},
		{"example.co.uk", "other.co.uk", false, false},
		{"mail.example.co.uk", "example.co.uk", true, false},
		{"co.uk", "example.co.uk", false, false},
		{"one.github.io", "two.github.io", false, false},
		{"a.one.github.io", "one.github.io", true, false},
		{"github.io", "one.github.io", false, false},
		{"mail.corp.internal-tld", "corp.internal-tld", true, false},
		{"xn--bcher-kva.example", "mail.xn--bcher-kva.example", true, false},
	} {
		if got := aligned(tt.a, tt.b, false); got != tt.relaxed {
			t.Errorf("%s and %s, relaxed: got %v", tt.a, tt.b, got)
		}
		if got := aligned(tt.b, tt.a, true); got != tt.strict {
			t.Errorf("%s and %s, strict: got %v", tt.a, tt.b, got)
		}
	}
}

// TestLargeText verifies a text that goes to the library in one piece.
func TestLargeText(t *testing.T) {
	w := newWorld(t, dkimZone())
	mail := sign(t, plainLetter+strings.Repeat("\r\n", 300_000)+strings.Repeat("a line of text\r\n", 100_000), "example.org", "good", keys()["good"],
		func(o *dkim.SignOptions) { o.BodyCanonicalization = dkim.CanonicalizationSimple })
	v := w.judge(letter{from: "ann@example.org", raw: mail, to: "reply+token@desk.example"})
	if v.Result != bridge.VerdictPass || v.Method != MethodDKIM {
		t.Errorf("got %+v", v)
	}
}
