package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// authority is as much of an ACME server (RFC 8555) as getting one certificate takes: it validates by one challenge, and checks no signatures of
// requests. What it looks at is how its client proves that it holds the name.
type authority struct {
	*httptest.Server
	kind string // tls-alpn-01 or http-01
	at   string // where to validate
	key  *ecdsa.PrivateKey
	cert *x509.Certificate

	mu         sync.Mutex
	thumbprint string
	domain     string
	valid      bool
	issued     []byte // PEM
	faults     []string
}

func newAuthority(t *testing.T, kind string) *authority {
	t.Helper()
	a := &authority{kind: kind}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewTLSServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

// root writes the certificate of the server itself, for acme.tls_ca.
func (a *authority) root(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Replay-Nonce", base64.RawURLEncoding.EncodeToString([]byte(time.Now().String())))
	var jws struct{ Protected, Payload string }
	var payload struct {
		Identifiers []struct{ Value string }
		CSR         string
	}
	if r.Method == http.MethodPost {
		b, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(b, &jws)
		text, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
		_ = json.Unmarshal(text, &payload)
	}
	order := func(status string) map[string]any {
		return map[string]any{
			"status": status, "identifiers": []any{map[string]any{"type": "dns", "value": a.domain}}, "authorizations": []any{a.URL + "/authz"},
			"finalize": a.URL + "/finalize", "certificate": a.URL + "/cert",
		}
	}
	answer := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	state := map[bool]string{true: "valid", false: "pending"}[a.valid]
	challenge := map[string]any{"type": a.kind, "url": a.URL + "/challenge", "token": "a-token", "status": state}
	switch r.URL.Path {
	case "/directory":
		answer(200, map[string]any{"newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/new-order"})
	case "/nonce":
	case "/account":
		text, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
		var protected struct{ JWK map[string]string }
		_ = json.Unmarshal(text, &protected)
		if protected.JWK != nil {
			k := protected.JWK
			sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, k["crv"], k["kty"], k["x"], k["y"]))
			a.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
		}
		w.Header().Set("Location", a.URL+"/account/1")
		answer(201, map[string]any{"status": "valid"})
	case "/new-order":
		a.domain = payload.Identifiers[0].Value
		w.Header().Set("Location", a.URL+"/order")
		answer(201, order("pending"))
	case "/authz":
		answer(200, map[string]any{"status": state, "identifier": map[string]any{"type": "dns", "value": a.domain}, "challenges": []any{challenge}})
	case "/challenge":
		if err := a.validate(); err != nil {
			a.faults = append(a.faults, err.Error())
		} else {
			a.valid = true
		}
		answer(200, challenge)
	case "/finalize":
		if err := a.issue(payload.CSR); err != nil {
			a.faults = append(a.faults, err.Error())
		}
		w.Header().Set("Location", a.URL+"/order")
		answer(200, order("valid"))
	case "/order":
		answer(200, order(map[bool]string{true: "ready", false: "pending"}[a.valid]))
	case "/cert":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(a.issued)
	default:
		http.NotFound(w, r)
	}
}

// validate looks whether the client holds the name, as RFC 8555, section 8.3, and RFC 8737 say.
func (a *authority) validate() error {
	proof := "a-token." + a.thumbprint
	if a.kind == "http-01" {
		r, err := http.NewRequest(http.MethodGet, "http://"+a.at+"/.well-known/acme-challenge/a-token", nil)
		if err != nil {
			return err
		}
		r.Host = a.domain
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if b, _ := io.ReadAll(resp.Body); string(b) != proof {
			return fmt.Errorf("got proof %q, want %q", b, proof)
		}
		return nil
	}
	d := &net.Dialer{Timeout: 10 * time.Second}
	conn, err := tls.DialWithDialer(d, "tcp", a.at, &tls.Config{ServerName: a.domain, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	sum := sha256.Sum256([]byte(proof))
	want, err := asn1.Marshal(sum[:])
	if err != nil {
		return err
	}
	for _, e := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && bytes.Equal(e.Value, want) {
			return nil
		}
	}
	return fmt.Errorf("the certificate of TLS-ALPN-01 has no proof")
}

func (a *authority) issue(coded string) error {
	der, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil {
		return err
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: csr.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(12 * time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, a.cert, csr.PublicKey, a.key)
	a.issued = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return err
}

func (a *authority) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.faults, "; ")
}

// A certificate comes by itself, by either challenge, for the portal and for STARTTLS, and what is kept of it is sealed.
func TestACME(t *testing.T) {
	for _, kind := range []string{"tls-alpn-01", "http-01"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			authority := newAuthority(t, kind)
			challenge, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			web, err := freeAddr()
			if err != nil {
				t.Fatal(err)
			}
			authority.at = web
			if kind == "http-01" {
				authority.at = challenge
			}
			opened, log, stop := startServe(t, func(c *Config) {
				c.HTTP.Listen = web
				c.ACME = ACMEConfig{Domains: []string{"mail.example.com"}, Directory: authority.URL + "/directory", TLSCA: authority.root(t, dir)}
				if kind == "http-01" {
					c.ACME.Listen = challenge
				}
			})
			roots := x509.NewCertPool()
			roots.AddCert(authority.cert)
			trusting := &tls.Config{RootCAs: roots, ServerName: "mail.example.com"}
			var conn *tls.Conn
			for bound := time.Now().Add(time.Minute); time.Now().Before(bound); time.Sleep(100 * time.Millisecond) {
				if conn, err = tls.Dial("tcp", opened.http, trusting); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatalf("no certificate comes: %v; the authority says %q\n%s", err, authority.said(), log)
			}
			_ = conn.Close()
			plain, err := net.Dial("tcp", opened.smtp)
			if err != nil {
				t.Fatal(err)
			}
			c, err := smtp.NewClientStartTLS(plain, trusting)
			if err != nil {
				t.Fatalf("STARTTLS: %v", err)
			}
			_ = c.Close()
			// Whoever names no host gets the one of the MX record.
			if conn, err = tls.Dial("tcp", opened.http, &tls.Config{InsecureSkipVerify: true}); err != nil {
				t.Errorf("without a name: %v", err)
			} else {
				_ = conn.Close()
			}
			if kind == "http-01" {
				client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				resp, err := client.Get("http://" + challenge + "/anything")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := resp.Header.Get("Location"); got != "http://127.0.0.1:1" {
					t.Errorf("others are sent to %q", got)
				}
			}
			if err := stop(); err != nil {
				t.Errorf("the end: %v", err)
			}
			files := 0
			err = filepath.WalkDir("data/acme", func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				if bytes.Contains(text, []byte("-----BEGIN")) || bytes.Contains(text, []byte("status")) {
					t.Errorf("%s is not sealed", path)
				}
				files++
				return err
			})
			if err != nil || files == 0 {
				t.Errorf("%d files are kept, %v", files, err)
			}
		})
	}
}
