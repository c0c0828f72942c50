package oauth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// tokens is a token server: it has one client, and gives tokens named after how many it gave before.
type tokens struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []url.Values
	life   int
	valid  string // the refresh token that counts; each use makes a new one if rotate is set
	rotate bool
	down   bool
	refuse string // an error code for all
	n      int
}

func newTokens(t *testing.T) *tokens {
	s := &tokens{life: 3600, valid: "first"}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	s.asked = append(s.asked, r.PostForm)
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"token_type": "Bearer", "expires_in": s.life}
	fail := func(status int, code string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": "AADSTS70000: no\r\ngood"})
	}
	switch {
	case s.down:
		fail(http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	case s.refuse != "":
		fail(http.StatusBadRequest, s.refuse)
		return
	}
	if r.PostForm.Get("grant_type") == "refresh_token" {
		if r.PostForm.Get("refresh_token") != s.valid {
			fail(http.StatusBadRequest, "invalid_grant")
			return
		}
		if s.rotate {
			s.valid = fmt.Sprintf("rotated %d", s.n+1)
			answer["refresh_token"] = s.valid
			answer["refresh_token_expires_in"] = 7 * 24 * 3600
		}
	}
	s.n++
	answer["access_token"] = fmt.Sprintf("access-%d", s.n)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *tokens) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// shelf is a Keeper.
type shelf struct {
	mu    sync.Mutex
	m     map[string]string
	full  bool
	n     int
	asked func(n int) // before it looks, the nth time
}

func (k *shelf) RefreshToken(_ context.Context, name string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.n++; k.asked != nil {
		k.asked(k.n)
	}
	if t, ok := k.m[name]; ok {
		return t, nil
	}
	return "", errors.New("none")
}

func (k *shelf) KeepRefreshToken(_ context.Context, name, token string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.full {
		return errors.New("full")
	}
	if k.m == nil {
		k.m = make(map[string]string)
	}
	k.m[name] = token
	return nil
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newSource(t *testing.T, s *tokens, change func(*Config)) (*Source, *clock, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	at := &clock{at: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	c := Config{
		Name: "office", Grant: ClientCredentials, TokenURL: s.URL, ClientID: "letterlock", ClientSecret: "hush", Scopes: []string{"mail"}, SecretInBody: true,
		Now: at.now, Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	if change != nil {
		change(&c)
	}
	source, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return source, at, &log
}

func wants(t *testing.T, s *Source, want string) {
	t.Helper()
	if got, err := s.Token(t.Context()); err != nil || got != want {
		t.Fatalf("got token %q, %v, want %q", got, err, want)
	}
}

func refreshing(k Keeper) func(*Config) {
	return func(c *Config) { c.Grant, c.RefreshToken, c.Keeper = RefreshToken, "first", k }
}

// One token serves until ten minutes before its end; a mail server that refuses it makes the next a new one.
func TestTokenIsKeptAndRenewed(t *testing.T) {
	s := newTokens(t)
	source, at, _ := newSource(t, s, nil)
	wants(t, source, "access-1")
	at.add(49 * time.Minute)
	wants(t, source, "access-1")
	at.add(2 * time.Minute)
	wants(t, source, "access-2")
	source.Refused("access-1") // that was the one before
	wants(t, source, "access-2")
	source.Refused("access-2")
	wants(t, source, "access-3")
	form := s.asked[0]
	for name, want := range map[string]string{"grant_type": "client_credentials", "client_id": "letterlock", "client_secret": "hush", "scope": "mail"} {
		if got := form.Get(name); got != want {
			t.Errorf("asked with %s %q, want %q", name, got, want)
		}
	}
}

// The server is away when the token is to be renewed: the old one is used as long as it works, and the fault is told before it matters.
func TestFaultIsToldBeforeItMatters(t *testing.T) {
	s := newTokens(t)
	source, at, log := newSource(t, s, nil)
	wants(t, source, "access-1")
	if w := source.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q, want none", w)
	}
	s.set(func() { s.down = true })
	at.add(55 * time.Minute)
	wants(t, source, "access-1")
	if w := source.Warnings(); len(w) != 1 || !strings.Contains(w[0], "5 minutes more and can't be renewed") || !strings.Contains(w[0], "temporarily_unavailable") {
		t.Errorf("warnings %q", w)
	}
	if !strings.Contains(log.String(), "can't be renewed") {
		t.Errorf("the log says %s", log)
	}
	at.add(10 * time.Minute)
	if token, err := source.Token(t.Context()); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("got %q, %v, want an error that may pass", token, err)
	}
	s.set(func() { s.down = false })
	wants(t, source, "access-2")
	if w := source.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q after all is well", w)
	}
	if strings.Contains(log.String(), "hush") || strings.Contains(log.String(), "access-1") {
		t.Errorf("the log holds a secret: %s", log)
	}
}

