package mailin

import (
	"strings"
	"testing"
)

// TestReadReply has mails with both parts, which do not always agree.
func TestReadReply(t *testing.T) {
	const (
		attribution = "On Fri, Nov 20, 2026 at 10:04 AM Peter Holm <p.holm@example.org> wrote:\n\n> Has the gate arrived?\n"
		container   = `<br><div class="gmail_quote"><div class="gmail_attr">On Fri, Nov 20, 2026 at 10:04 AM Peter Holm &lt;p.holm@example.org&gt; wrote:<br></div><blockquote class="gmail_quote">Has the gate arrived?</blockquote></div>`
	)
	tests := []struct{ why, text, html, want string }{
		{"the parts agree", "It came.\n\n" + attribution, "<div>It came.</div>" + container, "It came."},
		{"the text is empty", "\n", "<div>It came.</div>" + container, "It came."},
		{"the text is a note", "Your mail program does not support HTML messages.\n", "<p>It came.</p>", "It came."},
		{"the text is the mark of a picture", "[cid:image001.png@01DC.A1]\n", `<p><img src="cid:image001.png@01DC.A1">It came.</p>`, "It came."},
		{"the text has marks of pictures and addresses", "It came, see [image: gate.png].\nann@example.com<mailto:ann@example.com>\n", `<p>It came, see <img src="cid:x" alt="gate.png">.</p><a href="mailto:ann@example.com">ann@example.com</a>`, "It came, see .\n\nann@example.com"},
		{"the text runs into a signature", "It came.\n\nMary Ashdown\nGarden dreams come true\n\n" + attribution, `<div>It came.</div><br><div class="gmail_signature">Mary Ashdown<br>Garden dreams come true</div>` + container, "It came."},
		{"only the text has the words", "It came.\n", `<div class="gmail_signature">Mary</div>`, "It came."},
		{"the HTML calls other words a signature", "It came.\n", `<div class="signature">Not what the text says at all, and more than that.</div><p>Else.</p>`, "It came."},
		{"the text marks no quote", "It came.\n\nFrom: Peter\n\nHas it?\n", `<p>It came.</p><div id="divRplyFwdMsg"><b>From:</b> Peter</div><p>Has it?</p>`, "It came."},
		{"the HTML is a picture", "It came.\n", `<html><body><img src="cid:x"></body></html>`, "It came."},
		{"a preheader is not shown", "It came.\n", `<div style="display:none">Hello there</div><p>It came.</p>`, "It came."},
		{"emphasis in the text", "It came on *Monday*.\n", `<p>It came on <b>Monday</b>.</p>`, "It came on *Monday*."},
	}
	for _, tt := range tests {
		r := readReply(tt.text, tt.html)
		if got := r.Visible(); strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
		}
	}
}

func TestWithin(t *testing.T) {
	tests := []struct {
		part, whole string
		want        bool
	}{
		{"", "", true},
		{"a b", "a, x <b>", true},
		{"b a", "a b", false},
		{"a a", "a", false},
		{"ação", "uma ação.", true},
		{"...", "a", true},
	}
	for _, tt := range tests {
		if got := within(tt.part, tt.whole); got != tt.want {
			t.Errorf("within(%q, %q): got %t, want %t", tt.part, tt.whole, got, tt.want)
		}
	}
}
