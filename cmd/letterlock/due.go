package main

import (
	"context"
	"time"
)

const (
	// dueLook is how often it is looked whether something goes out, beside being told: another process may have scheduled it.
	dueLook = 10 * time.Second
	// dueRetry is after how long it is tried again to send what could not be sent for a reason that may pass.
	dueRetry = 5 * time.Second
)

// postDue posts what staff wrote for later, or can take back for a moment, when its time comes, until ctx ends.
func (a *app) postDue(ctx context.Context) error {
	for faults := 0; ; {
		next, err := a.gateway.PostDue(ctx)
		wait := dueLook
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if faults++; faults == 1 {
				a.log.ErrorContext(ctx, "could not send what is due; trying again", "error", err)
			}
			wait = dueRetry
		default:
			faults = 0
			if !next.IsZero() {
				wait = min(wait, max(next.Sub(a.now()), 0))
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-a.gateway.Due():
		case <-timer.C:
		}
		timer.Stop()
	}
}
