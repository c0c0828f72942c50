package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the real program as a process of its own, on data of its own, for tests that stand between it and other real programs.
type process struct {
	t          testing.TB
	dir        string
	env        []string
	smtp, http string // where it listens
	key        string // for the API
	relay      *scriptRelay
	cmd        *exec.Cmd
	log        string // the file with all that it logged
}

// newProcess makes data in convenience mode. Settings are variables that are added, such as LETTERLOCK_LMTP_LISTEN=unix:lmtp. It does not
// start the gateway yet.
func newProcess(t testing.TB, settings ...string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "letterlock") // t.TempDir may be longer than a socket's name can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &process{t: t, dir: dir, log: filepath.Join(dir, "log")}
	for _, a := range []*string{&p.smtp, &p.http} {
		if *a, err = freeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	if p.relay, err = startRelay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.relay.stop)
	p.env = append(os.Environ(), "LETTERLOCK_DOMAIN=example.com", "LETTERLOCK_BASE_URL=http://"+p.http, "LETTERLOCK_ORGANIZATION=Harbour Clinic",
		"LETTERLOCK_DATA="+dir+"/data", "LETTERLOCK_KEY_FILE="+dir+"/letterlock.key", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_SMTP_LISTEN="+p.smtp, "LETTERLOCK_SMTP_HOSTNAME=mx.example.com", "LETTERLOCK_HTTP_LISTEN="+p.http, "LETTERLOCK_RELAY_ADDRESS="+p.relay.addr,
		"LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_MESSAGE_PACE=-1", "LETTERLOCK_NOTICES_DELAY=0s")
	p.env = append(p.env, settings...)
	p.do("init", "--domain", "example.com", "--config", "made.toml")
	p.do("mode", "convenience")
	p.key = regexp.MustCompile(`llk_[a-z2-7]+`).FindString(p.do("key", "add", "--json", "--role", "admin", "test"))
	return p
}

func (p *process) command(args ...string) *exec.Cmd {
	c := exec.Command("letterlock", args...)
	c.Env, c.Dir = p.env, p.dir
	return c
}

// do runs one command to its end and returns what it prints.
func (p *process) do(args ...string) string {
	p.t.Helper()
	out, err := p.command(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve starts the gateway and waits until it listens.
func (p *process) serve() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = p.command("serve")
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd := p.cmd
	p.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", p.http); err == nil {
			_ = c.Close()
			return
		}
	}
	p.t.Fatalf("the gateway does not begin:\n%s", p.logged())
}

// kill ends it as a power cut would, as far as a process can tell.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// stop ends it as an operator does.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the gateway ended with %v:\n%s", err, p.logged())
	}
}

func (p *process) logged() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// call asks the API.
func (p *process) call(method, path, body string) (status int, answer []byte) {
	p.t.Helper()
	r, err := http.NewRequest(method, "http://"+p.http+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// dialogue is a thread with one contact who can answer by email.
type dialogue struct{ id, contact, reply string }

// converse starts a thread with a contact, and finds the reply address in the copy that leaves.
func (p *process) converse(contact string) dialogue {
	p.t.Helper()
	status, answer := p.call(http.MethodPost, "/threads", fmt.Sprintf(`{"subject":"Your appointment","text":"Does it suit?","contacts":[{"address":%q}]}`, contact))
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil || status >= 300 {
		p.t.Fatalf("start a thread: %d %s", status, answer)
	}
	c := dialogue{id: made.ID, contact: contact}
	address := regexp.MustCompile(`reply\+[a-z2-7]{42}@example\.com`)
	if !p.relay.wait(func() bool {
		for _, m := range p.relay.mails {
			if m.to == contact {
				c.reply = string(address.Find(m.data))
			}
		}
		return c.reply != ""
	}) {
		p.t.Fatalf("no copy for %s left:\n%s", contact, p.logged())
	}
	return c
}

// texts returns the texts of a thread's messages.
func (p *process) texts(thread string) []string {
	p.t.Helper()
	var texts []string
	for after := 0; ; {
		status, answer := p.call(http.MethodGet, fmt.Sprintf("/threads/%s?limit=200&after_seq=%d", thread, after), "")
		var page struct {
			Messages []struct{ Text string }
			Next     int `json:"next_after_seq"`
		}
		if err := json.Unmarshal(answer, &page); err != nil || status != http.StatusOK {
			p.t.Fatalf("read a thread: %d %s", status, answer)
		}
		for _, m := range page.Messages {
			texts = append(texts, strings.TrimSpace(m.Text))
		}
		if after = page.Next; after == 0 {
			return texts
		}
	}
}

// await waits until a thread has a message.
func (p *process) await(thread, text string) {
	p.t.Helper()
	for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(50 * time.Millisecond) {
		if slices.Contains(p.texts(thread), text) {
			return
		}
	}
	p.t.Fatalf("%q does not come; there are %q\n%s", text, p.texts(thread), p.logged())
}

// need skips a test where a program is missing, or fails where nothing may be skipped.
func need(t testing.TB, hint string, programs ...string) {
	t.Helper()
	what := ""
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			what = "there is no " + name + ": " + hint
		}
	}
	if os.Getuid() != 0 {
		what = "it needs root, to start servers as their own users"
	}
	switch {
	case what == "":
	case os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all":
		t.Fatal(what)
	default:
		t.Skip(what)
	}
}
