package dkim

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/resolver"
)

// Names answers questions about names. A resolver.Resolver is one.
type Names interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

var _ Names = (*resolver.Resolver)(nil)

// What can be wrong with a published key.
var (
	ErrUnpublished = errors.New("it is not published")
	ErrOther       = errors.New("another record is published")
	ErrUnknown     = errors.New("DNS does not answer")
)

// maxRecord bounds a record that is looked at, in octets.
const maxRecord = 4 << 10

// Published looks whether the record of a key is in DNS as it must be, and wraps one of the errors above if it is not.
func Published(ctx context.Context, names Names, domain string, k bridge.SigningKey) error {
	texts, err := names.LookupTXT(ctx, k.Name(domain))
	switch {
	case resolver.IsNotFound(err):
		return fmt.Errorf("%s: %w", k.Selector, ErrUnpublished)
	case err != nil:
		return fmt.Errorf("%s: %w", k.Selector, ErrUnknown)
	case len(texts) != 1:
		return fmt.Errorf("%s: %w: there are %d where one belongs", k.Selector, ErrOther, len(texts))
	}
	if why := differs(texts[0], k); why != "" {
		return fmt.Errorf("%s: %w: %s", k.Selector, ErrOther, why)
	}
	return nil
}

// differs says what of a record does not fit the key (RFC 6376, section 3.6.1), or nothing.
func differs(record string, k bridge.SigningKey) string {
	if len(record) > maxRecord {
		return "it is too long"
	}
	tags := map[string]string{}
	for i, part := range strings.Split(strings.TrimSuffix(strings.TrimSpace(record), ";"), ";") {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if _, twice := tags[name]; !ok || name == "" || twice {
			return "it is no list of tags"
		}
		if name == "v" && (i > 0 || value != "DKIM1") {
			return "it does not begin with v=DKIM1"
		}
		tags[name] = value
	}
	algorithm := tags["k"]
	if algorithm == "" {
		algorithm = string(bridge.SigningRSA)
	}
	public, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(tags["p"]), ""))
	switch {
	case algorithm != string(k.Algorithm):
		return fmt.Sprintf("k= says %.20q", algorithm)
	case tags["p"] == "":
		return "p= is empty: the key is revoked"
	case err != nil || !bytes.Equal(public, k.Public):
		return "p= is not this key; look whether its parts are all there, in their order"
	case listLacks(tags, "h", "sha256"):
		return "h= does not allow SHA-256"
	case listLacks(tags, "s", "email") && listLacks(tags, "s", "*"):
		return "s= does not allow mail"
	case slices.Contains(strings.Split(strings.ReplaceAll(tags["t"], " ", ""), ":"), "y"):
		return "t=y says that it is a test"
	}
	return ""
}

// listLacks reports whether a tag is there and does not list a value.
func listLacks(tags map[string]string, name, value string) bool {
	list, ok := tags[name]
	return ok && !slices.Contains(strings.Split(strings.ReplaceAll(list, " ", ""), ":"), value)
}

// ZoneText writes the text of a TXT record as a zone file has it: in character-strings of at most 255 octets (RFC 1035, section 3.3), quoted. Most
// providers' forms take the same. The text is printable ASCII.
func ZoneText(text string) string {
	var b strings.Builder
	for {
		n := min(255, len(text))
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text[:n]))
		b.WriteByte('"')
		if text = text[n:]; text == "" {
			return b.String()
		}
		b.WriteByte(' ')
	}
}
