package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
)

// hostile is a thread in which every value tries to be something else.
func hostile() bridge.ExportedThread {
	ann, staff := bridge.NewID(), bridge.NewID()
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	e := bridge.ExportedThread{
		Thread: bridge.Thread{ID: bridge.NewID(), Subject: "</title><script>alert(1)</script>\r\nBcc: x@example.net", Status: bridge.Open, CreatedAt: at, LastAt: at},
		People: map[bridge.ID]bridge.Person{
			ann:   {ID: ann, Kind: bridge.Contact, Name: "Ann \"the\" <b>\r\nX: y", Address: "ann@example.org", CreatedAt: at},
			staff: {ID: staff, Kind: bridge.Staff, Role: bridge.RoleStaff, Name: "Märlene Voß", Address: "marlene@example.com", CreatedAt: at},
		},
		Participants: []bridge.Participant{{Person: ann, Kind: bridge.Contact, JoinedAt: at}, {Person: staff, Kind: bridge.Staff, JoinedAt: at, LeftAt: at}},
	}
	file := bridge.Attachment{ID: bridge.NewID(), Filename: "../../etc/pass\x00wd\r\nX: y", ContentType: "text/html; charset=\"\r\nX: y", Blob: bridge.Blob{Size: 5000}}
	for i, text := range []string{"From here on\n>From there\n>>From everywhere\nFr", "<img src=x onerror=alert(1)>", "Grüße, 你好\r\n.\r\n"} {
		e.Messages = append(e.Messages, bridge.Message{
			ID: bridge.NewID(), Seq: i + 1, Kind: bridge.Public, Author: ann, AuthorKind: bridge.ByContact, AuthorName: e.People[ann].Name, Via: bridge.ViaSMTP,
			At: at, Text: text, HTML: "<p>" + text + "</p>", MailID: "a>\r\nX: y", Attachments: []bridge.Attachment{file, file},
		})
	}
	e.Messages[1].Kind, e.Messages[1].Author, e.Messages[1].AuthorName = bridge.Note, bridge.ID{}, ""
	return e
}

var content = strings.Repeat("From the file\n", 358)[:5000]

func open(context.Context, bridge.Blob) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(content)), nil
}

func TestZip(t *testing.T) {
	var b bytes.Buffer
	z := NewZip(&b, "All of <Ann>", time.Now(), open)
	e := hostile()
	if err := z.Add(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	off := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	who := bridge.ExportedPerson{Person: e.People[e.Participants[0].Person], Choices: bridge.MailChoices{Notify: bridge.NotifyNone, OffAt: off}}
	if err := z.AddPerson(who); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		if !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, "\\\r\n\x00") {
			t.Errorf("a file is called %q", f.Name)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(all)
	}
	folder := "threads/" + e.Thread.ID.String() + "/"
	page := files[folder+"index.html"]
	for _, text := range []string{"<script", "onerror=alert(1)>", "<img"} {
		if strings.Contains(page, text) || strings.Contains(files["index.html"], text) {
			t.Errorf("a page has %q in it", text)
		}
	}
	for _, text := range []string{"Grüße, 你好", "internal note", "Märlene Voß", "&lt;img src=x"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q", text)
		}
	}
	var record threadRecord
	if err := json.Unmarshal([]byte(files[folder+"thread.json"]), &record); err != nil {
		t.Fatal(err)
	}
	if len(record.Messages) != 3 || record.Subject != e.Thread.Subject || record.Messages[0].Text != e.Messages[0].Text || record.Participants[1].LeftAt == nil {
		t.Errorf("got %+v", record)
	}
	for _, m := range record.Messages {
		for _, f := range m.Files {
			if files[folder+f.Path] != content {
				t.Errorf("file %q has %d octets", f.Path, len(files[folder+f.Path]))
			}
		}
	}
	var person knownPerson
	if err := json.Unmarshal([]byte(files["person.json"]), &person); err != nil {
		t.Fatal(err)
	}
	if m := person.Mails; person.Address != "ann@example.org" || m.Notify != "none" || *m.Reminders || !m.UnsubscribedAt.Equal(off) || m.Hour != nil {
		t.Errorf("got %+v", person)
	}
	if len(files) != 3+6+1 {
		t.Errorf("%d files", len(files))
	}
}

