package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"letterlock/mailin/imap/dovecottest"
)

// TestMailboxImport reads a mailbox of 10,000 replies (with -short 4,000) on a real Dovecot with the real program, which is killed half-way and started again: in
// the end each reply is in its conversation once.
func TestMailboxImport(t *testing.T) {
	dovecottest.Need(t)
	t.Parallel()
	mails := 10_000
	if testing.Short() {
		mails = 4000 // more than may be under way twice
	}
	p := prepareImport(t, 20)
	d := dovecottest.Start(t)
	d.Fill(t, mails, p.reply)
	data := p.copyOfData(t)

	g := p.serve(t, data, d)
	g.awaitMails(t, mails/2)
	_ = g.cmd.Process.Kill()
	g.ended(t)
	before := g.received()
	g = p.serve(t, data, d)
	g.awaitRead(t)
	if got, want := g.messages(t), mails+len(p.replies); got != want {
		t.Errorf("the conversations have %d messages, want %d", got, want)
	}
	if g.received() >= mails {
		t.Errorf("after the restart %d mails were received once more, so it began anew", g.received())
	}
	if again := before + g.received() - mails; again > 2000 {
		t.Errorf("%d mails came twice, which is more than what was under way", again)
	}
	t.Logf("%d mails before it was killed, %d after; %d MiB at the peak", before, g.received(), g.peak(t)>>20)
	g.stop(t)
}

// importPlan is a program, and stored data with conversations that wait for replies.
type importPlan struct {
	dir, program, data string
	env                []string
	replies            []string // reply addresses; contact i answers at the i-th
}

// prepareImport builds the program and makes the data.
func prepareImport(t testing.TB, threads int) *importPlan {
	t.Helper()
	p := &importPlan{dir: t.TempDir()}
	p.program, p.data = filepath.Join(p.dir, "letterlock"), filepath.Join(p.dir, "data")
	if out, err := exec.Command("go", "build", "-o", p.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	relay, err := startRelay()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.stop)
	p.env = append(os.Environ(), "LETTERLOCK_DOMAIN=example.com", "LETTERLOCK_BASE_URL=http://127.0.0.1:8080", "LETTERLOCK_ORGANIZATION=Harbour Clinic",
		"LETTERLOCK_DATA="+p.data, "LETTERLOCK_KEY_FILE="+p.dir+"/letterlock.key", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_RELAY_ADDRESS="+relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_MESSAGE_PACE=-1")
	do := func(args ...string) string {
		c := exec.Command(p.program, args...)
		c.Env, c.Dir = p.env, p.dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	do("init", "--domain", "example.com", "--config", "made.toml")
	do("mode", "convenience")
	key := regexp.MustCompile(`llk_[a-z2-7]+`).FindString(do("key", "add", "--json", "--role", "admin", "test"))
	p.env = append(p.env, "KEY="+key)
	smtp, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	g := p.start(t, p.data, "LETTERLOCK_SMTP_LISTEN="+smtp)
	for i := range threads {
		g.call(t, http.MethodPost, "/threads", fmt.Sprintf(`{"subject":"Your appointment","text":"Does it suit?","contacts":[{"address":"ann%d@example.org"}]}`, i))
	}
	p.replies = make([]string, threads)
	address, to := regexp.MustCompile(`reply\+[a-z2-7]{42}@example\.com`), regexp.MustCompile(`(?m)^To: .*ann(\d+)@`)
	if !relay.wait(func() bool {
		found := 0
		for _, m := range relay.mails {
			if who := to.FindSubmatch(m.data); who != nil {
				i, _ := strconv.Atoi(string(who[1]))
				p.replies[i] = string(address.Find(m.data))
				found++
			}
		}
		return found == threads
	}) {
		t.Fatal("not all copies left")
	}
	g.stop(t)
	return p
}

// reply is the mail number i: the contacts answer in turn.
func (p *importPlan) reply(i int) string {
	k := i % len(p.replies)
	return strings.Replace(benchReply(int64(i), p.replies[k]), "<ann@example.org>", fmt.Sprintf("<ann%d@example.org>", k), 1)
}

// copyOfData returns a fresh copy of the prepared data.
func (p *importPlan) copyOfData(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(p.dir, "data")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "d"), os.DirFS(p.data)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "d")
}

