package imap

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"letterlock/bridge/oauth"
)

// login is what one sign-in shows: a password, or a token that was got for it.
type login struct {
	account Account
	token   string
	again   *int // how often in a row a token was refused
}

// login gets what is needed to sign in.
func (r *reader) login(ctx context.Context) (login, error) {
	l := login{account: r.account, again: &r.refusals}
	if r.account.Tokens == nil {
		return l, nil
	}
	var err error
	l.token, err = r.account.Tokens.Token(ctx)
	return l, err
}

// signIn authenticates.
func (l login) signIn(c *connection) error {
	if l.account.Tokens == nil {
		return l.withPassword(c)
	}
	err := l.withToken(c)
	var told *oauth.TokenError
	if !isRefused(err) && !errors.As(err, &told) {
		if err == nil {
			*l.again = 0
		}
		return err
	}
	l.account.Tokens.Refused(l.token)
	if *l.again++; *l.again == 1 {
		return fmt.Errorf("the access token was refused, the next try is with a new one: %v", err) // not as a refusal, which would take a pause
	}
	return &refusal{err}
}

// withPassword signs in by AUTHENTICATE PLAIN if it can, since LOGIN can't carry every password, nor name a shared mailbox.
func (l login) withPassword(c *connection) error {
	a, caps := l.account, c.client.Caps()
	switch {
	case caps.Has(imap.AuthCap(sasl.Plain)):
		return c.client.Authenticate(sasl.NewPlainClient(a.Shared, a.Username, a.Password))
	case caps.Has(imap.CapLoginDisabled):
		return errors.New("the server takes no password on this connection: use tls or starttls, or an access token")
	case a.Shared != "":
		return errors.New("the server knows no way to open another user's mailbox with a password (AUTH=PLAIN)")
	}
	return c.client.Login(a.Username, a.Password).Wait()
}

// withToken signs in with an access token. XOAUTH2 comes first: it is what the providers document, and all that Microsoft has.
func (l login) withToken(c *connection) error {
	user, caps := l.account.Username, c.client.Caps()
	if l.account.Shared != "" {
		user = l.account.Shared
	}
	var m *oauth.Mechanism
	var err error
	switch {
	case caps.Has(imap.AuthCap(oauth.XOAUTH2)):
		m, err = oauth.NewXOAUTH2(user, l.token)
	case caps.Has(imap.AuthCap(oauth.OAUTHBEARER)):
		m, err = oauth.NewOAUTHBEARER(user, l.token, l.account.Addr)
	default:
		err = errors.New("the server takes no access tokens (neither AUTH=XOAUTH2 nor AUTH=OAUTHBEARER)")
	}
	if err != nil {
		return err
	}
	return c.client.Authenticate(m)
}

// signInError says that a connection stood and nobody could sign in on it.
type signInError struct{ error }

// Error implements error.
func (e *signInError) Error() string { return "sign in: " + e.error.Error() }

// Unwrap returns the cause.
func (e *signInError) Unwrap() error { return e.error }

// refusal is an error that isRefused knows as one.
type refusal struct{ error }

// Unwrap returns what the server said.
func (r *refusal) Unwrap() error { return r.error }

// isRefused reports whether the server refused what was asked, as a wrong password or a mailbox that is not there.
func isRefused(err error) bool {
	var own *refusal
	var e *imap.Error
	return errors.As(err, &own) || errors.Is(err, oauth.ErrRefused) ||
		errors.As(err, &e) && e.Type == imap.StatusResponseTypeNo && e.Code != imap.ResponseCodeUnavailable
}
