package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout"
	"letterlock/web"
)

// MetricsConfig is the door for whoever watches over the gateway.
type MetricsConfig struct {
	Listen string `toml:"listen" placeholder:"HOST:PORT" help:"Where to serve figures for Prometheus, at /metrics. Whoever can connect can read them, so let it be loopback or a network of the operator's own. They tell how much there is and how it goes, and never of whom or what. Not served if it is not set."`
}

// QueueConfig is about mail that can't leave at once.
type QueueConfig struct {
	MaxAge Duration `name:"max-age" toml:"max_age" default:"2d" placeholder:"DURATION" help:"For how long a mail is tried before it counts as failed (${default})."`
}

// metrics serves what there is to count in the text format of Prometheus, version 0.0.4.
type metrics struct {
	app    *app
	worker *mailout.Worker

	mu   sync.Mutex
	text []byte
	at   time.Time
}

// metricsLife is for how long an answer is given again: counting reads an index from end to end.
const metricsLife = 5 * time.Second

// addMetrics adds the listener, if there is to be one.
func (a *app) addMetrics(w *mailout.Worker) error {
	if a.config.Metrics.Listen == "" {
		return nil
	}
	l, err := listen("metrics.listen", a.config.Metrics.Listen)
	if err != nil {
		return err
	}
	a.watched = l
	m := &metrics{app: a, worker: w}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m)
	s := web.Server(mux, a.log.With("part", "metrics"))
	a.front = append(a.front, part{"metrics", func(ctx context.Context) error { return serveHTTP(ctx, s, l, webGrace) }})
	return nil
}

// ServeHTTP implements http.Handler.
func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := m.read(r.Context())
	if err != nil {
		m.app.log.WarnContext(r.Context(), "figures not read", "error", err)
		http.Error(w, "the figures can't be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(text)
}

func (m *metrics) read(ctx context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.text != nil && time.Since(m.at) < metricsLife {
		return m.text, nil
	}
	f, err := m.figures(ctx)
	if err != nil {
		return nil, err
	}
	m.text, m.at = f.write(m.worker.Stats()), time.Now()
	return m.text, nil
}

// figures are those that the store knows.
type figures struct {
	states                map[bridge.DeliveryState]int
	stops                 int
	late                  time.Duration // how long the mail that has been due for the longest has been so
	transactions, commits uint64
}

func (m *metrics) figures(ctx context.Context) (f figures, err error) {
	err = m.app.db.View(ctx, func(tx bridge.Tx) (err error) {
		if f.states, err = tx.CountDeliveries(ctx); err != nil {
			return err
		}
		if f.stops, err = tx.CountMailStops(ctx); err != nil {
			return err
		}
		next, err := tx.NextDelivery(ctx)
		if errors.Is(err, bridge.ErrNotFound) {
			return nil
		}
		f.late = max(m.app.now().Sub(next), 0)
		return err
	})
	s := m.app.db.Stats()
	f.transactions, f.commits = s.Transactions, s.Commits
	return f, err
}

// write writes all figures.
func (f figures) write(s mailout.Stats) []byte {
	var b bytes.Buffer
	family := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind) }
	family("letterlock_deliveries", "gauge", "Deliveries in the store, by state.")
	for _, state := range []bridge.DeliveryState{bridge.Queued, bridge.Deferred, bridge.OnHold, bridge.Relayed, bridge.Failed, bridge.Suppressed} {
		fmt.Fprintf(&b, "letterlock_deliveries{state=%q} %d\n", state, f.states[state])
	}
	family("letterlock_delivery_late_seconds", "gauge", "How long the mail that has been due for the longest has been so.")
	fmt.Fprintf(&b, "letterlock_delivery_late_seconds %g\n", f.late.Seconds())
	family("letterlock_mail_stops", "gauge", "Addresses to which nothing is mailed until a person clears it.")
	fmt.Fprintf(&b, "letterlock_mail_stops %d\n", f.stops)
	family("letterlock_delivery_outcomes_total", "counter", "Attempts of this process, by what became of them.")
	for _, o := range []struct {
		name string
		n    uint64
	}{
		{"notice", s.Notices},
		{"copy", s.Copies},
		{"deferred", s.Deferred},
		{"failed", s.Failed - s.Bounced},
		{"bounced", s.Bounced},
		{"suppressed", s.Suppressed},
		{"crowded", s.Crowded},
	} {
		fmt.Fprintf(&b, "letterlock_delivery_outcomes_total{outcome=%q} %d\n", o.name, o.n)
	}
	family("letterlock_deliveries_under_way", "gauge", "Mails of this process on their way, and claimed ones that wait for a connection.")
	fmt.Fprintf(&b, "letterlock_deliveries_under_way{step=\"sending\"} %d\nletterlock_deliveries_under_way{step=\"waiting\"} %d\n", s.OnTheirWay, s.Waiting)
	family("letterlock_next_hops", "gauge", "Next hops that mail is underway to, by whether they can be used.")
	fmt.Fprintf(&b, "letterlock_next_hops{state=\"up\"} %d\nletterlock_next_hops{state=\"down\"} %d\n", s.Hops-s.HopsDown, s.HopsDown)
	family("letterlock_store_transactions_total", "counter", "Transactions that were kept.")
	fmt.Fprintf(&b, "letterlock_store_transactions_total %d\n", f.transactions)
	family("letterlock_store_commits_total", "counter", "Commits, each of which may hold many transactions.")
	fmt.Fprintf(&b, "letterlock_store_commits_total %d\n", f.commits)
	return b.Bytes()
}