// The server gives a new refresh token each time and forgets the old one. A restart goes on with what was kept.
func TestRotatedTokenOutlivesTheProcess(t *testing.T) {
	s, k := newTokens(t), &shelf{}
	s.rotate = true
	source, at, _ := newSource(t, s, refreshing(k))
	wants(t, source, "access-1")
	at.add(time.Hour)
	wants(t, source, "access-2")
	again, _, _ := newSource(t, s, refreshing(k))
	wants(t, again, "access-3")
	if w := again.Warnings(); len(w) != 1 || !strings.Contains(w[0], "the refresh token runs out on 2026-11-27, in 7 days") {
		t.Errorf("warnings %q", w)
	}
	// The first process finds the token that the second got.
	at.add(time.Hour)
	wants(t, source, "access-4")
	// Consent is given anew: the configured token is another one, and what came of the old one counts no more.
	s.set(func() { s.valid = "second" })
	new2, _, _ := newSource(t, s, func(c *Config) { refreshing(k)(c); c.RefreshToken = "second" })
	wants(t, new2, "access-5")
}

// What is kept is worth nothing any more, and the configured token is: it is tried too.
func TestKeptTokenIsWorthNothing(t *testing.T) {
	s, k := newTokens(t), &shelf{}
	source, _, _ := newSource(t, s, refreshing(k))
	_ = k.KeepRefreshToken(t.Context(), source.keptName(), "stale")
	wants(t, source, "access-1")
}

// Two processes show the same token at once. The server takes it of one of them, and the other finds what that one got a moment later.
func TestTokenIsShownByTwoAtOnce(t *testing.T) {
	s, k := newTokens(t), &shelf{}
	source, _, _ := newSource(t, s, refreshing(k))
	s.valid = "of the other"
	name := source.keptName()
	k.asked = func(n int) {
		if n == 3 { // when it looks for the second time after the refusal
			k.m = map[string]string{name: "of the other"}
		}
	}
	wants(t, source, "access-1")
}

// A new refresh token can't be kept at once: it is used meanwhile, and kept the next time.
func TestKeepingIsTriedAgain(t *testing.T) {
	s, k := newTokens(t), &shelf{full: true}
	s.rotate = true
	source, at, log := newSource(t, s, refreshing(k))
	wants(t, source, "access-1")
	if !strings.Contains(log.String(), "was not kept") {
		t.Errorf("the log says %s", log)
	}
	at.add(time.Hour)
	wants(t, source, "access-2")
	k.full = false
	at.add(time.Hour)
	wants(t, source, "access-3")
	if got, _ := k.RefreshToken(t.Context(), source.keptName()); got != s.valid {
		t.Errorf("kept %q, want %q", got, s.valid)
	}
}

func TestRefusal(t *testing.T) {
	s := newTokens(t)
	s.refuse = "invalid_client"
	source, _, _ := newSource(t, s, nil)
	_, err := source.Token(t.Context())
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "invalid_client AADSTS70000: no good") {
		t.Errorf("got %v", err)
	}
	if w := source.Warnings(); len(w) != 1 || !strings.Contains(w[0], "there is no access token") {
		t.Errorf("warnings %q", w)
	}
}

// Secrets are sent to the named server and nowhere else.
func TestRedirectIsNotFollowed(t *testing.T) {
	other := newTokens(t)
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	source, _, _ := newSource(t, other, func(c *Config) { c.TokenURL = s.URL })
	if _, err := source.Token(t.Context()); err == nil || len(other.asked) != 0 {
		t.Errorf("got %v, and the other server was asked %d times", err, len(other.asked))
	}
}

func TestSecretRunsOut(t *testing.T) {
	s := newTokens(t)
	source, at, _ := newSource(t, s, func(c *Config) { c.SecretExpires = c.Now().Add(40 * 24 * time.Hour) })
	if w := source.Warnings(); len(w) != 0 {
		t.Errorf("40 days before: %q, want nothing", w)
	}
	at.add(29 * 24 * time.Hour)
	if w := source.Warnings(); len(w) != 1 || !strings.Contains(w[0], "the client secret runs out on 2026-12-30, in 11 days") {
		t.Errorf("11 days before: %q", w)
	}
	at.add(12 * 24 * time.Hour)
	if w := source.Warnings(); len(w) != 1 || !strings.Contains(w[0], "ran out on 2026-12-30") {
		t.Errorf("a day after: %q", w)
	}
}

