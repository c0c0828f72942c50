package mailin

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
)

// TestAmbiguous goes on where TestHidden ends: rarer ways to say in a header, between parts and in an encoding what one client reads and another one
// doesn't. The file must be found in each, under its name where one is given.
func TestAmbiguous(t *testing.T) {
	const file = "Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=f.bin\nContent-Transfer-Encoding: base64\n\n"
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	body := "--b\nContent-Type: text/plain\n\nHello\n--b\n" + file + secret64 + "\n--b--\n"
	as := func(field string) string { return mixed(field + secret64) }
	for name, raw := range map[string]string{
		// The header
		"type without a colon":               around("Content-Type multipart/mixed; boundary=b\n", "b"),
		"type with an equals sign":           around("Content-Type= multipart/mixed; boundary=b\n", "b"),
		"type folded before the colon":       around("Content-Type\n : multipart/mixed; boundary=b\n", "b"),
		"no-break space after the colon":     around("Content-Type:\xc2\xa0multipart/mixed; boundary=b\n", "b"),
		"Latin-1 no-break space":             around("Content-Type:\xa0multipart/mixed;\xa0boundary=b\n", "b"),
		"vertical tab and form feed":         around("Content-Type:\vmultipart/mixed;\fboundary=b\n", "b"),
		"NUL ends the boundary":              around("Content-Type: multipart/mixed; boundary=b\x00c\n", "b"),
		"NUL within the boundary":            around("Content-Type: multipart/mixed; boundary=b\x00c\n", "bc"),
		"NUL in the type":                    around("Content-Type: multi\x00part/mixed; boundary=b\n", "b"),
		"encoded-word as type":               around("Content-Type: =?us-ascii?q?multipart/mixed?=; boundary=b\n", "b"),
		"encoded-word for all of it":         around("Content-Type: =?us-ascii?q?multipart/mixed=3B_boundary=3Db?=\n", "b"),
		"semicolon first":                    around("Content-Type: ; multipart/mixed; boundary=b\n", "b"),
		"two slashes":                        around("Content-Type: multipart//mixed; boundary=b\n", "b"),
		"no subtype":                         around("Content-Type: multipart/; boundary=b\n", "b"),
		"comma between parameters":           around("Content-Type: multipart/mixed; charset=utf-8, boundary=b\n", "b"),
		"colon for equals":                   around("Content-Type: multipart/mixed; boundary:b\n", "b"),
		"space for equals":                   around("Content-Type: multipart/mixed; boundary \"b\"\n", "b"),
		"quote opens in another parameter":   around("Content-Type: multipart/mixed; x=\"y; boundary=b\n", "b"),
		"quoted name":                        around("Content-Type: multipart/mixed; \"boundary\"=b\n", "b"),
		"boundary in a comment too":          around("Content-Type: multipart/mixed; (boundary=z;) boundary=b\n", "b"),
		"comment counts for some":            around("Content-Type: multipart/mixed; (boundary=b;)\n", "b"),
		"comment not closed":                 around("Content-Type: multipart/mixed; (x; boundary=b\n", "b"),
		"boundary folded":                    around("Content-Type: multipart/mixed; boundary=\"b\n c\"\n", "b c"),
		"boundary folded, space dropped":     around("Content-Type: multipart/mixed; boundary=\"b\n c\"\n", "bc"),
		"boundary folded with a tab":         around("Content-Type: multipart/mixed; boundary=\"b\n\tc\"\n", "b\tc"),
		"boundary with a tab for a space":    around("Content-Type: multipart/mixed; boundary=\"b\tc\"\n", "b c"),
		"boundary with leading space":        around("Content-Type: multipart/mixed; boundary=\" b\"\n", "b"),
		"boundary keeps its leading space":   around("Content-Type: multipart/mixed; boundary=\" b\"\n", " b"),
		"two quoted strings":                 around("Content-Type: multipart/mixed; boundary=\"b\"\"c\"\n", "bc"),
		"text behind the quote":              around("Content-Type: multipart/mixed; boundary=\"b\"c\n", "b"),
		"text behind the quote joins":        around("Content-Type: multipart/mixed; boundary=\"b\"c\n", "bc"),
		"text before the quote":              around("Content-Type: multipart/mixed; boundary=b\"c\"\n", "bc"),
		"boundary with a semicolon":          around("Content-Type: multipart/mixed; boundary=\"b;c\"\n", "b;c"),
		"semicolon ends the quoted boundary": around("Content-Type: multipart/mixed; boundary=\"b;c\"\n", "b"),
		"percent signs stay":                 around("Content-Type: multipart/mixed; boundary*=b%63\n", "b%63"),
		"extended beats plain":               around("Content-Type: multipart/mixed; boundary=z; boundary*=us-ascii''b\n", "b"),
		"plain beats extended":               around("Content-Type: multipart/mixed; boundary=b; boundary*=us-ascii''z\n", "b"),
		"plain beats continued":              around("Content-Type: multipart/mixed; boundary*0=z; boundary*1=y; boundary=b\n", "b"),
		"continued from 1":                   around("Content-Type: multipart/mixed; boundary*1=b; boundary*2=c\n", "bc"),
		"continued, section twice":           around("Content-Type: multipart/mixed; boundary*0=z; boundary*0=b; boundary*1=c\n", "bc"),
		"charset in the boundary":            around("Content-Type: multipart/mixed; boundary=\"=?utf-7?q?b?=\"\n", "b"),
		"empty boundary":                     mime("Content-Type: multipart/mixed; boundary=\"\"\n", "--\nContent-Type: text/plain\n\nHello\n--\n"+file+secret64+"\n----\n"),
		"boundary of dashes":                 around("Content-Type: multipart/mixed; boundary=\"--\"\n", "--"),
		"boundary that is a prefix":          mime("Content-Type: multipart/mixed; boundary=b\n", "--bcd\nContent-Type: text/plain\n\nHello\n--bcd\n"+file+secret64+"\n--bcd--\n"),
		"prefix beside real lines":           mime("Content-Type: multipart/mixed; boundary=b\n", "--b\nContent-Type: text/plain\n\nHello\n--bcd\n"+file+secret64+"\n--b--\n"),
		"very long boundary cut":             around("Content-Type: multipart/mixed; boundary="+strings.Repeat("b", 100)+"\n", strings.Repeat("b", 70)),
		"first field is folded":              mixed(" Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"empty line before the MIME fields":  strings.Replace(around("\nContent-Type: multipart/mixed; boundary=b\n", "b"), "MIME-Version: 1.0\r\n", "", 1),
		"MIME fields behind an empty line":   around("X-A: b\n\nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"header ends in a bare CR":           strings.Replace(around("Content-Type: multipart/mixed; boundary=b\n", "b"), "\r\n\r\n", "\r\n\r", 1),
		"LF CR line ends in the part":        strings.Replace(mixed(file+secret64), "attachment; filename=f.bin\r\n", "attachment; filename=f.bin\n\r", 1),
		"bare LF before bare CR":             strings.Replace(mixed(file+secret64), "\r\n--b1\r\n", "\n\r--b1\r\n", 1),
		"three types":                        around("Content-Type: text/plain\nContent-Type: text/html\nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"twelve types":                       around(strings.Repeat("Content-Type: text/plain; x=y\nContent-Type: text/html\n", 6)+"Content-Type: multipart/mixed; boundary=b\n", "b"),
		"type in capitals with a dot":        around("CONTENT-TYPE: multipart/mixed.; boundary=b\n", "b"),
		"called a signature":                 around("Content-Type: application/pkcs7-signature; boundary=b\n", "b"),
		"called text, boundary in quotes":    around("Content-Type: text/plain; boundary=\"b\"; charset=utf-8\n", "b"),
		"called HTML":                        around("Content-Type: text/html; boundary=b\n", "b"),
		"called a message":                   around("Content-Type: message/rfc822; boundary=b\n", "b"),

		// Between parts
		"space before the closing dashes": mime("Content-Type: multipart/mixed; boundary=b\n", strings.Replace(body, "--b--", "--b --", 1)+"--b\n"+file+secret64+"\n"),
		"CR CR LF before the boundary":    strings.Replace(mixed(file+secret64), "\r\n--b1\r\n", "\r\r\n--b1\r\n", 1),
		"dashes alone before":             strings.Replace(mixed(file+secret64), "Hello\r\n", "Hello\r\n--\r\n", 1),
		"in the preamble":                 mime("Content-Type: multipart/mixed; boundary=b\n", "begin 644 f.bin\n"+strings.SplitN(uu(secret), "\n", 2)[1]+body[:strings.Index(body, "--b\n"+file)]+"--b--\n"),
		"in the epilogue":                 mime("Content-Type: multipart/mixed; boundary=b\n", body[:strings.Index(body, "--b\n"+file)]+"--b--\n\n"+uu(secret)),
		"close with more dashes":          mime("Content-Type: multipart/mixed; boundary=b\n", "--b\n\nHello\n--b-----\n--b\n"+file+secret64+"\n--b--\n"),
		"sub-part's own end missing":      mime("Content-Type: multipart/mixed; boundary=b\n", "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nHello\n--b\n"+file+secret64+"\n--b--\n"),
		"behind the end of an inner one":  mime("Content-Type: multipart/mixed; boundary=b\n", "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nHello\n--c--\n--c\n"+file+secret64+"\n--b--\n"),
		"boundary in lower case":          around("Content-Type: multipart/mixed; boundary=ABC\n", "abc"),

		"in a text, behind words":    mime("Content-Type: text/plain\n", "Hello\n\n"+body),
		"in a text that has no type": mime("", "Hello\n\n"+body),
		"in a text part":             mixed("Content-Type: text/plain\n\nHello\n" + body),

		// Encodings
		"encoding folded in the word":         as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base\n 64\n\n"),
		"encoding with a comment in the word": as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base(x)64\n\n"),
		"encoding as encoded-word":            as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: =?us-ascii?q?base64?=\n\n"),
		"encoding without a colon":            as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding base64\n\n"),
		"encoding behind a semicolon":         as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: ;base64\n\n"),
		"encoding two words":                  as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: 7bit base64\n\n"),
		"encoding behind NBSP":                as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding:\xc2\xa0base64\n\n"),
		"encoding called X-":                  as("Content-Type: application/octet-stream; name=f.bin\nX-Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: base64\n\n"),
		"encoding without its prefix":         as("Content-Type: application/octet-stream; name=f.bin\nContent-Encoding: base64\n\n"),
		"base64 called quoted-printable":      as("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: quoted-printable\n\n"),
		"base64 of base64":                    mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\n\n" + secret64 + "\n\n" + secret64[:0]),
		"padding within each line":            mixed(file + b64(secret[:10]) + "\n" + b64(secret[10:30]) + "\n" + b64(secret[30:])),
		"padding too much":                    mixed(file + strings.TrimRight(secret64, "=") + "====="),
		"NUL in base64":                       mixed(file + secret64[:20] + "\x00" + secret64[20:]),
		"comment in base64":                   mixed(file + secret64[:20] + "(((" + secret64[20:]),
		"8-bit in base64":                     mixed(file + secret64[:20] + "\xff\xfe" + secret64[20:]),
		"a stray equals sign in base64":       mixed(file + secret64[:18] + "=" + secret64[18:]),
		"a line of dashes in base64":          mixed(file + secret64[:20] + "\n-----\n" + secret64[20:]),
		"empty line in base64":                mixed(file + secret64[:20] + "\n\n" + secret64[20:]),
		"spaces lead base64":                  mixed(file + "   " + secret64[:20] + "\n   " + secret64[20:]),
		"quoted-printable, space after =":     mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.ReplaceAll(qp(secret), "=\n", "= \t\n")),
		"quoted-printable of all":             mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: quoted printable\n\n" + qp(secret)),
		"yEnc":                                mime("", "Hello\n\n"+yenc(secret)),
		"uuencode in base64":                  mime("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n", b64("Hello\n"+uu(secret))),
		"uuencode in Base64 form":             mime("", "Hello\n\nbegin-base64 644 f.bin\n"+secret64+"\n====\n"),
		"uuencode with a four digit mode":     mime("", strings.Replace(uu(secret), "begin 644", "begin 0644", 1)),
		"uuencode with spaces for graves":     mime("", strings.ReplaceAll(uu(secret), "`", " ")),
		"uuencode without an end":             mime("", strings.TrimSuffix(uu(secret), "`\nend\n")),
		"uuencode in a named text":            mixed("Content-Type: text/plain; name=f.txt\n\n" + uu(secret)),

		"multipart in base64 with a decoy": mime("Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n", b64(body)+"\n--b\n\nHello\n--b--\n"),

		"base64, every sign apart":                mixed(file + strings.Join(strings.Split(secret64, ""), " ")),
		"base64 closed by the inner boundary":     mixed(file + strings.TrimRight(secret64, "=") + "\n--inner--"),
		"base64 above dashes and words":           mixed(file + secret64 + "\n-- \nfooter of a list\n"),
		"base64 around a line of dashes":          mixed(file + secret64[:8] + "\n----\n" + secret64[8:]),
		"uuencode in quotes":                      mime("", strings.Replace(uu(secret), "f.bin", `"f.bin"`, 1)),
		"uuencode with the mode of a file system": mime("", strings.Replace(uu(secret), "begin 644", "begin 100644", 1)),
		"uuencode by its field, the lines alone":  mixed("Content-Type: application/x; name=f.bin\nContent-Transfer-Encoding: x-uuencode\n\n" + uu(secret)[strings.Index(uu(secret), "\n")+1:]),
		"yEnc at the top":                         mimeRaw("\n" + yenc(secret)),
		"yEnc cut short":                          mime("", "Hi\n"+strings.Replace(strings.Split(yenc(secret), "\n=yend")[0], "=ybegin ", "=ybegin size="+strconv.Itoa(len(secret))+" ", 1)+"\n"),
		"multipart wholly in qp":                  mime("Content-Type: multipart/mixed; boundary=\"=b\"\nContent-Transfer-Encoding: quoted-printable\n", strings.ReplaceAll("--=b\n"+file+secret64+"\n--=b--\n", "=", "=3D")),
		"the multipart is the last type of many":  around(strings.Repeat("Content-Type: text/x\nContent-Type: text/y\nContent-Type: a/b\n", 5)+"Content-Type: a/1\nContent-Type: a/2\nContent-Type: a/3\nContent-Type: a/4\nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"the last type of many is repeated":       around("Content-Type: a/1\nContent-Type: a/2\nContent-Type: a/3\nContent-Type: a/4\nContent-Type: a/5\n"+strings.Repeat("Content-Type: multipart/mixed; boundary=b\n", 2), "b"),
		"a delivery status, of two encodings":     mixed("Content-Type: message/delivery-status\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"one of many delivery statuses":           mime("Content-Type: multipart/mixed; boundary=b\n", "--b\n\nHello\n"+strings.Repeat("--b\nContent-Type: text/rfc822-headers\n\nx: y\n", 50)+"--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"+b64(secret)+"\n--b--\n"),
		"message in base64 and in the clear":      mixed("Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n" + b64(mixed(file+secret64))),
		"message in base64 and in qp":             mixed("Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: base64\n\n" + b64(mixed(file+secret64))),
		"second file of a uuencoded part":         mixed("Content-Type: application/octet-stream; name=a.txt\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 a.txt\n#86)C\n`\nend\n" + uu(secret)),
		"BinHex":                                  mime("", "Hi\n\n"+binHex("f.bin", secret)),
		"a file called a complaint":               mixed("Content-Type: message/feedback-report\nContent-Transfer-Encoding: base64\n\n" + b64(secret)),
		"BinHex behind another, and a mark":       mime("", "Hi\n\n"+string(binhexMark)+" 4.0)\n\nwords\n"+binHex("a.txt", "a")+"\n"+binHex("f.bin", secret)),
		"BinHex as a file":                        mixed("Content-Type: application/mac-binhex40; name=f.bin\n\n" + binHex("f.bin", secret)),
		"BinHex in base64":                        mixed("Content-Type: application/mac-binhex40; name=f.hqx\nContent-Transfer-Encoding: base64\n\n" + b64(binHex("f.bin", secret))),

		// Containers
		"message/partial alone":      mime("Content-Type: message/partial; id=x; number=1; total=1\n", "From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n"+body),
		"message in an octet-stream": mixed("Content-Type: application/octet-stream; name=a.eml\n\nFrom: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n" + body),
		"message without a header":   mixed("Content-Type: message/rfc822\n\n\n" + body),
		"no message, in a digest":    mime("Content-Type: multipart/digest; boundary=b\n", "--b\nContent-Disposition: attachment; filename=f.bin\nContent-Transfer-Encoding: base64\n\n"+secret64+"\n--b--\n"),
		"message called text":        mixed("Content-Type: text/rfc822\n\nFrom: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + body),
		"message in qp":              mixed("Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n" + qp("From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n"+body)),
		"AppleSingle":                mixed("Content-Type: application/applefile; name=f.bin\nContent-Transfer-Encoding: base64\n\n" + b64("\x00\x05\x16\x00\x00\x02\x00\x00"+strings.Repeat("\x00", 16)+"\x00\x01\x00\x00\x00\x01\x00\x00\x00\x26\x00\x00\x00"+string(rune(len(secret)))+secret)),
		"AppleDouble":                mime("Content-Type: multipart/appledouble; boundary=b\n", "--b\nContent-Type: application/applefile; name=f.bin\nContent-Transfer-Encoding: base64\n\n"+b64("\x00\x05\x16\x07"+strings.Repeat("\x00", 30))+"\n--b\n"+file+secret64+"\n--b--\n"),
		"opaque S/MIME":              mime("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n", b64(signedMail("Content-Type: multipart/mixed; boundary=b\n\n"+body, false))),
		"opaque S/MIME, indefinite":  mime("Content-Type: application/x-pkcs7-mime; name=smime.p7m\nContent-Transfer-Encoding: base64\n", b64(signedMail("Content-Type: multipart/mixed; boundary=b\n\n"+body, true))),
		"opaque S/MIME, by its name": mime("Content-Type: application/octet-stream; name=smime.p7m\nContent-Transfer-Encoding: base64\n", b64(signedMail("Content-Type: multipart/mixed; boundary=b\n\n"+body, true))),
		"TNEF":                       mixed("Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n" + b64(tnefMail())),
		"TNEF called something else": mixed("Content-Type: application/octet-stream; name=a.pdf\nContent-Transfer-Encoding: base64\n\n" + b64(tnefMail())),
	} {
		t.Run(name, func(t *testing.T) {
			m := Parse([]byte(raw), Limits{})
			checkMail(t, m)
			for _, a := range m.Attachments {
				if string(a.Content) == secret {
					if !strings.HasPrefix(a.Filename, "f.") && !strings.Contains(raw, "name=a.pdf") && !strings.Contains(raw, "message/feedback-report") && !strings.Contains(raw, "message/delivery-status") {
						t.Errorf("its name is %q", a.Filename)
					}
					return
				}
			}
			var names []string
			for _, a := range m.Attachments {
				names = append(names, a.Filename+" "+string(a.Content[:min(len(a.Content), 80)]))
			}
			t.Errorf("the file was not found; attachments %q, reply %q, defects %q", names, m.Reply, m.Defects)
		})
	}
}

// yenc encodes as yEnc does.
func yenc(s string) string {
	var b strings.Builder
	b.WriteString("=ybegin line=128 size=" + string(rune('0'+len(s)/10)) + string(rune('0'+len(s)%10)) + " name=f.bin\n")
	for i := range len(s) {
		switch c := s[i] + 42; c {
		case 0, '\n', '\r', '=':
			b.WriteByte('=')
			b.WriteByte(c + 64)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "\n=yend size=68\n"
}

// signedMail wraps a MIME part in PKCS#7 signed-data without any signer.
func signedMail(part string, indefinite bool) string {
	part = strings.ReplaceAll(part, "\n", "\r\n")
	tlv := func(tag byte, content string) string {
		if indefinite && tag&0x20 != 0 {
			return string([]byte{tag, 0x80}) + content + "\x00\x00"
		}
		n := len(content)
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + content
	}
	octets := tlv(0x04, part)
	if indefinite {
		octets = tlv(0x24, tlv(0x04, part[:50])+tlv(0x04, part[50:]))
	}
	content := tlv(0x30, tlv(0x06, string(oidData))+tlv(0xa0, octets))
	return tlv(0x30, tlv(0x06, string(oidSignedData))+tlv(0xa0, tlv(0x30, "\x02\x01\x01"+tlv(0x31, "")+content+tlv(0x31, ""))))
}

func le16(n int) string { return string([]byte{byte(n), byte(n >> 8)}) }

func le32(n int) string { return le16(n&0xffff) + le16(n>>16) }

// tnefStream makes a TNEF stream of attributes.
func tnefStream(attributes ...string) string {
	return string(tnefSignature) + "\x01\x00" + strings.Join(attributes, "")
}

func tnefAttribute(level byte, id int, data string) string {
	return string(level) + le32(id) + le32(len(data)) + data + "\x00\x00"
}

// tnefProperty makes a MAPI property of variable length.
func tnefProperty(kind, id int, s string) string {
	return le16(kind) + le16(id) + le32(1) + le32(len(s)) + s + strings.Repeat("\x00", (4-len(s)%4)%4)
}

// tnefMail makes a TNEF stream with a text, and the file under a long name.
func tnefMail() string {
	return tnefStream(
		tnefAttribute(1, 0x00069007, le32(1252)+le32(0)),
		tnefAttribute(1, 0x00069003, le32(2)+le16(3)+le16(0x1234)+le32(7)+tnefProperty(0x1e, 0x1000, "Hello from Outlook\x00")),
		tnefAttribute(2, 0x00069002, "\x01\x00"),
		tnefAttribute(2, 0x00018010, "F~1.BIN\x00"),
		tnefAttribute(2, 0x0006800f, secret),
		tnefAttribute(2, 0x00069005, le32(1)+tnefProperty(0x1f, 0x3707, "f\x00.\x00b\x00i\x00n\x00\x00\x00")),
	)
}

// winmailRTF makes a mail with messages in TNEF whose text is compressed RTF: each octet of the mail becomes eight.
func winmailRTF(messages int) string {
	var rtf strings.Builder
	rtf.WriteString("\x00\x00\x00\x00\xff\xff\xff\x7fLZFu\x00\x00\x00\x00\x00{\\rtf1 \x80")
	for at := len(rtfDictionary) + 8; at < 500_000; {
		rtf.WriteByte(0xff)
		for range 8 {
			ref := (at-1)&4095<<4 | 15
			rtf.Write([]byte{byte(ref >> 8), byte(ref)})
			at += 17
		}
	}
	inner := tnefStream(tnefAttribute(1, 0x00069003, le32(1)+tnefProperty(0x102, 0x1009, rtf.String())))
	file := tnefAttribute(2, 0x00069002, "") + tnefAttribute(2, 0x00069005, le32(1)+tnefProperty(0x0d, 0x3701, strings.Repeat("\x00", 16)+inner))
	return mixed("Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(tnefStream(strings.Repeat(file, messages)))))
}

// binHex writes a file as programs of the Macintosh do, without its checksums.
func binHex(name, content string) string {
	n := len(content)
	raw := string(rune(len(name))) + name + "\x00TEXTttxt\x00\x00" + string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + "\x00\x00\x00\x00\x00\x00" + content + "\x00\x00\x00\x00"
	raw = strings.ReplaceAll(raw, "\x90", "\x90\x00")
	raw = strings.ReplaceAll(raw, "\x00\x00\x00\x00\x00\x00", "\x00\x90\x06")
	b := base64.NewEncoding("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr").WithPadding(base64.NoPadding).EncodeToString([]byte(raw))
	var lines strings.Builder
	for b = ":" + b + ":"; len(b) > 64; b = b[64:] {
		lines.WriteString(b[:64] + "\n")
	}
	return "(This file must be converted with BinHex 4.0)\n\n" + lines.String() + b + "\n"
}
