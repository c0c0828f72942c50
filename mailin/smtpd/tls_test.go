package smtpd

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"
)

func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "desk.example"}, DNSNames: []string{"desk.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// secure makes the client's end a TLS session.
func (c *client) secure() {
	c.t.Helper()
	session := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true})
	session.SetDeadline(time.Now().Add(wait))
	if err := session.Handshake(); err != nil {
		c.t.Fatalf("handshake: %v", err)
	}
	c.conn, c.r = session, bufio.NewReader(session)
}

func TestStartTLS(t *testing.T) {
	o := newOffice()
	addr, stop := start(t, o, func(c *Config) { c.TLS = certificate(t) })
	c := dial(t, addr)
	c.talk(`
		< 220
		> EHLO client.example
		< 250-STARTTLS
		> MAIL FROM:<mallory@example.org>
		<- 250
		> STARTTLS now
		<- 501 5.5.4
		> STARTTLS
		<- 220 2.0.0`)
	c.secure()
	// Nothing said before counts, and there is no second greeting.
	c.talk(`
		> RCPT TO:<reply+ann@desk.example>
		<- 502
		> MAIL FROM:<ann@example.org>
		<- 502
		> EHLO client.example`)
	for _, l := range c.reply() {
		if strings.Contains(l, "STARTTLS") {
			t.Error("STARTTLS is offered within TLS")
		}
	}
	c.talk(`
		> STARTTLS
		<- 502
		> MAIL FROM:<ann@example.org>
		<- 250
		> RCPT TO:<reply+ann@desk.example>
		<- 250
		> DATA
		<- 354
		> From: ann@example.org
		>
		> .
		<- 250
		> QUIT
		<- 221`)
	stop()
	mails := o.got()
	if len(mails) != 1 || !strings.Contains(mails[0].raw, "\tby mx.desk.example with ESMTPS id ") || !strings.Contains(mails[0].raw, "(TLS1.3 TLS_") {
		t.Errorf("got %+v", mails)
	}
}

func TestStartTLSInjection(t *testing.T) {
	addr, _ := start(t, newOffice(), func(c *Config) { c.TLS = certificate(t) })
	c := dial(t, addr)
	c.talk("< 220\n> EHLO client.example\n< 250-STARTTLS\n>> \"STARTTLS\\r\\nMAIL FROM:<mallory@example.org>\\r\\n\"\n<- 554 5.5.1\nclosed")
	c = dial(t, addr)
	c.talk("< 220\n> EHLO client.example\n< 250-STARTTLS\n> STARTTLS\n<- 220\n> MAIL FROM:<mallory@example.org>")
	c.closedAfterAlert()
}

// closedAfterAlert expects the end of the connection, which may be preceded by a TLS alert.
func (c *client) closedAfterAlert() {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(wait))
	b, err := io.ReadAll(c.r)
	if isTimeout(err) || bytes.Contains(b, []byte("250")) {
		c.t.Errorf("got %q and %v, want the end", b, err)
	}
}

func TestImplicitTLS(t *testing.T) {
	o := newOffice()
	addr, _ := start(t, o, func(c *Config) { c.Listeners[0] = tls.NewListener(c.Listeners[0], certificate(t)) })
	c := dial(t, addr)
	c.secure()
	hello(c)
	c.talk("> .\n<- 250")
	// Somebody who does not speak TLS holds nobody up.
	dial(t, addr)
	d := dial(t, addr)
	d.secure()
	hello(d)
	d.talk("> .\n<- 250")
}
