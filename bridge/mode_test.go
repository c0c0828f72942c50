package bridge_test

import (
	"errors"
	"testing"

	"letterlock/bridge"
)

func TestStrictest(t *testing.T) {
	const (
		inherit     = bridge.ModeInherit
		secure      = bridge.ModeSecure
		convenience = bridge.ModeConvenience
	)
	for _, c := range []struct {
		levels []bridge.Mode
		want   bridge.Mode
	}{
		{nil, secure},
		{[]bridge.Mode{inherit, inherit}, secure},
		{[]bridge.Mode{convenience}, convenience},
		{[]bridge.Mode{convenience, inherit, inherit}, convenience},
		{[]bridge.Mode{convenience, secure, inherit}, secure},
		{[]bridge.Mode{convenience, inherit, secure}, secure},
		{[]bridge.Mode{secure, convenience, convenience}, secure}, // nothing below loosens
		{[]bridge.Mode{convenience, "verbatim"}, secure},          // a word from a newer version
	} {
		if got := bridge.Strictest(c.levels...); got != c.want {
			t.Errorf("Strictest(%q) = %q, want %q", c.levels, got, c.want)
		}
	}
}

func TestParseModeRefusesOtherWords(t *testing.T) {
	for _, s := range []string{"Secure", "off", "secure ", "convenience\n"} {
		if _, err := bridge.ParseMode(s); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("ParseMode(%q) = %v, want ErrInvalid", s, err)
		}
	}
}
