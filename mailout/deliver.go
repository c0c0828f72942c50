package mailout

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/submit"
)

// outcome is what became of one attempt.
type outcome struct {
	state bridge.DeliveryState // Relayed, Deferred or Failed; empty if there is nothing to record
	left  bridge.Departure     // of Relayed
	said  string
	fault *submit.Error // why, where the relay is to be blamed
	back  bool          // not tried: the lease is to end
	files int           // how many the mail had
}

// deliver does one attempt at one delivery, and records it. It gives the slot back before it records.
func (w *Worker) deliver(work context.Context, d bridge.Delivery) {
	ctx, cancel := context.WithCancel(work)
	defer cancel()
	w.begin(d.ID, cancel)
	defer w.end(work, d)

	began := time.Now()
	o := w.attempt(ctx, d)
	counts, off, wait := w.learn(d, o, ctx.Err() != nil)
	w.keepOff(work, off, w.spread(wait))
	if !counts {
		w.counters.crowded.Add(1)
		w.keepOff(ctx, []bridge.Delivery{d}, w.spread(crowdPause))
		return
	}

	now := w.c.Now()
	attempt := d.Attempts + 1
	log := w.c.Log.With("delivery", d.ID, "kind", d.Kind, "attempt", attempt, "took", time.Since(began).Round(time.Millisecond))
	switch {
	case o.back:
		w.giveBack(ctx, []bridge.Delivery{d})
		return
	case o.state == bridge.Relayed:
		w.gather()
		if w.record(work, d, func(ctx context.Context) error {
			return w.c.Gateway.RecordRelayed(ctx, w.c.Name, d.ID, o.left)
		}) {
			log.InfoContext(ctx, "delivery relayed", "form", o.left.Form, "path", o.left.Path)
		}
	case o.state == bridge.Failed:
		if w.record(work, d, func(ctx context.Context) error {
			if o.fault.AddressRefused() {
				return w.c.Gateway.RecordBounced(ctx, w.c.Name, d.ID, o.said)
			}
			return w.c.Gateway.RecordFailed(ctx, w.c.Name, d.ID, o.said)
		}) {
			log.WarnContext(ctx, "delivery failed", "fault", o.fault)
		}
	case o.state == bridge.Deferred:
		next := now.Add(w.spread(backoff(d.Kind, attempt, now.Sub(d.CreatedAt), o.fault)))
		down := o.fault != nil && o.fault.Relay
		if (down || attempt >= leastAttempts) && !next.Before(d.CreatedAt.Add(w.c.MaxAge)) {
			w.giveUp(work, d, now, o.said)
			o = outcome{state: bridge.Failed}
			break
		}
		if w.record(work, d, func(ctx context.Context) error {
			return w.c.Gateway.RecordDeferred(ctx, w.c.Name, d.ID, next, o.said)
		}) {
			log.InfoContext(ctx, "delivery deferred", "next", next.UTC(), "fault", o.fault)
		}
	}
	w.counters.count(o)
	w.c.AfterRecord(d.ID)
}

// round is how far apart records are written while more mails are on their way. A mail that a crash catches in it is sent again, as one
// whose commit it catches is; but a commit for each would cost as much as all the rest.
const round = 4 * time.Millisecond

// gather waits for the next round, so that what was taken at about the same time is written down by one commit. No connection waits for it.
func (w *Worker) gather() {
	w.mu.Lock()
	alone := w.busy == 0
	for _, h := range w.hops {
		alone = alone && len(h.queue) == 0
	}
	w.mu.Unlock()
	if !alone {
		time.Sleep(time.Until(time.Now().Truncate(round).Add(round)))
	}
}

// giveUp fails a delivery that has waited for too long, with the last reason.
func (w *Worker) giveUp(ctx context.Context, d bridge.Delivery, now time.Time, said string) {
	age := now.Sub(d.CreatedAt)
	if w.record(ctx, d, func(ctx context.Context) error {
		return w.c.Gateway.RecordFailed(ctx, w.c.Name, d.ID, fmt.Sprintf("given up after %s: %s", span(age), said))
	}) {
		w.c.Log.WarnContext(ctx, "delivery given up", "delivery", d.ID, "age", age.Round(time.Second))
	}
}

// attempt tries once to have a delivery relayed; a connection that turned out to be closed, and files that made the mail too
// large, are no failures yet; nor is a way that turned out to be too weak for a copy, which a notice can take.
func (w *Worker) attempt(ctx context.Context, d bridge.Delivery) (o outcome) {
	defer func() {
		if recover() != nil {
			// One mail that nobody thought of must not stop all others. The panic's value may quote it, so only the place is logged.
			w.c.Log.ErrorContext(ctx, "panic while composing or sending", "delivery", d.ID, "stack", string(debug.Stack()))
			o = outcome{state: bridge.Deferred, said: "an internal error; the log knows more"}
		}
	}()
	files, retried, weak := true, false, false
	for {
		o := w.submit(ctx, d, files, weak)
		switch {
		case o.fault != nil && o.fault.Stale && !retried:
			retried = true
		case o.fault != nil && o.fault.Weak && !weak:
			weak = true
		case o.fault != nil && o.fault.TooLarge && o.files > 0:
			files = false
		default:
			return o
		}
	}
}

