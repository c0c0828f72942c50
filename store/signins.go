package store

import (
	"context"
	"fmt"
	"time"

	"letterlock/bridge"
)

// AddLoginCode implements bridge.SignIns.
func (t *tx) AddLoginCode(ctx context.Context, c bridge.LoginCode) error {
	err := t.send(ctx, `insert into login_code (id, browser, person, thread, code_hash, attempts, created_at, expires_at, used_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Browser[:], c.Person, c.Thread, c.CodeHash[:], c.Attempts, micros(c.CreatedAt), micros(c.ExpiresAt), micros(c.UsedAt))
	return err
}

// LoginCodeOf implements bridge.SignIns.
func (t *tx) LoginCodeOf(ctx context.Context, browser [32]byte) (bridge.LoginCode, error) {
	c := bridge.LoginCode{Browser: browser}
	err := t.one(ctx, `select id, person, thread, code_hash, attempts, created_at, expires_at, used_at from login_code
		where browser = ? order by created_at desc, id desc limit 1`, []any{browser[:]},
		&c.ID, &c.Person, &c.Thread, octets32(&c.CodeHash), &c.Attempts, moment(&c.CreatedAt), moment(&c.ExpiresAt), moment(&c.UsedAt))
	if err != nil {
		return bridge.LoginCode{}, err
	}
	return c, nil
}

// UpdateLoginCode implements bridge.SignIns.
func (t *tx) UpdateLoginCode(ctx context.Context, c bridge.LoginCode) error {
	return t.change(ctx, "update login_code set attempts = ?, used_at = ? where id = ?", c.Attempts, micros(c.UsedAt), c.ID)
}

func (t *tx) attemptHash(key string) []byte { return t.conn.keys.Lookup("attempt", []byte(key)) }

// AddAttempt implements bridge.SignIns. Two that count the same and then both add would together be over the limit.
func (t *tx) AddAttempt(ctx context.Context, key string, at time.Time) error {
	hash := t.attemptHash(key)
	if err := t.guard(ctx, fmt.Sprintf("attempt %02x", hash[0])); err != nil {
		return err
	}
	err := t.send(ctx, "insert into attempt (key_hash, at) values (?, ?)", hash, micros(at))
	return err
}

// CountAttempts implements bridge.SignIns.
func (t *tx) CountAttempts(ctx context.Context, key string, since time.Time) (int, error) {
	var n int
	err := t.one(ctx, "select count(*) from attempt where key_hash = ? and at >= ?", []any{t.attemptHash(key), micros(since)}, &n)
	return n, err
}

// SweepSignIns implements bridge.SignIns.
func (t *tx) SweepSignIns(ctx context.Context, before time.Time) error {
	if err := t.send(ctx, "delete from login_code where created_at < ?", micros(before)); err != nil {
		return err
	}
	err := t.send(ctx, "delete from attempt where at < ?", micros(before))
	return err
}
