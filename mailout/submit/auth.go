package submit

import (
	"context"
	"errors"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"letterlock/bridge/oauth"
)

// Tokens gives access tokens. An *oauth.Source does.
type Tokens interface {
	Token(ctx context.Context) (string, error)
	Refused(token string) // so that the next one is new
}

var _ Tokens = (*oauth.Source)(nil)

// account is how to sign in.
type account struct {
	username string
	password string
	tokens   Tokens // in place of a password; nil for none
	address  string // host:port of the server
}

// signIn runs AUTH with the best of the mechanisms that the account allows and the server offers.
func (a *account) signIn(ctx context.Context, c *smtp.Client) error {
	if a.tokens != nil {
		return a.signInWithToken(ctx, c)
	}
	var client sasl.Client
	switch {
	case c.SupportsAuth(sasl.Plain):
		client = sasl.NewPlainClient("", a.username, a.password) // RFC 4616
	case c.SupportsAuth(sasl.Login):
		client = &login{answers: []string{a.username, a.password}}
	default:
		return &Error{Stage: StageAuth, Relay: true, Text: "the mail server offers neither AUTH PLAIN nor AUTH LOGIN"}
	}
	if err := c.Auth(client); err != nil {
		return failure(StageAuth, err)
	}
	return nil
}

// signInWithToken runs OAUTHBEARER (RFC 7628), or XOAUTH2 where only that is offered.
func (a *account) signInWithToken(ctx context.Context, c *smtp.Client) error {
	bearer := c.SupportsAuth(oauth.OAUTHBEARER)
	if !bearer && !c.SupportsAuth(oauth.XOAUTH2) {
		return &Error{Stage: StageAuth, Relay: true, Text: "the mail server offers neither AUTH XOAUTH2 nor AUTH OAUTHBEARER"}
	}
	token, err := a.tokens.Token(ctx)
	if err != nil {
		return &Error{Stage: StageAuth, Relay: true, Text: cleanText(err.Error()), Err: err}
	}
	var client *oauth.Mechanism
	if bearer {
		client, err = oauth.NewOAUTHBEARER(a.username, token, a.address)
	} else {
		client, err = oauth.NewXOAUTH2(a.username, token)
	}
	if err != nil {
		return &Error{Stage: StageAuth, Relay: true, Text: cleanText(err.Error()), Err: err}
	}
	err = c.Auth(client)
	if err == nil {
		return nil
	}
	e := failure(StageAuth, err)
	if said := (*oauth.TokenError)(nil); errors.As(err, &said) {
		e.Text = cleanText(said.Error())
	}
	if e.Code >= 500 || e.Code == 0 {
		a.tokens.Refused(token)
	}
	return e
}

// login is the LOGIN mechanism, which no RFC describes: the server asks twice, in words that differ from server to server.
type login struct{ answers []string }

// Start implements sasl.Client.
func (l *login) Start() (string, []byte, error) { return sasl.Login, nil, nil }

// Next implements sasl.Client.
func (l *login) Next([]byte) ([]byte, error) {
	if len(l.answers) == 0 {
		return nil, errors.New("the mail server asks for more than a name and a password")
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}
