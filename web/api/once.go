package api

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"letterlock/bridge"
)

// errReused is an idempotency key that was used for another request.
var errReused = errors.New("idempotency key used for another request")

const (
	onceField     = "Idempotency-Key"
	replayedField = "Idempotency-Replayed"
	maxOnceKey    = 255
)

// onceKey reads the Idempotency-Key of a request: 1 to 255 visible ASCII characters, taken as they are. No field is no key.
func (s *server) onceKey(r *http.Request) (string, *Problem) {
	values := r.Header.Values(onceField)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxOnceKey {
		return "", s.fault("header."+onceField, "expected one value of 1 to 255 characters")
	}
	for _, c := range []byte(values[0]) {
		if c <= ' ' || c > '~' {
			return "", s.fault("header."+onceField, "expected visible ASCII characters without spaces")
		}
	}
	return values[0], nil
}

// recent remembers the answers to requests that the Gateway keeps no record of, so that repeating one in this process's life
// gives the first answer. After a restart the domain's own uniqueness still keeps anything from being made twice.
type recent struct {
	most int

	mu    sync.Mutex
	done  map[onceName]*answer
	order []kept // oldest first
}

type kept struct {
	name onceName
	a    *answer
}

type onceName struct {
	actor bridge.Actor
	key   string
}

type answer struct {
	request [32]byte
	ready   chan struct{} // closed once value or failed is set
	value   any
	failed  bool
}

func newRecent(most int) *recent {
	return &recent{most: most, done: make(map[onceName]*answer)}
}

// do runs fn, or returns what it returned for the same key and request before. An error is not remembered: the same may be tried again.
// It returns errReused if the key was used for another request. Of requests at the same time one runs and the others wait for it.
func (r *recent) do(ctx context.Context, actor bridge.Actor, once bridge.Once, fn func() (any, error)) (v any, replayed bool, err error) {
	if once.Key == "" {
		v, err = fn()
		return v, false, err
	}
	name := onceName{actor, once.Key}
	for {
		r.mu.Lock()
		a := r.done[name]
		if a == nil {
			a = &answer{request: once.Request, ready: make(chan struct{})}
			r.keep(name, a)
			r.mu.Unlock()
			return r.first(name, a, fn)
		}
		r.mu.Unlock()
		if a.request != once.Request {
			return nil, false, errReused
		}
		select {
		case <-a.ready:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
		if !a.failed {
			return a.value, true, nil
		}
	}
}

// first runs fn for those who wait for a. If fn panics they are let go to try for themselves.
func (r *recent) first(name onceName, a *answer, fn func() (any, error)) (any, bool, error) {
	a.failed = true
	defer func() {
		if a.failed {
			r.mu.Lock()
			if r.done[name] == a {
				delete(r.done, name)
			}
			r.mu.Unlock()
		}
		close(a.ready)
	}()
	v, err := fn()
	if err != nil {
		return nil, false, err
	}
	a.value, a.failed = v, false
	return v, false, nil
}

// keep adds an answer and drops the oldest ones over the bound.
func (r *recent) keep(name onceName, a *answer) {
	r.done[name] = a
	r.order = append(r.order, kept{name, a})
	for len(r.order) > r.most {
		if old := r.order[0]; r.done[old.name] == old.a {
			delete(r.done, old.name)
		}
		r.order[0] = kept{}
		r.order = r.order[1:]
	}
}
