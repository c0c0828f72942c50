package wording

import (
	"strconv"
	"strings"
)

// Bounds of what is read of an Accept-Language field.
const (
	maxAccept = 1000 // octets
	maxRanges = 40
)

// Accept returns the tag of the language that a browser asks for most (Accept-Language, RFC 9110, section 12.5.4) among those that there
// are, with its region where it names one, such as "de-at"; nothing if there is none of them. It takes linear time and never fails.
func (all Languages) Accept(field string) string {
	if len(field) > maxAccept {
		field = field[:maxAccept]
	}
	best, most := "", 0.0
	n := 0
	for part := range strings.SplitSeq(field, ",") {
		if n++; n > maxRanges {
			break
		}
		tag, params, _ := strings.Cut(part, ";")
		tag = strings.ToLower(strings.TrimSpace(tag))
		q, ok := quality(params)
		// The first of those that are wanted equally is the one.
		if !ok || q <= most || !isTag(tag) || all.find(tag) == nil {
			continue
		}
		best, most = tag, q
	}
	return best
}

// quality reads the weight of a language: 1 if none is given.
func quality(params string) (float64, bool) {
	params = strings.TrimSpace(params)
	if params == "" {
		return 1, true
	}
	name, value, ok := strings.Cut(params, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 0, false
	}
	value = strings.TrimSpace(value)
	if len(value) == 0 || len(value) > 5 || strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(value, 64)
	return q, err == nil && q > 0 && q <= 1
}

// isTag reports whether s has the shape of a language tag (RFC 5646, section 2.1), in lower case.
func isTag(s string) bool {
	if s == "" || len(s) > 35 {
		return false
	}
	for part := range strings.SplitSeq(s, "-") {
		if len(part) == 0 || len(part) > 8 {
			return false
		}
		for i := range len(part) {
			if c := part[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}
