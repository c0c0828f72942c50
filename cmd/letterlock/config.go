package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"letterlock/bridge/mailaddr"
)

// Config is all that can be set. Each field is a key of the TOML file, a flag, and an environment variable: smtp.max_size is
// also --smtp-max-size and LETTERLOCK_SMTP_MAX_SIZE. A flag wins over a variable, and a variable over the file.
type Config struct {
	General `embed:"" group:"General"`
	Message MessageConfig `embed:"" prefix:"message-" toml:"message" group:"Messages"`
	SMTP    SMTPConfig    `embed:"" prefix:"smtp-" toml:"smtp" group:"Mail in, by SMTP"`
	LMTP    LMTPConfig    `embed:"" prefix:"lmtp-" toml:"lmtp" group:"Mail in, by LMTP"`
	IMAP    []IMAPConfig  `name:"imap" toml:"imap" sep:";" placeholder:"KEY=VALUE" group:"Mail in, by IMAP" help:"A mailbox to poll, as name=NAME,address=HOST:PORT,username=NAME,password_file=FILE and so on. Repeat it for more; in a variable, put ; between them."`
	Sender  SenderConfig  `embed:"" prefix:"sender-" toml:"sender" group:"Who sent a mail"`
	DNS     DNSConfig     `embed:"" prefix:"dns-" toml:"dns" group:"DNS"`
	Relay   RelayConfig   `embed:"" prefix:"relay-" toml:"relay" group:"Mail out"`
	Direct  DirectConfig  `embed:"" prefix:"direct-" toml:"direct" group:"Mail out, without a relay"`
	Queue   QueueConfig   `embed:"" prefix:"queue-" toml:"queue" group:"Mail out"`
	Notices NoticesConfig `embed:"" prefix:"notices-" toml:"notices" group:"When mails leave"`
	HTTP    HTTPConfig    `embed:"" prefix:"http-" toml:"http" group:"The web"`
	ACME    ACMEConfig    `embed:"" prefix:"acme-" toml:"acme" group:"Certificates"`
	Clamd   ClamdConfig   `embed:"" prefix:"clamd-" toml:"clamd" group:"Harmful content"`
	Metrics MetricsConfig `embed:"" prefix:"metrics-" toml:"metrics" group:"Metrics"`
	Log     LogConfig     `embed:"" prefix:"log-" toml:"log" group:"The log"`
}

// General is what every command that works on the stored data needs.
type General struct {
	Domain       string   `toml:"domain" placeholder:"DOMAIN" help:"The domain of reply addresses and of the sender. Its mail must come to this gateway: use a subdomain if the domain itself has mailboxes elsewhere."`
	BaseURL      string   `name:"base-url" toml:"base_url" placeholder:"URL" help:"Where people reach the portal, such as https://portal.example.com."`
	Organization string   `toml:"organization" placeholder:"NAME" help:"The organization's name as people see it. The domain if it is not set."`
	Data         string   `toml:"data" default:"data" placeholder:"FOLDER" help:"The folder of the database and of stored files (${default})."`
	Database     string   `toml:"database" placeholder:"DSN" help:"A PostgreSQL database, as postgres://USER@HOST/NAME, which several gateways may share. If it is not set, the data folder has a database of its own. A password belongs into the file, a variable or ~/.pgpass: a flag is seen by every user of this machine."`
	KeyFile      string   `name:"key-file" toml:"key_file" default:"letterlock.key" placeholder:"FILE" help:"The file with the keys that seal the data (${default}). Without it nothing stored can be read: keep a copy elsewhere."`
	KeyCommand   string   `name:"key-command" toml:"key_command" placeholder:"COMMAND" help:"A command that prints the content of the key file, for a KMS or a secret store; key-file is then not used. The variable LETTERLOCK_KEY can hold that content too."`
	Inbox        []string `toml:"inbox" placeholder:"ADDRESS" help:"Addresses at which known contacts may start a conversation by email."`
	Search       bool     `toml:"search" default:"true" negatable:"" help:"Keep a search index over keyed hashes of words (${default}). Without it nobody can search, and nothing is kept by which words could be told."`
	CopiesNeed   string   `name:"copies-need" toml:"copies_need" default:"tls" enum:"any,tls,verified" placeholder:"PATH" help:"What the way to a recipient must be for a copy to take it; where it is not, a notice leaves instead. tls (the default): the next mail server speaks TLS with a valid certificate. verified: the recipient's domain proves its servers by MTA-STS or DANE, or the relay offers REQUIRETLS. any: no matter, so that copies may cross networks in the clear."`
	SenderPolicy string   `name:"sender-policy" toml:"sender_policy" default:"standard" placeholder:"POLICY" help:"How a mail's author is judged. standard (the default): proven by DMARC, or by DKIM or SPF where the domain has no policy, and refused where the domain asks for that. strict: whatever is not proven is held. address: From is believed if it fits the reply address, which proves little."`

	Blobs BlobsConfig `embed:"" prefix:"blobs-" toml:"blobs" group:"Stored files"`
}

