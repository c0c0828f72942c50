package main

import (
	"encoding/base64"
	"encoding/hex"
	"mime"
	"strings"
	"testing"
)

// TestSearchFindsOneWord hides one word in a notice, in each place and each coding that mail has: the search finds it. Where nothing is hidden it finds nothing.
func TestSearchFindsOneWord(t *testing.T) {
	const word = "mandelbaum"
	const path = "MAIL FROM:<bounce@example.com> SIZE=900\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
	const fields = "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nFrom: Harbour Clinic <no-reply@example.com>\r\nSubject: You have a message\r\nMIME-Version: 1.0\r\n"
	const top = "Content-Type: multipart/alternative; boundary=x\r\n\r\n"
	const text = "--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSign in here.\r\n"
	const page = "--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Sign in here.</p>\r\n"
	const end = "--x--\r\n"
	coded := func(f func(b byte) string) string {
		var all strings.Builder
		for _, b := range []byte(word) {
			all.WriteString(f(b))
		}
		return all.String()
	}
	hexed := func(prefix string) string {
		return coded(func(b byte) string { return prefix + strings.ToUpper(hex.EncodeToString([]byte{b})) })
	}
	attachment := func(field, body string) string {
		return "--x\r\nContent-Type: application/octet-stream\r\n" + field + "\r\n" + body + "\r\n"
	}
	based := base64.StdEncoding.EncodeToString([]byte("say " + word + " to her"))
	for name, m := range map[string]overheard{
		"as it is":                       {path, fields + top + text + word + "\r\n" + page + end},
		"in upper case":                  {path, fields + top + text + "MandelBaum\r\n" + page + end},
		"within a word":                  {path, fields + top + text + "xx" + word + "yy\r\n" + page + end},
		"broken over two lines":          {path, fields + top + text + "mandel=\r\nbaum\r\n" + page + end},
		"in quoted-printable":            {path, fields + top + text + hexed("=") + "\r\n" + page + end},
		"in entities":                    {path, fields + top + text + page + coded(func(b byte) string { return "&#x" + hex.EncodeToString([]byte{b}) + ";" }) + "\r\n" + end},
		"among tags":                     {path, fields + top + text + page + "man<b>del</b>ba<!-- -->um\r\n" + end},
		"in a comment of the page":       {path, fields + top + text + page + "<!-- " + word + " -->\r\n" + end},
		"before the parts":               {path, fields + top + word + "\r\n" + text + page + end},
		"after the parts":                {path, fields + top + text + page + end + word + "\r\n"},
		"in the subject":                 {path, "X: " + word + "\r\n" + fields + top + text + page + end},
		"in a subject in Q":              {path, "X-Subject: =?utf-8?q?" + hexed("=") + "?=\r\n" + fields + top + text + page + end},
		"in a subject in B":              {path, "X-Subject: " + mime.BEncoding.Encode("utf-8", "é "+word) + "\r\n" + fields + top + text + page + end},
		"in a subject over two words":    {path, "X-Subject: =?utf-8?q?mandel?=\r\n =?utf-8?q?baum?=\r\n" + fields + top + text + page + end},
		"in a file's name":               {path, fields + top + text + attachment("Content-Disposition: attachment; filename=\""+word+".txt\"\r\n", "x") + end},
		"in a file's name, percent":      {path, fields + top + text + attachment("Content-Disposition: attachment; filename*=utf-8''"+hexed("%")+"\r\n", "x") + end},
		"in a file's name, continued":    {path, fields + top + text + attachment("Content-Disposition: attachment; filename*0*=utf-8''mandel;\r\n filename*1*=baum.txt\r\n", "x") + end},
		"in a file":                      {path, fields + top + text + attachment("Content-Transfer-Encoding: base64\r\n", based) + end},
		"in a file, broken over lines":   {path, fields + top + text + attachment("Content-Transfer-Encoding: base64\r\n", based[:10]+"\r\n"+based[10:]) + end},
		"in base64 that nobody declared": {path, fields + top + text + based + "\r\n" + page + end},
		"in hex":                         {path, "X: " + hexed("") + "\r\n" + fields + top + text + page + end},
		"in a part of a part": {path, fields + top + "--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
			based + "\r\n--y--\r\n" + end},
		"in a link":                     {path, fields + top + text + "https://portal.example.com/m/?" + hexed("%") + "\r\n" + page + end},
		"in a link in base64":           {path, fields + top + text + "https://portal.example.com/m/" + base64.RawURLEncoding.EncodeToString([]byte("s="+word)) + "\r\n" + page + end},
		"in the envelope":               {strings.Replace(path, "bounce@", word+"@", 1), fields + top + text + page + end},
		"in the envelope's id":          {strings.Replace(path, "SIZE=900", "SIZE=900 ENVID="+word, 1), fields + top + text + page + end},
		"in the envelope's id in xtext": {strings.Replace(path, "SIZE=900", "SIZE=900 ENVID="+hexed("+"), 1), fields + top + text + page + end},
		"in the dialogue":               {"VRFY " + word + "\r\n" + path, fields + top + text + page + end},
	} {
		if h := newHaystack(spread(t, m)...); !h.holds(word) {
			t.Errorf("%s: it is not found", name)
		}
	}
	if newHaystack(spread(t, overheard{path, fields + top + text + page + end})...).holds(word) {
		t.Error("it is found where it is not")
	}
}

// Words of fewer than four letters are left out; where a script has no spaces, four letters are a word.
func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		"The Mandelbaum is red": "mandelbaum",
		"it's  a d'accord":      "accord",
		"Grüße aus Köln":        "grüße köln",
		"日本語漢字":                 "日本語漢 本語漢字",
		"abc 123456":            "",
		"e\u0301te\u0301s":      "e\u0301te\u0301s",
	} {
		if got := strings.Join(tokens(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
