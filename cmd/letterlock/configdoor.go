package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"letterlock/bridge"
	"letterlock/bridge/filetype"
	"letterlock/mailin/clamd"
	"letterlock/mailin/smtpd"
)

// PaceConfig is how much one address may do at the door for mail within a minute.
type PaceConfig struct {
	PaceConnections int      `name:"pace-connections" toml:"pace_connections" default:"300" placeholder:"N" help:"How many connections one address (IPv4 address, IPv6 /64) may begin within a minute (${default}); -1 for no bound. The network around it (/24, /48) may begin four times as many."`
	PaceMails       int      `name:"pace-mails" toml:"pace_mails" default:"300" placeholder:"N" help:"Likewise, how many mails (${default})."`
	PaceRecipients  int      `name:"pace-recipients" toml:"pace_recipients" default:"1000" placeholder:"N" help:"Likewise, how many recipients it may name (${default})."`
	PaceFaults      int      `name:"pace-faults" toml:"pace_faults" default:"60" placeholder:"N" help:"Likewise, how many faults it may make (${default}): commands that are none, attempts to sign in, unknown recipients, broken handshakes. With too many it is not let in for a while."`
	PaceExempt      []string `name:"pace-exempt" toml:"pace_exempt" default:"127.0.0.0/8,::1/128" placeholder:"NETWORK" help:"Networks for which these four don't hold (${default})."`
}

// LMTPConfig is the door for a mail server in front.
type LMTPConfig struct {
	Listen     string `toml:"listen" placeholder:"unix:PATH|HOST:PORT" help:"Where a mail server in front may hand over mail by LMTP, such as unix:/run/letterlock/lmtp. Over TCP only this machine and smtp-forwarders are let in."`
	SocketMode string `name:"socket-mode" toml:"socket_mode" default:"0660" placeholder:"MODE" help:"Who may connect to the Unix socket (${default}): its owner and its group."`
}

// ClamdConfig is about ClamAV's daemon.
type ClamdConfig struct {
	Address string   `toml:"address" placeholder:"unix:PATH|HOST:PORT" help:"Where clamd listens, such as unix:/run/clamav/clamd.ctl. If it is set, each mail and each uploaded file is searched for harmful content before it is taken; while clamd does not answer, nothing is."`
	Timeout Duration `toml:"timeout" default:"2m" placeholder:"DURATION" help:"How long searching one file may take (${default})."`
}

func (p PaceConfig) complete() error {
	for _, n := range []struct {
		key   string
		value int
	}{
		{"smtp.pace_connections", p.PaceConnections},
		{"smtp.pace_mails", p.PaceMails},
		{"smtp.pace_recipients", p.PaceRecipients},
		{"smtp.pace_faults", p.PaceFaults},
	} {
		if n.value == 0 {
			return fmt.Errorf("%s must be more than nothing, or -1 for no bound", n.key)
		}
	}
	return nil
}

func (p PaceConfig) pace() smtpd.Pace {
	return smtpd.Pace{Conns: p.PaceConnections, Mails: p.PaceMails, Recipients: p.PaceRecipients, Faults: p.PaceFaults}
}

// completeDoor checks what the door needs beside the keys that each server has.
func (c *Config) completeDoor() error {
	if err := c.SMTP.complete(); err != nil {
		return err
	}
	for _, l := range []struct {
		key      string
		networks []string
	}{
		{"http.trusted_proxies", c.HTTP.TrustedProxies},
		{"http.proxy_protocol", c.HTTP.ProxyProtocol},
		{"smtp.proxy_protocol", c.SMTP.ProxyProtocol},
		{"smtp.forwarders", c.SMTP.Forwarders},
		{"smtp.pace_exempt", c.SMTP.PaceExempt},
	} {
		if _, err := parseNetworks(l.key, l.networks); err != nil {
			return err
		}
	}
	for _, l := range []struct{ key, address string }{{"smtp.listen", c.SMTP.Listen}, {"lmtp.listen", c.LMTP.Listen}, {"clamd.address", c.Clamd.Address}} {
		if l.address == "" {
			continue
		}
		if path, isPath := strings.CutPrefix(l.address, "unix:"); isPath {
			if path == "" || len(path) > 100 {
				return fmt.Errorf("%s: the path of a socket has 1 to 100 characters", l.key)
			}
		} else if _, _, err := net.SplitHostPort(l.address); err != nil {
			return fmt.Errorf("%s: %q is neither HOST:PORT nor unix:PATH", l.key, l.address)
		}
	}
	if err := c.ACME.complete(); err != nil {
		return err
	}
	if _, err := c.LMTP.mode(); err != nil {
		return err
	}
	if c.Clamd.Timeout <= 0 {
		return errors.New("clamd.timeout must be more than nothing")
	}
	for key, names := range map[string][]string{"message.allowed_types": c.Message.AllowedTypes, "message.denied_types": c.Message.DeniedTypes} {
		if _, err := parseTypes(key, names); err != nil {
			return err
		}
	}
	return nil
}

