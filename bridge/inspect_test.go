package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/filetype"
)

// scanner finds the word EVIL, counts what it is asked, and says what is wrong with it if something is.
type scanner struct {
	wrong error
	asked int
}

func (s *scanner) Scan(_ context.Context, r io.Reader) (string, error) {
	s.asked++
	b, err := io.ReadAll(r)
	switch {
	case err != nil:
		return "", err
	case s.wrong != nil:
		return "", s.wrong
	case bytes.Contains(b, []byte("EVIL")):
		return "Test.Evil", nil
	}
	return "", nil
}

// under changes the rules of the world.
func (w *world) under(change func(*bridge.Config)) {
	w.t.Helper()
	change(&w.config)
	w.g = try(w, func() (*bridge.Gateway, error) { return bridge.New(w.config) })
}

// with attaches files to a mail: names and contents, in pairs.
func with(m *bridge.Mail, pairs ...string) *bridge.Mail {
	for i := 0; i < len(pairs); i += 2 {
		m.Attachments = append(m.Attachments, bridge.MailPart{Filename: pairs[i], ContentType: "application/octet-stream", Content: []byte(pairs[i+1])})
		m.Raw = append(m.Raw, pairs[i+1]...)
	}
	return m
}

const program = "\x7fELF\x02\x01\x01\x00"

func TestFileRules(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	w.under(func(c *bridge.Config) {
		c.MaxFile, c.MaxFiles, c.DeniedTypes = 1<<20, 3<<20/2, []filetype.Kind{filetype.Executable, filetype.HTML}
	})
	large := strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		name    string
		files   []string
		refusal string // empty if it is appended
		kind    error
	}{
		{name: "none"},
		{name: "a picture", files: []string{"a.png", "\x89PNG\r\n\x1a\n"}},
		{name: "just small enough", files: []string{"a.txt", large}},
		{"too large", []string{"a.txt", "x", "plan.txt", large + "x"}, `The file "plan.txt" is larger than 1 MB, which is the most for one file.`, bridge.ErrTooLarge},
		{
			"too much",
			[]string{"a.txt", large[:700<<10], "b.txt", large, "c.txt", "x"},
			`The file "b.txt" is the largest of files with 1.684 MB together, and one message may have 1.5 MB.`, bridge.ErrTooLarge,
		},
		{"a program", []string{"ok.txt", "x", "holiday.jpg", program}, `The file "holiday.jpg" is a program; such files are not taken here.`, bridge.ErrInvalid},
		{"a name that is not ASCII", []string{"Grüße\r\n.jpg", program}, `The file "Gr??e .jpg" is a program; such files are not taken here.`, bridge.ErrInvalid},
		{"a web page", []string{"a.txt", "<html>"}, `The file "a.txt" is a web page; such files are not taken here.`, bridge.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := w.receive(with(w.mail("ann@example.org", tt.name), tt.files...), to)
			if tt.refusal == "" {
				if r.Disposition != bridge.Appended {
					t.Errorf("got %s (%q), want appended", r.Disposition, r.Reasons)
				}
				return
			}
			if got := w.g.Refusal(r.Refusal); r.Disposition != bridge.Refused || got != tt.refusal || !errors.Is(r.Refusal, tt.kind) {
				t.Errorf("got %s: %q (%v), want %q", r.Disposition, got, r.Refusal, tt.refusal)
			}
			if n := w.sees(bridge.AsPerson(w.inside.ID), tt.name); n != 0 {
				t.Errorf("it is in the thread %d times", n)
			}
			kept := try(w, func() ([]bridge.Received, error) {
				list, _, err := w.g.ListReceived(t.Context(), w.operator, bridge.ReceivedQuery{Limit: 1})
				return list, err
			})
			if kept[0].ID != r.ID || !strings.Contains(strings.Join(kept[0].Reasons, "; "), "the file \"") {
				t.Errorf("the record says %q", kept[0].Reasons)
			}
			// The same files are refused where they are uploaded.
			if tt.name == "too much" {
				return
			}
			last := len(tt.files) - 2
			for i := 0; i <= last; i += 2 {
				_, err := w.g.StageFile(t.Context(), bridge.AsPerson(w.inside.ID), tt.files[i], "image/jpeg", strings.NewReader(tt.files[i+1]))
				if refused := err != nil; refused != (i == last) || refused && !errors.Is(err, tt.kind) {
					t.Errorf("upload of %q: got %v", tt.files[i], err)
				}
			}
		})
	}
	// A mail that would be held is refused as well, and one that tells of another is read.
	if r := w.receive(with(w.mail("stranger@example.net", "x"), "a", program), "postmaster@example.com"); r.Disposition != bridge.Refused {
		t.Errorf("a stranger's program: got %s", r.Disposition)
	}
	report := with(w.mail("mailer-daemon@example.net", "x"), "a", program)
	report.Kind = bridge.KindBounce
	if r := w.receive(report, to); r.Disposition != bridge.Reported {
		t.Errorf("a report: got %s", r.Disposition)
	}
}

