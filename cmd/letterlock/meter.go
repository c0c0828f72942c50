package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// meter shows how far a long work is, as a bar on standard error: on a terminal only, and only once a second has passed.
type meter struct {
	w     io.Writer // nil to show nothing
	told  func(part string, done, total int64)
	began time.Time
	last  time.Time
}

func newMeter(env *environment) *meter {
	m := &meter{told: env.hooks.progress, began: time.Now()}
	if isTerminal(env.stderr) {
		m.w = env.stderr
	}
	return m
}

// show tells that a part of the work has done so many steps of so many.
func (m *meter) show(part string, done, total int64) {
	if m.told != nil {
		m.told(part, done, total)
	}
	if m.w == nil {
		return
	}
	now := time.Now()
	if now.Sub(m.began) < time.Second || now.Sub(m.last) < 100*time.Millisecond {
		return
	}
	m.last = now
	const width = 30
	if total <= 0 {
		fmt.Fprintf(m.w, "\r\x1b[K%-12s", part)
		return
	}
	full := int(min(done, total) * width / total)
	fmt.Fprintf(m.w, "\r\x1b[K%-12s [%s%s] %3d %%", part, strings.Repeat("#", full), strings.Repeat(".", width-full), min(done, total)*100/total)
}

// end takes the bar away.
func (m *meter) end() {
	if !m.last.IsZero() {
		fmt.Fprint(m.w, "\r\x1b[K")
	}
}
