package submit

import (
	"context"
	"sync"
	"time"

	"letterlock/bridge"
)

// foresight remembers what connections have proven, and finds it out for domains where there was none lately.
type foresight struct {
	now  func() time.Time
	life context.Context // ends at close
	stop context.CancelFunc
	runs sync.WaitGroup
	free chan struct{} // one for each probe that may be under way

	mu     sync.Mutex
	known  map[string]foreseen
	probes map[string]*probe
}

// foreseen is what the last connection to a domain has proven.
type foreseen struct {
	path bridge.Path
	at   time.Time
}

// probe is one connection that is made to find out, for all who want to know.
type probe struct {
	done chan struct{}
	path bridge.Path
	err  error
}

const (
	foreseenLife = time.Hour
	maxForeseen  = 20_000
	maxProbes    = 8
	probeTime    = time.Minute
)

func (f *foresight) begin(now func() time.Time) {
	f.now = now
	f.life, f.stop = context.WithCancel(context.Background())
	f.free = make(chan struct{}, maxProbes)
	f.known, f.probes = map[string]foreseen{}, map[string]*probe{}
}

func (f *foresight) close() {
	f.mu.Lock()
	f.stop()
	f.mu.Unlock()
	f.runs.Wait()
}

func (f *foresight) learn(domain string, path bridge.Path) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.known) >= maxForeseen {
		clear(f.known) // it only spares connections
	}
	f.known[domain] = foreseen{path, f.now()}
}

// Path implements bridge.Paths. What the last connection to the domain has proven is taken to hold for an hour; where there was none, one is
// made, and kept for a moment in case that a mail follows. Making it goes on when ctx ends, so that whoever asks again soon is told.
func (d *Direct) Path(ctx context.Context, domain string) (bridge.Path, error) {
	domain = hostName(domain)
	f := &d.foresight
	f.mu.Lock()
	if k, ok := f.known[domain]; ok && f.now().Before(k.at.Add(foreseenLife)) {
		f.mu.Unlock()
		return k.path, nil
	}
	p := f.probes[domain]
	if p == nil {
		if err := f.life.Err(); err != nil {
			f.mu.Unlock()
			return bridge.PathUnknown, err
		}
		p = &probe{done: make(chan struct{})}
		f.probes[domain] = p
		f.runs.Go(func() { d.probe(domain, p) })
	}
	f.mu.Unlock()
	select {
	case <-p.done:
		return p.path, p.err
	case <-ctx.Done():
		return bridge.PathUnknown, ctx.Err()
	}
}

func (d *Direct) probe(domain string, p *probe) {
	f := &d.foresight
	ctx, cancel := context.WithTimeout(f.life, probeTime)
	defer cancel()
	defer func() {
		f.mu.Lock()
		delete(f.probes, domain)
		f.mu.Unlock()
		close(p.done)
	}()
	if !acquire(ctx, f.free) {
		p.err = ctx.Err()
		return
	}
	defer func() { <-f.free }()
	s, err := d.Connect(ctx, domain)
	if err != nil {
		p.err = err
		return
	}
	p.path = s.Path()
	s.Close()
}

// acquire reports whether it got a place before ctx ended.
func acquire(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}
