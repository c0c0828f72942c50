package bridge

import "fmt"

// Mode says how much a mail that leaves may carry. The zero Mode says nothing and leaves the choice to a wider level.
type Mode string

// The modes. Secure is the stricter, and the default.
const (
	ModeInherit     Mode = ""
	ModeSecure      Mode = "secure"
	ModeConvenience Mode = "convenience"
)

// ParseMode reads "secure", "convenience" or nothing. Its error wraps ErrInvalid.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case ModeInherit, ModeSecure, ModeConvenience:
		return m, nil
	}
	return "", fmt.Errorf("mode %q is neither secure nor convenience: %w", clip(s, 40), ErrInvalid)
}

// Strictest returns the mode that holds where several levels speak: secure if any level says so, or if none says anything.
// So no level can loosen what another made strict.
func Strictest(levels ...Mode) Mode {
	m := ModeInherit
	for _, l := range levels {
		switch l {
		case ModeInherit:
		case ModeConvenience:
			m = ModeConvenience
		default:
			// Secure, and any word that this version does not know.
			return ModeSecure
		}
	}
	if m == ModeInherit {
		return ModeSecure
	}
	return m
}
