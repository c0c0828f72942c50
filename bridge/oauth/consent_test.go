package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// consenting is a provider where ann can consent: a device endpoint, and a token endpoint that answers each question about her device code with
// the next of says, and gives tokens at the end of them.
type consenting struct {
	*httptest.Server
	mu        sync.Mutex
	says      []string // error codes; "down" for a server that is away for a moment
	device    map[string]any
	asked     []url.Values // at the token endpoint
	began     url.Values   // at the device endpoint
	basic     int          // requests whose client authenticated in the header
	inBody    bool         // which it refuses
	challenge string       // of the browser's visit
	answer    map[string]any
}

func newConsenting(t *testing.T, says ...string) *consenting {
	c := &consenting{says: says}
	c.answer = map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "first consent", "refresh_token_expires_in": 90 * 24 * 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /device", c.giveDevice)
	mux.HandleFunc("POST /token", c.giveTokens)
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	c.device = map[string]any{"device_code": "the device's secret", "user_code": "WDJB-MJHT", "verification_uri": "https://example.com/device", "expires_in": 900, "interval": 1}
	return c
}

func (c *consenting) giveDevice(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = r.ParseForm()
	c.began = r.PostForm
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.device)
}

func (c *consenting) giveTokens(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = r.ParseForm()
	c.asked = append(c.asked, r.PostForm)
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": code})
	}
	if _, _, ok := r.BasicAuth(); ok {
		if c.basic++; c.inBody {
			fail(http.StatusUnauthorized, "invalid_client")
			return
		}
	}
	if r.PostForm.Get("grant_type") == "authorization_code" {
		proof := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if r.PostForm.Get("code") != "the code" || base64.RawURLEncoding.EncodeToString(proof[:]) != c.challenge {
			fail(http.StatusBadRequest, "invalid_grant")
			return
		}
	}
	if len(c.says) > 0 {
		said := c.says[0]
		c.says = c.says[1:]
		if said == "down" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fail(http.StatusBadRequest, said)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c.answer)
}

// request returns ann's request for consent, whose waits pass at once and are written down, and what she was told.
func (c *consenting) request() (ask *Consent, told *[]string, waits *[]time.Duration) {
	at := &clock{at: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	told, waits = new([]string), new([]time.Duration)
	ask = &Consent{
		Config:    Config{Name: "office", TokenURL: c.URL + "/token", ClientID: "letterlock", Scopes: []string{"mail", "offline_access"}, Now: at.now},
		DeviceURL: c.URL + "/device", AuthorizeURL: "https://example.com/authorize", Params: map[string]string{"access_type": "offline"}, Login: "office@example.com",
		Say: func(line string) { *told = append(*told, line) },
		Wait: func(ctx context.Context, d time.Duration) error {
			*waits = append(*waits, d)
			at.add(d)
			return ctx.Err()
		},
	}
	return ask, told, waits
}

// The person takes their time, the server is busy, and away for a moment: each makes the questions rarer as RFC 8628 wants it.
func TestConsentByDevice(t *testing.T) {
	s := newConsenting(t, "authorization_pending", "slow_down", "authorization_pending", "down")
	ask, told, waits := s.request()
	g, err := ask.ByDevice(t.Context())
	if err != nil || g.RefreshToken != "first consent" {
		t.Fatalf("got %+v, %v", g, err)
	}
	var all []string
	for _, w := range *waits {
		all = append(all, w.String())
	}
	if got, want := strings.Join(all, " "), "1s 1s 6s 6s 12s"; got != want {
		t.Errorf("asked after %s, want %s", got, want)
	}
	if got, want := g.Ends, ask.Now().Add(90*24*time.Hour); !got.Equal(want) {
		t.Errorf("it ends %s, want %s", got, want)
	}
	text := strings.Join(*told, "\n")
	if !strings.Contains(text, "https://example.com/device") || !strings.Contains(text, "WDJB-MJHT") || strings.Contains(text, "secret") || strings.Contains(text, "consent") {
		t.Errorf("told: %s", text)
	}
	if s.began.Get("client_id") != "letterlock" || s.began.Get("scope") != "mail offline_access" {
		t.Errorf("began with %v", s.began)
	}
	if last := s.asked[len(s.asked)-1]; last.Get("device_code") != "the device's secret" || last.Get("grant_type") != deviceGrant || last.Get("client_id") != "letterlock" {
		t.Errorf("asked with %v", last)
	}
}

func TestConsentByDeviceIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		says   []string
		change func(s *consenting)
		want   string
		denied bool
	}{
		"she says no":                     {says: []string{"authorization_pending", "access_denied"}, want: "access was denied", denied: true},
		"she says no to Microsoft":        {says: []string{"authorization_declined"}, want: "access was denied", denied: true},
		"the code ran out":                {says: []string{"authorization_pending", "expired_token"}, want: "ran out before it was used"},
		"the server never says so":        {says: make([]string, 20), change: func(s *consenting) { s.device["expires_in"] = 10 }, want: "ran out before it was used"},
		"the application is unknown":      {says: []string{"invalid_client"}, want: "the token server refuses: invalid_client"},
		"only for now":                    {change: func(s *consenting) { delete(s.answer, "refresh_token") }, want: "no refresh token"},
		"no code":                         {change: func(s *consenting) { delete(s.device, "user_code") }, want: "no device code"},
		"a page without encryption":       {change: func(s *consenting) { s.device["verification_uri"] = "http://example.com/device" }, want: "no device code"},
		"a page that is a script":         {change: func(s *consenting) { s.device["verification_uri"] = "javascript:alert(1)" }, want: "no device code"},
		"an interval of a thousand years": {change: func(s *consenting) { s.device["interval"] = 31_536_000_000 }, says: make([]string, 20), want: "ran out"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, said := range c.says {
				if said == "" {
					c.says[i] = "authorization_pending"
				}
			}
			s := newConsenting(t, c.says...)
			if c.change != nil {
				c.change(s)
			}
			ask, _, _ := s.request()
			g, err := ask.ByDevice(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrDenied) != c.denied || g != (Granted{}) {
				t.Errorf("got %+v, %v, want %q", g, err, c.want)
			}
		})
	}
}

