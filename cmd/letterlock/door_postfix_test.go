package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// startPostfix starts a real Postfix that takes mail for example.com from this machine and hands it over as a transport says, such as
// lmtp:unix:PATH. What it wants to tell senders goes to the relay of p.
func startPostfix(t *testing.T, p *process, transport string) (addr string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "letterlock-postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if addr, err = freeAddr(); err != nil {
		t.Fatal(err)
	}
	_, relayPort, err := net.SplitHostPort(p.relay.addr)
	if err != nil {
		t.Fatal(err)
	}
	main := fmt.Sprintf(`compatibility_level=3.6
queue_directory=%[1]s/spool
data_directory=%[1]s/data
command_directory=/usr/sbin
daemon_directory=/usr/lib/postfix/sbin
mail_owner=postfix
setgid_group=postdrop
inet_interfaces=127.0.0.1
inet_protocols=ipv4
myhostname=front.example
mydestination=
mynetworks=127.0.0.0/8
relay_domains=example.com
relay_recipient_maps=
transport_maps=inline:{example.com=%[2]s}
relayhost=[127.0.0.1]:%[3]s
lmtp_send_xforward_command=yes
smtp_send_xforward_command=yes
maillog_file=%[1]s/log
maillog_file_prefixes=%[1]s
minimal_backoff_time=2s
maximal_backoff_time=4s
queue_run_delay=2s
`, dir, transport, relayPort)
	master := addr + ` inet n - n - - smtpd
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
	for _, d := range []string{"etc", "spool", "data"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"main.cf": main, "master.cf": master} {
		if err := os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "postfix", filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("chown: %v %s", err, out)
	}
	if out, err := exec.Command("postfix", "-c", filepath.Join(dir, "etc"), "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		_ = exec.Command("postfix", "-c", filepath.Join(dir, "etc"), "stop").Run()
		if text, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && t.Failed() {
			t.Logf("Postfix says:\n%s", text)
		}
	})
	for bound := time.Now().Add(20 * time.Second); time.Now().Before(bound); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close()
			return addr
		}
	}
	t.Fatal("Postfix does not begin")
	return ""
}

// send gives one mail to a server, from an address of this machine.
func send(t *testing.T, addr, local, from string, to []string, mail string) error {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: 20 * time.Second}
	conn, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.Hello("client.example"); err != nil {
		return err
	}
	return c.SendMail(from, to, strings.NewReader(mail))
}

// Mail comes through a Postfix in front, over LMTP and over SMTP: it is taken in its sender's name, who is known by his own address and not by
// Postfix's, and each recipient has an answer of its own where the protocol knows such a thing.
func TestPostfixInFront(t *testing.T) {
	t.Parallel()
	need(t, "install the Debian package postfix", "postfix")
	for _, way := range []string{"lmtp:unix", "lmtp:inet", "smtp"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			lmtp, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			door := t.TempDir()
			var p *process
			var transport string
			switch way {
			case "lmtp:unix":
				if door, err = os.MkdirTemp("", "door"); err == nil {
					t.Cleanup(func() { os.RemoveAll(door) })
					err = os.Chmod(door, 0o755)
				}
				if err != nil {
					t.Fatal(err)
				}
				p = newProcess(t, "LETTERLOCK_LMTP_LISTEN=unix:"+door+"/lmtp", "LETTERLOCK_LMTP_SOCKET_MODE=0666", "LETTERLOCK_SMTP_LISTEN=")
				transport = "lmtp:unix:" + door + "/lmtp"
			case "lmtp:inet":
				p = newProcess(t, "LETTERLOCK_LMTP_LISTEN="+lmtp)
				transport = "lmtp:inet:" + lmtp
			default:
				p = newProcess(t, "LETTERLOCK_SMTP_FORWARDERS=127.0.0.1")
				transport = "smtp:[127.0.0.1]:" + p.smtp[strings.LastIndexByte(p.smtp, ':')+1:]
			}
			p.serve()
			ann := p.converse("ann@example.org")
			front := startPostfix(t, p, transport)

			mail := func(text string) string {
				return "From: ann@example.org\r\nTo: them\r\nSubject: Re: Your appointment\r\nMessage-ID: <" + strings.Fields(text)[0] + "@ann.example>\r\n\r\n" + text + "\r\n"
			}
			if err := send(t, front, "127.0.0.9", "ann@example.org", []string{ann.reply}, mail("Tuesday suits.")); err != nil {
				t.Fatal(err)
			}
			p.await(ann.id, "Tuesday suits.")
			_, answer := p.call(http.MethodGet, "/received?limit=1", "")
			var list struct {
				Received []struct{ Peer, Disposition string }
			}
			if err := json.Unmarshal(answer, &list); err != nil || len(list.Received) != 1 || !strings.HasPrefix(list.Received[0].Peer, "127.0.0.9:") {
				t.Errorf("the client in the record is not the one that Postfix had: %s", answer)
			}

			// One recipient is refused at RCPT, one after the mail, and one takes it.
			if err := send(t, front, "127.0.0.9", "ann@example.org", []string{"nobody@example.com", "no-reply@example.com", ann.reply}, mail("Wednesday, too.")); err != nil {
				t.Fatal(err)
			}
			p.await(ann.id, "Wednesday, too.")
			wants := []string{"<nobody@example.com>", "550 5.1.1"}
			if way != "smtp" {
				wants = append(wants, "<no-reply@example.com>", "550 5.7.1", "Please sign in")
			}
			var bounces string
			if !p.relay.wait(func() bool {
				bounces = ""
				for _, m := range p.relay.mails {
					if m.from == "" && m.to == "ann@example.org" {
						bounces += string(m.data)
					}
				}
				for _, want := range wants {
					if !strings.Contains(bounces, want) {
						return false
					}
				}
				return true
			}) {
				t.Errorf("Postfix tells the sender %q, want %q in it", bounces, wants)
			}
			p.stop()
		})
	}
}

// While the gateway is away, Postfix keeps the mail, and a socket that was left behind by a killed gateway is no hindrance.
func TestPostfixWaits(t *testing.T) {
	t.Parallel()
	need(t, "install the Debian package postfix", "postfix")
	door, err := os.MkdirTemp("", "door")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(door) })
	if err := os.Chmod(door, 0o755); err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, "LETTERLOCK_LMTP_LISTEN=unix:"+door+"/lmtp", "LETTERLOCK_LMTP_SOCKET_MODE=0666")
	p.serve()
	ann := p.converse("ann@example.org")
	front := startPostfix(t, p, "lmtp:unix:"+door+"/lmtp")
	p.kill()
	if _, err := os.Lstat(door + "/lmtp"); err != nil {
		t.Fatalf("a killed gateway leaves its socket: %v", err)
	}
	if err := send(t, front, "127.0.0.9", "ann@example.org", []string{ann.reply}, "From: ann@example.org\r\nSubject: a\r\n\r\nPatience.\r\n"); err != nil {
		t.Fatal(err)
	}
	p.serve()
	p.await(ann.id, "Patience.")
	if out, err := p.command("serve", "--smtp-listen", "", "--http-listen", "127.0.0.1:0").CombinedOutput(); err == nil || !strings.Contains(string(out), "another program listens on "+door+"/lmtp") {
		t.Errorf("a second gateway on the same socket: got %v, %s", err, out)
	}
	p.stop()
	if _, err := os.Lstat(door + "/lmtp"); err == nil {
		t.Error("the socket is still there")
	}
}
