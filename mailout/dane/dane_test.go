package dane

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"letterlock/mailout/submit/relaytest"
)

// tlsa is a record about a certificate.
func tlsa(tb testing.TB, usage, selector, matching uint8, c *x509.Certificate) *dns.TLSA {
	tb.Helper()
	text, err := dns.CertificateToDANE(selector, matching, c)
	if err != nil {
		tb.Fatal(err)
	}
	return &dns.TLSA{Usage: usage, Selector: selector, MatchingType: matching, Certificate: text}
}

func chainOf(tb testing.TB, a *relaytest.Authority, age time.Duration, names ...string) []*x509.Certificate {
	tb.Helper()
	return []*x509.Certificate{a.Issue(tb, age, names...).Leaf, a.Certificate}
}

func TestVerify(t *testing.T) {
	a, other := relaytest.NewAuthority(t), relaytest.NewAuthority(t)
	chain := chainOf(t, a, 0, "mx.example.org")
	expired := chainOf(t, a, 48*time.Hour, "mx.example.org")
	stranger := chainOf(t, other, 0, "mx.example.org")
	// Somebody shows the right issuer beside a certificate that it has not made.
	spliced := []*x509.Certificate{stranger[0], a.Certificate}
	names := []string{"mx.example.org", "example.org"}
	for usage := range uint8(4) {
		for selector := range uint8(2) {
			for matching := range uint8(3) {
				leaf, issuer := Read([]dns.RR{tlsa(t, usage, selector, matching, chain[0])}), Read([]dns.RR{tlsa(t, usage, selector, matching, a.Certificate)})
				if usage < 2 {
					if len(leaf)+len(issuer) != 0 {
						t.Errorf("usage %d can be used", usage)
					}
					continue
				}
				for _, tt := range []struct {
					name    string
					records []Record
					chain   []*x509.Certificate
					names   []string
					want    bool
				}{
					{"the server's own", leaf, chain, names, usage == EndEntity},
					{"another's", leaf, stranger, names, false},
					{"nobody's", leaf, nil, names, false},
					{"nothing to go by", nil, chain, names, false},
					{"the issuer's", issuer, chain, names, usage == TrustAnchor},
					{"the issuer's, for another name", issuer, chain, []string{"mx.example.net"}, false},
					{"the issuer's, for the second name", issuer, chain, []string{"x.example", "mx.example.org"}, usage == TrustAnchor},
					{"the issuer's, expired", issuer, expired, names, false},
					{"another issuer's", issuer, stranger, names, false},
					{"a spliced chain", issuer, spliced, names, false},
					{"without the issuer", issuer, chain[:1], names, usage == TrustAnchor && selector == 0 && matching == 0},
				} {
					if err := Verify(tt.records, tt.chain, tt.names, time.Now()); (err == nil) != tt.want {
						t.Errorf("usage %d, selector %d, matching %d, %s: got %v, want %v", usage, selector, matching, tt.name, err, tt.want)
					}
				}
			}
		}
	}
	// With DANE-EE neither the name nor the date matters, as RFC 7672 says.
	if err := Verify(Read([]dns.RR{tlsa(t, 3, 1, 1, expired[0])}), expired, []string{"elsewhere.example"}, time.Now()); err != nil {
		t.Errorf("DANE-EE: got %v", err)
	}
	// One of several is enough, whatever the others are.
	both := Read([]dns.RR{tlsa(t, 3, 1, 1, stranger[0]), tlsa(t, 2, 0, 1, other.Certificate), tlsa(t, 3, 0, 2, chain[0])})
	if err := Verify(both, chain, names, time.Now()); err != nil {
		t.Errorf("one of three: got %v", err)
	}
	if err := Verify(both[:2], chain, names, time.Now()); !errors.Is(err, ErrNoMatch) {
		t.Errorf("none of two: got %v", err)
	}
}

func TestRead(t *testing.T) {
	a := relaytest.NewAuthority(t)
	sum := sha256.Sum256(a.Certificate.Raw)
	good := hex.EncodeToString(sum[:])
	for name, r := range map[string]*dns.TLSA{
		"for the web's issuers":      {Usage: 0, Selector: 0, MatchingType: 1, Certificate: good},
		"for the web's servers":      {Usage: 1, Selector: 0, MatchingType: 1, Certificate: good},
		"private":                    {Usage: 255, Selector: 0, MatchingType: 1, Certificate: good},
		"an unknown selector":        {Usage: 3, Selector: 2, MatchingType: 1, Certificate: good},
		"an unknown digest":          {Usage: 3, Selector: 0, MatchingType: 3, Certificate: good},
		"a digest cut short":         {Usage: 3, Selector: 0, MatchingType: 1, Certificate: good[:62]},
		"a digest of the other kind": {Usage: 3, Selector: 0, MatchingType: 2, Certificate: good},
		"nothing":                    {Usage: 3, Selector: 0, MatchingType: 1},
		"no hexadecimal":             {Usage: 3, Selector: 0, MatchingType: 1, Certificate: strings.Repeat("xy", 32)},
		"a certificate that is none": {Usage: 2, Selector: 0, MatchingType: 0, Certificate: "3000"},
		"a key that is none":         {Usage: 3, Selector: 1, MatchingType: 0, Certificate: "3000"},
		"far too large":              {Usage: 3, Selector: 0, MatchingType: 0, Certificate: strings.Repeat("30", maxData+1)},
	} {
		if got := Read([]dns.RR{r}); len(got) != 0 {
			t.Errorf("%s: it can be used", name)
		}
	}
	var many []dns.RR
	for range 1000 {
		many = append(many, &dns.TLSA{Usage: 3, Selector: 0, MatchingType: 1, Certificate: good})
	}
	if got := Read(append([]dns.RR{&dns.A{}}, many...)); len(got) != maxRecords {
		t.Errorf("%d records are looked at, want %d", len(got), maxRecords)
	}
}

// FuzzTLSA takes a record off the wire. Whatever it is, it proves a certificate only if it holds that certificate, its key, or their digest.
func FuzzTLSA(f *testing.F) {
	a := relaytest.NewAuthority(f)
	chain := chainOf(f, a, 0, "mx.example.org")
	for _, c := range chain {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		f.Add(uint8(3), uint8(1), uint8(1), sum[:])
		f.Add(uint8(2), uint8(0), uint8(0), c.Raw)
	}
	f.Add(uint8(2), uint8(9), uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte) {
		if len(data) > 60_000 {
			return
		}
		m := new(dns.Msg)
		m.Answer = []dns.RR{&dns.TLSA{
			Hdr: dns.RR_Header{Name: "_25._tcp.mx.example.org.", Rrtype: dns.TypeTLSA, Class: dns.ClassINET}, Usage: usage, Selector: selector,
			MatchingType: matching, Certificate: hex.EncodeToString(data),
		}}
		wire, err := m.Pack()
		if err != nil {
			t.Skip()
		}
		got := new(dns.Msg)
		if err := got.Unpack(wire); err != nil {
			t.Skip()
		}
		records := Read(got.Answer)
		if len(records) > 1 {
			t.Fatalf("%d records came of one", len(records))
		}
		if Verify(records, chain, []string{"mx.example.org"}, time.Now()) != nil {
			return
		}
		at := chain[0]
		if usage == TrustAnchor {
			at = chain[1]
		}
		if want, err := dns.CertificateToDANE(selector, matching, at); err != nil || want != hex.EncodeToString(data) {
			t.Errorf("%d %d %d %x proves a certificate", usage, selector, matching, data)
		}
	})
}
