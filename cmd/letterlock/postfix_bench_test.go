package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"letterlock/mailout/submit/postfixtest"
)

// BenchmarkAgainstPostfix sends the same number of mails with Postfix's smtp-source to a gateway and to a Postfix that only queues them,
// in turn. The gateway's are replies to a live reply address: parsed, read for what is new, sealed, put into a thread and committed
// with an fsync, each before its 250; Postfix writes each to its queue with an fsync, and its deliveries are deferred. Each begins when
// the other has nothing left to do. It needs root and the Debian package postfix:
//
//	go test -run '^$' -bench AgainstPostfix -benchtime 1x -timeout 30m ./cmd/letterlock
//
// LETTERLOCK_BENCH_MAILS sets how many mails a round has (5000). LETTERLOCK_DATABASE puts the gateway on PostgreSQL.
func BenchmarkAgainstPostfix(b *testing.B) {
	if _, err := exec.LookPath("smtp-source"); err != nil || os.Getuid() != 0 {
		b.Skip("it needs root and smtp-source, from the Debian package postfix")
	}
	mails := 5000
	if n, err := strconv.Atoi(os.Getenv("LETTERLOCK_BENCH_MAILS")); err == nil {
		mails = n
	}
	g := startBenchGateway(b)
	p := startBenchPostfix(b)
	b.Logf("%-9s %12s %12s %8s", "sessions", "gateway/s", "postfix/s", "ratio")
	taken := 0
	for range b.N {
		for _, sessions := range []int{1, 10, 50} {
			var ours, theirs, ratios []float64
			for range 3 {
				one := smtpSource(b, g.smtp, g.reply, sessions, mails)
				other := smtpSource(b, p.addr, "ann@example.org", sessions, mails)
				p.settle(b)
				ours, theirs, ratios = append(ours, one), append(theirs, other), append(ratios, one/other)
			}
			few := min(mails, 1000)
			taken += 3*mails + few
			b.Logf("%-9d %12.0f %12.0f %8.2f   %.3f fsyncs a mail", sessions, median(ours), median(theirs), median(ratios), g.fsyncs(b, sessions, few))
			b.ReportMetric(median(ratios), fmt.Sprintf("x-postfix-%d", sessions))
		}
	}
	b.Logf("the gateway's memory at its peak: %d MiB", g.peak(b)>>20)
	g.wants(b, taken)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// smtpSource returns how many mails a second were taken.
func smtpSource(b *testing.B, addr, to string, sessions, mails int) float64 {
	b.Helper()
	cmd := exec.Command("smtp-source", "-d", "-l", "4096", "-m", strconv.Itoa(mails), "-s", strconv.Itoa(sessions), "-f", "ann@example.org", "-t", to, "inet:"+addr)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("smtp-source: %v\n%s", err, out)
	}
	return float64(mails) / time.Since(start).Seconds()
}

type benchGatewayProcess struct {
	smtp, base, key, reply string
	cmd                    *exec.Cmd
}

