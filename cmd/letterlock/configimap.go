package main

import (
	"fmt"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// IMAPConfig is one mailbox that is polled. In the file it is a table of the list [[imap]].
type IMAPConfig struct {
	Name            string   `toml:"name" help:"What the log and the bookkeeping call it. Changing it makes the mailbox a new one."`
	Address         string   `toml:"address" help:"HOST:PORT of the server."`
	TLS             string   `toml:"tls" help:"implicit: TLS from the first octet, usual on port 993 (the default). starttls: usual on port 143. none: only for a server on this machine."`
	Username        string   `toml:"username" help:"To sign in."`
	Password        string   `toml:"password" help:"To sign in. Better in a file."`
	PasswordFile    string   `toml:"password_file" help:"A file whose first line is the password."`
	PasswordCommand string   `toml:"password_command" help:"A command that prints the password."`
	Shared          string   `toml:"shared" help:"The user whose mailboxes are opened, where that is another one than username: a shared mailbox of Microsoft 365, or any whose rights username has."`
	Mailbox         string   `toml:"mailbox" help:"Which mailbox to read (INBOX)."`
	After           string   `toml:"after" help:"What becomes of a mail once it is safely stored: seen (flag it, the default), keep (leave it as it is), move or delete."`
	MoveTo          string   `toml:"move_to" help:"The mailbox for after = \"move\"."`
	AuthservIDs     string   `toml:"authserv_ids" help:"Names in the Authentication-Results fields that its server adds, with spaces between them: what they say is believed if they stand on top. The server must take away such fields that come from outside. - stands for fields without a name, as those of Microsoft 365."`
	Since           string   `toml:"since" help:"When the mailbox is read for the first time, mail from before this day stays where it is. Such as 2026-11-20."`
	Poll            Duration `toml:"poll" help:"How often to look where the server can't tell by itself (1m)."`

	OAuthConfig

	flaw error // of Decode, told by complete: kong would print the whole variable, password included
}

var _ kong.MapperValue = (*IMAPConfig)(nil)

// Decode implements kong.MapperValue. It reads the form of the flag and the variable: KEY=VALUE pairs with commas between them.
// What is wrong with them complete tells.
func (c *IMAPConfig) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("mailbox", &text); err != nil {
		return err
	}
	c.read(text)
	return nil
}

func (c *IMAPConfig) read(text string) {
	fields := c.fields()
	for pair := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		f, known := fields[key]
		switch {
		case !found:
			c.flaw = fmt.Errorf("imap: a part of it is not KEY=VALUE; parts are separated by commas, so a password with a comma needs password_file")
			return
		case !known:
			c.flaw = fmt.Errorf("imap: unknown key %q%s", key, didYouMean(key, mapKeys(fields)))
			return
		}
		switch p := f.Addr().Interface().(type) {
		case *string:
			*p = value
		case *Duration:
			if err := p.UnmarshalText([]byte(value)); err != nil {
				c.flaw = fmt.Errorf("imap.%s: %w", key, err)
			}
		}
	}
}

func (c *IMAPConfig) fields() map[string]reflect.Value { return structFields(c) }

// structFields returns the fields of the struct that p points to by their keys, those of embedded structs included.
func structFields(p any) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Anonymous {
				walk(v.Field(i))
			} else if key := f.Tag.Get("toml"); key != "" {
				fields[key] = v.Field(i)
			}
		}
	}
	walk(reflect.ValueOf(p).Elem())
	return fields
}

// complete fills in defaults and checks the account. Names are those of the accounts before it.
func (c *IMAPConfig) complete(i int, names map[string]bool) error {
	if c.flaw != nil {
		return c.flaw
	}
	at := fmt.Sprintf("[[imap]] number %d", i+1)
	for _, f := range []struct{ key, value string }{{"name", c.Name}, {"address", c.Address}, {"username", c.Username}} {
		if f.value == "" {
			return fmt.Errorf("%s: %s is not set", at, f.key)
		}
	}
	if names[c.Name] {
		return fmt.Errorf("%s: the name %q is taken by another one", at, c.Name)
	}
	names[c.Name] = true
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return fmt.Errorf("%s: address %q is not HOST:PORT", at, c.Address)
	}
	setDefault(&c.TLS, "implicit")
	setDefault(&c.Mailbox, "INBOX")
	setDefault(&c.After, "seen")
	switch c.TLS {
	case "implicit", "starttls":
	case "none":
		if !loopbackHost(host) {
			return fmt.Errorf("%s: tls = \"none\" would send the password in the clear: use implicit or starttls", at)
		}
	default:
		return fmt.Errorf("%s: tls is %q, and can be implicit, starttls or none", at, c.TLS)
	}
	switch c.After {
	case "seen", "keep", "delete":
	case "move":
		if c.MoveTo == "" {
			return fmt.Errorf("%s: after is \"move\", so move_to must name a mailbox", at)
		}
	default:
		return fmt.Errorf("%s: after is %q, and can be seen, keep, move or delete", at, c.After)
	}
	if err := c.OAuthConfig.complete(at); err != nil {
		return err
	}
	password := c.Password != "" || c.PasswordFile != "" || c.PasswordCommand != ""
	if password && c.OAuth != "" {
		return fmt.Errorf("%s: set either a password or oauth", at)
	}
	if !password && c.OAuth == "" {
		return fmt.Errorf("%s: no password is set: use password_file, or oauth where the provider takes no passwords", at)
	}
	if c.Since != "" {
		if _, err := time.Parse(time.DateOnly, c.Since); err != nil {
			return fmt.Errorf("%s: since %q is not a day such as 2026-11-20", at, c.Since)
		}
	}
	return nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
