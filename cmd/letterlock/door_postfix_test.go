package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"letterlock/mailout/submit/postfixtest"
)

// startPostfix starts a real Postfix that takes mail for example.com from this machine and hands it over as a transport says, such as
// lmtp:unix:PATH. What it wants to tell senders goes to the relay of p.
func startPostfix(t *testing.T, p *process, transport string) (addr string) {
	t.Helper()
	return postfixtest.Start(t, postfixtest.Config{Next: p.relay.addr, Settings: []string{
		"myhostname=front.example", "mynetworks=127.0.0.0/8", "relay_domains=example.com", "relay_recipient_maps=",
		"transport_maps=inline:{example.com=" + transport + "}",
		"lmtp_send_xforward_command=yes", "smtp_send_xforward_command=yes",
		"minimal_backoff_time=2s", "maximal_backoff_time=4s", "queue_run_delay=2s",
	}}).Addr
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
	postfixtest.Need(t)
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
	postfixtest.Need(t)
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
