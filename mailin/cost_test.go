package mailin

import (
	"encoding/base64"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var megabytes = flag.Int("megabytes", 2, "the size of the hostile mails")

// hostileMails are mails made to be dear to read, each growing with n.
func hostileMails(n int) map[string]string {
	rep := func(s string) string { return strings.Repeat(s, n/len(s)+1) }
	branching := func(depth int) string {
		var b strings.Builder
		for i := range depth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=a%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n--a%d\r\n\r\n--b%d\r\n", i, i, i, i)
		}
		return "From: a@example.com\r\n" + b.String() + rep("x\r\n")
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	part64 := "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	nested := "From: a@example.com\r\n\r\n" + strings.Repeat("x", n/4)
	for len(nested) < n*3/4-200 {
		nested = part64 + b64(nested)
	}
	tnef := func(id uint32, data string) string {
		return string(tnefSignature) + "\x01\x00\x01" + string([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24), byte(len(data)), byte(len(data) >> 8), byte(len(data) >> 16), byte(len(data) >> 24)}) + data + "\x00\x00"
	}
	winmail := func(data string) string {
		return mixed("Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n" + b64(data))
	}
	body := func(kind uint16, id byte, s string) string {
		n := len(s)
		return "\x01\x00\x00\x00" + string([]byte{byte(kind), byte(kind >> 8), id, 0x10, 1, 0, 0, 0, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) + s
	}
	rtf := func(s string) string {
		n := len(s)
		return winmail(tnef(0x00069003, body(0x102, 9, "\x00\x00\x00\x00"+string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})+"MELA\x00\x00\x00\x00"+s)))
	}
	readings := func(head, body string) string {
		var b strings.Builder
		for i := range 9 {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=a%d\r\nContent-Type: multipart/related; boundary=a%d\r\n\r\n--a%d\r\n", i, i, i)
		}
		return "From: a@example.com\r\n" + b.String() + head + "\r\n\r\n" + body
	}
	half := func(s string) string { return strings.Repeat(s, min(n, 500<<10)/len(s)) } // fits into one header
	parts := func(field string) string {
		return mime("Content-Type: multipart/mixed; boundary=b\n", rep("--b\n"+field+"\n\nx\n"))
	}
	comments := half(strings.Repeat("(", 490) + ")")
	var types strings.Builder
	for i := range 3999 {
		fmt.Fprintf(&types, "Content-Type: %s%06d\n", strings.Repeat("a", 100), i)
	}
	// Runs of one octet, and less of them than the file is said to have.
	runs := strings.TrimRight(base64.NewEncoding("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr").WithPadding(base64.NoPadding).
		EncodeToString([]byte("\x01a\x00TEXTtext\x00\x00\x00\x30\x00\x00\x00\x00\x00\x00\x00\x00x"+strings.Repeat("\x90\xff", 6000))), "!")
	signed := "x"
	for range 45 {
		signed = "Content-Type: application/pkcs7-mime\n\n" + signedMail(strings.Repeat("y", 50)+signed, true)
	}
	return map[string]string{
		"base64 in base64":         nested,
		"TNEF properties":          winmail(tnef(0x00069003, "\xff\xff\xff\x7f"+rep("\x03\x00\x12\x34\x00\x00\x00\x00"))),
		"TNEF attributes":          winmail(tnef(0, "") + rep("\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00")),
		"RTF groups":               rtf("{\\rtf1\\fromhtml1" + rep("{")),
		"RTF words":                rtf("{\\rtf1 " + rep("\\u1 ?")),
		"RTF octets":               rtf("{\\rtf1 " + rep("\\'fc\\b ")),
		"RTF compressed":           winmail(tnef(0x00069003, body(0x102, 9, "\x00\x00\x00\x00\xff\xff\xff\x7fLZFu\x00\x00\x00\x00"+rep("\xff\x00\x0f\x00\x0f\x00\x0f\x00\x0f\x00\x0f\x00\x0f\x00\x0f\x00\x0f")))),
		"S/MIME in S/MIME":         mimeRaw(signed),
		"BER pieces":               mime("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n", b64("\x30\x80\x06\x09"+string(oidSignedData)+"\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09"+string(oidData)+"\xa0\x80\x24\x80"+rep("\x04\x01x"))),
		"BER depth":                mime("Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n", b64("\x30\x80\x06\x09"+string(oidSignedData)+"\xa0\x80\x30\x80"+rep("\x30\x80"))),
		"longer boundary lines":    mime("Content-Type: multipart/mixed; boundary=b\n", "--b\n\n"+rep("--bc\nContent-Type: a/b\n\n=bd\n")),
		"nested longer boundaries": deep(45, "\n"+rep("--b0x\nContent-Type: a/b\n\n=b0x\n")),
		"yEnc beginnings":          mime("", rep("=ybegin name=x\n")),
		"yEnc files":               mime("", rep("=ybegin name=x\nabc\n=yend\n")),
		"begin-base64 beginnings":  mime("", rep("begin-base64 644 x\nAAAA\n")),
		"ISO-2022-JP escapes":      mime("Content-Type: text/plain; charset=iso-2022-jp\n", rep("\x1b$B$3\x1b(B")),
		"octets of no charset":     mime("", rep("\xcf\xf0\xe8 \xb3\xa4 ")),
		"enriched":                 mime("Content-Type: text/enriched\n", rep("<param><bold><")),
		"calendar":                 mime("Content-Type: text/calendar\n", rep("BEGIN:VEVENT\nSUMMARY:x\n y\n")),
		"names of files":           mime("Content-Type: multipart/mixed; boundary=b\n", rep("--b\nContent-Disposition: attachment; filename*0*=utf-8''%41; filename*1=\"b c\"\nContent-Type: a/b; name=\"=?utf-8?q?x?=\"\n\nx\n")),
		"empty boundary":           mime("Content-Type: multipart/mixed; boundary=\"\"\n", rep("--\ncontent-x: y\n")),
		"HTML of elements":         mime("Content-Type: text/html\n", rep("<p><b>x</b></p>")),
		"HTML of attributes":       mime("Content-Type: text/html\n", "<p "+rep("a=b ")+">"),
		"HTML of tables":           mime("Content-Type: text/html\n", rep("<table><tr><td>")),
		"HTML of block quotes":     mime("Content-Type: text/html\n", rep("<blockquote>x")),
		"texts as alternatives":    mime("Content-Type: multipart/alternative; boundary=b\n", rep("--b\n\nwords of a text\n"+strings.Repeat("y ", 4000)+"\n")),
		"one line":                 mime("", rep("x")),
		"one field":                "Subject: " + rep("x") + "\r\n\r\n",
		"folded field":             "To: " + rep("a@example.com,\r\n ") + "\r\n\r\n",
		"many fields":              rep("X: y\r\n") + "\r\nbody",
		"bare CRs in header":       "X: y" + rep("\rA:") + "\r\n\r\n",
		"bare CRs, no fields":      "X: y" + rep("\r") + "\r\n\r\n",
		"junk in header":           "From: a@example.com\r\n" + rep("junk\r\nX: y\r\n") + "\r\n",
		"encoded-word beginnings":  "Subject: " + rep("=?a?q?") + "\r\n\r\n",
		"encoded-words":            "Subject: " + rep("=?utf-8?q?=C3?=") + "\r\n\r\n",
		"open comments":            "From: " + rep("(") + "a@example.com\r\n\r\n",
		"open comments in type":    "Content-Type: " + rep("(") + "\r\n\r\n",
		"open brackets":            "From: " + rep("<") + "\r\n\r\n",
		"open quotes":              "From: " + rep("\"\\") + "\r\n\r\n",
		"parameters":               "Content-Type: a/b" + rep("; a*1=b") + "\r\n\r\n",
		"boundary lines":           mime("Content-Type: multipart/mixed; boundary=b\n", rep("--b\n")),
		"lines that look like it":  mime("Content-Type: multipart/mixed; boundary=b\n", rep("--\n")),
		"almost boundary lines":    mime("Content-Type: multipart/mixed; boundary="+strings.Repeat("b", 70)+"\n", rep("--"+strings.Repeat("b", 69)+"\n")),
		"dashes":                   mime("Content-Type: multipart/mixed; boundary=b\n", rep("-")),
		"nested 1000 deep":         strings.Replace(deep(1000, "\n"+rep("x\n")), "\x00", "", -1),
		"nested, many dashes":      deep(49, "\n"+rep("--x\n")),
		"nested, big":              deep(49, file64+"\n"+base64.StdEncoding.EncodeToString([]byte(rep("x")))),
		"messages in messages":     "From: a@example.com\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 49) + rep("x\r\n"),
		"encoded in encoded":       "From: a@example.com\r\n" + strings.Repeat("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 49) + rep("x\r\n"),
		"branching":                branching(45),
		"readings of a message":    readings("Content-Type: message/rfc822", "From: b@example.com\r\nSubject: x\r\n\r\n"+rep("hello\r\n")),
		"readings of a header":     readings(strings.TrimSpace(half("X: "+strings.Repeat("y", 120)+"\r\n")), "x"),
		"readings of a name":       readings("Content-Disposition: attachment; filename="+half("=?utf-8?q?=41?= "), "x"),
		"readings of parameters":   readings("Content-Type: a/b"+half("; a=b c"), "x"),
		"nested comments in types": parts("Content-Type: a/b; " + comments),
		"nested comments":          parts("Content-Disposition: " + comments),
		"Content-Type fields":      parts(strings.TrimSpace(types.String())),
		"bare CRs behind fields":   half("A:b\r")[:16<<10] + rep("\r") + "\n\r\nbody\r\n",
		"angles behind a name":     "From: " + half("x ") + half("<a@b>") + "\r\n\r\n",
		"colons behind an address": "From: " + half("x")[:200<<10] + "@" + half(":")[:200<<10] + "\r\n\r\n",
		"BinHex cut short":         parts("Content-Type: a/b\n\n" + strings.Repeat(string(binhexMark)+" 4.0)\n:"+runs+"\n\n", 20)),
		"uuencode beginnings":      mime("", rep("begin 644 x\n")),
		"uuencode without end":     mime("", rep("begin 644 x\n#0V%T\n")),
		"base64 padding":           mime("Content-Transfer-Encoding: base64\nContent-Type: a/b\n", rep("YQ==")),
		"base64 single octets":     mime("Content-Transfer-Encoding: base64\nContent-Type: a/b\n", rep("Y\n")),
		"soft line breaks":         mime("Content-Transfer-Encoding: quoted-printable\n", rep("=\n")),
		"spaces at line ends":      mime("Content-Transfer-Encoding: quoted-printable\n", rep(" ")+"\n"+rep(" \n")),
		"flowed":                   mime("Content-Type: text/plain; format=flowed; delsp=yes\n", rep("> > x \n")),
		"open tags":                mime("Content-Type: text/html\n", rep("<div><b ")),
		"open comments in HTML":    mime("Content-Type: text/html\n", rep("<!--<style")),
		"styles in HTML":           mime("Content-Type: multipart/alternative; boundary=b\n", "--b\n\nhi\n--b\nContent-Type: text/html\n\n"+rep("<style><head><title ")+"\n--b--\n"),
		"bounce of addresses":      "From: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n\r\n" + rep("<a@example.com>:\r\n550 no\r\n"),
		"bounce of at signs":       "From: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n\r\n" + rep("a@b"),
		"status of recipients":     mime("Content-Type: multipart/report; boundary=b; report-type=delivery-status\n", "--b\nContent-Type: message/delivery-status\n\n"+rep("Final-Recipient: rfc822;a@b\n")+"\n--b--\n"),
		"status folded":            mime("Content-Type: multipart/report; boundary=b\n", "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: x"+rep("\n a@")+"\n--b--\n"),
		"references":               "References: " + rep("<a@b>") + "\r\n\r\n",
		"NULs":                     rep("\x00"),
		"8-bit":                    "Subject: " + rep("\xfc") + "\r\n\r\n" + rep("\xfc "),
		"plus signs":               mime("", rep("reply+")),
		"tokens":                   mime("", rep("reply+abcdefghijklmnopqrstuvwxyz@")),
		"utf-7":                    mime("Content-Type: text/plain; charset=utf-7\n", rep("+AGE-")),
	}
}

// TestCost reads each hostile mail at 2 MB within a time that quadratic work would exceed by far, also on a busy machine under the race
// detector. Each takes less than half a second on an idle one.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many large mails: run without -short")
	}
	for name, raw := range hostileMails(*megabytes << 20) {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			m := Parse([]byte(raw), Limits{})
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			} else if testing.Verbose() {
				t.Logf("%v, %d attachments, over bound %q", d.Round(time.Millisecond), len(m.Attachments), m.OverBound)
			}
			Describe(m)
		})
	}
}
