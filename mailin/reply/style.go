package reply

import (
	"strconv"
	"strings"
)

// rolesByStyle returns what an element's style means for the lines in it: whether they are shown, in bold or in a colour.
func rolesByStyle(style string) role {
	var r role
	var flat, clipped, tiny, faint bool
	for style != "" {
		var d string
		d, style, _ = strings.Cut(style, ";")
		k, v, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if v == "" || len(k) < 5 {
			continue
		}
		switch k[0] | 0x20 {
		case 'd':
			if strings.EqualFold(k, "display") && len(v) >= 4 && strings.EqualFold(v[:4], "none") {
				r |= roleHidden
			}
		case 'v':
			if strings.EqualFold(k, "visibility") && len(v) >= 6 && strings.EqualFold(v[:6], "hidden") {
				r |= roleHidden
			}
		case 'm':
			flat = flat || strings.EqualFold(k, "max-height") && isZero(v)
		case 'h':
			flat = flat || strings.EqualFold(k, "height") && isZero(v)
		case 'o':
			clipped = clipped || strings.EqualFold(k, "overflow") && strings.EqualFold(v, "hidden")
			if strings.EqualFold(k, "opacity") && isZero(v) {
				r |= roleHidden
			}
		case 'f':
			tiny = tiny || strings.EqualFold(k, "font-size") && isZero(v)
			if strings.EqualFold(k, "font-weight") && (strings.EqualFold(v, "bold") || len(v) == 3 && v >= "600") {
				r |= roleBold
			}
		case 'c':
			if strings.EqualFold(k, "color") {
				faint = faint || isWhite(v)
				if isColour(v) {
					r |= roleColour
				}
			}
		}
	}
	// Words of no height are shown if nothing clips them, and a font without size holds for what has no other one.
	if flat && clipped || tiny && faint {
		r |= roleHidden
	}
	return r
}

// isZero reports whether a length or number is 0.
func isZero(v string) bool {
	if v[0] != '0' {
		return false
	}
	for i := 1; i < len(v); i++ {
		if v[i] >= '1' && v[i] <= '9' {
			return false
		}
	}
	return true
}

func isWhite(v string) bool {
	return strings.EqualFold(v, "white") || strings.EqualFold(v, "transparent") || strings.EqualFold(v, "#fff") || strings.EqualFold(v, "#ffffff")
}

// isColour reports whether a colour is neither black nor grey nor nearly so, nor taken from around the element.
func isColour(v string) bool {
	if v == "" {
		return false
	}
	var c [3]int
	switch {
	case v[0] == '#' && len(v) == 7:
		for i := range c {
			n, err := strconv.ParseUint(v[1+2*i:3+2*i], 16, 8)
			if err != nil {
				return false
			}
			c[i] = int(n)
		}
	case v[0] == '#' && len(v) == 4:
		for i := range c {
			n, err := strconv.ParseUint(v[1+i:2+i], 16, 8)
			if err != nil {
				return false
			}
			c[i] = 17 * int(n)
		}
	case len(v) > 4 && strings.EqualFold(v[:3], "rgb"):
		rest := v[strings.IndexByte(v, '(')+1:]
		for i := range c {
			rest = strings.TrimLeft(rest, " ,")
			n := run(rest)
			if n == 0 || n > 3 {
				return false
			}
			c[i], _ = strconv.Atoi(rest[:n])
			rest = rest[n:]
		}
	default:
		word, _, _ := strings.Cut(strings.ToLower(v), " ")
		return colourNames[word]
	}
	return max(c[0], c[1], c[2])-min(c[0], c[1], c[2]) >= 60
}

// colourNames are those that people choose by name, or their editors for them.
var colourNames = map[string]bool{
	"red": true, "blue": true, "green": true, "navy": true, "purple": true, "maroon": true, "teal": true, "olive": true, "orange": true, "fuchsia": true, "magenta": true, "darkred": true, "darkblue": true,
	"darkgreen": true, "crimson": true, "royalblue": true, "mediumblue": true, "brown": true, "violet": true, "lime": true, "aqua": true, "cyan": true, "indigo": true, "firebrick": true, "steelblue": true, "forestgreen": true, "dodgerblue": true,
}
