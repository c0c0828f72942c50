package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
	"letterlock/bridge/resolver/dnstest"
	"letterlock/bridge/wording"
	"letterlock/mailin/sender"
	"letterlock/mailout/compose"
	"letterlock/mailout/dkim"
)

// scripts are texts that mail programs have stumbled over: writing systems, and what is not one.
var scripts = map[string]string{
	"ascii":       "See you on Monday at 9.",
	"german":      "Grüße aus Köln, Straße 5: „schön“",
	"french":      "L'été à Besançon : ça coûte 5 €, n'est-ce pas ?",
	"polish":      "Zażółć gęślą jaźń",
	"greek":       "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
	"russian":     "Съешь же ещё этих мягких французских булок",
	"arabic":      "نص حكيم له سر قاطع وذو شأن عظيم",
	"hebrew":      "דג סקרן שט בים מאוכזב ולפתע מצא חברה",
	"persian":     "می\u200cخواهم \u200fبدانم",
	"hindi":       "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का",
	"thai":        "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
	"chinese":     "視野無限廣，窗外有藍天。简体也可以",
	"japanese":    "いろはにほへと ちりぬるを カタカナ 漢字",
	"korean":      "키스의 고유조건은 입술끼리 만나야 하고",
	"emoji":       "👩‍👩‍👧‍👦 🏳️‍🌈 🇺🇦 ✅ 1️⃣",
	"combining":   "Z̸̡͖͎a̷̛l̶g̵o̴ é ≠ é",
	"astral":      "𝔉𝔯𝔞𝔨𝔱𝔲𝔯 𐍈 𠜎",
	"controls":    "bell\a null\x00 escape\x1b[31m delete\x7f bidi\u202eabc\u2066 line\u2028para\u2029 bom\ufeff",
	"not UTF-8":   "caf\xe9 \xff\xfe \xc3",
	"line ends":   "one\r\ntwo\rthree\nfour\n\r\n\n\n",
	"spaces":      "  two  spaces \t tab\t\n trailing   \n\t\n",
	"markup":      "<script>alert(1)</script> & &amp; \"quoted\" 'single' <b>bold",
	"SMTP":        ".\n..\n.\r\n.\r\nFrom here on\nFrom: mallory@evil.example\n\nMAIL FROM:<>",
	"MIME":        "--=_letterlock_1\nContent-Type: text/html\n\n--=_letterlock_1--\n=?utf-8?q?encoded=20word?= =3D =\n",
	"signature":   "-- \nAnn\nDKIM-Signature: v=1; a=rsa-sha256; b=\n",
	"punctuation": `a, b; c: d "e" (f) [g] <h@i> \j \" ,`,
	"long word":   strings.Repeat("Donaudampfschifffahrt", 100),
	"long text":   strings.Repeat("Ein Satz, der sich wiederholt — 一句話。 ", 2000),
	"nothing":     "",
}

// written is one mail that is to be verified.
type written struct {
	name string
	raw  []byte
	utf8 bool
}

