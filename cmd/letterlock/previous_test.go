package main

import (
	"bytes"
	"context"
	"errors"
	"html"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"

	"letterlock/bridge"
	"letterlock/mailin/reply"
	"letterlock/mailout/compose"
)

type noFiles struct{}

func (noFiles) OpenBlob(context.Context, bridge.Blob) (io.ReadCloser, error) {
	return nil, bridge.ErrNotFound
}

// quotingCopy returns the text and the page of a copy that quotes the message before.
func quotingCopy(t *testing.T, locale string) (text, page string) {
	t.Helper()
	c, err := compose.New(compose.Config{Files: noFiles{}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Compose(t.Context(), bridge.Outgoing{
		Delivery: bridge.Delivery{Kind: bridge.DeliverMessage}, Form: bridge.FormCopy, Locale: locale,
		Recipient: bridge.Address{Name: "Ann Berg", Addr: "ann@home.example"}, From: bridge.Address{Addr: "no-reply@clinic.example"},
		ReplyTo: "reply+bbbb@clinic.example", MessageID: "token@clinic.example", Date: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC),
		Organization: "Seaside Clinic", Link: "https://portal.clinic.example/m/token",
		Subject: "Your appointment", Author: "Dr. Eva Lind", Text: "Dear Ann,\n\nTuesday at ten is free.\n\nEva",
		Previous: &bridge.Previous{Author: "Ann Berg", At: time.Date(2026, 2, 27, 8, 0, 0, 0, time.UTC), Text: "Hello,\n\nwhen can I come?\n\nAnn"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := mail.CreateReader(bytes.NewReader(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return text, page
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			page = string(b)
		} else {
			text = strings.ReplaceAll(string(b), "\r\n", "\n")
		}
	}
}

func inner(page string) string {
	_, body, _ := strings.Cut(page, "<body")
	_, body, _ = strings.Cut(body, ">")
	body, _, _ = strings.Cut(body, "</body>")
	return body
}

// TestRepliesToACopyThatQuotes answers a copy which quotes the message before, as clients do, and wants nothing but what is new.
func TestRepliesToACopyThatQuotes(t *testing.T) {
	const said = "Tuesday suits me.\n\nThank you!"
	for _, locale := range []string{"en", "de", "ar"} {
		text, page := quotingCopy(t, locale)
		var marked strings.Builder
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, ">") {
				marked.WriteString(">" + line)
			} else {
				marked.WriteString("> " + line)
			}
		}
		saidHTML := "<div dir=\"ltr\"><div>Tuesday suits me.</div><div><br></div><div>Thank you!</div></div>"
		for name, got := range map[string]string{
			"Gmail, text": reply.Text(said + "\n\nOn Sun, Mar 1, 2026 at 10:30 AM Dr. Eva Lind via Seaside Clinic <no-reply@clinic.example> wrote:\n\n" + marked.String()).Visible(),
			"Gmail": reply.HTML(saidHTML + `<br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Sun, Mar 1, 2026 at 10:30 AM Dr. Eva Lind via Seaside Clinic &lt;<a href="mailto:no-reply@clinic.example">no-reply@clinic.example</a>&gt; wrote:<br></div>` +
				`<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">` + strings.ReplaceAll(inner(page), "letterlock-", "m_12345letterlock-") + `</blockquote></div>`).Visible(),
			"Outlook": reply.HTML(`<div class=WordSection1><p class=MsoNormal>Tuesday suits me.</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>Thank you!</p><p class=MsoNormal>&nbsp;</p>` +
				`<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>From:</b> Dr. Eva Lind via Seaside Clinic &lt;no-reply@clinic.example&gt; <br><b>Sent:</b> Sunday, March 1, 2026 10:30 AM<br><b>To:</b> Ann Berg &lt;ann@home.example&gt;<br><b>Subject:</b> Your appointment</p></div>` +
				`<p class=MsoNormal>&nbsp;</p>` + inner(page) + `</div>`).Visible(),
			"Outlook, text": reply.Text(said + "\n\n-----Original Message-----\nFrom: Dr. Eva Lind via Seaside Clinic <no-reply@clinic.example> \nSent: Sunday, March 1, 2026 10:30 AM\nTo: Ann Berg <ann@home.example>\nSubject: Your appointment\n\n" + text).Visible(),
			"Apple Mail": reply.HTML(`<div>Tuesday suits me.</div><div><br></div><div>Thank you!</div><div><br><blockquote type="cite"><div>On 1. Mar 2026, at 10:30, Dr. Eva Lind via Seaside Clinic &lt;no-reply@clinic.example&gt; wrote:</div><br class="Apple-interchange-newline"><div>` +
				inner(page) + `</div></blockquote></div>`).Visible(),
			"Apple Mail, text": reply.Text(said + "\n\n> On 1. Mar 2026, at 10:30, Dr. Eva Lind via Seaside Clinic <no-reply@clinic.example> wrote:\n> \n" + marked.String()).Visible(),
			"below our footer": reply.Text("On Sun, 1 Mar 2026 Dr. Eva Lind wrote:\n" + marked.String() + "\n" + said).Visible(),
		} {
			if got != said {
				t.Errorf("%s, %s: got %q, want %q", name, locale, got, said)
			}
		}
		if !strings.Contains(html.UnescapeString(page), "when can I come?") || !strings.Contains(text, "> when can I come?") {
			t.Errorf("%s: the message before is not quoted", locale)
		}
	}
}
