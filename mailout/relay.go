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

// relayState remembers whether the relay can be used. While it can't, nothing is claimed: a queue of thousands must not
// spend its attempts on a relay that is being restarted.
type relayState struct {
	mu    sync.Mutex
	fails int // in a row
	until time.Time
	fault *submit.Error
}

// failed notes a fault of the relay's. Of those that several mails met at once only the first counts.
// It returns how many that were in a row.
func (r *relayState) failed(now time.Time, fault *submit.Error) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil || !now.Before(r.until) {
		r.fails++
		r.fault = fault
		r.until = now.Add(pause(r.fails, time.Second, maxProbePause))
	}
	return r.fails
}

// worked notes that the relay took a mail.
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

func (r *relayState) down() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault != nil
}

func (r *relayState) wait(now time.Time) (time.Duration, *submit.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.until.Sub(now), 0), r.fault
}

// awaitRelay returns once the relay can be used, and false once ctx has ended.
func (w *Worker) awaitRelay(ctx context.Context) bool {
	for ctx.Err() == nil {
		wait, fault := w.relay.wait(w.c.Now())
		if fault == nil {
			return true
		}
		w.c.Log.WarnContext(ctx, "relay can't be used", "wait", wait.Round(time.Millisecond), "fault", fault)
		if !sleep(ctx, w.spread(wait)) {
			return false
		}
		session, err := w.c.Transport.Connect(ctx, "")
		if err == nil {
			session.Close()
			w.relay.answered()
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !errors.As(err, &fault) {
			fault = &submit.Error{Relay: true, Text: "the relay can't be reached", Err: err}
		}
		if w.relay.failed(w.c.Now(), fault) >= longOutage {
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
