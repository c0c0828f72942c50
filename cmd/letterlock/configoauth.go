package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"letterlock/bridge/oauth"
)

// OAuthConfig is how access tokens are got that are used instead of a password. It is part of other tables.
type OAuthConfig struct {
	OAuth               string `name:"oauth" toml:"oauth" placeholder:"PROVIDER" help:"Sign in with access tokens (OAuth2) instead of a password: microsoft, google, or other for a server that oauth_token_url names."`
	OAuthGrant          string `name:"oauth-grant" toml:"oauth_grant" placeholder:"GRANT" help:"client_credentials: the program has access of its own. refresh_token: somebody gave consent. service_account: a Google Workspace service account. Without it, whichever follows from what is set."`
	OAuthTenant         string `name:"oauth-tenant" toml:"oauth_tenant" placeholder:"TENANT" help:"For microsoft: the tenant's id, or one of its domains."`
	OAuthTokenURL       string `name:"oauth-token-url" toml:"oauth_token_url" placeholder:"URL" help:"For other: where tokens are asked for."`
	OAuthAuthorizeURL   string `name:"oauth-authorize-url" toml:"oauth_authorize_url" placeholder:"URL" help:"For other: the page on which people give consent, for letterlock mailbox authorize."`
	OAuthDeviceURL      string `name:"oauth-device-url" toml:"oauth_device_url" placeholder:"URL" help:"For other: where codes for consent on another machine are asked for, for letterlock mailbox authorize."`
	OAuthScope          string `name:"oauth-scope" toml:"oauth_scope" placeholder:"SCOPES" help:"The scopes to ask for, with spaces between them. What the provider wants for mail if it is not set."`
	OAuthClientID       string `name:"oauth-client-id" toml:"oauth_client_id" placeholder:"ID" help:"The application's id."`
	OAuthSecret         string `name:"oauth-client-secret" toml:"oauth_client_secret" placeholder:"SECRET" help:"The application's secret. Better in a file."`
	OAuthSecretFile     string `name:"oauth-client-secret-file" toml:"oauth_client_secret_file" placeholder:"FILE" help:"A file whose first line is the application's secret."`
	OAuthSecretCommand  string `name:"oauth-client-secret-command" toml:"oauth_client_secret_command" placeholder:"COMMAND" help:"A command that prints the application's secret."`
	OAuthSecretExpires  string `name:"oauth-secret-expires" toml:"oauth_secret_expires" placeholder:"DAY" help:"The day on which the secret, or the service account's key, runs out, such as 2027-11-20. It is told in the log and by doctor from thirty days before."`
	OAuthRefresh        string `name:"oauth-refresh-token" toml:"oauth_refresh_token" placeholder:"TOKEN" help:"The refresh token that came of the consent, where letterlock mailbox authorize does not see to that. Better in a file. When the server gives another one in its place, that is kept in the database."`
	OAuthRefreshFile    string `name:"oauth-refresh-token-file" toml:"oauth_refresh_token_file" placeholder:"FILE" help:"A file whose first line is the refresh token."`
	OAuthRefreshCommand string `name:"oauth-refresh-token-command" toml:"oauth_refresh_token_command" placeholder:"COMMAND" help:"A command that prints the refresh token."`
	OAuthKeyFile        string `name:"oauth-key-file" toml:"oauth_key_file" placeholder:"FILE" help:"For service_account: the JSON key file that Google made."`
}

// grant returns the grant that is set, or follows from what is.
func (c *OAuthConfig) grant() oauth.Grant {
	switch {
	case c.OAuthGrant != "":
		return oauth.Grant(c.OAuthGrant)
	case c.OAuthKeyFile != "":
		return oauth.ServiceAccount
	case c.OAuthRefresh != "" || c.OAuthRefreshFile != "" || c.OAuthRefreshCommand != "":
		return oauth.RefreshToken
	}
	return oauth.ClientCredentials
}