// correspondence composes and signs mails of all kinds and both forms in every script.
func correspondence(t *testing.T, signer *dkim.Signer) []written {
	t.Helper()
	composer, err := compose.New(compose.Config{Files: inlineFiles{}})
	if err != nil {
		t.Fatal(err)
	}
	var all []written
	add := func(name string, o bridge.Outgoing) {
		m, err := composer.Compose(t.Context(), o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fields, err := signer.Sign(t.Context(), m.Data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, written{fmt.Sprintf("%03d %s", len(all), name), slices.Concat(fields, m.Data), m.UTF8})
	}
	names := make([]string, 0, len(scripts))
	for name := range scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		text := scripts[name]
		for _, kind := range []bridge.DeliveryKind{
			bridge.DeliverMessage, bridge.DeliverCode, bridge.DeliverAlert, bridge.DeliverAnswer,
			bridge.DeliverDevice, bridge.DeliverReminder, bridge.DeliverUnopened, bridge.DeliverDigest, bridge.DeliverTrouble,
		} {
			o := outgoing(kind, i)
			o.Organization, o.From.Name, o.Reason = short(text), short(text), short(text)
			o.Locale = []string{"en", "de", "fr", "es", "it", "pt", "nl", "pl", "ar"}[i%9]
			add(string(kind)+" of "+name, o)
		}
		staff := outgoing(bridge.DeliverMessage, i)
		staff.ToStaff = true
		add("notice to staff of "+name, staff)

		o := outgoing(bridge.DeliverMessage, i)
		o.Form, o.Subject, o.Author, o.Text = bridge.FormCopy, short(text), short(text), text
		o.From.Name, o.Recipient.Name, o.ReplyTo = short(text), short(text), "reply+token@example.com"
		add("copy of "+name, o)
		o.HTML = "<p>" + strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(text) + "</p>"
		o.InReplyTo, o.References = "last@example.org", []string{"first@example.org", strings.Repeat("x", 300) + "@example.org", "last@example.org"}
		o.Attachments = []bridge.Attachment{
			file(1, short(text), "application/pdf", "%PDF-1.7\x00\r\n\n"+text),
			file(2, short(text)+".txt", "text/plain", text),
			file(3, "mail.eml", "message/rfc822", "Subject: x\r\n\r\n"+text),
			file(4, "empty", "", ""),
		}
		add("copy with files of "+name, o)
	}
	o := outgoing(bridge.DeliverMessage, 0)
	o.Recipient.Addr = "анна@example.org"
	add("notice to an address beyond ASCII", o)
	inEveryLanguage(t, add)
	return all
}

// inEveryLanguage adds each kind of mail in each language, with all that can stand around its words.
func inEveryLanguage(t *testing.T, add func(name string, o bridge.Outgoing)) {
	t.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 120, 40))); err != nil {
		t.Fatal(err)
	}
	all, err := wording.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all.All() {
		for i, s := range wording.Specs() {
			kind := bridge.DeliveryKind(s.Kind) // which they have in common
			if s.Kind == wording.Notice || s.Kind == wording.Activation || s.Kind == wording.StaffNotice {
				kind = bridge.DeliverMessage
			}
			o := outgoing(kind, i)
			o.Tally, o.Unsubscribe = bridge.Tally{New: 3, Waiting: 1200, Held: 1}, "https://portal.example.com/u/mr4vcnzrgiztinjwg44dsmbrgiztinjwg44dsmbrgi"
			o.First, o.ToStaff = s.Kind == wording.Activation, s.Kind == wording.StaffNotice
			o.Locale, o.Phrase = l.Tag, "blue whale 🐋 حوت"
			o.Letterhead = bridge.Letterhead{
				Postal: "Kai 1, 20457 Hamburg · Γερμανία", Contact: "+49 40 1234", Logo: bridge.Logo{Type: "image/png", Width: 120, Height: 40, Content: picture.Bytes()},
			}
			if got := o.Words(); got != s.Kind {
				t.Fatalf("%s is composed in the words of %q", s.Kind, got)
			}
			add(fmt.Sprintf("%s in %s", s.Kind, l.Tag), o)
			o.Delivery.Kind, o.Sample = bridge.DeliverSample, s.Kind
			add(fmt.Sprintf("sample of %s in %s", s.Kind, l.Tag), o)
		}
		o := outgoing(bridge.DeliverMessage, 0)
		o.Form, o.Subject, o.Author, o.Text, o.Locale = bridge.FormCopy, "Your results", "Dr. Eva Lind", "All is well.", l.Tag
		add("copy in "+l.Tag, o)
		o.ReplyTo, o.InReplyTo, o.References = "reply+token@example.com", "last@example.org", []string{"last@example.org"}
		o.Unsubscribe = "https://portal.example.com/u/mr4vcnzrgiztinjwg44dsmbrgiztinjwg44dsmbrgi"
		o.Previous = &bridge.Previous{Author: "Ann", At: o.Date, Text: "Is all well?\n\n> said she\n-- \nAnn"}
		o.Attachments = []bridge.Attachment{file(1, "report.pdf", "application/pdf", "%PDF-1.7"), {Filename: "scan.tif", Blob: bridge.Blob{Size: 40 << 20}}}
		add("answering copy in "+l.Tag, o)
	}
}

