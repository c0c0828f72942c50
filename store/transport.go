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

// TLSResults returns what was counted on a day, at most limit rows.
func (d *DB) TLSResults(ctx context.Context, day time.Time, limit int) ([]bridge.TLSResult, error) {
	var all []bridge.TLSResult
	err := d.view(ctx, func(t *tx) error {
		all = nil
		return t.each(ctx, "select key_hash, sessions, sealed_result from tls_result where day = ? order by sessions desc, key_hash limit ?",
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
	})
	if err != nil {
		return nil, fmt.Errorf("tls results: %w", err)
	}
	return all, nil
}

// keptResults is how long counts are kept that nobody reported.
const keptResults = 60 * 24 * time.Hour

// sweepTransport forgets policies that expired and counts that are old.
func (d *DB) sweepTransport(ctx context.Context, now time.Time) error {
	return d.update(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, "delete from mta_sts where expires_at <= ?", micros(now)); err != nil {
			return err
		}
		_, err := t.exec(ctx, "delete from tls_result where day < ?", micros(now.Add(-keptResults)))
		return err
	})
}
