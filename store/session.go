package store

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"

	"letterlock/bridge"
)

// Sessions keeps the sessions of scs's session manager, which hashes their tokens first (HashTokenInStore). Here only a keyed
// hash of that is kept, and the data is sealed.
type Sessions struct {
	db  *DB
	now func() time.Time
}

var (
	_ scs.Store    = (*Sessions)(nil)
	_ scs.CtxStore = (*Sessions)(nil)
)

// Sessions returns the session store of this database. now tells the time; nil means time.Now.
func (d *DB) Sessions(now func() time.Time) *Sessions {
	if now == nil {
		now = time.Now
	}
	return &Sessions{db: d, now: now}
}

func (s *Sessions) row(token string) []byte { return s.db.keys.Lookup("session.token", []byte(token)) }

// FindCtx implements scs.CtxStore.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	row := s.row(token)
	err = s.db.view(ctx, func(t *tx) error {
		return t.one(ctx, "select sealed_data from session where token_hash = ? and expires_at > ?", []any{row, micros(s.now())},
			t.octets(&data, "session", "data", row))
	})
	if errors.Is(err, bridge.ErrNotFound) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// CommitCtx implements scs.CtxStore.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	row := s.row(token)
	return s.db.update(ctx, func(t *tx) error {
		err := t.send(ctx, `insert into session (token_hash, expires_at, sealed_data) values (?, ?, ?)
			on conflict (token_hash) do update set expires_at = excluded.expires_at, sealed_data = excluded.sealed_data
				where session.expires_at > 0`,
			row, micros(expiry), t.conn.keys.Seal(data, "session", "data", row))
		return err
	})
}

// DeleteCtx implements scs.CtxStore. Until the session would have expired a row stays, with the time negative and without the data: a request
// that was under way when somebody signed out must not bring their session back when it saves what it changed.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	row := s.row(token)
	return s.db.update(ctx, func(t *tx) error {
		err := t.send(ctx, "update session set expires_at = -expires_at, sealed_data = ? where token_hash = ? and expires_at > 0",
			t.conn.keys.Seal(nil, "session", "data", row), row)
		return err
	})
}

// Find implements scs.Store.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete implements scs.Store.
func (s *Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}