// MessageConfig bounds one message, however it comes.
type MessageConfig struct {
	MaxText      Size     `name:"max-text" toml:"max_text" default:"1MiB" placeholder:"SIZE" help:"The most text that one message can have (${default})."`
	MaxFiles     Size     `name:"max-files" toml:"max_files" default:"25MiB" placeholder:"SIZE" help:"The most that all attachments of one message can have together (${default})."`
	MaxFile      Size     `name:"max-file" toml:"max_file" placeholder:"SIZE" help:"The most that one attachment can have. As much as message-max-files if it is not set."`
	AllowedTypes []string `name:"allowed-types" toml:"allowed_types" placeholder:"TYPE" help:"If there are any, only attachments of these types are taken, by their content and not by their name: executable, script, shortcut, macros, office, archive, unreadable, disk_image, html, pdf, image, audio, video, mail, text, other."`
	DeniedTypes  []string `name:"denied-types" toml:"denied_types" default:"executable,shortcut" placeholder:"TYPE" help:"Attachments of these types are refused (${default}); none for none. What is in a ZIP, tar or gzip archive counts as well, one level deep."`
	MaxMailed    Size     `name:"max-mailed" toml:"max_mailed" default:"15MiB" placeholder:"SIZE" help:"The most attachments that a copy carries (${default}). Larger ones are named with a link to the portal: many receivers take no mail over 25 MB."`
	Pace         int      `toml:"pace" default:"60" placeholder:"N" help:"How many messages one contact may send within 15 minutes (${default}), by email or in the portal; -1 for no bound. More mail is held, so that machines that answer each other come to an end."`
}

// SMTPConfig is the door for mail that comes in.
type SMTPConfig struct {
	Listen         string   `toml:"listen" default:":25" placeholder:"HOST:PORT" help:"Where to take mail (${default}). Set to nothing to take none by SMTP."`
	Hostname       string   `toml:"hostname" placeholder:"HOST" help:"The name in the greeting: the one that the MX record names. The host of base-url if it is not set."`
	TLSCert        string   `name:"tls-cert" toml:"tls_cert" placeholder:"FILE" help:"A PEM certificate chain, to offer STARTTLS."`
	TLSKey         string   `name:"tls-key" toml:"tls_key" placeholder:"FILE" help:"The certificate's PEM key."`
	MaxSize        Size     `name:"max-size" toml:"max_size" default:"50MiB" placeholder:"SIZE" help:"The largest mail that is taken (${default})."`
	MaxRecipients  int      `name:"max-recipients" toml:"max_recipients" default:"100" placeholder:"N" help:"The most recipients of one mail (${default})."`
	MaxConnections int      `name:"max-connections" toml:"max_connections" default:"500" placeholder:"N" help:"The most connections at once (${default})."`
	MaxPerNetwork  int      `name:"max-per-network" toml:"max_per_network" default:"100" placeholder:"N" help:"The most connections at once from one network: IPv4 /24, IPv6 /64 (${default})."`
	ProxyProtocol  []string `name:"proxy-protocol" toml:"proxy_protocol" placeholder:"NETWORK" help:"Networks of load balancers, which must begin each connection with the PROXY protocol and whose word about the client counts. Anybody else who speaks it is cut off."`
	Forwarders     []string `toml:"forwarders" placeholder:"NETWORK" help:"Networks of mail servers in front of this one. What they say about their clients (XFORWARD) is believed, and the limits for one address or network don't hold for them."`
	PaceConfig     `embed:""`
	Timeout        Duration `toml:"timeout" default:"5m" placeholder:"DURATION" help:"How long a connection may wait with its next command (${default}). RFC 5321, section 4.5.3.2, asks for five minutes."`
}

