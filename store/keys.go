package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

const selectKey = "select id, role, secret_hash, created_by, created_at, last_used_at, revoked_at, sealed_name from api_key "

func (t *tx) keyDest(k *bridge.APIKey) []any {
	return []any{
		&k.ID, &k.Role, octets32(&k.SecretHash), &k.CreatedBy, moment(&k.CreatedAt), moment(&k.LastUsedAt), moment(&k.RevokedAt),
		t.text(&k.Name, "api_key", "name", k.ID[:]),
	}
}

// AddKey implements bridge.Keys.
func (t *tx) AddKey(ctx context.Context, k bridge.APIKey) error {
	err := t.send(ctx, `insert into api_key (id, role, secret_hash, created_by, created_at, last_used_at, revoked_at, sealed_name)
		values (?, ?, ?, ?, ?, ?, ?, ?)`,
		k.ID, k.Role, k.SecretHash[:], k.CreatedBy, micros(k.CreatedAt), micros(k.LastUsedAt), micros(k.RevokedAt),
		t.seal(k.Name, "api_key", "name", k.ID[:]))
	return err
}

// Key implements bridge.Keys.
func (t *tx) Key(ctx context.Context, id bridge.ID) (bridge.APIKey, error) {
	var k bridge.APIKey
	err := t.one(ctx, selectKey+"where id = ?", []any{id}, t.keyDest(&k)...)
	return k, err
}

// UpdateKey implements bridge.Keys.
func (t *tx) UpdateKey(ctx context.Context, k bridge.APIKey) error {
	return t.change(ctx, "update api_key set last_used_at = ?, revoked_at = ?, sealed_name = ? where id = ?",
		micros(k.LastUsedAt), micros(k.RevokedAt), t.seal(k.Name, "api_key", "name", k.ID[:]), k.ID)
}

// ListKeys implements bridge.Keys: newest first.
func (t *tx) ListKeys(ctx context.Context) ([]bridge.APIKey, error) {
	var all []bridge.APIKey
	err := t.each(ctx, selectKey+"order by created_at desc, id desc", nil, func(r row) error {
		all = append(all, bridge.APIKey{})
		return r.Scan(t.keyDest(&all[len(all)-1])...)
	})
	return all, err
}

// onceKey is the look-up hash of an Idempotency-Key, and the row that its record is sealed for. The owner may be the zero ID.
func (t *tx) onceKey(owner bridge.ID, key string) (hash, row []byte) {
	hash = t.conn.keys.Lookup("once.key", []byte(key))
	return hash, append(owner[:], hash...)
}

// AddOnce implements bridge.Keys.
func (t *tx) AddOnce(ctx context.Context, o bridge.OnceRecord) error {
	hash, row := t.onceKey(o.Owner, o.Key)
	return t.add(ctx, `insert into once (owner, key_hash, thread, message, person, created_at, sealed_request)
		values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
		o.Owner[:], hash, o.Thread, o.Message, o.Person, micros(o.CreatedAt), t.conn.keys.Seal(o.Request[:], "once", "request", row))
}

// Once implements bridge.Keys.
func (t *tx) Once(ctx context.Context, owner bridge.ID, key string) (bridge.OnceRecord, error) {
	hash, row := t.onceKey(owner, key)
	o := bridge.OnceRecord{Owner: owner, Key: key}
	var request []byte
	err := t.one(ctx, "select thread, message, person, created_at, sealed_request from once where owner = ? and key_hash = ?",
		[]any{owner[:], hash}, &o.Thread, &o.Message, &o.Person, moment(&o.CreatedAt), t.octets(&request, "once", "request", row))
	if err != nil {
		return bridge.OnceRecord{}, err
	}
	copy(o.Request[:], request)
	return o, nil
}

// SweepOnce implements bridge.Keys.
func (t *tx) SweepOnce(ctx context.Context, before time.Time) error {
	err := t.send(ctx, "delete from once where created_at < ?", micros(before))
	return err
}
