package imap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"

	"letterlock/bridge/oauth"
)

// provider is a mail provider that takes access tokens only: a token endpoint, and an IMAP server where ann has given consent. She may open
// her own mailbox and office's. Each use of a refresh token makes it worth nothing and gives another.
type provider struct {
	*memory
	tokenURL string

	mu       sync.Mutex
	n        int
	valid    map[string]bool // access tokens
	refresh  string
	opened   string   // as whom somebody signed in last
	refused  int      // tokens, at the IMAP server
	by       []string // mechanisms that were used
	kept     map[string]string
	withdraw bool // consent
}

func newProvider(t *testing.T, mechanisms ...string) *provider {
	t.Helper()
	p := &provider{valid: make(map[string]bool), refresh: "consent", kept: make(map[string]string)}
	p.memory = &memory{user: imapmemserver.NewUser("ann", "no password")}
	must(t, p.user.Create("INBOX", nil))
	caps := imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}, imap.CapMove: {}}
	s := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &tokenSession{imapmemserver.NewUserSession(p.user), p, mechanisms}, nil, nil
		},
		Caps: caps, InsecureAuth: true, Logger: log.New(io.Discard, "", 0),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	p.wire = newWire(t, l.Addr().String())
	web := httptest.NewServer(http.HandlerFunc(p.give))
	t.Cleanup(web.Close)
	p.tokenURL = web.URL
	return p
}

// give is the token endpoint.
func (p *provider) give(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if r.PostFormValue("grant_type") != "refresh_token" || r.PostFormValue("refresh_token") != p.refresh || p.withdraw {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant"})
		return
	}
	p.n++
	access := fmt.Sprintf("access-%d", p.n)
	p.valid[access], p.refresh = true, fmt.Sprintf("refresh-%d", p.n)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": p.refresh})
}

// expire ends all access tokens, and with them the connections, as providers do.
func (p *provider) expire() {
	p.mu.Lock()
	clear(p.valid)
	p.mu.Unlock()
	p.wire.set(func(*wire) {})
}

func (p *provider) RefreshToken(_ context.Context, name string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token, ok := p.kept[name]; ok {
		return token, nil
	}
	return "", errors.New("none")
}

func (p *provider) KeepRefreshToken(_ context.Context, name, token string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[name] = token
	return nil
}

func (p *provider) tokenAccount(t *testing.T) Account {
	t.Helper()
	source, err := oauth.New(oauth.Config{
		Name: "ann", Grant: oauth.RefreshToken, TokenURL: p.tokenURL, ClientID: "letterlock", RefreshToken: "consent", Keeper: p,
	})
	must(t, err)
	a := p.account()
	a.Password, a.Tokens = "", source
	return a
}

// check is the IMAP server's look at a token.
func (p *provider) check(mechanism, user, token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by = append(p.by, mechanism)
	if !p.valid[token] || user != "ann" && user != "office@example.com" {
		p.refused++
		return false
	}
	p.opened = user
	return true
}

// tokenSession is one IMAP session there.
type tokenSession struct {
	*imapmemserver.UserSession
	p          *provider
	mechanisms []string
}

func (s *tokenSession) Login(string, string) error { return imapserver.ErrAuthFailed }

// AuthenticateMechanisms implements imapserver.SessionSASL.
func (s *tokenSession) AuthenticateMechanisms() []string { return s.mechanisms }

// Authenticate implements imapserver.SessionSASL.
func (s *tokenSession) Authenticate(mechanism string) (sasl.Server, error) {
	if mechanism == oauth.OAUTHBEARER {
		return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
			if !s.p.check(mechanism, o.Username, o.Token) {
				return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
			}
			return nil
		}), nil
	}
	return &xoauth2{s: s}, nil
}

// xoauth2 is the server's side of the mechanism, as Google describes it.
type xoauth2 struct {
	s    *tokenSession
	said bool
}

func (x *xoauth2) Next(response []byte) (challenge []byte, done bool, err error) {
	if x.said {
		return nil, false, imapserver.ErrAuthFailed
	}
	if response == nil {
		return []byte{}, false, nil
	}
	user, rest, _ := strings.Cut(strings.TrimPrefix(string(response), "user="), "\x01")
	token := strings.TrimSuffix(strings.TrimPrefix(rest, "auth=Bearer "), "\x01\x01")
	if x.s.p.check(oauth.XOAUTH2, user, token) {
		return nil, true, nil
	}
	x.said = true
	return []byte(`{"status":"401","schemes":"bearer","scope":"mail"}`), false, nil
}

