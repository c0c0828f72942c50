// Package oauth gets access tokens (OAuth 2.0, RFC 6749) for those who sign in to mail servers with them, and renews them before they run
// out: by client credentials (section 4.4), by a refresh token (section 6), or by an assertion that a service account signs (RFC 7523). The
// first refresh token comes of a person's [Consent] (RFC 8628; RFC 8252 with RFC 7636). It also has the SASL mechanisms that carry a token: OAUTHBEARER (RFC 7628) and XOAUTH2, which Microsoft and Google made up before.
//
// A server may give a new refresh token in place of the one that was shown, after which the old one is worth nothing; the [Keeper] keeps
// it. A token that can't be renewed and a secret that will run out are told in the log while there is still time.
//
// It must not know what a token is for.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Grant is how a token is asked for.
type Grant string

// The grants.
const (
	ClientCredentials Grant = "client_credentials" // the program itself has been given access
	RefreshToken      Grant = "refresh_token"      // somebody gave it access to what is theirs
	ServiceAccount    Grant = "service_account"    // it signs an assertion, in the name of Subject
)

// Keeper keeps refresh tokens that a server gave, each under a name. A *store.DB does.
type Keeper interface {
	// RefreshToken returns an error if there is none, or none can be read now.
	RefreshToken(ctx context.Context, name string) (string, error)
	KeepRefreshToken(ctx context.Context, name, token string) error
}

// Config is what a Source needs. Zero times and functions take the defaults.
type Config struct {
	Name     string // what the tokens are for; it appears in the log, and names what is kept
	Grant    Grant
	TokenURL string // of the server's token endpoint; https, but on this machine
	Scopes   []string
	ClientID string // for ServiceAccount, its address
	// ClientSecret may be empty with a refresh token, for public clients.
	ClientSecret string
	// SecretInBody sends the client's secret as Microsoft and Google want it. Otherwise HTTP Basic authentication is tried first, which all
	// servers must support (RFC 6749, section 2.3.1).
	SecretInBody bool
	RefreshToken string // the first one; it may be empty if the Keeper has one, or will
	Key          []byte // PEM, the private key of a service account
	KeyID        string
	Subject      string // whom a service account acts for

	SecretExpires time.Time // when the secret or key runs out, if that is known: no protocol tells it

	Keeper Keeper // nil to keep nothing
	HTTP   *http.Client
	Now    func() time.Time
	Log    *slog.Logger
}

// Provider is what is the same for all customers of one.
type Provider struct {
	TokenURL     string
	DeviceURL    string // of Consent, as what follows
	AuthorizeURL string
	Params       map[string]string
	Loopback     string
	Scopes       map[Grant][]string
	SecretInBody bool
}

// Microsoft returns Microsoft 365's for a tenant: its id or one of its domains.
func Microsoft(tenant string) Provider {
	base := "https://login.microsoftonline.com/" + url.PathEscape(tenant) + "/oauth2/v2.0/"
	return Provider{
		TokenURL: base + "token", DeviceURL: base + "devicecode", AuthorizeURL: base + "authorize",
		Loopback: "localhost", // for which they let the port be any
		Scopes: map[Grant][]string{
			ClientCredentials: {"https://outlook.office365.com/.default"},
			RefreshToken:      {"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"},
		},
		SecretInBody: true,
	}
}

// Google returns Google's, for Gmail and Workspace. Their device codes are not for mail. They give a refresh token only to those who ask for
// access offline, and only with the first consent unless it is asked for anew.
func Google() Provider {
	mail := []string{"https://mail.google.com/"}
	return Provider{
		TokenURL:     "https://oauth2.googleapis.com/token",
		AuthorizeURL: "https://accounts.google.com/o/oauth2/v2/auth",
		Params:       map[string]string{"access_type": "offline", "prompt": "consent"},
		Scopes:       map[Grant][]string{ServiceAccount: mail, RefreshToken: mail},
		SecretInBody: true,
	}
}

// ErrRefused is wrapped where the server refused for good: asking again without a change will not help.
var ErrRefused = errors.New("the token server refuses")

// ErrNoConsent is wrapped where there is no refresh token: nobody has given one yet.
var ErrNoConsent = errors.New("nobody has given consent yet")

// checkEndpoint checks an address that secrets are sent to.
func checkEndpoint(what, address string) error {
	u, err := url.Parse(address)
	switch {
	case strings.Contains(address, "@"): // which this does not repeat
		return fmt.Errorf("the address of the %s endpoint is no web address without a user and password in it", what)
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is no web address of a %s endpoint", address, what)
	}
	if host := u.Hostname(); u.Scheme != "https" && (u.Scheme != "http" || host != "localhost" && host != "127.0.0.1" && host != "::1") {
		return fmt.Errorf("the %s endpoint must be an https address, since secrets are sent there", what)
	}
	return nil
}

func (c *Config) complete() error {
	if err := checkEndpoint("token", c.TokenURL); err != nil {
		return err
	}
	if c.ClientID == "" {
		return errors.New("the client id is not set")
	}
	switch c.Grant {
	case ClientCredentials:
		if c.ClientSecret == "" {
			return errors.New("the client secret is not set")
		}
	case RefreshToken:
		if c.RefreshToken == "" && c.Keeper == nil {
			return errors.New("the refresh token is not set")
		}
	case ServiceAccount:
		if len(c.Key) == 0 {
			return errors.New("the service account's key is not set")
		}
	default:
		return fmt.Errorf("grant %q is none of client_credentials, refresh_token and service_account", c.Grant)
	}
	for _, s := range c.Scopes {
		if strings.ContainsAny(s, " \t\r\n") {
			return fmt.Errorf("scope %q has a space: scopes are separate items", s)
		}
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // secrets go nowhere else
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