// RelayConfig is the next hop for mail that leaves.
type RelayConfig struct {
	Address      string `toml:"address" placeholder:"HOST:PORT" help:"The mail server that takes our mail and brings it to the recipients; for LMTP also unix:PATH."`
	Protocol     string `toml:"protocol" default:"smtp" enum:"smtp,lmtp" placeholder:"PROTOCOL" help:"smtp (the default) or lmtp."`
	TLS          string `name:"tls" toml:"tls" default:"required" enum:"required,opportunistic,implicit,none" placeholder:"WHEN" help:"required: STARTTLS with a valid certificate (the default). implicit: TLS from the first octet, usual on port 465. opportunistic: STARTTLS if offered, whatever the certificate. none: only for a relay on this machine."`
	Username     string `toml:"username" placeholder:"NAME" help:"To sign in to the relay."`
	Password     string `toml:"password" placeholder:"PASSWORD" help:"To sign in to the relay. Better in relay-password-file: a flag is seen by every user of this machine."`
	PasswordFile string `name:"password-file" toml:"password_file" placeholder:"FILE" help:"A file whose first line is the password."`
	Connections  int    `toml:"connections" default:"4" placeholder:"N" help:"How many mails leave at once (${default})."`

	OAuthConfig
}

// HTTPConfig is the portal's and the API's door.
type HTTPConfig struct {
	Listen         string   `toml:"listen" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to serve the portal and the API (${default})."`
	TLSCert        string   `name:"tls-cert" toml:"tls_cert" placeholder:"FILE" help:"A PEM certificate chain, to serve HTTPS. Without it, put a reverse proxy that does in front."`
	TLSKey         string   `name:"tls-key" toml:"tls_key" placeholder:"FILE" help:"The certificate's PEM key."`
	ProxyProtocol  []string `name:"proxy-protocol" toml:"proxy_protocol" placeholder:"NETWORK" help:"Networks of load balancers, which must begin each connection with the PROXY protocol."`
	TrustedProxies []string `name:"trusted-proxies" toml:"trusted_proxies" placeholder:"NETWORK" help:"Networks of reverse proxies whose X-Forwarded-For is believed, such as 127.0.0.1/32."`
}

// LogConfig is about the log on standard error. It never holds a subject, a body, a token or a password.
type LogConfig struct {
	Level  string `toml:"level" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"The least serious entries that are written: debug, info, warn or error (${default})."`
	Format string `toml:"format" default:"text" enum:"text,json" placeholder:"FORMAT" help:"text or json (${default})."`
}

// logger returns a logger that writes to w as the configuration says.
func (c LogConfig) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // "" for a Config made in code
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// complete fills in what follows from other keys and checks what every command needs. Its error is one to show.
func (g *General) complete() error {
	if g.Domain == "" {
		return unset("domain")
	}
	if err := mailaddr.Valid("postmaster@" + g.Domain); err != nil {
		return fmt.Errorf("domain: %q is not the domain of an email address", g.Domain)
	}
	g.Domain = strings.ToLower(strings.TrimSuffix(g.Domain, "."))
	if g.BaseURL == "" {
		return unset("base_url")
	}
	u, err := url.Parse(g.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("base_url: %q is not a web address such as https://portal.example.com", g.BaseURL)
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
		return fmt.Errorf("base_url: %q must begin with https://, since people sign in there", g.BaseURL)
	}
	g.BaseURL = strings.TrimRight(g.BaseURL, "/")
	if g.Organization == "" {
		g.Organization = g.Domain
	}
	for _, a := range g.Inbox {
		if err := mailaddr.Valid(a); err != nil {
			return fmt.Errorf("inbox: %q is not an email address", a)
		}
	}
	if g.Data == "" {
		return unset("data")
	}
	if err := g.completeKeys(); err != nil {
		return err
	}
	if err := g.completeDatabase(); err != nil {
		return err
	}
	return g.Blobs.complete()
}

func (g *General) completeDatabase() error {
	if g.Database != "" && !strings.HasPrefix(g.Database, "postgres://") && !strings.HasPrefix(g.Database, "postgresql://") {
		return errors.New("database: it must be a name such as postgres://letterlock@db.example.com/letterlock, or nothing for a database in the data folder")
	}
	return nil
}

