package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lookSpan is how long one entry of the audit log stands for all looks that one person takes at one thing, so that whoever reloads a
// page floods nothing. After a restart, and in each of several processes, the first look is recorded anew.
const lookSpan = 5 * time.Minute

// maxLooks bounds what is remembered. Beyond it all is forgotten, and a few looks are recorded twice.
const maxLooks = 20_000

// looks remembers who looked at what in the last minutes.
type looks struct {
	mu sync.Mutex
	at map[look]time.Time
}

type look struct {
	action   string
	kind     actorKind
	by, what ID
}

// recent reports whether the look was recorded within lookSpan.
func (l *looks) recent(k look, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.at[k]
	return ok && now.Sub(at) < lookSpan && !now.Before(at)
}

func (l *looks) remember(k look, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil || len(l.at) >= maxLooks {
		l.at = make(map[look]time.Time)
	}
	l.at[k] = now
}

// unseen returns the key of a look that is to be recorded, and whether it is: only those on the organization's side are, since what contacts
// open is in the receipts.
func (g *Gateway) unseen(p principal, action string, what ID) (look, bool) {
	k := look{action: action, kind: p.actor.kind, by: p.id(), what: what}
	return k, p.isStaff() && !g.looks.recent(k, g.now())
}

// noteLook records that somebody looked at a thing, before they are shown it. If it can't be recorded they don't see it.
func (g *Gateway) noteLook(ctx context.Context, p principal, e AuditEntry, what ID) error {
	k, unseen := g.unseen(p, e.Action, what)
	if !unseen {
		return nil
	}
	err := g.store.Update(ctx, func(tx Tx) error { return g.audit(ctx, tx, p, e) })
	if err == nil {
		g.looks.remember(k, g.now())
	}
	return err
}

// failuresAMinute bounds how many failed sign-ins are recorded one by one: somebody who guesses must not fill the store.
const failuresAMinute = 30

// failures counts failed sign-ins of the minute.
type failures struct {
	mu    sync.Mutex
	since time.Time
	n     int
}

// spend reports whether one more is recorded, and how many of the minute before were not.
func (f *failures) spend(now time.Time) (missed int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since) >= time.Minute || now.Before(f.since) {
		missed = max(0, f.n-failuresAMinute)
		f.since, f.n = now, 0
	}
	f.n++
	return missed, f.n <= failuresAMinute
}

// noteFailure records that a sign-in was refused. It never fails: the refusal stands anyway.
func (g *Gateway) noteFailure(ctx context.Context, person ID, detail string) {
	missed, ok := g.failures.spend(g.now())
	if !ok {
		return
	}
	if missed > 0 {
		detail += fmt.Sprintf("; %d more before it were not recorded one by one", missed)
	}
	err := g.store.Update(ctx, func(tx Tx) error {
		return g.audit(ctx, tx, principal{}, AuditEntry{Action: "signin.failed", Person: person, Detail: detail})
	})
	if err != nil && ctx.Err() == nil {
		g.log.ErrorContext(ctx, "failed sign-in not recorded", "error", err)
	}
}
