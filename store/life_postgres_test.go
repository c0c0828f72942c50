package store_test

import (
	"path/filepath"
	"slices"
	"testing"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
)

// TestLifeOnPostgreSQL takes data through its life on the second engine: checked, tampered with, sealed anew, kept and deleted.
func TestLifeOnPostgreSQL(t *testing.T) {
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "letterlock.key")
	keys, err := seal.Create(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	d := openDSN(t, pgtest.New(t), keys, filepath.Join(dir, "files"))
	c := newClinic(t, d, keys, 4)
	indexAll(t, d)
	found := whole(t, d)
	if found.Audit < 5 || found.Files < 12 || found.Rows < 50 {
		t.Errorf("got %+v", found)
	}

	operatorKeys, err := seal.Load(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := operatorKeys.AddKey(); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Refresh(); err != nil {
		t.Fatal(err)
	}
	done, err := d.Reseal(t.Context(), nil)
	if err != nil || done.Values < 50 {
		t.Errorf("sealed anew: got %+v, %v", done, err)
	}
	if err := keys.Retire(); err != nil {
		t.Fatal(err)
	}
	whole(t, d)

	ctx := t.Context()
	c.must(c.g.SetThreadRetention(ctx, c.staff, c.threads[0], bridge.Retention{Hold: true}))
	c.must(c.g.SetThreadRetention(ctx, c.staff, c.threads[1], bridge.Retention{Days: 30}))
	c.must(c.g.DeleteThread(ctx, c.staff, c.threads[2]))
	c.now = c.now.AddDate(0, 2, 0)
	if n, err := c.g.Expire(ctx); n != 1 || err != nil {
		t.Errorf("%d expired, %v, want 1", n, err)
	}
	c.must(c.g.SetRetentionDays(ctx, c.staff, 10))
	if n, err := c.g.Expire(ctx); n != 1 || err != nil {
		t.Errorf("%d expired, %v, want 1", n, err)
	}
	c.must(d.Scrub(ctx, false))
	whole(t, d)
	page, err := c.g.ListThreads(ctx, c.staff, bridge.ThreadList{})
	c.must(err)
	if len(page.Threads) != 1 || page.Threads[0].ID != c.threads[0] {
		t.Errorf("%d threads are left", len(page.Threads))
	}

	for _, one := range []struct{ table, sql string }{
		{"audit_head", "delete from audit where seq > (select max(seq) - 2 from audit)"},
		{"audit", "update audit set action = 'x' where seq = 3"},
		{"thread", "update thread set seq = seq + 1"},
		{"message_content", "update message_content set sealed_text = overlay(sealed_text placing 'x'::bytea from 20) where sealed_text is not null"},
	} {
		if err := d.Exec(one.sql); err != nil {
			t.Fatal(err)
		}
		found, err := d.Check(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(found.Faults, func(f store.Fault) bool { return f.Table == one.table }) {
			t.Errorf("%s: got %+v, want a fault in %s", one.sql, found.Faults, one.table)
		}
	}
}
