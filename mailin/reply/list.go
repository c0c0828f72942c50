package reply

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// item begins an item of the innermost list, of a number of its own if that is not negative.
func (p *page) item(number int) {
	mark, level := "- ", 0
	for i := len(p.stack) - 1; i >= 0; i-- {
		e := &p.stack[i]
		if e.roles&roleList == 0 {
			continue
		}
		if level++; level == 1 && e.next >= 0 {
			if number >= 0 {
				e.next = number
			}
			mark = strconv.Itoa(e.next) + ". "
			e.next++
		}
	}
	p.prefix = strings.Repeat("  ", min(max(level-1, 0), 10)) + mark
}

// numberOf returns the number in an attribute, or other if it has none that is small.
func numberOf(t html.Token, name string, other int) int {
	for _, a := range t.Attr {
		if a.Key == name {
			if n, err := strconv.Atoi(strings.TrimSpace(a.Val)); err == nil && n >= 0 && n < 1_000_000 {
				return n
			}
		}
	}
	return other
}