func (l LMTPConfig) mode() (fs.FileMode, error) {
	n, err := strconv.ParseUint(l.SocketMode, 8, 9)
	if err != nil {
		return 0, fmt.Errorf("lmtp.socket_mode: %q is no mode such as 0660", l.SocketMode)
	}
	return fs.FileMode(n), nil
}

func (l LMTPConfig) listen() (net.Listener, error) {
	const key = "lmtp.listen"
	path, isPath := strings.CutPrefix(l.Listen, "unix:")
	if !isPath {
		return listen(key, l.Listen)
	}
	mode, err := l.mode()
	if err != nil {
		return nil, err
	}
	return listenUnix(key, path, mode)
}

func parseNetworks(key string, texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		p, err := parseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is neither an address nor a network such as 10.0.0.0/8", key, text)
		}
		networks = append(networks, p)
	}
	return networks, nil
}

// parseTypes reads the kinds of files of a rule. "none" is for a list that is to be empty where the default is not.
func parseTypes(key string, names []string) ([]filetype.Kind, error) {
	if len(names) == 1 && strings.EqualFold(strings.TrimSpace(names[0]), "none") {
		return nil, nil
	}
	var list []filetype.Kind
	for _, name := range names {
		k, err := filetype.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		list = append(list, k)
	}
	return list, nil
}

// fileRules fills in what a gateway has to know about files.
func (c Config) fileRules(g *bridge.Config) (err error) {
	if g.AllowedTypes, err = parseTypes("message.allowed_types", c.Message.AllowedTypes); err != nil {
		return err
	}
	if g.DeniedTypes, err = parseTypes("message.denied_types", c.Message.DeniedTypes); err != nil {
		return err
	}
	g.MaxFile = int64(c.Message.MaxFile)
	if c.Clamd.Address == "" {
		return nil
	}
	scanner, err := clamd.New(clamd.Config{Address: c.Clamd.Address, Timeout: time.Duration(c.Clamd.Timeout)})
	if err != nil {
		return fmt.Errorf("clamd.address: %w", err)
	}
	g.Scanner = scanner
	return nil
}

// proxyWait is how long a proxy may take to say whom it speaks for.
const proxyWait = 10 * time.Second

// proxied lets the PROXY protocol in from networks that are trusted. Who comes from there must begin with its header: to guess whether there is one
// would be to let a client write it. Everybody else is let through as they are, and their header, if they send one, is no command of the protocol
// that follows.
func proxied(key string, l net.Listener, networks []string) (net.Listener, error) {
	trusted, err := parseNetworks(key, networks)
	if err != nil || len(trusted) == 0 || l == nil {
		return l, err
	}
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: proxyWait,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if t, ok := o.Upstream.(*net.TCPAddr); ok {
				ip := t.AddrPort().Addr().Unmap().WithZone("")
				for _, n := range trusted {
					if n.Contains(ip) {
						return proxyproto.REQUIRE, nil
					}
				}
			}
			return proxyproto.SKIP, nil
		},
	}, nil
}

// listenUnix opens a Unix socket with a mode. One that a process left behind when it was killed is taken away, but not one that somebody listens on.
func listenUnix(key, path string, mode fs.FileMode) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		conn, err := net.DialTimeout("unix", path, time.Second)
		switch {
		case err == nil:
			_ = conn.Close()
			return nil, fmt.Errorf("%s: another program listens on %s: stop it, or set %s to another path", key, path, key)
		case errors.Is(err, syscall.ECONNREFUSED):
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		default:
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", key, err), l.Close())
	}
	return l, nil
}
