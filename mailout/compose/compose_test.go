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
	"letterlock/bridge/richtext"
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
	}
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
	for _, n := range []string{"Date", "From", "Reply-To", "To", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "MIME-Version", "Content-Type"} {
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
	secureReply := full()
	secureReply.ReplyTo, secureReply.InReplyTo, secureReply.References = "", "", nil
	rich := full()
	rich.HTML = `<p>Dear Ann,</p><p>all is <b>well</b>.</p><p><img src="cid:logo@x" alt="logo"></p>`
	logo := attachment("logo.png", "image/png", "\x89PNG")
	logo.ContentID, logo.Inline = "logo@x", true
	rich.Attachments = append(rich.Attachments, logo, bridge.Attachment{Filename: "Röntgen.dcm", Blob: bridge.Blob{Size: 23_456_789}})

	for name, o := range map[string]bridge.Outgoing{
		"notice":       notice(),
		"notice-staff": staff,
		"code":         code,
		"alert":        alert,
		"answer":       answer,
		"copy":         full(),
		"copy-first":   secureReply,
		"copy-rich":    rich,
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
	for _, kind := range []bridge.DeliveryKind{bridge.DeliverMessage, bridge.DeliverAlert, bridge.DeliverCode, bridge.DeliverAnswer} {
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

// TestTraps holds one case for each trap of jordan-wright/email, and for what a hostile name can try.
func TestTraps(t *testing.T) {
	t.Run("a comma in a display name", func(t *testing.T) {
		o := full()
		o.Author, o.Recipient.Name = "Lind, Eva", "Bérg, Ann"
		l := read(t, compose(t, o).Data)
		if got, want := l.from(t).Name, "Lind, Eva via Seaside Clinic"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		to, err := l.header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Name != "Bérg, Ann" || to[0].Address != "ann@home.example" {
			t.Errorf("To: %v, %v", to, err)
		}
	})
	t.Run("line ends that would begin a field", func(t *testing.T) {
		o := full()
		evil := "x\r\nBcc: all@evil.example\r\n\r\nbody"
		o.Author, o.Subject, o.Organization, o.Recipient.Name = evil, evil, evil, evil
		o.Attachments = []bridge.Attachment{attachment(evil, "text/plain\r\nX-Evil: 1", "x")}
		o.Attachments[0].ContentID = "a>\r\nX-Evil: 1"
		o.References = []string{"ok@x", "a\r\nX-Evil: 1", "b c", "<d>"}
		m := compose(t, o)
		checkShape(t, m)
		for line := range strings.SplitSeq(string(m.Data), "\r\n") {
			if strings.HasPrefix(line, "Bcc") || strings.HasPrefix(line, "X-Evil") {
				t.Errorf("injected: %q", line)
			}
		}
		if got, want := read(t, m.Data).header.Get("References"), "<ok@x>"; got != want {
			t.Errorf("References: got %q, want %q", got, want)
		}
	})
	t.Run("addresses that are none", func(t *testing.T) {
		for _, bad := range []string{"", "ann", "ann@home.example\r\nBcc: x@y.example", "a b@x.example", "<a@x.example>", "a@x.example, b@x.example", `"a"@x.example`} {
			for _, set := range []func(*bridge.Outgoing){
				func(o *bridge.Outgoing) { o.Recipient.Addr = bad },
				func(o *bridge.Outgoing) { o.From.Addr = bad },
				func(o *bridge.Outgoing) { o.ReplyTo = bad },
				func(o *bridge.Outgoing) { o.ReversePath = bad },
			} {
				o := full()
				set(&o)
				_, err := newComposer(t, nil).Compose(context.Background(), o)
				if bad == "" && err == nil {
					continue // no Reply-To, or the null reverse-path
				}
				if !errors.Is(err, bridge.ErrInvalid) {
					t.Errorf("%q: got %v", bad, err)
				} else if bad != "" && strings.Contains(err.Error(), bad) {
					t.Errorf("the error repeats the address: %v", err)
				}
			}
		}
	})
	t.Run("References beyond 998 octets", func(t *testing.T) {
		o := full()
		o.References = nil
		for i := range 200 {
			o.References = append(o.References, fmt.Sprintf("%d.%s@home.example", i, strings.Repeat("x", i)))
		}
		o.References = append(o.References, strings.Repeat("y", 2000)+"@home.example")
		m := compose(t, o)
		checkShape(t, m)
		ids, err := read(t, m.Data).header.MsgIDList("References")
		if err != nil || len(ids) != 200 {
			t.Errorf("got %d ids, %v; want 200", len(ids), err)
		}
	})
	t.Run("a Message-ID that is none", func(t *testing.T) {
		for _, bad := range []string{"", "a b", "a>\r\nX: y", strings.Repeat("a", 1000)} {
			o := full()
			o.MessageID = bad
			if _, err := newComposer(t, nil).Compose(context.Background(), o); !errors.Is(err, bridge.ErrInvalid) {
				t.Errorf("%.20q: got %v", bad, err)
			}
		}
	})
	t.Run("our Message-ID and date", func(t *testing.T) {
		l := read(t, compose(t, full()).Data)
		id, err := l.header.MessageID()
		if err != nil || id != "tokentoken@clinic.example" {
			t.Errorf("Message-ID: %q, %v", id, err)
		}
		if date, err := l.header.Date(); err != nil || !date.Equal(when) {
			t.Errorf("Date: %v, %v", date, err)
		}
	})
	t.Run("file names", func(t *testing.T) {
		for _, name := range []string{
			"plain.txt", `with "quotes" and \ backslash.txt`, "Röntgen Übersicht.pdf", "診断書.pdf", "a;b=c,d.txt", "50%.txt", "=?utf-8?q?x?=.txt",
			strings.Repeat("long ", 30) + ".txt", strings.Repeat("長", 80) + ".txt", "תוצאות.pdf", "emoji 🩺.png", "'quoted'.txt", " leading and trailing ",
		} {
			o := full()
			o.Attachments = []bridge.Attachment{attachment(name, "application/pdf", "content of it")}
			m := compose(t, o)
			checkShape(t, m)
			l := read(t, m.Data)
			want := filename(o.Attachments[0])
			if len(l.names) != 1 || l.names[0] != want || l.contents[0] != "content of it" {
				t.Errorf("got %q, want %q", l.names, want)
			}
		}
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{
		"Ann", "Ann Berg", "Dr. Ann Berg", `Ann "the doc" Berg`, "Åse", "李 明", "=?utf-8?q?evil?=", "a@b.example", "(comment)", "<x@y.example>", "semi;colon:",
		strings.Repeat("very long name ", 20) + "end", strings.Repeat("ä", 300), strings.Repeat("x", 3000), "👩‍⚕️ Eva",
	} {
		o := full()
		o.Author = name
		m := compose(t, o)
		checkShape(t, m)
		if got, want := read(t, m.Data).from(t).Name, name+" via Seaside Clinic"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		o.Subject, o.InReplyTo, o.References = name, "", nil
		m = compose(t, o)
		checkShape(t, m)
		h := read(t, m.Data).header
		if got, err := h.Subject(); err != nil || got != name {
			t.Errorf("subject: got %q, %v, want %q", got, err, name)
		}
	}
}

func TestFromOfCopies(t *testing.T) {
	for _, test := range []struct{ author, organization, want string }{
		{"Eva", "Clinic", "Eva via Clinic"},
		{"", "Clinic", "Clinic"},
		{"Clinic", "Clinic", "Clinic"},
		{"Eva", "", "Eva"},
		{"{organization}", "{author}", "{organization} via {author}"},
		{"E\u202ev\u2066a", "Clinic", "Eva via Clinic"},
	} {
		o := full()
		o.Author, o.Organization = test.author, test.organization
		from := read(t, compose(t, o).Data).from(t)
		if from.Name != test.want || from.Address != "no-reply@clinic.example" {
			t.Errorf("%q of %q: got %q, want %q", test.author, test.organization, from, test.want)
		}
	}
}

func TestSubjectOfCopies(t *testing.T) {
	for _, test := range []struct {
		subject string
		first   bool
		want    string
	}{
		{"Results", true, "Results"},
		{"Results", false, "Re: Results"},
		{"RE: Results", false, "RE: Results"},
		{"", true, "(no subject)"},
		{" \r\n ", false, "Re: (no subject)"},
	} {
		o := full()
		o.Subject = test.subject
		if test.first {
			o.InReplyTo, o.References = "", nil
		}
		h := read(t, compose(t, o).Data).header
		if got, err := h.Subject(); err != nil || got != test.want {
			t.Errorf("%q: got %q, %v, want %q", test.subject, got, err, test.want)
		}
	}
}

func TestFilesBeyondTheLimitAreNamedWithTheLink(t *testing.T) {
	big := make([]byte, 1<<20)
	c := newComposer(t, shelf{"big": big})
	o := full()
	huge := bridge.Attachment{ID: bridge.ID{3}, Filename: "scan <1>.tif", Blob: bridge.Blob{Key: "big", Size: 1 << 20}}
	o.Attachments = []bridge.Attachment{attachment("small.txt", "text/plain", "s"), huge, attachment("late.txt", "text/plain", "l")}
	m, err := c.Compose(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	l := read(t, m.Data)
	if got, want := fmt.Sprint(l.names), "[small.txt late.txt]"; got != want || m.Files != 2 {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.Contains(l.text, "* scan <1>.tif (1 MB)\n") || !strings.Contains(l.html, "<li>scan &lt;1&gt;.tif (1 MB)</li>") {
		t.Errorf("the file left behind is not named:\n%s\n%s", l.text, l.html)
	}

	m, err = c.ComposeWithoutFiles(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if l := read(t, m.Data); len(l.names) != 0 || m.Files != 0 || strings.Count(l.text, "\n* ") != 3 {
		t.Errorf("without files: got %v\n%s", l.names, l.text)
	}
}

func TestFilesThatAreNotAsRecorded(t *testing.T) {
	for name, blob := range map[string]bridge.Blob{
		"gone":    {Key: "gone", Size: 3},
		"shorter": {Key: "abc", Size: 4},
		"longer":  {Key: "abc", Size: 2},
	} {
		o := full()
		o.Attachments = []bridge.Attachment{{ID: bridge.ID{5}, Filename: "secret-name.txt", Blob: blob}}
		_, err := newComposer(t, shelf{"abc": []byte("abc")}).Compose(context.Background(), o)
		if err == nil || errors.Is(err, bridge.ErrInvalid) || strings.Contains(err.Error(), "secret-name") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTextAndHTMLSayTheSame(t *testing.T) {
	o := full()
	o.Text = "a < b & c\n\nline two\r\nline three"
	l := read(t, compose(t, o).Data)
	if !strings.HasPrefix(l.text, "a < b & c\n\nline two\nline three\n\n-- \n") {
		t.Errorf("text:\n%s", l.text)
	}
	if !strings.Contains(l.html, "<p>a &lt; b &amp; c</p>\n<p>line two<br>\nline three</p>") {
		t.Errorf("html:\n%s", l.html)
	}
	for _, mark := range []string{`id="letterlock-message"`, `class="letterlock-message"`, `id="letterlock-footer"`, `class="letterlock-footer"`} {
		if !strings.Contains(l.html, mark) {
			t.Errorf("%s is missing", mark)
		}
	}
	o.Text, o.HTML = "", "<p>only <b>rich</b></p><script>x()</script>"
	l = read(t, compose(t, o).Data)
	if !strings.HasPrefix(l.text, "only rich\n") || strings.Contains(l.html, "script") {
		t.Errorf("got:\n%s\n%s", l.text, l.html)
	}
}

func TestHTMLThatCannotBeCleanedStaysBehind(t *testing.T) {
	o := full()
	o.HTML = strings.Repeat("x", richtext.MaxSize+1)
	if l := read(t, compose(t, o).Data); !strings.Contains(l.html, "<p>Dear Ann,</p>") {
		t.Errorf("html:\n%.2000s", l.html)
	}
	o.Text = ""
	if _, err := newComposer(t, nil).Compose(context.Background(), o); !errors.Is(err, bridge.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestAddressesBeyondASCII(t *testing.T) {
	o := notice()
	o.Recipient.Addr = "ann@bücher.example"
	m := compose(t, o)
	if m.UTF8 || m.Recipient != "ann@xn--bcher-kva.example" {
		t.Errorf("a domain beyond ASCII: got %q, UTF8 %v", m.Recipient, m.UTF8)
	}
	o.Recipient.Addr = "åse@bücher.example"
	m = compose(t, o)
	if !m.UTF8 || m.Recipient != "åse@xn--bcher-kva.example" {
		t.Errorf("a local part beyond ASCII: got %q, UTF8 %v", m.Recipient, m.UTF8)
	}
	checkShape(t, m)
}

func TestMediaTypes(t *testing.T) {
	for given, want := range map[string]string{
		"": "application/octet-stream", "Image/PNG": "image/png", "text/plain; charset=x": "application/octet-stream",
		"message/rfc822": "application/octet-stream", "multipart/mixed": "application/octet-stream", "a/b/c": "application/octet-stream", "text/x y": "application/octet-stream",
	} {
		if got := mediaType(bridge.Attachment{ContentType: given}); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}

// TestBoundariesSurviveContentThatLooksLikeThem sends our own boundary as text, as HTML and as a file.
func TestBoundariesSurviveContentThatLooksLikeThem(t *testing.T) {
	o := full()
	line := "--=_letterlock_1--\r\n--=_letterlock_2\r\nContent-Type: multipart/mixed;\r\n boundary=\x12345678901234567890123456789012345678901234567890123456789012\r\n"
	o.Text = line
	o.Attachments = []bridge.Attachment{attachment("a.eml", "message/rfc822", line)}
	m := compose(t, o)
	checkShape(t, m)
	l := read(t, m.Data)
	if !strings.HasPrefix(l.text, strings.ReplaceAll(line, "\r\n", "\n")) || len(l.contents) != 1 || l.contents[0] != line {
		t.Errorf("got %q and %q", l.text, l.contents)
	}
}
