package report

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestHomemade(t *testing.T) {
	for _, w := range homemade {
		t.Run(w.name, func(t *testing.T) {
			r, ok := Read(w.mail())
			if !ok || r.Kind != bridge.KindBounce {
				t.Fatalf("not read as a bounce")
			}
			if len(r.Recipients) != 1 {
				t.Fatalf("recipients %+v, want one", r.Recipients)
			}
			got := r.Recipients[0]
			if got.Recipient != w.recipient || got.Class != w.class || w.status != "" && got.Status != w.status || w.action != "" && got.Action != w.action || got.Action == "" || got.Status == "" || got.Diagnostic == "" {
				t.Errorf("got %+v, want %s %s %s", got, w.recipient, w.class, w.status)
			}
			if (strings.Contains(w.text, "m.abcdef@") || len(w.parts) > 0) && (len(r.MessageIDs) != 1 || r.MessageIDs[0] != "m.abcdef@mail.example.org") {
				t.Errorf("message ids %q", r.MessageIDs)
			}
		})
	}
}

// TestQuotedBounce sends each bounce on as a person would: none may be taken for a bounce.
func TestQuotedBounce(t *testing.T) {
	for _, w := range homemade {
		quoted := "> " + strings.ReplaceAll(w.text, "\n", "\n> ")
		for name, m := range map[string]Mail{
			"forwarded": {From: "ann@example.com", Subject: "Fwd: " + w.subject, Text: "What does this mean?\n\n---------- Forwarded message ---------\n" + w.text},
			"answered":  {From: "ann@example.com", Subject: "Re: " + w.subject, Text: "I changed the address.\n\n" + quoted, InReplyTo: true},
			"passed on": {From: "postmaster@example.com", Subject: "Fwd: " + w.subject, Text: "Please see to this.\n\n" + w.text},
			"with parts": {From: "ann@example.com", Subject: "Fwd: " + w.subject, Text: "What does this mean?\n\n" + w.text, Type: "multipart/mixed", Parts: []Part{
				{"message/delivery-status", []byte("Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 5.1.1\n")}, {"message/rfc822", []byte("Subject: x\n\n")},
			}},
			"pasted":   {From: "ann@example.com", Subject: "My mail does not arrive", Text: "I got this:\n\n" + w.text},
			"helped":   {From: "postmaster@example.com", Subject: "Re: " + w.subject, Text: "This address is wrong, see below.\n\n" + quoted, InReplyTo: true},
			"attached": {From: "ann@example.com", Subject: "a bounce", Text: "See the attached mail.", Type: "multipart/mixed", Parts: []Part{{"message/rfc822", []byte(w.text)}}},
		} {
			if r, ok := Read(m); ok {
				t.Errorf("%s, %s: read as %s", w.name, name, r.Kind)
			}
		}
	}
}

