package store

import (
	"context"

	"letterlock/bridge"
)

const selectAudit = "select id, at, actor, by_id, action, thread, person, sealed_detail from audit "

// AddAudit implements bridge.Audits.
func (t *tx) AddAudit(ctx context.Context, e bridge.AuditEntry) error {
	_, err := t.exec(ctx, "insert into audit (id, at, actor, by_id, action, thread, person, sealed_detail) values (?, ?, ?, ?, ?, ?, ?, ?)",
		e.ID, micros(e.At), e.Actor, e.By, e.Action, e.Thread, e.Person, t.seal(e.Detail, "audit", "detail", e.ID[:]))
	return err
}

// ListAudit implements bridge.Audits.
func (t *tx) ListAudit(ctx context.Context, action string, after bridge.Cursor, limit int) ([]bridge.AuditEntry, error) {
	at, id := before(after)
	query, args := selectAudit+"where ", []any(nil)
	if action != "" {
		query, args = query+"action = ? and ", append(args, action)
	}
	var all []bridge.AuditEntry
	err := t.each(ctx, query+"(at, id) < (?, ?) order by at desc, id desc limit ?", append(args, at, id, limit), func(r row) error {
		all = append(all, bridge.AuditEntry{})
		e := &all[len(all)-1]
		return r.Scan(&e.ID, moment(&e.At), &e.Actor, &e.By, &e.Action, &e.Thread, &e.Person, t.text(&e.Detail, "audit", "detail", e.ID[:]))
	})
	return all, err
}
