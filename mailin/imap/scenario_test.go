package imap

import (
	"testing"
	"time"
)

// The scenarios hold for every IMAP server: they run against go-imap's own and against Dovecot.

func TestMemoryServer(t *testing.T) {
	scenarios(t, func(t *testing.T) server { return newMemory(t) })
}

func scenarios(t *testing.T, open func(*testing.T) server) {
	t.Run("idle", func(t *testing.T) { idles(t, open(t)) })
	t.Run("move", func(t *testing.T) { moves(t, open(t)) })
	t.Run("delete", func(t *testing.T) { deletes(t, open(t)) })
	t.Run("outage", func(t *testing.T) { survivesOutage(t, open(t)) })
	t.Run("renumbered", func(t *testing.T) { survivesRenumbering(t, open(t)) })
	t.Run("two accounts", func(t *testing.T) { readsBesideBroken(t, open(t)) })
	t.Run("restart", func(t *testing.T) { goesOn(t, open(t)) })
	t.Run("since", func(t *testing.T) { passesOverOld(t, open(t)) })
	t.Run("crash", func(t *testing.T) { survivesCrash(t, open(t)) })
}

// Ann's mailbox holds two mails; a third comes while it is watched, and is announced by IDLE: there is no polling to find it.
func idles(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.After = Seen
	s.deliver(t, letter("one"))
	s.deliver(t, letter("two"))
	start(t, o, func(c *Config) { c.Poll, c.IdleFor = time.Hour, time.Hour }, a)
	o.awaitMails(t, "one two")
	s.deliver(t, letter("three"))
	o.await(t, "a mail announced by IDLE", func() bool {
		if m, ok := s.(*memory); ok {
			m.nudge(t)
		}
		return o.got() == "one two three"
	})
	o.awaitProgress(t, 3)
	if all, seen := look(t, s.account(), "INBOX"); all != 3 || seen != 3 {
		t.Errorf("got %d messages, %d of them seen, want 3 and 3", all, seen)
	}
	e := o.envelope["three"]
	if e.ReversePath != "bob@example.org" || e.ForwardPath != "" || e.Route != "imap" || e.Peer != "ann" {
		t.Errorf("envelope %+v", e)
	}
	if o.again != 0 {
		t.Errorf("%d mails were taken twice", o.again)
	}
}

func moves(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.After, a.Folder = Move, "Done"
	s.deliver(t, letter("one"))
	s.deliver(t, letter("two"))
	start(t, o, nil, a)
	o.awaitMails(t, "one two")
	o.awaitProgress(t, 2)
	if all, _ := look(t, s.account(), "INBOX"); all != 0 {
		t.Errorf("got %d messages left, want none", all)
	}
	if all, _ := look(t, s.account(), "Done"); all != 2 {
		t.Errorf("got %d messages moved, want 2", all)
	}
}

func deletes(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.After = Delete
	s.deliver(t, letter("one"))
	start(t, o, nil, a)
	o.awaitMails(t, "one")
	o.awaitProgress(t, 1)
	if all, _ := look(t, s.account(), "INBOX"); all != 0 {
		t.Errorf("got %d messages left, want none", all)
	}
}

// The server goes away, and mail comes meanwhile.
func survivesOutage(t *testing.T, s server) {
	o := newOffice()
	s.deliver(t, letter("one"))
	start(t, o, nil, s.account())
	o.awaitMails(t, "one")
	s.down(t)
	s.deliver(t, letter("two"))
	s.up(t)
	o.awaitMails(t, "one two")
	s.deliver(t, letter("three"))
	o.awaitMails(t, "one two three")
	if o.again != 0 {
		t.Errorf("%d mails were taken twice", o.again)
	}
}

// The server gives all messages new numbers. They come again, and are known.
func survivesRenumbering(t *testing.T, s server) {
	o := newOffice()
	s.deliver(t, letter("one"))
	s.deliver(t, letter("two"))
	stop := start(t, o, nil, s.account())
	o.awaitMails(t, "one two")
	o.awaitProgress(t, 2)
	old, _ := o.Mailbox(t.Context(), "ann", "INBOX")
	stop()
	s.renumber(t)
	if _, ok := s.(*memory); ok { // it lost them with the mailbox
		s.deliver(t, letter("one"))
		s.deliver(t, letter("two"))
	}
	start(t, o, nil, s.account())
	s.deliver(t, letter("three"))
	o.awaitMails(t, "one two three")
	o.await(t, "new numbers", func() bool {
		now, _ := o.Mailbox(t.Context(), "ann", "INBOX")
		return now.UIDValidity != old.UIDValidity && now.LastUID >= 3
	})
	if o.again != 2 {
		t.Errorf("%d mails were known, want 2", o.again)
	}
}

// One account has a wrong password, another no server; ann's mail comes all the same.
func readsBesideBroken(t *testing.T, s server) {
	o := newOffice()
	wrong, gone := s.account(), s.account()
	wrong.Name, wrong.Password = "bob", "wrong"
	gone.Name, gone.Addr = "carol", "127.0.0.1:1"
	start(t, o, nil, gone, wrong, s.account())
	for _, subject := range []string{"one", "two"} {
		s.deliver(t, letter(subject))
	}
	o.await(t, "two mails", func() bool { return o.got() == "one two" })
}

// After a restart nothing is read twice.
func goesOn(t *testing.T, s server) {
	o := newOffice()
	s.deliver(t, letter("one"))
	stop := start(t, o, nil, s.account())
	o.awaitMails(t, "one")
	o.awaitProgress(t, 1)
	stop()
	s.deliver(t, letter("two"))
	start(t, o, nil, s.account())
	o.awaitMails(t, "one two")
	if o.again != 0 {
		t.Errorf("%d mails were taken twice", o.again)
	}
}

// A mailbox that is read for the first time from tomorrow on: what is there is passed over, and what comes then is not.
func passesOverOld(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.Since = time.Now().Add(48 * time.Hour)
	s.deliver(t, letter("old"))
	start(t, o, nil, a)
	o.awaitProgress(t, 1)
	s.deliver(t, letter("new"))
	o.awaitMails(t, "new")
}

// The connection is lost and the process ends after a mail was recorded and before it was flagged. Then the mail comes again and is known.
func survivesCrash(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.After = Seen
	s.deliver(t, letter("one"))
	crash := make(chan struct{})
	stop := start(t, o, func(c *Config) {
		c.AfterReceive = func() {
			s.down(t)
			close(crash)
		}
	}, a)
	select {
	case <-crash:
	case <-time.After(wait):
		t.Fatal("no mail came")
	}
	stop()
	if _, err := o.Mailbox(t.Context(), "ann", "INBOX"); err == nil {
		t.Error("there is progress that was not made")
	}
	s.up(t)
	if _, seen := look(t, s.account(), "INBOX"); seen != 0 {
		t.Fatal("it was flagged, so this tests nothing")
	}
	start(t, o, nil, a)
	o.awaitProgress(t, 1)
	if o.got() != "one" || o.again != 1 {
		t.Errorf("got %q and %d known, want one of each", o.got(), o.again)
	}
	if _, seen := look(t, s.account(), "INBOX"); seen != 1 {
		t.Error("it was not flagged after all")
	}
}
