package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"letterlock/bridge"
	"letterlock/mailout/dkim"
	"letterlock/store/seal"
)

// initCommand makes what serve needs on a new machine.
type initCommand struct {
	Domain       string `required:"" placeholder:"DOMAIN" help:"The domain of reply addresses and of the sender, such as mail.example.com."`
	BaseURL      string `name:"base-url" placeholder:"URL" help:"Where people will reach the portal. https://DOMAIN if not given."`
	Organization string `placeholder:"NAME" help:"The organization's name as people see it. The domain if not given."`
	Config       string `short:"c" default:"letterlock.toml" placeholder:"FILE" help:"The configuration file to make (${default})."`
	Data         string `default:"data" placeholder:"FOLDER" help:"The data folder to make (${default})."`
	KeyFile      string `name:"key-file" default:"letterlock.key" placeholder:"FILE" help:"The key file to make (${default}). It must not be in the data folder."`
	Database     string `placeholder:"DSN" help:"A PostgreSQL database instead of one in the data folder, as postgres://USER@HOST/NAME. A password belongs into LETTERLOCK_DATABASE or ~/.pgpass: a flag is seen by every user of this machine."`
	Relay        string `default:"localhost:25" placeholder:"HOST:PORT" help:"The mail server that takes our mail (${default})."`
	SenderPolicy string `name:"sender-policy" default:"standard" placeholder:"POLICY" help:"The sender_policy to write (${default}): standard, strict or address."`
}

// Help is the longer help.
func (initCommand) Help() string {
	return "Nothing that is there already is written over. Example: letterlock init --domain mail.example.com --base-url https://portal.example.com --organization \"Example Clinic\""
}

// initialConfig is what the configuration file begins as. Its values are quoted for TOML.
var initialConfig = template.Must(template.New("config").Funcs(template.FuncMap{"quote": quoteTOML}).Parse(`# Letterlock's configuration. Every key is described in docs/configuration.md and in "letterlock serve --help".
# Each can also be a flag (--smtp-listen) or an environment variable (LETTERLOCK_SMTP_LISTEN).

domain = {{quote .Domain}}
base_url = {{quote .BaseURL}}
organization = {{quote .Organization}}

data = {{quote .Data}}
# A database on a PostgreSQL server, for more than one gateway at a time, instead of one in the data folder: docs/postgresql.md
{{if .Database}}database = {{quote .Database}}{{else}}# database = "postgres://letterlock@db.example.com/letterlock"{{end}}
# Without this file nothing that is stored can be read: keep a copy of it apart from the data and its backups.
key_file = {{quote .KeyFile}}

# Addresses at which people you know may start a conversation by email.
# inbox = ["office@{{.Domain}}"]

# How the author of a mail is judged: "standard", "strict" or "address" (docs/senders.md).
sender_policy = {{quote .SenderPolicy}}

# What the way to a recipient must be for a copy to leave, else a notice does: "tls", "verified" or "any" (docs/sending.md).
{{if .RelayIsHere}}# A relay without a certificate gets notices only, unless it is "any" and all that comes after is yours.
{{end}}copies_need = "tls"

[smtp]
listen = ":25"
# tls_cert = "/etc/letterlock/tls/fullchain.pem"
# tls_key = "/etc/letterlock/tls/privkey.pem"

# Take mail out of a mailbox instead of, or beside, taking it by SMTP:
# [[imap]]
# name = "office"
# address = "imap.example.com:993"
# username = "office@example.com"
# password_file = "/etc/letterlock/imap-password"
# after = "seen"

[relay]
address = {{quote .Relay}}
# required, implicit, opportunistic or none
tls = {{if .RelayIsHere}}"none"{{else}}"required"{{end}}
# username = ""
# password_file = "/etc/letterlock/relay-password"

[http]
# Put a reverse proxy with HTTPS in front, or set tls_cert and tls_key and listen on ":443".
listen = "127.0.0.1:8080"
trusted_proxies = ["127.0.0.1/32", "::1/128"]
`))

