package mailout_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/mailout/submit"
)

// box is an outbox in memory with the rules of bridge.Gateway, a clock that a test can turn, and faults on demand.
type box struct {
	mu     sync.Mutex
	ahead  time.Duration
	all    map[bridge.ID]*bridge.Delivery
	order  []bridge.ID
	signal chan struct{}
	change chan struct{}

	prepare   func(bridge.Delivery) (bridge.Outgoing, error) // nil: a notice
	failWrite func() error
	prepared  map[bridge.ID]int
	claims    int
	bounced   []bridge.ID
}

func newBox() *box {
	return &box{
		all: map[bridge.ID]*bridge.Delivery{}, prepared: map[bridge.ID]int{},
		signal: make(chan struct{}, 1), change: make(chan struct{}),
	}
}

func (b *box) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nowLocked()
}

func (b *box) nowLocked() time.Time { return time.Now().Add(b.ahead) }

func (b *box) forward(d time.Duration) {
	b.mu.Lock()
	b.ahead += d
	b.mu.Unlock()
	b.wake()
}

func (b *box) wake() {
	select {
	case b.signal <- struct{}{}:
	default:
	}
}

// add queues deliveries of one kind and returns their IDs.
func (b *box) add(n int, kind bridge.DeliveryKind, priority int) []bridge.ID {
	b.mu.Lock()
	var ids []bridge.ID
	for range n {
		id := bridge.NewID()
		now := b.nowLocked()
		b.all[id] = &bridge.Delivery{ID: id, Kind: kind, Priority: priority, State: bridge.Queued, CreatedAt: now, NextAt: now}
		b.order = append(b.order, id)
		ids = append(ids, id)
	}
	b.mu.Unlock()
	b.wake()
	return ids
}

func (b *box) get(id bridge.ID) bridge.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return *b.all[id]
}

// retry puts a failed delivery back into the queue, as bridge.Gateway.RetryDelivery does.
func (b *box) retry(id bridge.ID) {
	b.mu.Lock()
	d := b.all[id]
	d.State, d.NextAt, d.DoneAt, d.Attempts = bridge.Queued, b.nowLocked(), time.Time{}, 0
	b.mu.Unlock()
	b.wake()
}

func (b *box) count(state bridge.DeliveryState) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, d := range b.all {
		if d.State == state {
			n++
		}
	}
	return n
}

// await waits until the delivery is in a state, with at least so many attempts.
func (b *box) await(tb testing.TB, id bridge.ID, state bridge.DeliveryState, attempts int) bridge.Delivery {
	tb.Helper()
	late := time.After(20 * time.Second)
	for {
		b.mu.Lock()
		d, change := *b.all[id], b.change
		b.mu.Unlock()
		if d.State == state && d.Attempts >= attempts {
			return d
		}
		select {
		case <-change:
		case <-late:
			tb.Fatalf("the delivery is %+v, want %s", d, state)
		}
	}
}

func (b *box) changed() {
	close(b.change)
	b.change = make(chan struct{})
}

// Outbox implements mailout.Outbox.
func (b *box) Outbox() <-chan struct{} { return b.signal }

// NextDelivery implements mailout.Outbox.
func (b *box) NextDelivery(context.Context) (time.Time, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var next time.Time
	for _, d := range b.all {
		if d.State != bridge.Queued && d.State != bridge.Deferred {
			continue
		}
		at := d.NextAt
		if d.LeaseUntil.After(at) {
			at = d.LeaseUntil
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	if next.IsZero() {
		return next, bridge.ErrNotFound
	}
	return next, nil
}

// ClaimDeliveries implements mailout.Leases.
func (b *box) ClaimDeliveries(_ context.Context, worker string, lease time.Duration, limit int) ([]bridge.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims++
	now := b.nowLocked()
	var due []*bridge.Delivery
	for _, id := range b.order {
		d := b.all[id]
		if (d.State == bridge.Queued || d.State == bridge.Deferred) && !d.NextAt.After(now) && !d.LeaseUntil.After(now) {
			due = append(due, d)
		}
	}
	slices.SortStableFunc(due, func(x, y *bridge.Delivery) int {
		if x.Priority != y.Priority {
			return x.Priority - y.Priority
		}
		return x.NextAt.Compare(y.NextAt)
	})
	var claimed []bridge.Delivery
	for _, d := range due[:min(limit, len(due))] {
		d.LeaseBy, d.LeaseUntil = worker, now.Add(lease)
		claimed = append(claimed, *d)
	}
	return claimed, nil
}

// RenewLeases implements mailout.Leases.
func (b *box) RenewLeases(_ context.Context, worker string, lease time.Duration, ids ...bridge.ID) (lost []bridge.ID, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if d := b.all[id]; d.LeaseBy != worker {
			lost = append(lost, id)
		} else {
			d.LeaseUntil = b.nowLocked().Add(lease)
		}
	}
	b.changed()
	return lost, nil
}

// ReturnDeliveries implements mailout.Leases.
func (b *box) ReturnDeliveries(_ context.Context, worker string, wait time.Duration, ids ...bridge.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if d := b.all[id]; d.LeaseBy == worker {
			d.LeaseBy, d.LeaseUntil = "", b.nowLocked().Add(wait)
		}
	}
	b.changed()
	return nil
}

