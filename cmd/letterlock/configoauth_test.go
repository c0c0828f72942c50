package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOAuthSettings(t *testing.T) {
	good := func(c *IMAPConfig) {
		c.Name, c.Address, c.Username = "office", "outlook.office365.com:993", "office@example.com"
		c.OAuth, c.OAuthTenant, c.OAuthClientID, c.OAuthSecret = "microsoft", "example.com", "id", "hush"
	}
	for _, tt := range []struct {
		name   string
		change func(*IMAPConfig)
		want   string
	}{
		{"Microsoft by client credentials", func(*IMAPConfig) {}, ""},
		{"no tenant", func(c *IMAPConfig) { c.OAuthTenant = "" }, "oauth_tenant is not set"},
		{"no id", func(c *IMAPConfig) { c.OAuthClientID = "" }, "oauth_client_id is not set"},
		{"no secret", func(c *IMAPConfig) { c.OAuthSecret = "" }, "oauth_client_secret_file is not set"},
		{"a public client with consent", func(c *IMAPConfig) { c.OAuthSecret, c.OAuthRefreshFile = "", "token" }, ""},
		{"consent that is yet to be given", func(c *IMAPConfig) { c.OAuthSecret, c.OAuthGrant = "", "refresh_token" }, ""},
		{"a service account at Microsoft", func(c *IMAPConfig) { c.OAuthKeyFile = "key.json" }, "service accounts are Google's"},
		{"Google by client credentials", func(c *IMAPConfig) { c.OAuth = "google" }, "Google gives no access"},
		{"Google by a service account", func(c *IMAPConfig) { c.OAuth, c.OAuthKeyFile, c.OAuthClientID = "google", "key.json", "" }, ""},
		{"no endpoint", func(c *IMAPConfig) { c.OAuth = "other" }, "oauth_token_url is not set"},
		{"an odd provider", func(c *IMAPConfig) { c.OAuth = "yahoo" }, "can be microsoft, google or other"},
		{"an odd grant", func(c *IMAPConfig) { c.OAuthGrant = "implicit" }, "oauth_grant is"},
		{"an odd day", func(c *IMAPConfig) { c.OAuthSecretExpires = "soon" }, "is not a day"},
		{"a password too", func(c *IMAPConfig) { c.Password = "x" }, "either a password or oauth"},
		{"oauth forgotten", func(c *IMAPConfig) { c.OAuth, c.Password = "", "x" }, "and oauth is not"},
	} {
		var c IMAPConfig
		good(&c)
		tt.change(&c)
		err := c.complete(0, map[string]bool{})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// The keys of the table are read, its secret comes out of a file, and the token out of the server that it names.
func TestOAuthFromFile(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.PostForm.Get("scope")
		if _, secret, _ := r.BasicAuth(); secret != "hush" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "open", "token_type": "Bearer", "expires_in": 60})
	}))
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &configFile{path: "x.toml"}
	err := f.parse(`[[imap]]
name = "office"
address = "imap.example.com:993"
username = "ann@example.com"
shared = "office@example.com"
oauth = "other"
oauth_token_url = "` + server.URL + `"
oauth_client_id = "letterlock"
oauth_client_secret_file = "` + secret + `"
oauth_scope = "mail offline"
oauth_secret_expires = "2027-11-20"
`)
	if err != nil {
		t.Fatal(err)
	}
	c := f.config.IMAP[0]
	if err := c.complete(0, map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	a, tokens, err := mailAccount(t.Context(), c, nil, time.Now, silent())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tokens.Token(t.Context()); err != nil || got != "open" || asked != "mail offline" {
		t.Errorf("got token %q, %v, for scope %q", got, err, asked)
	}
	if a.Shared != "office@example.com" || a.Password != "" {
		t.Errorf("account %+v", a)
	}
}

func TestServiceAccountKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	c := IMAPConfig{Name: "office", Username: "office@example.com", OAuthConfig: OAuthConfig{OAuth: "google", OAuthKeyFile: file}}
	for text, want := range map[string]string{
		`{"client_email":"robot@project.example","private_key":"-----BEGIN PRIVATE KEY-----","token_uri":"https://oauth2.googleapis.com/token"}`: "",
		`{"client_email":"robot@project.example"}`: "is not the JSON key file",
		`no JSON`: "is not the JSON key file",
		`{"client_email":"robot@project.example","private_key":"-----BEGIN PRIVATE KEY-----","token_uri":"http://evil.example/"}`: "https address",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := mailAccount(t.Context(), c, nil, time.Now, silent())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