// Of staff the record tells when their summaries leave, and nothing of reminders, which they don't get.
func TestMailsOfStaff(t *testing.T) {
	for _, c := range []struct {
		choices bridge.MailChoices
		want    string
	}{
		{bridge.MailChoices{Notify: bridge.NotifyEach, Hour: 8}, `{"notify":"each"}`},
		{bridge.MailChoices{Notify: bridge.NotifyWeekly, Zone: "Europe/Berlin"}, `{"notify":"weekly","zone":"Europe/Berlin","hour":0}`},
	} {
		got, err := json.Marshal(mailsOf(bridge.ExportedPerson{Person: bridge.Person{Kind: bridge.Staff}, Choices: c.choices}))
		if err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
}

func TestMbox(t *testing.T) {
	var b bytes.Buffer
	m := NewMbox(&b, "example.com", "Harbour Clinic", open)
	e := hostile()
	for range 2 {
		if err := m.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	mails := regexp.MustCompile(`(?m)^From .*\n`).Split(b.String(), -1)[1:]
	if len(mails) != 6 {
		t.Fatalf("%d mails, want 6", len(mails))
	}
	unquote := regexp.MustCompile(`(?m)^>(>*From )`)
	for i, text := range mails {
		want := e.Messages[i%3]
		got, err := mail.ReadMessage(strings.NewReader(unquote.ReplaceAllString(text, "$1")))
		if err != nil {
			t.Fatal(err)
		}
		for name := range got.Header {
			if !slices.Contains([]string{"From", "To", "Subject", "Date", "Message-Id", "In-Reply-To", "References", "X-Letterlock-Note", "Mime-Version", "Content-Type"}, name) {
				t.Errorf("a field %q came in", name)
			}
		}
		if subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject")); err != nil || subject != e.Thread.Subject {
			t.Errorf("got subject %q, %v", subject, err)
		}
		if _, err := got.Header.AddressList("From"); err != nil {
			t.Errorf("From %q: %v", got.Header.Get("From"), err)
		}
		if _, err := got.Header.AddressList("To"); err != nil {
			t.Errorf("To %q: %v", got.Header.Get("To"), err)
		}
		_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := multipart.NewReader(got.Body, params["boundary"])
		var bodies []string
		for {
			p, err := parts.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, bad := p.Header["X"]; bad {
				t.Error("a part has a field of a file name")
			}
			var r io.Reader = p
			if p.Header.Get("Content-Transfer-Encoding") == "base64" {
				r = base64.NewDecoder(base64.StdEncoding, p)
			}
			all, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, strings.ReplaceAll(string(all), "\r\n", "\n"))
		}
		if len(bodies) != 4 || bodies[0] != strings.ReplaceAll(want.Text, "\r\n", "\n") || bodies[2] != content || bodies[3] != content {
			t.Errorf("mail %d: got %.200q", i, bodies)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for _, s := range []string{"", "..", "a/b", `c:\x`, "nul\x00", strings.Repeat("ä", 200), "\u202egpj.exe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := safeName(s)
		if !filepath.IsLocal(got) || filepath.Base(got) != got || len(got) > 150 || strings.ContainsAny(got, "/\\\x00\r\n") {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func FuzzFromQuoter(f *testing.F) {
	f.Add("From a\n>From b\r\nFro", 3)
	f.Fuzz(func(t *testing.T, s string, cut int) {
		var b bytes.Buffer
		q := &fromQuoter{w: &b, start: true}
		cut = min(max(cut, 0), len(s))
		for _, part := range []string{s[:cut], s[cut:], "\n"} {
			if _, err := io.WriteString(q, part); err != nil {
				t.Fatal(err)
			}
		}
		if regexp.MustCompile(`(?m)^From `).Match(b.Bytes()) {
			t.Errorf("%q became %q", s, b.String())
		}
		want := strings.ReplaceAll(s, "\r", "") + "\n"
		if got := regexp.MustCompile(`(?m)^>(>{0,190}From )`).ReplaceAllString(b.String(), "$1"); got != want && !strings.Contains(s, strings.Repeat(">", 150)) {
			t.Errorf("%q came back as %q", want, got)
		}
	})
}
