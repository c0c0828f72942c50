package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"letterlock/bridge/mailaddr"
	"letterlock/store/seal"
)

// ACMEConfig is about certificates that come by themselves (RFC 8555), from Let's Encrypt or any other authority that speaks ACME.
type ACMEConfig struct {
	Domains   []string `toml:"domains" placeholder:"HOST" help:"Hosts to get certificates for, and to renew them: the portal's and the one that the MX record names. They are used for HTTPS and STARTTLS where no tls-cert is set. To set them is to agree to the authority's terms."`
	Email     string   `toml:"email" placeholder:"ADDRESS" help:"Whom the authority may write to about them."`
	Directory string   `toml:"directory" default:"https://acme-v02.api.letsencrypt.org/directory" placeholder:"URL" help:"The authority's directory (${default})."`
	TLSCA     string   `name:"tls-ca" toml:"tls_ca" placeholder:"FILE" help:"PEM certificates of the authority behind the directory's own certificate, if the system doesn't know it."`
	Listen    string   `toml:"listen" placeholder:"HOST:PORT" help:"Where to answer the authority's HTTP-01 challenges, such as :80; everybody else is sent to the portal. Without it only TLS-ALPN-01 on http-listen is offered, which must then be reached at port 443."`
}

func (c ACMEConfig) complete() error {
	for _, d := range c.Domains {
		if err := mailaddr.Valid("postmaster@" + d); err != nil {
			return fmt.Errorf("acme.domains: %q is not the name of a host", d)
		}
	}
	if len(c.Domains) == 0 {
		return nil
	}
	if u, err := url.Parse(c.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("acme.directory: %q is not an https address", c.Directory)
	}
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		return fmt.Errorf("acme.listen: %q is not HOST:PORT", c.Listen)
	}
	return nil
}

// acme gets certificates and keeps them renewed.
type acme struct {
	config    *certmagic.Config
	cache     *certmagic.Cache
	issuer    *certmagic.ACMEIssuer
	domains   []string
	challenge net.Listener // for HTTP-01; nil without
}

// newACME opens what is needed. web is the listener that can answer TLS-ALPN-01.
func newACME(c Config, web net.Listener, keys *seal.Keyring, log *slog.Logger) (*acme, error) {
	a := &acme{domains: c.ACME.Domains}
	template := certmagic.ACMEIssuer{
		CA: c.ACME.Directory, Email: c.ACME.Email, Agreed: true, DisableHTTPChallenge: c.ACME.Listen == "", DisableTLSALPNChallenge: c.HTTP.TLSCert != "",
		Logger: zap.New(zapTo{log}),
	}
	if t, ok := web.Addr().(*net.TCPAddr); ok {
		template.AltTLSALPNPort = t.Port
		if !t.IP.IsUnspecified() {
			template.ListenHost = t.IP.String()
		}
	}
	if template.DisableHTTPChallenge && template.DisableTLSALPNChallenge {
		return nil, errors.New("acme.domains: http.tls_cert is set, so only HTTP-01 is left: set acme.listen to :80")
	}
	if c.ACME.TLSCA != "" {
		pem, err := os.ReadFile(c.ACME.TLSCA)
		if err != nil {
			return nil, fmt.Errorf("acme.tls_ca: %w", err)
		}
		template.TrustedRoots = x509.NewCertPool()
		if !template.TrustedRoots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("acme.tls_ca: %s has no certificate in PEM", c.ACME.TLSCA)
		}
	}
	if c.ACME.Listen != "" {
		var err error
		if a.challenge, err = listen("acme.listen", c.ACME.Listen); err != nil {
			return nil, err
		}
		if t, ok := a.challenge.Addr().(*net.TCPAddr); ok {
			template.AltHTTPPort = t.Port
		}
	}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil }, Logger: template.Logger,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage: &sealedFiles{&certmagic.FileStorage{Path: filepath.Join(c.Data, "acme")}, keys}, Logger: template.Logger,
		// Mail servers often name nobody when they ask for a certificate.
		DefaultServerName: c.SMTP.Hostname, FallbackServerName: a.domains[0],
	})
	a.issuer = certmagic.NewACMEIssuer(a.config, template)
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// tls returns the configuration of a server; the protocols are offered beside the one of TLS-ALPN-01.
func (a *acme) tls(protocols ...string) *tls.Config {
	c := a.config.TLSConfig()
	c.NextProtos, c.MinVersion = append(protocols, c.NextProtos...), tls.VersionTLS12
	return c
}

