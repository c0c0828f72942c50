package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"time"
)

// What several gateways that share one PostgreSQL database leave to one of them at a time, and how they wake each other. On SQLite
// there is one gateway, and nothing of this happens.

// leases says who may do what only one process at a time does. A *store.DB does.
type leases interface {
	// Lease takes a lease, or renews the holder's own, for a term from now on, and reports whether the holder has it.
	Lease(ctx context.Context, name, holder string, term time.Duration) (bool, error)
	EndLease(ctx context.Context, name, holder string) error
}

// leaseTerm is after how long another process takes over what a dead one did. It is renewed three times as often.
const leaseTerm = 6 * time.Second

// shared reports whether other processes may use the same data.
func (a *app) shared() bool { return a.config.Database != "" }

// processName returns the name of this process among those that share the data. On SQLite it is the same whenever this gateway starts,
// so that its worker takes up at once what it held when it was killed: the address of the portal is no other process's on this
// machine. On PostgreSQL it is a new one each time, since two machines may believe to have the same name.
func processName(c Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	name := host + " " + c.HTTP.Listen
	if c.Database != "" {
		name += " " + rand.Text()[:10]
	}
	return name
}

// workerLease is how long a delivery waits that a killed worker held. Where a worker may never come back under its name, it is
// shorter than the worker's own choice, which zero stands for.
func (a *app) workerLease() time.Duration {
	if a.shared() {
		return 30 * time.Second
	}
	return 0
}

// alone makes a part one that only one of the processes runs.
func (a *app) alone(p part) part {
	if !a.shared() {
		return p
	}
	s := &solo{leases: a.db, name: p.name, holder: a.name, term: leaseTerm, run: p.run, log: a.log.With("part", p.name)}
	return part{p.name, s.Run}
}

// addListener wires what other processes tell.
func (a *app) addListener() {
	if !a.shared() {
		return
	}
	log := a.log.With("part", "listener")
	a.behind = append(a.behind, part{"listener", func(ctx context.Context) error {
		return a.db.Listen(ctx, a.gateway.Heard, func(err error) {
			log.WarnContext(ctx, "other processes are not heard for now; what they add is found a little later", "error", err)
		})
	}})
}

// solo runs something while it holds a lease.
type solo struct {
	leases
	name, holder string
	term         time.Duration
	run          func(context.Context) error
	log          *slog.Logger
}

// Run waits for the lease, runs while it holds it, and waits again, until ctx ends. What runs must bear that somebody else does
// the same for a moment: a process that was stopped in the middle notices late that it lost the lease.
func (s *solo) Run(ctx context.Context) error {
	for {
		until, ok := s.await(ctx)
		if !ok {
			return nil
		}
		s.log.InfoContext(ctx, "this process does it now")
		err := s.hold(ctx, until)
		if ctx.Err() != nil || err != nil {
			s.end(ctx)
			return err
		}
		s.log.WarnContext(ctx, "another process does it now")
	}
}

// await returns until when the lease is held, or false once ctx has ended.
func (s *solo) await(ctx context.Context) (until time.Time, ok bool) {
	for faults := 0; ; {
		asked := time.Now()
		held, err := s.take(ctx, asked.Add(s.term/3))
		if held {
			return asked.Add(s.term), true
		}
		if err != nil && ctx.Err() == nil {
			if faults++; faults == 1 {
				s.log.ErrorContext(ctx, "the lease is not known; trying again", "error", err)
			}
		} else {
			faults = 0
		}
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case <-time.After(s.term / 3):
		}
	}
}

// hold runs until the lease is lost, which is no error, or ctx ends.
func (s *solo) hold(ctx context.Context, until time.Time) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.run(inner) }()
	tick := time.NewTicker(s.term / 3)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			return err
		case <-tick.C:
		}
		// It is renewed also while what runs comes to its end. Whoever can't ask lets go before the others think that the term is over.
		asked, last := time.Now(), until.Add(-s.term/6)
		held, err := s.take(context.WithoutCancel(ctx), last)
		if held {
			until = asked.Add(s.term)
			continue
		}
		if err != nil {
			s.log.WarnContext(ctx, "the lease was not renewed", "error", err)
		}
		if err == nil || !time.Now().Add(s.term/3).Before(last) {
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
	}
}

func (s *solo) take(ctx context.Context, before time.Time) (bool, error) {
	ctx, cancel := context.WithDeadline(ctx, before)
	defer cancel()
	return s.Lease(ctx, s.name, s.holder, s.term)
}

// end gives the lease back, so that another process need not wait for its end.
func (s *solo) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.term/3)
	defer cancel()
	if err := s.EndLease(ctx, s.name, s.holder); err != nil {
		s.log.WarnContext(ctx, "the lease was not given back; others wait for its end", "error", err)
	}
}