// Ann's mailbox is read with tokens. They end, and the next is got with the refresh token that came with the last one; so does the next process.
func TestTokensEndAndAreRenewed(t *testing.T) {
	for _, mechanism := range []string{oauth.XOAUTH2, oauth.OAUTHBEARER} {
		p, o := newProvider(t, mechanism), newOffice()
		p.deliver(t, letter("one"))
		stop := start(t, o, nil, p.tokenAccount(t))
		o.awaitMails(t, "one")
		p.expire()
		p.deliver(t, letter("two"))
		o.awaitMails(t, "one two")
		o.awaitProgress(t, 2)
		stop()
		p.mu.Lock()
		if p.refused != 1 || p.n != 2 || p.by[0] != mechanism {
			t.Errorf("%s: %d tokens were refused and %d given, by %q; want one, two", mechanism, p.refused, p.n, p.by)
		}
		p.mu.Unlock()
		p.deliver(t, letter("three"))
		start(t, o, nil, p.tokenAccount(t)) // it begins with the configuration's token, which is worth nothing any more
		o.awaitMails(t, "one two three")
	}
}

// Consent is withdrawn: the account waits, and says so; another goes on.
func TestConsentIsWithdrawn(t *testing.T) {
	p, o := newProvider(t, oauth.XOAUTH2), newOffice()
	p.withdraw = true
	s := newMemory(t)
	good := s.account()
	good.Name = "carol"
	start(t, o, nil, p.tokenAccount(t), good)
	s.deliver(t, letter("one"))
	o.awaitMails(t, "one")
	_, err := Probe(t.Context(), Config{}, p.tokenAccount(t))
	var at *ProbeError
	if !errors.As(err, &at) || at.Stage != SignIn || !at.Refused || !errors.Is(err, oauth.ErrRefused) {
		t.Errorf("probe: got %v", err)
	}
}

// A shared mailbox is opened in another's name than the token's.
func TestSharedMailbox(t *testing.T) {
	p, o := newProvider(t, oauth.XOAUTH2), newOffice()
	a := p.tokenAccount(t)
	a.Shared = "office@example.com"
	p.deliver(t, letter("one"))
	start(t, o, nil, a)
	o.awaitMails(t, "one")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened != "office@example.com" {
		t.Errorf("opened %q", p.opened)
	}
}

// A server that knows no tokens is told apart from one that refuses them.
func TestServerWithoutTokens(t *testing.T) {
	p := newProvider(t, "PLAIN")
	_, err := Probe(t.Context(), Config{}, p.tokenAccount(t))
	if err == nil || !strings.Contains(err.Error(), "takes no access tokens") {
		t.Errorf("got %v", err)
	}
}

func TestProbe(t *testing.T) {
	s := newMemory(t)
	s.deliver(t, letter("one"))
	a := s.account()
	a.After, a.Folder = Move, "Done"
	f, err := Probe(t.Context(), Config{}, a)
	if err != nil || f.Messages != 1 || !f.NoFolder || !f.Move {
		t.Errorf("got %+v, %v", f, err)
	}
	for name, tt := range map[string]struct {
		change  func(*Account)
		stage   Stage
		refused bool
	}{
		"no server":  {func(a *Account) { a.Addr = "127.0.0.1:1" }, Connect, false},
		"no TLS":     {func(a *Account) { a.Security = TLS }, Connect, false},
		"password":   {func(a *Account) { a.Password = "wrong" }, SignIn, true},
		"no mailbox": {func(a *Account) { a.Mailbox = "Nowhere" }, Open, true},
		"settings":   {func(a *Account) { a.After = "burn" }, Settings, false},
	} {
		b := a
		tt.change(&b)
		_, err := Probe(t.Context(), Config{}, b)
		var at *ProbeError
		if !errors.As(err, &at) || at.Stage != tt.stage || at.Refused != tt.refused {
			t.Errorf("%s: got %v, want stage %s, refused %v", name, err, tt.stage, tt.refused)
		}
	}
	if _, seen := look(t, s.account(), "INBOX"); seen != 0 {
		t.Error("the probe changed something")
	}
}
