package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-message"

	"letterlock/store/pgtest"
)

// member is one of several gateways that share a database.
type member struct {
	dir, smtp, base string
	env             []string
	process         *exec.Cmd
	ended           chan error
	log             *lockedBuffer
}

func (m *member) start(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("letterlock")
	if err != nil {
		t.Fatal(err)
	}
	m.log = &lockedBuffer{}
	m.process = exec.Command(path, "serve")
	m.process.Dir, m.process.Env, m.process.Stderr = m.dir, m.env, m.log
	if err := m.process.Start(); err != nil {
		t.Fatal(err)
	}
	ended, process := make(chan error, 1), m.process
	m.ended = ended
	go func() { ended <- process.Wait() }()
	eventually(t, "a gateway to answer", 30*time.Second, func() bool {
		resp, err := http.Get(m.base + "/healthz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill is kill -9.
func (m *member) kill() {
	_ = m.process.Process.Kill()
	<-m.ended
	m.process = nil
}

// does reports whether this process was the last to say that it does what only one does.
func (m *member) does(part string) bool {
	does := false
	for line := range strings.Lines(m.log.String()) {
		if !strings.Contains(line, `part="`+part+`"`) && !strings.Contains(line, "part="+part+" ") {
			continue
		}
		does = does && !strings.Contains(line, "another process does it now") || strings.Contains(line, "this process does it now")
	}
	return m.process != nil && does
}

// cluster is three gateways, with a relay and a mailbox.
type cluster struct {
	*testing.T
	members  []*member
	relay    *scriptRelay
	mailbox  *scriptMailbox
	key      string
	next     atomic.Int64
	accepted atomic.Int64 // posts and mails that a gateway said it has
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	dsn := pgtest.New(t)
	dir := t.TempDir()
	c := &cluster{T: t}
	var err error
	if c.relay, err = startRelay(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.relay.stop)
	if c.mailbox, err = startMailbox(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.mailbox.stop)
	common := []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "LETTERLOCK_DATABASE=" + dsn, "LETTERLOCK_DOMAIN=example.com",
		"LETTERLOCK_BASE_URL=http://127.0.0.1:1", "LETTERLOCK_ORGANIZATION=Harbour Clinic", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_RELAY_ADDRESS=" + c.relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any", "LETTERLOCK_NOTICES_DELAY=0s",
		"LETTERLOCK_IMAP=name=office,address=" + c.mailbox.addr + ",tls=none,username=office,password=harbour,poll=1s",
	}
	letterlock := func(args ...string) string {
		t.Helper()
		run := exec.Command("letterlock", args...)
		run.Dir, run.Env = dir, common
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	letterlock("init", "--domain", "example.com", "--config", "init.toml")
	letterlock("mode", "convenience")
	c.key = regexp.MustCompile(`"secret": *"([^"]+)"`).FindStringSubmatch(letterlock("key", "add", "--json", "--role", "admin", "testing"))[1]
	for range 3 {
		smtpAddr, err := freeAddr()
		if err != nil {
			t.Fatal(err)
		}
		httpAddr, err := freeAddr()
		if err != nil {
			t.Fatal(err)
		}
		m := &member{dir: dir, smtp: smtpAddr, base: "http://" + httpAddr}
		m.env = append(append(m.env, common...), "LETTERLOCK_SMTP_LISTEN="+smtpAddr, "LETTERLOCK_HTTP_LISTEN="+httpAddr)
		c.members = append(c.members, m)
		m.start(t)
		t.Cleanup(func() {
			if m.process != nil {
				m.kill()
			}
			if t.Failed() {
				log := m.log.String()
				t.Logf("the log of %s:\n%s", m.base, log[max(0, len(log)-20_000):])
			}
		})
	}
	return c
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, bound time.Duration, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, bound)
		}
	}
}

// api asks one gateway after the other until one answers, as a program would.
func (c *cluster) api(method, path, once, body string, into any) error {
	var last error
	for try := range 500 {
		m := c.members[int(c.next.Add(1))%len(c.members)]
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		r, err := http.NewRequestWithContext(ctx, method, m.base+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			cancel()
			return err
		}
		r.Header.Set("Authorization", "Bearer "+c.key)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if once != "" {
			r.Header.Set("Idempotency-Key", once)
		}
		resp, err := http.DefaultClient.Do(r)
		var text []byte
		if err == nil {
			text, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		cancel()
		if err == nil && resp.StatusCode < 300 {
			return json.Unmarshal(text, into)
		}
		if last = err; err == nil {
			last = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
		time.Sleep(time.Duration(min(10+try, 100)) * time.Millisecond)
	}
	return last
}

// mail hands a mail to one gateway after the other until one takes it, as a sending server would.
func (c *cluster) mail(from, to string, data []byte) error {
	var err error
	for try := range 100 {
		m := c.members[int(c.next.Add(1))%len(c.members)]
		if _, err = sendSMTP(m.smtp, from, to, data); err == nil {
			return nil
		}
		time.Sleep(time.Duration(10+try) * time.Millisecond)
	}
	return err
}

func (c *cluster) texts(thread string) map[string]int {
	c.Helper()
	count := map[string]int{}
	for after := 0; ; {
		var page struct {
			Messages []struct {
				Seq  int    `json:"seq"`
				Text string `json:"text"`
			} `json:"messages"`
			Next int `json:"next_after_seq"`
		}
		if err := c.api(http.MethodGet, fmt.Sprintf("/threads/%s?after_seq=%d", thread, after), "", "", &page); err != nil {
			c.Fatal(err)
		}
		for _, m := range page.Messages {
			count[strings.TrimSpace(m.Text)]++
		}
		if after = page.Next; after == 0 {
			return count
		}
	}
}

// conversation is a thread with one contact, who has got its first mail.
type conversation struct{ thread, contact, replyTo, firstID string }

func (c *cluster) converse(contact string) conversation {
	c.Helper()
	v := conversation{contact: contact}
	var thread struct {
		ID string `json:"id"`
	}
	err := c.api(http.MethodPost, "/threads", "start-"+contact, fmt.Sprintf(`{"subject": "The harbour", "text": "start", "contacts": [{"address": %q, "name": "Ann"}]}`, contact), &thread)
	if err != nil {
		c.Fatal(err)
	}
	v.thread = thread.ID
	found := c.relay.wait(func() bool {
		for _, m := range c.relay.mails {
			if m.to != contact {
				continue
			}
			e, err := message.Read(bytes.NewReader(m.data))
			if err != nil {
				return false
			}
			v.replyTo = regexp.MustCompile(`reply\+[a-z2-7]+@example.com`).FindString(e.Header.Get("Reply-To"))
			v.firstID = e.Header.Get("Message-Id")
			return true
		}
		return false
	})
	if !found {
		c.Fatalf("the first mail to %s does not leave", contact)
	}
	return v
}

// letter is what the contact answers.
func (v conversation) letter(to, word string) []byte {
	return fmt.Appendf(nil, "From: Ann <%s>\r\nTo: %s\r\nSubject: Re: The harbour\r\nMessage-ID: <%s@mail.example.org>\r\nIn-Reply-To: %s\r\n\r\n%s\r\n", v.contact, to, word, v.firstID, word)
}

// Three gateways share one database while programs post and mail comes in, and each is killed in turn, as by kill -9. What was
// taken is in the thread once, every mail leaves, and another gateway goes on reading the mailbox within seconds.
func TestThreeGateways(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills real processes for half a minute")
	}
	t.Parallel()
	c := startCluster(t)
	// One conversation that programs write in, and others whose contacts answer: nobody may send much in a short time.
	conversations := make([]conversation, 20)
	for i := range conversations {
		conversations[i] = c.converse(fmt.Sprintf("ann%d@example.org", i))
	}
	thread := conversations[0].thread

	// One program after the other, one mail after the other, and letters into the mailbox, until told to stop.
	stop := make(chan struct{})
	var mu sync.Mutex
	want := map[string]bool{}
	var posted []string
	var writers sync.WaitGroup
	write := func(kind string, send func(word string, i int) error) {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				word := fmt.Sprintf("%s-%d", kind, i)
				if err := send(word, i); err != nil {
					t.Errorf("%s: %v", word, err)
					return
				}
				mu.Lock()
				want[word] = true
				if strings.HasPrefix(kind, "post") {
					posted = append(posted, word)
				}
				mu.Unlock()
				c.accepted.Add(1)
				time.Sleep(20 * time.Millisecond) // a program may not ask for as much as it likes
			}
		})
	}
	for _, kind := range []string{"posta", "postb"} {
		write(kind, func(word string, _ int) error {
			var answer struct{}
			return c.api(http.MethodPost, "/threads/"+thread+"/messages", word, fmt.Sprintf(`{"text": %q}`, word), &answer)
		})
	}
	for _, kind := range []string{"replya", "replyb"} {
		write(kind, func(word string, i int) error {
			v := conversations[i%len(conversations)]
			return c.mail(v.contact, v.replyTo, v.letter(v.replyTo, word))
		})
	}
	write("letter", func(word string, i int) error {
		data := string(conversations[i%len(conversations)].letter("office@example.com", word))
		_, err := c.mailbox.user.Append("INBOX", literal{strings.NewReader(data), int64(len(data))}, &imap.AppendOptions{})
		time.Sleep(200 * time.Millisecond)
		return err
	})
	more := func(n int64) {
		t.Helper()
		begin := c.accepted.Load()
		eventually(t, "more to be taken", 60*time.Second, func() bool { return c.accepted.Load() >= begin+n })
	}
	holder := func() *member {
		for _, m := range c.members {
			if m.does("mailbox office") {
				return m
			}
		}
		return nil
	}

	more(20)
	eventually(t, "somebody to read the mailbox", 20*time.Second, func() bool { return holder() != nil })
	killed := map[*member]bool{}
	for range c.members {
		// Whoever reads the mailbox now, unless it was killed before: then one that was not.
		victim := holder()
		if victim == nil || killed[victim] {
			for _, m := range c.members {
				if !killed[m] {
					victim = m
				}
			}
		}
		killed[victim] = true
		reading := victim == holder()
		victim.kill()
		began := time.Now()
		more(20)
		eventually(t, "another to read the mailbox", 30*time.Second, func() bool { return holder() != nil })
		if reading {
			t.Logf("the mailbox moved %s after its reader was killed", time.Since(began).Round(10*time.Millisecond))
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the mailbox moved after %s", took)
			}
		}
		victim.start(t)
		more(10)
	}
	close(stop)
	writers.Wait()

	// The mailbox is read to its end, and the outbox drains: what a killed worker held goes once its lease is over.
	var got map[string]int
	missing := "anything"
	for end := time.Now().Add(60 * time.Second); missing != "" && time.Now().Before(end); {
		got, missing = map[string]int{}, ""
		for _, v := range conversations {
			for word, n := range c.texts(v.thread) {
				got[word] += n
			}
		}
		for word := range want {
			if got[word] == 0 {
				missing += word + " "
			}
		}
	}
	if missing != "" {
		t.Fatalf("what was taken is not in the thread: %s", missing)
	}
	for word, n := range got {
		if n != 1 && word != "start" || word != "start" && !want[word] {
			t.Errorf("%q is %d times in the threads", word, n)
		}
	}
	eventually(t, "the outbox to drain", 90*time.Second, func() bool {
		for _, state := range []string{"queued", "deferred"} {
			var list struct {
				Deliveries []struct{} `json:"deliveries"`
			}
			if err := c.api(http.MethodGet, "/deliveries?state="+state, "", "", &list); err != nil || len(list.Deliveries) > 0 {
				return false
			}
		}
		return true
	})
	ids := map[string]map[string]int{} // by text, the Message-IDs it left under
	c.relay.mu.Lock()
	defer c.relay.mu.Unlock()
	for _, m := range c.relay.mails {
		e, err := message.Read(bytes.NewReader(m.data))
		if err != nil {
			t.Fatal(err)
		}
		word := regexp.MustCompile(`post[ab]-\d+`).Find(m.data)
		if m.to != "ann0@example.org" || word == nil {
			continue
		}
		if ids[string(word)] == nil {
			ids[string(word)] = map[string]int{}
		}
		ids[string(word)][e.Header.Get("Message-Id")]++
	}
	again := 0
	for _, word := range posted {
		if len(ids[word]) != 1 {
			t.Errorf("%s left under %d Message-IDs", word, len(ids[word]))
		}
		for _, n := range ids[word] {
			again += n - 1
		}
	}
	// A worker that dies between the relay's 250 and its record may have four mails on their way.
	if most := 4 * len(c.members); again > most {
		t.Errorf("%d mails left twice, want at most %d", again, most)
	}
	t.Logf("%d messages in the thread; %d mails left, %d of them a second time", len(got), len(c.relay.mails), again)
	for _, m := range c.members {
		if n := strings.Count(m.log.String(), "level=ERROR"); n > 0 {
			t.Logf("%s logged %d errors", filepath.Base(m.base), n)
		}
	}
}