func TestAllowedTypes(t *testing.T) {
	w := newWorld(t)
	w.under(func(c *bridge.Config) { c.AllowedTypes = []filetype.Kind{filetype.PDF, filetype.Image} })
	for content, good := range map[string]bool{"%PDF-1.7\n": true, "\x89PNG\r\n\x1a\n": true, "hello": false, program: false} {
		_, err := w.g.StageFile(t.Context(), bridge.AsPerson(w.inside.ID), "a.pdf", "application/pdf", strings.NewReader(content))
		if (err == nil) != good {
			t.Errorf("%q: got %v", content, err)
		}
	}
}

func TestHarmfulMail(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	s := &scanner{}
	w.under(func(c *bridge.Config) { c.Scanner = s })

	clean := with(w.mail("ann@example.org", "All is well."), "a.txt", "fine")
	if r := w.receive(clean, to); r.Disposition != bridge.Appended || s.asked != 2 {
		t.Errorf("got %s after %d questions, want appended after one for the file and one for the mail", r.Disposition, s.asked)
	}
	for name, m := range map[string]*bridge.Mail{
		`The file "b.zip" holds something harmful (Test.Evil).`: with(w.mail("ann@example.org", "Open this."), "a.txt", "fine", "b.zip", "EVIL"),
		`This mail holds something harmful (Test.Evil).`:        w.mail("ann@example.org", "EVIL words."),
	} {
		r := w.receive(m, to)
		if got := w.g.Refusal(r.Refusal); r.Disposition != bridge.Refused || got != name {
			t.Errorf("got %s: %q, want %q", r.Disposition, got, name)
		}
		// To many recipients, it is searched once.
		asked := s.asked
		if r := w.receive(m, "postmaster@example.com"); r.Disposition != bridge.Refused || s.asked != asked {
			t.Errorf("the second recipient: got %s after %d more questions", r.Disposition, s.asked-asked)
		}
	}

	// While nobody can tell, nothing comes in; what was decided without is.
	s.wrong = errors.New("no answer")
	m := w.mail("ann@example.org", "It waits.")
	_, err := w.g.Receive(t.Context(), bridge.Envelope{Route: bridge.RouteSMTP, ForwardPath: to, ReversePath: "ann@example.org"}, m, pass("ann@example.org"))
	if !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("without a scanner: got %v, want that it is to be tried again", err)
	}
	if r := w.receive(clean, to); r.Disposition != bridge.Duplicate {
		t.Errorf("a mail that is there: got %s, want duplicate", r.Disposition)
	}
	if r := w.receive(w.mail("ann@example.org", "x"), "nobody@example.com"); r.Disposition != bridge.Refused {
		t.Errorf("a mail to nobody: got %s, want refused", r.Disposition)
	}
	s.wrong = fmt.Errorf("too much: %w", bridge.ErrTooLarge)
	if r := w.receive(with(w.mail("ann@example.org", "x"), "a.txt", "x"), to); r.Disposition != bridge.Refused || !errors.Is(r.Refusal, bridge.ErrTooLarge) {
		t.Errorf("more than can be searched: got %s, %v", r.Disposition, r.Refusal)
	}
	s.wrong = nil
	if r := w.receive(m, to); r.Disposition != bridge.Appended {
		t.Errorf("with a scanner again: got %s, want appended", r.Disposition)
	}
}

