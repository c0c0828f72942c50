package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/oauth"
	"letterlock/mailin/imap"
)

// addMailboxes wires the mailboxes that are polled, each on its own, so that none waits for another.
func (a *app) addMailboxes(ctx context.Context, h hooks) error {
	log := a.log.With("part", "imap")
	a.accounts = newAccountWatch(a.gateway, a.now, a.log.With("part", "accounts"))
	a.behind = append(a.behind, part{"accounts", a.accounts.Run})
	for _, c := range a.config.IMAP {
		account, tokens, err := mailAccount(ctx, c, a.db, a.now, log)
		if err != nil {
			return err
		}
		watched := a.accounts.add(bridge.MailAccount{Name: c.Name, Where: c.where()}, tokens, func(err error) string { return mailboxAdvice(err, c) })
		p, err := imap.New(imap.Config{
			Gateway: a.gateway, Progress: a.db, Parse: parse, Judge: a.judge, Accounts: []imap.Account{account},
			MaxSize: int64(a.config.SMTP.MaxSize), Poll: time.Duration(c.Poll),
			Now: a.now, Log: log, Told: watched.told, AfterReceive: h.received,
		})
		if err != nil {
			return err
		}
		run := p.Run
		if tokens != nil {
			run = beside(p.Run, tokens.Run)
		}
		a.front = append(a.front, a.alone(part{"mailbox " + c.Name, watched.while(run)}))
	}
	return nil
}

// where says which mailbox of which server it is.
func (c *IMAPConfig) where() string {
	whose := c.Username
	if c.Shared != "" {
		whose = c.Shared
	}
	return c.Mailbox + " of " + whose + " at " + c.Address
}

// beside runs two things that end with their context and return no error of their own.
func beside(one, other func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ended := make(chan error, 1)
		go func() { ended <- other(ctx) }()
		return errors.Join(one(ctx), <-ended)
	}
}

// mailAccount makes an account of a [[imap]] table, and what gives its tokens, which is nil where it has a password.
func mailAccount(ctx context.Context, c IMAPConfig, keeper oauth.Keeper, now func() time.Time, log *slog.Logger) (imap.Account, *oauth.Source, error) {
	security := map[string]imap.Security{"implicit": imap.TLS, "starttls": imap.StartTLS, "none": imap.Plain}
	a := imap.Account{
		Name: c.Name, Addr: c.Address, Security: security[c.TLS], Username: c.Username, Shared: c.Shared,
		Mailbox: c.Mailbox, After: imap.After(c.After), Folder: c.MoveTo,
	}
	key := "imap." + c.Name
	var tokens *oauth.Source
	var err error
	if c.OAuth != "" {
		if tokens, err = c.source(ctx, key, c.Username, keeper, now, log); err != nil {
			return a, nil, err
		}
		a.Tokens = tokens
	} else if a.Password, err = secret(ctx, key, c.Password, c.PasswordFile, c.PasswordCommand); err != nil {
		return a, nil, err
	}
	if c.Since != "" {
		if a.Since, err = time.ParseInLocation(time.DateOnly, c.Since, time.Local); err != nil {
			return a, nil, fmt.Errorf("%s.since: %w", key, err)
		}
	}
	return a, tokens, nil
}
