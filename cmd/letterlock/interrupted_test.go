package main

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"letterlock/store/pgtest"
)

// diesIn names the part of a long command in whose middle it dies, for letterlock-dies-halfway.
const diesIn = "LETTERLOCK_TEST_DIES_IN"

// diesHalfway kills a command in the middle of a part.
func diesHalfway(kill func()) func(part string, done, total int64) {
	return func(part string, done, total int64) {
		if part == os.Getenv(diesIn) && 2*done >= total {
			kill()
		}
	}
}

// inTwoMonths is a clock that is ahead, and tells how often it was asked.
func inTwoMonths(told func(asked int)) func() time.Time {
	asked := 0
	return func() time.Time {
		asked++
		told(asked)
		return time.Now().AddDate(0, 2, 0)
	}
}

// office is a gateway that is in use: programs post, and a customer answers by mail, all the while.
type office struct {
	*cluster
	m   *member
	dir string
	in  conversation

	mu       sync.Mutex
	taken    map[string]bool // texts that a gateway said it has
	stop     chan struct{}
	everyone sync.WaitGroup
}

// onBothEngines runs a test in an office on each engine.
func onBothEngines(t *testing.T, test func(o *office)) {
	if testing.Short() {
		t.Skip("starts and kills real processes")
	}
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { test(startOffice(t, "")) })
	t.Run("PostgreSQL", func(t *testing.T) { test(startOffice(t, pgtest.New(t))) })
}

func startOffice(t *testing.T, dsn string) *office {
	t.Helper()
	o := &office{cluster: &cluster{T: t}, dir: t.TempDir(), taken: map[string]bool{}, stop: make(chan struct{})}
	var err error
	if o.relay, err = startRelay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.relay.stop)
	o.m = &member{dir: o.dir}
	for _, addr := range []*string{&o.m.smtp, &o.m.base} {
		if *addr, err = freeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	o.m.env = []string{
		"HOME=" + o.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LETTERLOCK_DOMAIN=example.com",
		"LETTERLOCK_BASE_URL=http://127.0.0.1:1", "LETTERLOCK_ORGANIZATION=Harbour Clinic", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_RELAY_ADDRESS=" + o.relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_MESSAGE_PACE=-1",
		"LETTERLOCK_SMTP_LISTEN=" + o.m.smtp, "LETTERLOCK_HTTP_LISTEN=" + o.m.base, "LETTERLOCK_DATABASE=" + dsn,
	}
	o.m.base = "http://" + o.m.base
	o.members = []*member{o.m}
	o.letterlock("init", "--domain", "example.com", "--config", "init.toml")
	o.letterlock("mode", "convenience")
	o.key = regexp.MustCompile(`"secret": *"([^"]+)"`).FindStringSubmatch(o.letterlock("key", "add", "--json", "--role", "admin", "testing"))[1]
	o.m.start(t)
	t.Cleanup(func() {
		if o.m.process != nil {
			o.m.kill()
		}
		if t.Failed() {
			log := o.m.log.String()
			t.Log(log[max(0, len(log)-10_000):])
		}
	})
	o.in = o.converse("ann@example.org")
	o.taken["start"] = true
	return o
}

