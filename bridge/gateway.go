package bridge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"letterlock/bridge/filetype"
	"letterlock/bridge/mailaddr"
	"letterlock/bridge/password"
)

// Config is what a Gateway needs. Store, Keyring, Domain, BaseURL and Organization must be set.
type Config struct {
	Store        Store
	Keyring      Keyring
	Domain       string           // reply addresses and Message-IDs are at this domain
	BaseURL      string           // where the portal is, such as https://portal.example.org
	Organization string           // the name that people see
	Inbox        []string         // addresses at which known contacts may start a thread by email
	MaxText      int              // octets of one message's text; 1 MiB if zero
	MaxFiles     int64            // octets of all attachments of one message; 25 MiB if zero
	MaxFile      int64            // octets of one attachment; MaxFiles if zero
	AllowedTypes []filetype.Kind  // if there are any, files of other kinds are refused
	DeniedTypes  []filetype.Kind  // files of these kinds are refused
	CopiesNeed   Need             // what a path must be for a copy; NeedTLS if empty
	Timing       Timing           // when mails leave, until an admin sets it; the zero Timing is everything at once
	LookTime     time.Duration    // for how long a thread counts as before somebody who looked at it; a minute if zero
	Paths        Paths            // foretells them to staff; nil if nothing does
	Scanner      Scanner          // asked about each mail and file before it is taken; nil for none
	Pace         int              // messages of one contact within 15 minutes, by mail or in the viewer; 60 if zero, no bound if negative
	Bell         Bell             // wakes the other processes on this store; nil if there are none
	NoSearch     bool             // no search index is kept
	Now          func() time.Time // time.Now if nil
	Log          *slog.Logger     // discarded if nil
}

// Gateway is the one place where things happen: it holds every rule, and decides every permission. Its methods may be called at once.
type Gateway struct {
	store        Store
	keys         Keyring
	issuer       *Issuer
	domain       string
	baseURL      string
	organization string
	inbox        map[string]bool
	maxText      int
	maxFiles     int64
	files        fileRules
	copiesNeed   Need
	timing       Timing
	lookTime     time.Duration
	paths        Paths
	rulebook     rulebook
	scanner      Scanner
	scanned      scans
	noSearch     bool
	clock        func() time.Time
	log          *slog.Logger
	hasher       *password.Hasher
	outbox       chan struct{}
	due          chan struct{}
	began        time.Time
	bell         Bell
	refusals     refusalBudget
	looks        looks
	failures     failures
	uploads      uploads
	pace         pace
	words        atomic.Pointer[words]
}

const (
	defaultMaxText  = 1 << 20
	defaultMaxFiles = 25 << 20
	maxFileCount    = 100
	maxSubject      = 300 // characters
	maxName         = 200 // characters
	maxContacts     = 50  // named at once when a thread is started
)

// New returns a Gateway, or an error that names the setting that is wrong.
func New(c Config) (*Gateway, error) {
	if c.Store == nil || c.Keyring == nil {
		return nil, errors.New("a gateway needs a store and a keyring")
	}
	domain := strings.ToLower(strings.TrimSpace(c.Domain))
	if err := mailaddr.Valid("postmaster@" + domain); err != nil {
		return nil, fmt.Errorf("domain %q: %w", c.Domain, err)
	}
	// As addresses are compared, so that an internationalised domain is found again.
	domain = mailaddr.Normalize("postmaster@" + domain)[len("postmaster@"):]
	base := strings.TrimRight(c.BaseURL, "/")
	if u, err := url.Parse(base); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, fmt.Errorf("base_url %q is not an http or https address", c.BaseURL)
	}
	organization := cleanLine(c.Organization, maxName)
	if organization == "" {
		return nil, errors.New("organization: a name is needed, since people see who writes to them")
	}
	g := &Gateway{
		store: c.Store, keys: c.Keyring, issuer: NewIssuer(c.Keyring, domain, base),
		domain: domain, baseURL: base, organization: organization, inbox: make(map[string]bool),
		maxText: c.MaxText, maxFiles: c.MaxFiles, noSearch: c.NoSearch, clock: c.Now, log: c.Log,
		hasher: password.New(2), outbox: make(chan struct{}, 1), due: make(chan struct{}, 1), bell: c.Bell,
	}
	for _, a := range c.Inbox {
		if err := mailaddr.Valid(a); err != nil {
			return nil, fmt.Errorf("inbox %q: %w", a, err)
		}
		g.inbox[mailaddr.Normalize(a)] = true
	}
	if g.maxText == 0 {
		g.maxText = defaultMaxText
	}
	if g.maxFiles == 0 {
		g.maxFiles = defaultMaxFiles
	}
	g.files = fileRules{maxFile: c.MaxFile, maxAll: g.maxFiles, allowed: c.AllowedTypes, denied: c.DeniedTypes}
	if g.files.maxFile == 0 || g.files.maxFile > g.maxFiles {
		g.files.maxFile = g.maxFiles
	}
	g.scanner, g.copiesNeed, g.paths = c.Scanner, c.CopiesNeed, c.Paths
	if g.copiesNeed == "" {
		g.copiesNeed = NeedTLS
	}
	if _, err := ParseNeed(string(g.copiesNeed)); err != nil {
		return nil, fmt.Errorf("copies_need: %w", err)
	}
	if g.timing = c.Timing; g.timing.check() != nil {
		return nil, fmt.Errorf("timing: %w", g.timing.check())
	}
	if g.lookTime = c.LookTime; g.lookTime == 0 {
		g.lookTime = defaultLookTime
	}
	if g.pace.most = c.Pace; c.Pace == 0 {
		g.pace.most = defaultPace
	}
	if g.clock == nil {
		g.clock = time.Now
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	g.began = g.now()
	return g, nil
}

// Organization returns the organization's display name.
func (g *Gateway) Organization() string { return g.organization }

// BaseURL returns where the portal is, without a slash at the end.
func (g *Gateway) BaseURL() string { return g.baseURL }

// Domain returns the domain of reply addresses.
func (g *Gateway) Domain() string { return g.domain }

// Issuer returns what makes the tokens of this gateway.
func (g *Gateway) Issuer() *Issuer { return g.issuer }

// Outbox receives after deliveries were added, so that a worker need not wait for its next look.
func (g *Gateway) Outbox() <-chan struct{} { return g.outbox }

// now is the clock at the precision that every database keeps.
func (g *Gateway) now() time.Time { return g.clock().UTC().Truncate(time.Microsecond) }
