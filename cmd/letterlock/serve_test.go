package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServe runs serve in this process on data that init makes in the current folder, and returns where it listens.
func startServe(t *testing.T, set func(*Config)) (opened addresses, log *lockedBuffer, stop func() error) {
	t.Helper()
	if status, _, stderr := runIt("", "init", "--domain", "mail.example.com", "--base-url", "http://127.0.0.1:1"); status != exitOK {
		t.Fatal(stderr)
	}
	log = &lockedBuffer{}
	ready := make(chan addresses, 1)
	env := &environment{stdout: io.Discard, stderr: log, hooks: hooks{ready: func(a addresses) { ready <- a }}}
	c := serveCommand{Settings: defaultConfig()}
	c.Settings.Domain, c.Settings.BaseURL, c.Settings.SenderPolicy = "mail.example.com", "http://127.0.0.1:1", "address"
	c.Settings.SMTP.Listen, c.Settings.HTTP.Listen, c.Settings.SMTP.Hostname = "127.0.0.1:0", "127.0.0.1:0", "mail.example.com"
	c.Settings.Relay.Address, c.Settings.Relay.TLS = "127.0.0.1:1", "none"
	if set != nil {
		set(&c.Settings)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, env) }()
	stop = func() error {
		cancel()
		select {
		case err := <-ended:
			ended <- err
			return err
		case <-time.After(60 * time.Second):
			return errors.New("serve does not end")
		}
	}
	t.Cleanup(func() { _ = stop() })
	select {
	case opened = <-ready:
	case err := <-ended:
		t.Fatalf("serve ended: %v\n%s", err, log)
	case <-time.After(30 * time.Second):
		t.Fatal("serve does not begin")
	}
	return opened, log, stop
}

func TestServe(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("LETTERLOCK_SMPT_LISTEN", ":26")
	opened, log, stop := startServe(t, nil)
	resp, err := http.Get("http://" + opened.http + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("healthz: got %d", resp.StatusCode)
	}
	c, err := smtp.Dial(opened.smtp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail("ann@example.org", nil); err != nil {
		t.Fatal(err)
	}
	var refused *smtp.SMTPError
	if err := c.Rcpt("nobody@mail.example.com", nil); !errors.As(err, &refused) || refused.Code != 550 {
		t.Errorf("an unknown recipient: got %v, want 550", err)
	}
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"From of a reply is not proven", "LETTERLOCK_SMPT_LISTEN", "LETTERLOCK_SMTP_LISTEN", "letterlock serves"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %q:\n%s", want, log)
		}
	}
	// The operator's commands work beside it.
	if status, out, stderr := runIt("", "mode", "convenience"); status != exitOK || !strings.Contains(out, "convenience") {
		t.Errorf("mode beside serve: got %d, %q, %q", status, out, stderr)
	}
	if err := stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if !strings.Contains(log.String(), "has stopped") {
		t.Errorf("the log does not say that it stopped:\n%s", log)
	}
	if _, err := net.Dial("tcp", opened.smtp); err == nil {
		t.Error("somebody still listens")
	}
}

func TestServeRefusesToBegin(t *testing.T) {
	t.Chdir(t.TempDir())
	if status, _, stderr := runIt("", "init", "--domain", "mail.example.com", "--sender-policy", "address"); status != exitOK {
		t.Fatal(stderr)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		args []string
		want int
		says string
	}{
		{"port in use", []string{"--smtp-listen", taken.Addr().String()}, exitFailure, "another program listens"},
		{"no data folder", []string{"--data", "gone"}, exitFailure, "letterlock init"},
		{"no key file", []string{"--key-file", "gone"}, exitFailure, "letterlock init"},
		{"no certificate", []string{"--smtp-tls-cert", "gone.pem", "--smtp-tls-key", "gone.pem"}, exitFailure, "smtp.tls_cert"},
		{"no password file", []string{"--relay-username", "u", "--relay-password-file", "gone"}, exitFailure, "relay.password_file"},
		{"no mailbox password", []string{"--imap", "name=a,address=127.0.0.1:1,tls=none,username=u,password_file=gone"}, exitFailure, "imap.a.password_file"},
		{"unknown policy", []string{"--sender-policy", "lenient"}, exitUsage, "standard, strict, address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"serve", "--smtp-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, tt.args...)
			status, _, stderr := runIt("", args...)
			last := stderr[strings.LastIndexByte(strings.TrimSpace(stderr), '\n')+1:]
			if status != tt.want || !strings.HasPrefix(last, "letterlock: ") || !strings.Contains(last, tt.says) {
				t.Errorf("got status %d and %q, want %d and %q", status, last, tt.want, tt.says)
			}
		})
	}
}

