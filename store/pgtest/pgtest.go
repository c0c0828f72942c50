// Package pgtest gives tests a real PostgreSQL: a server of their own, in a temporary folder, reached by a socket in it. It is
// started when the first test asks and ends with the test's process, however that ends. It must not know what is stored.
package pgtest

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// New returns the DSN of an empty schema, which to its user is a database of its own but for notifications, and which is gone when
// the test ends. Where PostgreSQL is not installed the test is skipped, or fails if LETTERLOCK_TEST_REQUIRE is "all". The server does
// not wait for the disk.
func New(t testing.TB) string {
	t.Helper()
	return fast().schema(t)
}

// Durable is New on a server that does wait for the disk, for tests and benchmarks of what lasts.
func Durable(t testing.TB) string {
	t.Helper()
	return durable().schema(t)
}

var (
	fast    = sync.OnceValue(func() *server { return start("-c", "fsync=off", "-c", "full_page_writes=off") })
	durable = sync.OnceValue(func() *server { return start() })
)

// server is one running PostgreSQL, or why there is none.
type server struct {
	folder string
	err    error
	absent bool // it is not installed
	count  atomic.Int64
	stdin  io.Closer // closed, it ends the server
}

func (s *server) dsn(schema string) string {
	return "postgres://letterlock@/postgres?" + url.Values{"host": {s.folder}, "search_path": {schema}}.Encode()
}

func (s *server) schema(t testing.TB) string {
	t.Helper()
	if s.absent && os.Getenv("LETTERLOCK_TEST_REQUIRE") != "all" {
		t.Skip("PostgreSQL's server programs are not here: install the Debian package postgresql")
	}
	if s.err != nil {
		t.Fatalf("start PostgreSQL: %v", s.err)
	}
	name := fmt.Sprintf("test%d", s.count.Add(1))
	s.exec(t, "create schema "+name)
	t.Cleanup(func() {
		s.exec(t, "set lock_timeout = '20s'; set client_min_messages = warning; drop schema "+name+" cascade")
	})
	return s.dsn(name)
}

func (s *server) exec(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, s.dsn("public"))
	if err != nil {
		t.Fatalf("connect to PostgreSQL: %v", err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// programs returns the folder of the newest PostgreSQL of this machine.
func programs() (string, bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // Debian's place; the pattern is right
	slices.SortFunc(found, func(a, b string) int {
		version := func(path string) int {
			n, _ := strconv.Atoi(strings.Split(path, "/")[4])
			return n
		}
		return version(a) - version(b)
	})
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), true
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Dir(path), true
}

// keeper runs the server until its standard input ends, which it does when the test's process does, and removes the folder.
const keeper = `"$BIN/postgres" -D "$DIR/data" -k "$DIR" -c listen_addresses= "$@" >"$DIR/log" 2>&1 </dev/null &
pid=$!
cat >/dev/null
kill -QUIT $pid
wait $pid
cd / && rm -rf "$DIR"`

// start makes a database cluster and runs a server on it. PostgreSQL refuses to run as root, so root becomes somebody else for it.
func start(options ...string) *server {
	s := &server{}
	bin, ok := programs()
	if !ok {
		s.absent, s.err = true, fmt.Errorf("its server programs are not here: install the Debian package postgresql")
		return s
	}
	// The name of a socket has at most about a hundred octets, so the folder is not below the test's.
	if s.folder, s.err = os.MkdirTemp("/tmp", "pgtest"); s.err != nil {
		return s
	}
	as, err := servant(s.folder)
	if err != nil {
		s.err = err
		return s
	}
	initdb := exec.Command(bin+"/initdb", "-D", s.folder+"/data", "-U", "letterlock", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.SysProcAttr, initdb.Dir = as, s.folder
	if out, err := initdb.CombinedOutput(); err != nil {
		s.err = fmt.Errorf("initdb: %w: %s", err, out)
		return s
	}
	c := exec.Command("/bin/sh", append([]string{"-c", keeper, "keeper", "-c", "max_connections=300", "-c", "max_locks_per_transaction=256", "-c", "shared_buffers=64MB"}, options...)...)
	c.Env = []string{"BIN=" + bin, "DIR=" + s.folder, "PATH=/usr/bin:/bin", "LC_ALL=C"}
	c.SysProcAttr, c.Dir = as, s.folder
	if s.stdin, s.err = c.StdinPipe(); s.err != nil {
		return s
	}
	if s.err = c.Start(); s.err != nil {
		return s
	}
	go func() { _ = c.Wait() }()
	s.err = s.await()
	return s
}

// servant gives the folder to a user who may run the server, and says how to become that user.
func servant(folder string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{Setpgid: true}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(folder, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Setpgid: true, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// await returns when the server answers.
func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.dsn("public"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(s.folder + "/log")
			return fmt.Errorf("it does not answer: %w: %s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
