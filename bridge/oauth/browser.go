package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	consentTime = 30 * time.Minute // for the person to decide
	maxAnswer   = 16 << 10         // octets of the address that a browser comes back with
)

// ByBrowser sends the person to the provider's page, which sends their browser back to this machine, and waits for that (RFC 8252, section
// 7.3). Listen is host:port to wait at, on this machine; port 0 takes any. A browser that runs elsewhere can't come back: the address that it
// ends at may then come through pasted, as the person copied it. An error that wraps ErrDenied says that they said no.
func (c *Consent) ByBrowser(ctx context.Context, listen string, pasted <-chan string) (Granted, error) {
	g, err := c.byBrowser(ctx, listen, pasted)
	if err != nil {
		return Granted{}, fmt.Errorf("ask for consent: %w", err)
	}
	return g, nil
}

func (c *Consent) byBrowser(ctx context.Context, listen string, pasted <-chan string) (Granted, error) {
	if err := c.ready(); err != nil {
		return Granted{}, err
	}
	if c.AuthorizeURL == "" {
		return Granted{}, errors.New("the provider's page for consent is not known")
	}
	listeners, host, err := c.listen(listen)
	if err != nil {
		return Granted{}, err
	}
	verifier, w := oauth2.GenerateVerifier(), &waiting{state: rand.Text(), answers: make(chan answer, 1)}
	o := oauth2.Config{
		ClientID: c.ClientID, Scopes: c.Scopes, RedirectURL: "http://" + host + "/", Endpoint: oauth2.Endpoint{AuthURL: c.AuthorizeURL},
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	for name, value := range c.Params {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if c.Login != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", c.Login))
	}
	stop := w.serve(listeners)
	defer stop()
	c.Say("Open this address in a browser on this machine:")
	c.Say(o.AuthCodeURL(w.state, options...))
	c.Say("If the browser runs on another machine, it ends at a page that it can't open: paste that page's address here.")
	got, err := c.await(ctx, w, pasted)
	if err != nil {
		return Granted{}, err
	}
	g, err := c.exchange(ctx, "authorization_code", map[string]string{"code": got.code, "redirect_uri": o.RedirectURL, "code_verifier": verifier})
	if err != nil {
		return Granted{}, sayable(err)
	}
	return g, nil
}

// listen opens where the browser comes back, and returns the host and port for its address.
func (c *Consent) listen(at string) ([]net.Listener, string, error) {
	host, _, err := net.SplitHostPort(at)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, "", fmt.Errorf("%q is no address of this machine alone, such as 127.0.0.1:0", at)
	}
	first, err := net.Listen("tcp", at)
	if err != nil {
		return nil, "", err
	}
	listeners := []net.Listener{first}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	if c.Loopback != "" && c.Loopback != host {
		host = c.Loopback
		// A browser may take the name for either address, and a machine may have only one.
		for _, ip := range []string{"127.0.0.1", "::1"} {
			if l, err := net.Listen("tcp", net.JoinHostPort(ip, port)); err == nil {
				listeners = append(listeners, l)
			}
		}
	}
	return listeners, net.JoinHostPort(host, port), nil
}

// await waits for the answer.
func (c *Consent) await(ctx context.Context, w *waiting, pasted <-chan string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, consentTime)
	defer cancel()
	for {
		var got answer
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return got, errors.New("nobody came back from the provider's page")
			}
			return got, ctx.Err()
		case got = <-w.answers:
		case line, more := <-pasted:
			if !more {
				pasted = nil
				continue
			}
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			var ok bool
			if got, ok = w.pasted(line); !ok {
				c.Say("That is not the address that this sign-in ends at. It begins with http:// and has code= in it.")
				continue
			}
		}
		if got.denied != "" {
			return got, denied(got.denied)
		}
		return got, nil
	}
}

// answer is what the provider sends the browser back with.
type answer struct{ code, denied string }

// waiting is a request for consent that was made and not answered yet.
type waiting struct {
	state   string
	answers chan answer
}

// read reads an answer, and reports whether it is one to this request. Anybody can make a browser come here, with an answer of their own.
func (w *waiting) read(q url.Values) (answer, bool) {
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(w.state)) != 1 {
		return answer{}, false
	}
	if code := q.Get("error"); code != "" { // RFC 6749, section 4.1.2.1
		return answer{denied: strings.TrimSpace(strings.TrimPrefix(code, "access_denied") + " " + q.Get("error_description"))}.orDenied(), true
	}
	code := q.Get("code")
	return answer{code: code}, code != ""
}

// orDenied makes a refusal without a word one all the same.
func (a answer) orDenied() answer {
	if a.denied == "" {
		a.denied = "access_denied"
	}
	return a
}

// pasted reads an answer out of an address.
func (w *waiting) pasted(line string) (answer, bool) {
	if len(line) > maxAnswer {
		return answer{}, false
	}
	u, err := url.Parse(line)
	if err != nil {
		return answer{}, false
	}
	return w.read(u.Query())
}

// serve answers browsers until the returned function is called, which lets the last answer out.
func (w *waiting) serve(listeners []net.Listener) (stop func()) {
	s := &http.Server{
		Handler: http.HandlerFunc(w.answer), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Second,
		MaxHeaderBytes: 2 * maxAnswer, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it would show what came
	}
	for _, l := range listeners {
		go func() { _ = s.Serve(l) }()
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
}

func (w *waiting) answer(out http.ResponseWriter, r *http.Request) {
	h := out.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet || r.URL.Path != "/" || len(r.URL.RawQuery) > maxAnswer {
		http.Error(out, "There is nothing here.", http.StatusNotFound)
		return
	}
	got, ok := w.read(r.URL.Query())
	if !ok {
		http.Error(out, "This is not the answer that is waited for. Begin again in the terminal.", http.StatusBadRequest)
		return
	}
	select {
	case w.answers <- got:
	default: // there is one already
	}
	_, _ = out.Write([]byte("That is all here. The terminal says how it went; you may close this page.\n"))
}
