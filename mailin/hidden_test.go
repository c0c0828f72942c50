package mailin

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// secret is the file that each mail of TestHidden tries to hide, and its encodings.
const secret = "X5O-not-a-virus: the file that some client shows\x00\x01\x02 and so must we!"

var secret64 = base64.StdEncoding.EncodeToString([]byte(secret))

// envelope wraps a body in a mail.
func mime(head, body string) string {
	m := "From: Ann <ann@example.com>\nTo: desk@example.org\nSubject: file\nMessage-ID: <1@example.com>\nMIME-Version: 1.0\n" + head + "\n" + body
	return strings.ReplaceAll(m, "\n", "\r\n")
}

// mixed makes a multipart of a text and the part.
func mixed(part string) string {
	return mime("Content-Type: multipart/mixed; boundary=b1\n", "--b1\nContent-Type: text/plain\n\nHello\n--b1\n"+part+"\n--b1--\n")
}

// around makes a multipart with the given Content-Type field, parted by that boundary.
func around(field, boundary string) string {
	return mime(field, "--"+boundary+"\nContent-Type: text/plain\n\nHello\n--"+boundary+"\nContent-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\n\n"+secret64+"\n--"+boundary+"--\n")
}

func split64(n int) string {
	var b strings.Builder
	for i := 0; i < len(secret64); i += n {
		b.WriteString(secret64[i:min(i+n, len(secret64))] + "\n")
	}
	return b.String()
}

func qp(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "=%02X", s[i])
		if i%20 == 19 {
			b.WriteString("=\n")
		}
	}
	return b.String()
}

func uu(s string) string {
	var b strings.Builder
	b.WriteString("begin 644 f.bin\n")
	for len(s) > 0 {
		n := min(45, len(s))
		chunk := append([]byte(s[:n]), 0, 0)
		b.WriteByte(byte(' ' + n))
		for i := 0; i < n; i += 3 {
			for _, v := range []byte{chunk[i] >> 2, chunk[i]<<4&63 | chunk[i+1]>>4, chunk[i+1]<<2&63 | chunk[i+2]>>6, chunk[i+2] & 63} {
				b.WriteByte("`!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"[v])
			}
		}
		b.WriteByte('\n')
		s = s[n:]
	}
	return b.String() + "`\nend\n"
}

const file64 = "Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\n\n"