// run gets what is missing and renews what runs out, until ctx ends. What fails is logged and tried again.
func (a *acme) run(ctx context.Context, portal string) error {
	if err := a.config.ManageAsync(ctx, a.domains); err != nil {
		return fmt.Errorf("get certificates: %w", err)
	}
	if a.challenge == nil {
		<-ctx.Done()
		return nil
	}
	s := &http.Server{
		Handler:     a.issuer.HTTPChallengeHandler(http.RedirectHandler(portal, http.StatusMovedPermanently)),
		ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	return serveHTTP(ctx, s, a.challenge, time.Second)
}

func (a *acme) close() error {
	a.cache.Stop()
	if a.challenge == nil {
		return nil
	}
	if err := a.challenge.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// sealedFiles keeps what certmagic keeps, sealed like all else in the data folder. What can't be opened any more, such as what was sealed with a key
// that was retired, counts as not there, and is got anew.
type sealedFiles struct {
	*certmagic.FileStorage
	keys *seal.Keyring
}

// Store implements certmagic.Storage.
func (s *sealedFiles) Store(ctx context.Context, key string, value []byte) error {
	return s.FileStorage.Store(ctx, key, s.keys.Seal(value, "acme", "value", []byte(key)))
}

// Load implements certmagic.Storage.
func (s *sealedFiles) Load(ctx context.Context, key string) ([]byte, error) {
	sealed, err := s.FileStorage.Load(ctx, key)
	if err != nil {
		return nil, err
	}
	value, err := s.keys.Open(sealed, "acme", "value", []byte(key))
	if err != nil {
		return nil, fmt.Errorf("%s can't be opened: %w", key, fs.ErrNotExist)
	}
	return value, nil
}

// zapTo writes certmagic's log entries into ours.
type zapTo struct{ log *slog.Logger }

var _ zapcore.Core = zapTo{}

// Enabled implements zapcore.Core.
func (z zapTo) Enabled(l zapcore.Level) bool { return z.log.Enabled(context.Background(), level(l)) }

// With implements zapcore.Core.
func (z zapTo) With(fields []zapcore.Field) zapcore.Core {
	return zapTo{z.log.With(attributes(fields)...)}
}

// Check implements zapcore.Core.
func (z zapTo) Check(e zapcore.Entry, c *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if z.Enabled(e.Level) {
		return c.AddCore(e, z)
	}
	return c
}

// Write implements zapcore.Core.
func (z zapTo) Write(e zapcore.Entry, fields []zapcore.Field) error {
	z.log.Log(context.Background(), level(e.Level), e.Message, attributes(fields)...)
	return nil
}

// Sync implements zapcore.Core.
func (z zapTo) Sync() error { return nil }

// level brings zap's levels to ours, one lower: what certmagic informs of is of interest to few.
func level(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l == zapcore.WarnLevel:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// attributes leaves out what may hold a key or an account.
func attributes(fields []zapcore.Field) []any {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		switch f.Key {
		case "identifier", "identifiers", "error", "challenge_type", "issuer", "remaining", "attempt", "retrying_in", "max_duration":
			f.AddTo(values)
		}
	}
	var list []any
	for name, v := range values.Fields {
		list = append(list, strings.ReplaceAll(name, "-", "_"), v)
	}
	return list
}
