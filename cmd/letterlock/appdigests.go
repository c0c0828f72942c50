package main

import (
	"context"
	"time"
)

// digestEvery is how far apart it is looked whether somebody's summary is due: they leave at hours of people's days.
const digestEvery = time.Minute

// sendDigests queues summaries for staff when they are due, until ctx ends.
func (a *app) sendDigests(ctx context.Context) error {
	for {
		if err := a.gateway.SendDigests(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "summaries not made", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(digestEvery):
		}
	}
}
