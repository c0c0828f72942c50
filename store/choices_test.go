package store_test

import (
	"errors"
	"testing"

	"letterlock/bridge"
)

// BenchmarkMailChoices is what every mail that can be turned off costs more when it leaves: of who chose nothing, and of who did.
func BenchmarkMailChoices(b *testing.B) {
	w := build(b, 1)
	ctx := b.Context()
	w.must(b, func(tx bridge.Tx) error {
		return tx.SetMailChoices(ctx, w.bob.ID, bridge.MailChoices{Notify: bridge.NotifyEach})
	})
	for name, who := range map[string]bridge.ID{"none": w.ann.ID, "made": w.bob.ID} {
		b.Run(name, func(b *testing.B) {
			err := w.View(ctx, func(tx bridge.Tx) error {
				for b.Loop() {
					if _, err := tx.MailChoices(ctx, who); err != nil && !errors.Is(err, bridge.ErrNotFound) {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkDeskTally is what a summary costs, at a desk with many conversations that all wait.
func BenchmarkDeskTally(b *testing.B) {
	w := build(b, 20_000)
	for b.Loop() {
		err := w.View(b.Context(), func(tx bridge.Tx) error {
			_, err := tx.DeskTally(b.Context(), w.now.AddDate(0, 0, -1))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
