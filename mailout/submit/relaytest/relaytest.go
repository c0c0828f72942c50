// Package relaytest runs a real SMTP relay on loopback for tests, with faults on demand. It is imported by tests only.
package relaytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is one mail that the relay took, or was asked to take.
type Mail struct {
	From, To string
	Data     []byte
	Mail     smtp.MailOptions
	Rcpt     smtp.RcptOptions
	TLS      bool
}

// Config says how the relay behaves. Each fault is given the number of the call, from 1, and may be nil.
type Config struct {
	Certificate *tls.Certificate // nil: no TLS
	Implicit    bool             // TLS from the first octet
	Password    string           // not empty: AUTH is needed, with any user name
	Mechanisms  []string         // PLAIN and LOGIN by default
	Token       string           // not empty: AUTH is needed, with this access token
	SMTPUTF8    bool
	RequireTLS  bool // offers REQUIRETLS under TLS
	LMTP        bool
	MaxSize     int64

	OnConnect func(n int, c net.Conn) error
	OnMail    func(n int) error
	OnOptions func(o smtp.MailOptions) error // of MAIL
	OnRcpt    func(n int, to string) error
	OnData    func(n int, m Mail, c net.Conn) error // an error means that the relay did not take it
}

// Relay is a relay that runs.
type Relay struct {
	Addr string

	c        Config
	server   *smtp.Server
	listener net.Listener

	mu                         sync.Mutex
	mails                      []Mail
	connects, nMail, nRcpt, nD int
	changed                    chan struct{}
}

// Start runs a relay until the test ends.
func Start(tb testing.TB, c Config) *Relay {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return Serve(tb, c, l)
}

// Serve runs a relay on a listener until the test ends, or Stop.
func Serve(tb testing.TB, c Config, l net.Listener) *Relay {
	tb.Helper()
	r := &Relay{Addr: l.Addr().String(), c: c, changed: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(r.session))
	s.Domain, s.AllowInsecureAuth = "relay.example", true
	s.EnableSMTPUTF8, s.EnableDSN = c.SMTPUTF8, true
	s.MaxMessageBytes = c.MaxSize
	s.EnableREQUIRETLS, s.LMTP = c.RequireTLS, c.LMTP
	s.ReadTimeout, s.WriteTimeout = 30*time.Second, 30*time.Second
	s.ErrorLog = log.New(io.Discard, "", 0)
	if c.Certificate != nil {
		config := &tls.Config{Certificates: []tls.Certificate{*c.Certificate}}
		if c.Implicit {
			l = tls.NewListener(l, config)
		} else {
			s.TLSConfig = config
		}
	}
	r.server, r.listener = s, l
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	tb.Cleanup(func() {
		r.Stop()
		<-done
	})
	return r
}

// Stop closes the relay and all its connections.
func (r *Relay) Stop() {
	_ = r.server.Close()
	_ = r.listener.Close() // which a server that has not begun to serve does not know yet
}

// Mails returns what the relay took so far.
func (r *Relay) Mails() []Mail {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Mail(nil), r.mails...)
}

// Connects returns how many connections were made.
func (r *Relay) Connects() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connects
}

// Await returns once the relay took n mails.
func (r *Relay) Await(tb testing.TB, n int) []Mail {
	tb.Helper()
	late := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		mails, changed := append([]Mail(nil), r.mails...), r.changed
		r.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-changed:
		case <-late:
			tb.Fatalf("the relay has %d mails, not %d", len(mails), n)
		}
	}
}

func (r *Relay) count(n *int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
	return *n
}

func (r *Relay) session(c *smtp.Conn) (smtp.Session, error) {
	// go-smtp asks for a session at each EHLO; a connection is counted once, before TLS or, with TLS from the start, at all.
	_, encrypted := c.TLSConnectionState()
	if c.Session() == nil && encrypted == r.c.Implicit {
		n := r.count(&r.connects)
		if r.c.OnConnect != nil {
			if err := r.c.OnConnect(n, c.Conn()); err != nil {
				return nil, err
			}
		}
	}
	s := &session{relay: r, conn: c}
	if r.c.Password+r.c.Token != "" {
		return &authSession{session: s}, nil
	}
	s.signedIn = true
	return s, nil
}

