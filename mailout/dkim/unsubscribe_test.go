package dkim

import (
	"strings"
	"testing"
)

// TestUnsubscribeIsCovered: a receiver offers one click only where both fields are signed (RFC 8058, section 4).
func TestUnsubscribeIsCovered(t *testing.T) {
	const link, post = "List-Unsubscribe: <https://portal.clinic.example/u/abc>\r\n", "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	mail := signed(t, newSigner(t, &ring{pair: newPair()}), link+post+letter)
	names := strings.Join(strings.Fields(mail), "")
	for _, field := range []string{":List-Unsubscribe:List-Unsubscribe:", ":List-Unsubscribe-Post:List-Unsubscribe-Post:"} {
		if n := strings.Count(names, field); n != 2 {
			t.Errorf("%s is in %d signatures of 2", field, n)
		}
	}
	for name, c := range map[string]struct {
		mail string
		good bool
	}{
		"as it left":           {mail, true},
		"another link":         {strings.Replace(mail, "/u/abc", "/u/xyz", 1), false},
		"without a link":       {strings.Replace(mail, link, "", 1), false},
		"without one click":    {strings.Replace(mail, post, "", 1), false},
		"a second link":        {"List-Unsubscribe: <https://evil.example/>\r\n" + mail, false},
		"one click once more":  {post + mail, false},
		"something else to do": {strings.Replace(mail, "=One-Click", "=Two-Clicks", 1), false},
	} {
		for i, err := range verify(t, published(newPair()), c.mail) {
			if (err == nil) != c.good {
				t.Errorf("%s: signature %d: got %v", name, i, err)
			}
		}
	}
}
