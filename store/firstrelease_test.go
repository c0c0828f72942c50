package store

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"letterlock/bridge"
	"letterlock/store/pgtest"
	"letterlock/store/seal"
)

// A database as the first release left it, written here by hand and not by today's code, opens with everything in it.

const firstRelease = 3 // the schema's version

// firstSchema brings an empty database to the first release's schema and returns a connection to it.
func firstSchema(t *testing.T, db *sql.DB, driver string, dialect goose.Dialect, folder string, e engine, keys *seal.Keyring) *conn {
	t.Helper()
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), firstRelease); err != nil {
		t.Fatal(err)
	}
	c, err := newConn(t.Context(), sqlx.NewDb(db, driver), e, keys, "begin")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// old is what was in it.
type old struct {
	ann, bob, thread, message, file, film, reply, delivery, received, key bridge.ID
	at                                                                    time.Time
}

// What is too big for a row was a file of its own, in the first format.
var oldFilm = bytes.Repeat([]byte("a long film "), 10_000)

const oldFilmKey = "5ace0123456789abcdef0123456789ab"

func writeOldFilm(t *testing.T, folder string, keys *seal.Keyring) {
	t.Helper()
	path := filepath.Join(folder, oldFilmKey[:2], oldFilmKey)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := keys.SealStream(f, []byte(oldFilmKey))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(oldFilm)
	longAgo := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(err, w.Close(), f.Close(), os.Chtimes(path, longAgo, longAgo)); err != nil {
		t.Fatal(err)
	}
}

