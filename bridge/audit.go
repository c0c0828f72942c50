package bridge

import "context"

// ListAudit lists who did what, newest first, to admins. An empty action means all.
func (g *Gateway) ListAudit(ctx context.Context, a Actor, action string, after Cursor, limit int) ([]AuditEntry, Cursor, error) {
	var entries []AuditEntry
	var next Cursor
	err := g.store.View(ctx, func(tx Tx) error {
		if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
			return err
		}
		limit := pageLimit(limit)
		var err error
		if entries, err = tx.ListAudit(ctx, action, after, limit+1); err != nil {
			return err
		}
		next = Cursor{}
		if len(entries) > limit {
			entries = entries[:limit]
			last := entries[limit-1]
			next = Cursor{At: last.At, ID: last.ID}
		}
		return nil
	})
	return entries, next, wrap("list audit", err)
}

// Sweep removes what has had its time: codes, rate limits' memory, idempotency records. It is called every hour or so.
func (g *Gateway) Sweep(ctx context.Context) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		if err := tx.SweepSignIns(ctx, g.now().Add(-longestLimit)); err != nil {
			return err
		}
		return tx.SweepOnce(ctx, g.now().Add(-onceLife))
	})
	return wrap("sweep", err)
}
