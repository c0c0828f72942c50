package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/rogpeppe/go-internal/testscript"

	"letterlock/bridge/resolver/dnstest"
)

// scriptNames is a DNS server of a script, with a key for Ann's domain and one for Mallory's.
type scriptNames struct {
	server       *dnstest.Server
	ann, mallory *rsa.PrivateKey
}

// cmdDNS is the script command "dns FILE": serves a zone to the gateway. $ANN_KEY and $MALLORY_KEY in it become DKIM key records.
//
//	dns fails NAME     from now on nobody knows anything about that name
func cmdDNS(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 2 && args[0] == "fails" {
		namesOf(ts).server.Answer(args[1], 2)
		return
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: dns FILE | dns fails NAME")
	}
	n := &scriptNames{}
	for _, k := range []struct {
		name string
		to   **rsa.PrivateKey
	}{{"ANN_KEY", &n.ann}, {"MALLORY_KEY", &n.mallory}} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		ts.Check(err)
		*k.to = key
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		ts.Check(err)
		text := base64.StdEncoding.EncodeToString(der)
		ts.Setenv(k.name, fmt.Sprintf(`"v=DKIM1; p=%s" "%s"`, text[:200], text[200:]))
	}
	var err error
	n.server, err = dnstest.Start(os.Expand(ts.ReadFile(args[0]), ts.Getenv))
	ts.Check(err)
	ts.Defer(n.server.Close)
	scriptOf(ts).names = n
	ts.Setenv("LETTERLOCK_DNS_SERVERS", n.server.Addr)
}

func namesOf(ts *testscript.TestScript) *scriptNames {
	n := scriptOf(ts).names
	if n == nil {
		ts.Fatalf("no DNS server runs: use dns FILE first")
	}
	return n
}

// cmdSign is the script command "sign FILE [FIELD...]": signs a mail with Ann's key, for smtp, and covers more fields than the usual ones.
func cmdSign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sign FILE [FIELD...]")
	}
	mail := strings.ReplaceAll(os.Expand(ts.ReadFile(args[0]), ts.Getenv), "\n", "\r\n")
	signed, err := signAs(mail, "example.org", "home", namesOf(ts).ann, args[1:]...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(signed, "\r\n", "\n")), 0o600))
}

