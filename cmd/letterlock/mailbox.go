package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"letterlock/bridge/oauth"
)

// mailboxCommand is about the accounts that mail is read from, and the one that it leaves by.
type mailboxCommand struct {
	Authorize mailboxAuthorizeCommand `cmd:"" help:"Have the owner of an account let Letterlock in, with OAuth2."`
}

type mailboxAuthorizeCommand struct {
	withConfig
	Settings Config `embed:""`
	Account  string `arg:"" help:"The name of a mailbox of the configuration, or relay."`
	Way      string `default:"auto" enum:"auto,device,browser" placeholder:"WAY" help:"device: type a code on the provider's page, on any machine. browser: sign in in a browser that comes back to this machine. auto (the default): device where the provider has it."`
	Listen   string `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where the browser comes back to on this machine (${default}, any port that is free)."`
	Print    bool   `help:"Print the refresh token instead of keeping it, for a secret store."`
}

// Help is the longer help.
func (mailboxAuthorizeCommand) Help() string {
	return `For accounts with oauth whose oauth_grant is "refresh_token": the owner signs in at the provider and agrees, and the refresh token that comes of it is kept in the database, sealed, in place of any before it. It is not shown. A gateway that runs takes it up by itself within minutes. Then the account is tried, as "letterlock doctor" does.

Do the same again when consent was taken back or has run out.`
}

// Run asks for consent and keeps it.
func (c *mailboxAuthorizeCommand) Run(ctx context.Context, env *environment) error {
	serve := serveCommand{Settings: c.Settings}
	config := serve.settings(env)
	if err := config.complete(); err != nil {
		return usageError{err}
	}
	account, err := c.find(&config)
	if err != nil {
		return usageError{err}
	}
	if err := account.mayConsent(); err != nil {
		return usageError{fmt.Errorf("%s: %w", c.Account, err)}
	}
	if c.Print {
		g, err := c.ask(ctx, env, account)
		if err == nil {
			_, err = fmt.Fprintln(env.stdout, g.RefreshToken)
		}
		return err
	}
	// The data comes first: what a person consented to must have a place.
	k, err := openKept(ctx, config, silent(), time.Now)
	if err != nil {
		return err
	}
	defer k.db.Close()
	tokens, err := account.source(ctx, account.key, account.user, k.db, time.Now, silent())
	if err != nil {
		return err
	}
	g, err := c.ask(ctx, env, account)
	if err != nil {
		return err
	}
	if err := tokens.Adopt(ctx, g); err != nil {
		return err
	}
	fmt.Fprintln(env.stderr, "Consent is kept.")
	return account.try(ctx, env, &patient{config: config, kept: k, now: time.Now})
}

// consentingAccount is an account of the configuration, as consent sees it.
type consentingAccount struct {
	*OAuthConfig
	name, key, user string
	check           func(context.Context, *patient) []finding
}

// find finds the account in the configuration.
func (c *mailboxAuthorizeCommand) find(config *Config) (consentingAccount, error) {
	var names []string
	for i := range config.IMAP {
		m := &config.IMAP[i]
		if m.Name == c.Account {
			return consentingAccount{&m.OAuthConfig, m.Name, "imap." + m.Name, m.Username, func(ctx context.Context, p *patient) []finding {
				return checkMailbox(ctx, p, *m)
			}}, nil
		}
		names = append(names, m.Name)
	}
	if c.Account == "relay" && config.Relay.Address != "" {
		return consentingAccount{&config.Relay.OAuthConfig, "relay", "relay", config.Relay.Username, checkRelay}, nil
	}
	return consentingAccount{}, fmt.Errorf("there is no mailbox %q in the configuration%s", c.Account, didYouMean(c.Account, append(names, "relay")))
}

// mayConsent returns an error that says why the account is not for consent.
func (c *OAuthConfig) mayConsent() error {
	switch {
	case c.OAuth == "":
		return errors.New("it signs in with a password, or not at all: set oauth and what goes with it, as docs/imap.md says")
	case c.grant() != oauth.RefreshToken:
		return fmt.Errorf("it gets its access by %s, which needs nobody's consent: set oauth_grant to \"refresh_token\" if somebody is to give it", c.grant())
	}
	return nil
}

// ask asks for consent, by the way that was chosen.
func (c *mailboxAuthorizeCommand) ask(ctx context.Context, env *environment, a consentingAccount) (oauth.Granted, error) {
	consent, err := a.consent(ctx, a.key, a.user)
	if err != nil {
		return oauth.Granted{}, err
	}
	consent.Say = func(line string) { fmt.Fprintln(env.stderr, line) }
	way := c.Way
	switch {
	case way != "auto":
	case consent.DeviceURL != "":
		way = "device"
	case consent.AuthorizeURL != "":
		way = "browser"
	default:
		return oauth.Granted{}, usagef("%s: neither oauth_device_url nor oauth_authorize_url is set: the documentation of the provider names them", a.name)
	}
	if way == "device" {
		return consent.ByDevice(ctx)
	}
	return consent.ByBrowser(ctx, c.Listen, linesOf(env.stdin))
}

// linesOf gives the lines of r as they come. What reads ends with the process, or r.
func linesOf(r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(r)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	return lines
}

// consent returns what asks for it.
func (c *OAuthConfig) consent(ctx context.Context, key, user string) (*oauth.Consent, error) {
	secret, err := secretIn(ctx, key, "oauth_client_secret", c.OAuthSecret, c.OAuthSecretFile, c.OAuthSecretCommand)
	if err != nil {
		return nil, err
	}
	p := c.provider()
	o := &oauth.Consent{
		Config:    oauth.Config{Name: key, TokenURL: c.OAuthTokenURL, ClientID: c.OAuthClientID, ClientSecret: secret, SecretInBody: p.SecretInBody, Scopes: strings.Fields(c.OAuthScope)},
		DeviceURL: c.OAuthDeviceURL, AuthorizeURL: c.OAuthAuthorizeURL, Params: p.Params, Loopback: p.Loopback,
	}
	setDefault(&o.TokenURL, p.TokenURL)
	setDefault(&o.DeviceURL, p.DeviceURL)
	setDefault(&o.AuthorizeURL, p.AuthorizeURL)
	if len(o.Scopes) == 0 {
		o.Scopes = p.Scopes[oauth.RefreshToken]
	}
	if strings.Contains(user, "@") {
		o.Login = user
	}
	return o, nil
}

// try tries the account, and tells how it went as the doctor does.
func (a consentingAccount) try(ctx context.Context, env *environment, p *patient) error {
	failed := false
	for _, f := range a.check(ctx, p) {
		f.Check = "mailbox"
		if a.name == "relay" {
			f.Check = "relay"
		}
		if err := f.tell(env); err != nil {
			return err
		}
		failed = failed || f.State == stateFault
	}
	if failed {
		return errors.New("consent is kept, and the account does not work yet: see above")
	}
	return nil
}
