package mailin

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRTF(t *testing.T) {
	for _, c := range []struct{ in, text, html string }{
		{`{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\pard Hello\par W\'f6rld \{x\}\par}`, "Hello\nWörld {x}\n", ""},
		{`{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}`, "Привет", ""},
		{`{\rtf1\ansi\ansicpg932 \'82\'b1\'82\'f1}`, "こん", ""},
		{`{\rtf1\uc1 \u8364?5 \u-10179?\u-8704?}`, "€5 😀", ""},
		{`{\rtf1\uc0\u8364 5}`, "€5", ""},
		{`{\rtf1\uc1 a\u55357?\u56397? b}`, "a👍 b", ""},
		{`{\rtf1\uc0 a\u-10179 b\u-8704 \u-10179\u8364\u-8704}`, "ab€", ""},
		{`{\rtf1\ansi\fromhtml1 {\*\htmltag84 <a\par href="https://example.com/">}x{\*\htmltag92 </a>}}`, "x", "<a\nhref=\"https://example.com/\">x</a>"},
		{`{\rtf1{\*\secret hidden}{\pict 00ff}shown\~x\_y\tab z}`, "shown\u00a0x-y\tz", ""},
		{`{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Hello {\*\htmltag84 <b>}\htmlrtf {\b\htmlrtf0 you{\*\htmltag92 </b>}\htmlrtf }\htmlrtf0 \htmlrtf\par}\htmlrtf0{\*\htmltag72 </p>}}`, "Hello you", "<p>Hello <b>you</b></p>"},
		{`{\rtf1 a\bin5 xxxxx b}`, "a b"[:1] + " b", ""},
		{`{{{{`, "", ""},
		{`}}}}x`, "x", ""},
		{`\`, "", ""},
		{`\'f`, "f", ""},
	} {
		if text, html := readRTF([]byte(c.in)); text != c.text || html != c.html {
			t.Errorf("%s: got %q and %q, want %q and %q", c.in, text, html, c.text, c.html)
		}
	}
	// The example of [MS-OXRTFCP], section 4.1.
	compressed := "\x2d\x00\x00\x00\x2b\x00\x00\x00LZFu\xf1\xc5\xc7\xa7\x03\x00\x0a\x00rcpg125\x42\x32\x0a\xf3\x20hel\x09\x00\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0"
	if got, ok := inflateRTF([]byte(compressed)); !ok || string(got) != "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n" {
		t.Errorf("decompressed %q, %t", got, ok)
	}
}

func TestTNEF(t *testing.T) {
	m, ok := readTNEF([]byte(tnefMail()), 0, new(int64(1<<20)))
	if !ok || !m.whole || m.text != "Hello from Outlook" || len(m.files) != 1 || m.files[0].name != "f.bin" || string(m.files[0].content) != secret {
		t.Errorf("got %+v, %t", m, ok)
	}
	whole := tnefMail()
	for i := range whole {
		readTNEF([]byte(whole[:i]), 0, new(int64(1<<20))) // cut anywhere
	}
	mail := mime("Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(whole)))
	got := Parse([]byte(mail), Limits{})
	if got.Reply != "Hello from Outlook" || len(got.Attachments) != 1 || got.Attachments[0].Filename != "f.bin" {
		t.Errorf("reply %q, attachments %d", got.Reply, len(got.Attachments))
	}
	cut := Parse([]byte(mime("Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(whole[:len(whole)-30])))), Limits{})
	if len(cut.Attachments) != 2 || cut.Attachments[1].Filename != "winmail.dat" {
		t.Errorf("a damaged one is not kept: %d attachments", len(cut.Attachments))
	}
}

// TestTNEFContents has files with two contents, of which readers take one or the other: the whole part is kept beside what was read of it.
func TestTNEFContents(t *testing.T) {
	begin, data := tnefAttribute(2, 0x00069002, ""), tnefAttribute(2, 0x0006800f, "benign")
	properties := func(list ...string) string {
		return tnefAttribute(2, 0x00069005, le32(len(list))+strings.Join(list, ""))
	}
	content := tnefProperty(0x102, 0x3701, secret)
	for why, stream := range map[string]string{
		"data and a property": tnefStream(begin, data, properties(content)),
		"a property and data": tnefStream(begin, properties(content), data),
		"data twice":          tnefStream(begin, data, tnefAttribute(2, 0x0006800f, secret)),
		"a property twice":    tnefStream(begin, properties(tnefProperty(0x102, 0x3701, "benign"), content)),
		"a property of two":   tnefStream(begin, properties(le16(0x102)+le16(0x3701)+le32(2)+le32(4)+"safe"+le32(len(secret))+secret+"\x00")),
		"data and a message":  tnefStream(begin, tnefAttribute(2, 0x0006800f, secret), properties(tnefProperty(0x0d, 0x3701, strings.Repeat("\x00", 16)+tnefStream()))),
		"no file begun":       tnefStream(data, tnefAttribute(2, 0x0006800f, secret)),
	} {
		m := Parse([]byte(mixed("Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(stream)))), Limits{})
		checkMail(t, m)
		if n := len(m.Attachments); n != 2 || string(m.Attachments[1].Content) != stream {
			t.Errorf("%s: %d attachments", why, n)
		}
	}
	same := tnefStream(begin, data, properties(tnefProperty(0x102, 0x3701, "benign")))
	if m, _ := readTNEF([]byte(same), 0, new(int64(1<<20))); !m.whole || len(m.files) != 1 {
		t.Errorf("the same content twice: %+v", m)
	}
}

func TestSpecialBodies(t *testing.T) {
	for _, c := range []struct{ why, mail, reply, file string }{
		{
			"an invitation alone", mime("Content-Type: text/calendar; method=REQUEST; charset=utf-8\n", "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY;LANGUAGE=en:Lunch\\, to\n gether\nDTSTART:20261120T110000Z\nDTEND:20261120T120000Z\nLOCATION:Café\nEND:VEVENT\nEND:VCALENDAR\n"),
			"Invitation: Lunch, together, 2026-11-20 11:00 UTC to 2026-11-20 12:00 UTC, Café", "attachment-1.ics",
		},
		{"enriched text", mime("Content-Type: text/enriched\n", "<bold>Now</bold> is the\ntime <<for\n\nall.<color><param>red</param>x</color>\n"), "Now is the time <for\nall.x", ""},
		{"RTF alone", mime("Content-Type: text/rtf\n", "{\\rtf1\\ansi Hello \\'fc\\par there}\n"), "Hello ü\nthere", "attachment-1.rtf"},
		{"a text of a kind that nobody knows", mime("Content-Type: text/markdown; charset=utf-8\n", "Hello *there*\n"), "Hello *there*", "attachment-1.md"},
		{"XHTML", mime("Content-Type: application/xhtml+xml\n", "<html><body><p>Hello</p></body></html>\n"), "Hello", "attachment-1"},
		{"no type that can be read", mime("Content-Type: foo\n", "Hello\n"), "Hello", "attachment-1.bin"},
		{"base64 above the footer of a list", mime("Content-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte("Hello there, Bob.\n"))+"\n_______________________\nlist mailing list\nlist@example.com, really\n"), "Hello there, Bob.", ""},
		{"base64 that a field denies", mime("Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte("Hello there, Bob!\n"))+"\n"), "Hello there, Bob!", ""},
		{"RTF beside a text", mime("Content-Type: multipart/mixed; boundary=b\n", "--b\n\nHello\n--b\nContent-Type: text/rtf\n\n{\\rtf1 x}\n--b--\n"), "Hello", "attachment-1.rtf"},
		{"related parts, the root last", mime("Content-Type: multipart/related; boundary=b; start=\"<r@b>\"\n", "--b\nContent-Type: image/png; name=i.png\nContent-ID: <i@b>\n\nx\n--b\nContent-Type: text/html\nContent-ID: <r@b>\n\n<p>Hello</p>\n--b--\n"), "Hello", "i.png"},
		{"words like a field above the letter", mime("", "Content-Type: text/html is what I see\n\nHello\n"), "Content-Type: text/html is what I see\n\nHello", ""},
		{"a field below the empty line", mime("", "Content-Type: text/html\n\n<p>Hello</p>\n"), "Hello", ""},
		{"a NUL in a short text", mime("Content-Type: text/plain\n", "Hel\x00lo\n"), "Hello", ""},
		{"signed and opaque", mime("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(signedMail("Content-Type: text/plain; charset=utf-8\n\nGrüße\n"+strings.Repeat(" ", 20), false)))), "Grüße", ""},
		{"inline PGP", mime("", "Hello\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n=abcd\n-----END PGP MESSAGE-----\n\nBye\n"), "Hello\n\nBye", "encrypted.asc"},
		{"signed in the clear", mime("", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n- - one\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"), "Hello\n- one", "signature.asc"},
		{"a quoted block", mime("", "See below\n\n> -----BEGIN PGP MESSAGE-----\n> x\n"), "See below", ""},
		{"encrypted", mime("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80"))), "", "smime.p7m"},
		{"an external body is named and not fetched", mixed("Content-Type: message/external-body; access-type=URL; URL=\"http://example.com/f\"; name=f.bin\n\nContent-Type: a/b\n\n"), "Hello", "f.bin"},
	} {
		m := Parse([]byte(c.mail), Limits{})
		checkMail(t, m)
		file := ""
		if len(m.Attachments) > 0 {
			file = m.Attachments[0].Filename
		}
		if m.Reply != c.reply || file != c.file {
			t.Errorf("%s: reply %q, file %q; want %q, %q", c.why, m.Reply, file, c.reply, c.file)
		}
	}
}

func FuzzTNEF(f *testing.F) {
	f.Add([]byte(tnefMail()))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _ := readTNEF(b, 0, new(int64(1<<20)))
		if !utf8.ValidString(m.text) || !utf8.ValidString(m.html) || len(m.files) > maxTNEFFiles*(maxTNEFDepth+1) {
			t.Errorf("%d files, text %q", len(m.files), m.text)
		}
		for _, file := range m.files {
			if !utf8.ValidString(file.name) {
				t.Errorf("name %q", file.name)
			}
		}
	})
}

func FuzzRTF(f *testing.F) {
	f.Add([]byte(`{\rtf1\ansi\ansicpg1252\fromhtml1 {\*\htmltag64 <p>}\htmlrtf x\htmlrtf0 \'f6 \u8364?\bin3 abc}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, html := readRTF(b)
		if !utf8.ValidString(text) || !utf8.ValidString(html) || len(text) > 4*len(b)+16 {
			t.Errorf("%q and %q", text, html)
		}
		if out, ok := inflateRTF(b); ok && len(out) > 17*8*len(b)/16+32 && len(out) > 10*len(b) {
			t.Errorf("%d octets out of %d", len(out), len(b))
		}
	})
}

func FuzzContainers(f *testing.F) {
	f.Add([]byte(signedMail("Content-Type: text/plain\n\n"+strings.Repeat("x", 50), true)))
	f.Add([]byte("\x00\x05\x16\x00\x00\x02\x00\x00" + strings.Repeat("\x00", 16) + "\x00\x01\x00\x00\x00\x01\x00\x00\x00\x26\x00\x00\x00\x01x"))
	f.Add([]byte(binHex("x", "aaa\x90\x90b")))
	f.Add([]byte(string(binhexMark) + " 4.0)\n:#(*0\"h3i!!\"\"!*:\n"))
	f.Add([]byte("=ybegin size=3 name=x\nabcd\n"))
	f.Add([]byte("BEGIN:VEVENT\nSUMMARY:x\nDTSTART:20261120\n"))
	f.Add([]byte("<bold>x</bold><<"))
	f.Add([]byte("=ybegin name=x\nabc\n=yend\nbegin-base64 644 x\nAAAA\n====\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := signedContent(b); ok && len(c) > len(b) {
			t.Errorf("%d octets out of %d", len(c), len(b))
		}
		appleFork(b)
		if s := invitation(b, ""); !utf8.ValidString(s) || strings.Count(s, "\n") > 1 {
			t.Errorf("invitation %q", s)
		}
		plainEnriched(string(b))
		if text, blocks := cutPGP(b); len(text) > len(b) || len(blocks) > maxPGP {
			t.Errorf("%d octets, %d blocks", len(text), len(blocks))
		}
		if file, after, ok := cutBinHex(b, 0, 1000); ok && (len(file.content) > 1000 || after <= 0 || after > len(b) || !utf8.ValidString(file.name)) {
			t.Errorf("BinHex of %q: %d octets of %q", b, len(file.content), file.name)
		}
		_, files := cutUU(b)
		n := 0
		for _, file := range files {
			n += len(file.content)
		}
		if n > len(b) {
			t.Errorf("%d octets of files out of %d", n, len(b))
		}
	})
}

func FuzzCharset(f *testing.F) {
	for _, s := range []string{"\x1b$B$3$s\x1b(B", "\x1b$)C\x0e>H\x0f", "\xcf\xf0\xe8\xe2\xe5\xf2", "h\x00i\x00", "+AGE-", "\xc4\xe3\xba\xc3"} {
		for _, l := range []string{"", "iso-2022-jp", "iso-2022-kr", "utf-16", "utf-32", "x-mac-ce", "gb18030", "big5"} {
			f.Add([]byte(s), l)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, label string) {
		for _, html := range []bool{false, true} {
			if s := decodeCharset(b, label, html); !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 || len(s) > 4*len(b)+16 {
				t.Errorf("decodeCharset(%q, %q) = %q", b, label, s)
			}
		}
	})
}
