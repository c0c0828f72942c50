package store

import (
	"context"
	"errors"

	"letterlock/bridge"
)

const selectPerson = `select id, kind, role, mode, locale, disabled, created_at, signed_in_at, signed_out_at, sealed_password is not null, unsubscribe, sealed_name, sealed_address from person `

func (t *tx) scanPerson(r row, p *bridge.Person) error {
	return r.Scan(&p.ID, &p.Kind, &p.Role, &p.Mode, &p.Locale, &p.Disabled, moment(&p.CreatedAt), moment(&p.SignedInAt), moment(&p.SignedOutAt), &p.HasPassword, &p.Unsubscribe,
		t.text(&p.Name, "person", "name", p.ID[:]), t.text(&p.Address, "person", "address", p.ID[:]))
}

func (t *tx) person(ctx context.Context, query string, args ...any) (p bridge.Person, err error) {
	found := false
	err = t.each(ctx, query, args, func(r row) error {
		found = true
		return t.scanPerson(r, &p)
	})
	if err == nil && !found {
		err = bridge.ErrNotFound
	}
	return p, err
}

func (t *tx) addressHash(address string) []byte {
	return t.conn.keys.Lookup("person.address", []byte(address))
}

// Person implements bridge.People.
func (t *tx) Person(ctx context.Context, id bridge.ID) (bridge.Person, error) {
	return t.person(ctx, selectPerson+"where id = ?", id)
}

// PersonByAddress implements bridge.People.
func (t *tx) PersonByAddress(ctx context.Context, address string) (bridge.Person, error) {
	return t.person(ctx, selectPerson+"where address_hash = ?", t.addressHash(address))
}

// AddPerson implements bridge.People.
func (t *tx) AddPerson(ctx context.Context, p bridge.Person) error {
	return t.add(ctx, `insert into person
		(id, kind, role, mode, locale, disabled, created_at, signed_in_at, signed_out_at, unsubscribe, address_hash, sealed_name, sealed_address)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		p.ID, p.Kind, p.Role, p.Mode, p.Locale, p.Disabled, micros(p.CreatedAt), micros(p.SignedInAt), micros(p.SignedOutAt), p.Unsubscribe, t.addressHash(p.Address),
		t.seal(p.Name, "person", "name", p.ID[:]), t.seal(p.Address, "person", "address", p.ID[:]))
}

// UpdatePerson implements bridge.People.
func (t *tx) UpdatePerson(ctx context.Context, p bridge.Person) error {
	hash := t.addressHash(p.Address)
	var other bridge.ID
	err := t.one(ctx, "select id from person where address_hash = ?", []any{hash}, &other)
	if err == nil && other != p.ID {
		return bridge.ErrConflict
	}
	if err != nil && !errors.Is(err, bridge.ErrNotFound) {
		return err
	}
	if p.Kind == bridge.Staff {
		// Two admins who demote each other both saw that another was left.
		if err := t.guard(ctx, "staff"); err != nil {
			return err
		}
	}
	return t.change(ctx, `update person set role = ?, mode = ?, locale = ?, disabled = ?, signed_in_at = ?, signed_out_at = ?, address_hash = ?,
		sealed_name = ?, sealed_address = ? where id = ?`,
		p.Role, p.Mode, p.Locale, p.Disabled, micros(p.SignedInAt), micros(p.SignedOutAt), hash,
		t.seal(p.Name, "person", "name", p.ID[:]), t.seal(p.Address, "person", "address", p.ID[:]), p.ID)
}

// ListPeople implements bridge.People.
func (t *tx) ListPeople(ctx context.Context, kind bridge.PersonKind, after bridge.Cursor, limit int) ([]bridge.Person, error) {
	at, id := before(after)
	var people []bridge.Person
	err := t.each(ctx, selectPerson+`where kind = ? and (created_at, id) < (?, ?) order by created_at desc, id desc limit ?`,
		[]any{kind, at, id, limit}, func(r row) error {
			people = append(people, bridge.Person{})
			return t.scanPerson(r, &people[len(people)-1])
		})
	return people, err
}

// PasswordHash implements bridge.People.
func (t *tx) PasswordHash(ctx context.Context, id bridge.ID) (string, error) {
	var hash string
	err := t.one(ctx, "select sealed_password from person where id = ? and sealed_password is not null", []any{id},
		t.text(&hash, "person", "password", id[:]))
	return hash, err
}

// SetPasswordHash implements bridge.People.
func (t *tx) SetPasswordHash(ctx context.Context, id bridge.ID, hash string) error {
	return t.change(ctx, "update person set sealed_password = ? where id = ?", t.seal(hash, "person", "password", id[:]), id)
}
