// Package dovecottest runs a real Dovecot on loopback for tests: an IMAP server with all that it has in one folder, and the mailbox of ann,
// whose password is secret. It is imported by tests only.
package dovecottest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const program = "/usr/sbin/dovecot"

// wait bounds how long the server may take to begin.
const wait = 20 * time.Second

// Need skips a test where there is no Dovecot of the version whose configuration this writes, or fails it where LETTERLOCK_TEST_REQUIRE is all.
func Need(t testing.TB) {
	t.Helper()
	what := "there is no " + program + ": install the packages dovecot-core and dovecot-imapd"
	if version, err := exec.Command(program, "--version").Output(); err == nil {
		if bytes.HasPrefix(version, []byte("2.3.")) {
			return
		}
		what = fmt.Sprintf("this needs Dovecot 2.3, whose configuration it writes, and there is %s", bytes.TrimSpace(version))
	}
	if os.Getenv("LETTERLOCK_TEST_REQUIRE") == "all" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Server is a Dovecot.
type Server struct {
	Addr    string // takes the password in clear text, and STARTTLS; its certificate is signed by itself
	TLSAddr string // TLS from the first octet

	dir         string
	uid, gid    int // of the mailbox
	cmd         *exec.Cmd
	n, validity int
}

// Start starts a server, until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	// Not t.TempDir: the paths of sockets must be short, and the mailbox's owner must get in.
	dir, err := os.MkdirTemp("", "dc")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Addr: freeAddr(t), TLSAddr: freeAddr(t), dir: dir, uid: os.Getuid(), gid: os.Getgid(), validity: 1000}
	me, err := user.Current()
	must(t, err)
	internal, login := me.Username, me.Username
	if s.uid == 0 {
		// Dovecot gives up root's rights, to users that its packages make.
		internal, login = "dovecot", "dovenull"
		nobody, err := user.Lookup("nobody")
		must(t, err)
		s.uid, _ = strconv.Atoi(nobody.Uid)
		s.gid, _ = strconv.Atoi(nobody.Gid)
	}
	group, err := user.LookupGroupId(strconv.Itoa(s.gid))
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	writeCertificate(t, dir)
	for _, sub := range []string{"home", "home/Maildir", "home/Maildir/tmp", "home/Maildir/new", "home/Maildir/cur"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
		must(t, os.Chown(filepath.Join(dir, sub), s.uid, s.gid))
	}
	conf := fmt.Sprintf(`
protocols = imap
base_dir = %[1]s/run
state_dir = %[1]s/run
log_path = %[1]s/log
ssl = yes
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
disable_plaintext_auth = no
default_internal_user = %[2]s
default_internal_group = %[6]s
default_login_user = %[3]s
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:%[1]s/home/Maildir
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=%[4]d gid=%[5]d home=%[1]s/home
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    address = 127.0.0.1
    port = %[7]s
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = %[8]s
    ssl = yes
  }
}
namespace inbox {
  inbox = yes
}
mail_max_userip_connections = 100
`, dir, internal, login, s.uid, s.gid, internalGroup(t, internal, group.Name), portOf(s.Addr), portOf(s.TLSAddr))
	must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o644))
	s.Up(t)
	t.Cleanup(func() { s.Down(t) })
	return s
}

// internalGroup returns the main group of the user that Dovecot's processes run as.
func internalGroup(t testing.TB, name, fallback string) string {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		return fallback
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return fallback
	}
	return g.Name
}

// Deliver puts a message into the mailbox as a delivery agent does.
func (s *Server) Deliver(t testing.TB, raw string) {
	t.Helper()
	s.n++
	name := fmt.Sprintf("%d.%d.test", time.Now().Unix(), s.n)
	tmp := filepath.Join(s.dir, "home/Maildir/tmp", name)
	must(t, os.WriteFile(tmp, []byte(raw), 0o600))
	must(t, os.Chown(tmp, s.uid, s.gid))
	must(t, os.Rename(tmp, filepath.Join(s.dir, "home/Maildir/new", name)))
}

// Up starts a server that is down.
func (s *Server) Up(t testing.TB) {
	t.Helper()
	s.cmd = exec.Command(program, "-F", "-c", filepath.Join(s.dir, "conf"))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Down finds all of them
	var said bytes.Buffer
	s.cmd.Stderr = &said
	must(t, s.cmd.Start())
	over := time.Now().Add(wait)
	for {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(over) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("Dovecot does not start: %s\n%s", said.Bytes(), log)
		}
		time.Sleep(10 * time.Millisecond) // between tries: nothing else tells that a port is open
	}
}

// Down kills the server and all that it started, as a loss of power does.
func (s *Server) Down(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
}

// Renumber gives the mailbox another UIDVALIDITY.
func (s *Server) Renumber(t testing.TB) {
	t.Helper()
	s.validity++
	out, err := exec.Command("doveadm", "-c", filepath.Join(s.dir, "conf"), "mailbox", "update", "-u", "ann",
		"--uid-validity", strconv.Itoa(s.validity), "INBOX").CombinedOutput()
	if err != nil {
		t.Fatalf("doveadm: %v: %s", err, out)
	}
}

// Fill puts many messages into the mailbox at once, under names as delivery agents give them (names that only count on collide in Dovecot's
// hash table, and cost it half a second for 10,000), and lets Dovecot find them.
func (s *Server) Fill(t testing.TB, messages int, message func(i int) string) {
	t.Helper()
	for i := range messages {
		name := filepath.Join(s.dir, "home/Maildir/cur", fmt.Sprintf("%d.M%06dP%d.mail:2,", 1763600000+i, i*7919%1_000_000, 4000+i*31%28_000))
		must(t, os.WriteFile(name, []byte(message(i)), 0o600))
		must(t, os.Chown(name, s.uid, s.gid))
	}
	if out, err := exec.Command("doveadm", "-c", filepath.Join(s.dir, "conf"), "fetch", "-u", "ann", "size.virtual", "mailbox", "INBOX").CombinedOutput(); err != nil {
		t.Fatalf("doveadm: %v\n%.500s", err, out)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

func writeCertificate(t testing.TB, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
