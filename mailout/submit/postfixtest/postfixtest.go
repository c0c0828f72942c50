// Package postfixtest runs a real Postfix on loopback for tests, with all that it has in one folder. It is imported by tests only.
package postfixtest

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Need skips a test where there is no Postfix, or no right to start one, or fails it where LETTERLOCK_TEST_REQUIRE is all. Programs are others of the
// package's that it uses.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	what := ""
	for _, name := range append(programs, "postfix") {
		if _, err := exec.LookPath(name); err != nil {
			what = "there is no " + name + ": install the Debian package postfix"
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

// Config says how the server differs from one that takes mail from this machine for anybody.
type Config struct {
	Addr string // host:port; a free port of loopback if empty
	// Next is the host:port of an address that all mail goes on to, unless Settings say otherwise; empty for where DNS says.
	Next string
	// Settings are lines of main.cf, after ours. %s in a line stands for the server's folder.
	Settings []string
	// Chain is a private key and certificates in PEM, for STARTTLS.
	Chain []byte
}

// Server is a Postfix that runs.
type Server struct {
	Addr  string
	Spool string // where its queues are
	dir   string
}

const base = `compatibility_level=3.6
queue_directory=%[1]s/spool
data_directory=%[1]s/data
command_directory=/usr/sbin
daemon_directory=/usr/lib/postfix/sbin
mail_owner=postfix
setgid_group=postdrop
inet_interfaces=127.0.0.1
inet_protocols=ipv4
mydestination=
maillog_file=%[1]s/log
maillog_file_prefixes=%[1]s
`

const services = ` inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// Start starts a server, until the test ends. What it logged is shown if the test fails.
func Start(t testing.TB, c Config) *Server {
	t.Helper()
	// Not t.TempDir: the paths of sockets must be short, and Postfix's users must get in.
	dir, err := os.MkdirTemp("", "letterlock-postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Addr: c.Addr, Spool: filepath.Join(dir, "spool"), dir: dir}
	if s.Addr == "" {
		s.Addr = freeAddr(t)
	}
	main := fmt.Sprintf(base, dir)
	if c.Next != "" {
		host, port, err := net.SplitHostPort(c.Next)
		if err != nil {
			t.Fatal(err)
		}
		main += "relayhost=[" + host + "]:" + port + "\n"
	}
	if c.Chain != nil {
		main += "smtpd_tls_security_level=may\nsmtpd_tls_chain_files=" + dir + "/etc/chain.pem\n"
	}
	for _, line := range c.Settings {
		main += strings.ReplaceAll(line, "%s", dir) + "\n"
	}
	for _, sub := range []string{"etc", "spool", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"main.cf": main, "master.cf": s.Addr + services, "chain.pem": string(c.Chain)} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// Its postsuper, which looks through the queue before a start, logs what a stop left half written, and not as root.
	log := filepath.Join(dir, "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "chown", "postfix", filepath.Join(dir, "data"), log)
	t.Cleanup(func() {
		_ = exec.Command("postfix", "-c", s.etc(), "stop").Run()
		if text, err := os.ReadFile(log); err == nil && t.Failed() {
			t.Logf("Postfix says:\n%s", text)
		}
	})
	s.Up(t)
	return s
}

// Configure changes settings of main.cf, each NAME=VALUE, of a server that runs.
func (s *Server) Configure(t testing.TB, settings ...string) {
	t.Helper()
	run(t, "postconf", append([]string{"-c", s.etc(), "-e"}, settings...)...)
	run(t, "postfix", "-c", s.etc(), "reload")
	s.await(t)
}

// Up starts a server that is down, and waits until it answers.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	run(t, "postfix", "-c", s.etc(), "start")
	s.await(t)
}

// Down stops it; its queue stays.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	run(t, "postfix", "-c", s.etc(), "stop")
}

// Settle waits until the queue manager has looked at all that came in.
func (s *Server) Settle(t testing.TB) {
	t.Helper()
	for range 6000 {
		busy := false
		for _, queue := range []string{"incoming", "active"} {
			_ = filepath.WalkDir(filepath.Join(s.Spool, queue), func(_ string, e fs.DirEntry, err error) error {
				busy = busy || err == nil && !e.IsDir()
				return nil
			})
		}
		if !busy {
			return
		}
		time.Sleep(20 * time.Millisecond) // between looks: nothing else tells
	}
	t.Fatal("Postfix's queue does not come to rest")
}

func (s *Server) etc() string { return filepath.Join(s.dir, "etc") }

func (s *Server) await(t testing.TB) {
	t.Helper()
	for bound := time.Now().Add(20 * time.Second); time.Now().Before(bound); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.Addr); err == nil {
			_ = c.Close()
			return
		}
	}
	t.Fatal("Postfix does not begin")
}

func run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
