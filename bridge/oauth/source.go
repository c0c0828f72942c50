package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

const (
	// ahead is how long before its end a token is renewed, if it lives long enough: so a server that is away for some minutes matters to nobody.
	ahead = 10 * time.Minute
	// defaultLife is how long a token is used whose server does not tell (RFC 6749, section 5.1, only recommends it).
	defaultLife = time.Hour
	// Notice is how long before a secret or a refresh token runs out it is told.
	Notice = 30 * 24 * time.Hour
)

// Source gives access tokens. It can be used by several goroutines at once.
type Source struct {
	c     Config
	turn  chan struct{} // whoever asks the server
	style oauth2.AuthStyle

	mu      sync.Mutex
	token   string
	renew   time.Time // when it is to be renewed
	expires time.Time
	refresh string    // the refresh token that is shown next; empty before it was looked up
	unkept  bool      // the Keeper does not have it yet
	ends    time.Time // when the refresh token runs out, if the server told
	failure error     // of the last try
	got     time.Time // when the last token came
	failing time.Time // since when tries fail; zero if the last one did not
}

// New returns a Source, or an error that names what is wrong. It asks no server yet.
func New(c Config) (*Source, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("oauth: %w", err)
	}
	s := &Source{c: c, turn: make(chan struct{}, 1)}
	if c.SecretInBody || c.ClientSecret == "" {
		s.style = oauth2.AuthStyleInParams
	}
	return s, nil
}