// complete checks all that serve needs. Its error is one to show.
func (c *Config) complete() error {
	if err := c.General.complete(); err != nil {
		return err
	}
	if err := c.completeSender(); err != nil {
		return err
	}
	if c.SMTP.Listen == "" && c.LMTP.Listen == "" && len(c.IMAP) == 0 {
		return errors.New("smtp.listen and lmtp.listen are empty and no [[imap]] mailbox is set: no reply could come in; set one of them")
	}
	if c.SMTP.Hostname == "" {
		u, err := url.Parse(c.BaseURL)
		if err != nil {
			return fmt.Errorf("base_url: %q is not a web address", c.BaseURL)
		}
		c.SMTP.Hostname = u.Hostname()
	}
	for _, l := range []struct{ key, address string }{{"http.listen", c.HTTP.Listen}, {"metrics.listen", c.Metrics.Listen}} {
		if _, _, err := net.SplitHostPort(l.address); l.address != "" && err != nil {
			return fmt.Errorf("%s: %q is not HOST:PORT", l.key, l.address)
		}
	}
	for _, t := range []struct{ section, cert, key string }{{"smtp", c.SMTP.TLSCert, c.SMTP.TLSKey}, {"http", c.HTTP.TLSCert, c.HTTP.TLSKey}} {
		if (t.cert == "") != (t.key == "") {
			return fmt.Errorf("%s.tls_cert and %s.tls_key belong together: set both or none", t.section, t.section)
		}
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"message.max_text", int64(c.Message.MaxText)},
		{"message.max_files", int64(c.Message.MaxFiles)},
		{"message.max_mailed", int64(c.Message.MaxMailed)},
		{"smtp.max_size", int64(c.SMTP.MaxSize)},
		{"smtp.max_recipients", int64(c.SMTP.MaxRecipients)},
		{"smtp.max_connections", int64(c.SMTP.MaxConnections)},
		{"smtp.max_per_network", int64(c.SMTP.MaxPerNetwork)},
		{"smtp.timeout", int64(c.SMTP.Timeout)},
		{"relay.connections", int64(c.Relay.Connections)},
		{"direct.connections", int64(c.Direct.Connections)},
		{"direct.per_domain", int64(c.Direct.PerDomain)},
		{"queue.max_age", int64(c.Queue.MaxAge)},
	} {
		if n.value <= 0 {
			return fmt.Errorf("%s must be more than nothing", n.key)
		}
	}
	if c.Message.Pace == 0 {
		return errors.New("message.pace must be more than nothing, or -1 for no bound")
	}
	if err := c.completeDoor(); err != nil {
		return err
	}
	if err := c.completeWayOut(); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range c.IMAP {
		if err := c.IMAP[i].complete(i, names); err != nil {
			return err
		}
	}
	return nil
}

// secret returns a password that is given as such, as a file whose first line it is, or as a command that prints it.
// Its errors never hold a secret.
func secret(ctx context.Context, key, value, file, command string) (string, error) {
	return secretIn(ctx, key, "password", value, file, command)
}

// secretIn is secret for keys of the file that go by another name than password.
func secretIn(ctx context.Context, key, name, value, file, command string) (string, error) {
	given := 0
	for _, v := range []string{value, file, command} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return "", fmt.Errorf("%s: set only one of %s, %s_file and %s_command", key, name, name, name)
	}
	switch {
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("%s.%s_file: %w", key, name, err)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, 64<<10))
		if err != nil {
			return "", fmt.Errorf("%s.%s_file: %w", key, name, err)
		}
		value = string(b)
	case command != "":
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, "/bin/sh", "-c", command)
		c.Env, c.WaitDelay = withoutKeys(os.Environ()), time.Second
		b, err := c.Output()
		if err != nil {
			return "", fmt.Errorf("%s.%s_command: %w", key, name, err)
		}
		value = string(b)
	default:
		return value, nil
	}
	value, _, _ = strings.Cut(value, "\n")
	value = strings.TrimSuffix(value, "\r")
	if value == "" {
		return "", fmt.Errorf("%s: its %s file or command gives nothing", key, name)
	}
	return value, nil
}

func unset(key string) error {
	return fmt.Errorf("%s is not set: set it in the configuration file (--config), as --%s or as %s", key, flagName(key), envName(key))
}

func flagName(key string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(key) }

func envName(key string) string {
	return "LETTERLOCK_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func loopbackHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// defaultConfig returns the configuration where nothing is set.
func defaultConfig() Config {
	var c Config
	p, err := kong.New(&c, kong.NoDefaultHelp())
	if err == nil {
		_, err = p.Parse(nil)
	}
	if err != nil {
		panic("the defaults can't be read: " + err.Error()) // a wrong struct tag
	}
	return c
}
