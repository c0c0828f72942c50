package store_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"letterlock/bridge"
	"letterlock/store"
	"letterlock/store/storetest"
)

// TestPlans looks at how SQLite runs every statement that the conformance suite made the store prepare: none may read a table
// from end to end or sort, but for those named here.
func TestPlans(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole conformance suite")
	}
	allowed := []struct{ begin, plan, because string }{
		{"select state, count(*) from delivery", "SCAN delivery USING COVERING INDEX delivery_state", "it counts all, for a page of the admins"},
		{"select count(*) from received where waiting_at", "SCAN received USING COVERING INDEX received_waiting", "the index holds only what is counted"},
		{"select count(*), coalesce(sum(case when last_at", "SCAN thread USING INDEX thread_awaiting", "likewise"},
		{"select count(distinct u.thread)", "SCAN u USING INDEX reminder_unopened", "the index holds only those"},
		{"select id, role, secret_hash", "SCAN api_key USING INDEX api_key_created", "all keys are listed"},
		{"select c.thread, c.total", "SCAN c", "c is the few participants of one page"},
		{"select c.thread, c.total", "SCAN (subquery-", "likewise"},
		{"select c.thread, c.total", "USE TEMP B-TREE FOR ", "likewise"},
		{"select count(*) from (select 1 from attachment", "SCAN u", "u is at most two rows"},
		{"select blob_key, at from removal", "SCAN removal", "it ends at the limit"},
		{"select at from pending", "SCAN pending USING COVERING INDEX pending_due", "it ends at the first row"},
		{"select count(*) from pending", "SCAN pending USING COVERING INDEX pending_stopped", "the index holds only what is counted"},
		{"select r.thread from retention", "SCAN r", "it is the few threads about which something was decided"},
		{"with picked", "SCAN picked", "picked is the few that are claimed"},
		{"select priority from delivery", "SCAN delivery USING COVERING INDEX delivery_due", "it ends at the first row"},
		{"select e.id, e.thread, e.seq from search_text", "SCAN f VIRTUAL TABLE INDEX 192:M5><", "it is matched, between two ids, and comes in their order"},
		{"select id, thread, first_seq, last_seq from index_task order by id", "SCAN index_task", "it ends at the limit"},
		{"select t.id, t.kind, t.language", "SCAN t USING INDEX template_version", "all are read, once after somebody changed one"},
		{"select id, state, made_at, current_at", "SCAN signing", "there are a few, and all are read"},
		{"select id, state, made_at, current_at", "USE TEMP B-TREE", "likewise"},
		{"select t.id, t.status", "USE TEMP B-TREE FOR ORDER BY", "for those that were never opened, which are few; the others are wanted by their indexes below"},
		{"select t.id, t.status", "SCAN u USING INDEX reminder_unopened", "the index holds only those"},
		{"insert into index_task (id, thread, first_seq, last_seq) select id", "SCAN thread", "all is indexed when search is turned on"},
	}
	// And these must go by the index that was made for them, each where a part of the statement tells it from others.
	wanted := []struct{ part, plan string }{
		{"from thread t where t.id", "SEARCH t USING PRIMARY KEY (id=?)"},
		{"left join reader r on r.thread = t.id and r.person = ?\n\t\twhere (t.last_at", "SEARCH t USING INDEX thread_last ((last_at,id)<(?,?))"},
		{"where t.status = ?", "SEARCH t USING INDEX thread_status (status=? AND (last_at,id)<(?,?))"},
		{"where t.awaiting and (", "SEARCH t USING INDEX thread_awaiting ((last_at,id)<(?,?))"},
		{"where t.awaiting and coalesce", "SEARCH t USING INDEX thread_awaiting ((last_at,id)<(?,?))"},
		{"p.left_at = 0 and (", "SEARCH p USING COVERING INDEX participant_last (person=? AND (last_at,thread)<(?,?))"},
		{"p.left_at = 0 and coalesce(p.status", "SEARCH p USING COVERING INDEX participant_last (person=? AND (last_at,thread)<(?,?))"},
		{"where p.person = ? and p.left_at = 0 and", "SEARCH t USING PRIMARY KEY (id=?)"},
		{"where m.thread = ? and m.seq > ? order", "SEARCH m USING PRIMARY KEY (thread=? AND seq>?)"},
		{"returning id, kind", "SEARCH delivery USING COVERING INDEX delivery_due (priority=? AND due_at<?)"},
		{"and lease_by <> ''", "SEARCH delivery USING INDEX delivery_lease (lease_by=?)"},
		{"person in (select p.person", "SEARCH delivery USING INDEX delivery_thread (thread=? AND person=? AND created_at>? AND created_at<?)"},
		{"select r.message, r.person", "SEARCH r USING PRIMARY KEY (thread=? AND message=?)"},
		{"select due_at", "SEARCH delivery USING COVERING INDEX delivery_due (priority=? AND due_at>?)"},
		{"select created_at, id from delivery", "SEARCH delivery USING INDEX delivery_thread (thread=? AND person=? AND created_at<?)"},
		{"select m.at, m.id, c.sealed_mail_id", "SEARCH m USING PRIMARY KEY (thread=?)"},
		{"(waiting_at, id) <", "SEARCH received USING INDEX received_waiting (waiting_at>? AND (waiting_at,id)<(?,?))"},
		{"identity_hash = ?", "SEARCH received USING INDEX sqlite_autoindex_received_2 (identity_hash=?)"},
		{"from session where token_hash", "SEARCH session USING PRIMARY KEY (token_hash=?)"},
		{"from attachment where blob_key = ?", "SEARCH attachment USING COVERING INDEX attachment_blob (blob_key=?)"},
		{"from received_raw where blob_key = ?", "SEARCH received_raw USING COVERING INDEX received_raw_blob (blob_key=?)"},
		{"from pending_file where blob_key = ?", "SEARCH pending_file USING COVERING INDEX pending_file_blob (blob_key=?)"},
		{"select at, id from pending where state", "SEARCH pending USING COVERING INDEX pending_due ((at,id)>(?,?) AND at<?)"},
	}
	statements := map[string]bool{}
	storetest.Run(t, func(t *testing.T) bridge.Store {
		d := open(t)
		useRest(t, d)
		t.Cleanup(func() {
			for _, q := range d.Statements() {
				statements[q] = true
			}
		})
		return d
	})
	if len(statements) < 80 {
		t.Fatalf("only %d statements were prepared", len(statements))
	}
	path := filepath.Join(t.TempDir(), "plans.db")
	openAt(t, path, keyring(t))
	db, err := sqlx.Open("sqlite", path) // the store has told sqlx of the driver
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	plans := map[string][]string{}
	for q := range statements {
		word, _, _ := strings.Cut(q, " ")
		switch word {
		case "begin", "commit", "rollback", "savepoint", "release":
			continue
		}
		rows, err := db.Queryx("explain query plan "+q, make([]any, strings.Count(q, "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var plan string
			if err := rows.Scan(&id, &parent, &unused, &plan); err != nil {
				t.Fatal(err)
			}
			plans[q] = append(plans[q], plan)
			if !strings.HasPrefix(plan, "SCAN ") && !strings.Contains(plan, "TEMP B-TREE") || plan == "SCAN CONSTANT ROW" {
				continue
			}
			ok := false
			for _, a := range allowed {
				ok = ok || strings.HasPrefix(q, a.begin) && strings.HasPrefix(plan, a.plan)
			}
			if !ok {
				t.Errorf("%s\n\t%s", q, plan)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range wanted {
		found := false
		for q := range plans {
			if strings.Contains(q, w.part) {
				found = true
				if !slices.Contains(plans[q], w.plan) {
					t.Errorf("%s\n\tgot %q\n\twant %q", q, plans[q], w.plan)
				}
			}
		}
		if !found {
			t.Errorf("no statement has %q", w.part)
		}
	}
}

// useRest makes the store prepare what is not among the domain's interfaces.
func useRest(t *testing.T, d *store.DB) {
	t.Helper()
	s := d.Sessions(nil)
	_, _, findErr := s.Find("token")
	_, mailboxErr := d.Mailbox(t.Context(), "account", "INBOX")
	if errors.Is(mailboxErr, bridge.ErrNotFound) {
		mailboxErr = nil
	}
	_, tokenErr := d.RefreshToken(t.Context(), "account")
	if errors.Is(tokenErr, bridge.ErrNotFound) {
		tokenErr = nil
	}
	big, blobErr := d.StageBlob(t.Context(), strings.NewReader(strings.Repeat("x", 100_000)))
	err := errors.Join(findErr, mailboxErr, tokenErr, blobErr, d.KeepRefreshToken(t.Context(), "account", "token"), s.Commit("token", []byte("data"), time.Now().Add(time.Hour)), s.Delete("token"),
		d.SetMailbox(t.Context(), bridge.MailboxState{Account: "account", Mailbox: "INBOX", UIDValidity: 1, LastUID: 2}),
		d.Sweep(t.Context(), time.Now().Add(48*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.OpenBlob(t.Context(), big); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("after the sweep: got %v, want ErrNotFound", err)
	}
}
