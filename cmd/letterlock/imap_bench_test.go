package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailin/imap"
	"letterlock/mailin/imap/dovecottest"
	"letterlock/mailin/sender"
	"letterlock/store"
)

// BenchmarkReceiveIMAP is the whole way of replies out of a mailbox on a real Dovecot: fetched, parsed, their new text found, sealed, put into
// their thread and committed with an fsync.
//
//	go test -run '^$' -bench ReceiveIMAP -benchtime 5000x ./cmd/letterlock
func BenchmarkReceiveIMAP(b *testing.B) {
	dovecottest.Need(b)
	g, reply, db := benchStore(b)
	d := dovecottest.Start(b)
	d.Fill(b, b.N, func(i int) string { return benchReply(int64(i), reply) })
	read := make(chan struct{})
	p, err := imap.New(imap.Config{
		Gateway: g, Parse: parse, Judge: sender.AddressPolicy{}, Progress: &untilRead{DB: db, last: uint32(b.N), read: read},
		Accounts: []imap.Account{{Name: "office", Addr: d.Addr, Security: imap.Plain, Username: "ann", Password: "secret"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	before := db.Stats()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() { ended <- p.Run(ctx) }()
	select {
	case <-read:
	case <-time.After(importBound):
		b.Fatal("the mailbox is not read")
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	b.ReportMetric(float64(db.Stats().Commits-before.Commits)/float64(b.N), "commits/mail")
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// untilRead tells when a mailbox was read up to a UID.
type untilRead struct {
	*store.DB
	last uint32
	read chan struct{}
}

// SetMailbox implements imap.Progress.
func (u *untilRead) SetMailbox(ctx context.Context, s bridge.MailboxState) error {
	if err := u.DB.SetMailbox(ctx, s); err != nil {
		return fmt.Errorf("set mailbox: %w", err)
	}
	if s.LastUID == u.last && len(s.Missing) == 0 && u.read != nil {
		close(u.read)
		u.read = nil
	}
	return nil
}
