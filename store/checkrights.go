package store

import (
	"context"
	"strings"

	"letterlock/bridge"
)

// Roles are in the clear, since rules are decided by them: they are compared with what the audit log says about how they came to be. The same
// goes for programs' keys, which whoever can write to the database could otherwise add, and for threads and people that are gone.

// rights is what the audit log says, up to the entry that was read last.
type rights struct {
	people  map[bridge.ID]standing
	keys    map[bridge.ID]keyStanding
	oldKeys int                // entries of keys from before their ids were recorded
	threads map[bridge.ID]bool // whether it was deleted
}

type standing struct {
	kind     bridge.PersonKind
	role     bridge.Role
	known    bool // the role is; entries of the first release did not say it
	disabled bool
}

type keyStanding struct {
	role    bridge.Role
	revoked bool
}

func newRights() *rights {
	return &rights{people: map[bridge.ID]standing{}, keys: map[bridge.ID]keyStanding{}, threads: map[bridge.ID]bool{}}
}

// read takes in one entry.
func (r *rights) read(e bridge.AuditEntry) {
	if !e.Thread.IsZero() {
		r.threads[e.Thread] = r.threads[e.Thread] || e.Action == "thread.delete" || e.Action == "thread.expire"
	}
	p := r.people[e.Person]
	switch e.Action {
	case "contact.add":
		p = standing{kind: bridge.Contact, known: true}
	case "staff.add":
		p = standing{kind: bridge.Staff, role: bridge.Role(e.Detail), known: true}
	case "staff.role":
		p.role, p.known = bridge.Role(e.Detail), e.Detail != ""
	case "person.disable":
		p.disabled = true
	case "person.enable":
		p.disabled = false
	case "key.add", "key.revoke":
		r.readKey(e)
		return
	default:
		return
	}
	r.people[e.Person] = p
}

// readKey reads "NAME (ROLE, ID)".
func (r *rights) readKey(e bridge.AuditEntry) {
	i := strings.LastIndex(e.Detail, " (")
	if i >= 0 {
		role, name, ok := strings.Cut(strings.TrimSuffix(e.Detail[i+2:], ")"), ", ")
		if id, err := bridge.ParseID(name); ok && err == nil {
			r.keys[id] = keyStanding{role: bridge.Role(role), revoked: e.Action == "key.revoke"}
			return
		}
	}
	if e.Action == "key.add" {
		r.oldKeys++
	}
}

// compare holds what the log says against the tables, in the transaction that read its last entries.
func (c *checker) compare(ctx context.Context, t *tx, r *rights) error {
	err := t.each(ctx, "select id, kind, role, disabled from person", nil, func(row row) error {
		var id bridge.ID
		var is standing
		if err := row.Scan(&id, &is.kind, &is.role, &is.disabled); err != nil {
			return err
		}
		says, ok := r.people[id]
		switch {
		case !ok:
			c.fault("person", id[:], "no entry of the audit log says that this person was added")
		case says.kind != "" && says.kind != is.kind, says.known && says.role != is.role:
			c.fault("person", id[:], "the audit log says another role than %s %s", is.kind, is.role)
		case says.disabled != is.disabled:
			c.fault("person", id[:], "whether this person is disabled is not what the audit log says")
		}
		return nil
	})
	if err != nil {
		return err
	}
	unknown := 0
	var last bridge.ID
	err = t.each(ctx, "select id, role, revoked_at from api_key", nil, func(row row) error {
		var id bridge.ID
		var role bridge.Role
		var revoked int64
		if err := row.Scan(&id, &role, &revoked); err != nil {
			return err
		}
		says, ok := r.keys[id]
		switch {
		case !ok:
			unknown, last = unknown+1, id
		case says.role != role || says.revoked != (revoked != 0):
			c.fault("api_key", id[:], "its role, or whether it was revoked, is not what the audit log says")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if unknown > r.oldKeys {
		c.fault("api_key", last[:], "no entry of the audit log says that this key was made")
	}
	there := map[bridge.ID]bool{}
	err = t.each(ctx, "select id from thread", nil, func(row row) error {
		var id bridge.ID
		err := row.Scan(&id)
		there[id] = true
		return err
	})
	for id, deleted := range r.threads {
		if !deleted && !there[id] {
			c.fault("thread", id[:], "it is gone, and no entry of the audit log says that it was deleted")
		}
	}
	return err
}
