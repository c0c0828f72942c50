package mailin

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
)

// reportMail is one mail of testdata/bounces.txt: a bounce or something that looks like one, and what it is.
type reportMail struct {
	family, why       string
	kind              bridge.MailKind
	recipients, class []string // of a bounce, in pairs
	status, action    string   // of its first recipient; empty where several are right
	raw               []byte
}

// reportMails reads the corpus. Each mail stands below two lines that begin with "=== ": its family and why it is there; its kind and, of a bounce,
// its recipients, their classes, its status and its action, with "-" for what isn't compared.
func reportMails(t testing.TB) []reportMail {
	t.Helper()
	b, err := os.ReadFile("testdata/bounces.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []reportMail
	rest := "\n" + string(b)
	for {
		_, after, ok := strings.Cut(rest, "\n=== ")
		if !ok {
			return list
		}
		first, after, _ := strings.Cut(after, "\n=== ")
		second, after, _ := strings.Cut(after, "\n")
		raw, _, _ := strings.Cut(after, "\n=== ")
		rest = after[min(len(raw), len(after)):]
		family, why, ok := strings.Cut(first, ": ")
		if !ok || strings.TrimSpace(why) == "" {
			t.Fatalf("%q does not say why it is there", first)
		}
		m := reportMail{family: family, why: why, raw: []byte(raw)}
		f := strings.Fields(second)
		m.kind = bridge.MailKind(f[0])
		if m.kind == bridge.KindBounce {
			m.recipients, m.class = strings.Split(f[1], ","), strings.Split(f[2], ",")
			m.status, m.action = strings.Trim(f[3], "-"), strings.Trim(f[4], "-")
		}
		list = append(list, m)
	}
}

// TestBounces reads the corpus and prints, for each family, how many were recognised and rightly read.
func TestBounces(t *testing.T) {
	type score struct{ all, kind, recipient, class int }
	families := map[string]*score{}
	total := &score{}
	mails := reportMails(t)
	if len(mails) < 150 {
		t.Errorf("only %d mails", len(mails))
	}
	for _, c := range mails {
		s := families[c.family]
		if s == nil {
			s = &score{}
			families[c.family] = s
		}
		m := Parse(c.raw, Limits{})
		checkMail(t, m)
		var recipients, class []string
		for _, r := range m.Report {
			recipients, class = append(recipients, r.Recipient), append(class, r.Class)
			if r.Action == "" || r.Status == "" {
				t.Errorf("%s, %s: no action or status in %+v", c.family, c.why, r)
			}
		}
		for _, s := range []*score{s, total} {
			s.all++
			if m.Kind == c.kind {
				s.kind++
			}
			if slices.Equal(recipients, c.recipients) {
				s.recipient++
			}
			if slices.Equal(class, c.class) {
				s.class++
			}
		}
		if m.Kind != c.kind || !slices.Equal(recipients, c.recipients) || !slices.Equal(class, c.class) {
			t.Errorf("%s, %s: got %s %q %q, want %s %q %q", c.family, c.why, m.Kind, recipients, class, c.kind, c.recipients, c.class)
			continue
		}
		if len(m.Report) > 0 && (c.status != "" && m.Report[0].Status != c.status || c.action != "" && m.Report[0].Action != c.action) {
			t.Errorf("%s, %s: got %+v, want status %s, action %s", c.family, c.why, m.Report[0], c.status, c.action)
		}
		if c.kind == bridge.KindBounce && strings.Contains(string(c.raw), "m.abcdef@") && !slices.Contains(m.ReportedID, "m.abcdef@mail.example.org") {
			t.Errorf("%s, %s: Message-IDs %q", c.family, c.why, m.ReportedID)
		}
	}
	for _, f := range slices.Sorted(maps.Keys(families)) {
		s := families[f]
		t.Logf("%-24s %3d mails, kind %3d, recipient %3d, class %3d", f, s.all, s.kind, s.recipient, s.class)
	}
	t.Logf("%-24s %3d mails, kind %3d, recipient %3d, class %3d", "all", total.all, total.kind, total.recipient, total.class)
}

// TestJournal has a server carry a bounce in a report of its own: the bounce is read as if it had come alone.
func TestJournal(t *testing.T) {
	const bounce = "From: MAILER-DAEMON@example.com\nSubject: Undelivered\nReturn-Path: <>\nContent-Type: multipart/report; report-type=delivery-status; boundary=c\n\n--c\n\nno\n--c\nContent-Type: message/delivery-status\n\n" +
		"Reporting-MTA: dns; mx.example.com\nOriginal-Envelope-Id: ENV123\n\nFinal-Recipient: rfc822; a@example.com\nAction: failed\nStatus: 5.1.1\n\n--c--\n"
	m := Parse([]byte(mime("X-MS-Journal-Report: \nContent-Type: multipart/mixed; boundary=b\n", "--b\n\nSender: x\n--b\nContent-Type: message/rfc822\n\n"+bounce+"\n--b--\n")), Limits{})
	if m.Kind != bridge.KindBounce || len(m.Report) != 1 || m.ReportedEnvelope != "ENV123" {
		t.Errorf("got a %s of %+v, envelope %q", m.Kind, m.Report, m.ReportedEnvelope)
	}
}

// TestNoReport has a file of a type that reports have too: it is listed once.
func TestNoReport(t *testing.T) {
	m := Parse([]byte(mixed("Content-Type: text/rfc822-headers; name=headers.txt\nContent-Disposition: attachment; filename=headers.txt\n\nReceived: x\nSubject: y")), Limits{})
	if m.Kind != bridge.KindMessage || len(m.Attachments) != 1 || m.Attachments[0].Filename != "headers.txt" {
		t.Errorf("got a %s with %d attachments", m.Kind, len(m.Attachments))
	}
}

// TestPassedOnBounces sends every bounce of the corpus on as people do: none may be taken for one, nor for anything else that no person wrote.
func TestPassedOnBounces(t *testing.T) {
	const person = "From: Ann Miller <ann@example.com>\nTo: desk@example.org\nDate: Fri, 20 Nov 2026 09:00:00 +0100\nMessage-ID: <p@example.com>\nMIME-Version: 1.0\n"
	for _, c := range reportMails(t) {
		if c.kind != bridge.KindBounce {
			continue
		}
		b := Parse(c.raw, Limits{})
		text := "Content-Type: text/plain; charset=utf-8\n\n"
		attached := "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: text/plain\n\n%s\n--outer\nContent-Type: message/rfc822\n\n" + strings.ReplaceAll(string(c.raw), "%", "%%") + "\n--outer--\n"
		for how, raw := range map[string]string{
			"forwarded":           person + "Subject: Fwd: " + b.Subject + "\n" + text + "What does this mean?\n\n---------- Forwarded message ---------\nFrom: MAILER-DAEMON@mx.example.net\n\n" + b.Reply,
			"forwarded, no words": person + "Subject: FW: " + b.Subject + "\n" + text + "\n-----Original Message-----\nFrom: MAILER-DAEMON@mx.example.net\nSubject: " + b.Subject + "\n\n" + b.Reply,
			"under her own words": person + "Subject: " + b.Subject + "\n" + text + "Hello,\n\nmy mail to you came back, what can I do?\n\n" + b.Reply + "\n\nRegards\nAnn",
			"answered":            person + "Subject: Re: " + b.Subject + "\nIn-Reply-To: <x@y.example>\n" + text + "The address is right.\n\nMail Delivery System wrote:\n> " + strings.ReplaceAll(b.Reply, "\n", "\n> "),
			"attached":            person + "Subject: a problem\n" + fmt.Sprintf(attached, "See the attached mail."),
			"attached, alone":     person + "Subject: Fwd: " + b.Subject + "\n" + fmt.Sprintf(attached, ""),
			"attached, same name": person + "Subject: " + b.Subject + "\n" + fmt.Sprintf(attached, "Please see the attached mail."),
			"by the postmaster":   strings.Replace(person, "Ann Miller <ann@", "Postmaster <postmaster@", 1) + "Subject: Fwd: " + b.Subject + "\n" + text + "Please see to this.\n\n" + b.Reply,
			"the same subject":    person + "Subject: " + b.Subject + "\n" + text + "I do not understand this. Can you call me?\n\nAnn",
		} {
			if m := Parse([]byte(raw), Limits{}); m.Kind != bridge.KindMessage {
				t.Errorf("%s, %s: %s is taken for a %s", c.family, c.why, how, m.Kind)
			}
		}
	}
}
