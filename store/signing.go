package store

import (
	"context"
	"errors"

	"letterlock/bridge"
)

const selectSigning = "select id, state, made_at, current_at, past_at, retired_at, sealed_keys from signing "

// signingKey is what is sealed of a bridge.SigningKey.
type signingKey struct {
	Algorithm bridge.SigningAlgorithm `json:"algorithm"`
	Selector  string                  `json:"selector"`
	Public    []byte                  `json:"public"`
	Private   []byte                  `json:"private,omitempty"`
}

func (t *tx) sealSigning(p bridge.SigningPair) ([]byte, error) {
	keys := make([]signingKey, len(p.Keys))
	for i, k := range p.Keys {
		keys[i] = signingKey(k)
	}
	return t.sealJSON(keys, "signing", "keys", p.ID[:])
}

// signingPairs reads what a query over selectSigning finds.
func (t *tx) signingPairs(ctx context.Context, query string, args ...any) ([]bridge.SigningPair, error) {
	var all []bridge.SigningPair
	err := t.each(ctx, query, args, func(r row) error {
		var p bridge.SigningPair
		var plain []byte
		err := r.Scan(&p.ID, &p.State, moment(&p.MadeAt), moment(&p.CurrentAt), moment(&p.PastAt), moment(&p.RetiredAt),
			t.octets(&plain, "signing", "keys", p.ID[:]))
		if err != nil {
			return err
		}
		var keys []signingKey
		if err := openJSON(plain, &keys, "signing", "keys"); err != nil {
			return err
		}
		for _, k := range keys {
			p.Keys = append(p.Keys, bridge.SigningKey(k))
		}
		all = append(all, p)
		return nil
	})
	return all, err
}

func (t *tx) signingPair(ctx context.Context, query string, args ...any) (bridge.SigningPair, error) {
	all, err := t.signingPairs(ctx, query, args...)
	if err == nil && len(all) == 0 {
		err = bridge.ErrNotFound
	}
	if err != nil {
		return bridge.SigningPair{}, err
	}
	return all[0], nil
}

// AddSigningPair implements bridge.Signing.
func (t *tx) AddSigningPair(ctx context.Context, p bridge.SigningPair) error {
	sealed, err := t.sealSigning(p)
	if err != nil {
		return err
	}
	return t.add(ctx, `insert into signing (id, state, made_at, current_at, past_at, retired_at, sealed_keys)
		values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		p.ID[:], p.State, micros(p.MadeAt), micros(p.CurrentAt), micros(p.PastAt), micros(p.RetiredAt), sealed)
}

// SigningPair implements bridge.Signing.
func (t *tx) SigningPair(ctx context.Context, id bridge.ID) (bridge.SigningPair, error) {
	return t.signingPair(ctx, selectSigning+"where id = ?", id[:])
}

// SigningPairIn implements bridge.Signing.
func (t *tx) SigningPairIn(ctx context.Context, s bridge.SigningState) (bridge.SigningPair, error) {
	return t.signingPair(ctx, selectSigning+"where state = ? order by made_at desc, id desc limit 1", s)
}

// UpdateSigningPair implements bridge.Signing.
func (t *tx) UpdateSigningPair(ctx context.Context, p bridge.SigningPair) error {
	if p.State == bridge.SigningNext || p.State == bridge.SigningCurrent {
		// Said here rather than by the index, whose error would end the transaction.
		other, err := t.SigningPairIn(ctx, p.State)
		if err == nil && other.ID != p.ID {
			return bridge.ErrConflict
		}
		if err != nil && !errors.Is(err, bridge.ErrNotFound) {
			return err
		}
	}
	sealed, err := t.sealSigning(p)
	if err != nil {
		return err
	}
	return t.change(ctx, "update signing set state = ?, current_at = ?, past_at = ?, retired_at = ?, sealed_keys = ? where id = ?",
		p.State, micros(p.CurrentAt), micros(p.PastAt), micros(p.RetiredAt), sealed, p.ID[:])
}

// SigningPairs implements bridge.Signing.
func (t *tx) SigningPairs(ctx context.Context) ([]bridge.SigningPair, error) {
	return t.signingPairs(ctx, selectSigning+"order by made_at desc, id desc limit 100")
}