// run runs a program in the office, with more in its environment.
func (o *office) run(program string, more []string, args ...string) (string, error) {
	c := exec.Command(program, args...)
	c.Dir, c.Env = o.dir, append(slices.Clone(o.m.env), more...)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (o *office) letterlock(args ...string) string { return o.with(nil, args...) }

// with runs letterlock with more in its environment.
func (o *office) with(more []string, args ...string) string {
	o.Helper()
	out, err := o.run("letterlock", more, args...)
	if err != nil {
		o.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// dies runs a command that is killed, as by kill -9, in the middle of a part.
func (o *office) dies(part string, more []string, args ...string) {
	o.Helper()
	o.killed("letterlock-dies-halfway", append(slices.Clone(more), diesIn+"="+part), args...)
}

func (o *office) killed(program string, more []string, args ...string) {
	o.Helper()
	out, err := o.run(program, more, args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		o.Fatalf("%s %s was not killed: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

// work lets people write until rest.
func (o *office) work() {
	for w := range 2 {
		o.everyone.Go(func() { o.write(fmt.Sprintf("post-%d", w), o.post) })
	}
	o.everyone.Go(func() { o.write("letter", o.answer) })
	o.more(20)
}

func (o *office) write(word string, one func(word string) error) {
	for i := 0; ; i++ {
		select {
		case <-o.stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		word := fmt.Sprintf("%s-%d", word, i)
		if err := one(word); err != nil {
			o.Errorf("%s: %v", word, err)
			return
		}
		o.mu.Lock()
		o.taken[word] = true
		o.mu.Unlock()
	}
}

func (o *office) post(word string) error {
	var answer struct{}
	return o.api(http.MethodPost, "/threads/"+o.in.thread+"/messages", word, fmt.Sprintf(`{"text": %q}`, word), &answer)
}

func (o *office) answer(word string) error {
	return o.mail(o.in.contact, o.in.replyTo, o.in.letter(o.in.replyTo, word))
}

// until returns what was taken until now.
func (o *office) until() map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.taken)
}

// more waits until so much more was taken: the gateway works.
func (o *office) more(n int) {
	o.Helper()
	begin := len(o.until())
	eventually(o.T, "more to be taken", 60*time.Second, func() bool { return len(o.until()) >= begin+n })
}

// rest ends the work and wants everything that was taken in the conversation once, and nothing at fault.
func (o *office) rest() {
	o.Helper()
	close(o.stop)
	o.everyone.Wait()
	o.has(o.until())
	o.whole(nil)
}

// has wants texts in the conversation, and every text there once.
func (o *office) has(want map[string]bool) {
	o.Helper()
	got := o.texts(o.in.thread)
	for word := range want {
		if got[word] == 0 {
			o.Errorf("%q was taken, and is not in the conversation", word)
		}
	}
	for word, n := range got {
		if n != 1 {
			o.Errorf("%q is %d times in the conversation", word, n)
		}
	}
}

// whole wants no fault.
func (o *office) whole(more []string) {
	o.Helper()
	if out := o.with(more, "check", "--json"); !strings.Contains(out, `"faults": []`) {
		o.Errorf("got %s", out)
	}
}

// left returns the files of a pattern in the office's folder.
func (o *office) left(pattern string) []string {
	o.Helper()
	found, err := filepath.Glob(filepath.Join(o.dir, pattern))
	if err != nil {
		o.Fatal(err)
	}
	return found
}

// sends has a program begin conversations with a file each, too large for the database.
func (o *office) sends(n int) (threads []string) {
	o.Helper()
	for i := range n {
		file := strings.Repeat(fmt.Sprintf("%08d", i), 20_000)
		var thread struct {
			ID string `json:"id"`
		}
		err := o.api(http.MethodPost, "/threads", fmt.Sprint("file-", i), fmt.Sprintf(
			`{"subject": "Results", "text": "They are in.", "contacts": [{"address": "tom@example.org"}], "files": [{"filename": "results.txt", "content_type": "text/plain", "content": %q}]}`,
			base64Of(file)), &thread)
		if err != nil {
			o.Fatal(err)
		}
		threads = append(threads, thread.ID)
	}
	return threads
}

// New keys while mail comes in: killed in the middle of sealing anew, and of the last look before the old ones go.
func TestRekeyIsKilled(t *testing.T) {
	onBothEngines(t, func(o *office) {
		o.sends(3)
		o.work()
		o.dies("sealing", nil, "rekey")
		o.more(5)
		o.whole(nil)
		// Who was killed holds the right to change keys for two minutes; this is their end.
		o.endLeases()
		if out := o.letterlock("rekey"); !strings.Contains(out, "values and 0 files were sealed anew") || strings.Contains(out, "new keys are in") {
			o.Errorf("got %s", out)
		}
		o.more(5)
		o.dies("looking", nil, "rekey", "--retire")
		if kept := o.left("letterlock.key.*"); len(kept) > 0 {
			o.Errorf("it left %v", kept)
		}
		o.endLeases()
		o.more(5)
		o.letterlock("rekey", "--retire")
		o.more(5)
		o.rest()
	})
}

// A backup while mail comes in, and its return to each engine: each killed, in each of its parts, and begun again.
func TestBackupAndRestoreAreKilled(t *testing.T) {
	onBothEngines(t, func(o *office) {
		o.sends(4)
		o.work()
		for _, part := range []string{"snapshot", "rows", "files"} {
			o.dies(part, nil, "backup", "office.llb")
			if _, err := os.Stat(filepath.Join(o.dir, "office.llb")); err == nil {
				o.Errorf("killed in %q it left a backup", part)
			}
			o.more(5)
		}
		before := o.until()
		o.letterlock("backup", "office.llb")
		if left := o.left("office.llb*"); len(left) != 1 {
			o.Errorf("got %v", left)
		}
		// Where the gateway runs, nothing comes back.
		if out, err := o.run("letterlock", nil, "restore", "office.llb"); err == nil ||
			!strings.Contains(out, "something in it") && !strings.Contains(out, "not empty") && !strings.Contains(out, "a gateway is using") {
			o.Errorf("restored over a running gateway: %v, %s", err, out)
		}
		o.more(5)
		o.rest()
		o.m.kill()

		first := o.m.env
		for name, place := range map[string][]string{
			"SQLite":     {"LETTERLOCK_DATA=" + filepath.Join(o.dir, "back"), "LETTERLOCK_DATABASE="},
			"PostgreSQL": {"LETTERLOCK_DATA=" + filepath.Join(o.dir, "back-pg"), "LETTERLOCK_DATABASE=" + pgtest.New(o.T)},
		} {
			for _, part := range []string{"verify", "rows", "files", "audit log", "search index"} {
				o.dies(part, place, "restore", "office.llb")
				if _, err := os.Stat(filepath.Join(o.dir, "back", "letterlock.db")); err == nil && name == "SQLite" {
					o.Errorf("killed in %q it left a database", part)
				}
			}
			if out := o.with(place, "restore", "office.llb"); !strings.Contains(out, "was restored to") {
				o.Errorf("got %s", out)
			}
			if left := o.left("*restoring*"); len(left) > 0 {
				o.Errorf("it left %v", left)
			}
			o.whole(place)
			// The gateway goes on there as if nothing had been.
			o.m.env = append(slices.Clone(first), place...)
			o.m.start(o.T)
			o.has(before)
			for _, word := range []string{"after-post-" + name, "after-letter-" + name} {
				if err := map[bool]func(string) error{true: o.post, false: o.answer}[strings.HasPrefix(word, "after-post")](word); err != nil {
					o.Error(err)
				}
				before[word] = true
			}
			o.has(before)
			o.m.kill()
			o.whole(place)
			for word := range before {
				if strings.HasPrefix(word, "after-") {
					delete(before, word)
				}
			}
		}
	})
}

// Conversations whose time is over are purged while mail comes in: killed between two batches, with files that nothing names any more, and
// again while what is left of them is overwritten.
func TestPurgeIsKilled(t *testing.T) {
	onBothEngines(t, func(o *office) {
		old := o.sends(45)
		o.letterlock("retention", "30")
		o.letterlock("retention", "--thread", o.in.thread, "--hold")
		o.work()
		// Only what is older than the work has had its time; the conversation they write in is on hold.
		o.killed("letterlock-dies-expiring", nil, "purge")
		gone := 0
		for _, id := range old {
			if status, _ := o.status("/threads/" + id); status == http.StatusNotFound {
				gone++
			}
		}
		if gone == 0 || gone == len(old) {
			o.Errorf("%d of %d are gone: it was not killed in the middle", gone, len(old))
		}
		o.whole(nil)
		o.more(5)
		o.dies("files", nil, "purge")
		o.whole(nil)
		o.more(5)
		o.dies("scrub", nil, "purge")
		o.more(5)
		if out, err := o.run("letterlock-in-two-months", nil, "purge"); err != nil || !strings.Contains(out, "0 conversations") {
			o.Errorf("got %v, %s", err, out)
		}
		for _, id := range old {
			if status, text := o.status("/threads/" + id); status != http.StatusNotFound {
				o.Errorf("got %d %s", status, text)
			}
		}
		if files := o.left("data/files/??/*"); len(files) > 0 {
			o.Errorf("%d files are left", len(files))
		}
		o.rest()
	})
}

// status asks the gateway, as slowly as it wants, and returns what it answers.
func (o *office) status(path string) (status int, text string) {
	o.Helper()
	eventually(o.T, "the gateway to answer", 60*time.Second, func() bool {
		status, text = o.ask(path)
		return status != http.StatusTooManyRequests
	})
	return status, text
}

func (o *office) ask(path string) (int, string) {
	o.Helper()
	r, err := http.NewRequest(http.MethodGet, o.m.base+"/api/v1"+path, nil)
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// endLeases ends what a killed process holds, as time would.
func (o *office) endLeases() {
	o.Helper()
	var dsn string
	for _, e := range o.m.env {
		if v, ok := strings.CutPrefix(e, "LETTERLOCK_DATABASE="); ok {
			dsn = v
		}
	}
	driver, name := "sqlite", filepath.Join(o.dir, "data", "letterlock.db")+"?_pragma=busy_timeout(10000)"
	if dsn != "" {
		driver, name = "pgx", dsn
	}
	db, err := sql.Open(driver, name)
	if err == nil {
		_, err = db.Exec("update lease set until_at = 0")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		o.Fatal(err)
	}
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
