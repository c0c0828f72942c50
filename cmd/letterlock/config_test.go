package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parseServe parses a command line of serve against a configuration file, as run does, and returns what serve would run with.
func parseServe(t *testing.T, file string, args ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "letterlock.toml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	var c cli
	env := &environment{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	p, err := newParser(&c, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse(append([]string{"serve", "--config", path}, args...)); err != nil {
		return Config{}, err
	}
	return c.Serve.settings(env), nil
}

func TestConfigPrecedence(t *testing.T) {
	const file = `
domain = "file.example"
organization = "From the file"
data = "/file"
inbox = ["a@file.example", "b@file.example"]

[smtp]
max_size = "3MiB"
timeout = "90s"
max_recipients = 7
`
	t.Setenv("LETTERLOCK_ORGANIZATION", "From the variable")
	t.Setenv("LETTERLOCK_DATA", "/variable")
	c, err := parseServe(t, file, "--data", "/flag")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Domain, "file.example"; got != want {
		t.Errorf("domain: got %q, want %q", got, want)
	}
	if got, want := c.Organization, "From the variable"; got != want {
		t.Errorf("organization: got %q, want %q", got, want)
	}
	if got, want := c.Data, "/flag"; got != want {
		t.Errorf("data: got %q, want %q", got, want)
	}
	if got, want := c.Inbox, []string{"a@file.example", "b@file.example"}; !reflect.DeepEqual(got, want) {
		t.Errorf("inbox: got %q, want %q", got, want)
	}
	if got, want := c.SMTP.MaxSize, Size(3<<20); got != want {
		t.Errorf("smtp.max_size: got %d, want %d", got, want)
	}
	if got, want := time.Duration(c.SMTP.Timeout), 90*time.Second; got != want {
		t.Errorf("smtp.timeout: got %s, want %s", got, want)
	}
	if got, want := c.SMTP.MaxRecipients, 7; got != want {
		t.Errorf("smtp.max_recipients: got %d, want %d", got, want)
	}
	if got, want := c.SMTP.MaxConnections, 500; got != want {
		t.Errorf("smtp.max_connections, which nobody set: got %d, want the default %d", got, want)
	}
}

func TestConfigIMAP(t *testing.T) {
	const file = `
[[imap]]
name = "office"
address = "imap.example.com:993"
username = "office@example.com"
password_file = "/etc/secret"
poll = "30s"

[[imap]]
name = "old"
address = "old.example.com:143"
tls = "starttls"
username = "old"
password = "p"
after = "move"
move_to = "Done"
`
	c, err := parseServe(t, file)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.IMAP) != 2 || c.IMAP[0].Name != "office" || time.Duration(c.IMAP[0].Poll) != 30*time.Second || c.IMAP[1].MoveTo != "Done" {
		t.Errorf("from the file: got %+v", c.IMAP)
	}
	t.Setenv("LETTERLOCK_IMAP", "name=one,address=h:993,username=u,password_file=/p;name=two,address=h:993,username=v,password_file=/q")
	if c, err = parseServe(t, file); err != nil {
		t.Fatal(err)
	}
	if len(c.IMAP) != 2 || c.IMAP[0].Name != "one" || c.IMAP[1].PasswordFile != "/q" {
		t.Errorf("from the variable: got %+v", c.IMAP)
	}
	if c, err = parseServe(t, file, "--imap", "name=flag,address=h:993,username=u,password_file=/p"); err != nil {
		t.Fatal(err)
	}
	if len(c.IMAP) != 1 || c.IMAP[0].Name != "flag" {
		t.Errorf("from the flag: got %+v", c.IMAP)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"unknown key", "domain = \"a.example\"\n\ndomian = \"b\"\n", `line 3: unknown key "domian"; did you mean "domain"?`},
		{"unknown key in a table", "[smtp]\nlisten = \":25\"\nmax_sise = \"3MB\"\n", `line 3: unknown key "smtp.max_sise"; did you mean "smtp.max_size"?`},
		{"unknown table", "[smpt]\nlisten = \":25\"\n", `line 1: unknown key "smpt"; did you mean "smtp"?`},
		{"key in the wrong table", "max_recipients = 3\n", `did you mean "smtp.max_recipients"?`},
		{"unknown key of a mailbox", "[[imap]]\nname = \"x\"\n\n[[imap]]\nusrname = \"y\"\n", `line 5: unknown key "imap.usrname"; did you mean "imap.username"?`},
		{"wrong case", "Domain = \"a.example\"\n", `line 1: unknown key "Domain"; did you mean "domain"?`},
		{"wrong type", "[smtp]\nmax_recipients = \"many\"\n", "line 2"},
		{"bad size", "[smtp]\n\nmax_size = \"3 parsecs\"\n", `line 3: smtp.max_size: "3 parsecs" is not a size`},
		{"bad duration", "[smtp]\ntimeout = \"soon\"\n", `"soon" is not a duration`},
		{"not TOML", "domain = \n", "line 1"},
		{"nothing near", "zzzzzzzzzzzzzz = 1\n", `unknown key "zzzzzzzzzzzzzz"`},
		{"bad choice", "[relay]\ntls = \"perhaps\"\n", "perhaps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parseServe(t, tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestConfigComplete(t *testing.T) {
	good := func() Config {
		c := defaultConfig()
		c.Domain, c.BaseURL, c.SenderPolicy, c.Relay.Address = "mail.example", "https://portal.example/", "address", "relay.example:587"
		return c
	}
	c := good()
	if err := c.complete(); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	if got, want := c.BaseURL, "https://portal.example"; got != want {
		t.Errorf("base_url: got %q, want %q", got, want)
	}
	if got, want := c.SMTP.Hostname, "portal.example"; got != want {
		t.Errorf("smtp.hostname: got %q, want %q", got, want)
	}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no domain", func(c *Config) { c.Domain = "" }, "--domain"},
		{"bad domain", func(c *Config) { c.Domain = "a b" }, "domain"},
		{"no base URL", func(c *Config) { c.BaseURL = "" }, "LETTERLOCK_BASE_URL"},
		{"http in public", func(c *Config) { c.BaseURL = "http://portal.example" }, "https://"},
		{"no policy", func(c *Config) { c.SenderPolicy = "" }, "standard, strict, address"},
		{"unknown policy", func(c *Config) { c.SenderPolicy = "lenient" }, "standard, strict, address"},
		{"strict with exceptions", func(c *Config) { c.SenderPolicy, c.Sender.Allow = "strict", []string{"example.org"} }, "sender.allow"},
		{"a sealer that is no domain", func(c *Config) { c.Sender.Sealers = []string{"the list"} }, "sender.sealers"},
		{"a DNS server that is none", func(c *Config) { c.DNS.Servers = []string{"dns.example.org"} }, "dns.servers"},
		{"no time for DNS", func(c *Config) { c.DNS.Timeout = 0 }, "dns.timeout"},
		{"no relay", func(c *Config) { c.Relay.Address = "" }, "relay.address"},
		{"relay without port", func(c *Config) { c.Relay.Address = "relay.example" }, "HOST:PORT"},
		{"half a certificate", func(c *Config) { c.HTTP.TLSCert = "x.pem" }, "http.tls_key"},
		{"no way in", func(c *Config) { c.SMTP.Listen = "" }, "[[imap]]"},
		{"a limit of nothing", func(c *Config) { c.SMTP.MaxRecipients = 0 }, "smtp.max_recipients"},
		{"a password in the clear", func(c *Config) { c.Relay.TLS, c.Relay.Username, c.Relay.Password = "none", "u", "p" }, "in the clear"},
		{"a user without a password", func(c *Config) { c.Relay.Username = "u" }, "belong together"},
		{"a bad proxy", func(c *Config) { c.HTTP.TrustedProxies = []string{"here"} }, "http.trusted_proxies"},
		{"no pace", func(c *Config) { c.Message.Pace = 0 }, "message.pace"},
		{"a bad inbox", func(c *Config) { c.Inbox = []string{"office"} }, "inbox"},
		{"two mailboxes of one name", func(c *Config) {
			a := IMAPConfig{Name: "a", Address: "h:993", Username: "u", PasswordFile: "/p"}
			c.IMAP = []IMAPConfig{a, a}
		}, "taken"},
		{"a move to nowhere", func(c *Config) {
			c.IMAP = []IMAPConfig{{Name: "a", Address: "h:993", Username: "u", PasswordFile: "/p", After: "move"}}
		}, "move_to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			err := c.complete()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// A variable with a password in it must not come back in an error.
func TestConfigKeepsSecrets(t *testing.T) {
	t.Setenv("LETTERLOCK_IMAP", "name=a,password=hunter-two,sesame-four")
	c, err := parseServe(t, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Domain, c.BaseURL, c.SenderPolicy, c.Relay.Address = "mail.example", "https://portal.example/", "address", "relay.example:587"
	err = c.complete()
	if err == nil || strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Size
		form string
	}{
		{"25MiB", 25 << 20, "25MiB"}, {"1 kb", 1000, "1000B"}, {"4096", 4096, "4KiB"}, {"0", 0, "0B"}, {"2GB", 2e9, "1953125KiB"}, {"7b", 7, "7B"},
	} {
		var got Size
		if err := got.UnmarshalText([]byte(tt.text)); err != nil || got != tt.want {
			t.Errorf("size %q: got %d, %v, want %d", tt.text, got, err, tt.want)
		}
		if form, _ := got.MarshalText(); string(form) != tt.form {
			t.Errorf("size %q: got %q, want %q", tt.text, form, tt.form)
		}
	}
	for _, bad := range []string{"", "MB", "-1", "1.5MB", "99999999999GB", "1 kilobyte"} {
		if err := new(Size).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("size %q: got no error", bad)
		}
	}
	for _, tt := range []struct {
		text string
		want time.Duration
		form string
	}{
		{"30s", 30 * time.Second, "30s"},
		{"2d", 48 * time.Hour, "2d"},
		{"10m", 10 * time.Minute, "10m"},
		{"1m10s", 70 * time.Second, "1m10s"},
		{"12h", 12 * time.Hour, "12h"},
		{"1h30m", 90 * time.Minute, "1h30m"},
		{"0s", 0, "0s"},
		{"10h", 10 * time.Hour, "10h"},
	} {
		var got Duration
		if err := got.UnmarshalText([]byte(tt.text)); err != nil || time.Duration(got) != tt.want {
			t.Errorf("duration %q: got %s, %v, want %s", tt.text, time.Duration(got), err, tt.want)
		}
		if form, _ := got.MarshalText(); string(form) != tt.form {
			t.Errorf("duration %q: got %q, want %q", tt.text, form, tt.form)
		}
	}
	for _, bad := range []string{"", "5", "-3s", "soon", "d", "999999d"} {
		if err := new(Duration).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("duration %q: got no error", bad)
		}
	}
}

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"domain", "domian", 1}, {"listen", "listn", 1}, {"kitten", "sitting", 3}} {
		if got := editDistance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// Each key must be a flag of serve under the name that follows from it, with help.
func TestEveryKeyIsAFlag(t *testing.T) {
	var c cli
	p, err := newParser(&c, &environment{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]*kong.Flag{}
	for _, n := range p.Model.Children {
		if n.Name == "serve" {
			for _, f := range n.Flags {
				flags[f.Name] = f
			}
		}
	}
	for path := range configKeys() {
		if strings.HasPrefix(path, "imap.") {
			continue
		}
		f := flags[flagName(path)]
		if f == nil {
			t.Errorf("%s: serve has no flag --%s", path, flagName(path))
			continue
		}
		if f.Help == "" || len(f.Envs) != 1 || f.Envs[0] != envName(path) {
			t.Errorf("%s: got help %q and variables %q, want help and %s", path, f.Help, f.Envs, envName(path))
		}
	}
}

// docs/configuration.md must have each key with its default, and none that is not there.
func TestConfigReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := configKeys()
	documented := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		key := strings.Trim(strings.TrimSpace(cells[1]), "`")
		documented[key] = true
		k, known := keys[key]
		if !known {
			t.Errorf("docs/configuration.md has %s, which is no key", key)
			continue
		}
		if def := k.tag.Get("default"); def != "" && !strings.Contains(cells[2], "`"+def+"`") {
			t.Errorf("docs/configuration.md, %s: got default %q, want `%s`", key, strings.TrimSpace(cells[2]), def)
		}
	}
	for key := range keys {
		if !documented[key] && key != "imap" {
			t.Errorf("docs/configuration.md lacks %s", key)
		}
	}
}