func fillFirstRelease(t *testing.T, c *conn) old {
	t.Helper()
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	x := &tx{conn: c, write: true}
	put := func(table string, row map[string]any) {
		t.Helper()
		var columns, places []string
		for name := range row {
			columns = append(columns, name)
			places = append(places, "?")
		}
		slices.Sort(columns)
		args := make([]any, len(columns))
		for i, name := range columns {
			args[i] = row[name]
		}
		_, err := x.exec(t.Context(), "insert into "+table+" ("+strings.Join(columns, ", ")+") values ("+strings.Join(places, ", ")+")", args...)
		if err != nil {
			t.Fatal(err)
		}
	}
	o := old{at: time.Date(2026, 11, 20, 8, 0, 0, 123456000, time.UTC)}
	for _, id := range []*bridge.ID{&o.ann, &o.bob, &o.thread, &o.message, &o.file, &o.film, &o.reply, &o.delivery, &o.received, &o.key} {
		*id = bridge.NewID()
	}
	at := micros(o.at)
	sealed := func(plain, table, column string, row []byte) []byte {
		return c.keys.Seal([]byte(plain), table, column, row)
	}
	hash := func(purpose, plain string) []byte { return c.keys.Lookup(purpose, []byte(plain)) }
	put("meta", map[string]any{"name": "keys", "value": sealed("letterlock", "meta", "value", []byte("keys"))})
	for _, p := range []struct {
		id                        bridge.ID
		kind, role, name, address string
	}{{o.ann, "contact", "", "Ann", "ann@example.org"}, {o.bob, "staff", "admin", "Bob", "bob@example.com"}} {
		put("person", map[string]any{
			"id": p.id, "kind": p.kind, "role": p.role, "mode": "", "locale": "en", "disabled": false, "created_at": at, "signed_out_at": 0,
			"address_hash": hash("person.address", p.address), "sealed_name": sealed(p.name, "person", "name", p.id[:]),
			"sealed_address": sealed(p.address, "person", "address", p.id[:]), "sealed_password": nil,
		})
	}
	put("thread", map[string]any{
		"id": o.thread, "status": "open", "mode": "", "awaiting": true, "seq": 1, "created_at": at, "last_at": at,
		"sealed_subject": sealed("Results", "thread", "subject", o.thread[:]), "sealed_preview": sealed("They are in", "thread", "preview", o.thread[:]),
	})
	put("participant", map[string]any{
		"thread": o.thread, "person": o.ann, "kind": "contact", "joined_at": at, "left_at": 0, "read_seq": 0, "receipt_seq": 0, "unread": 1,
		"status": "open", "last_at": at,
	})
	put("reader", map[string]any{"thread": o.thread, "person": o.bob, "read_seq": 1})
	put("message", map[string]any{
		"id": o.message, "thread": o.thread, "seq": 1, "kind": "public", "author": o.bob, "author_kind": "staff", "via": "web", "at": at, "received": nil, "files": 2,
	})
	put("message_content", map[string]any{
		"message": o.message, "sealed_author_name": sealed("Bob", "message_content", "author_name", o.message[:]),
		"sealed_text": sealed("They are in", "message_content", "text", o.message[:]),
	})
	sum := sha256.Sum256([]byte("paper"))
	l, err := json.Marshal(map[string]any{"name": "paper.txt", "type": "text/plain", "sum": sum})
	if err != nil {
		t.Fatal(err)
	}
	put("attachment", map[string]any{
		"id": o.file, "thread": o.thread, "message": o.message, "seq": 1, "position": 0, "inline": false, "note": false, "size": 5,
		"sealed_label": sealed(string(l), "attachment", "label", o.file[:]),
	})
	if l, err = json.Marshal(map[string]any{"name": "film.mp4", "type": "video/mp4", "sum": sha256.Sum256(oldFilm)}); err != nil {
		t.Fatal(err)
	}
	put("attachment", map[string]any{
		"id": o.film, "thread": o.thread, "message": o.message, "seq": 1, "position": 1, "inline": false, "note": false, "size": len(oldFilm),
		"blob_key": oldFilmKey, "sealed_label": sealed(string(l), "attachment", "label", o.film[:]),
	})
	put("attachment_content", map[string]any{"attachment": o.file, "sealed_content": sealed("paper", "attachment_content", "content", o.file[:])})
	put("receipt", map[string]any{"thread": o.thread, "message": o.message, "person": o.ann, "at": at})
	put("reply_address", map[string]any{"id": o.reply, "thread": o.thread, "person": o.ann, "created_at": at, "revoked_at": 0})
	put("delivery", map[string]any{
		"id": o.delivery, "kind": "message", "thread": o.thread, "message": o.message, "person": o.ann, "priority": 5, "state": "queued", "form": "",
		"attempts": 0, "created_at": at, "next_at": at, "lease_by": "", "lease_until": 0, "done_at": 0, "due_at": at,
	})
	put("received", map[string]any{
		"id": o.received, "at": at, "route": "smtp", "kind": "message", "disposition": "held", "verdict": "none", "method": "", "size": 3,
		"identity_hash": hash("received.identity", string(sum[:])), "resolved_at": 0, "resolution": "", "waiting_at": at,
		"sealed_record": sealed(`{"subject": "Hello"}`, "received", "record", o.received[:]),
	})
	rawSum := sha256.Sum256([]byte("raw"))
	put("received_raw", map[string]any{
		"received": o.received, "size": 3, "sealed_sum": sealed(string(rawSum[:]), "received_raw", "sum", o.received[:]),
		"sealed_content": sealed("raw", "received_raw", "content", o.received[:]),
	})
	put("mailbox", map[string]any{"mailbox_hash": hash("mailbox", "office\x00INBOX"), "uid_validity": 7, "last_uid": 4_000_000_000})
	token := hash("session.token", "token")
	put("session", map[string]any{"token_hash": token, "expires_at": micros(time.Now().Add(time.Hour)), "sealed_data": sealed("data", "session", "data", token)})
	put("api_key", map[string]any{
		"id": o.key, "role": "admin", "secret_hash": sum[:], "created_at": at, "last_used_at": 0, "revoked_at": 0, "sealed_name": sealed("CRM", "api_key", "name", o.key[:]),
	})
	put("setting", map[string]any{"name": "mode", "sealed_value": sealed("convenience", "setting", "value", []byte("mode"))})
	for i := range 3 {
		id := bridge.NewID()
		put("audit", map[string]any{
			"id": id, "at": at + int64(i), "actor": "person", "by_id": o.bob, "action": "mode.set", "sealed_detail": sealed(fmt.Sprint("change ", i), "audit", "detail", id[:]),
		})
	}
	if err := c.commit(); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFromTheFirstRelease(t *testing.T) {
	for _, e := range []struct {
		name string
		make func(t *testing.T, keys *seal.Keyring) (Config, *conn)
	}{
		{"SQLite", func(t *testing.T, keys *seal.Keyring) (Config, *conn) {
			path := filepath.Join(t.TempDir(), "letterlock.db")
			db, err := openSQLite(path, true, 2)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			return Config{Path: path, Blobs: path + ".blobs", Keys: keys}, firstSchema(t, db.DB, sqliteDriver, goose.DialectSQLite3, "sqlite", sqliteEngine, keys)
		}},
		{"PostgreSQL", func(t *testing.T, keys *seal.Keyring) (Config, *conn) {
			dsn := pgtest.New(t)
			config, _, err := postgresConfig(dsn)
			if err != nil {
				t.Fatal(err)
			}
			db := stdlib.OpenDB(*config)
			t.Cleanup(func() { db.Close() })
			return Config{DSN: dsn, Blobs: t.TempDir(), Keys: keys}, firstSchema(t, db, "pgx", goose.DialectPostgres, "postgres", postgresEngine, keys)
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			keys, err := seal.Generate()
			if err != nil {
				t.Fatal(err)
			}
			config, c := e.make(t, keys)
			o := fillFirstRelease(t, c)
			writeOldFilm(t, config.Blobs, keys)
			if err := c.close(); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing left to do
				d, err := Open(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				checkFirstRelease(t, d, o)
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func checkFirstRelease(t *testing.T, d *DB, o old) {
	t.Helper()
	ctx := t.Context()
	want := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	var file, film, raw bridge.Blob
	err := d.View(ctx, func(tx bridge.Tx) error {
		p, err := tx.PersonByAddress(ctx, "ann@example.org")
		want("a person", p.ID, o.ann)
		want("nothing names them in a link", p.Unsubscribe.IsZero(), false)
		if err != nil {
			return err
		}
		rows, err := tx.ListThreads(ctx, bridge.ThreadQuery{Participant: o.ann, Reader: o.ann, Limit: 5})
		if err != nil || len(rows) != 1 {
			return fmt.Errorf("%d threads: %w", len(rows), err)
		}
		want("a subject", rows[0].Subject, "Results")
		want("a moment", rows[0].LastAt, o.at)
		messages, err := tx.ListMessages(ctx, o.thread, true, 0, 5)
		if err != nil || len(messages) == 0 || len(messages[0].Attachments) != 2 {
			return fmt.Errorf("messages: %+v: %w", messages, err)
		}
		want("a text", messages[0].Text, "They are in")
		want("a file's name", messages[0].Attachments[0].Filename, "paper.txt")
		file, film = messages[0].Attachments[0].Blob, messages[0].Attachments[1].Blob
		receipts, err := tx.Receipts(ctx, o.thread, 1, 100)
		want("receipts", len(receipts), 1)
		if err != nil {
			return err
		}
		a, err := tx.ReplyAddressOf(ctx, o.thread, o.ann)
		want("a reply address", a.ID, o.reply)
		if err != nil {
			return err
		}
		r, err := tx.ReceivedByIdentity(ctx, sha256.Sum256([]byte("paper")))
		want("a received mail", r.ID, o.received)
		want("its subject", r.Subject, "Hello")
		if err != nil {
			return err
		}
		if raw, err = tx.RawMail(ctx, o.received); err != nil {
			return err
		}
		k, err := tx.Key(ctx, o.key)
		want("a key", k.Name, "CRM")
		if err != nil {
			return err
		}
		mode, err := tx.Setting(ctx, "mode")
		want("a setting", mode, "convenience")
		if err != nil {
			return err
		}
		entries, err := tx.ListAudit(ctx, "mode.set", bridge.Cursor{}, 10)
		want("audit entries", len(entries), 3)
		if err == nil {
			want("the newest", entries[0].Detail, "change 2")
		}
		next, err := tx.NextDelivery(ctx)
		want("the next delivery", next, o.at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		b    bridge.Blob
		want string
	}{{file, "paper"}, {film, string(oldFilm)}, {raw, "raw"}} {
		r, err := d.OpenBlob(ctx, one.b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(got) != one.want {
			t.Errorf("content: got %.40q, %v, want %.40q", got, err, one.want)
		}
	}
	if err := d.Sweep(ctx, time.Now()); err != nil {
		t.Error(err)
	}
	s, err := d.Mailbox(ctx, "office", "INBOX")
	if err != nil || s.LastUID != 4_000_000_000 {
		t.Errorf("a mailbox: got %+v, %v", s, err)
	}
	data, found, err := d.Sessions(nil).Find("token")
	if err != nil || !found || string(data) != "data" {
		t.Errorf("a session: got %q, %v, %v", data, found, err)
	}
	err = d.Update(ctx, func(tx bridge.Tx) error {
		return tx.AddMessage(ctx, &bridge.Message{ID: bridge.NewID(), Thread: o.thread, Kind: bridge.Note, AuthorKind: bridge.ByProgram, Via: bridge.ViaAPI, At: o.at, Text: "new"})
	})
	if err != nil {
		t.Error(err)
	}
}
