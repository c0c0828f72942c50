package mailin

import (
	"bytes"
	"encoding/base64"
	"os"
	"strconv"
	"strings"
	"testing"
)

// unmarkedLines is a mail of 4 kB that is nothing but lines, as programs that measure servers send them.
func unmarkedLines() string {
	var b strings.Builder
	b.WriteString("Received: from client ([127.0.0.1])\r\n\tby mx.example.com with SMTP id 6a92a2df;\r\n\tFri, 20 Nov 2026 17:39:33 +0000 (UTC)\r\n" +
		"From: <ann@example.org>\r\nTo: <reply@example.com>\r\nDate: Fri, 20 Nov 2026 17:39:33 +0000 (UTC)\r\nMessage-Id: <051a.0003.0000@client>\r\n\r\n")
	for i := range 50 {
		b.WriteString(strconv.Itoa((i+1)%10) + strings.Repeat("X", 79) + "\r\n")
	}
	return b.String()
}

// replyHeader is that of a reply that came over two servers.
const replyHeader = "Return-Path: <ann@example.com>\nReceived: from mx.example.com (mx.example.com [192.0.2.10])\n\tby mail.example.org with ESMTPS id 4XYZ; Fri, 20 Nov 2026 08:15:02 +0100\n" +
	"Received: from phone.example.com ([192.0.2.77])\n\tby mx.example.com with ESMTPSA id 77aa; Fri, 20 Nov 2026 08:15:01 +0100\n" +
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=k1;\n\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\n\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\n" +
	"From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@example.com>\nTo: Support <reply+abcdefghijklmnopqrstuvwxyz234567@mail.example.org>\nSubject: Re: Your order 4711\nDate: Fri, 20 Nov 2026 08:15:00 +0100\n" +
	"Message-ID: <f00d@mail.example.com>\nIn-Reply-To: <m.abcdef@mail.example.org>\nReferences: <m.000001@mail.example.org>\n <m.abcdef@mail.example.org>\nMIME-Version: 1.0\n"

const replyHTML = `<html><head><meta http-equiv=3D"content-type" content=3D"text/html; charset=3Dutf-8"></head><body dir=3D"auto">Thank you, the second parcel has come today and everything in it is whole.<div><br></div><div>Could you tell me when the rest will be sent? I would like to =
be at home then.<br><br><div dir=3D"ltr">Sent from my iPhone</div><div dir=3D"ltr"><br><blockquote type=3D"cite">On 19 Nov 2026, at 17:02, Support &lt;reply+abcdefghijklmnopqrstuvwxyz234567@mail.example.org&gt; wrote:<br><br></blockquote></div>` +
	`<blockquote type=3D"cite"><div dir=3D"ltr"><p>Dear Ms M=C3=BCller,</p><p>the second parcel left yesterday. Please tell us when it has come, and whether anything is missing or broken.</p><p style=3D"margin:0;color:#1f1f1f">Kind regards,<br>Support</p></div></blockquote></div></body></html>`

// phoneReply has its text twice, as phones send it.
func phoneReply() string {
	return strings.ReplaceAll(replyHeader+"Content-Type: multipart/alternative; boundary=Apple-Mail-0A1B2C\nContent-Transfer-Encoding: 7bit\n\n"+
		"--Apple-Mail-0A1B2C\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"+
		"Thank you, the second parcel has come today and everything in it is whole.\n\nCould you tell me when the rest will be sent? I would like to be at home th=\nen.\n\nSent from my iPhone\n\n> On 19 Nov 2026, at 17:02, Support <reply+abcdefghijklmnopqrstuvwxyz234567@=\nmail.example.org> wrote:\n>=20\n"+
		"> =EF=BB=BFDear Ms M=C3=BCller,\n>=20\n> the second parcel left yesterday. Please tell us when it has come, and whether anything is missi=\nng or broken.\n>=20\n> Kind regards,\n> Support\n\n"+
		"--Apple-Mail-0A1B2C\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"+replyHTML+"\n--Apple-Mail-0A1B2C--\n", "\n", "\r\n")
}

// htmlReply has no text beside its HTML.
func htmlReply() string {
	return strings.ReplaceAll(replyHeader+"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"+replyHTML+"\n", "\n", "\r\n")
}

func BenchmarkParse(b *testing.B) {
	small, err := os.ReadFile("testdata/reply-gmail.eml")
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile("testdata/reply-text.eml")
	if err != nil {
		b.Fatal(err)
	}
	var wrapped bytes.Buffer
	enc := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("0123456789abcdef"), 2<<20/16))
	for len(enc) > 0 {
		n := min(76, len(enc))
		wrapped.WriteString(enc[:n] + "\r\n")
		enc = enc[n:]
	}
	big := strings.Replace(mixed("Content-Type: application/pdf; name=f.pdf\nContent-Transfer-Encoding: base64\n\nCONTENT"), "CONTENT", wrapped.String(), 1)
	crlf := func(b []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	}
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"text", crlf(text)},
		{"alternative", crlf(small)},
		{"lines without a mark", []byte(unmarkedLines())},
		{"phone", []byte(phoneReply())},
		{"HTML only", []byte(htmlReply())},
		{"attachment 2 MB", []byte(big)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for b.Loop() {
				Parse(c.raw, Limits{})
			}
		})
	}
}
