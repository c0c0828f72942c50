package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/oauth"
	"letterlock/bridge/resolver"
	"letterlock/mailout/dkim"
	"letterlock/mailout/submit"
	"letterlock/mailout/tlsrpt"
)

// DirectConfig is the way out without a relay: to the mail exchangers of each recipient's domain.
type DirectConfig struct {
	Enabled     bool     `toml:"enabled" help:"Bring mail to the recipients' own mail servers, without a relay. This machine needs a fixed address with a name that leads there and back, and port 25 open to the world."`
	DANE        string   `name:"dane" toml:"dane" default:"auto" enum:"auto,on,off" placeholder:"WHEN" help:"Whether what DNS servers say about DNSSEC is believed, and with it DANE. auto (the default): if all of them are on this machine. on: they are on a network of one's own. off: never."`
	Connections int      `toml:"connections" default:"20" placeholder:"N" help:"How many mails leave at once (${default})."`
	PerDomain   int      `name:"per-domain" toml:"per_domain" default:"4" placeholder:"N" help:"How many connections there are at once to the servers of one domain (${default})."`
	Networks    []string `toml:"networks" placeholder:"NETWORK" help:"Networks in which mail servers may be although they are private, or this machine's own. Otherwise nothing is connected to there, whatever DNS says."`
	TLSReports  bool     `name:"tls-reports" toml:"tls_reports" default:"true" negatable:"" help:"Tell domains that ask for it once a day how TLS went with their mail servers (${default})."`
}

// completeWayOut checks how mail leaves. Its error is one to show.
func (c *Config) completeWayOut() error {
	if c.Direct.Enabled {
		if c.Relay.Address != "" {
			return errors.New("relay.address is set, and direct.enabled too: mail leaves one way or the other, so take one of them away")
		}
		if _, err := c.Direct.networks(); err != nil {
			return err
		}
		return nil
	}
	if c.Relay.Address == "" {
		return unset("relay.address")
	}
	return c.Relay.complete()
}

func (r *RelayConfig) complete() error {
	host := "localhost"
	if _, isPath := strings.CutPrefix(r.Address, "unix:"); isPath {
		if r.Protocol != "lmtp" {
			return errors.New("relay.address is a socket in the file system, which is for relay.protocol = \"lmtp\" alone")
		}
		if r.TLS != "none" {
			return errors.New("relay.address is a socket in the file system: set relay.tls to \"none\"")
		}
	} else {
		var err error
		if host, _, err = net.SplitHostPort(r.Address); err != nil {
			return fmt.Errorf("relay.address: %q is not HOST:PORT", r.Address)
		}
	}
	if err := r.OAuthConfig.complete("[relay]"); err != nil {
		return err
	}
	password := r.Password != "" || r.PasswordFile != ""
	switch {
	case password && r.OAuth != "":
		return errors.New("relay: set either a password or oauth")
	case (r.Username == "") != (!password && r.OAuth == ""):
		return errors.New("relay.username and a password, or oauth, belong together: set both or none")
	case r.Username != "" && r.TLS == "none" && !loopbackHost(host):
		return errors.New("relay.tls is \"none\", so the relay's password would travel in the clear: set it to \"required\"")
	}
	return nil
}

// relay returns the relay, and what gives its tokens, which is nil where it has a password or none. A zero timeout is the standard's.
func (r RelayConfig) relay(ctx context.Context, name string, keeper oauth.Keeper, timeout time.Duration, now func() time.Time, log *slog.Logger) (*submit.Relay, *oauth.Source, error) {
	password, err := secret(ctx, "relay", r.Password, r.PasswordFile, "")
	if err != nil {
		return nil, nil, err
	}
	security := submit.Security(r.TLS)
	if r.TLS == "implicit" {
		security = submit.TLSRequired
	}
	c := submit.RelayConfig{
		Address: r.Address, LMTP: r.Protocol == "lmtp", Security: security, Implicit: r.TLS == "implicit", Username: r.Username, Password: password,
		LocalName: name, Connections: r.Connections, ConnectTimeout: timeout, CommandTimeout: timeout,
	}
	var tokens *oauth.Source
	if r.OAuth != "" {
		if tokens, err = r.source(ctx, "relay", r.Username, keeper, now, log); err != nil {
			return nil, nil, err
		}
		c.Tokens = tokens
	}
	relay, err := submit.NewRelay(c)
	return relay, tokens, err
}

// networks returns the networks that may be connected to all the same.
func (d DirectConfig) networks() ([]netip.Prefix, error) {
	return parseNetworks("direct.networks", d.Networks)
}

// validates reports whether what the DNS servers say about DNSSEC is believed.
func (d DirectConfig) validates(r *resolver.Resolver) bool {
	if d.DANE == "on" {
		return true
	}
	for _, s := range r.Servers {
		if a, err := netip.ParseAddrPort(s); err != nil || !a.Addr().IsLoopback() {
			return false
		}
	}
	return d.DANE == "auto"
}

// direct returns the way out without a relay, and what it asks DNS by.
func (c *Config) direct(keeper submit.Keeper, now func() time.Time, log *slog.Logger) (*submit.Direct, *resolver.Resolver, error) {
	networks, err := c.Direct.networks()
	if err != nil {
		return nil, nil, err
	}
	r, err := c.DNS.resolver()
	if err != nil {
		return nil, nil, err
	}
	ourselves := []string{c.SMTP.Hostname, c.Domain}
	if u, err := url.Parse(c.BaseURL); err == nil {
		ourselves = append(ourselves, u.Hostname())
	}
	d, err := submit.NewDirect(submit.DirectConfig{
		Resolver: r, Validates: c.Direct.validates(r), Keeper: keeper, LocalName: c.SMTP.Hostname, Ourselves: ourselves,
		Allowed: networks, Connections: c.Direct.PerDomain, Now: now, Log: log,
	})
	return d, r, err
}

// addTLSReports adds what tells recipients' domains how TLS went with them.
func (a *app) addTLSReports(d *submit.Direct, r *resolver.Resolver, signer *dkim.Signer) error {
	if !a.config.Direct.TLSReports {
		return nil
	}
	reporter, err := tlsrpt.New(tlsrpt.Config{
		Keeper: a.db, Names: r, Mails: d, Signer: signer, Web: d.Web(), Domain: a.config.Domain, Organization: a.config.Organization,
		Now: a.now, Log: a.log.With("part", "TLS reports"),
	})
	if err != nil {
		return err
	}
	a.behind = append(a.behind, part{"TLS reports", reporter.Run})
	return nil
}

// wayOut is how mail leaves, for the gateway to ask about before the worker has begun.
type wayOut struct{ is bridge.Paths }

// Path implements bridge.Paths.
func (w *wayOut) Path(ctx context.Context, domain string) (bridge.Path, error) {
	if w.is == nil {
		return bridge.PathUnknown, errors.New("no mail leaves from this process")
	}
	return w.is.Path(ctx, domain)
}
