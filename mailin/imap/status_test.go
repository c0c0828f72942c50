package imap

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

// board keeps what was told of an account.
type board struct {
	mu  sync.Mutex
	all []Status
}

func (b *board) told(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, s)
}

// last returns what was told last, and the most that were waiting at once.
func (b *board) last() (last Status, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.all {
		last, most = s, max(most, s.Waiting)
	}
	return last, most
}

// The operator is told that the mailbox was read, that the server is away and since when, and that all is well again.
func TestStatus(t *testing.T) {
	s, o, b := newMemory(t), newOffice(), &board{}
	for i := range 20 {
		s.deliver(t, letter(strings.Repeat("x", i+1)))
	}
	start(t, o, func(c *Config) { c.Told, c.Batch = b.told, 5 }, s.account())
	o.await(t, "all are read", func() bool {
		last, most := b.last()
		return !last.Looked.IsZero() && last.Waiting == 0 && most == 20 && last.Account == "ann"
	})
	s.down(t)
	var first Status
	o.await(t, "the server is away", func() bool { first, _ = b.last(); return !first.Failing.IsZero() && first.Err.Stage == Connect })
	if first.Looked.IsZero() || first.Err.Refused {
		t.Errorf("told %+v", first)
	}
	tries := func() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.all) }
	before := tries()
	o.await(t, "two tries more", func() bool { return tries() > before+2 })
	if last, _ := b.last(); !last.Failing.Equal(first.Failing) {
		t.Errorf("failing since %s, and later since %s", first.Failing, last.Failing)
	}
	s.up(t)
	o.await(t, "all is well", func() bool { last, _ := b.last(); return last.Failing.IsZero() && last.Err == nil })
}

func TestStatusOfWhatDoesNotWork(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Account)
		fail   error
		stage  Stage
		refuse bool
	}{
		"a wrong password":            {change: func(a *Account) { a.Password = "guess" }, stage: SignIn, refuse: true},
		"a mailbox that is not there": {change: func(a *Account) { a.Mailbox = "Imbox" }, stage: Open, refuse: true},
		"no room for mail":            {fail: errDown, stage: Record},
	} {
		t.Run(name, func(t *testing.T) {
			s, o, b := newMemory(t), newOffice(), &board{}
			a := s.account()
			if c.change != nil {
				c.change(&a)
			}
			o.fail = func(string) error { return c.fail }
			for _, subject := range strings.Fields("a b c d") {
				s.deliver(t, letter(subject))
			}
			start(t, o, func(cfg *Config) { cfg.Told = b.told }, a)
			var last Status
			o.await(t, "it fails", func() bool { last, _ = b.last(); return last.Err != nil && last.Err.Stage == c.stage })
			if last.Err.Refused != c.refuse || last.Failing.IsZero() || c.fail != nil && !errors.Is(last.Err, errNothingWorks) {
				t.Errorf("told %+v, %v", last, last.Err)
			}
		})
	}
}

// One mail that can't be taken is no failure of the account.
func TestStatusOfAMailPutAside(t *testing.T) {
	s, o, b := newMemory(t), newOffice(), &board{}
	o.fail = func(subject string) error {
		if subject == "bad" {
			return errors.New("receive: no")
		}
		return nil
	}
	for _, subject := range strings.Fields("one bad two") {
		s.deliver(t, letter(subject))
	}
	start(t, o, func(c *Config) { c.Told = b.told }, s.account())
	o.await(t, "one put aside", func() bool {
		last, _ := b.last()
		return last.Aside == 1 && last.Failing.IsZero() && !last.Looked.IsZero()
	})
}
