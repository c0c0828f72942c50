// Package web is Letterlock's face over HTTP: the portal for customers, the desk for staff, the pages of admins, and the API
// for programs. This package puts them under one handler and lays around them what every request needs: limits, security
// header fields, sessions, protection against cross-site requests, a log without content, and calm error pages.
//
// It follows HTTP (RFC 9110), CSP Level 3, Fetch Metadata, RFC 6265bis for cookies and RFC 6797 for HSTS. It knows nothing of
// SQL, SMTP or IMAP, and it decides nothing about permission: package bridge does.
package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"letterlock/bridge"
	"letterlock/web/admin"
	"letterlock/web/desk"
	"letterlock/web/page"
	"letterlock/web/portal"
)

// Config is what New needs. Gateway and Parse must be set.
type Config struct {
	Gateway  *bridge.Gateway
	Parse    desk.Parse       // reads the raw mail that is held; package mailin has it
	API      http.Handler     // answers /api/; nil for none
	Sessions scs.Store        // keeps sessions by a hash of their token; nil keeps them in memory
	IdleLife time.Duration    // a session unused this long ends; 2 hours if zero
	FullLife time.Duration    // a session ends after this in any case; 7 days if zero
	MaxFiles int64            // octets of the files of one form, as the Gateway has it; 25 MiB if zero
	Trusted  []netip.Prefix   // reverse proxies whose X-Forwarded-For is believed
	Location *time.Location   // in which times are written; UTC if nil
	Now      func() time.Time // time.Now if nil
	Log      *slog.Logger     // discarded if nil
	// Ready reports whether the gateway can work, for /healthz; nil always says yes.
	Ready func(context.Context) error
}

// Site is the whole face. It implements http.Handler.
type Site struct {
	cfg   Config
	https bool
	log   *slog.Logger
	pages *page.Site
	root  http.Handler
}

var _ http.Handler = (*Site)(nil)

// New returns the face of a gateway.
func New(cfg Config) (*Site, error) {
	if cfg.Gateway == nil || cfg.Parse == nil {
		return nil, errors.New("new web face: it needs a gateway and a way to read mail")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	base, err := url.Parse(cfg.Gateway.BaseURL())
	if err != nil {
		return nil, fmt.Errorf("new web face: %w", err)
	}
	s := &Site{cfg: cfg, https: base.Scheme == "https", log: cfg.Log}
	s.pages, err = page.New(page.Config{
		Gateway: cfg.Gateway, Sessions: cfg.Sessions, IdleLife: cfg.IdleLife, FullLife: cfg.FullLife, MaxFiles: cfg.MaxFiles,
		Location: cfg.Location, Now: cfg.Now, Log: cfg.Log, ClientNetwork: s.network,
	})
	if err != nil {
		return nil, fmt.Errorf("new web face: %w", err)
	}
	if s.root, err = s.routes(); err != nil {
		return nil, fmt.Errorf("new web face: %w", err)
	}
	return s, nil
}

// routes builds the handler from the inside out.
func (s *Site) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	po, err := portal.New(s.pages, s.cfg.Gateway)
	if err != nil {
		return nil, err
	}
	de, err := desk.New(s.pages, s.cfg.Gateway, s.cfg.Parse)
	if err != nil {
		return nil, err
	}
	ad, err := admin.New(s.pages, s.cfg.Gateway)
	if err != nil {
		return nil, err
	}
	po.Routes(mux)
	de.Routes(mux)
	ad.Routes(mux)
	pages := s.pages.LoadSessions(withErrors(s.pages, mux))

	outer := http.NewServeMux()
	outer.Handle("GET /static/", s.pages.Static())
	outer.HandleFunc("GET /healthz", s.health)
	outer.HandleFunc("GET /robots.txt", robots)
	outer.Handle("/", pages)

	cross := http.NewCrossOriginProtection()
	if err := cross.AddTrustedOrigin(originOf(s.cfg.Gateway.BaseURL())); err != nil {
		return nil, err
	}
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.pages.Fail(w, r, page.ErrCrossSite) }))
	all := http.NewServeMux()
	if s.cfg.API != nil {
		all.Handle("/api/", s.cfg.API) // it knows no cookies, so no other site can borrow anybody's
	}
	// Providers of mailboxes post there for people (RFC 8058), from anywhere and with no session, so there is nothing to borrow either.
	po.BareRoutes(all)
	all.Handle("/", cross.Handler(outer))
	return s.observe(s.protect(all)), nil
}

func originOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Scheme + "://" + u.Host
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(page.WithReference(r.Context(), strings.ToLower(rand.Text()[:10])))
	s.root.ServeHTTP(w, r)
}

// Server returns an http.Server for the face, with limits on header fields and on time. Reading a body and writing an answer
// are bounded by request, since an upload may take longer than a page.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// health is GET /healthz.
func (s *Site) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(r.Context()); err != nil {
			s.log.WarnContext(r.Context(), "not ready", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("not ready\n"))
			return
		}
	}
	_, _ = w.Write([]byte("ok\n"))
}

// robots is GET /robots.txt: nothing here is for search engines.
func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n"))
}

// network returns the peer for rate limits: the host that connected or, behind a trusted proxy, the nearest one that is none.
// IPv6 addresses are cut to their /64, which one household or machine has to itself.
func (s *Site) network(remoteAddr, forwarded string) string {
	at, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return remoteAddr
	}
	addr := at.Addr().Unmap().WithZone("")
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

func (s *Site) trusts(a netip.Addr) bool {
	for _, p := range s.cfg.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
