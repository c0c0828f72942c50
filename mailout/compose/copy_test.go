package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
)

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
