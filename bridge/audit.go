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

// ExportAudit hands out the whole audit log in the order of its numbers, to admins. That it was exported is recorded first, so that the
// export ends with itself. fn's error ends it.
func (g *Gateway) ExportAudit(ctx context.Context, a Actor, fn func(AuditEntry) error) error {
	err := g.store.Update(ctx, func(tx Tx) error {
		p, err := g.resolveAdmin(ctx, tx, a)
		if err != nil {
			return err
		}
		return g.audit(ctx, tx, p, AuditEntry{Action: "export.audit"})
	})
	const page = 500
	var entries []AuditEntry
	for last := int64(0); err == nil; {
		err = g.store.View(ctx, func(tx Tx) error {
			if _, err := g.resolveAdmin(ctx, tx, a); err != nil {
				return err
			}
			entries, err = tx.AuditFrom(ctx, last, page)
			return err
		})
		for i := 0; err == nil && i < len(entries); i++ {
			err = fn(entries[i])
			last = entries[i].Seq
		}
		if len(entries) < page {
			break
		}
	}
	return wrap("export audit log", err)
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