// Token returns an access token that has some minutes to live. It asks the server if there is none. If the server does not answer and the
// last one still works, that is returned.
func (s *Source) Token(ctx context.Context) (string, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	now := s.c.Now()
	s.mu.Lock()
	token, renew, expires := s.token, s.renew, s.expires
	s.mu.Unlock()
	if token != "" && now.Before(renew) {
		return token, nil
	}
	err := s.ask(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure = err; err == nil {
		s.got, s.failing = now, time.Time{}
	} else if s.failing.IsZero() && ctx.Err() == nil {
		s.failing = now
	}
	switch {
	case err == nil:
		return s.token, nil
	case token != "" && now.Before(expires) && ctx.Err() == nil:
		s.c.Log.WarnContext(ctx, "an access token can't be renewed; the one there is runs out soon", "oauth", s.c.Name, "runs_out", expires, "error", err)
		return token, nil
	}
	return "", err
}

// Refused says that a mail server did not take a token, so that the next one is new.
func (s *Source) Refused(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token == s.token {
		s.token = ""
	}
}

// ask gets a new access token.
func (s *Source) ask(ctx context.Context) error {
	if s.c.Grant != RefreshToken {
		return s.request(ctx, "")
	}
	shown := s.shown(ctx)
	if shown == "" {
		return ErrNoConsent
	}
	err := s.request(ctx, shown)
	if errors.Is(err, ErrRefused) && ctx.Err() == nil {
		// Another process may have got a new one; or the kept one is worth nothing, and the one of the configuration is.
		for _, other := range []string{s.kept(ctx), s.c.RefreshToken} {
			if other != "" && other != shown {
				if s.request(ctx, other) == nil {
					return nil
				}
			}
		}
		// It may have shown the same one a moment before us, so that the new one is yet to be kept.
		for _, pause := range othersTurn {
			if s.c.Keeper == nil || wait(ctx, pause) != nil {
				break
			}
			if other := s.kept(ctx); other != "" && other != shown && s.request(ctx, other) == nil {
				return nil
			}
		}
	}
	return err
}

// othersTurn is how long it is waited, time and again, for another process to keep what it got for the same refresh token.
var othersTurn = [...]time.Duration{200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// shown returns the refresh token to show.
func (s *Source) shown(ctx context.Context) string {
	s.mu.Lock()
	unkept, refresh := s.unkept, s.refresh
	s.mu.Unlock()
	if unkept {
		s.keep(ctx, refresh)
		return refresh
	}
	if kept := s.kept(ctx); kept != "" {
		return kept
	}
	if refresh != "" {
		return refresh
	}
	return s.c.RefreshToken
}

// request asks the server, and remembers what it gave.
func (s *Source) request(ctx context.Context, refresh string) error {
	asked := time.Now()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.c.HTTP)
	var t *oauth2.Token
	var err error
	if s.c.Grant == ServiceAccount {
		t, err = (&jwt.Config{
			Email: s.c.ClientID, PrivateKey: s.c.Key, PrivateKeyID: s.c.KeyID, Subject: s.c.Subject, Scopes: s.c.Scopes, TokenURL: s.c.TokenURL,
		}).TokenSource(ctx).Token()
	} else {
		c := clientcredentials.Config{
			ClientID: s.c.ClientID, ClientSecret: s.c.ClientSecret, TokenURL: s.c.TokenURL, Scopes: s.c.Scopes, AuthStyle: s.style,
		}
		if refresh != "" {
			c.EndpointParams = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		}
		t, err = c.Token(ctx)
	}
	if err != nil {
		return fmt.Errorf("get an access token: %w", sayable(err))
	}
	if t.AccessToken == "" || strings.ContainsFunc(t.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("get an access token: the server answered with something that is none")
	}
	life := defaultLife
	if !t.Expiry.IsZero() {
		life = max(t.Expiry.Sub(asked), 0)
	}
	now := s.c.Now()
	s.mu.Lock()
	s.token, s.expires, s.renew = t.AccessToken, now.Add(life), now.Add(life-min(ahead, life/4))
	if life := refreshLife(t); life > 0 {
		s.ends = now.Add(life)
	}
	rotated := refresh != "" && t.RefreshToken != "" && t.RefreshToken != refresh
	if s.refresh = refresh; rotated {
		s.refresh = t.RefreshToken
	}
	s.mu.Unlock()
	if rotated {
		s.keep(ctx, t.RefreshToken)
	}
	return nil
}

// keep keeps a refresh token that the server gave: the one before may be worth nothing now, so it goes on if ctx ends.
func (s *Source) keep(ctx context.Context, token string) {
	if s.c.Keeper == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := s.c.Keeper.KeepRefreshToken(ctx, s.keptName(), token)
	if err != nil {
		s.c.Log.ErrorContext(ctx, "a new refresh token was not kept; it is tried again, and lost if this process ends before", "oauth", s.c.Name, "error", err)
	}
	s.mu.Lock()
	s.unkept = err != nil
	s.mu.Unlock()
}

// Adopt keeps the refresh token of a new consent, in place of all before it: those that a server gave, and the one of the configuration. Other
// processes find it when they renew their access next.
func (s *Source) Adopt(ctx context.Context, g Granted) error {
	if s.c.Keeper == nil || s.c.Grant != RefreshToken {
		return errors.New("keep a refresh token: there is no place for it")
	}
	if err := s.c.Keeper.KeepRefreshToken(ctx, s.keptName(), g.RefreshToken); err != nil {
		return fmt.Errorf("keep a refresh token: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.refresh, s.unkept, s.ends, s.failure, s.failing = "", "", false, g.Ends, nil, time.Time{}
	return nil
}

// kept returns the refresh token that was kept, or nothing.
func (s *Source) kept(ctx context.Context) string {
	if s.c.Keeper == nil {
		return ""
	}
	token, err := s.c.Keeper.RefreshToken(ctx, s.keptName())
	if err != nil {
		return ""
	}
	return token
}

// keptName names what is kept by the refresh token that the configuration has: with another one there, what came of the old one counts no more.
func (s *Source) keptName() string {
	first := sha256.Sum256([]byte(s.c.RefreshToken))
	return s.c.Name + "\x00" + hex.EncodeToString(first[:])
}

// sayable makes an error of the library's one that may be shown: it would print the whole answer.
func sayable(err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		var in *url.Error
		if errors.As(err, &in) {
			return fmt.Errorf("ask %s: %w", hostOf(in.URL), in.Err)
		}
		return err
	}
	said := clean(strings.TrimSpace(answer.ErrorCode + " " + answer.ErrorDescription))
	status := 0
	if answer.Response != nil {
		status = answer.Response.StatusCode
	}
	if said == "" {
		said = fmt.Sprintf("HTTP status %d", status)
	}
	// RFC 6749, section 5.2: 400 or 401. What is temporary has a status of its own.
	if status == 400 || status == 401 || status == 403 {
		return fmt.Errorf("%w: %s", ErrRefused, said)
	}
	return fmt.Errorf("the token server answers: %s", said)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the token server"
	}
	return u.Host
}

// clean makes one short line of a server's words.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return s
}