// A gateway that is told to stop while it starts must stop as well.
func TestServeEndsAsItBegins(t *testing.T) {
	t.Chdir(t.TempDir())
	if status, _, stderr := runIt("", "init", "--domain", "mail.example.com"); status != exitOK {
		t.Fatal(stderr)
	}
	c := defaultConfig()
	c.Domain, c.BaseURL, c.SenderPolicy, c.Relay.Address, c.Relay.TLS = "mail.example.com", "https://mail.example.com", "address", "127.0.0.1:1", "none"
	c.SMTP.Listen, c.HTTP.Listen = "127.0.0.1:0", "127.0.0.1:0"
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		a, err := newApp(t.Context(), appConfig{Config: c, log: slog.New(slog.DiscardHandler), now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := a.run(ctx); err != nil || time.Since(began) > 10*time.Second {
			t.Fatalf("got %v after %s", err, time.Since(began))
		}
	}
}

// makeCertificate writes a certificate for a name and its key.
func makeCertificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestServeWithTLS(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	cert, key := makeCertificate(t, dir, "mail.example.com")
	opened, _, stop := startServe(t, func(c *Config) {
		c.HTTP.TLSCert, c.HTTP.TLSKey, c.SMTP.TLSCert, c.SMTP.TLSKey = cert, key, cert, key
	})
	unchecked := &tls.Config{InsecureSkipVerify: true}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: unchecked, ForceAttemptHTTP2: true}}
	resp, err := client.Get("https://" + opened.http + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("got %d over HTTP/%d, want 200 over HTTP/2", resp.StatusCode, resp.ProtoMajor)
	}
	client.CloseIdleConnections()
	conn, err := net.Dial("tcp", opened.smtp)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClientStartTLS(conn, unchecked)
	if err != nil {
		t.Fatalf("STARTTLS: %v", err)
	}
	defer c.Close()
	if err := c.Noop(); err != nil {
		t.Errorf("after STARTTLS: %v", err)
	}
	if err := stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := makeCertificate(t, dir, "one.example")
	k := &keptCertificate{certFile: cert, keyFile: key}
	name := func() string {
		t.Helper()
		c, err := k.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	if got := name(); got != "one.example" {
		t.Errorf("got %s", got)
	}
	makeCertificate(t, dir, "two.example")
	later := time.Now().Add(time.Minute)
	if err := errors.Join(os.Chtimes(cert, later, later), os.Chtimes(key, later, later)); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "one.example" {
		t.Errorf("at once: got %s, want the one that was looked at just now", got)
	}
	k.looked = time.Time{}
	if got := name(); got != "two.example" {
		t.Errorf("later: got %s, want the new one", got)
	}
	// A renewal that is half written leaves the old one in use.
	if err := os.WriteFile(cert, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.looked = time.Time{}
	if got := name(); got != "two.example" {
		t.Errorf("half a file: got %s, want the old one", got)
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	if err := os.WriteFile(file, []byte("from the file\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, value, file, command, want, fails string }{
		{name: "nothing"},
		{name: "value", value: "v", want: "v"},
		{name: "file", file: file, want: "from the file"},
		{name: "command", command: "printf 'from the command\nmore'", want: "from the command"},
		{name: "two", value: "sesame", file: file, fails: "only one of"},
		{name: "no file", file: filepath.Join(dir, "gone"), fails: "password_file"},
		{name: "empty file", file: empty, fails: "gives nothing"},
		{name: "failing command", command: "echo sesame; exit 3", fails: "exit status 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := secret(t.Context(), "relay", tt.value, tt.file, tt.command)
			if got != tt.want || (err == nil) != (tt.fails == "") || err != nil && (!strings.Contains(err.Error(), tt.fails) || strings.Contains(err.Error(), "sesame")) {
				t.Errorf("got %q, %v; want %q, an error with %q", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestStrayVariables(t *testing.T) {
	got := strayVariables([]string{"PATH=/bin", "LETTERLOCK_DOMAIN=x", "LETTERLOCK_IMAP=x", "LETTERLOCK_CONFIG=x", "LETTERLOCK_TEST_REQUIRE=all", "LETTERLOCK_DOMIAN=x"})
	if want := []string{"LETTERLOCK_DOMIAN"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNotifySystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notifySystemd("READY=1"); err != nil {
		t.Errorf("without a socket: got %v", err)
	}
	dir, err := os.MkdirTemp("", "notify") // t.TempDir may be longer than a socket's name can be
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	if err := notifySystemd("READY=1"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	n, err := l.Read(b)
	if got := string(b[:n]); err != nil || got != "READY=1" {
		t.Errorf("got %q, %v", got, err)
	}
}
