package store

import (
	"context"

	"letterlock/bridge"
)

// Mailbox returns how far an IMAP mailbox has been read; its error is bridge.ErrNotFound for one that never was.
func (d *DB) Mailbox(ctx context.Context, account, mailbox string) (bridge.MailboxState, error) {
	s := bridge.MailboxState{Account: account, Mailbox: mailbox}
	err := d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select uid_validity, last_uid from mailbox where mailbox_hash = ?",
			[]any{t.mailboxHash(account, mailbox)}, &s.UIDValidity, &s.LastUID)
	})
	if err != nil {
		return bridge.MailboxState{}, err
	}
	return s, nil
}

// SetMailbox records how far an IMAP mailbox has been read. It is durable when it returns.
func (d *DB) SetMailbox(ctx context.Context, s bridge.MailboxState) error {
	return d.update(ctx, func(t *tx) error {
		_, err := t.exec(ctx, `insert into mailbox (mailbox_hash, uid_validity, last_uid) values (?, ?, ?)
			on conflict (mailbox_hash) do update set uid_validity = excluded.uid_validity, last_uid = excluded.last_uid`,
			t.mailboxHash(s.Account, s.Mailbox), s.UIDValidity, s.LastUID)
		return err
	})
}

// mailboxHash names a mailbox. A folder may be called after a customer, so the name itself is not kept.
func (t *tx) mailboxHash(account, mailbox string) []byte {
	return t.conn.keys.Lookup("mailbox", []byte(account+"\x00"+mailbox))
}