// ReleaseLeases implements mailout.Leases.
func (b *box) ReleaseLeases(_ context.Context, worker string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range b.all {
		if d.LeaseBy == worker {
			d.LeaseBy, d.LeaseUntil = "", time.Time{}
		}
	}
	return nil
}

// Prepare implements mailout.Contents.
func (b *box) Prepare(_ context.Context, worker string, d bridge.Delivery) (bridge.Outgoing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.all[d.ID]
	if now.LeaseBy != worker || !b.nowLocked().Before(now.LeaseUntil) {
		return bridge.Outgoing{}, bridge.ErrLeaseLost
	}
	b.prepared[d.ID]++
	if b.prepare != nil {
		with := *now
		with.Path = d.Path
		return b.prepare(with)
	}
	return noticeFor(*now), nil
}

// OpenBlob implements mailout.Contents.
func (b *box) OpenBlob(_ context.Context, blob bridge.Blob) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(blob.Inline)), nil
}

// RecordRelayed implements mailout.Records.
func (b *box) RecordRelayed(_ context.Context, worker string, id bridge.ID, how bridge.Departure) error {
	return b.write(worker, id, func(d *bridge.Delivery) {
		d.State, d.Form, d.Path, d.Why, d.Diagnostic = bridge.Relayed, how.Form, how.Path, how.Why, how.Said
	})
}

// RecordDeferred implements mailout.Records.
func (b *box) RecordDeferred(_ context.Context, worker string, id bridge.ID, next time.Time, said string) error {
	return b.write(worker, id, func(d *bridge.Delivery) { d.State, d.NextAt, d.Diagnostic = bridge.Deferred, next, said })
}

// RecordFailed implements mailout.Records.
func (b *box) RecordFailed(_ context.Context, worker string, id bridge.ID, said string) error {
	return b.write(worker, id, func(d *bridge.Delivery) { d.State, d.Diagnostic = bridge.Failed, said })
}

// RecordBounced implements mailout.Records.
func (b *box) RecordBounced(ctx context.Context, worker string, id bridge.ID, said string) error {
	b.mu.Lock()
	b.bounced = append(b.bounced, id)
	b.mu.Unlock()
	return b.RecordFailed(ctx, worker, id, said)
}

func (b *box) write(worker string, id bridge.ID, set func(*bridge.Delivery)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failWrite != nil {
		if err := b.failWrite(); err != nil {
			return err
		}
	}
	d := b.all[id]
	if d.LeaseBy != worker {
		return bridge.ErrLeaseLost
	}
	set(d)
	d.Attempts++
	d.LeaseBy, d.LeaseUntil = "", time.Time{}
	b.changed()
	return nil
}

func noticeFor(d bridge.Delivery) bridge.Outgoing {
	return bridge.Outgoing{
		Delivery: d, Form: bridge.FormNotice,
		ReversePath: fmt.Sprintf("bounce+%x@clinic.example", d.ID[8:]), Recipient: bridge.Address{Addr: "secret-person@home.example"},
		From: bridge.Address{Name: "Clinic", Addr: "no-reply@clinic.example"}, MessageID: d.ID.String() + "@clinic.example",
		Date: d.CreatedAt, Organization: "Clinic", BaseURL: "https://clinic.example", Link: "https://clinic.example/m/" + d.ID.String(),
		Code: "123456", CodeLife: 10 * time.Minute,
	}
}

func copyFor(d bridge.Delivery) bridge.Outgoing {
	o := noticeFor(d)
	o.Need = bridge.NeedAny
	o.Form, o.Subject, o.Author, o.Text, o.ReplyTo = bridge.FormCopy, "Secret subject", "Secret Author", "Secret text", "reply+x@clinic.example"
	content := strings.Repeat("x", 5000)
	o.Attachments = []bridge.Attachment{{ID: bridge.ID{1}, Filename: "secret.txt", ContentType: "text/plain", Blob: bridge.Blob{Size: 5000, Inline: []byte(content)}}}
	return o
}

// lockedBuffer collects a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// relayTo returns a client for a relay on loopback that waits for nothing long.
func relayTo(tb testing.TB, addr string, connections int) *submit.Relay {
	tb.Helper()
	r, err := submit.NewRelay(submit.RelayConfig{
		Address: addr, Security: submit.TLSNone, LocalName: "gateway.example", Connections: connections,
		ConnectTimeout: 5 * time.Second, CommandTimeout: 5 * time.Second, BlockTimeout: 5 * time.Second, FinalTimeout: 10 * time.Second,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// run starts a worker and returns what stops it and waits for its end. Whatever it logged is searched for what no log may hold.
func run(tb testing.TB, b *box, transport submit.Transport, set func(*mailout.Config)) (stop func()) {
	tb.Helper()
	logged := &lockedBuffer{}
	c := mailout.Config{
		Gateway: b, Transport: transport, Now: b.now, Grace: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if set != nil {
		set(&c)
	}
	w, err := mailout.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					tb.Errorf("run: %v", err)
				}
			case <-time.After(20 * time.Second):
				tb.Error("the worker does not end")
			}
			for _, word := range []string{"ecret", "home.example", "Clinic", "123456", "reply+", "bounce+"} {
				if strings.Contains(logged.String(), word) {
					tb.Errorf("the log holds %q:\n%s", word, logged)
				}
			}
		})
	}
	tb.Cleanup(stop)
	return stop
}
