package richtext

import (
	"strconv"
	"strings"
)

// properties lists the style properties a letter may use, in the order in which we write them.
var properties = [...]string{
	"color", "background-color", "text-align", "font-weight", "font-style", "text-decoration", "direction", "white-space",
	"margin", "margin-top", "margin-right", "margin-bottom", "margin-left",
	"padding", "padding-top", "padding-right", "padding-bottom", "padding-left", "width",
}

// styles holds the value of each property, by its place in properties.
type styles [len(properties)]string

func (s *styles) set(property, value string) {
	for i, p := range properties {
		if p == property {
			s[i] = value
			return
		}
	}
}

// prefer sets a property from an old presentational attribute, which a style overrides.
func (s *styles) prefer(property, value, element string) {
	for i, p := range properties {
		if p == property && s[i] == "" {
			s[i], _ = styleValue(property, value, element)
		}
	}
}

// read takes the declarations we know out of a style attribute. Splitting at each semicolon may cut a quoted string or a
// url() in two; no half of one is a value that we let through.
func (s *styles) read(css, element string) {
	n := 0
	for d := range strings.SplitSeq(css, ";") {
		if n++; n > 100 {
			return
		}
		property, value, ok := strings.Cut(d, ":")
		if !ok {
			continue
		}
		property = strings.ToLower(strings.TrimSpace(property))
		switch property {
		case "background":
			property = "background-color"
		case "text-decoration-line":
			property = "text-decoration"
		case "margin-inline-start", "margin-inline-end":
			continue
		}
		if v, ok := styleValue(property, value, element); ok {
			s.set(property, v)
		}
	}
}

// String returns the style attribute in canonical form.
func (s *styles) String() string {
	var b strings.Builder
	for i, v := range s {
		if v == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(properties[i])
		b.WriteByte(':')
		b.WriteString(v)
	}
	return b.String()
}

// styleValue returns the canonical form of a value that may stand for this property on this element.
func styleValue(property, value, element string) (string, bool) {
	if len(value) > 200 {
		return "", false
	}
	v := strings.ToLower(strings.TrimSpace(value))
	v = strings.TrimSpace(strings.TrimSuffix(v, "!important"))
	switch property {
	case "color", "background-color":
		return colour(v)
	case "text-align":
		return keyword(v, "left", "right", "center", "justify", "start", "end")
	case "font-weight":
		return keyword(v, "normal", "bold", "bolder", "lighter", "100", "200", "300", "400", "500", "600", "700", "800", "900")
	case "font-style":
		return keyword(v, "normal", "italic", "oblique")
	case "direction":
		return keyword(v, "ltr", "rtl")
	case "white-space":
		return keyword(v, "normal", "pre", "pre-wrap", "pre-line", "nowrap")
	case "text-decoration":
		return decoration(v)
	case "margin", "padding":
		return lengths(v, property == "margin")
	case "margin-top", "margin-right", "margin-bottom", "margin-left":
		return length(v, true)
	case "padding-top", "padding-right", "padding-bottom", "padding-left":
		return length(v, false)
	case "width":
		switch element {
		case "table", "td", "th":
			return width(v)
		}
	}
	return "", false
}

func keyword(v string, allowed ...string) (string, bool) {
	for _, a := range allowed {
		if v == a {
			return v, true
		}
	}
	return "", false
}

func decoration(v string) (string, bool) {
	var out []string
	for _, w := range strings.Fields(v) {
		if _, ok := keyword(w, "underline", "line-through", "overline", "none"); ok && len(out) < 3 {
			out = append(out, w)
		}
	}
	return strings.Join(out, " "), len(out) > 0
}

// colour reads a CSS colour: a name, #hex, rgb() or rgba(). Not "transparent", which hides text.
func colour(v string) (string, bool) {
	if v == "" || len(v) > 60 {
		return "", false
	}
	if v[0] == '#' {
		switch len(v) {
		case 4, 5, 7, 9:
			for i := 1; i < len(v); i++ {
				if !strings.ContainsRune("0123456789abcdef", rune(v[i])) {
					return "", false
				}
			}
			return v, true
		}
		return "", false
	}
	for _, f := range []string{"rgba", "rgb"} {
		args, ok := strings.CutPrefix(v, f+"(")
		if !ok {
			continue
		}
		args, ok = strings.CutSuffix(args, ")")
		if !ok {
			return "", false
		}
		parts := strings.FieldsFunc(args, func(r rune) bool { return r == ',' || r == ' ' || r == '/' })
		if len(parts) != 3 && len(parts) != 4 {
			return "", false
		}
		for _, p := range parts {
			p = strings.TrimSuffix(p, "%")
			if _, ok := decimal(p); !ok {
				return "", false
			}
		}
		return f + "(" + strings.Join(parts, ",") + ")", true
	}
	if len(v) > 22 || v == "transparent" {
		return "", false
	}
	for i := range len(v) {
		if v[i] < 'a' || v[i] > 'z' {
			return "", false
		}
	}
	return v, true
}

// decimal reads a number without sign or exponent.
func decimal(s string) (float64, bool) {
	if s == "" || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// units lists the units of a length, and the most we allow of each: about a hundred pixels.
var units = []struct {
	name string
	most float64
}{{"px", 100}, {"pt", 75}, {"rem", 6}, {"em", 6}, {"ex", 12}, {"ch", 12}, {"in", 1}, {"cm", 2.6}, {"mm", 26}, {"pc", 6}, {"%", 20}}

// length reads a length that can't push content out of sight or over something else: not negative, not large.
func length(v string, auto bool) (string, bool) {
	if v == "0" || auto && v == "auto" {
		return v, true
	}
	for _, u := range units {
		n, ok := strings.CutSuffix(v, u.name)
		if !ok {
			continue
		}
		f, ok := decimal(n)
		if !ok || f > u.most {
			return "", false
		}
		return v, true
	}
	return "", false
}

func lengths(v string, auto bool) (string, bool) {
	parts := strings.Fields(v)
	if len(parts) == 0 || len(parts) > 4 {
		return "", false
	}
	for _, p := range parts {
		if _, ok := length(p, auto); !ok {
			return "", false
		}
	}
	return strings.Join(parts, " "), true
}

func width(v string) (string, bool) {
	if v == "auto" {
		return v, true
	}
	for _, u := range []struct {
		name string
		most float64
	}{{"px", 2000}, {"pt", 1500}, {"em", 100}, {"%", 100}} {
		if n, ok := strings.CutSuffix(v, u.name); ok {
			f, ok := decimal(n)
			return v, ok && f <= u.most
		}
	}
	return "", false
}
