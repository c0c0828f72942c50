package compose

import (
	"errors"
	"strings"
	"testing"

	"letterlock/bridge"
)

const unsubscribeLink = "https://portal.clinic.example/u/abcdefghijklmnopqrstuvwxyz234567abcdefghij"

// TestMailsThatCanBeTurnedOff has the fields of RFC 8058 in what Prepare says can be turned off, and in nothing else.
func TestMailsThatCanBeTurnedOff(t *testing.T) {
	for name, o := range map[string]bridge.Outgoing{"a notice": notice(), "a copy": full(), "a dressed notice": dressed(t)} {
		plain := compose(t, o)
		if h := read(t, plain.Data).header; h.Has("List-Unsubscribe") || h.Has("List-Unsubscribe-Post") {
			t.Errorf("%s that can't be turned off says where it is", name)
		}
		o.Unsubscribe = unsubscribeLink
		m := compose(t, o)
		checkShape(t, m)
		l := read(t, m.Data)
		if got := l.header.Values("List-Unsubscribe"); len(got) != 1 || got[0] != "<"+unsubscribeLink+">" {
			t.Errorf("%s: List-Unsubscribe is %q", name, got)
		}
		if got := l.header.Values("List-Unsubscribe-Post"); len(got) != 1 || got[0] != "List-Unsubscribe=One-Click" {
			t.Errorf("%s: List-Unsubscribe-Post is %q", name, got)
		}
		if strings.Contains(l.text+l.html, "/u/") {
			t.Errorf("%s: the link stands in the text: a second one beside that which people can check", name)
		}
		if want := len(plain.Data) + len("List-Unsubscribe: <>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n") + len(unsubscribeLink); len(m.Data) != want {
			t.Errorf("%s has %d octets, want %d", name, len(m.Data), want)
		}
	}
}

func TestUnsubscribeLinksThatAreNone(t *testing.T) {
	for name, link := range map[string]string{
		"not https":     "http://portal.clinic.example/u/a",
		"an address":    "mailto:off@clinic.example",
		"two":           "https://a.example/u,https://b.example/",
		"a line end":    "https://a.example/\r\nBcc: x@example.com",
		"a space":       "https://a.example/ x",
		"its end":       "https://a.example/>, <https://evil.example",
		"not ASCII":     "https://a.example/ü",
		"without end":   "https://a.example/" + strings.Repeat("x", 1000),
		"nothing to it": " ",
	} {
		o := notice()
		o.Unsubscribe = link
		if _, err := newComposer(t, nil).Compose(t.Context(), o); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

// TestSummaryTellsNumbers and nothing else, in every language.
func TestSummaryTellsNumbers(t *testing.T) {
	c := newComposer(t, nil)
	for tag := range c.languages {
		o := full()
		o.Delivery.Kind, o.Locale, o.ToStaff = bridge.DeliverDigest, tag, true
		o.Tally = bridge.Tally{New: 17, Waiting: 4203, Held: 38, Unopened: 59}
		l := read(t, compose(t, o).Data)
		for _, want := range []string{"17", "4203", "38", "59"} {
			if !strings.Contains(l.text, want) || !strings.Contains(l.html, want) {
				t.Errorf("%s: %s is missing:\n%s", tag, want, l.text)
			}
		}
		for _, word := range []string{"results", "Eva", "all is well", "report"} {
			if strings.Contains(l.text+l.html, word) {
				t.Errorf("%s: it tells %q", tag, word)
			}
		}
	}
}
