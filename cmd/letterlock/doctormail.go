package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"letterlock/bridge/oauth"
	"letterlock/mailin/imap"
)

// tryTimeout bounds each step of a try.
const tryTimeout = 20 * time.Second

// checkMailboxes tries all accounts at once, since each may have to wait for a server.
func checkMailboxes(ctx context.Context, p *patient) []finding {
	all := make([][]finding, len(p.config.IMAP))
	var tries sync.WaitGroup
	for i, c := range p.config.IMAP {
		tries.Go(func() { all[i] = checkMailbox(ctx, p, c) })
	}
	tries.Wait()
	var found []finding
	for _, f := range all {
		found = append(found, f...)
	}
	return found
}

func checkMailbox(ctx context.Context, p *patient, c IMAPConfig) []finding {
	var keeper oauth.Keeper
	if p.kept != nil {
		keeper = p.kept.db
	}
	if c.OAuth != "" && c.grant() == oauth.RefreshToken && keeper == nil {
		return []finding{fault(c.Name, errors.New("it was not tried: the refresh token is in the database"), "see to the data first")}
	}
	account, tokens, err := mailAccount(ctx, c, keeper, p.now, silent())
	if err != nil {
		return []finding{fault(c.Name, err, "see [[imap]] in docs/configuration.md")}
	}
	var found []finding
	if tokens != nil {
		_, _ = tokens.Token(ctx) // what goes wrong comes again below
		for _, w := range tokens.Warnings() {
			what, advice, _ := strings.Cut(w, ": ")
			if !strings.HasPrefix(w, "there is no access token") {
				found = append(found, finding{About: c.Name, State: stateWarning, What: what, Advice: advice})
			}
		}
	}
	is, err := imap.Probe(ctx, imap.Config{Timeout: tryTimeout}, account)
	if err != nil {
		return append(found, fault(c.Name, err, mailboxAdvice(err, c)))
	}
	how := "new mail is announced at once"
	if !is.Idle {
		how = "the server does not announce new mail, so it is looked for"
	}
	found = append(found, good(c.Name, "%s of %s can be read: %d messages; %s", c.Mailbox, c.Address, is.Messages, how))
	if is.NoFolder {
		found = append(found, finding{
			About: c.Name, State: stateWarning, What: fmt.Sprintf("there is no mailbox %q for what was taken", c.MoveTo),
			Advice: "it will be made; if it should be there, look at the spelling of move_to, and at the prefix that the server wants, such as INBOX.",
		})
	}
	return found
}

// mailboxAdvice says what to do about an account that does not work.
func mailboxAdvice(err error, c IMAPConfig) string {
	at := &imap.ProbeError{}
	_ = errors.As(err, &at)
	var token *oauth.TokenError
	switch {
	case at.Stage == imap.Connect:
		return connectAdvice(err, "address and tls of the mailbox")
	case at.Stage == imap.Record:
		return "the gateway can't keep mail at the moment: look at its log, at the database and at the room on the disk"
	case errors.Is(err, oauth.ErrNoConsent):
		return "run: letterlock mailbox authorize " + c.Name
	case errors.Is(err, oauth.ErrRefused) && c.grant() == oauth.RefreshToken:
		return "look at oauth_client_id and its secret; if consent was taken back or ran out, have it given again: letterlock mailbox authorize " + c.Name
	case errors.Is(err, oauth.ErrRefused):
		return "look at oauth_client_id, its secret and the consent or refresh token; the text above is the token server's. See docs/imap.md"
	case at.Stage == imap.SignIn && c.OAuth != "" && (at.Refused || errors.As(err, &token)):
		return "the application needs the right to read this mailbox, and username (or shared) must be the mailbox's address. See docs/imap.md"
	case at.Stage == imap.SignIn && c.OAuth != "":
		return "look whether this machine can reach the token server, and at oauth_token_url"
	case at.Stage == imap.SignIn && at.Refused:
		return "look at username and the password; many providers want a password made for this program (an app password), or oauth"
	case at.Stage == imap.SignIn:
		return "look at tls: most servers take a password over TLS only"
	case at.Stage == imap.Open && at.Refused:
		return "look at the spelling of mailbox, and whether username may read it"
	}
	return "try again; if it stays so, the server's log knows more"
}

// accountFault says in plain words what does not work, and then what exactly.
func accountFault(err error) string {
	at := &imap.ProbeError{}
	_ = errors.As(err, &at)
	plain := "the provider gives no access"
	switch {
	case errors.Is(err, oauth.ErrNoConsent):
		return oauth.ErrNoConsent.Error()
	case at.Stage == imap.Connect:
		plain = "the server can't be reached"
	case at.Stage == imap.SignIn && !errors.Is(err, oauth.ErrRefused):
		plain = "the server does not let us in"
	case at.Stage == imap.Open:
		plain = "the mailbox can't be opened"
	case at.Stage == imap.Read:
		plain = "the connection broke while the mailbox was read"
	case at.Stage == imap.Record:
		plain = "mail can't be kept"
	}
	return plain + ": " + err.Error()
}

// connectAdvice says what to do where no connection stands.
func connectAdvice(err error, settings string) string {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &dns):
		return "look at the spelling of the host, and whether this machine can ask DNS"
	case errors.As(err, &unknown):
		return "the server's certificate was made by nobody this machine trusts: install its issuer's certificate in the system's store"
	case errors.As(err, &host):
		return "use the name that the server's certificate has as its address"
	case errors.As(err, &invalid):
		return "the server's certificate ran out or is not for servers: its operator must renew it; look at this machine's clock too"
	case errors.As(err, &record):
		return "the port does not speak TLS from the first octet: set tls to starttls, or use the other port"
	}
	return "look at " + settings + ", and whether a firewall lets this machine out"
}
