package submit

import "errors"

var errOutOfTurn = errors.New("the mail server spoke out of turn")

// turn watches that a peer says one reply to each thing that it is told. Whoever says more could have its words taken for the answer to what
// comes next: a mail would count as taken that nobody has read to its end.
type turn struct {
	head   [4]byte // of the line at hand
	n      int     // octets of it, up to len(head)
	over   bool    // the last line of a reply was seen (RFC 5321, section 4.2.1)
	more   int     // replies that are due after the one at hand
	broken bool    // something was said that is no reply to anything
}

// ours begins anew: we are about to say something that so many replies are due to. It reports false where the peer has spoken out of turn.
func (t *turn) ours(replies int) bool {
	if t.broken {
		return false
	}
	*t = turn{more: replies - 1}
	return true
}

// next goes on to the next reply that is due, and reports false where there is none.
func (t *turn) next() bool {
	if t.broken || t.more == 0 {
		return false
	}
	*t = turn{more: t.more - 1}
	return true
}

// theirs looks at what the peer says, and returns how many octets of it belong to the reply at hand.
func (t *turn) theirs(b []byte) int {
	for i, c := range b {
		switch {
		case t.over:
			t.broken = t.more == 0
			return i
		case c == '\n':
			// A line of three digits alone ends a reply too.
			t.over = t.n >= 3 && isCode(t.head[:3]) && (t.n == 3 || t.head[3] != '-')
			t.n = 0
		case t.n < len(t.head):
			t.head[t.n] = c
			t.n++
		}
	}
	return len(b)
}

func isCode(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
