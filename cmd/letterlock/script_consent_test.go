package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/rogpeppe/go-internal/testscript"

	"letterlock/bridge/oauth"
)

// scriptProvider is a mail provider of a script that takes access tokens only, with the mailbox of office@example.com. Each use of a refresh
// token makes it worth nothing and gives another.
type scriptProvider struct {
	mu        sync.Mutex
	says      []string // what is answered before consent is given
	refresh   string   // the refresh token that counts
	access    map[string]bool
	n         int
	challenge string
	user      *imapmemserver.User
}

// cmdProvider is the script command "provider CODE...": starts a provider, which answers so often that there is no consent yet, and sets
// $TOKENS to its token server and $TOKENIMAP to its IMAP server.
//
// "provider agrees FILE" plays the owner's browser: it goes to the address that the file comes to name, and agrees; "provider copies FILE"
// puts the address at which a browser elsewhere would end into the file pasted instead.
func cmdProvider(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	switch {
	case neg:
		ts.Fatalf("provider can't be denied")
	case s.provider == nil:
		p := &scriptProvider{says: args, access: make(map[string]bool), user: imapmemserver.NewUser("office@example.com", "")}
		s.provider = p
		ts.Check(p.user.Create("INBOX", nil))
		p.start(ts)
	case len(args) == 2 && (args[0] == "agrees" || args[0] == "copies"):
		back := s.provider.agree(ts, ts.MkAbs(args[1]))
		if args[0] == "copies" {
			ts.Check(os.WriteFile(ts.MkAbs("pasted"), []byte(back+"\n"), 0o600))
			return
		}
		resp, err := http.Get(back)
		ts.Check(err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			ts.Fatalf("the browser comes back and gets %s", resp.Status)
		}
	default:
		ts.Fatalf("usage: provider CODE..., provider agrees FILE, provider copies FILE")
	}
}

func (p *scriptProvider) start(ts *testscript.TestScript) {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /device", p.device)
	mux.HandleFunc("POST /token", p.token)
	h := &http.Server{Handler: mux}
	go func() { _ = h.Serve(web) }()
	mail, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	m := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &providerSession{imapmemserver.NewUserSession(p.user), p}, nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}}, InsecureAuth: true,
	})
	go func() { _ = m.Serve(mail) }()
	ts.Defer(func() { _, _ = h.Close(), m.Close() })
	ts.Setenv("TOKENS", "http://"+web.Addr().String())
	ts.Setenv("TOKENIMAP", mail.Addr().String())
}

func (p *scriptProvider) device(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"device_code": "device-secret", "user_code": "WDJB-MJHT", "verification_uri": "https://example.com/device", "expires_in": 600, "interval": 1})
}

func (p *scriptProvider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	refuse := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": code})
	}
	switch r.PostFormValue("grant_type") {
	case "refresh_token":
		if p.refresh == "" || r.PostFormValue("refresh_token") != p.refresh {
			refuse("invalid_grant")
			return
		}
	case "authorization_code":
		proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if r.PostFormValue("code") != "code-secret" || base64.RawURLEncoding.EncodeToString(proof[:]) != p.challenge {
			refuse("invalid_grant")
			return
		}
	default:
		if len(p.says) > 0 {
			refuse(p.says[0])
			p.says = p.says[1:]
			return
		}
	}
	p.n++
	access := fmt.Sprintf("access-secret-%d", p.n)
	p.access[access], p.refresh = true, fmt.Sprintf("refresh-secret-%d", p.n)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": p.refresh})
}

// agree waits until a file names the provider's page, and returns the address that the page sends the browser back to.
func (p *scriptProvider) agree(ts *testscript.TestScript, file string) string {
	page := regexp.MustCompile(`(?m)^https://example\.com/authorize\?.*$`)
	for over := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if found := page.Find(text); found != nil {
			u, err := url.Parse(string(found))
			ts.Check(err)
			q := u.Query()
			p.mu.Lock()
			p.challenge = q.Get("code_challenge")
			p.mu.Unlock()
			return q.Get("redirect_uri") + "?" + url.Values{"state": {q.Get("state")}, "code": {"code-secret"}}.Encode()
		}
		if time.Now().After(over) {
			ts.Fatalf("nobody is sent to the provider's page: %s", text)
		}
	}
}

// providerSession is one IMAP session there.
type providerSession struct {
	*imapmemserver.UserSession
	p *scriptProvider
}

var _ imapserver.SessionSASL = (*providerSession)(nil)

func (s *providerSession) Login(string, string) error { return imapserver.ErrAuthFailed }

// AuthenticateMechanisms implements imapserver.SessionSASL.
func (s *providerSession) AuthenticateMechanisms() []string { return []string{oauth.OAUTHBEARER} }

// Authenticate implements imapserver.SessionSASL.
func (s *providerSession) Authenticate(string) (sasl.Server, error) {
	return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		if o.Username != "office@example.com" || !s.p.access[o.Token] {
			return &sasl.OAuthBearerError{Status: "invalid_token", Schemes: "bearer"}
		}
		return nil
	}), nil
}

// cmdAwaitLine is the script command "awaits FILE PATTERN": waits until a line of the file matches.
func cmdAwaitLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaits FILE PATTERN")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if re.Match(text) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s does not come to match %s:\n%s", args[0], args[1], strings.TrimSpace(string(text)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
