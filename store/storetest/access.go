package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"

	"letterlock/bridge"
)

func signIns(h *house) {
	browser, other := sha256.Sum256([]byte("cookie")), sha256.Sum256([]byte("other cookie"))
	first := bridge.LoginCode{ID: bridge.NewID(), Browser: browser, CodeHash: sha256.Sum256([]byte("1")), CreatedAt: h.tick(), ExpiresAt: h.now.Add(600e9)}
	second := bridge.LoginCode{
		ID: bridge.NewID(), Browser: browser, Person: bridge.NewID(), Thread: bridge.NewID(), CodeHash: sha256.Sum256([]byte("2")),
		CreatedAt: h.tick(), ExpiresAt: h.now.Add(600e9),
	}
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.AddLoginCode(ctx, first), tx.AddLoginCode(ctx, second))
	})
	second.Attempts, second.UsedAt = 3, h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateLoginCode(ctx, second) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.LoginCodeOf(ctx, browser)
		same(h, "the newest code", got, second)
		return err
	})
	h.fails("another browser", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.LoginCodeOf(ctx, other); return err })
	h.fails("no such code", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdateLoginCode(ctx, bridge.LoginCode{ID: bridge.NewID()})
	})

	begin := h.tick()
	for range 3 {
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			return errors.Join(tx.AddAttempt(ctx, "ann@example.com", h.now), tx.AddAttempt(ctx, "ann@example.com", h.now), tx.AddAttempt(ctx, "192.0.2.1", h.tick()))
		})
	}
	count := func(key string, want int) {
		h.Helper()
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			n, err := tx.CountAttempts(ctx, key, begin)
			same(h, key, n, want)
			return err
		})
	}
	count("ann@example.com", 6)
	count("192.0.2.1", 3)
	count("nobody", 0)
	begin = h.now
	count("192.0.2.1", 1)
	begin = start
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.SweepSignIns(ctx, h.now) })
	count("ann@example.com", 0)
	count("192.0.2.1", 1)
	h.fails("swept", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.LoginCodeOf(ctx, browser); return err })
}

func keys(h *house) {
	k := bridge.APIKey{ID: bridge.NewID(), Name: "CRM", Role: bridge.RoleAdmin, SecretHash: sha256.Sum256([]byte("s")), CreatedBy: bridge.NewID(), CreatedAt: h.tick()}
	l := bridge.APIKey{ID: bridge.NewID(), Role: bridge.RoleStaff, CreatedAt: h.tick()}
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.AddKey(ctx, k), tx.AddKey(ctx, l))
	})
	k.Name, k.LastUsedAt, k.RevokedAt = "old CRM", h.tick(), h.tick()
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.UpdateKey(ctx, k) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		got, err := tx.Key(ctx, k.ID)
		same(h, "a key", got, k)
		if err != nil {
			return err
		}
		all, err := tx.ListKeys(ctx)
		same(h, "keys, newest first", all, []bridge.APIKey{l, k})
		return err
	})
	h.fails("unknown key", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Key(ctx, bridge.NewID()); return err })
	h.fails("update no key", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error {
		return tx.UpdateKey(ctx, bridge.APIKey{ID: bridge.NewID()})
	})

	once := bridge.OnceRecord{Owner: k.ID, Key: "order-17", Request: sha256.Sum256([]byte("body")), Thread: bridge.NewID(), Message: bridge.NewID(), Person: bridge.NewID(), CreatedAt: h.tick()}
	nobody := bridge.OnceRecord{Key: "order-17", CreatedAt: h.tick()} // the operator has no ID
	h.update(func(ctx context.Context, tx bridge.Tx) error {
		return errors.Join(tx.AddOnce(ctx, once), tx.AddOnce(ctx, nobody))
	})
	h.fails("the same key again", bridge.ErrConflict, func(ctx context.Context, tx bridge.Tx) error { return tx.AddOnce(ctx, once) })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		for _, want := range []bridge.OnceRecord{once, nobody} {
			got, err := tx.Once(ctx, want.Owner, want.Key)
			if err != nil {
				return err
			}
			same(h, "what it led to", got, want)
		}
		return nil
	})
	h.fails("another owner's", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Once(ctx, l.ID, "order-17"); return err })
	h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.SweepOnce(ctx, nobody.CreatedAt) })
	h.fails("swept", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Once(ctx, k.ID, "order-17"); return err })
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		_, err := tx.Once(ctx, bridge.ID{}, "order-17")
		return err
	})
}

func settingsAndAudit(h *house) {
	h.fails("no setting", bridge.ErrNotFound, func(ctx context.Context, tx bridge.Tx) error { _, err := tx.Setting(ctx, "mode"); return err })
	for _, v := range []string{"secure", "convenience", ""} {
		h.update(func(ctx context.Context, tx bridge.Tx) error {
			return errors.Join(tx.SetSetting(ctx, "mode", v), tx.SetSetting(ctx, "other", "x"))
		})
		h.view(func(ctx context.Context, tx bridge.Tx) error {
			got, err := tx.Setting(ctx, "mode")
			same(h, "setting", got, v)
			return err
		})
	}
	var all, modes []bridge.AuditEntry
	for i := range 7 {
		e := bridge.AuditEntry{ID: bridge.NewID(), At: h.tick(), Actor: "person", By: bridge.NewID(), Action: "mode.set", Detail: "secure → convenience"}
		if i%2 == 0 {
			e = bridge.AuditEntry{ID: bridge.NewID(), At: h.now, Actor: "system", Action: "thread.open", Thread: bridge.NewID(), Person: bridge.NewID()}
		} else {
			modes = append(modes, e)
		}
		all = append(all, e)
		h.update(func(ctx context.Context, tx bridge.Tx) error { return tx.AddAudit(ctx, e) })
	}
	slices.Reverse(all)
	slices.Reverse(modes)
	for action, want := range map[string][]bridge.AuditEntry{"": all, "mode.set": modes, "none": nil} {
		got := pages(h, 2, func(ctx context.Context, tx bridge.Tx, after bridge.Cursor) ([]bridge.AuditEntry, error) {
			return tx.ListAudit(ctx, action, after, 2)
		}, func(e bridge.AuditEntry) bridge.Cursor { return bridge.Cursor{At: e.At, ID: e.ID} })
		for i := range got {
			if got[i].Seq < 1 || len(got[i].Link) != 32 {
				h.Errorf("an entry has number %d and a link of %d octets", got[i].Seq, len(got[i].Link))
			}
			got[i].Seq, got[i].Link = 0, nil
		}
		same(h, "audit "+action, got, want)
	}
	h.view(func(ctx context.Context, tx bridge.Tx) error {
		var last int64
		for {
			entries, err := tx.AuditFrom(ctx, last, 3)
			if err != nil || len(entries) == 0 {
				same(h, "the last number", last, int64(len(all)))
				return err
			}
			for _, e := range entries {
				same(h, "the next number", e.Seq, last+1)
				last = e.Seq
			}
		}
	})
}
