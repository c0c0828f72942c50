package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of octets. In text it is a whole number with an optional unit: B, kB, MB, GB (powers of 1000) or KiB, MiB, GiB.
type Size int64

var sizeUnits = []struct {
	name   string
	octets int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, // before the units that they end in
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1}, {"", 1},
}

// UnmarshalText reads what MarshalText writes, and any of the units, in any case, with or without a space.
func (s *Size) UnmarshalText(b []byte) error {
	text := strings.ToLower(strings.TrimSpace(string(b)))
	for _, u := range sizeUnits {
		digits, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 {
			break
		}
		if n > math.MaxInt64/u.octets {
			return fmt.Errorf("%q is too large for a size", b)
		}
		*s = Size(n * u.octets)
		return nil
	}
	return fmt.Errorf("%q is not a size: write a whole number and a unit, such as 25MiB", b)
}

// MarshalText writes the size with the largest unit that leaves a whole number.
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range []struct {
		name   string
		octets Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.octets && s%u.octets == 0 {
			return fmt.Appendf(nil, "%d%s", s/u.octets, u.name), nil
		}
	}
	return fmt.Appendf(nil, "%dB", int64(s)), nil
}

// Duration is a span of time. In text it is what time.ParseDuration reads, and also whole days, such as "2d".
type Duration time.Duration

// UnmarshalText reads what MarshalText writes. Its error names a form that works.
func (d *Duration) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if days, found := strings.CutSuffix(text, "d"); found {
		if n, err := strconv.ParseInt(days, 10, 64); err == nil && n >= 0 && n <= 36500 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration: write a number and a unit, such as 30s, 5m, 12h or 2d", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes whole days as days, and the rest as Go does, without the units that are zero.
func (d Duration) MarshalText() ([]byte, error) {
	v := time.Duration(d)
	if day := 24 * time.Hour; v >= day && v%day == 0 {
		return fmt.Appendf(nil, "%dd", v/day), nil
	}
	text := v.String()
	for _, zero := range [][2]string{{"m0s", "m"}, {"h0m", "h"}} {
		if rest, found := strings.CutSuffix(text, zero[0]); found {
			text = rest + zero[1]
		}
	}
	return []byte(text), nil
}
