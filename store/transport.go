package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"letterlock/bridge"
)

// What is known of the ways to recipients names their domains, so it is sealed and found by keyed hashes like all that says who writes to whom.

// stsPolicy is what is sealed of a policy.
type stsPolicy struct {
	Domain  string    `json:"domain"`
	ID      string    `json:"id"`
	Text    string    `json:"text"`
	Fetched time.Time `json:"fetched"`
}

// STSPolicy returns the MTA-STS policy that is kept for a domain. Its error is bridge.ErrNotFound where there is none, or it has expired.
func (d *DB) STSPolicy(ctx context.Context, domain string, now time.Time) (bridge.STSPolicy, error) {
	var p bridge.STSPolicy
	err := d.view(ctx, func(t *tx) error {
		hash := t.conn.keys.Lookup("mta_sts", []byte(domain))
		var text string
		var expires time.Time
		err := t.one(ctx, "select expires_at, sealed_policy from mta_sts where domain_hash = ? and expires_at > ?", []any{hash, micros(now)},
			moment(&expires), t.text(&text, "mta_sts", "policy", hash))
		if err != nil {
			return err
		}
		var kept stsPolicy
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			return err
		}
		p = bridge.STSPolicy{Domain: kept.Domain, ID: kept.ID, Text: kept.Text, FetchedAt: kept.Fetched, ExpiresAt: expires}
		return nil
	})
	if err != nil {
		return bridge.STSPolicy{}, fmt.Errorf("mta-sts policy: %w", err)
	}
	return p, nil
}

