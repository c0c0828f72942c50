package api

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"letterlock/bridge"
)

// limiter limits how often each key may ask. It remembers a bounded number of them: a key that has not asked for long enough to
// have its whole burst again is forgotten first, which changes nothing for it.
type limiter struct {
	every rate.Limit
	burst int
	most  int
	now   func() time.Time

	mu   sync.Mutex
	keys map[bridge.Actor]*pace
}

type pace struct {
	limit *rate.Limiter
	last  time.Time
}

func newLimiter(perSecond float64, burst, most int, now func() time.Time) *limiter {
	return &limiter{every: rate.Limit(perSecond), burst: burst, most: most, now: now, keys: make(map[bridge.Actor]*pace)}
}

// allow reports whether the key may make one more request now, and if not, after how many seconds it may.
func (l *limiter) allow(a bridge.Actor) (wait int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	p := l.keys[a]
	if p == nil {
		if len(l.keys) >= l.most {
			l.forget(now)
		}
		p = &pace{limit: rate.NewLimiter(l.every, l.burst)}
		l.keys[a] = p
	}
	p.last = now
	if p.limit.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - p.limit.TokensAt(now)
	return max(1, int(math.Ceil(missing/float64(l.every)))), false
}

// forget makes room: all keys at rest, or else the one that asked longest ago.
func (l *limiter) forget(now time.Time) {
	rest := time.Duration(float64(l.burst) / float64(l.every) * float64(time.Second))
	var oldest bridge.Actor
	var at time.Time
	for a, p := range l.keys {
		if now.Sub(p.last) > rest {
			delete(l.keys, a)
			continue
		}
		if at.IsZero() || p.last.Before(at) {
			oldest, at = a, p.last
		}
	}
	if len(l.keys) >= l.most {
		delete(l.keys, oldest)
	}
}
