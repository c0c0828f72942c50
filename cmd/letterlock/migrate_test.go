package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"letterlock/store/pgtest"
)

// A gateway moves from SQLite to PostgreSQL while programs post; the first attempt is killed in the middle. What was taken is
// there once, and what was refused meanwhile is taken after the move.
func TestMigrateWhileInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills real processes")
	}
	t.Parallel()
	dsn, dir := pgtest.New(t), t.TempDir()
	relay, err := startRelay()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.stop)
	smtpAddr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	httpAddr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	m := &member{dir: dir, smtp: smtpAddr, base: "http://" + httpAddr, env: []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LETTERLOCK_DOMAIN=example.com",
		"LETTERLOCK_BASE_URL=http://127.0.0.1:1", "LETTERLOCK_ORGANIZATION=Harbour Clinic", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_RELAY_ADDRESS=" + relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_SMTP_LISTEN=" + smtpAddr, "LETTERLOCK_HTTP_LISTEN=" + httpAddr,
	}}
	command := func(args ...string) *exec.Cmd {
		c := exec.Command("letterlock", args...)
		c.Dir, c.Env = dir, m.env
		return c
	}
	letterlock := func(args ...string) string {
		t.Helper()
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	letterlock("init", "--domain", "example.com", "--config", "init.toml")
	c := &cluster{T: t, members: []*member{m}}
	c.key = regexp.MustCompile(`"secret": *"([^"]+)"`).FindStringSubmatch(letterlock("key", "add", "--json", "--role", "admin", "testing"))[1]
	m.start(t)
	t.Cleanup(func() {
		if m.process != nil {
			m.kill()
		}
		if t.Failed() {
			log := m.log.String()
			t.Log(log[max(0, len(log)-20_000):])
		}
	})
	var thread struct {
		ID string `json:"id"`
	}
	if err := c.api(http.MethodPost, "/threads", "start", `{"subject": "Moving", "text": "start", "contacts": [{"address": "ann@example.org"}]}`, &thread); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var mu sync.Mutex
	want := map[string]bool{"start": true}
	var programs sync.WaitGroup
	for w := range 3 {
		programs.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				word := fmt.Sprintf("post-%d-%d", w, i)
				var answer struct{}
				if err := c.api(http.MethodPost, "/threads/"+thread.ID+"/messages", word, fmt.Sprintf(`{"text": %q}`, word), &answer); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[word] = true
				mu.Unlock()
				c.accepted.Add(1)
				time.Sleep(20 * time.Millisecond) // a program may not ask for as much as it likes
			}
		})
	}
	more := func(n int64) {
		t.Helper()
		begin := c.accepted.Load()
		eventually(t, "more to be taken", 60*time.Second, func() bool { return c.accepted.Load() >= begin+n })
	}
	more(100)

	// The first attempt dies in the middle of its transaction: a lock that the test holds keeps it from going on.
	admin, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	watcher, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close(t.Context())
	look := command("key", "list") // which makes the schema
	look.Env = append(look.Env, "LETTERLOCK_DATABASE="+dsn)
	if out, err := look.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := admin.Exec(t.Context(), "begin; lock table message in exclusive mode"); err != nil {
		t.Fatal(err)
	}
	first := command("migrate", "--from", "sqlite:data/letterlock.db", "--to", dsn)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := false
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	eventually(t, "the copy to wait for the lock, or to be over", 60*time.Second, func() bool {
		err := watcher.QueryRow(t.Context(), "select exists (select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%message%')").Scan(&waiting)
		return err != nil || waiting || len(ended) > 0
	})
	if !waiting {
		t.Fatal("the first attempt was not in the middle of its transaction")
	}
	_ = first.Process.Kill()
	<-ended
	if _, err := admin.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	more(20)

	if out := letterlock("migrate", "--from", "sqlite:data/letterlock.db", "--to", dsn); !strings.Contains(out, "moved ") {
		t.Errorf("migrate says %q", out)
	}
	// The gateway takes nothing more, and its end is clean. Started again on PostgreSQL it goes on.
	if out, err := command("mode", "convenience").CombinedOutput(); err == nil || !strings.Contains(string(out), "moved to PostgreSQL") {
		t.Errorf("a command on the old database: %v, %s", err, out)
	}
	_ = m.process.Process.Signal(os.Interrupt)
	select {
	case <-m.ended:
	case <-time.After(60 * time.Second):
		t.Fatal("the gateway does not end")
	}
	m.env = append(m.env, "LETTERLOCK_DATABASE="+dsn)
	m.start(t)
	more(20)
	close(stop)
	programs.Wait()
	got := c.texts(thread.ID)
	for word := range want {
		if got[word] != 1 {
			t.Errorf("%q is %d times in the thread", word, got[word])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d messages, want %d", len(got), len(want))
	}
	letterlock("check")
}
