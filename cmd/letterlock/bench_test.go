package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/bridge"
	"letterlock/mailin/sender"
	"letterlock/mailin/smtpd"
	"letterlock/store"
	"letterlock/store/seal"
)

// BenchmarkReceiveSMTP is the whole accept path: a reply over SMTP, parsed, its new text found, sealed, put into its thread and
// committed with an fsync, before its 250. Each session sends its mails one after the other.
//
//	go test -run '^$' -bench ReceiveSMTP ./cmd/letterlock
func BenchmarkReceiveSMTP(b *testing.B) {
	for _, sessions := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("%dsessions", sessions), func(b *testing.B) {
			addr, reply, db := benchGateway(b)
			var sent atomic.Int64
			before := db.Stats()
			b.SetParallelism(max(1, sessions/2))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					b.Error(err)
					return
				}
				c := smtp.NewClient(conn)
				defer c.Close()
				for pb.Next() {
					if err := c.SendMail("ann@example.org", []string{reply}, strings.NewReader(benchReply(sent.Add(1), reply))); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
			after := db.Stats()
			b.ReportMetric(float64(after.Commits-before.Commits)/float64(b.N), "commits/mail")
		})
	}
}

// benchReply is a mail of about 4 kB, as a customer's program would send it.
func benchReply(n int64, to string) string {
	quoted := strings.Repeat("> Please tell us whether the appointment on Thursday suits you, and bring the last results.\r\n", 32)
	return fmt.Sprintf("From: Ann Example <ann@example.org>\r\nTo: %s\r\nSubject: Re: Your appointment\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"+
		"Message-ID: <bench-%d@mail.example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+
		"Thursday suits me, number %d.\r\n\r\nAnn\r\n\r\nOn Fri, 20 Nov 2026 at 09:12, Harbour Clinic wrote:\r\n%s", to, n, n, quoted)
}

// benchStore makes a gateway over a new store, with one thread whose contact may answer.
func benchStore(b *testing.B) (g *bridge.Gateway, reply string, db *store.DB) {
	b.Helper()
	ctx := b.Context()
	keys, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}
	db, err = store.Open(ctx, store.Config{Path: filepath.Join(b.TempDir(), "letterlock.db"), Keys: keys})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	g, err = bridge.New(bridge.Config{Store: db, Keyring: keys, Domain: "example.com", BaseURL: "https://portal.example.com", Organization: "Harbour Clinic", Pace: -1, CopiesNeed: bridge.NeedAny})
	if err != nil {
		b.Fatal(err)
	}
	if err := g.SetMode(ctx, bridge.AsOperator(), bridge.ModeConvenience); err != nil {
		b.Fatal(err)
	}
	_, _, err = g.StartThread(ctx, bridge.AsOperator(), bridge.ThreadStart{Subject: "Your appointment", Text: "Does it suit?", Contacts: []bridge.Recipient{{Address: "ann@example.org"}}})
	if err != nil {
		b.Fatal(err)
	}
	list, err := g.ClaimDeliveries(ctx, "bench", time.Minute, 1)
	if err != nil || len(list) != 1 {
		b.Fatal(list, err)
	}
	out, err := g.Prepare(ctx, "bench", list[0])
	if err != nil {
		b.Fatal(err)
	}
	return g, out.ReplyTo, db
}

// benchGateway starts an SMTP server over such a store.
func benchGateway(b *testing.B) (addr, reply string, db *store.DB) {
	b.Helper()
	g, reply, db := benchStore(b)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s, err := smtpd.New(smtpd.Config{
		Gateway: g, Parse: parse, Judge: sender.AddressPolicy{}, Listeners: []net.Listener{l}, Domain: "mx.example.com",
		Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		b.Fatal(err)
	}
	run, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(run) }()
	b.Cleanup(func() {
		stop()
		<-done
	})
	return l.Addr().String(), reply, db
}
