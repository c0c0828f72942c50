package mailin

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
)

// TestAgreesWithGoMessage reads the golden mails with go-message too: where it reads a mail without a fault, every file that it finds is
// among ours, and the text that it finds is in what we show or fold.
func TestAgreesWithGoMessage(t *testing.T) {
	squeeze := func(s string) string {
		return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\r' || r == '>' }), " ")
	}
	compared := 0
	for _, g := range goldenMails(t) {
		m := Parse(g.raw, Limits{})
		e, err := message.Read(bytes.NewReader(g.raw))
		if err != nil {
			continue
		}
		ours := squeeze(m.Reply + " " + m.Quoted + " " + m.Signature)
		walked := e.Walk(func(_ []int, p *message.Entity, err error) error {
			if err != nil || p.MultipartReader() != nil {
				return err
			}
			kind, params, err := p.Header.ContentType()
			if err != nil {
				return err
			}
			b, err := io.ReadAll(p.Body)
			if err != nil {
				return err
			}
			disposition, _, _ := p.Header.ContentDisposition()
			switch {
			case kind == "text/plain" && disposition == "" && params["format"] == "" && params["charset"] != "iso-8859-1" && !strings.Contains(string(b), "begin ") && !strings.Contains(string(b), "HTML") && m.HTML == "" && utf8.Valid(b):
				if !strings.Contains(ours, squeeze(string(b))) {
					t.Errorf("%s: go-message reads %q, which is not in %q", g.name, b, ours)
				}
				compared++
			case strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "application/"):
				found := false
				for _, a := range m.Attachments {
					found = found || string(a.Content) == string(b)
				}
				if !found {
					t.Errorf("%s: go-message finds a %s that we don't", g.name, kind)
				}
				compared++
			}
			return nil
		})
		_ = walked // a mail that go-message cannot finish has nothing more to compare
	}
	if compared < 10 {
		t.Errorf("only %d parts were compared", compared)
	}
}
