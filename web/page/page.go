// Package page is what all pages of Letterlock's web face share: the layout, the style sheet, the way a page is rendered,
// sessions, forms with limits, and the one table that turns the domain's errors into HTTP statuses and calm words.
//
// Pages are set with html/template into a buffer and written when they are whole, so that nobody sees half a page. They work
// without scripts; the one script adds comfort. There is no inline script or style, so a strict Content Security Policy
// (CSP Level 3) holds on every page. Cross-site requests are refused by net/http's CrossOriginProtection (Fetch Metadata),
// which package web puts before everything.
//
// This package knows no single page and decides nothing about permission: package bridge does.
package page

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"letterlock/bridge"
)

// Config is what a Site needs: Gateway must be set. Without Sessions, sessions live in memory and end with the process.
type Config struct {
	Gateway       *bridge.Gateway
	Sessions      scs.Store
	IdleLife      time.Duration    // a session unused this long ends; default 2 hours
	FullLife      time.Duration    // a session ends after this in any case; default 7 days
	MaxFiles      int64            // octets of the files of one form; default 25 MiB
	Location      *time.Location   // in which times are written; default UTC
	Now           func() time.Time // default time.Now
	Log           *slog.Logger
	ClientNetwork func(remoteAddr, forwardedFor string) string // the peer for rate limits; default: the host of remoteAddr
}

// Site is what the pages of one gateway share. It is safe for concurrent use.
type Site struct {
	*Press
	cfg      Config
	gateway  *bridge.Gateway
	sessions *scs.SessionManager
	errors   *Book
	secure   bool // the portal is reached by https
	log      *slog.Logger
}

// New returns a Site. It reads all that is embedded, so that a mistake in a template is found here and not by a visitor.
func New(cfg Config) (*Site, error) {
	if cfg.Gateway == nil {
		return nil, errors.New("new site: it needs a gateway")
	}
	if cfg.IdleLife == 0 {
		cfg.IdleLife = 2 * time.Hour
	}
	if cfg.FullLife == 0 {
		cfg.FullLife = 7 * 24 * time.Hour
	}
	if cfg.MaxFiles == 0 {
		cfg.MaxFiles = 25 << 20
	}
	if cfg.Location == nil {
		cfg.Location = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ClientNetwork == nil {
		cfg.ClientNetwork = peerHost
	}
	press, err := NewPress(cfg.Now, cfg.Location)
	if err != nil {
		return nil, fmt.Errorf("new site: %w", err)
	}
	s := &Site{Press: press, cfg: cfg, gateway: cfg.Gateway, log: cfg.Log, secure: strings.HasPrefix(cfg.Gateway.BaseURL(), "https://")}
	s.sessions = newSessions(cfg, s.secure)
	s.sessions.ErrorFunc = s.sessionFault
	if s.errors, err = s.Book(layoutFiles, "templates/error.html"); err != nil {
		return nil, fmt.Errorf("new site: %w", err)
	}
	return s, nil
}

// MaxFiles returns how many octets the files of one form may have together.
func (s *Site) MaxFiles() int64 { return s.cfg.MaxFiles }

// Location returns the time zone in which times are written.
func (s *Site) Location() *time.Location { return s.cfg.Location }

// Now returns the present moment of the site's clock.
func (s *Site) Now() time.Time { return s.cfg.Now() }

// Token returns a fresh random text, for cookies that bind a browser and for forms that must not count twice.
func Token() string { return rand.Text() }