// TestLookAlikes holds mails that speak of delivery, failure or addresses and are none of it.
func TestLookAlikes(t *testing.T) {
	for _, m := range []Mail{
		{From: "noreply@parcels.example", Subject: "Delivery failed", Text: "We could not deliver your parcel today. Questions? Write to help@parcels.example."},
		{From: "noreply@parcels.example", Subject: "Delivery notification", Text: "Your parcel has been delivered to the following address: 1 Main Street."},
		{From: "postmaster@example.com", Subject: "Mail server maintenance", Text: "The mail system will be down on Sunday. Mail will be retried by senders."},
		{From: "postmaster@example.com", Subject: "Your mailbox is almost full", Text: "You are using 95 % of your quota. Delete old mail."},
		{From: "ann@example.com", Subject: "undeliverable", Text: "My last letter to you came back as undeliverable. Which address is right? Mine is ann@example.com."},
		{From: "ann@example.com", Subject: "user unknown", Text: "Your server told me 550 5.1.1 user unknown when I wrote to bob@example.org. What can I do?"},
		{From: "mailer@shop.example", Subject: "Your order", Text: "Thank you for your order 550."},
		{From: "newsletter@shop.example", Subject: "Bounce back into spring!", Text: "Trampolines at half price, delivered to you."},
		{From: "bounces+123@lists.example", Subject: "Weekly digest", Text: "The following articles were published."},
		{From: "ann@example.com", Subject: "", Text: ""},
		{From: "ann@example.com", NullSender: true, Subject: "Out of office: user unknown", Text: "I am away until Monday. For urgent cases write to bob@example.com. Your message to me was not read."},
		{From: "ann@example.com", NullSender: true, Subject: "Re: Your order", Text: "I have read the message you sent and will answer."},
		{From: "support@example.com", Subject: "Ticket 550: delivery failure of your server", Text: "We saw that mail to ann@example.com failed permanently. Your server was unable to deliver. Please call us."},
		{From: "postmaster@example.com", Subject: "DMARC report", Text: "Report domain: example.org Submitter: example.com"},
	} {
		if r, ok := Read(m); ok {
			t.Errorf("%q from %s: read as %s", m.Subject, m.From, r.Kind)
		}
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []bridge.ReportedRecipient
	}{
		{"two recipients", "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1 (unknown)\nDiagnostic-Code: smtp; 550 no\n\nFinal-Recipient: rfc822;b@example.com\nAction: delayed\nStatus: 4.4.1\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Diagnostic: "550 no", Class: "permanent"},
			{Recipient: "b@example.com", Action: "delayed", Status: "4.4.1", Class: "temporary"},
		}},
		{"no empty lines", "Final-Recipient: rfc822; a@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\nFinal-Recipient: rfc822; b@example.com\r\nAction: failed\r\nStatus: 5.0.0\r\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.0.0", Class: "permanent"},
			{Recipient: "b@example.com", Action: "failed", Status: "5.0.0", Class: "permanent"},
		}},
		{"original only", "Original-Recipient: rfc822;<a@example.com>\nAction: Failed\nStatus: 5.2.2\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.2.2", Class: "permanent"},
		}},
		{"gave up", "Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 4.4.7\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "4.4.7", Class: "temporary"},
		}},
		{"status only in diagnostic", "Final-Recipient: rfc822; a@example.com\nAction: failed\nDiagnostic-Code: smtp;550-5.7.26 unauthenticated\n 550 5.7.26 mail\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.7.26", Diagnostic: "550-5.7.26 unauthenticated 550 5.7.26 mail", Class: "permanent"},
		}},
		{"generic status refined", "Final-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Diagnostic: "550 5.1.1 unknown", Class: "permanent"},
		}},
		{"delivered", "Final-Recipient: rfc822; a@example.com\nAction: delivered\nStatus: 2.1.5\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "delivered", Status: "2.1.5", Class: "success"},
		}},
		{"internationalized", "Final-Recipient: utf-8; j\\x{FC}rgen@example.com\nAction: failed\nStatus: 5.6.7\n", []bridge.ReportedRecipient{
			{Recipient: "jürgen@example.com", Action: "failed", Status: "5.6.7", Class: "permanent"},
		}},
		{"xtext", "Final-Recipient: rfc822; a+40example.com\nAction: failed\nStatus: 5.1.1\n", []bridge.ReportedRecipient{
			{Recipient: "a@example.com", Action: "failed", Status: "5.1.1", Class: "permanent"},
		}},
		{"quoted", "Final-Recipient: rfc822; \"ann lee\"@example.com\nAction: failed\nStatus: 5.1.1\n", []bridge.ReportedRecipient{
			{Recipient: "\"ann lee\"@example.com", Action: "failed", Status: "5.1.1", Class: "permanent"},
		}},
		{"control characters", "Final-Recipient: rfc822; \"a\x00\x1b[31m\"@example.com\nAction: failed\nStatus: 5.1.1\n", []bridge.ReportedRecipient{
			{Recipient: "\"a[31m\"@example.com", Action: "failed", Status: "5.1.1", Class: "permanent"},
		}},
		{"nothing", "", nil},
	} {
		r, ok := Read(Mail{Type: "multipart/report", ReportType: "delivery-status", From: "MAILER-DAEMON@example.net", Subject: "Returned mail", Parts: []Part{{"message/delivery-status", []byte(c.in)}}})
		if !ok || r.Kind != bridge.KindBounce {
			t.Errorf("%s: not read as a bounce", c.name)
		}
		if len(r.Recipients) != len(c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, r.Recipients, c.want)
			continue
		}
		for i, got := range r.Recipients {
			if got != c.want[i] {
				t.Errorf("%s: got %+v, want %+v", c.name, got, c.want[i])
			}
		}
	}
}