// TestHidden reads mails whose attachment some mail program shows and another one misses.
func TestHidden(t *testing.T) {
	inner := "--b2\n" + file64 + secret64 + "\n--b2--\n"
	for name, raw := range map[string]string{
		"plain": mixed(file64 + secret64),

		// Content-Type
		"second type is the multipart":   around("Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"first type is the multipart":    around("Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain\n", "b"),
		"two boundaries, first counts":   around("Content-Type: multipart/mixed; boundary=b; boundary=c\n", "b"),
		"two boundaries, second counts":  around("Content-Type: multipart/mixed; boundary=b; boundary=c\n", "c"),
		"two types, second boundary":     around("Content-Type: multipart/mixed; boundary=b\nContent-Type: multipart/mixed; boundary=c\n", "c"),
		"boundary in quotes":             around("Content-Type: multipart/mixed; boundary=\"b c\"\n", "b c"),
		"boundary in single quotes":      around("Content-Type: multipart/mixed; boundary='b'\n", "b"),
		"boundary with single quotes":    around("Content-Type: multipart/mixed; boundary='b'\n", "'b'"),
		"boundary unquoted with space":   around("Content-Type: multipart/mixed; boundary=b c\n", "b c"),
		"boundary cut at space":          around("Content-Type: multipart/mixed; boundary=b c\n", "b"),
		"boundary with escapes":          around("Content-Type: multipart/mixed; boundary=\"b\\c\"\n", "bc"),
		"boundary with raw escapes":      around("Content-Type: multipart/mixed; boundary=\"b\\c\"\n", "b\\c"),
		"boundary with comment":          around("Content-Type: multipart/mixed; boundary=b(c)\n", "b"),
		"boundary without comment":       around("Content-Type: multipart/mixed; boundary=b(c)\n", "b(c)"),
		"boundary extended":              around("Content-Type: multipart/mixed; boundary*=us-ascii''b%63\n", "bc"),
		"boundary continued":             around("Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n", "bc"),
		"boundary continued, shuffled":   around("Content-Type: multipart/mixed; boundary*1=c; boundary*0=b\n", "bc"),
		"boundary encoded-word":          around("Content-Type: multipart/mixed; boundary=\"=?utf-8?q?bc?=\"\n", "bc"),
		"boundary raw encoded-word":      around("Content-Type: multipart/mixed; boundary=\"=?utf-8?q?bc?=\"\n", "=?utf-8?q?bc?="),
		"boundary spaced":                around("Content-Type: multipart/mixed; boundary = b\n", "b"),
		"boundary trailing space":        around("Content-Type: multipart/mixed; boundary=\"b \"\n", "b"),
		"boundary unclosed quote":        around("Content-Type: multipart/mixed; boundary=\"b\n", "b"),
		"boundary without semicolon":     around("Content-Type: multipart/mixed boundary=b\n", "b"),
		"boundary after comma":           around("Content-Type: multipart/mixed, boundary=b\n", "b"),
		"boundary with equals":           around("Content-Type: multipart/mixed; boundary==_b\n", "=_b"),
		"boundary of 200":                around("Content-Type: multipart/mixed; boundary="+strings.Repeat("b", 190)+"\n", strings.Repeat("b", 190)),
		"boundary undeclared":            around("Content-Type: multipart/mixed\n", "b"),
		"boundary wrong":                 around("Content-Type: multipart/mixed; boundary=z\n", "b"),
		"boundary empty":                 around("Content-Type: multipart/mixed; boundary=\"\"\n", "b"),
		"boundary case":                  around("Content-Type: MULTIPART/Mixed; BOUNDARY=b\n", "b"),
		"type in comment":                around("Content-Type: (text/plain;) multipart/mixed; boundary=b\n", "b"),
		"type with comments":             around("Content-Type: multipart(x)/(y)mixed; boundary=b\n", "b"),
		"type folded":                    around("Content-Type:\n multipart/mixed;\n\tboundary=b\n", "b"),
		"type with spaced slash":         around("Content-Type: multipart / mixed; boundary=b\n", "b"),
		"type of unknown multipart":      around("Content-Type: multipart/x-strange; boundary=b\n", "b"),
		"type unreadable":                around("Content-Type: multipart; boundary=b\n", "b"),
		"type quoted":                    around("Content-Type: \"multipart/mixed\"; boundary=b\n", "b"),
		"type lies, boundary is there":   around("Content-Type: text/plain; boundary=b\n", "b"),
		"no type at all":                 around("", "b"),
		"space before colon":             around("Content-Type : multipart/mixed; boundary=b\n", "b"),
		"NUL in a field's name":          around("Content\x00-Type: multipart/mixed; boundary=b\n", "b"),
		"byte order mark before":         "\xef\xbb\xbf" + around("Content-Type: multipart/mixed; boundary=b\n", "b"),
		"empty line before":              "\r\n" + around("Content-Type: multipart/mixed; boundary=b\n", "b"),
		"called a delivery status":       mixed("Content-Type: message/delivery-status; name=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"junk line in header":            around("this is no field\nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"blank folded line in header":    around("Content-Type: multipart/mixed;\n \n boundary=b\n", "b"),
		"line of spaces before field":    around("X-A: b\n  \nContent-Type: multipart/mixed; boundary=b\n", "b"),
		"bare CR before field":           around("X-A: b\rContent-Type: multipart/mixed; boundary=b\n", "b"),
		"no MIME-Version, old type":      strings.Replace(around("Content-Type: multipart/mixed; boundary=b\n", "b"), "MIME-Version: 1.0\r\n", "", 1),
		"name only in second type field": mixed("Content-Type: text/plain\nContent-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\n\n" + secret64),

		// Boundary lines
		"no end":                        strings.Replace(mixed(file64+secret64), "--b1--", "", 1),
		"trailing spaces on boundary":   strings.ReplaceAll(mixed(file64+secret64), "--b1\r\n", "--b1  \t\r\n"),
		"trailing words on boundary":    strings.ReplaceAll(mixed(file64+secret64), "--b1\r\n", "--b1 x\r\n"),
		"after the end":                 mime("Content-Type: multipart/mixed; boundary=b1\n", "--b1\nContent-Type: text/plain\n\nHello\n--b1--\n--b1\n"+file64+secret64+"\n--b1--\n"),
		"end first":                     mime("Content-Type: multipart/mixed; boundary=b1\n", "--b1--\n--b1\n"+file64+secret64+"\n--b1--\n"),
		"inner with outer's boundary":   mime("Content-Type: multipart/mixed; boundary=b1\n", "--b1\nContent-Type: multipart/mixed; boundary=b1\n\n--b1\n"+file64+secret64+"\n--b1--\n--b1--\n"),
		"inner longer than outer's":     mime("Content-Type: multipart/mixed; boundary=b\n", "--b\nContent-Type: multipart/mixed; boundary=b2\n\n"+inner+"--b--\n"),
		"inner unfinished":              mime("Content-Type: multipart/mixed; boundary=b1\n", "--b1\nContent-Type: multipart/mixed; boundary=b2\n\n--b2\nContent-Type: text/plain\n\nhi\n--b1\n"+file64+secret64+"\n--b1--\n"),
		"LF only":                       strings.ReplaceAll(mixed(file64+secret64), "\r\n", "\n"),
		"CR only":                       strings.ReplaceAll(mixed(file64+secret64), "\r\n", "\r"),
		"CR CR LF":                      strings.ReplaceAll(mixed(file64+secret64), "\r\n", "\r\r\n"),
		"mixed line ends":               strings.Replace(mixed(file64+secret64), "--b1\r\n", "--b1\n", 1),
		"boundary after bare CR":        strings.Replace(mixed(file64+secret64), "Hello\r\n", "Hello\r", 1),
		"no empty line in part":         strings.Replace(mixed("Content-Transfer-Encoding: base64\nContent-Type: application/octet-stream; name=f.bin\n"+split64(60)), "base64\r\n\r\n", "base64\r\n", 1),
		"empty line before part fields": mixed("\n" + file64 + secret64),

		// Content-Transfer-Encoding
		"encoding twice, first":     mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n" + secret64),
		"encoding twice, second":    mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"encoding with comment":     mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: (7bit) base64 (x)\n\n" + secret64),
		"encoding in quotes":        mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: \"base64\"\n\n" + secret64),
		"encoding with words":       mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: base64; x=y\n\n" + secret64),
		"encoding folded":           mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding:\n BaSe64\n\n" + secret64),
		"encoding missing":          mixed("Content-Type: application/octet-stream; name=f.bin\n\n" + split64(60)),
		"encoding unknown":          mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: x-nothing\n\n" + split64(60)),
		"encoding prefixed":         mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: x-base64-y\n\n" + secret64),
		"base64 short lines":        mixed(file64 + split64(3)),
		"base64 with spaces":        mixed(file64 + strings.Join(strings.Split(split64(30), "\n"), " \n ")),
		"base64 with stray signs":   mixed(file64 + strings.Join(strings.Split(split64(20), "\n"), "!\n*")),
		"base64 without padding":    mixed(file64 + strings.TrimRight(secret64, "=")),
		"base64 with a footer":      mixed(file64 + secret64 + "\n\n-- \nA list. Visit it.\n"),
		"base64 unpadded, footer":   mixed(file64 + strings.TrimRight(secret64, "=") + "\n\nA list. Visit it.\n"),
		"base64 in pieces":          mixed(file64 + base64.StdEncoding.EncodeToString([]byte(secret[:10])) + "\n" + base64.StdEncoding.EncodeToString([]byte(secret[10:]))),
		"base64, more behind":       mixed(file64 + secret64 + "\n" + base64.StdEncoding.EncodeToString([]byte("more"))),
		"quoted-printable":          mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: quoted-printable\n\n" + qp(secret)),
		"quoted-printable in lower": mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: QUOTED-PRINTABLE\n\n" + strings.ToLower(qp(secret))),
		"uuencode as encoding":      mixed("Content-Type: application/octet-stream; name=f.bin\nContent-Transfer-Encoding: x-uuencode\n\n" + uu(secret)),
		"uuencode in text":          mime("Content-Type: text/plain\n", "Hello\n\n"+uu(secret)+"\nBye\n"),
		"uuencode without MIME":     mime("", "Hello\n\n"+uu(secret)),
		"multipart in base64":       mime("Content-Type: multipart/mixed; boundary=b2\nContent-Transfer-Encoding: base64\n", base64.StdEncoding.EncodeToString([]byte(inner))),
		"multipart in qp":           mime("Content-Type: multipart/mixed; boundary=b2\nContent-Transfer-Encoding: quoted-printable\n", qp(inner)),
		"message in base64":         mixed("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(mixed(file64+secret64)))),

		// Where it stands and how it is named
		"in a message":                 mixed("Content-Type: message/rfc822\n\n" + mixed(file64+secret64)),
		"in a digest":                  mime("Content-Type: multipart/digest; boundary=d\n", "--d\n\n"+mixed(file64+secret64)+"\n--d--\n"),
		"in alternatives":              mime("Content-Type: multipart/alternative; boundary=b\n", "--b\nContent-Type: text/plain\n\nHello\n--b\n"+file64+secret64+"\n--b--\n"),
		"in related without id":        mime("Content-Type: multipart/related; boundary=b\n", "--b\nContent-Type: text/html\n\n<p>Hello\n--b\n"+file64+secret64+"\n--b--\n"),
		"the whole mail":               mime("Content-Type: application/octet-stream\nContent-Disposition: attachment; filename=f.bin\nContent-Transfer-Encoding: base64\n", secret64),
		"no type, a disposition":       mixed("Content-Disposition: attachment; filename=f.bin\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"type unreadable in part":      mixed("Content-Type: ;;;\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"text with a name":             mixed("Content-Type: text/plain; name=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"text, inline, with a name":    mixed("Content-Type: text/html\nContent-Disposition: inline; filename=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"dispositions contradict":      mixed("Content-Type: text/plain\nContent-Disposition: inline\nContent-Disposition: attachment; filename=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"disposition unknown":          mixed("Content-Type: text/plain\nContent-Disposition: strange; filename=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"disposition without type":     mixed("Content-Disposition: filename=f.exe\nContent-Transfer-Encoding: base64\n\n" + secret64),
		"signed":                       mime("Content-Type: multipart/signed; boundary=s; protocol=\"application/pgp-signature\"\n", "--s\nContent-Type: multipart/mixed; boundary=b2\n\n"+inner+"--s\nContent-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----\n--s--\n"),
		"40 deep":                      deep(40, file64+secret64),
		"long header before":           strings.Replace(mixed(file64+secret64), "Subject:", "X-Long: "+strings.Repeat("x", 100000)+"\r\nSubject:", 1),
		"in a message in a report":     mime("Content-Type: multipart/report; report-type=x; boundary=b\n", "--b\nContent-Type: text/plain\n\nHello\n--b\nContent-Type: message/rfc822\n\n"+mixed(file64+secret64)+"\n--b--\n"),
		"in a multipart called report": mime("Content-Type: multipart/report; report-type=x; boundary=b\n", "--b\nContent-Type: text/plain\n\nHello\n--b\n"+file64+secret64+"\n--b--\n"),
	} {
		t.Run(name, func(t *testing.T) {
			m := Parse([]byte(raw), Limits{})
			checkMail(t, m)
			for _, a := range m.Attachments {
				if string(a.Content) == secret {
					return
				}
			}
			t.Errorf("the file was not found; attachments %d, reply %q, defects %q", len(m.Attachments), m.Reply, m.Defects)
		})
	}
}

// deep nests a part n times.
func deep(n int, part string) string {
	var open, end strings.Builder
	for i := range n {
		if i > 0 {
			fmt.Fprintf(&open, "--b%d\n", i-1)
		}
		if i < n-1 {
			fmt.Fprintf(&open, "Content-Type: multipart/mixed; boundary=b%d\n\n", i)
		} else {
			open.WriteString(part + "\n")
		}
	}
	for i := n - 2; i >= 0; i-- {
		fmt.Fprintf(&end, "--b%d--\n", i)
	}
	return mimeRaw(open.String() + end.String())
}

func mimeRaw(rest string) string {
	return strings.ReplaceAll("From: Ann <ann@example.com>\n"+rest, "\n", "\r\n")
}
