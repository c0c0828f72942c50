package mailin

import (
	"strings"
	"testing"
)

// TestDigest sends one mail on by different ways: what MTAs do to it on its way must not make another mail of it, and nothing else may pass
// for it.
func TestDigest(t *testing.T) {
	const head = "From: Ann <ann@example.com>\r\nTo: desk@example.org\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\nDate: Fri, 20 Nov 2026 08:15:00 +0100\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n"
	body := func(textHead, text, fileHead, file string) string {
		return "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n" + textHead + "\r\n" + text + "\r\n--b\r\nContent-Type: application/pdf; name=a.pdf\r\n" + fileHead + "\r\n" + file + "\r\n--b--\r\n"
	}
	eight := head + body("Content-Transfer-Encoding: 8bit\r\n", "Grüße aus Köln\r\n\r\nAnn\r\n", "Content-Transfer-Encoding: base64\r\n", "JVBERi0xLjQKJcOkw7w=")
	want := Parse([]byte(eight), Limits{}).Digest
	same := map[string]string{
		"trace fields":       "Return-Path: <ann@example.com>\r\nReceived: from a by b; Fri, 20 Nov 2026 08:16:00 +0100\r\nDelivered-To: desk@example.org\r\n" + eight,
		"quoted-printable":   head + body("Content-Transfer-Encoding: quoted-printable\r\n", "Gr=C3=BC=C3=9Fe aus K=\r\n=C3=B6ln\r\n\r\nAnn\r\n", "Content-Transfer-Encoding: base64\r\n", "JVBERi0xLjQKJcOkw7w="),
		"base64":             head + body("Content-Transfer-Encoding: base64\r\n", "R3LDvMOfZSBhdXMgS8O2bG4NCg0KQW5uDQo=", "Content-Transfer-Encoding: base64\r\n", "JVBERi0xLjQK\r\nJcOkw7w="),
		"LF":                 strings.ReplaceAll(eight, "\r\n", "\n"),
		"empty lines at end": strings.Replace(eight, "Ann\r\n\r\n--b", "Ann\r\n\r\n\r\n \r\n--b", 1) + "\r\n\r\n",
		"spaces at line end": strings.Replace(eight, "Köln\r\n", "Köln  \r\n", 1),
		"folded subject":     strings.Replace(eight, "Subject: Gr\xc3\xbc\xc3\x9fe", "Subject:\r\n =?utf-8?q?Gr=C3=BC=C3=9Fe?=", 1),
		"date in UTC":        strings.Replace(eight, "08:15:00 +0100", "07:15:00 +0000 (UTC)", 1),
		"domain in capitals": strings.Replace(eight, "ann@example.com>\r\nTo", "ann@EXAMPLE.com>\r\nTo", 1),
	}
	for name, raw := range same {
		if got := Parse([]byte(raw), Limits{}).Digest; got != want {
			t.Errorf("%s: another digest", name)
		}
	}
	other := map[string]string{
		"text":       strings.Replace(eight, "Köln", "Bonn", 1),
		"subject":    strings.Replace(eight, "Subject: Gr", "Subject: Hr", 1),
		"author":     strings.Replace(eight, "<ann@", "<eve@", 1),
		"date":       strings.Replace(eight, "08:15:00", "08:15:01", 1),
		"message-id": strings.Replace(eight, "<1@", "<2@", 1),
		"file":       strings.Replace(eight, "JVBE", "JVBF", 1),
		"no file":    strings.Replace(eight, "name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQKJcOkw7w=", "name=a.pdf\r\n\r\n", 1),
		"indent":     strings.Replace(eight, "Ann\r\n\r\n", "  Ann\r\n\r\n", 1),
	}
	for name, raw := range other {
		if got := Parse([]byte(raw), Limits{}).Digest; got == want {
			t.Errorf("%s: the same digest", name)
		}
	}
	// What was not read may differ.
	lim := Limits{Parts: 2}
	if Parse([]byte(eight), lim).Digest == Parse([]byte(strings.Replace(eight, "JVBE", "JVBF", 1)), lim).Digest {
		t.Error("two mails that were not read to their end have the same digest")
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		raw string
		lim Limits
	}{
		"parts":      {mixed(file64 + secret64), Limits{Parts: 2}},
		"depth":      {deep(60, file64+secret64), Limits{}},
		"header":     {"X: " + strings.Repeat("x", 300) + "\r\nFrom: ann@example.com\r\n\r\nHello", Limits{HeaderBytes: 200}},
		"fields":     {strings.Repeat("X: y\r\n", 20) + "\r\nHello", Limits{Fields: 10}},
		"last field": {strings.Repeat("X: y\r\n", 10) + "\r\nHello", Limits{Fields: 10}},
		"decoded":    {mixed(file64 + secret64), Limits{Decoded: 30}},
		"files":      {mime("", strings.Repeat(uu("x"), 60)), Limits{Parts: 50}},
		"RTF":        {winmailRTF(20), Limits{}},
		"text":       {mime("", strings.Repeat("Hello there\n", 100)), Limits{Text: 100}},
	} {
		m := Parse([]byte(c.raw), c.lim)
		checkMail(t, m)
		if m.OverBound == "" {
			t.Errorf("%s: no bound was met", name)
		}
		if n := len(m.Attachments); n > 50 {
			t.Errorf("%s: %d attachments", name, n)
		}
		size := 0
		for _, a := range m.Attachments {
			size += len(a.Content)
		}
		if size > 8*len(c.raw) {
			t.Errorf("%s: %d octets of files out of %d", name, size, len(c.raw))
		}
		if d := Describe(m).Defects; !strings.HasPrefix(d[len(d)-1], "not read to its end: ") {
			t.Errorf("%s: defects %q", name, d)
		}
		if (name == "header" || name == "last field") && m.Reply != "Hello" {
			t.Errorf("%s: reply %q", name, m.Reply)
		}
	}
}

// TestFilesOfOneText puts more files into one part than are read, where nothing else shows the rest.
func TestFilesOfOneText(t *testing.T) {
	for count, bound := range map[int]bool{maxUU - 1: false, maxUU + 1: true} {
		m := Parse([]byte(mixed("Content-Type: application/octet-stream; name=f.bin\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n"+strings.Repeat(uu("x"), count))), Limits{})
		if n := len(m.Attachments); n != min(count, maxUU) || m.OverBound != "" != bound {
			t.Errorf("of %d files %d are attached, bound %q", count, n, m.OverBound)
		}
	}
}

func TestRaw(t *testing.T) {
	crlf := []byte("From: ann@example.com\r\n\r\nHello\r\n")
	if m := Parse(crlf, Limits{}); &m.Raw[0] != &crlf[0] {
		t.Error("a mail with CRLF was copied")
	}
	if m := Parse([]byte("From: ann@example.com\n\nHello\r\nyou\n"), Limits{}); string(m.Raw) != "From: ann@example.com\r\n\r\nHello\r\nyou\r\n" {
		t.Errorf("raw %q", m.Raw)
	}
	if m := Parse(nil, Limits{}); len(m.Defects) == 0 || m.Reply != "" {
		t.Errorf("nothing: %+v", m)
	}
}