// SetSTSPolicy keeps a policy in place of the one that its domain had.
func (d *DB) SetSTSPolicy(ctx context.Context, p bridge.STSPolicy) error {
	text, err := json.Marshal(stsPolicy{Domain: p.Domain, ID: p.ID, Text: p.Text, Fetched: p.FetchedAt.UTC()})
	if err != nil {
		return fmt.Errorf("keep mta-sts policy: %w", err)
	}
	err = d.update(ctx, func(t *tx) error {
		hash := t.conn.keys.Lookup("mta_sts", []byte(p.Domain))
		_, err := t.exec(ctx, `insert into mta_sts (domain_hash, expires_at, sealed_policy) values (?, ?, ?)
			on conflict (domain_hash) do update set expires_at = excluded.expires_at, sealed_policy = excluded.sealed_policy`,
			hash, micros(p.ExpiresAt), t.seal(string(text), "mta_sts", "policy", hash))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep mta-sts policy: %w", err)
	}
	return nil
}

// tlsResult is what is sealed of a result.
type tlsResult struct {
	Domain string `json:"domain"`
	Host   string `json:"host"`
	Policy string `json:"policy"`
	Result string `json:"result"`
}

// AddTLSResults adds to the counts of what was found before.
func (d *DB) AddTLSResults(ctx context.Context, results []bridge.TLSResult) error {
	err := d.update(ctx, func(t *tx) error {
		for _, r := range results {
			text, err := json.Marshal(tlsResult{r.Domain, r.Host, r.Policy, r.Result})
			if err != nil {
				return err
			}
			key := binary.BigEndian.AppendUint64(nil, uint64(r.Day.Unix()))
			hash := t.conn.keys.Lookup("tls_result", append(key, text...))
			_, err = t.exec(ctx, `insert into tls_result (key_hash, day, sessions, sealed_result) values (?, ?, ?, ?)
				on conflict (key_hash) do update set sessions = tls_result.sessions + excluded.sessions`,
				hash, micros(r.Day), r.Count, t.seal(string(text), "tls_result", "result", hash))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count tls results: %w", err)
	}
	return nil
}

// TLSResults returns what was counted on a day, at most limit rows, the most frequent first.
func (d *DB) TLSResults(ctx context.Context, day time.Time, limit int) ([]bridge.TLSResult, error) {
	var all []bridge.TLSResult
	err := d.view(ctx, func(t *tx) (err error) {
		all, err = t.TLSResults(ctx, day, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tls results: %w", err)
	}
	return all, nil
}

// TLSResults implements bridge.TLSCounts.
func (t *tx) TLSResults(ctx context.Context, day time.Time, limit int) ([]bridge.TLSResult, error) {
	var all []bridge.TLSResult
	err := t.each(ctx, "select key_hash, sessions, sealed_result from tls_result where day = ? order by sessions desc, key_hash limit ?",
		[]any{micros(day), limit}, func(r row) error {
			var hash, sealed []byte
			one := bridge.TLSResult{Day: day}
			if err := r.Scan(&hash, &one.Count, &sealed); err != nil {
				return err
			}
			var text string
			if err := t.text(&text, "tls_result", "result", hash).Scan(sealed); err != nil {
				return err
			}
			var kept tlsResult
			if err := json.Unmarshal([]byte(text), &kept); err != nil {
				return err
			}
			one.Domain, one.Host, one.Policy, one.Result = kept.Domain, kept.Host, kept.Policy, kept.Result
			all = append(all, one)
			return nil
		})
	return all, err
}

// tlsReport is the key of a report's row. The destination may be somebody's address, so that nothing of it is kept in the open.
func (t *tx) tlsReport(day time.Time, domain, to string) []byte {
	key := binary.BigEndian.AppendUint64(nil, uint64(day.Unix()))
	key = binary.BigEndian.AppendUint64(key, uint64(len(domain)))
	return t.conn.keys.Lookup("tls_report", append(append(key, domain...), to...))
}

// TakeTLSReport leases the report of a day's TLS with a domain to one destination for a term, after which it may be tried again. It reports false where somebody
// else has it, or it is to wait, and returns bridge.ErrConflict where it was ended for good.
func (d *DB) TakeTLSReport(ctx context.Context, day time.Time, domain, to string, now time.Time, term time.Duration) (attempt int, taken bool, err error) {
	err = d.update(ctx, func(t *tx) error {
		attempt, taken = 0, false
		if err := t.latest(ctx); err != nil {
			return err
		}
		key := t.tlsReport(day, domain, to)
		n, err := t.exec(ctx, `insert into tls_report (key_hash, day, attempts, next_at) values (?, ?, 1, ?)
			on conflict (key_hash) do update set attempts = tls_report.attempts + 1, next_at = excluded.next_at where tls_report.next_at <= ?`,
			key, micros(day), micros(now.Add(term)), micros(now))
		if err != nil {
			return err
		}
		var next time.Time
		taken = n > 0
		if err := t.one(ctx, "select attempts, coalesce(next_at, 0) from tls_report where key_hash = ?", []any{key}, &attempt, moment(&next)); err != nil {
			return err
		}
		if !taken && next.IsZero() {
			return bridge.ErrConflict
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("take a tls report: %w", err)
	}
	return attempt, taken, nil
}

// EndTLSReport ends what TakeTLSReport leased: for good where next is zero, and else until then.
func (d *DB) EndTLSReport(ctx context.Context, day time.Time, domain, to string, next time.Time) error {
	err := d.update(ctx, func(t *tx) error {
		var at any
		if !next.IsZero() {
			at = micros(next)
		}
		return t.change(ctx, "update tls_report set next_at = ? where key_hash = ?", at, t.tlsReport(day, domain, to))
	})
	if err != nil {
		return fmt.Errorf("end a tls report: %w", err)
	}
	return nil
}

// keptResults is how long counts are kept that nobody reported.
const keptResults = 60 * 24 * time.Hour

// sweepTransport forgets policies that expired and counts that are old.
func (d *DB) sweepTransport(ctx context.Context, now time.Time) error {
	return d.update(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, "delete from mta_sts where expires_at <= ?", micros(now)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, "delete from tls_report where day < ?", micros(now.Add(-keptResults))); err != nil {
			return err
		}
		_, err := t.exec(ctx, "delete from tls_result where day < ?", micros(now.Add(-keptResults)))
		return err
	})
}