type session struct {
	relay    *Relay
	conn     *smtp.Conn
	signedIn bool
	m        Mail
}

func (s *session) Reset()        { s.m = Mail{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if !s.signedIn {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if n := s.relay.count(&s.relay.nMail); s.relay.c.OnMail != nil {
		if err := s.relay.c.OnMail(n); err != nil {
			return err
		}
	}
	if s.relay.c.OnOptions != nil {
		if err := s.relay.c.OnOptions(*o); err != nil {
			return err
		}
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.m = Mail{From: from, Mail: *o, TLS: encrypted}
	return nil
}

func (s *session) Rcpt(to string, o *smtp.RcptOptions) error {
	if n := s.relay.count(&s.relay.nRcpt); s.relay.c.OnRcpt != nil {
		if err := s.relay.c.OnRcpt(n, to); err != nil {
			return err
		}
	}
	s.m.To, s.m.Rcpt = to, *o
	return nil
}

func (s *session) Data(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.m.Data = data
	if n := s.relay.count(&s.relay.nD); s.relay.c.OnData != nil {
		if err := s.relay.c.OnData(n, s.m, s.conn.Conn()); err != nil {
			return err
		}
	}
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.mails = append(s.relay.mails, s.m)
	close(s.relay.changed)
	s.relay.changed = make(chan struct{})
	return nil
}

type authSession struct{ *session }

// AuthMechanisms implements smtp.AuthSession.
func (s *authSession) AuthMechanisms() []string {
	if s.relay.c.Mechanisms != nil {
		return s.relay.c.Mechanisms
	}
	return []string{sasl.Plain, sasl.Login}
}

// Auth implements smtp.AuthSession.
func (s *authSession) Auth(mechanism string) (sasl.Server, error) {
	check := func(password string) error {
		if password != s.relay.c.Password {
			return smtp.ErrAuthFailed
		}
		s.signedIn = true
		return nil
	}
	bearer := func(token string) bool {
		s.signedIn = s.relay.c.Token != "" && token == s.relay.c.Token
		return s.signedIn
	}
	switch mechanism {
	case sasl.OAuthBearer:
		return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !bearer(o.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
			}
			return nil
		}), nil
	case "XOAUTH2":
		return xoauth2Server(bearer), nil
	}
	if mechanism == sasl.Plain {
		return sasl.NewPlainServer(func(_, _, password string) error { return check(password) }), nil
	}
	return &loginServer{check: check}, nil
}

type loginServer struct {
	step  int
	check func(string) error
}

// Next implements sasl.Server. It asks in other words than most, as some servers do.
func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("User Name\x00"), false, nil
	case 2:
		return []byte("Password\x00"), false, nil
	}
	return nil, true, l.check(string(response))
}

// xoauth2Server is Microsoft's and Google's mechanism from the other side: it says in JSON why a token is refused, and wants an answer to that.
type xoauth2Server func(token string) bool

// Next implements sasl.Server.
func (x xoauth2Server) Next(response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	for _, part := range strings.Split(string(response), "\x01") {
		if token, ok := strings.CutPrefix(part, "auth=Bearer "); ok && x(token) {
			return nil, true, nil
		}
	}
	if len(response) == 0 {
		return nil, true, smtp.ErrAuthFailed
	}
	return []byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`), false, nil
}

// ErrDrop can be returned after a fault closed the connection: nobody reads it.
var ErrDrop = errors.New("dropped")

// Certificate makes a certificate for names and a pool that trusts it.
func Certificate(tb testing.TB, names ...string) (*tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relaytest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}
