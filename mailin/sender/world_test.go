package sender

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"letterlock/bridge"
	"letterlock/bridge/canonical"
	"letterlock/bridge/resolver"
	"letterlock/bridge/resolver/dnstest"
	"letterlock/mailin"
)

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// world is a DNS server with a zone, and a Prover that asks it.
type world struct {
	t      testing.TB
	dns    *dnstest.Server
	prover *Prover
}

// keys are made once: RSA takes a while.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	m := map[string]crypto.Signer{}
	for name, bits := range map[string]int{"good": 2048, "other": 2048, "least": 1024} {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		m[name] = k
	}
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	m["edwards"] = k
	return m
})

// record is the TXT record of a key, with more tags in front of it.
func record(key crypto.Signer, more string) string {
	var der []byte
	kind := "rsa"
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		var err error
		if der, err = x509.MarshalPKIXPublicKey(public); err != nil {
			panic(err)
		}
	case ed25519.PublicKey:
		der, kind = public, "ed25519"
	}
	return zoneText("v=DKIM1; " + more + "k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(der))
}

func newWorld(t testing.TB, zone string, more ...func(*Config)) *world {
	t.Helper()
	server, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	r, err := resolver.New(resolver.Config{Servers: []string{server.Addr}, Timeout: 5 * time.Second, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Resolver: r}
	for _, m := range more {
		m(&c)
	}
	p, err := NewProver(c)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, server, p}
}

const plainLetter = "From: Ann <ann@example.org>\r\nTo: reply+token@desk.example\r\nSubject: Re: your letter\r\n" +
	"Date: Fri, 20 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" +
	"Yes,  please.\r\n\r\nAnn\r\n\r\n\r\n"

// usual are the names that signers cover.
var usual = []string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}

// sign signs a mail with go-msgauth.
func sign(t testing.TB, mail, domain, selector string, key crypto.Signer, change ...func(*dkim.SignOptions)) string {
	t.Helper()
	o := &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, Hash: crypto.SHA256, HeaderKeys: usual,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	}
	for _, c := range change {
		c(o)
	}
	var b bytes.Buffer
	if err := dkim.Sign(&b, strings.NewReader(mail), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// signTags signs a mail by hand, with tags that go-msgauth does not write.
func signTags(t testing.TB, mail, tags string, key crypto.Signer) string {
	t.Helper()
	h := readHeader([]byte(mail))
	body := bodyHash([]byte(mail)[h.body:], true)
	raw := "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; " + tags + "; bh=" + base64.StdEncoding.EncodeToString(body[:]) + "; b="
	f := headerField{name: "dkim-signature", raw: []byte(raw), colon: len("DKIM-Signature")}
	parsed, err := parseTags(string(f.value()))
	if err != nil {
		t.Fatal(err)
	}
	sum := fieldHash(&h, parsed.list("h"), f, true)
	return raw + base64.StdEncoding.EncodeToString(signSum(t, key, sum[:])) + "\r\n" + mail
}

func signSum(t testing.TB, key crypto.Signer, sum []byte) []byte {
	t.Helper()
	hash := crypto.SHA256
	if _, ok := key.(ed25519.PrivateKey); ok {
		hash = 0
	}
	b, err := key.Sign(rand.Reader, sum, hash)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// letter is one mail on its way.
type letter struct {
	from   string // reverse-path
	ip     string // client; empty if it is not known
	helo   string
	to     string
	imap   string // the account it came through
	raw    string
	claims string // the participant whose reply address it is
	refers string // or else the one to whom the mail went that it refers to
}

func (w *world) judge(l letter) bridge.Verdict {
	w.t.Helper()
	return w.judgeBy(w.prover, l)
}

func (w *world) judgeBy(j Judge, l letter) bridge.Verdict {
	w.t.Helper()
	e := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: l.from, ForwardPath: l.to, Peer: l.ip}
	var peer Peer
	if l.ip != "" {
		peer = Peer{IP: netip.MustParseAddr(l.ip), Helo: l.helo}
	}
	if l.imap != "" {
		e.Route, e.Peer = bridge.RouteIMAP, l.imap
	}
	claim := bridge.Claim{Address: l.claims + l.refers}
	if l.claims != "" {
		claim.Path = l.to
	}
	raw := []byte(l.raw)
	return j.Judge(w.t.Context(), e, peer, raw, mailin.Parse(raw, mailin.Limits{}), claim)
}

// seal adds an ARC set, as a forwarder does (RFC 8617, section 5.1). It may cover more fields than the usual.
func seal(t testing.TB, mail string, instance int, domain, selector, results, cv string, key crypto.Signer, more ...string) string {
	t.Helper()
	algorithm := "rsa-sha256"
	if _, ok := key.(ed25519.PrivateKey); ok {
		algorithm = "ed25519-sha256"
	}
	finish := func(raw string, sum [32]byte) string {
		return raw + base64.StdEncoding.EncodeToString(signSum(t, key, sum[:])) + "\r\n"
	}
	h := readHeader([]byte(mail))
	body := bodyHash([]byte(mail)[h.body:], true)
	aar := fmt.Sprintf("ARC-Authentication-Results: i=%d; %s\r\n", instance, results)
	covered := append([]string{"from", "to", "subject", "date", "message-id"}, more...)
	ams := fmt.Sprintf("ARC-Message-Signature: i=%d; a=%s; c=relaxed/relaxed; d=%s; s=%s;\r\n\th=%s; bh=%s;\r\n\tb=",
		instance, algorithm, domain, selector, strings.Join(covered, ":"), base64.StdEncoding.EncodeToString(body[:]))
	ams = finish(ams, fieldHash(&h, covered, headerField{raw: []byte(ams)}, true))
	as := fmt.Sprintf("ARC-Seal: i=%d; a=%s; cv=%s; d=%s; s=%s; b=", instance, algorithm, cv, domain, selector)

	sets, err := readSets(&h)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, s := range sets {
		b = canonical.RelaxedField(canonical.RelaxedField(canonical.RelaxedField(b, s.results.raw), s.message.raw), s.seal.raw)
	}
	b = trimEnd(canonical.RelaxedField(canonical.RelaxedField(canonical.RelaxedField(b, []byte(aar)), []byte(ams)), []byte(as)))
	return finish(as, sha256.Sum256(b)) + ams + aar + mail
}

// readSets is readChain for chains that may be broken.
func readSets(h *header) ([]arcSet, error) {
	sets, err := readChain(h)
	if err != nil && strings.Contains(err.Error(), "broken") {
		return sets, nil
	}
	return sets, err
}
