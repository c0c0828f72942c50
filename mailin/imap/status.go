package imap

import (
	"errors"
	"time"
)

// Status is how the reading of one account goes.
type Status struct {
	Account string
	Looked  time.Time   // when the mailbox was last looked through to its end; zero if it was not yet
	Failing time.Time   // since when it can't be read; zero while it can
	Err     *ProbeError // why; nil while it can

	Taken   int // messages, of a look that goes on
	Waiting int // messages that this look found and did not take yet
	Aside   int // messages that could not be taken so far, and are tried again
}

// tell tells how the reading goes after a change.
func (r *reader) tell(change func(*Status)) {
	change(&r.status)
	r.status.Account, r.status.Aside = r.account.Name, len(r.late)
	if r.Told != nil {
		r.Told(r.status)
	}
}

// looked notes that the mailbox was looked through.
func (r *reader) looked() {
	r.tell(func(s *Status) { *s = Status{Looked: r.Now()} })
}

// failed notes why a connection ended. One that is made again at once is no failure to speak of, which only time can tell: who is told
// compares Failing with now.
func (r *reader) failed(err error) {
	stage := r.stage
	if errors.Is(err, errNothingWorks) {
		stage = Record
	}
	var why *ProbeError
	errors.As(failedAt(stage, err), &why)
	r.tell(func(s *Status) {
		if s.Failing.IsZero() {
			s.Failing = r.Now()
		}
		s.Err, s.Taken, s.Waiting = why, 0, 0
	})
}
