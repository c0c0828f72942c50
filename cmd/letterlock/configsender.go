package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"letterlock/bridge/resolver"
	"letterlock/mailin/sender"
)

// SenderConfig is what is believed about who sent a mail, beside what DNS says.
type SenderConfig struct {
	Allow       []string `toml:"allow" placeholder:"DOMAIN" help:"Domains whose authors are believed without a proof if they write to their own reply address. It holds for domains without a DMARC policy only, and not with sender-policy=strict."`
	Sealers     []string `toml:"sealers" placeholder:"DOMAIN" help:"Forwarders, such as mailing lists, whose ARC seals are believed: what was proven when it came to them counts here."`
	AuthservIDs []string `name:"authserv-ids" toml:"authserv_ids" placeholder:"NAME" help:"Names in Authentication-Results fields of the mail servers in smtp-forwarders, or in front by LMTP. Such a field is believed where the client is not known. - stands for fields without a name."`
}

// DNSConfig is who is asked about names.
type DNSConfig struct {
	Servers []string `toml:"servers" placeholder:"ADDRESS" help:"Recursive DNS servers, as IP or IP:PORT. Those of /etc/resolv.conf if there are none."`
	Timeout Duration `toml:"timeout" default:"2s" placeholder:"DURATION" help:"How long one of them may take (${default})."`
}

// senderPolicies are the values of sender_policy.
var senderPolicies = []string{"standard", "strict", "address"}

func validPolicy(s string) error {
	for _, p := range senderPolicies {
		if s == p {
			return nil
		}
	}
	return fmt.Errorf("sender_policy: %q is none: it can be %s", s, strings.Join(senderPolicies, ", "))
}

// completeSender checks what is said of senders and of DNS.
func (c *Config) completeSender() error {
	if err := validPolicy(c.SenderPolicy); err != nil {
		return err
	}
	if c.DNS.Timeout <= 0 {
		return errors.New("dns.timeout must be more than nothing")
	}
	if len(c.DNS.Servers) > 0 {
		if _, err := resolver.New(resolver.Config{Servers: c.DNS.Servers}); err != nil {
			return fmt.Errorf("dns.servers: %w", err)
		}
	}
	if c.SenderPolicy == "strict" && len(c.Sender.Allow) > 0 {
		return errors.New("sender.allow can't be with sender_policy = \"strict\", which takes nothing without a proof")
	}
	for _, l := range []struct {
		key  string
		list []string
	}{{"sender.allow", c.Sender.Allow}, {"sender.sealers", c.Sender.Sealers}} {
		if err := sender.ValidDomains(l.list); err != nil {
			return fmt.Errorf("%s: %w", l.key, err)
		}
	}
	return nil
}

// resolver returns who is asked about names.
func (c DNSConfig) resolver() (*resolver.Resolver, error) {
	r, err := resolver.New(resolver.Config{Servers: c.Servers, Timeout: time.Duration(c.Timeout)})
	if err != nil {
		return nil, fmt.Errorf("dns.servers: %w", err)
	}
	return r, nil
}

// judge returns who decides about senders. The configuration is complete.
func (c *Config) judge(now func() time.Time) (sender.Judge, error) {
	if c.SenderPolicy == "address" {
		return sender.AddressPolicy{}, nil
	}
	r, err := c.DNS.resolver()
	if err != nil {
		return nil, err
	}
	accounts := map[string][]string{}
	for _, a := range c.IMAP {
		accounts[a.Name] = strings.Fields(a.AuthservIDs)
	}
	return sender.NewProver(sender.Config{
		Resolver: r, Strict: c.SenderPolicy == "strict", Allow: c.Sender.Allow, Sealers: c.Sender.Sealers,
		Fronts: c.Sender.AuthservIDs, Accounts: accounts, Now: now,
	})
}
