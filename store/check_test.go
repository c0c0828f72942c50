package store_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"letterlock/store"
	"letterlock/store/pgtest"
)

func TestCheckFindsNothingWrong(t *testing.T) {
	keys := keyring(t)
	d := openAt(t, filepath.Join(t.TempDir(), "letterlock.db"), keys)
	if found := whole(t, d); found.Audit != 0 || found.Files != 0 {
		t.Errorf("an empty database: got %+v", found)
	}
	newClinic(t, d, keys, 3)
	var parts []string
	found, err := d.Check(t.Context(), func(part string, done, total int64) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
		if done > total {
			t.Errorf("%s: %d of %d", part, done, total)
		}
	})
	if err != nil || len(found.Faults) > 0 {
		t.Fatalf("got %+v, %v", found.Faults, err)
	}
	if found.Audit < 5 || found.Files < 9 || found.Rows < 40 || found.Octets < 600_000 || len(parts) != 6 || len(found.Head) != 64 {
		t.Errorf("got %+v, parts %q", found, parts)
	}
}

// TestCheckFindsTampering does one thing to a database that is whole, as somebody would who has the file and not the key.
func TestCheckFindsTampering(t *testing.T) {
	keys := keyring(t)
	made := t.TempDir()
	d := openAt(t, filepath.Join(made, "letterlock.db"), keys)
	newClinic(t, d, keys, 3)
	indexAll(t, d)
	whole(t, d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	const flip = `substr(%s, 1, 20) || case substr(%s, 21, 1) when x'00' then x'01' else x'00' end || substr(%s, 22)`
	flipped := func(column string) string {
		return strings.ReplaceAll("cast("+flip+" as blob)", "%s", column)
	}
	type deed struct{ name, table, sql string }
	deeds := []deed{
		{"the audit log's tail is cut", "audit_head", "delete from audit where seq > (select max(seq) - 3 from audit)"},
		{"the audit log's tail is cut, and the count with it", "audit_head", "delete from audit where seq = (select max(seq) from audit); update audit_head set seq = seq - 1"},
		{"the audit log's head is taken away", "audit_head", "delete from audit_head"},
		{"the whole audit log is taken away", "audit_head", "delete from audit"},
		{"an entry is taken out", "audit", "delete from audit where seq = 4"},
		{"an entry is taken out and the rest moved up", "audit", "delete from audit where seq = 4; update audit set seq = -(seq - 1) where seq > 4; update audit set seq = -seq where seq < 0"},
		{"an entry's author is another", "audit", "update audit set by_id = randomblob(16) where seq = 5"},
		{"an entry's time is another", "audit", "update audit set at = at + 1 where seq = 6"},
		{"an entry's action is another", "audit", "update audit set action = 'mode.get' where action = 'mode.set'"},
		{"an entry is put in", "audit", "insert into audit (id, at, actor, action) values (randomblob(16), 1, 'operator', 'x')"},
		{"two entries change places", "audit", "update audit set seq = -seq where seq in (2, 3); update audit set seq = 5 + seq where seq < 0"},
		{"two sealed values change places", "thread", `update thread set sealed_subject = (select o.sealed_subject from thread o where o.id <> thread.id order by o.id limit 1)`},
		{"a message goes to another thread", "thread", "update message set thread = (select id from thread where id <> message.thread limit 1), seq = 99 where seq = 2 and thread = (select min(id) from thread)"},
		{"a message is taken out", "thread", "delete from message where seq = 1 and thread = (select min(id) from thread)"},
		{"the last message is taken out", "thread", "delete from message where seq = (select max(seq) from message)"},
		{"a text is taken out", "message", "delete from message_content where rowid = 1"},
		{"a thread is taken out, alone", "message", "delete from thread where id = (select min(id) from thread)"},
		{"a person is taken out, alone", "participant", "delete from person where kind = 'contact'"},
		{"a file is taken out", "message", "delete from attachment where position = 0 and thread = (select min(id) from thread)"},
		{"a file's content is taken out", "attachment", "delete from attachment_content where rowid = 1"},
		{"a file has another file's content", "attachment", "update attachment set blob_key = (select max(blob_key) from attachment) where blob_key is not null"},
		{"a mail's record is taken out", "message", "delete from received where message is not null"},
		{"a mail is taken out", "received", "delete from received_raw where rowid = 1"},
		{"a held mail looks decided", "received", "update received set resolution = 'discarded' where disposition = 'held'"},
		{"a number of unread messages is another", "participant", "update participant set unread = unread + 1"},
		{"staff become admins", "person", "update person set role = case role when 'admin' then 'staff' else 'admin' end where kind = 'staff'"},
		{"a contact becomes staff", "person", "update person set kind = 'staff', role = 'staff' where kind = 'contact'"},
		{"somebody is let in again", "person", "update person set disabled = not disabled"},
		{"a person is made up", "person", "insert into person (id, kind, role, mode, locale, disabled, created_at, signed_out_at, address_hash, sealed_address) select randomblob(16), 'staff', 'admin', '', '', false, 1, 0, randomblob(16), sealed_address from person limit 1"},
		{"a key is made up", "api_key", "insert into api_key (id, role, secret_hash, created_at, last_used_at, revoked_at) values (randomblob(16), 'admin', randomblob(32), 1, 0, 0)"},
		{"a key gets another role", "api_key", "update api_key set role = 'admin'"},
		{"a key works again", "api_key", "update api_key set revoked_at = 0"},
		{"a thread is taken out with all that is in it", "thread", "delete from received where thread is not null; delete from thread where id = (select min(id) from thread)"},
		{"a contact becomes an admin", "person", "update person set role = 'admin' where kind = 'contact'"},
		{"a message is taken out of the search index", "search_entry", "delete from search_entry where seq = 1"},
		{"all messages are taken out of the search index", "search_entry", "delete from search_entry"},
		{"a message that is not there is put into the search index", "search_entry", "insert into search_entry (id, thread, seq, note) values (1, randomblob(16), 1, false)"},
		{"a note looks public to a search", "search_entry", "update search_entry set note = false where note"},
		{"the words of a message are taken out of the search index", "search_entry", "delete from search_text where rowid = (select max(id) from search_entry)"},
		{"words are left in the search index", "search_text", "insert into search_text (rowid, body) values (7, 'x')"},
		{"a message that waits has a state that there is not", "pending", "update pending set state = 'lost' where state = 'waiting'"},
		{"a file of a message that waits is gone", "pending", "delete from pending_file where id = (select max(id) from pending_file)"},
		{"a message that waits has gone out", "pending", "update pending set id = (select max(id) from message) where state = 'waiting'"},
		{"an address's hash is another's", "person", "update person set address_hash = randomblob(16) where kind = 'contact'"},
	}
	raw := plainSQLite(t, filepath.Join(made, "letterlock.db"))
	columns := sealedColumns(t, raw)
	for _, column := range columns {
		table, name, _ := strings.Cut(column, ".")
		var n int
		if err := raw.Get(&n, "select count(*) from "+table+" where "+name+" is not null"); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			deeds = append(deeds, deed{"a byte of " + column + " is flipped", table, "update " + table + " set " + name + " = " + flipped(name) + " where " + name + " is not null"})
		}
	}
	if len(deeds) < 40 {
		t.Errorf("only %d deeds: the clinic leaves sealed columns empty", len(deeds))
	}
	for _, one := range deeds {
		t.Run(one.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "letterlock.db")
			if strings.Contains(one.name, ".value") {
				return // that one is what tells the keys: the database does not even open
			}
			if _, err := plainSQLite(t, path).Exec("pragma foreign_keys = " + foreignKeys(one.name) + "; " + one.sql); err != nil {
				t.Fatal(err)
			}
			d := openAt(t, path, keys)
			found, err := d.Check(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found.Faults, func(f store.Fault) bool { return f.Table == one.table }) {
				t.Errorf("got %+v, want a fault in %s", found.Faults, one.table)
			}
		})
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(made, "letterlock.db.blobs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files++
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
	for name, harm := range map[string]func(path string, size int64) error{
		"a byte of a file is flipped": func(path string, size int64) error { return flipByte(path, size/2) },
		"a file's end is cut off":     func(path string, size int64) error { return os.Truncate(path, size-1) },
		"a file is taken away":        func(path string, _ int64) error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			harmed := false
			err := filepath.WalkDir(filepath.Join(dir, "letterlock.db.blobs"), func(path string, e fs.DirEntry, err error) error {
				if err != nil || harmed || !e.Type().IsRegular() {
					return err
				}
				info, err := e.Info()
				if err != nil {
					return err
				}
				harmed = true
				return harm(path, info.Size())
			})
			if err != nil {
				t.Fatal(err)
			}
			found, err := openAt(t, filepath.Join(dir, "letterlock.db"), keys).Check(t.Context(), nil)
			if err != nil || len(found.Faults) == 0 {
				t.Errorf("got %+v, %v, want a fault", found.Faults, err)
			}
		})
	}
}

