package mailin

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

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
	return map[string]string{
		"one line":                mime("", rep("x")),
		"one field":               "Subject: " + rep("x") + "\r\n\r\n",
		"folded field":            "To: " + rep("a@example.com,\r\n ") + "\r\n\r\n",
		"many fields":             rep("X: y\r\n") + "\r\nbody",
		"bare CRs in header":      "X: y" + rep("\rA:") + "\r\n\r\n",
		"bare CRs, no fields":     "X: y" + rep("\r") + "\r\n\r\n",
		"junk in header":          "From: a@example.com\r\n" + rep("junk\r\nX: y\r\n") + "\r\n",
		"encoded-word beginnings": "Subject: " + rep("=?a?q?") + "\r\n\r\n",
		"encoded-words":           "Subject: " + rep("=?utf-8?q?=C3?=") + "\r\n\r\n",
		"open comments":           "From: " + rep("(") + "a@example.com\r\n\r\n",
		"open comments in type":   "Content-Type: " + rep("(") + "\r\n\r\n",
		"open brackets":           "From: " + rep("<") + "\r\n\r\n",
		"open quotes":             "From: " + rep("\"\\") + "\r\n\r\n",
		"parameters":              "Content-Type: a/b" + rep("; a*1=b") + "\r\n\r\n",
		"boundary lines":          mime("Content-Type: multipart/mixed; boundary=b\n", rep("--b\n")),
		"lines that look like it": mime("Content-Type: multipart/mixed; boundary=b\n", rep("--\n")),
		"almost boundary lines":   mime("Content-Type: multipart/mixed; boundary="+strings.Repeat("b", 70)+"\n", rep("--"+strings.Repeat("b", 69)+"\n")),
		"dashes":                  mime("Content-Type: multipart/mixed; boundary=b\n", rep("-")),
		"nested 1000 deep":        strings.Replace(deep(1000, "\n"+rep("x\n")), "\x00", "", -1),
		"nested, many dashes":     deep(49, "\n"+rep("--x\n")),
		"nested, big":             deep(49, file64+"\n"+base64.StdEncoding.EncodeToString([]byte(rep("x")))),
		"messages in messages":    "From: a@example.com\r\n" + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 49) + rep("x\r\n"),
		"encoded in encoded":      "From: a@example.com\r\n" + strings.Repeat("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", 49) + rep("x\r\n"),
		"branching":               branching(45),
		"uuencode beginnings":     mime("", rep("begin 644 x\n")),
		"uuencode without end":    mime("", rep("begin 644 x\n#0V%T\n")),
		"base64 padding":          mime("Content-Transfer-Encoding: base64\nContent-Type: a/b\n", rep("YQ==")),
		"base64 single octets":    mime("Content-Transfer-Encoding: base64\nContent-Type: a/b\n", rep("Y\n")),
		"soft line breaks":        mime("Content-Transfer-Encoding: quoted-printable\n", rep("=\n")),
		"spaces at line ends":     mime("Content-Transfer-Encoding: quoted-printable\n", rep(" ")+"\n"+rep(" \n")),
		"flowed":                  mime("Content-Type: text/plain; format=flowed; delsp=yes\n", rep("> > x \n")),
		"open tags":               mime("Content-Type: text/html\n", rep("<div><b ")),
		"open comments in HTML":   mime("Content-Type: text/html\n", rep("<!--<style")),
		"styles in HTML":          mime("Content-Type: multipart/alternative; boundary=b\n", "--b\n\nhi\n--b\nContent-Type: text/html\n\n"+rep("<style><head><title ")+"\n--b--\n"),
		"bounce of addresses":     "From: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n\r\n" + rep("<a@example.com>:\r\n550 no\r\n"),
		"bounce of at signs":      "From: MAILER-DAEMON@example.com\r\nSubject: failure notice\r\n\r\n" + rep("a@b"),
		"status of recipients":    mime("Content-Type: multipart/report; boundary=b; report-type=delivery-status\n", "--b\nContent-Type: message/delivery-status\n\n"+rep("Final-Recipient: rfc822;a@b\n")+"\n--b--\n"),
		"status folded":           mime("Content-Type: multipart/report; boundary=b\n", "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: x"+rep("\n a@")+"\n--b--\n"),
		"references":              "References: " + rep("<a@b>") + "\r\n\r\n",
		"NULs":                    rep("\x00"),
		"8-bit":                   "Subject: " + rep("\xfc") + "\r\n\r\n" + rep("\xfc "),
		"plus signs":              mime("", rep("reply+")),
		"tokens":                  mime("", rep("reply+abcdefghijklmnopqrstuvwxyz@")),
		"utf-7":                   mime("Content-Type: text/plain; charset=utf-7\n", rep("+AGE-")),
	}
}

// TestCost reads each hostile mail at 2 MB within a time that quadratic work would exceed by far, also on a busy machine under the race
// detector. Each takes less than half a second on an idle one.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many large mails: run without -short")
	}
	for name, raw := range hostileMails(2 << 20) {
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