func TestOtherReports(t *testing.T) {
	arf := Mail{Type: "multipart/report", ReportType: "feedback-report", Subject: "FW: offer", Parts: []Part{{"message/feedback-report", []byte("Feedback-Type: abuse\n")}, {"message/rfc822", []byte("Subject: x\r\nMessage-ID:\r\n <m.abcdef@mail.example.org>\r\n\r\n")}}}
	if r, ok := Read(arf); !ok || r.Kind != bridge.KindComplaint || len(r.MessageIDs) != 1 {
		t.Errorf("complaint: got %+v, %t", r, ok)
	}
	mdn := Mail{Type: "multipart/report", ReportType: "disposition-notification", Parts: []Part{{"message/disposition-notification", []byte("Final-Recipient: rfc822;a@example.com\nOriginal-Message-ID: <m.abcdef@mail.example.org>\nDisposition: manual-action/MDN-sent-manually; displayed\n")}}}
	if r, ok := Read(mdn); !ok || r.Kind != bridge.KindReceipt || len(r.MessageIDs) != 1 {
		t.Errorf("receipt: got %+v, %t", r, ok)
	}
}

func TestCodes(t *testing.T) {
	for _, c := range []struct{ in, enhanced, reply string }{
		{"550 5.1.1 no", "5.1.1", "550"},
		{"(#5.1.1)", "5.1.1", ""},
		{"host 5.1.1.9 said 421", "", "421"},
		{"SMTP;550-5.7.26 x", "5.7.26", "550"},
		{"order 4711, version 5.10", "", ""},
		{"port 587, 4551 items", "", ""},
		{"status=5.4.310", "5.4.310", ""},
		{"", "", ""},
	} {
		if got := findEnhanced(c.in); got != c.enhanced {
			t.Errorf("findEnhanced(%q) = %q, want %q", c.in, got, c.enhanced)
		}
		if got := replyCode(c.in); got != c.reply {
			t.Errorf("replyCode(%q) = %q, want %q", c.in, got, c.reply)
		}
	}
}

func FuzzReport(f *testing.F) {
	for _, w := range homemade {
		f.Add(w.from, w.subject, w.text, []byte(w.text))
	}
	f.Add("MAILER-DAEMON@x", "failure notice", "\"a\x00b\"@x.example: user unknown\n", []byte("Final-Recipient: rfc822; \"a\x00b\"@x.example\nAction: failed\n"))
	f.Add("MAILER-DAEMON@x", "failure notice", "", []byte("Final-Recipient: rfc822; a@b\nAction: failed\n"))
	f.Fuzz(func(t *testing.T, from, subject, text string, status []byte) {
		for _, m := range []Mail{{From: from, Subject: subject, Text: text, NullSender: true}, {Type: "multipart/report", From: from, Text: text, Parts: []Part{{"message/delivery-status", status}, {"message/rfc822", status}}}} {
			r, ok := Read(m)
			if !ok && len(r.Recipients) > 0 {
				t.Error("recipients without a report")
			}
			for _, p := range r.Recipients {
				if p.Class != permanent && p.Class != temporary && p.Class != success {
					t.Errorf("class %q", p.Class)
				}
				if strings.ContainsAny(p.Recipient+p.Diagnostic+p.Status, "\r\n\x00") || len(p.Recipient) > 254 {
					t.Errorf("recipient %+q", p)
				}
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	person := Mail{Type: "text/plain", From: "ann@example.com", Subject: "Re: Your order", Text: strings.Repeat("Thank you for the parcel, it came on Friday and all is well.\n", 30), Field: func(string) string { return "" }}
	for name, m := range map[string]Mail{"qmail": homemade[0].mail(), "person": person} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if Suspect(m) {
					Read(m)
				}
			}
		})
	}
}

