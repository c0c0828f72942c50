package desk

import (
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestRecipients(t *testing.T) {
	for typed, want := range map[string][]bridge.Recipient{
		"":              nil,
		" , ;\n ":       nil,
		"a@example.org": {{Address: "a@example.org"}},
		"a@example.org,b@example.org; c@example.org\nd@example.org": {{Address: "a@example.org"}, {Address: "b@example.org"}, {Address: "c@example.org"}, {Address: "d@example.org"}},
		`"Byron, Ada" <ada@example.org>, Bob <bob@example.org>`:     {{Name: "Byron, Ada", Address: "ada@example.org"}, {Name: "Bob", Address: "bob@example.org"}},
		"Byron (Ada) [x] <ada@example.org>":                         {{Name: "Byron (Ada) [x]", Address: "ada@example.org"}},
		"Zoë <zoe@example.org>":                                     {{Name: "Zoë", Address: "zoe@example.org"}},
		"not an address":                                            {{Address: "not an address"}}, // bridge refuses it, and says why
		"\"open quote <a@example.org>\nb@example.org":               {{Name: "open quote", Address: "a@example.org"}, {Address: "b@example.org"}},
	} {
		got, err := recipients(typed)
		if err != nil || len(got) != len(want) {
			t.Errorf("recipients(%q): got %v, %v, want %v", typed, got, err, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("recipients(%q): got %v, want %v", typed, got[i], want[i])
			}
		}
	}
	if _, err := recipients(strings.Repeat("a", maxTo+1)); err == nil {
		t.Error("an endless list was read")
	}
}

// Who is written into the field again, when a message is taken back, is who was in it.
func TestTypedAgain(t *testing.T) {
	for _, name := range []string{"", "Ada", "Byron, Ada", `Ada "the first" \ Byron`, "Zoë", "می\u200cنا", "👩\u200d⚕️ Ann", "Ann\u00a0Ardern", "<b>; c"} {
		want := bridge.Recipient{Name: name, Address: "ada@example.org"}
		got, err := recipients(asTyped(want) + ", b@example.org")
		if err != nil || len(got) != 2 || got[0] != want {
			t.Errorf("%q: %q is read as %q, %v", name, asTyped(want), got, err)
		}
	}
}

func FuzzRecipients(f *testing.F) {
	f.Add("\"a, b\" <c@d>; e@f\n<g@h>,,\\")
	f.Fuzz(func(t *testing.T, typed string) {
		for _, one := range splitAddresses(typed) {
			if strings.TrimSpace(one) == "" || strings.Contains(one, "\n") || !strings.Contains(typed, one) {
				t.Errorf("splitAddresses(%q) made %q", typed, one)
			}
		}
		if to, err := recipients(typed); err == nil && len(to) > len(typed) {
			t.Errorf("recipients(%q) made %d of them", typed, len(to))
		}
	})
}