func TestHarmfulUpload(t *testing.T) {
	w := newWorld(t)
	s := &scanner{}
	w.under(func(c *bridge.Config) { c.Scanner = s })
	ann := bridge.AsPerson(w.inside.ID)
	for range 25 {
		_, err := w.g.StageFile(t.Context(), ann, "b.zip", "application/zip", strings.NewReader("EVIL"))
		if !errors.Is(err, bridge.ErrInvalid) || !strings.Contains(err.Error(), `the file "b.zip" holds something harmful (Test.Evil)`) {
			t.Fatalf("got %v", err)
		}
	}
	large := strings.Repeat("x", 100<<10) + "EVIL" // kept as a file while it is searched
	if _, err := w.g.StageFile(t.Context(), ann, "large.bin", "", strings.NewReader(large)); !errors.Is(err, bridge.ErrInvalid) {
		t.Errorf("a large file: got %v", err)
	}
	if _, err := w.g.StageFile(t.Context(), ann, "fine", "", strings.NewReader("fine")); err != nil {
		t.Errorf("a clean file: got %v", err)
	}
	s.wrong = errors.New("no answer")
	if _, err := w.g.StageFile(t.Context(), ann, "fine", "", strings.NewReader("fine")); !errors.Is(err, bridge.ErrUnavailable) {
		t.Errorf("without a scanner: got %v", err)
	}
	entries, _, err := w.g.ListAudit(t.Context(), w.operator, "file.refuse", bridge.Cursor{}, 100)
	w.must(err)
	if len(entries) != 20 || entries[0].By != w.inside.ID || !strings.Contains(entries[0].Detail, `"b.zip"`) {
		t.Errorf("the audit log has %d entries, the last %+v; want 20 by Ann", len(entries), entries[0])
	}
}

// A mail that came over IMAP is answered, and its answer says nothing of the file's name.
func TestRefusedFileOverIMAP(t *testing.T) {
	w := newWorld(t)
	to := w.replyAddress(w.inside)
	w.under(func(c *bridge.Config) { c.DeniedTypes = []filetype.Kind{filetype.Executable} })
	m := withTo(with(w.mail("ann@example.org", "x"), "secret plan.exe", program), to)
	if r := w.receiveAs(bridge.Envelope{Route: bridge.RouteIMAP, Peer: "office"}, m, pass("ann@example.org")); r.Disposition != bridge.Refused {
		t.Fatalf("got %s", r.Disposition)
	}
	out := w.outgoing()
	i := slices.IndexFunc(out, func(o bridge.Outgoing) bool { return o.Delivery.Kind == bridge.DeliverAnswer })
	if i < 0 || !strings.Contains(out[i].Delivery.Payload, "a file that can't be taken") || strings.Contains(fmt.Sprint(out[i]), "secret") {
		t.Errorf("got %+v", out)
	}
}

// What was held before a rule or a scanner was there passes them when staff release it.
func TestReleaseOfAHarmfulMail(t *testing.T) {
	w := newWorld(t)
	m := with(w.mail("stranger@example.net", "Let me in."), "a.txt", "EVIL")
	r := w.receive(m, "postmaster@example.com")
	w.under(func(c *bridge.Config) { c.Scanner = &scanner{} })
	if _, err := w.g.ReleaseHeld(t.Context(), bridge.AsPerson(w.staff.ID), r.ID, m); !errors.Is(err, bridge.ErrInvalid) || !strings.Contains(err.Error(), "a.txt") {
		t.Errorf("got %v", err)
	}
}

func TestScansAreForgotten(t *testing.T) {
	w := newWorld(t)
	s := &scanner{}
	w.under(func(c *bridge.Config) { c.Scanner = s })
	m := w.mail("stranger@example.net", "x")
	w.receive(m, "postmaster@example.com")
	w.clock.forward(3 * time.Minute)
	m.Digest[0]++ // another mail to the gate, the same octets to the scanner
	if w.receive(m, "postmaster@example.com"); s.asked != 2 {
		t.Errorf("it was searched %d times, want 2", s.asked)
	}
	for range 200 {
		w.receive(w.mail("stranger@example.net", "x"), "postmaster@example.com")
	}
}
