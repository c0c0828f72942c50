package mailout

import (
	"context"
	"errors"
	"sync"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/submit"
)

const maxProbePause = time.Minute

// relayState remembers whether a next hop can be used. While it can't, nothing is tried there but now and then one: a queue of thousands
// must not spend its attempts on a relay that is being restarted.
type relayState struct {
	mu    sync.Mutex
	fails int // in a row
	until time.Time
	fault *submit.Error
}

// failed notes a fault of the next hop's. Of those that several mails met at once only the first counts. It returns how many that were in a
// row.
func (r *relayState) failed(now time.Time, fault *submit.Error, most time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil || !now.Before(r.until) {
		r.fails++
		r.fault = fault
		r.until = now.Add(pause(r.fails, time.Second, most))
	}
	return r.fails
}

// worked notes that the next hop took a mail.
func (r *relayState) worked() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails, r.fault = 0, nil
}

// answered notes that a connection could be made. Only a mail that is taken makes it forget the failures.
func (r *relayState) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = nil
}

func (r *relayState) wait(now time.Time) (time.Duration, *submit.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.until.Sub(now), 0), r.fault
}

// only is the state of the one next hop there is.
func (w *Worker) only() *relayState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &w.hopOf(bridge.Delivery{}).state
}

// awaitRelay returns once the relay can be used, and false once ctx has ended. It is for the one next hop of all mail: there is nothing
// to claim while it is down.
func (w *Worker) awaitRelay(ctx context.Context) bool {
	relay := w.only()
	for ctx.Err() == nil {
		wait, fault := relay.wait(w.c.Now())
		if fault == nil {
			return true
		}
		w.giveBack(ctx, w.unqueue())
		w.c.Log.WarnContext(ctx, "relay can't be used", "wait", wait.Round(time.Millisecond), "fault", fault)
		if !sleep(ctx, w.spread(wait)) {
			return false
		}
		session, err := w.c.Transport.Connect(ctx, "")
		if err == nil {
			session.Close()
			relay.answered()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !errors.As(err, &fault) {
			fault = &submit.Error{Relay: true, Text: "the relay can't be reached", Err: err}
		}
		if relay.failed(w.c.Now(), fault, maxProbePause) >= longOutage {
			w.giveUpOld(ctx, fault)
		}
	}
	return false
}

// longOutage is after how many failed probes deliveries that grow too old are looked for: about a minute.
const longOutage = 7

// giveUpOld fails what has waited for too long, although it is not tried: staff must learn that it did not leave.
func (w *Worker) giveUpOld(ctx context.Context, fault *submit.Error) {
	batch, err := w.claim(ctx, maxBatch)
	if err != nil {
		w.c.Log.ErrorContext(ctx, "deliveries not claimed", "error", err)
	}
	now := w.c.Now()
	var young []bridge.Delivery
	for _, d := range batch {
		if now.Sub(d.CreatedAt) < w.c.MaxAge {
			young = append(young, d)
			continue
		}
		w.giveUp(ctx, d, now, fault.Said())
		w.end(ctx, d)
	}
	w.giveBack(ctx, young)
}
