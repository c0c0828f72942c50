package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"letterlock/bridge"
)

// bare is a face on a gateway that is never asked anything.
func bare(t *testing.T, set func(*Config)) *Site {
	t.Helper()
	cfg := Config{Gateway: gatewayOf(t), Parse: parseNothing}
	set(&cfg)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNetwork(t *testing.T) {
	s := bare(t, func(c *Config) {
		c.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	for _, c := range []struct{ remote, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "198.51.100.1", "192.0.2.7"}, // nobody we trust: anybody can write that field
		{"10.1.2.3:1", "198.51.100.1", "198.51.100.1"},
		{"10.1.2.3:1", "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"},
		{"10.1.2.3:1", "6.6.6.6, nonsense", "10.1.2.3"},
		{"10.1.2.3:1", "", "10.1.2.3"},
		{"[2001:db8::1:2:3:4]:1", "", "2001:db8::/64"},
		{"[::ffff:192.0.2.7]:1", "", "192.0.2.7"},
		{"[fd00::1%eth0]:1", "2001:db8:0:5::9", "2001:db8:0:5::/64"},
		{"@", "", "@"},
	} {
		if got := s.network(c.remote, c.forwarded); got != c.want {
			t.Errorf("%s, forwarded for %q: got %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// A panic becomes a page with a reference, and the next request is served.
func TestPanic(t *testing.T) {
	s := bare(t, func(c *Config) {
		c.Ready = func(context.Context) error { panic("secret detail") }
	})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	body := w.Body.String()
	if w.Code != 500 || !strings.Contains(body, "Something went wrong here") || !strings.Contains(body, "give this reference") || strings.Contains(body, "secret detail") {
		t.Errorf("got %d %s", w.Code, body)
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil))
	if w.Code != 200 {
		t.Errorf("then got %d", w.Code)
	}
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{{nil, 200}, {bridge.ErrUnavailable, 503}} {
		s := bare(t, func(cfg *Config) { cfg.Ready = func(context.Context) error { return c.err } })
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if w.Code != c.want {
			t.Errorf("got %d, want %d", w.Code, c.want)
		}
	}
}

// Without https, as in a demo on loopback, cookies have no Secure and nothing asks for HSTS.
func TestPlainHTTP(t *testing.T) {
	s := bare(t, func(*Config) {})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/sign-in", nil))
	if w.Header().Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over http")
	}
	for _, c := range w.Result().Cookies() {
		if c.Secure || strings.HasPrefix(c.Name, "__Host-") {
			t.Errorf("the cookie %s can't be kept over http", c)
		}
	}
	if len(w.Result().Cookies()) > 0 {
		t.Error("a visit without sign-in sets a cookie")
	}
}

func TestLoggedPathHoldsNoToken(t *testing.T) {
	const token = "abcdefghijklmnopqrstuvwxyz234567abcdefghij"
	for path, want := range map[string]string{
		"/m/" + token: "/m/…", "/u/" + token: "/u/…", "//u/" + token: "//u/…", "/m/" + token + "/password": "/m/…", "//m/" + token: "//m/…", "/x/../m/" + token: "/x/../m/…",
		"/t/019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21": "/t/019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21", "/": "/",
	} {
		if got := loggedPath(path); got != want {
			t.Errorf("loggedPath(%q): got %q, want %q", path, got, want)
		}
	}
	if got := loggedPath("/" + strings.Repeat("x", 500)); len(got) > 130 {
		t.Errorf("a long path is logged with %d octets", len(got))
	}
}
