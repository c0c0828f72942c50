package main

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
	"letterlock/mailout/submit/postfixtest"
	"letterlock/mailout/submit/relaytest"
)

// TestRelayRestartsTwice sends a batch of notices by a real Postfix that is stopped and started again twice while they leave. Each arrives
// behind it; one arrives twice only if Postfix took it and could not say so any more.
// LETTERLOCK_RESTART_MAILS sets how many there are (10,000; with -short 600).
func TestRelayRestartsTwice(t *testing.T) {
	postfixtest.Need(t)
	t.Parallel()
	const connections = 10
	wanted := 10_000
	if testing.Short() {
		wanted = 600
	}
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_RESTART_MAILS")); err == nil {
		wanted = n
	}
	arrived := relaytest.Start(t, relaytest.Config{})
	p := startBenchPostfix(t)
	p.Configure(t, "defer_transports=", "relayhost=["+regexp.MustCompile(`:(\d+)$`).ReplaceAllString(arrived.Addr, "]:$1"),
		"minimal_backoff_time=1s", "queue_run_delay=2s", "smtp_tls_security_level=none")

	o := newBenchOutbox(t)
	mails := o.fill(t, wanted)
	relay, err := submit.NewRelay(submit.RelayConfig{Address: p.addr, Security: submit.TLSNone, LocalName: "gateway.example.com", Connections: connections})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	var left atomic.Int64
	w, err := mailout.New(mailout.Config{Gateway: o.g, Transport: relay, Concurrency: connections, Now: o.now, AfterRecord: func(bridge.ID) { left.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	for part := range int64(2) {
		for bound := time.Now().Add(2 * time.Minute); left.Load() < (part+1)*int64(mails)/3; time.Sleep(time.Millisecond) {
			if time.Now().After(bound) {
				t.Fatalf("only %d of %d mails left", left.Load(), mails)
			}
		}
		p.Down(t)
		p.Up(t)
	}

	// What met a restart waits a minute or two, which the test need not.
	var counts map[bridge.DeliveryState]int
	for bound := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if counts, err = o.g.CountDeliveries(ctx, bridge.AsOperator()); err != nil {
			t.Fatal(err)
		}
		if counts[bridge.Queued]+counts[bridge.Deferred] == 0 {
			break
		}
		if time.Now().After(bound) {
			t.Fatalf("not all left: %v", counts)
		}
		o.ahead.Add(int64(5 * time.Second))
		list, _, err := o.g.ListDeliveries(ctx, bridge.AsOperator(), bridge.DeliveryQuery{State: bridge.Deferred, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			_ = o.g.RetryDelivery(ctx, bridge.AsOperator(), d.ID) // which wakes the worker
		}
	}
	if counts[bridge.Relayed] != mails {
		t.Errorf("%v, want %d relayed", counts, mails)
	}

	id := regexp.MustCompile(`(?im)^Message-ID:\s*<(\S+)>`)
	seen := map[string]int{}
	for bound := time.Now().Add(3 * time.Minute); len(seen) < mails; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(bound) {
			t.Fatalf("%d of %d mails arrived", len(seen), mails)
		}
		clear(seen)
		for _, m := range arrived.Mails() {
			seen[string(id.FindSubmatch(m.Data)[1])]++
		}
	}
	twice := 0
	for _, n := range seen {
		twice += n - 1
	}
	if len(seen) != mails {
		t.Errorf("%d Message-IDs arrived, want %d", len(seen), mails)
	}
	if most := 2 * connections; twice > most {
		t.Errorf("%d mails arrived twice, want at most one for each connection and restart, %d", twice, most)
	}
	t.Logf("%d mails arrived; %d of them once more; %d attempts beyond one each", mails, twice, int(left.Load())-mails)
}
