package bridge

import (
	"context"
	"time"
)

// STSPolicy is an MTA-STS policy (RFC 8461) as it was fetched, to be kept until it expires.
type STSPolicy struct {
	Domain    string
	ID        string // of the TXT record that announced it
	Text      string // as it came over HTTPS
	FetchedAt time.Time
	ExpiresAt time.Time
}

// TLSResult counts how TLS went with one host for a domain's mail on one day, in the words of RFC 8460, section 4.
type TLSResult struct {
	Day    time.Time // its beginning, UTC
	Domain string
	Host   string // the mail exchanger; empty where none was reached
	Policy string // tlsa, sts or no-policy-found
	Result string // a result-type; empty for success
	Count  int64  // sessions; not part of what is counted by
}

// TLSCounts keeps the counts.
type TLSCounts interface {
	// TLSResults returns what was counted on a day that begins then, at most limit kinds of results, the most frequent first.
	TLSResults(ctx context.Context, day time.Time, limit int) ([]TLSResult, error)
}

// maxTLSResults bounds how many kinds of results one list has.
const maxTLSResults = 2000

// ListTLSResults returns how TLS went with recipients' mail servers on the day of a moment, UTC, the most frequent first: admins only. There are none where a relay
// sends the mail.
func (g *Gateway) ListTLSResults(ctx context.Context, a Actor, at time.Time) ([]TLSResult, error) {
	var list []TLSResult
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		var err error
		list, err = tx.TLSResults(ctx, at.UTC().Truncate(24*time.Hour), maxTLSResults)
		return err
	})
	return list, wrap("list tls results", err)
}
