package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
)

// Mailbox returns how far an IMAP mailbox has been read; its error is bridge.ErrNotFound for one that never was.
func (d *DB) Mailbox(ctx context.Context, account, mailbox string) (bridge.MailboxState, error) {
	s := bridge.MailboxState{Account: account, Mailbox: mailbox}
	var missing string
	var modSeq int64
	err := d.view(ctx, func(t *tx) error {
		return t.one(ctx, "select uid_validity, last_uid, first_uid, mod_seq, missing from mailbox where mailbox_hash = ?",
			[]any{t.mailboxHash(account, mailbox)}, &s.UIDValidity, &s.LastUID, &s.FirstUID, &modSeq, &missing)
	})
	if err != nil {
		return bridge.MailboxState{}, err
	}
	s.ModSeq = uint64(modSeq)
	if s.Missing, err = readRanges(missing); err != nil {
		return bridge.MailboxState{}, fmt.Errorf("mailbox: %w", err)
	}
	return s, nil
}

// SetMailbox records how far an IMAP mailbox has been read. It is durable when it returns.
func (d *DB) SetMailbox(ctx context.Context, s bridge.MailboxState) error {
	return d.update(ctx, func(t *tx) error {
		err := t.send(ctx, `insert into mailbox (mailbox_hash, uid_validity, last_uid, first_uid, mod_seq, missing) values (?, ?, ?, ?, ?, ?)
			on conflict (mailbox_hash) do update set uid_validity = excluded.uid_validity, last_uid = excluded.last_uid,
			first_uid = excluded.first_uid, mod_seq = excluded.mod_seq, missing = excluded.missing`,
			t.mailboxHash(s.Account, s.Mailbox), s.UIDValidity, s.LastUID, s.FirstUID, int64(s.ModSeq), writeRanges(s.Missing))
		return err
	})
}

// mailboxHash names a mailbox. A folder may be called after a customer, so the name itself is not kept.
func (t *tx) mailboxHash(account, mailbox string) []byte {
	return t.conn.keys.Lookup("mailbox", []byte(account+"\x00"+mailbox))
}

// writeRanges writes ranges as IMAP does (RFC 9051, sequence-set): "3,7:9".
func writeRanges(ranges []bridge.UIDRange) string {
	var b []byte
	for i, r := range ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		if r.Last != r.First {
			b = strconv.AppendUint(append(b, ':'), uint64(r.Last), 10)
		}
	}
	return string(b)
}

func readRanges(text string) (ranges []bridge.UIDRange, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, ":")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is no range of UIDs", part)
		}
		last, err := strconv.ParseUint(to, 10, 32)
		if err != nil || last < first || first == 0 {
			return nil, fmt.Errorf("%q is no range of UIDs", part)
		}
		ranges = append(ranges, bridge.UIDRange{First: uint32(first), Last: uint32(last)})
	}
	return ranges, nil
}

// RefreshToken returns the refresh token that was kept last under a name. Its error is bridge.ErrNotFound if there is none.
func (d *DB) RefreshToken(ctx context.Context, name string) (token string, err error) {
	err = d.view(ctx, func(t *tx) error {
		hash := t.tokenHash(name)
		return t.one(ctx, "select sealed_token from oauth_token where name_hash = ?", []any{hash}, t.text(&token, "oauth_token", "token", hash))
	})
	return token, err
}

// KeepRefreshToken keeps a refresh token under a name, sealed, in place of the one before. It is durable when it returns.
func (d *DB) KeepRefreshToken(ctx context.Context, name, token string) error {
	return d.update(ctx, func(t *tx) error {
		hash := t.tokenHash(name)
		err := t.send(ctx, `insert into oauth_token (name_hash, kept_at, sealed_token) values (?, ?, ?)
			on conflict (name_hash) do update set kept_at = excluded.kept_at, sealed_token = excluded.sealed_token`,
			hash, micros(time.Now()), t.seal(token, "oauth_token", "token", hash))
		return err
	})
}

// tokenHash names a token. The name may be a person's.
func (t *tx) tokenHash(name string) []byte { return t.conn.keys.Lookup("oauth token", []byte(name)) }
