package imap

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

const dovecotProgram = "/usr/sbin/dovecot"

// dovecot is a real server, with everything it has in one folder, on loopback.
type dovecot struct {
	dir         string
	plain, tls  int // ports
	uid, gid    int // of the mailbox
	cmd         *exec.Cmd
	n, validity int
}

func needDovecot(t *testing.T) {
	t.Helper()
	what := "there is no " + dovecotProgram + ": install the packages dovecot-core and dovecot-imapd"
	if version, err := exec.Command(dovecotProgram, "--version").Output(); err == nil {
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

func TestDovecot(t *testing.T) {
	needDovecot(t)
	scenarios(t, func(t *testing.T) server { return newDovecot(t) })
}

// The same over TLS, in both ways.
func TestDovecotTLS(t *testing.T) {
	needDovecot(t)
	d := newDovecot(t)
	for _, security := range []Security{TLS, StartTLS} {
		o := newOffice()
		a := d.account()
		a.Security = security
		if security == TLS {
			a.Addr = "127.0.0.1:" + strconv.Itoa(d.tls)
		}
		stop := start(t, o, nil, a)
		if security == TLS {
			d.deliver(t, letter("one"))
		}
		o.awaitMails(t, "one")
		stop()
	}
}

func newDovecot(t *testing.T) *dovecot {
	t.Helper()
	// Not t.TempDir: the paths of sockets must be short, and the mailbox's owner must get in.
	dir, err := os.MkdirTemp("", "dc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &dovecot{dir: dir, plain: freePort(t), tls: freePort(t), uid: os.Getuid(), gid: os.Getgid(), validity: 1000}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	internal, login := me.Username, me.Username
	if d.uid == 0 {
		// Dovecot gives up root's rights, to users that its packages make.
		internal, login = "dovecot", "dovenull"
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		d.uid, _ = strconv.Atoi(nobody.Uid)
		d.gid, _ = strconv.Atoi(nobody.Gid)
	}
	group, err := user.LookupGroupId(strconv.Itoa(d.gid))
	if err != nil {
		t.Fatal(err)
	}
	must(t, os.Chmod(dir, 0o755))
	writeCertificate(t, dir)
	for _, sub := range []string{"home", "home/Maildir", "home/Maildir/tmp", "home/Maildir/new", "home/Maildir/cur"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
		must(t, os.Chown(filepath.Join(dir, sub), d.uid, d.gid))
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
    port = %[7]d
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = %[8]d
    ssl = yes
  }
}
namespace inbox {
  inbox = yes
}
mail_max_userip_connections = 100
`, dir, internal, login, d.uid, d.gid, internalGroup(t, internal, group.Name), d.plain, d.tls)
	must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o644))
	d.up(t)
	t.Cleanup(func() { d.down(t) })
	return d
}

// internalGroup returns the main group of the user that Dovecot's processes run as.
func internalGroup(t *testing.T, name, fallback string) string {
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

func (d *dovecot) account() Account {
	return Account{Name: "ann", Addr: "127.0.0.1:" + strconv.Itoa(d.plain), Security: Plain, Username: "ann", Password: "secret"}
}

// deliver puts a message into the mailbox as a delivery agent does.
func (d *dovecot) deliver(t testing.TB, raw string) {
	t.Helper()
	d.n++
	name := fmt.Sprintf("%d.%d.test", time.Now().Unix(), d.n)
	tmp := filepath.Join(d.dir, "home/Maildir/tmp", name)
	must(t, os.WriteFile(tmp, []byte(raw), 0o600))
	must(t, os.Chown(tmp, d.uid, d.gid))
	must(t, os.Rename(tmp, filepath.Join(d.dir, "home/Maildir/new", name)))
}

func (d *dovecot) up(t *testing.T) {
	t.Helper()
	d.cmd = exec.Command(dovecotProgram, "-F", "-c", filepath.Join(d.dir, "conf"))
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that down finds all of them
	var said bytes.Buffer
	d.cmd.Stderr = &said
	must(t, d.cmd.Start())
	over := time.Now().Add(wait)
	for {
		c, err := net.Dial("tcp", d.account().Addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(over) {
			log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			t.Fatalf("Dovecot does not start: %s\n%s", said.Bytes(), log)
		}
		time.Sleep(10 * time.Millisecond) // between tries: nothing else tells that a port is open
	}
}

// down kills the server and all that it started, as a loss of power does.
func (d *dovecot) down(t *testing.T) {
	t.Helper()
	if d.cmd == nil {
		return
	}
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = d.cmd.Wait() // it was killed
	d.cmd = nil
}

func (d *dovecot) renumber(t *testing.T) {
	t.Helper()
	d.validity++
	out, err := exec.Command("doveadm", "-c", filepath.Join(d.dir, "conf"), "mailbox", "update", "-u", "ann",
		"--uid-validity", strconv.Itoa(d.validity), "INBOX").CombinedOutput()
	if err != nil {
		t.Fatalf("doveadm: %v: %s", err, out)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func writeCertificate(t *testing.T, dir string) {
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
