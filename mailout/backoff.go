package mailout

import (
	"fmt"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/submit"
)

const (
	firstPause = time.Minute
	maxPause   = 4 * time.Hour
	// A relay that is down is asked by one probe at a time; deliveries that met it need not wait much longer than the probe.
	downPause = 2 * time.Minute
	// A person sits and waits for a code.
	codePause    = 10 * time.Second
	maxCodePause = time.Minute
	// What is old already when its attempts begin, such as what an admin put back into the queue, is tried for some four hours all the
	// same, unless it is the relay that is down.
	leastAttempts = 8
)

// pause doubles with each failure from first up to most. It counts from 1.
func pause(n int, first, most time.Duration) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}

// backoff is how long to wait before the next attempt, without jitter. It doubles with the attempts, but it also stays below a
// third of the delivery's age, so that attempts which only met a relay that was down don't add up to a long silence after it
// came back.
func backoff(kind bridge.DeliveryKind, attempt int, age time.Duration, fault *submit.Error) time.Duration {
	switch {
	case kind == bridge.DeliverCode:
		return pause(attempt, codePause, maxCodePause)
	case fault != nil && fault.Relay:
		return min(pause(attempt, firstPause, maxPause), downPause)
	}
	return min(pause(attempt, firstPause, maxPause), max(age/3, firstPause))
}

// spread adds up to a quarter, so that what failed together does not come back together.
func (w *Worker) spread(d time.Duration) time.Duration {
	return d + time.Duration(w.c.Jitter()*float64(d)/4)
}

// span writes an age for people.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", max(int(d.Seconds()), 0))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
