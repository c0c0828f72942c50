package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jmoiron/sqlx"

	"letterlock/bridge"
	"letterlock/store/pgtest"
	"letterlock/store/storetest"
)

// TestPlansOnPostgreSQL looks at every statement that the conformance suite made the store prepare: whatever the values are, and
// however large the tables grow, there is a plan that neither reads a table from end to end nor sorts, but for those named here.
func TestPlansOnPostgreSQL(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole conformance suite")
	}
	allowed := []struct{ begin, plan, because string }{
		{"select c.thread, c.total", "Incremental Sort", "it is the few participants of one page"},
		{"select t.id, t.kind, t.language", "Seq Scan on template t", "all are read, once after somebody changed one"},
		{"select t.id, t.kind, t.language", "Sort", "likewise"},
		{"select id, state, made_at, current_at", "Seq Scan on signing", "there are a few, and all are read"},
		{"select id, state, made_at, current_at", "Sort", "likewise"},
		{"select r.thread from retention", "Seq Scan on retention", "it is the few threads about which something was decided"},
		{"insert into index_task (id, thread, first_seq, last_seq) select", "Seq Scan on thread", "all is indexed anew"},
		{"select e.id, e.thread, e.seq from search_entry e where e.words", "Sort", "they are those of a rare word"},
	}
	dsn := pgtest.New(t) // or the test ends here
	statements := map[string]bool{}
	storetest.Run(t, func(t *testing.T) bridge.Store {
		d := openPostgres(t)
		useRest(t, d)
		t.Cleanup(func() {
			for _, q := range d.PostgresStatements() {
				statements[q] = true
			}
		})
		return d
	})
	if len(statements) < 80 {
		t.Fatalf("only %d statements were prepared", len(statements))
	}
	openDSN(t, dsn, keyring(t), t.TempDir())
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), "set plan_cache_mode = force_generic_plan; set enable_seqscan = off; set enable_sort = off"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for q := range statements {
		switch word, _, _ := strings.Cut(q, " "); word {
		case "begin", "commit", "rollback", "set":
			continue
		}
		n++
		name := fmt.Sprint("s", n)
		if _, err := c.Exec(t.Context(), "prepare "+name+" as "+sqlx.Rebind(sqlx.DOLLAR, q)); err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		explain := "explain (costs off) execute " + name
		if places := strings.Count(q, "?"); places > 0 {
			explain += "(null" + strings.Repeat(", null", places-1) + ")"
		}
		rows, err := c.Query(t.Context(), explain)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		for _, line := range plan {
			step := strings.TrimLeft(line, " ->")
			if !strings.HasPrefix(step, "Seq Scan") && !strings.HasPrefix(step, "Sort") && !strings.HasPrefix(step, "Incremental Sort") || strings.HasPrefix(step, "Sort Key") {
				continue
			}
			ok := false
			for _, a := range allowed {
				ok = ok || strings.HasPrefix(q, a.begin) && strings.HasPrefix(step, a.plan)
			}
			if !ok {
				t.Errorf("%s\n\t%s", q, strings.Join(plan, "\n\t"))
				break
			}
		}
	}
}
