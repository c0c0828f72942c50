package mailin

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// date reads a Date field (RFC 5322, sections 3.3 and 4.3), and what mailers write in its place. A mail whose date cannot be read has none.
func (w *walker) date(value []byte) time.Time {
	// What nearly every mailer writes, before the tolerant reading.
	if t, ok := usualDate(value); ok && plausible(t) {
		return t
	}
	if len(value) > 0 && value[0] > ' ' {
		if t, err := time.Parse("Mon, 2 Jan 2006 15:04:05 -0700", string(value)); err == nil && plausible(t) {
			return writable(t)
		}
	}
	s := decodeText(value)
	if s == "" {
		return time.Time{}
	}
	if len(s) <= maxDate {
		if t, ok := parseDate(s); ok && plausible(t) {
			return writable(t)
		}
	}
	w.defect("the Date field cannot be read")
	return time.Time{}
}

// maxDate bounds a date, in octets, comments included.
const maxDate = 200

// usualDate reads "Fri, 20 Nov 2026 08:15:00 +0100" and nothing but that, with the name of a zone behind it or not.
func usualDate(v []byte) (t time.Time, ok bool) {
	v = bytes.TrimSpace(v)
	if i := bytes.Index(v, []byte(" (")); i > 0 && len(v) <= maxDate && v[len(v)-1] == ')' {
		for _, c := range v[i+2 : len(v)-1] {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return t, false
			}
		}
		v = v[:i]
	}
	const form = " Nov 2026 08:15:00 +0100"
	n := len(v) - len("Fri, ") - len(form) // digits of the day
	if n != 1 && n != 2 || strings.Index("Mon, Tue, Wed, Thu, Fri, Sat, Sun, ", string(v[:5]))%5 != 0 {
		return t, false
	}
	day, v := digits(v[5:5+n]), v[5+n:]
	month := strings.Index(" Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ", string(v[:5]))
	if v[9] != ' ' || v[12] != ':' || v[15] != ':' || v[18] != ' ' || v[19] != '+' && v[19] != '-' || month%4 != 0 {
		return t, false
	}
	year, hour, minute, sec, hours, minutes := digits(v[5:9]), digits(v[10:12]), digits(v[13:15]), digits(v[16:18]), digits(v[20:22]), digits(v[22:])
	if min(day, year, hour, minute, sec, hours, minutes) < 0 || hour > 23 || max(minute, sec, minutes) > 59 || hours > 14 {
		return t, false
	}
	zone := time.UTC
	if s := hours*3600 + minutes*60; s != 0 && v[19] == '-' {
		zone = time.FixedZone("", -s)
	} else if s != 0 {
		zone = time.FixedZone("", s)
	}
	t = time.Date(year, time.Month(month/4+1), day, hour, minute, sec, 0, zone)
	return t, t.Day() == day // else the month has no such day
}

// digits reads a number of a few digits, or returns -1.
func digits(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = 10*n + int(c-'0')
	}
	return n
}

func plausible(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9998 }

// writable takes off a zone that RFC 3339 cannot write.
func writable(t time.Time) time.Time {
	if _, east := t.Zone(); max(east, -east) >= 24*3600 {
		return t.UTC()
	}
	return t
}

// dateParts are the parts of a date, in any order, as far as they were found.
type dateParts struct {
	year, month, day   int
	hour, minute, sec  int
	early              bool // the month stands before the day, and may be a day of the week, as "mar." is
	hasTime, afternoon bool
	morning, hasZone   bool
	zone               int // in seconds east of UTC
}

// parseDate takes a date apart word by word: real ones leave out commas, spaces, the day of the week or the zone, and put the year behind the time.
func parseDate(s string) (time.Time, bool) {
	var b strings.Builder
	v := []byte(s)
	for i := 0; i < len(v); {
		if j := skipSpace(v, i); j > i {
			b.WriteByte(' ')
			i = j
			continue
		}
		if c := v[i]; c == ',' || c == '"' || c == ';' {
			b.WriteByte(' ')
		} else {
			b.WriteByte(c)
		}
		i++
	}
	d := dateParts{year: -1}
	for word := range strings.FieldsSeq(strings.ToLower(b.String())) {
		if !d.take(word) {
			return time.Time{}, false
		}
	}
	return d.time()
}

// take reads one word.
func (d *dateParts) take(word string) bool {
	if date, clock, ok := strings.Cut(word, "t"); ok && strings.Count(date, "-") == 2 && len(date) >= 8 && strings.IndexByte(clock, ':') > 0 {
		return d.take(date) && d.take(clock)
	}
	switch c := word[0]; {
	case c == '+' || c == '-':
		return d.offset(word)
	case c < '0' || c > '9':
		return d.name(word)
	case strings.IndexByte(word, ':') > 0:
		return d.clock(word)
	}
	for _, sep := range []string{"-", "/", "."} {
		if p := strings.Split(word, sep); len(p) == 3 {
			return d.triple(p, sep)
		}
	}
	n, ok := number(strings.TrimRight(word, "."), 4)
	if !ok {
		return false
	}
	switch {
	case len(word) <= 2 && d.day == 0:
		d.day = n
	case d.year < 0:
		d.setYear(n, len(word))
	case d.hasTime && !d.hasZone && len(word) == 4:
		return d.offset("+" + word) // the sign became a space
	default:
		return false
	}
	return true
}

// setYear reads a year of two or three digits as RFC 5322, section 4.3, says.
func (d *dateParts) setYear(n, digits int) {
	switch {
	case digits <= 2 && n < 50:
		n += 2000
	case digits <= 3:
		n += 1900
	}
	d.year = n
}

