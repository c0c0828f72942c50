package mailin

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"letterlock/bridge"
)

// checkMail holds what is true of every mail that Parse returns, whatever went in.
func checkMail(t *testing.T, m *bridge.Mail) {
	t.Helper()
	if m.OverBound == readerFailed {
		t.Fatal("the reader panics; call parse in place of Parse to see where")
	}
	text := map[string]string{"subject": m.Subject, "message-id": m.MessageID, "reply": m.Reply, "quoted": m.Quoted, "signature": m.Signature, "html": m.HTML, "over bound": m.OverBound}
	for _, as := range [][]bridge.Address{m.From, m.To, m.Cc} {
		for _, a := range as {
			text["name "+a.Name], text["address "+a.Addr] = a.Name, a.Addr
			if !strings.Contains(a.Addr, "@") || strings.ContainsAny(a.Addr, "\r\n\x00<>") {
				t.Errorf("address %q", a.Addr)
			}
		}
	}
	for _, a := range m.Attachments {
		text["filename "+a.Filename], text["type "+a.ContentType], text["cid "+a.ContentID] = a.Filename, a.ContentType, a.ContentID
		if a.Filename == "" || a.Filename == "." || a.Filename == ".." || strings.ContainsAny(a.Filename, "/\\\r\n\x00\u202e") || len(a.Filename) > maxFilename {
			t.Errorf("file name %q", a.Filename)
		}
		if !strings.Contains(a.ContentType, "/") || strings.ContainsAny(a.ContentType, " ;\r\n\"") {
			t.Errorf("content type %q", a.ContentType)
		}
	}
	for _, r := range m.Report {
		text["recipient "+r.Recipient], text["diagnostic "+r.Diagnostic], text["status "+r.Status] = r.Recipient, r.Diagnostic, r.Status
		if r.Class != "permanent" && r.Class != "temporary" && r.Class != "success" {
			t.Errorf("class %q", r.Class)
		}
	}
	for what, s := range text {
		if !utf8.ValidString(s) || strings.Contains(s, "\x00") {
			t.Errorf("%s is not UTF-8 without NUL: %q", what, s)
		}
	}
	if m.Kind != bridge.KindBounce && len(m.Report) > 0 {
		t.Errorf("a %s has a report", m.Kind)
	}
}

func FuzzParse(f *testing.F) {
	for _, g := range goldenMails(f) {
		f.Add(g.raw)
	}
	for i, m := range reportMails(f) {
		if i%7 == 0 {
			f.Add(m.raw)
		}
	}
	for _, s := range []string{tnefMail(), signedMail("Content-Type: text/plain\n\n"+strings.Repeat("x", 50), true)} {
		f.Add([]byte(mixed("Content-Type: application/octet-stream; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(s)))))
	}
	lim := DefaultLimits()
	lim.Decoded = 1 << 20
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(raw, lim)
		checkMail(t, m)
		Describe(m)
		stored := Parse(m.Raw, lim)
		if again := Parse(stored.Raw, lim); again.Digest != stored.Digest {
			t.Error("reading the stored mail again gives another digest")
		}
	})
}

func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"Ann <ann@example.com>", `"A, B" <a@x>, c@y (C)`, "G: a@x, b@y;", "<@r:a@x>", "=?utf-8?q?a?= <a@x>", "a@b@c <", `"\"" <"a b"@x>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := &notes{}
		for _, a := range n.addresses([][]byte{[]byte(s)}, "From") {
			if !utf8.ValidString(a.Name) || !utf8.ValidString(a.Addr) || strings.ContainsAny(a.Addr, "\r\n\x00<>") {
				t.Errorf("%q gives %+q", s, a)
			}
			// Nothing is made up: both halves stood there.
			at := strings.LastIndexByte(a.Addr, '@')
			if at <= 0 || !strings.Contains(s, a.Addr[at+1:at+2]) {
				t.Errorf("%q gives %+q", s, a)
			}
		}
	})
}

func FuzzWords(f *testing.F) {
	for _, s := range []string{"=?utf-8?q?a_b?= =?utf-8?b?w7w=?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "=?utf-8*de?Q?x?=", "=?=?=?q?", "\xfc\xff raw", "Fri, 20-Nov-26 10:00:00.5 PM (x) GMT+0100", "2026-11-20T10:00:60Z", "a; filename*0*=utf-8''%C; filename*1*=3%9C"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := decodeText(b); !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
			t.Errorf("decodeText(%q) = %q", b, s)
		}
		m := parseMedia(b)
		for _, name := range []string{"charset", "filename", "boundary"} {
			if s := m.text(name); !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
				t.Errorf("parseMedia(%q).text(%s) = %q", b, name, s)
			}
		}
		m.boundaries()
		if d := (&walker{}).date(b); !d.IsZero() && !plausible(d) {
			t.Errorf("date(%q) = %v", b, d)
		}
		decodeUTF7(b)
		decodeQP(b)
		cutUU(b)
		unflow(string(b), true)
		Filename(string(b), "text/plain", 1)
	})
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("aGVsbG8=\r\nd29ybGQ="))
	f.Add([]byte("aGVs\nbG8gd29y\nbGQ"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, first := decodeBase64(b)
		if first < 0 || first > len(out) || len(out) > len(b)/4*3+3 {
			t.Errorf("decodeBase64(%q) = %d octets, first %d", b, len(out), first)
		}
	})
}
