package imap

import (
	"context"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
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
	t.Run("cut", func(t *testing.T) { flagsAfterCut(t, open(t)) })
	t.Run("gap", func(t *testing.T) { fillsGaps(t, open(t)) })
	t.Run("since, interrupted", func(t *testing.T) { passesOverOldAfterRestart(t, open(t)) })
	t.Run("since, renumbered", func(t *testing.T) { passesOverOldAfterRenumbering(t, open(t)) })
	t.Run("older", func(t *testing.T) { survivesOlderServer(t, open(t)) })
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

// The connection is lost after mails were recorded and before they were flagged, and the program goes on: they are flagged on the next one.
func flagsAfterCut(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.After = Seen
	s.deliver(t, letter("one"))
	s.deliver(t, letter("two"))
	var once sync.Once
	start(t, o, func(c *Config) {
		c.AfterReceive = func() { once.Do(func() { s.down(t); s.up(t) }) }
	}, a)
	o.awaitProgress(t, 2)
	o.await(t, "two flagged", func() bool { _, seen := look(t, s.account(), "INBOX"); return seen == 2 })
	if o.got() != "one two" || o.again != 0 {
		t.Errorf("got %q and %d known, want two and none", o.got(), o.again)
	}
}

// state is the mailbox's as if it had been read up to a UID, but for some.
func state(t *testing.T, s server, last uint32, missing ...bridge.UIDRange) bridge.MailboxState {
	t.Helper()
	c := signIn(t, s.account())
	defer c.Close()
	data, err := c.Select("INBOX", nil).Wait()
	must(t, err)
	return bridge.MailboxState{Account: "ann", Mailbox: "INBOX", UIDValidity: data.UIDValidity, LastUID: last, Missing: missing}
}

// Mail is in the mailbox below the last that was read: it is taken, also if it shows up only later, and what was read is not.
func fillsGaps(t *testing.T, s server) {
	o := newOffice()
	for _, subject := range []string{"one", "two", "three", "four"} {
		s.deliver(t, letter(subject))
	}
	must(t, o.SetMailbox(t.Context(), state(t, s, 4, bridge.UIDRange{First: 2, Last: 3})))
	stop := start(t, o, nil, s.account())
	o.awaitMails(t, "two three")
	o.awaitProgress(t, 4)
	stop()
	// As a message looks to us that was not there at the last comparison: the connection stays, and it is found by the next one.
	o = newOffice()
	must(t, o.SetMailbox(t.Context(), state(t, s, 4)))
	r := newReader(newPoller(t, o, func(c *Config) { c.Compare = time.Nanosecond }, s.account()), s.account())
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	must(t, r.Poller.Accounts[0].complete())
	r.account = r.Poller.Accounts[0]
	c, err := r.connect(ctx)
	must(t, err)
	defer c.close()
	m, err := c.open("INBOX", false)
	must(t, err)
	must(t, r.open(ctx, m))
	must(t, r.round(ctx, c, m))
	if o.got() != "" {
		t.Fatalf("got %q, want nothing: all was read", o.got())
	}
	r.gaps.add(3, 3)
	if m.modSeq > 0 {
		r.modSeq = 1 // a message that comes has a higher one
	}
	must(t, r.round(ctx, c, m))
	if o.got() != "three" || len(r.gaps) != 0 {
		t.Errorf("got %q, and gaps %v are left", o.got(), r.gaps)
	}
}

// The first reading takes only new mail. It is interrupted; the rest of the old mail is passed over all the same.
func passesOverOldAfterRestart(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.Since = time.Now().Add(48 * time.Hour)
	for _, subject := range []string{"old", "older", "oldest"} {
		s.deliver(t, letter(subject))
	}
	half := state(t, s, 1)
	half.FirstUID = 4
	must(t, o.SetMailbox(t.Context(), half))
	start(t, o, nil, a)
	o.awaitProgress(t, 3)
	s.deliver(t, letter("new"))
	o.awaitMails(t, "new")
}

// The server gives all messages new numbers, and the old ones among them are still not wanted.
func passesOverOldAfterRenumbering(t *testing.T, s server) {
	o := newOffice()
	a := s.account()
	a.Since = time.Now().Add(48 * time.Hour)
	s.deliver(t, letter("old"))
	before := state(t, s, 1)
	must(t, o.SetMailbox(t.Context(), before))
	s.renumber(t)
	if _, ok := s.(*memory); ok { // it lost it with the mailbox
		s.deliver(t, letter("old"))
	}
	start(t, o, nil, a)
	o.await(t, "new numbers", func() bool {
		now, _ := o.Mailbox(t.Context(), "ann", "INBOX")
		return now.UIDValidity != before.UIDValidity && now.LastUID >= 1
	})
	s.deliver(t, letter("new"))
	o.awaitMails(t, "new")
}

// The server was set back to a backup, so that new mail has numbers that old mail had. Nothing is lost.
func survivesOlderServer(t *testing.T, s server) {
	o := newOffice()
	s.deliver(t, letter("one"))
	must(t, o.SetMailbox(t.Context(), state(t, s, 70)))
	start(t, o, nil, s.account())
	o.awaitMails(t, "one")
	o.awaitProgress(t, 1)
}
