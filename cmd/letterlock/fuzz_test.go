package main

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Whatever stands in a configuration file, reading it ends, and what is wrong with it is one line that names the file.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "domain = \"a.example\"", "[smtp]\nmax_size = \"3MB\"\n", "[[imap]]\nname = 1\n[[imap]]\nusrname = 2", "imap = {a.b = 1}",
		"smtp = 3", "smtp = [1, {a = 2}]", "a.\"b.c\".d = 1", "[a]\n[a.b]\nc = [[1]]", "inbox = [\"x\", 3]", "domain = \"\"\"\nx\"\"\"", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := &configFile{path: "x.toml", env: os.LookupEnv}
		if err := c.parse(text); err != nil && !strings.HasPrefix(err.Error(), "x.toml") {
			t.Errorf("got %q, want the file's name first", err)
		}
	})
}

// A mailbox given as a flag is read or refused, and its password does not come back.
func FuzzMailboxFlag(f *testing.F) {
	for _, seed := range []string{"name=a,address=h:1,password=sesame", "=,=,", "password=sesame,poll=x", "name", "\x00=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c IMAPConfig
		c.read(text)
		err := c.complete(0, map[string]bool{})
		if err != nil && len(c.Password) > 8 && !strings.Contains(c.Address+c.Name+c.TLS+c.After+c.Since, c.Password) && strings.Contains(err.Error(), c.Password) {
			t.Errorf("got %q, which tells the password", err)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"1MiB", "25 mb", "1h30m", "2d", "-1", "9223372036854775807GiB", "٣MB", "1e9s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var size, size2 Size
		if size.UnmarshalText([]byte(text)) == nil {
			form, _ := size.MarshalText()
			if err := size2.UnmarshalText(form); err != nil || size != size2 || size < 0 {
				t.Errorf("size %q: got %d, then %d (%v)", text, size, size2, err)
			}
		}
		var d, d2 Duration
		if d.UnmarshalText([]byte(text)) == nil {
			form, _ := d.MarshalText()
			if err := d2.UnmarshalText(form); err != nil || d != d2 || d < 0 {
				t.Errorf("duration %q: got %d, then %d (%v)", text, d, d2, err)
			}
		}
	})
}

// The demo shows whatever came to its relay, and answers it with a mail that is one.
func FuzzReadLetter(f *testing.F) {
	f.Add([]byte("From: A <a@example.org>\r\nReply-To: reply+x@example.org\r\nSubject: =?utf-8?q?=C3=A4?=\r\n\r\nHello\r\n"))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x\r\n--b--\r\n"))
	f.Add([]byte("Message-ID: <a@b\r\nReferences: <<>\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := readLetter(raw)
		m := answerTo(sunk{Letter: l}, jonas, "Yes\u2028no", time.Unix(1.8e9, 0))
		header, _, found := strings.Cut(string(m.raw), "\r\n\r\n")
		if !found || !utf8.ValidString(header) {
			t.Fatalf("got no header in %q", m.raw)
		}
		for line := range strings.SplitSeq(header, "\r\n") {
			if strings.ContainsAny(line, "\r\n") || !strings.HasPrefix(line, " ") && !strings.Contains(line, ": ") {
				t.Errorf("got a header line %q", line)
			}
		}
	})
}
