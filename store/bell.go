package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// How processes that share a database wake each other: NOTIFY and LISTEN. Nothing depends on it: who was not woken looks by
// himself a while later. A ring is sent after the commit and not in it, since a transaction that notifies holds a lock of the
// whole server while it commits.

const bellChannel = "letterlock"

// bell gathers what is to be told, so that a hundred commits in a moment are one notification.
type bell struct {
	self    string // tells our own from others'
	mu      *sync.Mutex
	pending map[string]bool
	rung    chan struct{}
}

func newBell() bell {
	return bell{self: rand.Text(), mu: new(sync.Mutex), pending: map[string]bool{}, rung: make(chan struct{}, 1)}
}

// Ring tells the other processes that share this database about a topic, a moment later and at least while Listen runs. It never
// waits. On SQLite there is nobody to tell.
func (d *DB) Ring(topic string) {
	if d.pg == nil {
		return
	}
	b := &d.pg.bell
	b.mu.Lock()
	if len(b.pending) < 1000 {
		b.pending[topic] = true
	}
	b.mu.Unlock()
	select {
	case b.rung <- struct{}{}:
	default:
	}
}

const (
	ringPause   = 20 * time.Millisecond // between notifications
	listenPause = time.Second           // before a connection that was lost is opened again, doubled up to listenMost
	listenMost  = 15 * time.Second
)

// Listen sends what Ring was given, and calls heard with the topics of other processes, until ctx ends; it calls heard with an
// empty topic when some may have been missed. Failures are given to failed, and then it goes on.
func (d *DB) Listen(ctx context.Context, heard func(topic string), failed func(error)) error {
	if d.pg == nil {
		<-ctx.Done()
		return nil
	}
	var both sync.WaitGroup
	both.Go(func() { d.pg.sendRings(ctx, failed) })
	for pause := listenPause; ctx.Err() == nil; pause = min(2*pause, listenMost) {
		began := time.Now()
		err := d.pg.listen(ctx, heard)
		if ctx.Err() != nil {
			break
		}
		failed(fmt.Errorf("listen to other processes: %w", err))
		if time.Since(began) > listenMost {
			pause = listenPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	both.Wait()
	return nil
}

func (p *postgres) listen(ctx context.Context, heard func(string)) error {
	c, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		_ = c.Close(ctx) // it was only listened to
	}()
	if _, err := c.Exec(ctx, "listen "+bellChannel); err != nil {
		return err
	}
	heard("")
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if from, topic, ok := strings.Cut(n.Payload, " "); ok && from != p.bell.self {
			heard(topic)
		}
	}
}

func (p *postgres) sendRings(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.bell.rung:
		}
		p.bell.mu.Lock()
		topics := make([]string, 0, len(p.bell.pending))
		for topic := range p.bell.pending {
			topics = append(topics, topic)
		}
		clear(p.bell.pending)
		p.bell.mu.Unlock()
		for _, topic := range topics {
			_, err := p.db.ExecContext(ctx, "select pg_notify($1, $2)", bellChannel, p.bell.self+" "+topic)
			if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				failed(fmt.Errorf("wake other processes: %w", err))
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(ringPause):
		}
	}
}
