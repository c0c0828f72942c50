package compose

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// FuzzCompose composes a copy of anything and reads it again: only our fields, no long line, and every text and name as it went in.
func FuzzCompose(f *testing.F) {
	f.Add("Subject", "Author", "Text\n.\nmore", "<p>x</p>", "name.txt", "content", "id@x", "Org", "Ann")
	f.Add("=?utf-8?q?=0D=0ABcc:?=", "a,b\r\nX: y", "--=_letterlock_1\r\n", "", "a\"b\\c.txt", "\x00\xff", "a b", "Org, Inc.", "\u202e")
	f.Add("   ", "日本語", "\r\r\n\n", "<img src=cid:a@b>", strings.Repeat("ü", 200), "", "<>", "\x00", "{organization}")
	f.Fuzz(func(t *testing.T, subject, author, text, html, name, content, id, organization, recipient string) {
		o := full()
		o.Subject, o.Author, o.Text, o.HTML, o.Organization, o.Recipient.Name = subject, author, text, html, organization, recipient
		o.References, o.InReplyTo = []string{id, id + "x"}, ""
		if html == "" { // where the text alone tells what comes out
			o.Previous = &bridge.Previous{Author: recipient, At: when, Text: content}
		}
		a := attachment(name, name, content)
		a.ContentID = "a@b"
		plain := attachment(content, "text/plain", name)
		plain.ContentID = id
		o.Attachments = []bridge.Attachment{a, plain}

		m, err := newComposer(t, nil).Compose(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		checkShape(t, m)
		l := read(t, m.Data)

		wantSubject := oneLine(subject)
		if wantSubject == "" {
			wantSubject = "(no subject)"
		}
		if got, err := l.header.Subject(); err != nil || strings.TrimPrefix(got, "Re: ") != strings.TrimPrefix(wantSubject, "Re: ") {
			t.Errorf("subject: got %q, %v, want %q", got, err, wantSubject)
		}
		en := newComposer(t, nil).languages[wording.Fallback]
		from := l.from(t)
		if want := authorName(en, o); from.Name != want || from.Address != o.From.Addr {
			t.Errorf("from: got %q, want %q", from, want)
		}
		if to, err := l.header.AddressList("To"); err != nil || len(to) != 1 || to[0].Name != oneLine(recipient) || to[0].Address != o.Recipient.Addr {
			t.Errorf("to: got %v, %v, want %q", to, err, recipient)
		}
		if strings.TrimSpace(text) != "" {
			want := strings.TrimRight(lines(text), "\n") + "\n\n"
			if before, _ := previous(en, o.Previous); before != "" {
				want += strings.TrimRight(before, "\n") + "\n\n"
			}
			if want += "-- \n"; !strings.HasPrefix(l.text, want) {
				t.Errorf("text: got %q, want it to begin with %q", l.text, want)
			}
		}
		if len(l.names) != 2 {
			t.Fatalf("got files %q, want two", l.names)
		}
		for i, a := range o.Attachments {
			at := i
			if l.contents[0] != string(o.Attachments[0].Blob.Inline) {
				at = 1 - i
			}
			if l.names[at] != filename(a) || l.contents[at] != string(a.Blob.Inline) {
				t.Errorf("file %d: got %q with %q, want %q with %q", i, l.names[at], l.contents[at], filename(a), a.Blob.Inline)
			}
			if n := l.names[at]; n == "" || strings.ContainsAny(n, "/\\\r\n\x00") {
				t.Errorf("file name %q", n)
			}
		}
	})
}

// FuzzNotice gives a notice fields from anybody: it may refuse, but it composes nothing out of shape.
func FuzzNotice(f *testing.F) {
	f.Add("ann@home.example", "https://x.example/m/1", "id@x.example", "Org", "reason", "1234")
	f.Add("a@b\r\nBcc: c@d.example", "javascript:alert(1)", "a\r\nb", "<b>", "{link}", "\x00")
	f.Fuzz(func(t *testing.T, address, link, id, organization, reason, code string) {
		c := newComposer(t, nil)
		for _, kind := range kinds {
			o := notice()
			o.Phrase, o.Letterhead, o.Locale = reason, bridge.Letterhead{Postal: organization, Contact: code}, "ar"
			o.Delivery.Kind, o.Recipient.Addr, o.Link, o.MessageID, o.Organization, o.Reason, o.Code = kind, address, link, id, organization, reason, code
			m, err := c.Compose(context.Background(), o)
			if err != nil {
				if !errors.Is(err, bridge.ErrInvalid) {
					t.Errorf("got %v", err)
				}
				continue
			}
			checkShape(t, m)
			l := read(t, m.Data)
			if n := strings.Count(l.html, "<a "); n > 1 || strings.Contains(strings.ToLower(l.html), "javascript:") {
				t.Errorf("html:\n%s", l.html)
			}
		}
	})
}

// alphabets are where the words of random messages come from.
var alphabets = []string{
	"abcdefghijklmnopqrstuvwxyz", "äöüßéèçñøåæ", "абвгдежзиклмнопрст", "αβγδεζηθικλμ", "אבגדהוזחטי", "ابتثجحخدذر", "日本語漢字平仮名片", "가나다라마바사", "कखगघचछजझ",
}

func randomWord(r *rand.Rand) string {
	letters := []rune(alphabets[r.IntN(len(alphabets))])
	w := make([]rune, 4+r.IntN(12))
	for i := range w {
		w[i] = letters[r.IntN(len(letters))]
	}
	if r.IntN(3) == 0 {
		w[0] = unicode.ToUpper(w[0])
	}
	return string(w)
}

// TestNoticesLeakNoWord composes notices for random messages whose content was left in place, which Prepare would never do, and
// looks for each of their words in the raw and in the decoded mail.
func TestNoticesLeakNoWord(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	c := newComposer(t, nil)
	n := 3000
	if testing.Short() {
		n = 300
	}
	for range n {
		words := func() string {
			var all []string
			for range 1 + r.IntN(20) {
				all = append(all, randomWord(r))
			}
			return strings.Join(all, " ")
		}
		o := full()
		o.Form = bridge.FormNotice
		o.Subject, o.Author, o.Text = words(), words(), words()
		o.HTML = "<p>" + words() + "</p>"
		o.Attachments = []bridge.Attachment{attachment(words()+".pdf", "application/pdf", words())}
		m, err := c.Compose(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		l := read(t, m.Data)
		subject, _ := l.header.Subject()
		all := strings.ToLower(string(m.Data) + l.text + l.html + subject + l.from(t).String() + m.ReversePath)
		text := strings.Join([]string{o.Subject, o.Author, o.Text, strings.Trim(o.HTML, "</p>"), o.Attachments[0].Filename, string(o.Attachments[0].Blob.Inline)}, " ")
		for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ' ' || r == '.' }) {
			if len([]rune(w)) >= 4 && strings.Contains(all, w) {
				t.Fatalf("the notice holds %q:\n%s", w, m.Data)
			}
		}
	}
}

func BenchmarkNotice(b *testing.B) {
	benchmark(b, notice())
}

func BenchmarkCopy(b *testing.B) {
	o := full()
	o.Text = strings.Repeat("A line of an ordinary letter, of ordinary length.\n", 40)
	o.Attachments = nil
	benchmark(b, o)
}

func BenchmarkCopyOf1MB(b *testing.B) {
	o := full()
	o.Attachments = []bridge.Attachment{attachment("scan.tif", "image/tiff", strings.Repeat("0123456789abcdef", 1<<16))}
	benchmark(b, o)
}

func benchmark(b *testing.B, o bridge.Outgoing) {
	c := newComposer(b, nil)
	m, err := c.Compose(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(m.Data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Compose(context.Background(), o); err != nil {
			b.Fatal(err)
		}
	}
}
