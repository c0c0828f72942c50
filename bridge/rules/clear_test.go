package rules

import (
	"strings"
	"testing"
)

// FuzzClear sees to it that a text reads, and is folded, rune by rune as in one piece.
func FuzzClear(f *testing.F) {
	for _, s := range []string{
		"", "plain\ttext\r\n\x00", "Grüße – Straße…", "e\u0301a\u0300\u0323 か\u3099か\u200b\u3099", "\u1112\u1161\u11ab 한\u11ab", "\xff\xc0\x80\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\xe4\xb8", "４\u20e3️⃣ ﷺ½ｶﾞ", "\U0001D7DC\U00020000\uFFFD\u0345",
		strings.Repeat("a\u0300", 40) + strings.Repeat("\u0300", 40), "ΟΔΟΣ İI", "नमस्ते", "สวัสดี", "سَرَطان", " -_\u00a0\u2003-",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain := asRead(text)
		if want := string(appendRead(nil, text)); plain != want {
			t.Errorf("%q reads %q, want %q", text, plain, want)
		}
		if got, want := fold(plain), string(appendFolded(nil, plain)); got != want {
			t.Errorf("%q is folded to %q, want %q", plain, got, want)
		}
	})
}
