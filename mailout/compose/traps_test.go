package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"letterlock/bridge"
)

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