// serve starts the program on the data with Dovecot's mailbox as its only way in.
func (p *importPlan) serve(t testing.TB, data string, d *dovecottest.Server) *importing {
	t.Helper()
	return p.start(t, data, "LETTERLOCK_SMTP_LISTEN=",
		"LETTERLOCK_IMAP=name=office,address="+d.Addr+",tls=none,username=ann,password=secret,after=keep")
}

// importing is the program while it runs.
type importing struct {
	cmd  *exec.Cmd
	base string
	key  string
	over chan struct{} // closed when its standard error ends

	mu      sync.Mutex
	mails   int           // "mail received" in its log
	read    chan struct{} // closed at "mailbox was read"
	problem []string
}

func (p *importPlan) start(t testing.TB, data string, more ...string) *importing {
	t.Helper()
	web, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	g := &importing{base: "http://" + web, over: make(chan struct{}), read: make(chan struct{})}
	for _, pair := range p.env {
		if key, ok := strings.CutPrefix(pair, "KEY="); ok {
			g.key = key
		}
	}
	g.cmd = exec.Command(p.program, "serve")
	g.cmd.Env, g.cmd.Dir = append(append([]string{}, p.env...), append(more, "LETTERLOCK_DATA="+data, "LETTERLOCK_HTTP_LISTEN="+web)...), p.dir
	log, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.cmd.Process.Kill() })
	go g.follow(log)
	over := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", web)
		if err == nil {
			_ = c.Close()
			return g
		}
		if time.Now().After(over) {
			t.Fatalf("the gateway does not start: %q", g.problem)
		}
		time.Sleep(5 * time.Millisecond) // between tries: nothing else tells that a port is open
	}
}

// follow reads the log.
func (g *importing) follow(log io.Reader) {
	defer close(g.over)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		line := lines.Bytes()
		g.mu.Lock()
		switch {
		case bytes.Contains(line, []byte(`msg="mail received"`)):
			g.mails++
		case bytes.Contains(line, []byte(`msg="mailbox was read"`)):
			close(g.read)
		case !bytes.Contains(line, []byte("level=INFO")):
			g.problem = append(g.problem, string(line))
		}
		g.mu.Unlock()
	}
}

func (g *importing) received() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mails
}

// importBound is how long a mailbox may take, at most.
const importBound = 5 * time.Minute

func (g *importing) awaitMails(t testing.TB, n int) {
	t.Helper()
	for over := time.Now().Add(importBound); g.received() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			t.Fatalf("%d mails were received, want %d; the log has %q", g.received(), n, g.problem)
		}
	}
}

func (g *importing) awaitRead(t testing.TB) {
	t.Helper()
	select {
	case <-g.read:
	case <-time.After(importBound):
		t.Fatalf("the mailbox is not read; %d mails were; the log has %q", g.received(), g.problem)
	}
}

func (g *importing) ended(t testing.TB) {
	t.Helper()
	select {
	case <-g.over:
	case <-time.After(time.Minute):
		t.Fatal("the gateway does not end")
	}
	_ = g.cmd.Wait()
}

func (g *importing) stop(t testing.TB) {
	t.Helper()
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	g.ended(t)
}

func (g *importing) call(t testing.TB, method, path, body string) []byte {
	t.Helper()
	r, err := http.NewRequest(method, g.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 {
		t.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, text)
	}
	return text
}

// messages counts those of all conversations.
func (g *importing) messages(t testing.TB) (n int) {
	t.Helper()
	var list struct {
		Threads []struct {
			Last int `json:"last_seq"`
		} `json:"threads"`
		Next string `json:"next"`
	}
	if err := json.Unmarshal(g.call(t, http.MethodGet, "/threads?limit=100", ""), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Threads) == 0 || list.Next != "" {
		t.Fatalf("got %d conversations, and next %q", len(list.Threads), list.Next)
	}
	for _, one := range list.Threads {
		n += one.Last
	}
	return n
}

// peak returns the most memory that the process had, in octets.
func (g *importing) peak(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return fieldOf(text, "VmHWM:") << 10
}
