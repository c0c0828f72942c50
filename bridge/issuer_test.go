package bridge_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"testing"

	"letterlock/bridge"
)

// testKeys is a keyring of one key.
type testKeys string

func (k testKeys) Sign(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte(k))
	h.Write([]byte(purpose + "\x00"))
	h.Write(data)
	return h.Sum(nil)
}

func (k testKeys) Verify(purpose string, data, code []byte) bool {
	return len(code) >= 10 && len(code) <= 32 && hmac.Equal(k.Sign(purpose, data)[:len(code)], code)
}

func TestIssuedTokens(t *testing.T) {
	i := bridge.NewIssuer(testKeys("one"), "example.com", "https://portal.example.com")
	id := bridge.NewID()

	reply := i.ReplyAddress(id)
	local, domain, _ := strings.Cut(reply, "@")
	if domain != "example.com" || len(local) > 64 || local != strings.ToLower(local) {
		t.Errorf("reply address %q: want a lower-case local part of at most 64 octets at example.com", reply)
	}
	messageID := i.MessageID(id)
	if got, ok := i.OpenMessageID(messageID); !ok || got != id {
		t.Errorf("OpenMessageID(%q) = %v, %v, want %v", messageID, got, ok, id)
	}
	if got, ok := i.OpenMessageID(strings.ToUpper(messageID)); !ok || got != id {
		t.Errorf("a Message-ID in upper case opens as %v, %v, want %v", got, ok, id)
	}
	link := strings.TrimPrefix(i.Link(id), "https://portal.example.com/m/")
	if got, ok := i.OpenLink(link); !ok || got != id {
		t.Errorf("OpenLink(%q) = %v, %v, want %v", link, got, ok, id)
	}

	other := bridge.NewIssuer(testKeys("two"), "example.com", "https://portal.example.com")
	flipped := "a" + messageID[1:]
	if flipped == messageID {
		flipped = "b" + messageID[1:]
	}
	token, _, _ := strings.Cut(messageID, "@")
	for _, forged := range []string{
		"", "@", "@example.com", flipped, messageID[1:], messageID + "x", "x" + messageID,
		other.MessageID(id),   // another gateway's key
		link + "@example.com", // a token made for another purpose
		strings.TrimPrefix(local, "reply+") + "@example.com",
		token + "@example.net",
		strings.Repeat("a", 42) + "@example.com",
		strings.Repeat("7", 1<<20),
	} {
		if got, ok := i.OpenMessageID(forged); ok {
			t.Errorf("the forged Message-ID %.60q opens as %v", forged, got)
		}
	}
}

func FuzzOpenToken(f *testing.F) {
	i := bridge.NewIssuer(testKeys("one"), "example.com", "https://portal.example.com")
	other := bridge.NewIssuer(testKeys("two"), "example.com", "https://portal.example.com")
	f.Add(other.MessageID(bridge.NewID()))
	f.Add("reply+x@example.com")
	f.Fuzz(func(t *testing.T, s string) {
		// What this key did not sign opens nothing: the fuzzer knows no key.
		if id, ok := i.OpenMessageID(s); ok {
			t.Errorf("%q opens as %v", s, id)
		}
		if id, ok := i.OpenLink(s); ok {
			t.Errorf("%q opens as %v", s, id)
		}
	})
}

func TestParseIDReadsOnlyWhatStringWrites(t *testing.T) {
	id := bridge.NewID()
	if got, err := bridge.ParseID(id.String()); err != nil || got != id {
		t.Errorf("ParseID(%q) = %v, %v", id, got, err)
	}
	for _, s := range []string{"", "x", id.String() + "0", "{" + id.String() + "}", strings.ReplaceAll(id.String(), "-", ""), strings.Repeat("g", 36)} {
		if _, err := bridge.ParseID(s); err == nil {
			t.Errorf("ParseID(%q) succeeds", s)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	c := bridge.Cursor{At: bridge.NewID().Time(), ID: bridge.NewID()}
	if got, err := bridge.ParseCursor(c.String()); err != nil || got != c {
		t.Errorf("ParseCursor(%q) = %v, %v, want %v", c, got, err, c)
	}
	for _, s := range []string{"x", "AAAA", c.String() + "AA", "../../etc"} {
		if _, err := bridge.ParseCursor(s); err == nil {
			t.Errorf("ParseCursor(%q) succeeds", s)
		}
	}
}

// TestATokenHasOneSpelling: the last letter has two bits to spare, so three others could mean the same.
func TestATokenHasOneSpelling(t *testing.T) {
	i := bridge.NewIssuer(testKeys("one"), "example.com", "https://portal.example.com")
	made := i.MessageID(bridge.NewID())
	at := strings.IndexByte(made, '@')
	opened := 0
	for _, last := range "abcdefghijklmnopqrstuvwxyz234567" {
		if _, ok := i.OpenMessageID(made[:at-1] + string(last) + made[at:]); ok {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("%d last letters open it, want one", opened)
	}
}
