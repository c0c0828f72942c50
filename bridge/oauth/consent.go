package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Consent asks a person for access to what is theirs, which comes as the first refresh token. There are two ways: by a code that the person
// types on a page of the provider's, on whatever machine (RFC 8628); or by a browser that the provider sends back to this machine (RFC 8252),
// with a proof that the answer is for who asked (RFC 7636).
type Consent struct {
	// Config says who asks, and for what. Its Grant, RefreshToken and Keeper don't matter.
	Config
	DeviceURL    string            // where a device code is asked for; empty where the provider has none
	AuthorizeURL string            // the page on which a person consents; empty where there is none
	Params       map[string]string // what the provider wants to be told beside the standard's
	Loopback     string            // the name of this machine in the address to come back to; 127.0.0.1 if empty
	Login        string            // whom the page is to suggest; it may be empty

	// Say tells the person what to do, a line at a time. No line holds a secret that lasts.
	Say func(line string)
	// Wait waits, or returns the error of ctx. A timer if nil.
	Wait func(ctx context.Context, d time.Duration) error

	style oauth2.AuthStyle
}

// Granted is what consent brings.
type Granted struct {
	RefreshToken string
	Ends         time.Time // when it runs out; zero if the server does not tell
}

// ErrDenied says that the person, or the provider for them, said no.
var ErrDenied = errors.New("access was denied")

// ready checks what is needed to ask.
func (c *Consent) ready() error {
	c.Grant, c.RefreshToken = RefreshToken, "none yet"
	if err := c.complete(); err != nil {
		return err
	}
	for _, e := range []struct{ what, address string }{{"device", c.DeviceURL}, {"authorization", c.AuthorizeURL}} {
		if e.address != "" {
			if err := checkEndpoint(e.what, e.address); err != nil {
				return err
			}
		}
	}
	if c.Say == nil {
		c.Say = func(string) {}
	}
	if c.Wait == nil {
		c.Wait = wait
	}
	// All servers must know the header (RFC 6749, section 2.3.1), and some of the others know only the body.
	if c.style = oauth2.AuthStyleInHeader; c.SecretInBody || c.ClientSecret == "" {
		c.style = oauth2.AuthStyleInParams
	}
	return nil
}

// exchange shows the server what the person's consent brought, for tokens. The library would try the other way to authenticate after any error:
// twice within the interval of a device code, and a code twice, which servers take for a theft.
func (c *Consent) exchange(ctx context.Context, grant string, shown map[string]string) (Granted, error) {
	params := url.Values{"grant_type": {grant}}
	for name, value := range shown {
		params.Set(name, value)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.HTTP)
	request := func() (*oauth2.Token, error) {
		o := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.TokenURL, AuthStyle: c.style, EndpointParams: params}
		return o.Token(ctx)
	}
	t, err := request()
	if c.style == oauth2.AuthStyleInHeader && codeOf(err) == "invalid_client" {
		c.style = oauth2.AuthStyleInParams
		t, err = request()
	}
	if err != nil {
		return Granted{}, err
	}
	if t.RefreshToken == "" {
		return Granted{}, errors.New("the server gave access for now only, and no refresh token: it may want another scope, such as offline_access, or that former consent is taken back first")
	}
	g := Granted{RefreshToken: t.RefreshToken}
	if life := refreshLife(t); life > 0 {
		g.Ends = c.Now().Add(life)
	}
	return g, nil
}

// refreshLife returns for how long a refresh token is good, or zero if the server does not tell.
func refreshLife(t *oauth2.Token) time.Duration {
	if n, ok := t.Extra("refresh_token_expires_in").(float64); ok && n > 0 && n < 1e9 {
		return time.Duration(n) * time.Second
	}
	return 0
}

// codeOf returns the error code that a server answered (RFC 6749, section 5.2), or nothing.
func codeOf(err error) string {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return answer.ErrorCode
	}
	return ""
}

// denied returns an error that wraps ErrDenied, with the server's words.
func denied(words string) error {
	if words = clean(words); words == "" || words == "access_denied" {
		return ErrDenied
	}
	return fmt.Errorf("%w: %s", ErrDenied, words)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