func signAs(mail, domain, selector string, key *rsa.PrivateKey, more ...string) (string, error) {
	var b bytes.Buffer
	err := dkim.Sign(&b, strings.NewReader(mail), &dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, Hash: crypto.SHA256,
		HeaderKeys:             append([]string{"From", "To", "Subject", "Date", "Message-ID"}, more...),
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return b.String(), err
}

// trick is a way of writing in Ann's name that was published somewhere: what to say in HELO and MAIL, and the mail.
type trick struct {
	name, helo, path string
	header           string                            // what stands in the place of From
	make             func(mail string) (string, error) // what is done with the whole mail
}

// tricks returns them all. Ann is ann@example.org, whose domain has p=reject; Carol is carol@quiet.example, whose domain says nothing. Mallory owns
// evil.example, and his host passes SPF for it.
func (n *scriptNames) tricks() []trick {
	const evil = "mallory@evil.example"
	from := func(s string) string { return "From: " + s }
	signed := func(domain, selector string) func(string) (string, error) {
		return func(mail string) (string, error) { return signAs(mail, domain, selector, n.mallory) }
	}
	above := func(fields string) func(string) (string, error) {
		return func(mail string) (string, error) { return fields + mail, nil }
	}
	const ann = "Ann <ann@example.org>"
	return []trick{
		{name: "another From than the reverse-path's", header: from(ann)},
		{name: "both forged", path: "ann@example.org", header: from(ann)},
		{name: "null reverse-path and HELO of her domain", helo: "example.org", path: "-", header: from(ann)},
		{name: "HELO of her domain", helo: "example.org", header: from(ann)},
		{name: "a domain that says nothing", header: from("Carol <carol@quiet.example>")},
		{name: "a subdomain that is not there", header: from("Ann <ann@mail.example.org>")},
		{name: "two From fields, hers last", header: from(evil) + "\r\n" + from(ann)},
		{name: "two From fields, hers first", header: from(ann) + "\r\n" + from(evil)},
		{name: "two From fields in different case", header: from(evil) + "\r\nfROM: " + ann},
		{name: "a space before the colon", header: from(evil) + "\r\nFrom : " + ann},
		{name: "only one with a space before the colon", header: "From : " + ann},
		{name: "folded before the colon", header: from(evil) + "\r\nFrom\r\n : " + ann},
		{name: "a first line that is folded", header: from(evil), make: above(" From: " + ann + "\r\n")},
		{name: "a NUL in the name", header: from(evil) + "\r\nFrom\x00: " + ann},
		{name: "a field without a name", header: from(evil) + "\r\n: x\r\nFrom: " + ann},
		{name: "no From", header: "Sender: " + ann},
		{name: "an empty From", header: "From: \r\nSender: " + ann},
		{name: "two authors", header: from(evil + ", " + ann)},
		{name: "two authors and her as Sender", header: from(evil+", "+ann) + "\r\nSender: " + ann},
		{name: "a group", header: from("Friends: " + ann + ";")},
		{name: "an encoded address", header: from("=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte("<ann@example.org>")) + "?=")},
		{name: "an encoded address with an end within", header: from("=?utf-8?Q?ann=40example=2Eorg=3E=00?= <" + evil + ">")},
		{name: "a route", header: from("<@evil.example:ann@example.org>")},
		{name: "a long route", header: from("<@evil.example,@b.example:ann@example.org>")},
		{name: "a comment with an address", header: from("ann@example.org(<" + evil + ">)")},
		{name: "a comment within the address", header: from("<ann(x)@example.org>")},
		{name: "two angles", header: from("<ann@example.org><" + evil + ">")},
		{name: "an address without angles beside one", header: from("ann@example.org <" + evil + ">")},
		{name: "her address as the name", header: from(`"ann@example.org" <` + evil + ">")},
		{name: "a quoted local part with an at", header: from(`<"ann@example.org"@evil.example>`)},
		{name: "a quoted local part with a NUL", header: from("<\"ann@example.org\x00\"@evil.example>")},
		{name: "a backslash", header: from(`<ann\@example.org@evil.example>`)},
		{name: "two at", header: from("<ann@example.org@evil.example>")},
		{name: "cut at a NUL", header: from("<ann@example.org\x00@evil.example>")},
		{name: "cut at a space", header: from("<ann@example.org @evil.example>")},
		{name: "cut at a semicolon", header: from("<ann@example.org;@evil.example>")},
		{name: "an invisible letter", header: from("<an\u200bn@example.org>")},
		{name: "a wide at sign", header: from("<ann＠example.org>")},
		{name: "a Cyrillic letter", header: from("<ann@ex\u0430mple.org>")},
		{name: "text from right to left", header: from("<\u202egro.elpmaxe@nna\u202c>")},
		{name: "a From field behind Unicode's line separator", header: "X-A: b\u2028From: " + ann + "\r\n" + from(evil)},
		{name: "a From field behind NEL", header: from(evil) + "\r\nX-A: b\u0085From: " + ann},
		{name: "a From field behind a vertical tab", header: from(evil) + "\r\nX-A: b\vFrom: " + ann},
		{name: "Resent-From", header: from(evil) + "\r\nResent-From: " + ann + "\r\nReply-To: " + ann},
		{name: "a reverse-path with a quoted at", path: `"ann@example.org"@evil.example`, header: from(ann)},
		{name: "a reverse-path with a parenthesis", path: "ann@example.org(.evil.example", header: from(ann)},
		{name: "a reverse-path with a percent", path: "ann%example.org@evil.example", header: from(ann)},
		{name: "signed by another", header: from(ann), make: signed("evil.example", "home")},
		{name: "d= with a parenthesis", header: from(ann), make: signed("example.org(.evil.example", "home")},
		{name: "d= with a NUL", header: from(ann), make: signed("example.org\x00.evil.example", "home")},
		{name: "d= with a space", header: from(ann), make: signed("example.org .evil.example", "home")},
		{name: "s= with a NUL", header: from(ann), make: signed("example.org", "home._domainkey.evil.example\x00")},
		{name: "s= with a question mark", header: from(ann), make: signed("example.org", "home._domainkey.evil.example?")},
		{name: "d= of the public suffix", header: from(ann), make: signed("org", "home")},
		{name: "i= of hers, d= of his", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "evil.example", "home", n.mallory)
			return strings.Replace(s, "d=evil.example;", "d=evil.example; i=ann@example.org;", 1), err
		}},
		{name: "Authentication-Results of our own name", header: from(ann), make: above("Authentication-Results: mail.example.com; spf=pass smtp.mailfrom=example.org; dkim=pass header.d=example.org; dmarc=pass header.from=example.org\r\n")},
		{name: "Received-SPF", header: from(ann), make: above("Received-SPF: pass (example.org) client-ip=192.0.2.1\r\n")},
		{name: "statements in the reverse-path", path: `"x; dmarc=pass header.from=example.org; "@evil.example`, header: from(ann)},
		{name: "a chain of his own", header: from(ann), make: above("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=evil.example; s=home; b=AAAA\r\n" +
			"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=evil.example; s=home; h=from; bh=AAAA; b=AAAA\r\n" +
			"ARC-Authentication-Results: i=1; evil.example; dmarc=pass header.from=example.org\r\n")},
		{name: "her old letter, with a text added behind its length", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "example.org", "home", n.ann)
			return strings.Replace(s, "v=1;", "v=1; l=1;", 1) + "and gravel everywhere\r\n", err
		}},
		{name: "her old letter, with a text added", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "example.org", "home", n.ann)
			return s + "and gravel everywhere\r\n", err
		}},
		{name: "her old letter, with another From above", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "example.org", "home", n.ann)
			return from("Carol <carol@quiet.example>") + "\r\n" + s, err
		}},
		{name: "her old letter, with another subject above", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "example.org", "home", n.ann)
			return "Subject: gravel\r\n" + s, err
		}},
		{name: "her old letter, with a header before it that some readers end", header: from(ann), make: func(mail string) (string, error) {
			s, err := signAs(mail, "example.org", "home", n.ann)
			return from(ann) + "\r\n \r\ngravel\r\n\r\n" + s, err
		}},
		{name: "her old letter to somebody else", header: from(ann), make: func(mail string) (string, error) {
			to, rest, _ := strings.Cut(mail, "\r\n")
			_ = to
			return signAs("To: shop@elsewhere.example\r\n"+rest, "example.org", "home", n.ann)
		}},
	}
}

