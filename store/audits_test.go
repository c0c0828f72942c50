package store_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"letterlock/bridge"
)

// TestOldEntriesAreChained takes the chain away, as a database from before it is, and opens the database again.
func TestOldEntriesAreChained(t *testing.T) {
	keys := keyring(t)
	path := filepath.Join(t.TempDir(), "letterlock.db")
	d := openAt(t, path, keys)
	c := newClinic(t, d, keys, 2)
	for i := range 1100 {
		err := d.Update(t.Context(), func(tx bridge.Tx) error {
			return tx.AddAudit(t.Context(), bridge.AuditEntry{ID: bridge.NewID(), At: c.now, Actor: "system", Action: "x", Detail: fmt.Sprint(i)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	before := whole(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := plainSQLite(t, path).Exec("delete from audit_head; update audit set seq = null, link = null"); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, keys)
	if after := whole(t, again); after.Audit != before.Audit {
		t.Errorf("%d entries are chained, of %d", after.Audit, before.Audit)
	}
}

// TestNothingIsAuditedWithoutAHead takes the head away, and wants nothing new to hide that.
func TestNothingIsAuditedWithoutAHead(t *testing.T) {
	keys := keyring(t)
	path := filepath.Join(t.TempDir(), "letterlock.db")
	d := openAt(t, path, keys)
	newClinic(t, d, keys, 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := plainSQLite(t, path).Exec("delete from audit_head"); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, path, keys)
	err := again.Update(t.Context(), func(tx bridge.Tx) error {
		return tx.AddAudit(t.Context(), bridge.AuditEntry{ID: bridge.NewID(), At: time.Now(), Actor: "system", Action: "x"})
	})
	if err == nil || !strings.Contains(err.Error(), "letterlock check") {
		t.Errorf("got %v", err)
	}
	if found, err := again.Check(t.Context(), nil); err != nil || len(found.Faults) == 0 {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestAuditAtOnce wants one chain of what many wrote at once, and none of what was undone.
func TestAuditAtOnce(t *testing.T) {
	d := open(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 10 {
				err := d.Update(t.Context(), func(tx bridge.Tx) error {
					e := bridge.AuditEntry{ID: bridge.NewID(), At: time.Now(), Actor: "system", Action: "x", Detail: fmt.Sprint(i, j)}
					if err := tx.AddAudit(t.Context(), e); err != nil {
						return err
					}
					if j%3 == 0 {
						return bridge.ErrInvalid
					}
					return nil
				})
				if (err != nil) != (j%3 == 0) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if found := whole(t, d); found.Audit != 20*6 {
		t.Errorf("%d entries, want %d", found.Audit, 20*6)
	}
}

func BenchmarkAddAudit(b *testing.B) {
	d := open(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := d.Update(b.Context(), func(tx bridge.Tx) error {
				return tx.AddAudit(b.Context(), bridge.AuditEntry{ID: bridge.NewID(), At: time.Now(), Actor: "person", By: bridge.NewID(), Action: "thread.view"})
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
