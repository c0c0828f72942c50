package main

import (
	"fmt"
	"io"
	"time"
)

// progress counts on standard error what a long command has done. It says nothing before a second has passed, and nothing at
// all where nobody looks on, or where the count would stand between the lines of the output.
type progress struct {
	w     io.Writer // nil to say nothing
	what  string
	n     int
	began time.Time
	last  time.Time
}

func newProgress(env *environment, what string) *progress {
	p := &progress{what: what, began: time.Now()}
	if isTerminal(env.stderr) && !isTerminal(env.stdout) {
		p.w = env.stderr
	}
	return p
}

// add counts one more.
func (p *progress) add() {
	p.n++
	if p.w == nil {
		return
	}
	if now := time.Now(); now.Sub(p.began) > time.Second && now.Sub(p.last) > 200*time.Millisecond {
		p.last = now
		fmt.Fprintf(p.w, "\r%d %s", p.n, p.what)
	}
}

// end takes the count away again.
func (p *progress) end() {
	if !p.last.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