// short returns a text as long as a name may be.
func short(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200])
	}
	return s
}

type inlineFiles struct{}

func (inlineFiles) OpenBlob(_ context.Context, b bridge.Blob) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b.Inline)), nil
}

func file(id byte, name, kind, content string) bridge.Attachment {
	return bridge.Attachment{ID: bridge.ID{id}, Filename: name, ContentType: kind, Blob: bridge.Blob{Size: int64(len(content)), Inline: []byte(content)}}
}

func outgoing(kind bridge.DeliveryKind, i int) bridge.Outgoing {
	return bridge.Outgoing{
		Delivery: bridge.Delivery{ID: bridge.ID{9, byte(i)}, Kind: kind, CreatedAt: time.Now()}, Form: bridge.FormNotice,
		ReversePath: "bounce+token@example.com", Recipient: bridge.Address{Addr: "ann@example.org"},
		From: bridge.Address{Name: "Harbour Clinic", Addr: "no-reply@example.com"}, MessageID: fmt.Sprintf("token%d@example.com", i), Date: time.Now(),
		Organization: "Harbour Clinic", BaseURL: "https://portal.example.com", Link: "https://portal.example.com/m/token",
		Code: "123456", CodeLife: 10 * time.Minute, Reason: "The conversation is closed.",
	}
}