// TestInventory wants every sealed column in the inventory, so that checks and new keys pass none by.
func TestInventory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letterlock.db")
	openAt(t, path, keyring(t))
	got, want := store.InventoryColumns(), sealedColumns(t, plainSQLite(t, path))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("inventory:\n got %q\nwant %q", got, want)
	}
}

// plainSQLite opens a database file as anybody could, without the store.
func plainSQLite(t *testing.T, path string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// sealedColumns returns all columns that hold sealed values, as TABLE.COLUMN.
func sealedColumns(t *testing.T, db *sqlx.DB) []string {
	t.Helper()
	var all []string
	err := db.Select(&all, `select m.name || '.' || c.name from sqlite_schema m join pragma_table_info(m.name) c
		where m.type = 'table' and (c.name like 'sealed\_%' escape '\' or m.name = 'meta' and c.name = 'value')`)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func flipByte(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return err
	}
	b[0] ^= 1
	_, err = f.WriteAt(b[:], at)
	return err
}

// foreignKeys lets what is taken out with all that is in it take that with it.
func foreignKeys(deed string) string {
	if strings.Contains(deed, "with all that is in it") {
		return "on"
	}
	return "off"
}

// TestCheckKnowsTheSearchIndex wants no fault while messages wait for the indexer, none where no index is kept, and one for each thing that
// somebody does to the index.
func TestCheckKnowsTheSearchIndex(t *testing.T) {
	onBoth(t, func(s *shelves) {
		newClinic(s.T, s.d, s.keys, 2)
		whole(s.T, s.d) // everything waits
		for whole(s.T, s.d); ; whole(s.T, s.d) {
			n, err := s.d.Index(s.Context())
			s.must(err)
			if n == 0 {
				break
			}
		}
		found := func(want string) {
			s.Helper()
			is, err := s.d.Check(s.Context(), nil)
			s.must(err)
			if !slices.ContainsFunc(is.Faults, func(f store.Fault) bool { return strings.Contains(f.What, want) }) {
				s.Errorf("got %+v, want one with %q", is.Faults, want)
			}
		}
		s.must(s.d.Exec("update search_entry set note = not note where seq = 1"))
		found("is an internal note is another")
		s.must(s.d.Exec("update search_entry set note = not note where seq = 1"))
		whole(s.T, s.d)
		s.must(s.d.Exec("delete from search_entry where seq = 1"))
		found("message 1 is not in the search index")
		s.must(s.d.Reindex(s.Context()))
		indexAll(s.T, s.d)
		whole(s.T, s.d)
		s.must(s.d.Exec("delete from meta where name = 'search'"))
		found("no search index is kept, and there are entries")
	})
	t.Run("the words on PostgreSQL", func(t *testing.T) {
		keys := keyring(t)
		d := openDSN(t, pgtest.New(t), keys, t.TempDir())
		newClinic(t, d, keys, 1)
		indexAll(t, d)
		if err := d.Exec("update search_entry set words = '' where seq = 1"); err != nil {
			t.Fatal(err)
		}
		found, err := d.Check(t.Context(), nil)
		if err != nil || len(found.Faults) != 1 || !strings.Contains(found.Faults[0].What, "the words of message 1") {
			t.Errorf("got %+v, %v", found.Faults, err)
		}
	})
}