// Run makes the three and prints what to do next. What it made before a failure stays, and running it again goes on from there
// only once that was taken away: it never decides that a key is not needed.
func (c *initCommand) Run(ctx context.Context, env *environment) error {
	general := General{Domain: c.Domain, BaseURL: c.BaseURL, Organization: c.Organization, Data: c.Data, KeyFile: c.KeyFile, Database: c.Database}
	if general.BaseURL == "" {
		general.BaseURL = "https://" + c.Domain
	}
	if err := general.complete(); err != nil {
		return usageError{err}
	}
	if err := validPolicy(c.SenderPolicy); err != nil {
		return usageError{err}
	}
	relayHost, _, err := net.SplitHostPort(c.Relay)
	if err != nil {
		return usagef("--relay: %q is not HOST:PORT", c.Relay)
	}
	if inside(c.KeyFile, c.Data) {
		return usagef("the key file %s is in the data folder: whoever takes the folder would have the key; put it elsewhere", c.KeyFile)
	}
	for _, path := range []string{c.Config, c.KeyFile} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already, and init writes over nothing: move it away, or choose another name", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for %s: %w", path, err)
		}
	}
	if entries, err := os.ReadDir(c.Data); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s has something in it, which a new key could not read: choose another one", c.Data)
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if err := os.Chmod(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	for _, path := range []string{c.Config, c.KeyFile} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make a folder for %s: %w", path, err)
		}
	}
	if _, err := seal.Create(c.KeyFile); err != nil {
		return fmt.Errorf("make the key file: %w", err)
	}
	if err := c.writeConfig(general, loopbackHost(relayHost)); err != nil {
		return fmt.Errorf("make the configuration: %w", err)
	}
	keys, err := makeFirstKeys(ctx, general)
	if err != nil {
		return fmt.Errorf("make the keys to sign mail with: %w", err)
	}
	return c.tell(env.stdout, general, relayHost, keys)
}

// makeFirstKeys makes the database, and in it the keys that sign mail. They sign from the beginning: there are no others, and mail with a signature
// that can't be verified yet is worth as much as mail without one.
func makeFirstKeys(ctx context.Context, g General) (bridge.SigningPair, error) {
	c := defaultConfig().General
	c.Domain, c.BaseURL, c.Organization, c.Data, c.KeyFile, c.Database = g.Domain, g.BaseURL, g.Organization, g.Data, g.KeyFile, g.Database
	var pair bridge.SigningPair
	k, err := openKept(ctx, Config{General: c}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return pair, err
	}
	pair, err = k.gateway.FirstSigningKeys(ctx)
	return pair, errors.Join(err, k.db.Close())
}

func (c *initCommand) writeConfig(g General, relayIsHere bool) error {
	f, err := os.OpenFile(c.Config, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = initialConfig.Execute(f, map[string]any{
		"Domain": g.Domain, "BaseURL": g.BaseURL, "Organization": g.Organization, "Data": absolute(g.Data), "KeyFile": absolute(g.KeyFile),
		"Database": g.Database, "Relay": c.Relay, "RelayIsHere": relayIsHere, "SenderPolicy": c.SenderPolicy,
	})
	return errors.Join(err, f.Sync(), f.Close())
}

// tell says what was made, which DNS records to publish, and what comes next.
func (c *initCommand) tell(w io.Writer, g General, relayHost string, keys bridge.SigningPair) error {
	u, err := url.Parse(g.BaseURL)
	if err != nil {
		return err
	}
	domain, err := dkim.Domain(g.Domain)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `Made %s, %s and %s.

Keep a copy of %s apart from the data and its backups. Whoever loses it has lost
everything that is stored: nobody can recover it.

DNS records to publish, if this machine is %s:

`, c.Config, c.Data, c.KeyFile, c.KeyFile, u.Hostname())
	if err != nil {
		return err
	}
	records := append([]dnsRecord{mxRecord(domain, u.Hostname()), spfRecord(domain, relayHost), dmarcRecord(domain)}, keyRecords(domain, keys)...)
	if err := printRecords(w, "  ", records); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
The second says that mail from %s leaves through these hosts: add what your relay's provider asks for.
The last two are the keys of the mail's signatures; "letterlock dkim show" prints them again.

Next:
  1. Look through %s, and set the relay.
  2. letterlock user add --config %s --admin --make-password YOUR-ADDRESS
  3. letterlock doctor --config %s
  4. letterlock serve --config %s
`, g.Domain, c.Config, c.Config, c.Config, c.Config)
	return err
}

// inside reports whether a path is in a folder.
func inside(path, folder string) bool {
	rel, err := filepath.Rel(absolute(folder), absolute(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func absolute(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}

// quoteTOML writes a basic string of TOML 1.0.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
