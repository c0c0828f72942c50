package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// proxyV2 is a header of the PROXY protocol, version 2, for TCP over IPv6.
func proxyV2(client, server netip.AddrPort) string {
	b := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24")
	from, to := client.Addr().As16(), server.Addr().As16()
	b = append(append(b, from[:]...), to[:]...)
	return string(append(b, byte(client.Port()>>8), byte(client.Port()), byte(server.Port()>>8), byte(server.Port())))
}

// A load balancer that is named says who its client is, and must; nobody else can.
func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "LETTERLOCK_SMTP_PROXY_PROTOCOL=127.0.0.1")
	p.serve()
	ann := p.converse("ann@example.org")
	dial := func(local string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}, Timeout: 20 * time.Second}
		conn, err := d.DialContext(t.Context(), "tcp", p.smtp)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		return conn
	}
	for client, header := range map[string]string{
		"192.0.2.7:4711":     "PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
		"[2001:db8::7]:4712": proxyV2(netip.MustParseAddrPort("[2001:db8::7]:4712"), netip.MustParseAddrPort("[2001:db8::1]:25")),
	} {
		conn := dial("127.0.0.1")
		if _, err := io.WriteString(conn, header); err != nil {
			t.Fatal(err)
		}
		mail := fmt.Sprintf("From: ann@example.org\r\nSubject: a\r\nMessage-ID: <%d@ann.example>\r\n\r\nFrom %s.\r\n", len(client), client)
		if err := smtp.NewClient(conn).SendMail("ann@example.org", []string{ann.reply}, strings.NewReader(mail)); err != nil {
			t.Fatalf("%s: %v", client, err)
		}
		p.await(ann.id, "From "+client+".")
		_, answer := p.call(http.MethodGet, "/received?limit=1", "")
		var list struct{ Received []struct{ Peer string } }
		if err := json.Unmarshal(answer, &list); err != nil || len(list.Received) != 1 || list.Received[0].Peer != client {
			t.Errorf("the client in the record is not %s: %s", client, answer)
		}
	}
	for _, tt := range []struct{ name, local, sends, want string }{
		{"trusted, and no header", "127.0.0.1", "EHLO client.example\r\n", ""},
		{"trusted, and a broken header", "127.0.0.1", "PROXY TCP4 nobody nowhere 1 2\r\n", ""},
		{"not trusted", "127.0.0.9", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\nEHLO client.example\r\n", "500 5.5.1 The PROXY protocol"},
	} {
		conn := dial(tt.local)
		if _, err := io.WriteString(conn, tt.sends); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(conn)
		if err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the connection stays open", tt.name)
		}
		if strings.Contains(string(said), "250") || tt.want == "" && len(said) > 0 || !strings.Contains(string(said), tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, said, tt.want)
		}
	}
	p.stop()
}

// Likewise on the web.
func TestProxyProtocolHTTP(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := proxied("http.proxy_protocol", plain, []string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) })}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	for _, tt := range []struct{ local, sends, status, body string }{
		{"127.0.0.1", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", "200", "192.0.2.7:4711"},
		{"127.0.0.9", "", "200", "127.0.0.9:"},
		{"127.0.0.9", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", "400", "400 Bad Request"},
	} {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.local)}}
		conn, err := d.Dial("tcp", plain.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(conn, tt.sends+"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(got), "HTTP/1.1 "+tt.status) || !strings.Contains(string(got), tt.body) {
			t.Errorf("%s %q: got %q, want %s and %q", tt.local, tt.sends, got, tt.status, tt.body)
		}
		conn.Close()
	}
}

