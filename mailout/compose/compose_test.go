package compose

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shelf serves files from memory.
type shelf map[string][]byte

func (s shelf) OpenBlob(_ context.Context, b bridge.Blob) (io.ReadCloser, error) {
	if b.Key == "" {
		return io.NopCloser(bytes.NewReader(b.Inline)), nil
	}
	content, ok := s[b.Key]
	if !ok {
		return nil, fmt.Errorf("blob %q: %w", b.Key, bridge.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

func newComposer(tb testing.TB, files shelf) *Composer {
	tb.Helper()
	c, err := New(Config{Files: files, MaxFiles: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var when = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// notice is what Prepare gives in secure mode.
func notice() bridge.Outgoing {
	return bridge.Outgoing{
		Delivery:     bridge.Delivery{ID: bridge.ID{1}, Kind: bridge.DeliverMessage},
		Form:         bridge.FormNotice,
		ReversePath:  "bounce+aaaa@clinic.example",
		Recipient:    bridge.Address{Name: "Ann Berg", Addr: "ann@home.example"},
		From:         bridge.Address{Name: "Seaside Clinic", Addr: "no-reply@clinic.example"},
		MessageID:    "tokentoken@clinic.example",
		Date:         when,
		Organization: "Seaside Clinic",
		BaseURL:      "https://portal.clinic.example",
		Link:         "https://portal.clinic.example/m/tokentoken",
		Sample:       wording.Notice,
	}
}

// kinds are all that a mail can be about.
var kinds = []bridge.DeliveryKind{
	bridge.DeliverMessage, bridge.DeliverCode, bridge.DeliverAlert, bridge.DeliverAnswer, bridge.DeliverDevice,
	bridge.DeliverReminder, bridge.DeliverUnopened, bridge.DeliverDigest, bridge.DeliverTrouble, bridge.DeliverSample,
}

// full is what Prepare gives in convenience mode.
func full() bridge.Outgoing {
	o := notice()
	o.Form = bridge.FormCopy
	o.ReplyTo = "reply+bbbb@clinic.example"
	o.Subject = "Your test results"
	o.Author = "Dr. Eva Lind"
	o.Text = "Dear Ann,\n\nall is well. See the attached report.\n\nEva"
	o.InReplyTo = "earlier@clinic.example"
	o.References = []string{"first@home.example", "earlier@clinic.example"}
	o.Attachments = []bridge.Attachment{attachment("report.pdf", "application/pdf", "%PDF-1.7 all well")}
	return o
}

func attachment(name, kind, content string) bridge.Attachment {
	return bridge.Attachment{
		ID: bridge.ID{7}, Filename: name, ContentType: kind,
		Blob: bridge.Blob{Size: int64(len(content)), Inline: []byte(content)},
	}
}

func compose(tb testing.TB, o bridge.Outgoing) Mail {
	tb.Helper()
	m, err := newComposer(tb, nil).Compose(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// letterRead is a mail as its recipient's program reads it.
type letterRead struct {
	header     *mail.Header
	text, html string
	names      []string
	contents   []string
	kinds      []string
}

func read(tb testing.TB, data []byte) letterRead {
	tb.Helper()
	r, err := mail.CreateReader(bytes.NewReader(data))
	if err != nil {
		tb.Fatalf("read the mail again: %v\n%s", err, data)
	}
	l := letterRead{header: &r.Header}
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return l
		}
		if err != nil {
			tb.Fatalf("read a part: %v", err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			tb.Fatalf("read a part's body: %v", err)
		}
		kind, _, _ := p.Header.(interface {
			ContentType() (string, map[string]string, error)
		}).ContentType()
		disposition, params, _ := p.Header.(interface {
			ContentDisposition() (string, map[string]string, error)
		}).ContentDisposition()
		switch {
		case disposition == "" && kind == "text/plain":
			l.text = strings.ReplaceAll(string(b), "\r\n", "\n")
		case disposition == "" && kind == "text/html":
			l.html = strings.ReplaceAll(string(b), "\r\n", "\n")
		default:
			l.names = append(l.names, params["filename"])
			l.contents = append(l.contents, string(b))
			l.kinds = append(l.kinds, kind)
		}
	}
}

func (l letterRead) from(tb testing.TB) *mail.Address {
	tb.Helper()
	list, err := l.header.AddressList("From")
	if err != nil || len(list) != 1 {
		tb.Fatalf("From: %v, %v", list, err)
	}
	return list[0]
}

// fieldNames returns the names of the header section's fields in their order, read without any library.
func fieldNames(data []byte) []string {
	head, _, _ := strings.Cut(string(data), "\r\n\r\n")
	var names []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && line[0] != ' ' && line[0] != '\t' {
			names = append(names, name)
		}
	}
	return names
}

// checkShape fails on what no mail of ours may be, whatever it says.
func checkShape(tb testing.TB, m Mail) {
	tb.Helper()
	if bytes.Contains(bytes.ReplaceAll(m.Data, []byte("\r\n"), nil), []byte("\n")) || bytes.Contains(bytes.ReplaceAll(m.Data, []byte("\r\n"), nil), []byte("\r")) {
		tb.Error("a bare CR or LF")
	}
	for line := range bytes.SplitSeq(m.Data, []byte("\r\n")) {
		if len(line) > 998 {
			tb.Errorf("a line of %d octets: %.80q", len(line), line)
		}
	}
	if !m.UTF8 {
		for i, c := range m.Data {
			if c >= 0x80 || c == 0 {
				tb.Errorf("octet %#x at %d, and SMTPUTF8 is not asked for", c, i)
				break
			}
		}
	}
	known := map[string]bool{}
	for _, n := range []string{"Date", "From", "Reply-To", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"} {
		known[n] = true
	}
	seen := map[string]bool{}
	for _, n := range fieldNames(m.Data) {
		if !known[n] {
			tb.Errorf("field %q, which nobody set", n)
		}
		if seen[n] {
			tb.Errorf("field %q twice", n)
		}
		seen[n] = true
	}
}

// TestGolden keeps each kind of mail as it should look. Look at the difference before you update.
func TestGolden(t *testing.T) {
	code := notice()
	code.Delivery.Kind, code.Code, code.CodeLife = bridge.DeliverCode, "4821 9037", 10*time.Minute
	alert := notice()
	alert.Delivery.Kind, alert.ToStaff = bridge.DeliverAlert, true
	answer := notice()
	answer.Delivery.Kind, answer.ReversePath = bridge.DeliverAnswer, ""
	answer.Reason = "Replies by email are not accepted here."
	answer.InReplyTo, answer.References = "hers@home.example", []string{"hers@home.example"}
	staff := notice()
	staff.ToStaff = true
	firstNoReply := full()
	firstNoReply.ReplyTo, firstNoReply.InReplyTo, firstNoReply.References = "", "", nil
	rich := full()
	rich.HTML = `<p>Dear Ann,</p><p>all is <b>well</b>.</p><p><img src="cid:logo@x" alt="logo"></p>`
	logo := attachment("logo.png", "image/png", "\x89PNG")
	logo.ContentID, logo.Inline = "logo@x", true
	rich.Attachments = append(rich.Attachments, logo, bridge.Attachment{Filename: "Röntgen.dcm", Blob: bridge.Blob{Size: 23_456_789}})

	for name, o := range map[string]bridge.Outgoing{
		"notice":       notice(),     // what most people get, most of the time
		"notice-staff": staff,        // the same for whoever answers
		"code":         code,         // no link, and the code not in the subject
		"alert":        alert,        // to admins
		"answer":       answer,       // null reverse-path, auto-replied, refers to the mail it answers
		"copy":         full(),       // plain text with a file; an answer in a thread
		"copy-first":   firstNoReply, // the first of a thread, which can't be answered by email
		"copy-rich":    rich,         // HTML with an image of its own, and a file that is too large
	} {
		t.Run(name, func(t *testing.T) {
			m := compose(t, o)
			checkShape(t, m)
			path := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.WriteFile(path, m.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Data, want) {
				t.Errorf("got:\n%s\nwant:\n%s", m.Data, want)
			}
		})
	}
}

func TestComposingTwiceGivesTheSameOctets(t *testing.T) {
	c := newComposer(t, nil)
	o := full()
	o.HTML = `<p>x <img src="cid:a@b"></p>`
	o.Attachments = append(o.Attachments, attachment("b.txt", "text/plain", "b"), bridge.Attachment{
		ID: bridge.ID{8}, Filename: "a.png", ContentType: "image/png", ContentID: "a@b", Inline: true, Blob: bridge.Blob{Size: 1, Inline: []byte("a")},
	})
	first, err := c.Compose(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		again, err := c.Compose(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Data, again.Data) {
			t.Fatalf("once:\n%s\nand once:\n%s", first.Data, again.Data)
		}
	}
}

func TestNoticesDifferInLinkMessageIDAndDateOnly(t *testing.T) {
	a, b := notice(), full()
	b.Form = bridge.FormNotice
	b.ReplyTo = ""
	b.Delivery.ID, b.MessageID, b.Link, b.Date = bridge.ID{2}, "othertoken@clinic.example", "https://portal.clinic.example/m/othertoken", when.Add(time.Hour)
	two := string(compose(t, b).Data)
	// Quoted-printable folds where it must, so the tokens here are of one length, as ours are.
	a.MessageID, a.Link = "aaaaatoken@clinic.example", "https://portal.clinic.example/m/aaaaatoken"
	one := string(compose(t, a).Data)
	plain := strings.NewReplacer("aaaaatoken", "T", "othertoken", "T", "Sun, 01 Mar 2026 09:30:00 +0000", "D", "Sun, 01 Mar 2026 10:30:00 +0000", "D")
	if got, want := plain.Replace(two), plain.Replace(one); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestNoticeHoldsNothingOfTheMessage(t *testing.T) {
	o := full()
	o.Form = bridge.FormNotice
	o.Attachments[0].Filename = "biopsy.pdf"
	for _, kind := range kinds {
		// Even when the form says otherwise: only a message can be a copy.
		for _, form := range []bridge.Form{bridge.FormNotice, bridge.FormCopy, ""} {
			if kind == bridge.DeliverMessage && form == bridge.FormCopy {
				continue
			}
			o.Delivery.Kind, o.Form, o.Code = kind, form, "1234"
			m := compose(t, o)
			l := read(t, m.Data)
			all := string(m.Data) + l.text + l.html
			for _, word := range []string{"results", "Eva", "Lind", "well", "report", "biopsy", "Dear"} {
				if strings.Contains(all, word) {
					t.Errorf("%s as %q holds %q", kind, form, word)
				}
			}
			if m.Form != bridge.FormNotice || m.Files != 0 {
				t.Errorf("%s as %q: got form %q with %d files", kind, form, m.Form, m.Files)
			}
			if strings.Contains(string(m.Data), "cid:") || strings.Contains(l.html, "src=") {
				t.Error("the page asks for something from elsewhere")
			}
		}
	}
}

func TestNoticeHasOneLinkThatShowsItself(t *testing.T) {
	o := notice()
	o.Link = "https://portal.clinic.example/m/token?a=1&b=2"
	l := read(t, compose(t, o).Data)
	if got := strings.Count(l.html, "<a "); got != 1 {
		t.Errorf("got %d links, want 1", got)
	}
	want := `href="https://portal.clinic.example/m/token?a=1&amp;b=2"`
	if !strings.Contains(l.html, want) || !strings.Contains(l.html, ">https://portal.clinic.example/m/token?a=1&amp;b=2</a>") {
		t.Errorf("the link does not show its own address:\n%s", l.html)
	}
	if !strings.Contains(l.text, "\n"+o.Link+"\n") {
		t.Errorf("the text does not show the link alone:\n%s", l.text)
	}
}