// signedWorld makes keys, publishes them, and composes the correspondence.
func signedWorld(t *testing.T) ([]written, []dnsRecord, *resolver.Resolver) {
	t.Helper()
	t.Chdir(t.TempDir())
	if status, _, stderr := runIt("", "init", "--domain", "example.com", "--base-url", "https://portal.example.com"); status != exitOK {
		t.Fatal(stderr)
	}
	c := defaultConfig()
	c.Domain, c.BaseURL, c.Organization = "example.com", "https://portal.example.com", "Harbour Clinic"
	k, err := openKept(t.Context(), c, silent(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer k.db.Close()
	pairs, err := k.gateway.ListSigningPairs(t.Context(), bridge.AsOperator())
	if err != nil {
		t.Fatal(err)
	}
	records := keyRecords("example.com", pairs[0])
	signer, err := dkim.New(dkim.Config{Keys: k.gateway, Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	zone := "_dmarc.example.com. TXT \"v=DMARC1; p=reject; adkim=s\"\nexample.com. A 192.0.2.1\n"
	for _, r := range records {
		zone += r.String() + "\n"
	}
	server, err := dnstest.Start(zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	names, err := resolver.New(resolver.Config{Servers: []string{server.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	return correspondence(t, signer), records, names
}

// TestMailsAreProvenOurs has our own door judge what leaves: by each of the two signatures alone, under a policy that refuses what is not proven.
func TestMailsAreProvenOurs(t *testing.T) {
	mails, _, names := signedWorld(t)
	prover, err := sender.NewProver(sender.Config{Resolver: names, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	e := bridge.Envelope{Route: bridge.RouteSMTP, ReversePath: "bounce+token@example.com", ForwardPath: "ann@example.org", At: time.Now()}
	peer := sender.Peer{IP: netip.MustParseAddr("192.0.2.99"), Helo: "relay.example.net"}
	for _, w := range mails {
		at := bytes.Index(w.raw[1:], []byte("DKIM-Signature:")) + 1
		end := bytes.Index(w.raw, []byte("\r\nDate:")) + 2
		for signature, raw := range map[string][]byte{"RSA": slices.Concat(w.raw[:at], w.raw[end:]), "Ed25519": w.raw[at:]} {
			m := *parse(raw)
			m.Kind = bridge.KindMessage // machines' mail would not be judged
			if v := prover.Judge(t.Context(), e, peer, raw, &m, bridge.Claim{}); v.Result != bridge.VerdictPass || v.Address != "no-reply@example.com" {
				t.Errorf("%s, by %s: %+v\n%.1500s", w.name, signature, v, raw)
			}
			if len(m.Defects) > 0 {
				t.Errorf("%s: our own reader finds %q", w.name, m.Defects)
			}
		}
	}
}

// reading is what a mail says to one who reads it.
type reading struct {
	Name       string   `json:"name"`
	Subject    string   `json:"subject"`
	To         string   `json:"to"`
	Parts      []string `json:"parts"`
	Defects    []string `json:"defects"`
	Signatures []string `json:"signatures"`
}

// goReading reads a mail with go-message, which finds no fault in it.
func goReading(t *testing.T, w written) reading {
	t.Helper()
	m, err := message.Read(bytes.NewReader(w.raw))
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	h := mail.Header{Header: m.Header}
	r := reading{Name: w.name + ".eml"}
	if r.Subject, err = h.Subject(); err != nil {
		t.Errorf("%s: subject: %v", w.name, err)
	}
	for _, field := range []string{"From", "To", "Reply-To"} {
		if _, err := h.AddressList(field); err != nil {
			t.Errorf("%s: %s: %v", w.name, field, err)
		}
	}
	if _, err := h.Date(); err != nil {
		t.Errorf("%s: date: %v", w.name, err)
	}
	if _, err := h.MessageID(); err != nil {
		t.Errorf("%s: Message-ID: %v", w.name, err)
	}
	err = m.Walk(func(_ []int, part *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, _, err := part.Header.ContentType()
		if err != nil || strings.HasPrefix(kind, "multipart/") {
			return err
		}
		content, err := io.ReadAll(part.Body)
		if err != nil {
			return err
		}
		name, err := (&mail.AttachmentHeader{Header: part.Header}).Filename()
		r.Parts = append(r.Parts, fmt.Sprintf("%s %s %x", kind, strings.TrimSpace(name), sha256.Sum256(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))))
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", w.name, err)
	}
	return r
}

// python returns a Python with dkimpy and PyNaCl, or skips the test.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(name, "-c", "import dkim, nacl.signing").Run() == nil {
			return name
		}
	}
	const what = "there is no Python with dkimpy and PyNaCl: apt-get install python3-dkim python3-nacl"
	if os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all" {
		t.Fatal(what)
	}
	t.Skip(what)
	return ""
}

// TestMailsAreVerifiedByOthers has dkimpy verify what leaves, and Python's email package and go-message read it: without a defect, and the same.
func TestMailsAreVerifiedByOthers(t *testing.T) {
	interpreter := python(t)
	script, err := filepath.Abs("testdata/verify/verify.py")
	if err != nil {
		t.Fatal(err)
	}
	mails, records, _ := signedWorld(t)
	folder := t.TempDir()
	zone := map[string]string{}
	for _, r := range records {
		zone[strings.TrimSuffix(r.Name, ".")] = r.Value
	}
	text, err := json.Marshal(zone)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "zone.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, w := range mails {
		if err := os.WriteFile(filepath.Join(folder, w.name+".eml"), w.raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command(interpreter, script, folder)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	d := json.NewDecoder(bytes.NewReader(out))
	for i := 0; ; i++ {
		var r reading
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			if i != len(mails) {
				t.Errorf("%d of %d mails were read", i, len(mails))
			}
			return
		} else if err != nil {
			t.Fatal(err)
		}
		want := goReading(t, mails[i])
		if !slices.Equal(r.Signatures, []string{"rsa-sha256 example.com good", "ed25519-sha256 example.com good"}) {
			t.Errorf("%s: signatures: %q", r.Name, r.Signatures)
		}
		if mails[i].utf8 {
			// To this package any local part beyond ASCII is a defect, whatever RFC 6532 says.
			r.Defects = slices.DeleteFunc(r.Defects, func(d string) bool { return strings.HasPrefix(d, "To: NonASCIILocalPartDefect") })
		}
		if len(r.Defects) > 0 {
			t.Errorf("%s: defects: %q", r.Name, r.Defects)
		}
		if r.Name != want.Name || r.Subject != want.Subject || !slices.Equal(r.Parts, want.Parts) {
			t.Errorf("%s: read as\n%q %q, and by go-message as\n%q %q", r.Name, r.Subject, r.Parts, want.Subject, want.Parts)
		}
	}
}
