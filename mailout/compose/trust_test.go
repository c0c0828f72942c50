package compose

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"regexp"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// dressed is a notice with all that can stand around its words.
func dressed(tb testing.TB) bridge.Outgoing {
	tb.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 120, 40))); err != nil {
		tb.Fatal(err)
	}
	o := notice()
	o.Phrase = "blue whale 🐋"
	o.Letterhead = bridge.Letterhead{Postal: "Quay 1, 20457 Hamburg", Contact: "+49 40 1234", Logo: bridge.Logo{Type: "image/png", Width: 120, Height: 40, Content: picture.Bytes()}}
	return o
}

// TestTwoNoticesTellNothing composes the notices of utterly different messages to one person, in every language, with and without what can
// stand around them, and compares all but link, Message-ID and date.
func TestTwoNoticesTellNothing(t *testing.T) {
	all, err := wording.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	own, err := wording.Parse(wording.Notice, "News from {organization}", "# Look\n\n{link}\n\n~ Ours.")
	if err != nil {
		t.Fatal(err)
	}
	for tag := range all {
		for name, o := range map[string]bridge.Outgoing{"plain": notice(), "dressed": dressed(t)} {
			for _, template := range []*wording.Template{nil, &own} {
				one, other := o, o
				one.Locale, other.Locale, one.Template, other.Template = tag, tag, template, template
				one.Link, one.MessageID = "https://portal.clinic.example/m/aaaaatoken", "aaaaatoken@clinic.example"
				other.Link, other.MessageID = "https://portal.clinic.example/m/zzzzztoken", "zzzzztoken@clinic.example"
				one.Unsubscribe, other.Unsubscribe = unsubscribeLink, unsubscribeLink // which names the person
				other.Date = when.Add(41*24*time.Hour + time.Minute)
				other.Delivery.ID, other.ReversePath = bridge.ID{9}, "bounce+zzzz@clinic.example"
				other.Subject, other.Author, other.Text = strings.Repeat("biopsy ", 50), "Dr. Eva Lind", strings.Repeat("long ", 5000)
				other.HTML, other.Attachments = "<p>x</p>", []bridge.Attachment{attachment("scan.tif", "image/tiff", strings.Repeat("x", 9000))}
				other.Previous = &bridge.Previous{Author: "Ann", At: when, Text: "before"}
				a, b := compose(t, one), compose(t, other)
				if len(a.Data) != len(b.Data) {
					t.Errorf("%s in %s: %d and %d octets", name, tag, len(a.Data), len(b.Data))
				}
				date := regexp.MustCompile(`(?m)^Date: .*$`)
				// A soft line break may lie within a link. It lies at the same place in both, or the sizes would differ.
				plain := func(m Mail) string {
					return date.ReplaceAllString(strings.NewReplacer("aaaaatoken", "T", "zzzzztoken", "T").Replace(strings.ReplaceAll(string(m.Data), "=\r\n", "")), "Date:")
				}
				if got, want := plain(b), plain(a); got != want {
					t.Errorf("%s in %s: got:\n%s\nwant:\n%s", name, tag, got, want)
				}
			}
		}
	}
}

func TestLogoTravelsWithTheNotice(t *testing.T) {
	m := compose(t, dressed(t))
	checkShape(t, m)
	l := read(t, m.Data)
	if len(l.kinds) != 1 || l.kinds[0] != "image/png" || l.names[0] != "logo.png" || m.Files != 0 {
		t.Errorf("got %v, %v, %d files", l.kinds, l.names, m.Files)
	}
	if !strings.Contains(string(m.Data), "Content-Id: <"+logoID+">") || !strings.Contains(l.html, `src="cid:`+logoID+`" width="120" height="40" alt="Seaside Clinic"`) {
		t.Errorf("the page does not show the part:\n%s", l.html)
	}
	for _, want := range []string{"Your phrase: blue whale 🐋", "Quay 1, 20457 Hamburg", "+49 40 1234"} {
		if !strings.Contains(l.text, want) || !strings.Contains(l.html, strings.TrimPrefix(want, "Your phrase: ")) {
			t.Errorf("%q is missing", want)
		}
	}
}

