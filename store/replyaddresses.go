package store

import (
	"context"
	"time"

	"letterlock/bridge"
)

const selectReplyAddress = "select id, thread, person, created_at, revoked_at from reply_address "

func replyAddressDest(a *bridge.ReplyAddress) []any {
	return []any{&a.ID, &a.Thread, &a.Person, moment(&a.CreatedAt), moment(&a.RevokedAt)}
}

// AddReplyAddress implements bridge.ReplyAddresses.
func (t *tx) AddReplyAddress(ctx context.Context, a bridge.ReplyAddress) error {
	err := t.send(ctx, "insert into reply_address (id, thread, person, created_at, revoked_at) values (?, ?, ?, ?, ?)",
		a.ID, a.Thread, a.Person, micros(a.CreatedAt), micros(a.RevokedAt))
	return err
}

// ReplyAddress implements bridge.ReplyAddresses.
func (t *tx) ReplyAddress(ctx context.Context, id bridge.ID) (bridge.ReplyAddress, error) {
	var a bridge.ReplyAddress
	err := t.one(ctx, selectReplyAddress+"where id = ?", []any{id}, replyAddressDest(&a)...)
	return a, err
}

// ReplyAddressOf implements bridge.ReplyAddresses.
func (t *tx) ReplyAddressOf(ctx context.Context, thread, person bridge.ID) (bridge.ReplyAddress, error) {
	var a bridge.ReplyAddress
	err := t.one(ctx, selectReplyAddress+"where thread = ? and person = ? and revoked_at = 0 order by created_at desc, id desc limit 1",
		[]any{thread, person}, replyAddressDest(&a)...)
	return a, err
}

// RevokeReplyAddresses implements bridge.ReplyAddresses.
func (t *tx) RevokeReplyAddresses(ctx context.Context, thread, person bridge.ID, at time.Time) error {
	err := t.send(ctx, "update reply_address set revoked_at = ? where thread = ? and person = ? and revoked_at = 0",
		micros(at), thread, person)
	return err
}