func TestServiceAccount(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := newTokens(t)
	source, _, _ := newSource(t, s, func(c *Config) {
		c.Grant, c.ClientID, c.Subject = ServiceAccount, "robot@project.example", "office@example.com"
		c.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	})
	wants(t, source, "access-1")
	parts := strings.Split(s.asked[0].Get("assertion"), ".")
	if len(parts) != 3 {
		t.Fatalf("asked with %v", s.asked[0])
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"iss":"robot@project.example"`, `"sub":"office@example.com"`, `"scope":"mail"`} {
		if !bytes.Contains(claims, []byte(want)) {
			t.Errorf("the assertion %s lacks %s", claims, want)
		}
	}
}

// Run renews while nobody asks, and ends with its context.
func TestRunRenewsAhead(t *testing.T) {
	s := newTokens(t)
	s.life = 1 // a second; renewed after three quarters of it
	source, err := New(Config{Name: "office", Grant: ClientCredentials, TokenURL: s.URL, ClientID: "a", ClientSecret: "b", SecretInBody: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx) }()
	for over := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var n int
		if s.set(func() { n = s.n }); n >= 2 {
			break
		}
		if time.Now().After(over) {
			t.Fatal("it was not renewed")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

// Many ask at once: the server is asked once.
func TestOneAsks(t *testing.T) {
	s := newTokens(t)
	source, _, _ := newSource(t, s, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got, err := source.Token(t.Context()); err != nil || got != "access-1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	all.Wait()
}

func TestSettings(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"https address":     func(c *Config) { c.TokenURL = "http://login.example/token" },
		"no web address":    func(c *Config) { c.TokenURL = "login.example" },
		"client id":         func(c *Config) { c.ClientID = "" },
		"client secret":     func(c *Config) { c.ClientSecret = "" },
		"refresh token":     func(c *Config) { c.Grant = RefreshToken },
		"service account's": func(c *Config) { c.Grant = ServiceAccount },
		"none of":           func(c *Config) { c.Grant = "implicit" },
		"separate items":    func(c *Config) { c.Scopes = []string{"a b"} },
	} {
		c := Config{Grant: ClientCredentials, TokenURL: Microsoft("example.com").TokenURL, ClientID: "a", ClientSecret: "b"}
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMechanisms(t *testing.T) {
	x, err := NewXOAUTH2("shared@example.com", "vF9dft4qmT")
	if err != nil {
		t.Fatal(err)
	}
	if name, initial, _ := x.Start(); name != "XOAUTH2" || string(initial) != "user=shared@example.com\x01auth=Bearer vF9dft4qmT\x01\x01" {
		t.Errorf("got %s %q", name, initial)
	}
	o, err := NewOAUTHBEARER("a,b=c@example.com", "vF9dft4qmT", "mail.example.com:993")
	if err != nil {
		t.Fatal(err)
	}
	if name, initial, _ := o.Start(); name != "OAUTHBEARER" ||
		string(initial) != "n,a=a=2Cb=3Dc@example.com,\x01host=mail.example.com\x01port=993\x01auth=Bearer vF9dft4qmT\x01\x01" {
		t.Errorf("got %s %q", name, initial)
	}
	for _, bad := range []string{"a\x01auth=Bearer x", "a\x00"} {
		if _, err := NewXOAUTH2(bad, "t"); err == nil {
			t.Errorf("user %q was taken", bad)
		}
		if _, err := NewOAUTHBEARER("u", bad, "mail.example.com:993"); err == nil {
			t.Errorf("token %q was taken", bad)
		}
	}
	_, err = x.Next([]byte(`{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`))
	var refused *TokenError
	if !errors.As(err, &refused) || refused.Status != "400" || refused.Scope != "https://mail.google.com/" {
		t.Errorf("got %v", err)
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add([]byte(`{"status":"401","scope":"a"}`))
	f.Add([]byte("\xff{"))
	f.Fuzz(func(t *testing.T, challenge []byte) {
		m, _ := NewXOAUTH2("u", "t")
		_, err := m.Next(challenge)
		if err == nil || strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 3000 {
			t.Errorf("got %v", err)
		}
	})
}