// complete checks what can be checked without reading files. Its error is one to show.
func (c *OAuthConfig) complete(at string) error {
	fields := structFields(c)
	if c.OAuth == "" {
		for key, f := range fields {
			if f.String() != "" {
				return fmt.Errorf("%s: %s is set and oauth is not: set it to microsoft, google or other", at, key)
			}
		}
		return nil
	}
	grant := c.grant()
	switch grant {
	case oauth.ClientCredentials, oauth.RefreshToken, oauth.ServiceAccount:
	default:
		return fmt.Errorf("%s: oauth_grant is %q, and can be client_credentials, refresh_token or service_account", at, grant)
	}
	need := map[string]bool{}
	switch c.OAuth {
	case "microsoft":
		need["oauth_tenant"] = c.OAuthTenant == ""
		if grant == oauth.ServiceAccount {
			return fmt.Errorf("%s: service accounts are Google's: with microsoft use client_credentials or refresh_token", at)
		}
	case "google":
		if grant == oauth.ClientCredentials {
			return fmt.Errorf("%s: Google gives no access to mail by client_credentials: set oauth_grant to \"service_account\", with oauth_key_file, or to \"refresh_token\"", at)
		}
	case "other":
		need["oauth_token_url"] = c.OAuthTokenURL == ""
	default:
		return fmt.Errorf("%s: oauth is %q, and can be microsoft, google or other", at, c.OAuth)
	}
	need["oauth_key_file"] = grant == oauth.ServiceAccount && c.OAuthKeyFile == ""
	need["oauth_client_id"] = grant != oauth.ServiceAccount && c.OAuthClientID == ""
	need["oauth_client_secret_file"] = grant == oauth.ClientCredentials && c.OAuthSecret+c.OAuthSecretFile+c.OAuthSecretCommand == ""
	for _, key := range []string{"oauth_tenant", "oauth_token_url", "oauth_key_file", "oauth_client_id", "oauth_client_secret_file"} {
		if need[key] {
			return fmt.Errorf("%s: %s is not set, and %s with %s needs it", at, key, c.OAuth, grant)
		}
	}
	if c.OAuthSecretExpires != "" {
		if _, err := time.Parse(time.DateOnly, c.OAuthSecretExpires); err != nil {
			return fmt.Errorf("%s: oauth_secret_expires %q is not a day such as 2027-11-20", at, c.OAuthSecretExpires)
		}
	}
	return nil
}

// source returns what gives the tokens, for a user of a mail server. The configuration is complete.
func (c *OAuthConfig) source(ctx context.Context, key, user string, keeper oauth.Keeper, now func() time.Time, log *slog.Logger) (*oauth.Source, error) {
	o := oauth.Config{
		Name: key, Grant: c.grant(), TokenURL: c.OAuthTokenURL, ClientID: c.OAuthClientID, Scopes: strings.Fields(c.OAuthScope), Subject: user,
		Keeper: keeper, Now: now, Log: log,
	}
	provider := c.provider()
	o.SecretInBody = provider.SecretInBody
	setDefault(&o.TokenURL, provider.TokenURL)
	// What is asked for with a refresh token is what consent was given to, unless the provider wants it named.
	if len(o.Scopes) == 0 && (o.Grant != oauth.RefreshToken || c.OAuth == "microsoft") {
		o.Scopes = provider.Scopes[o.Grant]
	}
	var err error
	if o.ClientSecret, err = secretIn(ctx, key, "oauth_client_secret", c.OAuthSecret, c.OAuthSecretFile, c.OAuthSecretCommand); err != nil {
		return nil, err
	}
	if o.Grant == oauth.RefreshToken {
		if o.RefreshToken, err = secretIn(ctx, key, "oauth_refresh_token", c.OAuthRefresh, c.OAuthRefreshFile, c.OAuthRefreshCommand); err != nil {
			return nil, err
		}
	}
	if o.Grant == oauth.ServiceAccount {
		if err := c.readKey(&o, key); err != nil {
			return nil, err
		}
	}
	if c.OAuthSecretExpires != "" {
		if o.SecretExpires, err = time.ParseInLocation(time.DateOnly, c.OAuthSecretExpires, time.Local); err != nil {
			return nil, fmt.Errorf("%s.oauth_secret_expires: %w", key, err)
		}
	}
	s, err := oauth.New(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return s, nil
}

// provider returns what is known of the provider.
func (c *OAuthConfig) provider() oauth.Provider {
	switch c.OAuth {
	case "microsoft":
		return oauth.Microsoft(c.OAuthTenant)
	case "google":
		return oauth.Google()
	}
	return oauth.Provider{}
}

// readKey reads a service account's key file, as Google's console writes it.
func (c *OAuthConfig) readKey(o *oauth.Config, key string) error {
	text, err := readBounded(c.OAuthKeyFile, 64<<10)
	if err != nil {
		return fmt.Errorf("%s.oauth_key_file: %w", key, err)
	}
	var account struct {
		Email    string `json:"client_email"`
		Key      string `json:"private_key"`
		KeyID    string `json:"private_key_id"`
		TokenURI string `json:"token_uri"`
	}
	if err := json.Unmarshal([]byte(text), &account); err != nil || account.Email == "" || account.Key == "" {
		return fmt.Errorf("%s.oauth_key_file: %s is not the JSON key file of a service account", key, c.OAuthKeyFile)
	}
	setDefault(&o.ClientID, account.Email)
	o.Key, o.KeyID = []byte(account.Key), account.KeyID
	if c.OAuthTokenURL == "" && account.TokenURI != "" {
		o.TokenURL = account.TokenURI
	}
	return nil
}