// cmdTricks is the script command "tricks TO": sends every trick to a reply address that Mallory got hold of. Each must be refused, held, or taken for
// a machine's answer; none may become a message.
func cmdTricks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tricks TO")
	}
	n := namesOf(ts)
	counts := map[string]int{}
	for i, t := range n.tricks() {
		mail := fmt.Sprintf("To: <%s>\r\nSubject: Re: The fence\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <trick%d@evil.example>\r\n%s\r\n\r\nMake it gravel, number %d.\r\n",
			args[0], i, t.header, i)
		if t.make != nil {
			var err error
			mail, err = t.make(mail)
			ts.Check(err)
		}
		helo, path := "mail.evil.example", "mallory@evil.example"
		if t.helo != "" {
			helo = t.helo
		}
		switch t.path {
		case "":
		case "-":
			path = ""
		default:
			path = t.path
		}
		answer, err := rawSMTP(ts.Getenv("SMTP"), helo, path, args[0], mail)
		if err != nil {
			ts.Fatalf("%s: %v", t.name, err)
		}
		became := "refused"
		if id, taken := strings.CutPrefix(answer, "250 2.0.0 OK "); taken {
			became = disposition(ts, strings.TrimSpace(id))
		} else if !strings.HasPrefix(answer, "5") {
			ts.Fatalf("%s: answered %q", t.name, answer)
		}
		if !slices.Contains([]string{"refused", "held", "auto_reply"}, became) {
			ts.Fatalf("%s: it is %s", t.name, became)
		}
		counts[became]++
		fmt.Fprintf(ts.Stdout(), "%-10s %s (%s)\n", became, t.name, answer)
	}
	fmt.Fprintf(ts.Stdout(), "%d refused, %d held, %d taken for a machine's\n", counts["refused"], counts["held"], counts["auto_reply"])
}

// rawSMTP speaks SMTP without any care for what is allowed, and returns the last answer.
func rawSMTP(addr, helo, path, to, mail string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	answer := ""
	for _, line := range []string{"", "EHLO " + helo, "MAIL FROM:<" + path + "> SMTPUTF8", "RCPT TO:<" + to + ">", "DATA", mail + "."} {
		if line != "" {
			if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
				return "", err
			}
		}
		for {
			if answer, err = r.ReadString('\n'); err != nil {
				return "", fmt.Errorf("after %.30q: %w", line, err)
			}
			if len(answer) < 4 || answer[3] != '-' {
				break
			}
		}
		if answer[0] >= '4' {
			break
		}
	}
	return strings.TrimSpace(answer), nil
}

// disposition asks the API what became of a mail.
func disposition(ts *testscript.TestScript, id string) string {
	r, err := http.NewRequest(http.MethodGet, ts.Getenv("BASE")+"/api/v1/received?limit=20", nil)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	var list struct {
		Received []struct {
			ID          string   `json:"id"`
			Disposition string   `json:"disposition"`
			Reasons     []string `json:"reasons"`
		} `json:"received"`
	}
	ts.Check(json.NewDecoder(resp.Body).Decode(&list))
	for _, one := range list.Received {
		if one.ID == id {
			if len(one.Reasons) == 0 {
				ts.Fatalf("mail %s is %s without a reason", id, one.Disposition)
			}
			return one.Disposition
		}
	}
	ts.Fatalf("mail %s is not on record", id)
	return ""
}
