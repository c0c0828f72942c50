package storetest

import (
	"context"
	"sync"

	"letterlock/bridge"
)

func signing(h *house) {
	pair := func(s bridge.SigningState) bridge.SigningPair {
		return bridge.SigningPair{ID: bridge.NewID(), State: s, MadeAt: h.tick(), Keys: []bridge.SigningKey{
			{Algorithm: bridge.SigningRSA, Selector: "one", Public: []byte("public"), Private: []byte("private")},
			{Algorithm: bridge.SigningEd25519, Selector: "two", Public: []byte{0, 255}, Private: []byte{1}},
		}}
	}
	add := func(p bridge.SigningPair) func(context.Context, bridge.Tx) error {
		return func(ctx context.Context, tx bridge.Tx) error { return tx.AddSigningPair(ctx, p) }
	}
	h.fails("nothing signs", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.SigningPairIn(ctx, bridge.SigningCurrent)
		return err
	})
	h.fails("no such pair", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdateSigningPair(ctx, pair(bridge.SigningPast))
	})
	first, second := pair(bridge.SigningNext), pair(bridge.SigningNext)
	h.update(add(first))
	h.fails("a second one that is next", bridge.ErrConflict, add(second))
	first.State, first.CurrentAt = bridge.SigningCurrent, h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateSigningPair(ctx, first) })
	h.update(add(second))
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.SigningPairIn(ctx, bridge.SigningCurrent)
		same(h, "what signs", got, first)
		return err
	})
	taken := second
	taken.State, taken.CurrentAt = bridge.SigningCurrent, h.now
	h.fails("a second one that signs", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateSigningPair(ctx, taken) })

	first.State, first.PastAt, first.RetiredAt = bridge.SigningRetired, h.tick(), h.tick()
	first.Keys[0].Private, first.Keys[1].Private = nil, nil
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateSigningPair(ctx, first) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.SigningPairs(ctx)
		same(h, "all, newest first", got, []bridge.SigningPair{second, first})
		return err
	})

	// Whoever is first makes the pair that signs.
	var all sync.WaitGroup
	for range 4 {
		p := pair(bridge.SigningCurrent)
		p.CurrentAt = h.now
		all.Go(func() {
			_ = h.store.Update(h.Context(), func(tx bridge.Tx) error { return tx.AddSigningPair(h.Context(), p) })
		})
	}
	all.Wait()
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.SigningPairs(ctx)
		n := 0
		for _, p := range got {
			if p.State == bridge.SigningCurrent {
				n++
			}
		}
		same(h, "pairs that sign", n, 1)
		return err
	})
}