// Control characters in what the server wants shown don't reach the terminal.
func TestDeviceCodeOfAHostileServer(t *testing.T) {
	s := newConsenting(t)
	s.device["user_code"] = "A\x1b[2J\r\nOpen https://evil.example"
	ask, told, _ := s.request()
	if _, err := ask.ByDevice(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(*told, "\n"); strings.ContainsAny(text, "\x1b\r") || strings.Count(text, "\n") != 1 {
		t.Errorf("told %q", text)
	}
}

func TestWaitingForADeviceEndsWithItsContext(t *testing.T) {
	s := newConsenting(t)
	ask, _, _ := s.request()
	ctx, cancel := context.WithCancel(t.Context())
	ask.Wait = func(ctx context.Context, d time.Duration) error { cancel(); return wait(ctx, time.Hour) }
	if _, err := ask.ByDevice(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A server that knows only one way for a client to authenticate is asked in that way, and is not asked twice about the same code.
func TestSecretOfAConsent(t *testing.T) {
	for _, inBody := range []bool{false, true} {
		s := newConsenting(t, "authorization_pending", "authorization_pending")
		s.inBody = inBody
		ask, _, waits := s.request()
		ask.ClientSecret = "hush"
		if _, err := ask.ByDevice(t.Context()); err != nil {
			t.Fatal(err)
		}
		tries, basic := len(*waits), len(*waits)
		if inBody {
			tries, basic = tries+1, 1
		}
		if len(s.asked) != tries || s.basic != basic {
			t.Errorf("in the body %v: asked %d times, %d of them in the header; want %d and %d", inBody, len(s.asked), s.basic, tries, basic)
		}
	}
}

// visit plays ann's browser: given the provider's page, it comes back with what that answers.
func (c *consenting) visit(t *testing.T, page string, change func(url.Values)) (status int) {
	t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	c.mu.Lock()
	c.challenge = q.Get("code_challenge")
	c.mu.Unlock()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "letterlock", "scope": "mail offline_access", "access_type": "offline", "login_hint": "office@example.com", "code_challenge_method": "S256",
	} {
		if got := q.Get(name); got != want {
			t.Errorf("the page is asked with %s %q, want %q", name, got, want)
		}
	}
	back := url.Values{"state": {q.Get("state")}, "code": {"the code"}}
	change(back)
	resp, err := http.Get(q.Get("redirect_uri") + "?" + back.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if strings.Contains(string(body), "<") {
		t.Errorf("the browser is shown %s", body)
	}
	return resp.StatusCode
}

// browse asks for consent; browser is given the page's address, in a goroutine of its own.
func (c *consenting) browse(t *testing.T, pasted <-chan string, change func(*Consent), browser func(page string)) (Granted, error) {
	t.Helper()
	ask, _, _ := c.request()
	if change != nil {
		change(ask)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var going sync.WaitGroup
	defer going.Wait()
	ask.Say = func(line string) {
		if strings.HasPrefix(line, "https://example.com/authorize?") {
			going.Go(func() { browser(line) })
		}
	}
	return ask.ByBrowser(ctx, "127.0.0.1:0", pasted)
}

func TestConsentByBrowser(t *testing.T) {
	for _, loopback := range []string{"", "localhost"} {
		s := newConsenting(t)
		g, err := s.browse(t, nil, func(c *Consent) { c.Loopback = loopback }, func(page string) {
			if got := s.visit(t, page, func(url.Values) {}); got != http.StatusOK {
				t.Errorf("the browser gets %d", got)
			}
			if want := "http%3A%2F%2F" + max(loopback, "127.0.0.1") + "%3A"; !strings.Contains(page, "redirect_uri="+want) {
				t.Errorf("the page is asked with %s, want it to come back to %s", page, want)
			}
		})
		if err != nil || g.RefreshToken != "first consent" {
			t.Fatalf("got %+v, %v", g, err)
		}
		if s.asked[0].Get("redirect_uri") == "" || s.asked[0].Get("code_verifier") == "" {
			t.Errorf("asked with %v", s.asked[0])
		}
	}
}

// Somebody else's page makes the browser come by with a code of their own: nothing is asked with that, and ann's own answer still counts.
func TestAnswerToAnotherRequest(t *testing.T) {
	s := newConsenting(t)
	_, err := s.browse(t, nil, nil, func(page string) {
		for _, state := range []string{"", "guessed"} {
			if got := s.visit(t, page, func(q url.Values) { q.Set("state", state); q.Set("code", "theirs") }); got != http.StatusBadRequest {
				t.Errorf("with state %q the browser gets %d", state, got)
			}
		}
		if got := s.visit(t, page, func(q url.Values) { q.Set("state", "guessed"); q.Set("error", "access_denied") }); got != http.StatusBadRequest {
			t.Errorf("somebody else's refusal: the browser gets %d", got)
		}
		s.visit(t, page, func(url.Values) {})
	})
	if err != nil || len(s.asked) != 1 || s.asked[0].Get("code") != "the code" {
		t.Errorf("got %v, and asked with %v", err, s.asked)
	}
}

func TestConsentByBrowserIsNotGiven(t *testing.T) {
	for name, c := range map[string]struct {
		change func(url.Values)
		want   string
		denied bool
	}{
		"a wrong code": {func(q url.Values) { q.Set("code", "made up") }, "the token server refuses: invalid_grant", false},
		"she says no":  {func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }, "access was denied", true},
		"a reason": {func(q url.Values) {
			q.Del("code")
			q.Set("error", "consent_required")
			q.Set("error_description", "an admin must\x1b[2J agree")
		}, "access was denied: consent_required an admin must [2J agree", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newConsenting(t)
			g, err := s.browse(t, nil, nil, func(page string) { s.visit(t, page, c.change) })
			if err == nil || !strings.HasSuffix(err.Error(), c.want) || errors.Is(err, ErrDenied) != c.denied || g != (Granted{}) {
				t.Errorf("got %+v, %v, want %q", g, err, c.want)
			}
		})
	}
}

// The browser is elsewhere, and ends at an address that it can't open. What else is pasted is not taken for it.
func TestAnswerIsPasted(t *testing.T) {
	s := newConsenting(t)
	pasted := make(chan string)
	g, err := s.browse(t, pasted, nil, func(page string) {
		u, _ := url.Parse(page)
		s.mu.Lock()
		s.challenge = u.Query().Get("code_challenge")
		s.mu.Unlock()
		for _, line := range []string{"", "yes", page, "http://127.0.0.1/?code=theirs&state=guessed", "%zz", strings.Repeat("x", 1<<20)} {
			pasted <- line
		}
		pasted <- "  http://127.0.0.1:1/?code=the+code&state=" + u.Query().Get("state") + "\r"
		close(pasted)
	})
	if err != nil || g.RefreshToken != "first consent" || len(s.asked) != 1 {
		t.Errorf("got %+v, %v, and asked %d times", g, err, len(s.asked))
	}
}

// The end of what can be pasted is not the end of waiting.
func TestNothingIsPasted(t *testing.T) {
	s := newConsenting(t)
	pasted := make(chan string)
	close(pasted)
	if _, err := s.browse(t, pasted, nil, func(page string) { s.visit(t, page, func(url.Values) {}) }); err != nil {
		t.Error(err)
	}
}

func TestConsentThatCannotBeAsked(t *testing.T) {
	s := newConsenting(t)
	for name, c := range map[string]struct {
		change func(*Consent)
		listen string
		want   string
	}{
		"an address for all":  {func(*Consent) {}, "0.0.0.0:0", "no address of this machine alone"},
		"another machine's":   {func(*Consent) {}, "192.0.2.1:80", "no address of this machine alone"},
		"no address":          {func(*Consent) {}, "80", "no address of this machine alone"},
		"no page":             {func(c *Consent) { c.AuthorizeURL = "" }, "127.0.0.1:0", "is not known"},
		"no encryption":       {func(c *Consent) { c.AuthorizeURL = "http://example.com/" }, "127.0.0.1:0", "https"},
		"no client":           {func(c *Consent) { c.ClientID = "" }, "127.0.0.1:0", "client id"},
		"a page with a login": {func(c *Consent) { c.TokenURL = "https://u:hush@example.com/" }, "127.0.0.1:0", "no web address"},
	} {
		ask, _, _ := s.request()
		c.change(ask)
		if _, err := ask.ByBrowser(t.Context(), c.listen, nil); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	ask, _, _ := s.request()
	ask.DeviceURL = ""
	if _, err := ask.ByDevice(t.Context()); err == nil || !strings.Contains(err.Error(), "no page for device codes") {
		t.Errorf("no device endpoint: got %v", err)
	}
}

// Before anybody consented there is no token; then the one of the consent counts, also for a process that runs already, and over one that is
// worth nothing any more.
func TestAdopt(t *testing.T) {
	s, k := newTokens(t), &shelf{}
	s.valid = "of consent"
	for _, configured := range []string{"", "worth nothing"} {
		k.m = nil
		running, _, _ := newSource(t, s, func(c *Config) { refreshing(k)(c); c.RefreshToken = configured })
		_, err := running.Token(t.Context())
		if err == nil || errors.Is(err, ErrNoConsent) != (configured == "") {
			t.Errorf("configured %q: got %v", configured, err)
		}
		asking, at, _ := newSource(t, s, func(c *Config) { refreshing(k)(c); c.RefreshToken = configured })
		if err := asking.Adopt(t.Context(), Granted{"of consent", at.now().Add(5 * 24 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if w := asking.Warnings(); len(w) != 1 || !strings.Contains(w[0], "in 5 days") {
			t.Errorf("warnings %q", w)
		}
		if _, err := running.Token(t.Context()); err != nil {
			t.Errorf("configured %q: after consent: %v", configured, err)
		}
	}
	none, _, _ := newSource(t, s, refreshing(nil))
	if err := none.Adopt(t.Context(), Granted{RefreshToken: "x"}); err == nil {
		t.Error("a token was kept nowhere")
	}
	k.full = true
	full, _, _ := newSource(t, s, refreshing(k))
	if err := full.Adopt(t.Context(), Granted{RefreshToken: "x"}); err == nil {
		t.Error("a token was kept on a full shelf")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("http://127.0.0.1:1/?code=c&state=s")
	f.Add("http://127.0.0.1:1/?error=access_denied&state=s")
	f.Add("?state=s&code=%00")
	f.Fuzz(func(t *testing.T, line string) {
		w := &waiting{state: "s"}
		got, ok := w.pasted(line)
		if ok != (got.code != "" || got.denied != "") || got.code != "" && got.denied != "" {
			t.Errorf("got %+v, %v", got, ok)
		}
		if got.denied != "" {
			if text := denied(got.denied).Error(); strings.ContainsAny(text, "\r\n\x1b\x00") || len(text) > 2000 {
				t.Errorf("denied %q", text)
			}
		}
	})
}