// submit connects, prepares, composes and sends. The mode is decided in Prepare, when nothing is left to wait for.
func (w *Worker) submit(ctx context.Context, d bridge.Delivery, files, weak bool) outcome {
	session, err := w.c.Transport.Connect(ctx, d.Domain)
	if err != nil {
		return w.refused(ctx, err)
	}
	defer session.Close()
	d.Path = session.Path()
	if weak {
		d.Path = weaker(d.Path)
	}
	out, err := w.c.Gateway.Prepare(ctx, w.c.Name, d)
	if err != nil {
		return w.unprepared(ctx, d, err)
	}
	composed := w.composer.Compose
	if !files {
		composed = w.composer.ComposeWithoutFiles
	}
	mail, err := composed(ctx, out)
	if err != nil {
		return w.uncomposed(ctx, d, err)
	}
	if mail.Data, err = w.sign(ctx, mail.Data); err != nil {
		return w.unsigned(ctx, d, err)
	}
	w.c.BeforeSend(d.ID)
	said, err := session.Send(ctx, mail)
	if err != nil {
		o := w.refused(ctx, err)
		o.files = mail.Files
		return o
	}
	w.c.AfterSend(d.ID)
	return outcome{state: bridge.Relayed, left: bridge.Departure{Form: mail.Form, Path: d.Path, Why: out.Why, Said: said}}
}

// weaker is what is left of a path whose strength was denied after all.
func weaker(p bridge.Path) bridge.Path {
	if p == bridge.PathVerified {
		return bridge.PathTLS
	}
	return bridge.PathUnknown
}

// refused reads an error of the transport.
func (w *Worker) refused(ctx context.Context, err error) outcome {
	var fault *submit.Error
	if !errors.As(err, &fault) {
		fault = &submit.Error{Text: "the mail could not be handed over", Err: err}
	}
	if ctx.Err() != nil && (fault.Stage == "" || fault.Code == 0 && fault.Stage != submit.StageContent) {
		// Broken off by us before the relay can have taken it.
		return outcome{back: true}
	}
	if fault.Permanent {
		return outcome{state: bridge.Failed, said: fault.Said(), fault: fault}
	}
	return outcome{state: bridge.Deferred, said: fault.Said(), fault: fault}
}

func (w *Worker) unprepared(ctx context.Context, d bridge.Delivery, err error) outcome {
	var suppressed *bridge.Suppression
	switch {
	case errors.As(err, &suppressed):
		w.counters.suppressed.Add(1)
		w.c.Log.InfoContext(ctx, "delivery suppressed", "delivery", d.ID, "kind", d.Kind)
		return outcome{}
	case errors.Is(err, bridge.ErrLeaseLost):
		w.c.Log.InfoContext(ctx, "delivery is no longer ours", "delivery", d.ID)
		return outcome{}
	case errors.Is(err, bridge.ErrNotFound):
		return outcome{state: bridge.Failed, said: "what it was to carry, or its recipient, is no longer there"}
	case ctx.Err() != nil:
		return outcome{back: true}
	}
	w.c.Log.ErrorContext(ctx, "delivery not prepared", "delivery", d.ID, "error", err)
	return outcome{state: bridge.Deferred, said: "it could not be prepared; the log knows more"}
}

func (w *Worker) uncomposed(ctx context.Context, d bridge.Delivery, err error) outcome {
	if ctx.Err() != nil {
		return outcome{back: true}
	}
	w.c.Log.ErrorContext(ctx, "mail not composed", "delivery", d.ID, "error", err)
	if errors.Is(err, bridge.ErrInvalid) {
		return outcome{state: bridge.Failed, said: "no mail can be made of it: " + err.Error()}
	}
	return outcome{state: bridge.Deferred, said: "a file could not be read; the log knows more"}
}

// record writes an outcome down and reports whether that worked. It does not give up while the worker lives, because
// a delivery whose outcome is not recorded is sent again.
func (w *Worker) record(work context.Context, d bridge.Delivery, write func(context.Context) error) bool {
	for n := 1; ; n++ {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(work), recordTime)
		err := write(ctx)
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, bridge.ErrLeaseLost), errors.Is(err, bridge.ErrNotFound):
			w.c.Log.WarnContext(work, "outcome not recorded: the delivery is no longer ours", "delivery", d.ID)
			return false
		}
		w.c.Log.ErrorContext(work, "outcome not recorded", "delivery", d.ID, "error", err)
		if !sleep(work, w.spread(pause(n, 50*time.Millisecond, 5*time.Second))) {
			return false
		}
	}
}