func TestEnvelopeIsNamed(t *testing.T) {
	status := "Reporting-MTA: dns; mx.example.net\r\nOriginal-Envelope-Id:  abc234 \r\n\r\nFinal-Recipient: rfc822; ann@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	for given, want := range map[string]string{
		status: "abc234",
		strings.Replace(status, "abc234", strings.Repeat("x", 5000), 1): "",
		strings.Replace(status, "Original-Envelope-Id", "X", 1):         "",
	} {
		r, ok := Read(Mail{Type: "multipart/report", ReportType: "delivery-status", From: "mailer-daemon@mx.example.net", Parts: []Part{{"message/delivery-status", []byte(given)}}})
		if !ok || r.Envelope != want {
			t.Errorf("got %q, %v, want %q", r.Envelope, ok, want)
		}
	}
}

// The fields of a status that ran into the text are found below words of any language, also where a letter takes more octets in lower case.
func TestFlatStatus(t *testing.T) {
	const status = "Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 4.4.7\n"
	for name, text := range map[string]string{
		"English":             "Your letter did not arrive.\n\n" + status,
		"Turkish":             "İletiniz teslim edilemedi.\n\n" + status,
		"a long text":         status + strings.Repeat("ü", maxWords),
		"one octet longer":    status + "x" + strings.Repeat("ü", maxWords),
		"named before":        "The Final-Recipient: and final-recipient: fields follow.\n" + status,
		"indented":            "Your letter did not arrive.\n\n" + "  " + strings.ReplaceAll(strings.TrimSpace(status), "\n", "\n  ") + "\n",
		"behind an empty one": "Your letter did not arrive.\n\nReporting-MTA: dns; mx.example.net\n\n" + status,
	} {
		r, ok := Read(Mail{From: "mailer-daemon@example.net", Subject: "Undelivered mail", Text: text})
		want := bridge.ReportedRecipient{Recipient: "gone@example.com", Action: "failed", Status: "4.4.7", Class: "temporary"}
		if !ok || len(r.Recipients) != 1 || r.Recipients[0] != want {
			t.Errorf("%s: got %v, %+v, want %+v", name, ok, r.Recipients, want)
		}
	}
}

func BenchmarkFlatStatus(b *testing.B) {
	text := "Action: " + strings.Repeat("Final-Recipient: ", maxWords/17)
	for b.Loop() {
		flatStatus(text)
	}
}

// The mail that comes back may be an internationalized one (RFC 6532, RFC 6533).
func TestReturnedInternationalized(t *testing.T) {
	for _, kind := range []string{"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"} {
		returned := []Part{{kind, []byte("From: Jürgen <jürgen@example.org>\r\nMessage-ID: <m.abcdef@mail.example.org>\r\nSubject: x\r\n\r\n")}}
		r, ok := Read(Mail{From: "fbl@provider.example", Subject: "complaint about message from 192.0.2.1", Text: "A user marked the attached message as spam.", Parts: returned})
		if !ok || r.Kind != bridge.KindComplaint || len(r.MessageIDs) != 1 || r.MessageIDs[0] != "m.abcdef@mail.example.org" {
			t.Errorf("a complaint with %s: got %v, %+v", kind, ok, r)
		}
		bounce := Mail{From: "admin@example.com", Subject: "Undeliverable mail", Text: "The following addresses had delivery problems, your message could not be delivered.\n\ngone@example.com: 550 5.1.1 user unknown\n", Type: "multipart/mixed", Parts: returned}
		if r, ok := Read(bounce); !ok || r.Kind != bridge.KindBounce || len(r.MessageIDs) != 1 {
			t.Errorf("a bounce with %s: got %v, %+v", kind, ok, r)
		}
	}
}