// startBenchGateway builds the program and starts it on an empty store, with one thread whose contact answers.
func startBenchGateway(b *testing.B) *benchGatewayProcess {
	b.Helper()
	dir := b.TempDir()
	program := filepath.Join(dir, "letterlock")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	relay, err := startRelay()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(relay.stop)
	g := &benchGatewayProcess{}
	if g.smtp, err = freeAddr(); err != nil {
		b.Fatal(err)
	}
	web, err := freeAddr()
	if err != nil {
		b.Fatal(err)
	}
	g.base = "http://" + web
	env := append(os.Environ(), "LETTERLOCK_DOMAIN=example.com", "LETTERLOCK_BASE_URL="+g.base, "LETTERLOCK_ORGANIZATION=Harbour Clinic",
		"LETTERLOCK_DATA="+dir+"/data", "LETTERLOCK_KEY_FILE="+dir+"/letterlock.key", "LETTERLOCK_SENDER_POLICY=address",
		"LETTERLOCK_SMTP_LISTEN="+g.smtp, "LETTERLOCK_HTTP_LISTEN="+web, "LETTERLOCK_RELAY_ADDRESS="+relay.addr, "LETTERLOCK_RELAY_TLS=none", "LETTERLOCK_COPIES_NEED=any",
		"LETTERLOCK_MESSAGE_PACE=-1", "LETTERLOCK_LOG_LEVEL=warn")
	do := func(args ...string) string {
		c := exec.Command(program, args...)
		c.Env, c.Dir = env, dir
		out, err := c.CombinedOutput()
		if err != nil {
			b.Fatalf("letterlock %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	do("init", "--domain", "example.com", "--config", "made.toml")
	do("mode", "convenience")
	g.key = regexp.MustCompile(`llk_[a-z2-7]+`).FindString(do("key", "add", "--json", "--role", "admin", "bench"))

	g.cmd = exec.Command(program, "serve")
	g.cmd.Env, g.cmd.Dir, g.cmd.Stderr = env, dir, os.Stderr
	if err := g.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
		_ = g.cmd.Wait()
	})
	waitFor(b, web)
	waitFor(b, g.smtp)
	g.call(b, http.MethodPost, "/threads", `{"subject":"Your appointment","text":"Does it suit?","contacts":[{"address":"ann@example.org"}]}`)
	var sent []byte
	if !relay.wait(func() bool {
		if len(relay.mails) > 0 {
			sent = relay.mails[0].data
		}
		return sent != nil
	}) {
		b.Fatal("no copy left")
	}
	g.reply = string(regexp.MustCompile(`reply\+[a-z2-7]{42}@example\.com`).Find(sent))
	return g
}

func waitFor(b testing.TB, addr string) {
	b.Helper()
	for bound := time.Now().Add(20 * time.Second); time.Now().Before(bound); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return
		}
	}
	b.Fatalf("nobody listens on %s", addr)
}

func (g *benchGatewayProcess) call(b *testing.B, method, path, body string) []byte {
	b.Helper()
	r, err := http.NewRequest(method, g.base+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 {
		b.Fatalf("%s %s: %d %v\n%s", method, path, resp.StatusCode, err, text)
	}
	return text
}

// fsyncs counts them with strace while a short round runs, since the kernel keeps no count of its own. It returns -1 without strace.
func (g *benchGatewayProcess) fsyncs(b *testing.B, sessions, mails int) float64 {
	b.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		return -1
	}
	out := filepath.Join(b.TempDir(), "strace")
	trace := exec.Command("strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", out, "-p", strconv.Itoa(g.cmd.Process.Pid))
	if err := trace.Start(); err != nil {
		b.Fatal(err)
	}
	time.Sleep(time.Second) // until it has attached to every thread; a mail too many or too few matters little
	smtpSource(b, g.smtp, g.reply, sessions, mails)
	_ = trace.Process.Signal(os.Interrupt)
	_ = trace.Wait()
	text, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return float64(bytes.Count(text, []byte("sync("))) / float64(mails)
}

// peak returns the most memory that the process had, in octets.
func (g *benchGatewayProcess) peak(b *testing.B) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	return fieldOf(text, "VmHWM:") << 10
}

func fieldOf(text []byte, name string) int {
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) > 1 && f[0] == name {
			n, _ := strconv.Atoi(f[1])
			return n
		}
	}
	return 0
}

// wants checks that what was taken is there: the thread has so many answers.
func (g *benchGatewayProcess) wants(b *testing.B, answers int) {
	b.Helper()
	list := g.call(b, http.MethodGet, "/threads", "")
	m := regexp.MustCompile(`"last_seq":(\d+)`).FindSubmatch(list)
	if m == nil || string(m[1]) != strconv.Itoa(answers+1) {
		b.Fatalf("the thread has %s messages, want %d", m[1], answers+1)
	}
}

// startBenchPostfix starts a Postfix that takes mail from this machine and defers its delivery.
func startBenchPostfix(b testing.TB) benchPostfix {
	b.Helper()
	s := postfixtest.Start(b, postfixtest.Config{Settings: []string{
		"myhostname=queue.test", "mynetworks=127.0.0.0/8", "defer_transports=smtp",
		"smtpd_client_connection_count_limit=0", "smtpd_client_connection_rate_limit=0", "default_process_limit=100",
	}})
	return benchPostfix{s, s.Addr, s.Spool}
}

type benchPostfix struct {
	*postfixtest.Server
	addr, spool string
}

func (p benchPostfix) settle(b *testing.B) { p.Settle(b) }
