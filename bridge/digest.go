package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // people's time zones, also where the system has none
)

// Tally is what the desk holds, in numbers: all that a summary tells.
type Tally struct {
	New      int // conversations that wait for an answer, whose last message came since the summary before
	Waiting  int // all conversations that wait for an answer
	Held     int // received mail that waits for a decision
	Unopened int // conversations with a message that was never opened in spite of reminders
}

// nothing reports whether there is nothing to tell.
func (t Tally) nothing() bool { return t == Tally{} }

const (
	maxZone = 64 // octets of the name of a time zone
	// digestBatch is how many summaries are made in one transaction.
	digestBatch = 50
	// farthestDigest is further away than any summary can be due.
	farthestDigest = 9 * 24 * time.Hour
)

// zone returns a time zone. Its error wraps ErrInvalid.
func zone(name string) (*time.Location, error) {
	if len(name) <= maxZone && name != "Local" && !strings.ContainsAny(name, "\\\x00") {
		if l, err := time.LoadLocation(name); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %q: %w", clip(name, maxZone), ErrInvalid)
}

// location is the zone of a choice; UTC if this version of the program does not know it any more.
func (c MailChoices) location() *time.Location {
	l, err := zone(c.Zone)
	if err != nil {
		return time.UTC
	}
	return l
}

// nextDigest returns when the next summary is due after a moment: at the hour of a day, or of a Monday, and never on the same day as the last.
// Each day has one such moment, also those on which clocks are changed: an hour that is left out is the one beside it, and one
// that comes twice counts once.
func (c MailChoices) nextDigest(after time.Time) time.Time {
	l := c.location()
	y, m, d := after.In(l).Date()
	last := c.digestOf.In(l)
	for i := 0; ; i++ {
		at := time.Date(y, m, d+i, c.Hour, 0, 0, 0, l)
		day := time.Date(y, m, d+i, 12, 0, 0, 0, l) // noon, since midnight may be left out
		if c.Notify == NotifyWeekly && day.Weekday() != time.Monday {
			continue
		}
		if at.After(after) && (c.digestOf.IsZero() || !sameDay(day, last)) {
			return at.UTC()
		}
	}
}

func sameDay(a, b time.Time) bool { return a.YearDay() == b.YearDay() && a.Year() == b.Year() }

// SendDigests queues the summaries that are due. It is called every minute or so, by any number of processes: each summary is queued in the
// transaction that says when the next is due. What was missed meanwhile is made up for by one, and where there is nothing to tell none leaves.
func (g *Gateway) SendDigests(ctx context.Context) error {
	for {
		n := 0
		tallies, err := g.tallies(ctx)
		if err == nil && tallies != nil {
			err = g.update(ctx, func(tx Tx) (err error) {
				n, err = g.queueDigests(ctx, tx, tallies)
				return err
			})
		}
		if err != nil || n < digestBatch {
			return wrap("send digests", err)
		}
	}
}

// tallies counts for a batch that is due what is new since when, before the transaction that holds up others; nil if none is due.
func (g *Gateway) tallies(ctx context.Context) (map[time.Time]Tally, error) {
	var all map[time.Time]Tally
	err := g.store.View(ctx, func(tx Tx) error {
		now := g.now()
		due, err := tx.DueDigests(ctx, now, now.Add(farthestDigest), digestBatch)
		if all = nil; err != nil || len(due) == 0 {
			return err
		}
		all = map[time.Time]Tally{} // many people were told at the same moment
		for _, id := range due {
			c, err := tx.MailChoices(ctx, id)
			if err != nil {
				return err
			}
			since := c.since(now)
			if _, counted := all[since]; counted {
				continue
			}
			if all[since], err = tx.DeskTally(ctx, since); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// since is from when on something is new to who is told now.
func (c MailChoices) since(now time.Time) time.Time {
	if c.digestOf.IsZero() || c.digestOf.After(now) {
		return c.digestAt.Add(-c.Notify.period())
	}
	return c.digestOf
}

// queueDigests queues a batch, and returns how many it has looked at.
func (g *Gateway) queueDigests(ctx context.Context, tx Tx, tallies map[time.Time]Tally) (int, error) {
	now := g.now()
	due, err := tx.DueDigests(ctx, now, now.Add(farthestDigest), digestBatch)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	t, err := g.timingNow(ctx, tx)
	if err != nil {
		return 0, err
	}
	for _, id := range due {
		p, err := tx.Person(ctx, id)
		if err != nil {
			return 0, err
		}
		c, err := tx.MailChoices(ctx, id)
		if err != nil {
			return 0, err
		}
		isDue := !c.digestAt.After(now)
		since := c.since(now)
		if isDue {
			// When it was due, so that a summary that is made a little after midnight does not stand for the next day too.
			if c.digestOf = c.digestAt; now.Sub(c.digestAt) >= c.Notify.period() {
				c.digestOf = now
			}
		}
		if c.digestAt = (time.Time{}); c.Notify.digest() {
			c.digestAt = c.nextDigest(now)
		}
		if err := tx.SetMailChoices(ctx, id, c); err != nil {
			return 0, err
		}
		if !isDue || !c.Notify.digest() || p.Disabled || t.EmailOff {
			continue
		}
		tally, counted := tallies[since]
		if !counted {
			if tally, err = tx.DeskTally(ctx, since); err != nil { // it has become due just now
				return 0, err
			}
		}
		if tally.nothing() {
			continue
		}
		payload, err := json.Marshal(tally)
		if err != nil {
			return 0, err
		}
		d := late(DeliverDigest, ID{}, id, now)
		d.Payload = string(payload)
		if err := tx.AddDelivery(ctx, d); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// wantsDigest returns a *Suppression if a summary is not wanted any more, or if the next one is due already.
func (c MailChoices) wantsDigest(d Delivery, now time.Time) error {
	switch {
	case c.Notify == NotifyNone:
		return &Suppression{Reason: whyOff}
	case !c.Notify.digest():
		return &Suppression{Reason: "wants no summaries any more"}
	case now.Sub(d.CreatedAt) >= c.Notify.period():
		return &Suppression{Reason: "a newer summary takes its place"}
	}
	return nil
}

// readTally fills in what a summary tells.
func (out *Outgoing) readTally(payload string) error {
	if payload == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(payload), &out.Tally); err != nil {
		return errors.New("a summary that can't be read")
	}
	return nil
}