// A renewed certificate is in use at once when the process is told.
func TestHangup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := makeCertificate(t, dir, "one.example")
	p := newProcess(t, "LETTERLOCK_SMTP_TLS_CERT="+cert, "LETTERLOCK_SMTP_TLS_KEY="+key)
	p.serve()
	name := func() string {
		t.Helper()
		conn, err := net.Dial("tcp", p.smtp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		r := bufio.NewReader(conn)
		for _, line := range []string{"", "STARTTLS\r\n"} {
			_, _ = io.WriteString(conn, line)
			if said, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(said, "220 ") {
				t.Fatalf("got %q, %v", said, err)
			}
		}
		session := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		if err := session.Handshake(); err != nil {
			t.Fatal(err)
		}
		return session.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "one.example" {
		t.Errorf("got %s", got)
	}
	makeCertificate(t, dir, "two.example")
	_ = p.cmd.Process.Signal(syscall.SIGHUP)
	bound := time.Now().Add(20 * time.Second)
	for !strings.Contains(p.logged(), "certificate read again") && time.Now().Before(bound) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := name(); got != "two.example" {
		t.Errorf("after SIGHUP: got %s\n%s", got, p.logged())
	}
	if err := os.WriteFile(cert, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Process.Signal(syscall.SIGHUP)
	for !strings.Contains(p.logged(), "the old one stays in use") && time.Now().Before(bound) {
		time.Sleep(10 * time.Millisecond)
	}
	if got := name(); got != "two.example" {
		t.Errorf("with a broken file: got %s", got)
	}
	p.stop()
}

func TestDoorSettings(t *testing.T) {
	for _, tt := range []struct {
		set   func(*Config)
		fails string
	}{
		{func(c *Config) { c.SMTP.ProxyProtocol = []string{"x"} }, "smtp.proxy_protocol"},
		{func(c *Config) { c.SMTP.Forwarders = []string{"10.0.0.0/33"} }, "smtp.forwarders"},
		{func(c *Config) { c.SMTP.PaceMails = 0 }, "smtp.pace_mails"},
		{func(c *Config) { c.SMTP.PaceMails = -1 }, ""},
		{func(c *Config) { c.LMTP.Listen = "unix:" }, "lmtp.listen"},
		{func(c *Config) { c.LMTP.Listen = "unix:" + strings.Repeat("x", 101) }, "lmtp.listen"},
		{func(c *Config) { c.LMTP.Listen, c.SMTP.Listen = "unix:/run/x", "" }, ""},
		{func(c *Config) { c.LMTP.SocketMode = "rw" }, "lmtp.socket_mode"},
		{func(c *Config) { c.Clamd.Address = "clamd" }, "clamd.address"},
		{func(c *Config) { c.Clamd.Timeout = 0 }, "clamd.timeout"},
		{func(c *Config) { c.Message.DeniedTypes = []string{"exe"} }, "message.denied_types"},
		{func(c *Config) { c.Message.DeniedTypes = []string{"none"} }, ""},
		{func(c *Config) { c.Message.AllowedTypes = []string{"PDF", "image"} }, ""},
		{func(c *Config) { c.ACME.Domains = []string{"a b"} }, "acme.domains"},
		{func(c *Config) { c.ACME.Domains, c.ACME.Directory = []string{"a.example"}, "http://a" }, "acme.directory"},
	} {
		c := defaultConfig()
		c.Domain, c.BaseURL, c.SenderPolicy, c.Relay.Address = "mail.example.com", "https://portal.example.com", "address", "127.0.0.1:25"
		tt.set(&c)
		err := c.complete()
		if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("got %v, want an error about %q", err, tt.fails)
		}
	}
}

// As it comes, the gateway takes no programs, by mail or by upload, whatever they are called, and says which file it was.
func TestProgramsAreNotTaken(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "LETTERLOCK_MESSAGE_MAX_FILE=100KiB")
	p.serve()
	ann := p.converse("ann@example.org")
	const program = "\x7fELF\x02\x01\x01\x00"
	for _, tt := range []struct {
		name, content string
		code, status  int
		says          string
	}{
		{"holiday.jpg", program, 554, http.StatusUnprocessableEntity, `The file "holiday.jpg" is a program; such files are not taken here.`},
		{"x.txt", "L\x00\x00\x00\x01\x14\x02\x00 and so on", 554, http.StatusUnprocessableEntity, `The file "x.txt" is a shortcut`},
		{"plan.bin", strings.Repeat("x", 101<<10), 552, http.StatusRequestEntityTooLarge, "plan.bin"},
		{"plan.txt", "Tuesday", 250, http.StatusCreated, ""},
	} {
		err := send(t, p.smtp, "127.0.0.1", "ann@example.org", []string{ann.reply}, withFile("See "+tt.name, tt.name, tt.content))
		var refused *smtp.SMTPError
		switch errors.As(err, &refused) {
		case true:
			if refused.Code != tt.code || !strings.Contains(refused.Message, tt.says) {
				t.Errorf("%s by mail: got %v, want %d %s", tt.name, err, tt.code, tt.says)
			}
		case false:
			if err != nil || tt.code != 250 {
				t.Errorf("%s by mail: got %v, want %d", tt.name, err, tt.code)
			}
		}
		status, answer := p.call(http.MethodPost, "/threads/"+ann.id+"/messages", fmt.Sprintf(`{"text":"Look.","files":[{"filename":%q,"content":%q}]}`,
			tt.name, base64.StdEncoding.EncodeToString([]byte(tt.content))))
		var problem struct{ Detail string }
		if err := json.Unmarshal(answer, &problem); err != nil || status != tt.status || !strings.Contains(problem.Detail, tt.says) {
			t.Errorf("%s uploaded: got %d %s, want %d %s", tt.name, status, answer, tt.status, tt.says)
		}
	}
	if got := strings.Join(p.texts(ann.id)[1:], " "); got != "See plan.txt Look." {
		t.Errorf("the thread has %q", got)
	}
	p.stop()
	if strings.Contains(p.logged(), "holiday") {
		t.Errorf("the log names a file:\n%s", p.logged())
	}
}