// triple reads "2026-11-20", "20-nov-2026" or "20.11.2026". With slashes nobody knows which is the month.
func (d *dateParts) triple(p []string, sep string) bool {
	if d.day != 0 {
		// "10.00.00": a time with the wrong signs.
		return sep == "." && !d.hasTime && d.clock(strings.Join(p, ":"))
	}
	y, m, day := p[0], p[1], p[2]
	if len(y) <= 2 {
		y, day = day, y
		if sep == "/" && m[:min(1, len(m))] <= "9" {
			return false
		}
	}
	n, ok := number(y, 4)
	if !ok || len(y) == 3 {
		return false
	}
	d.setYear(n, len(y))
	if d.day, ok = number(day, 2); !ok {
		return false
	}
	if d.month, ok = number(m, 2); !ok {
		d.month = monthOf(m)
	}
	return d.month > 0
}

// clock reads "10:00", "10:00:00.123", and the zone or half of the day that may be glued to it.
func (d *dateParts) clock(word string) bool {
	if d.hasTime {
		return false
	}
	rest := ""
	if i := strings.IndexAny(word, "+-abcdefghijklmnopqrstuvwxyz"); i > 0 {
		word, rest = word[:i], word[i:]
	}
	word, _, _ = strings.Cut(word, ".")
	p := strings.Split(word, ":")
	if len(p) < 2 || len(p) > 3 {
		return false
	}
	var ok bool
	if d.hour, ok = number(p[0], 2); !ok || d.hour > 24 {
		return false
	}
	if d.minute, ok = number(p[1], 2); !ok || d.minute > 59 {
		return false
	}
	if len(p) == 3 {
		if d.sec, ok = number(p[2], 2); !ok || d.sec > 60 {
			return false
		}
	}
	d.hasTime = true
	return rest == "" || d.take(rest)
}

// offset reads "+0100", "+01:00" or "+1".
func (d *dateParts) offset(word string) bool {
	if d.hasZone && d.zone != 0 {
		return true // one is enough
	}
	digits := strings.Replace(word[1:], ":", "", 1)
	n, ok := number(digits, 4)
	if !ok {
		return false
	}
	if len(digits) <= 2 {
		n *= 100
	}
	if n%100 > 59 {
		return false
	}
	d.zone, d.hasZone = n/100*3600+n%100*60, true
	if word[0] == '-' {
		d.zone = -d.zone
	}
	return true
}

// zones are those of RFC 5322, section 4.3, and others whose names mean one thing only, in hours east of UTC.
var zones = map[string]int{
	"gmt": 0, "ut": 0, "utc": 0, "z": 0, "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8, "akst": -9, "akdt": -8, "hst": -10,
	"wet": 0, "west": 1, "cet": 1, "cest": 2, "met": 1, "mest": 2, "mez": 1, "mesz": 2, "eet": 2, "eest": 3, "msk": 3, "jst": 9, "kst": 9, "hkt": 8, "sgt": 8, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
}

// name reads a word of letters: a month, a zone, or a half of the day. Others are the day of the week in some language.
func (d *dateParts) name(word string) bool {
	word = strings.Trim(word, ".")
	switch word {
	case "am", "pm":
		d.morning, d.afternoon = word == "am", word == "pm"
		return true
	}
	if h, ok := zones[word]; ok && d.hasTime {
		if !d.hasZone {
			d.zone, d.hasZone = h*3600, true
		}
		return true
	}
	for _, prefix := range []string{"gmt", "utc"} {
		if rest, ok := strings.CutPrefix(word, prefix); ok && rest != "" && (rest[0] == '+' || rest[0] == '-') {
			return d.offset(rest)
		}
	}
	// Of two months the second one counts, as in "mar. 24 nov.", unless a zone may be meant.
	if m := monthOf(word); m > 0 && (d.month == 0 || d.early && !d.hasTime) {
		d.month, d.early = m, d.day == 0
	}
	return true
}

// months are the beginnings of the names that mailers write, which should be English and are not always.
var months = [12][]string{
	{"jan", "ene", "gen", "янв", "sty"},
	{"feb", "fév", "fev", "фев", "lut"},
	{"mar", "mär", "mrz", "mrt", "maa", "мар"},
	{"apr", "avr", "abr", "апр", "kwi"},
	{"may", "mai", "mei", "mag", "maj", "мая", "май"},
	{"jun", "juin", "giu", "июн", "cze"},
	{"jul", "juil", "lug", "июл", "lip"},
	{"aug", "aoû", "aou", "ago", "авг", "sie"},
	{"sep", "set", "сен", "wrz"},
	{"oct", "okt", "ott", "out", "окт", "paź"},
	{"nov", "ноя", "lis"},
	{"dec", "dez", "déc", "dic", "дек", "gru"},
}

func monthOf(word string) int {
	for i, names := range months {
		for _, n := range names {
			if strings.HasPrefix(word, n) {
				return i + 1
			}
		}
	}
	return 0
}

func (d *dateParts) time() (time.Time, bool) {
	if d.year < 0 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 {
		return time.Time{}, false
	}
	switch {
	case d.afternoon && d.hour < 12:
		d.hour += 12
	case d.morning && d.hour == 12:
		d.hour = 0
	}
	if d.hour == 24 && (d.minute != 0 || d.sec != 0) {
		return time.Time{}, false
	}
	if last := time.Date(d.year, time.Month(d.month)+1, 0, 0, 0, 0, 0, time.UTC).Day(); d.day > last {
		return time.Time{}, false
	}
	zone := time.UTC
	if d.zone != 0 {
		zone = time.FixedZone("", d.zone)
	}
	return time.Date(d.year, time.Month(d.month), d.day, d.hour, d.minute, d.sec, 0, zone), true
}

// number reads up to so many digits.
func number(s string, digits int) (int, bool) {
	if s == "" || len(s) > digits || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