// TestNothingIsFetched looks in mails of every kind and language for what would be asked for when they are opened.
func TestNothingIsFetched(t *testing.T) {
	all, err := wording.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	remote := regexp.MustCompile(`(?i)(src|srcset|background|poster|data|action)\s*=\s*["']?(https?:|//)|url\(|@import|<link|<script|<iframe|<object|<form`)
	for tag := range all {
		for _, kind := range kinds {
			o := dressed(t)
			o.Locale, o.Delivery.Kind, o.Code, o.Reason = tag, kind, "1234 5678", "No."
			m := compose(t, o)
			checkShape(t, m)
			l := read(t, m.Data)
			if found := remote.FindString(l.html); found != "" {
				t.Errorf("%s in %s: %q", kind, tag, found)
			}
			links := regexp.MustCompile(`https?://[^\s<>"]+`).FindAllString(l.text, -1)
			if want := 1; kind != bridge.DeliverCode && (len(links) != want || links[0] != o.Link) {
				t.Errorf("%s in %s: links %v", kind, tag, links)
			}
			if l.from(t).Address != "no-reply@clinic.example" {
				t.Errorf("%s in %s: from %v", kind, tag, l.from(t))
			}
		}
	}
}

func TestKindsHaveTheirWords(t *testing.T) {
	for _, c := range []struct {
		change func(*bridge.Outgoing)
		want   string
	}{
		{func(*bridge.Outgoing) {}, "You have a new message from Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.First = true }, "Seaside Clinic has a message for you"},
		{func(o *bridge.Outgoing) { o.ToStaff, o.First = true, false }, "A new message is waiting for you at Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind = bridge.DeliverReminder }, "You have unread messages from Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind, o.First = bridge.DeliverReminder, true }, "Seaside Clinic has a message for you"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind = bridge.DeliverDevice }, "New sign-in at Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind = bridge.DeliverUnopened }, "A message has not been opened at Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind = bridge.DeliverDigest }, "Conversations are waiting at Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Delivery.Kind, o.Locale = bridge.DeliverSample, "de-AT" }, "[Test] Neue Nachricht von Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Locale = "ar-EG" }, "لديك رسالة جديدة من Seaside Clinic"},
		{func(o *bridge.Outgoing) { o.Locale = "sv" }, "You have a new message from Seaside Clinic"},
	} {
		o := notice()
		c.change(&o)
		if got, err := read(t, compose(t, o).Data).header.Subject(); err != nil || got != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
	o := notice()
	o.Delivery.Kind = "telegram"
	if _, err := newComposer(t, nil).Compose(t.Context(), o); !errors.Is(err, bridge.ErrInvalid) {
		t.Errorf("a kind that there is not: got %v", err)
	}
}

func TestCopyQuotesTheMessageBefore(t *testing.T) {
	o := full()
	o.Previous = &bridge.Previous{Author: "Ann <Berg>", At: when, Text: "Is all well?\n\n> older\nAnn"}
	l := read(t, compose(t, o).Data)
	want := "Eva\n\nOn 2026-03-01, Ann <Berg> wrote:\n> Is all well?\n>\n> > older\n> Ann\n\n-- \n"
	if !strings.Contains(l.text, want) || !strings.HasSuffix(l.text, textMark+"\n") {
		t.Errorf("got:\n%s\nwant in it:\n%s", l.text, want)
	}
	message, before, footer := strings.Index(l.html, `id="letterlock-message"`), strings.Index(l.html, `id="letterlock-previous"`), strings.Index(l.html, `id="letterlock-footer"`)
	if message < 0 || before < message || footer < before || !strings.Contains(l.html, `<blockquote type="cite"`) || !strings.Contains(l.html, "On 2026-03-01, Ann &lt;Berg&gt; wrote:") {
		t.Errorf("html:\n%s", l.html)
	}
	o.Previous.Text = " \n\n"
	if l := read(t, compose(t, o).Data); strings.Contains(l.text, "wrote:") || strings.Contains(l.html, "letterlock-previous\"") {
		t.Errorf("an empty message before:\n%s", l.text)
	}
}
