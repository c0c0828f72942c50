package page

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
)

// Visit is one request for a page, with who makes it.
type Visit struct {
	W        http.ResponseWriter
	R        *http.Request
	Person   bridge.Person // the zero Person if nobody is signed in
	SignedIn time.Time
	site     *Site
}

// Handler answers a visit. An error it returns becomes an error page; a Handler that returned one has written nothing.
type Handler func(*Visit) error

// Open is for pages that anybody may ask for.
func (s *Site) Open(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &Visit{W: w, R: r, site: s}
		var err error
		if v.Person, v.SignedIn, err = s.person(r.Context()); err == nil {
			err = h(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// Bare is for pages that know no session: who asks is nobody, whatever cookies come along. What another site has a browser send there is done
// with nobody's rights.
func (s *Site) Bare(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &Visit{W: w, R: r, site: s}
		if err := h(v); err != nil {
			v.fail(err)
		}
	})
}

// Private is for pages of people who signed in. Others are sent to sign in first, and come back afterwards.
func (s *Site) Private(h Handler) http.Handler {
	return s.Open(func(v *Visit) error {
		if v.Person.ID.IsZero() {
			return bridge.ErrSignedOut
		}
		return h(v)
	})
}

// Actor returns who asks. Package bridge decides what they may do.
func (v *Visit) Actor() bridge.Actor {
	if v.Person.ID.IsZero() {
		return bridge.Anonymous()
	}
	return bridge.AsPerson(v.Person.ID)
}

// Context returns the request's context.
func (v *Visit) Context() context.Context { return v.R.Context() }

// Secure reports whether the portal is reached by https.
func (v *Visit) Secure() bool { return v.site.secure }

// Network returns the peer for rate limits.
func (v *Visit) Network() string {
	return v.site.cfg.ClientNetwork(v.R.RemoteAddr, strings.Join(v.R.Header.Values("X-Forwarded-For"), ","))
}

func peerHost(remoteAddr, _ string) string {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		return remoteAddr
	}
	return host
}

// ID reads an ID from the path. Its error is bridge.ErrNotFound.
func (v *Visit) ID(name string) (bridge.ID, error) { return bridge.ParseID(v.R.PathValue(name)) }

// Cursor reads the place in a list from the query.
func (v *Visit) Cursor() (bridge.Cursor, error) {
	return bridge.ParseCursor(v.R.URL.Query().Get("after"))
}

// Turn returns the links beside a list at a path (which may carry a query), given where the next page begins.
func (v *Visit) Turn(path string, next bridge.Cursor) Turn {
	var t Turn
	if v.R.URL.Query().Get("after") != "" {
		t.Newest = path
	}
	if !next.IsZero() {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		t.Older = path + sep + "after=" + url.QueryEscape(next.String())
	}
	return t
}

// Redirect answers a form with the page to look at next.
func (v *Visit) Redirect(path string) error {
	http.Redirect(v.W, v.R, path, http.StatusSeeOther)
	return nil
}

// Render sets a page and writes it.
func (v *Visit) Render(b *Book, name string, f Frame) error {
	return v.RenderStatus(http.StatusOK, b, name, f)
}

// RenderStatus is Render with a status other than 200.
func (v *Visit) RenderStatus(status int, b *Book, name string, f Frame) error {
	if err := v.frame(&f); err != nil {
		return err
	}
	out, err := b.Set(name, f)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	v.W.WriteHeader(status)
	if v.R.Method != http.MethodHead {
		_, _ = v.W.Write(out) // the browser went away; there is nobody to tell
	}
	return nil
}

// frame fills in what stands around every page.
func (v *Visit) frame(f *Frame) error {
	f.Org = v.site.gateway.Organization()
	f.Lang, f.Dir = "en", "ltr"
	if v.Person.ID.IsZero() {
		return nil
	}
	f.Who = v.Person.DisplayName()
	f.Flash = v.takeFlash()
	stop, err := v.site.gateway.MailStop(v.Context(), v.Actor(), v.Person.ID)
	switch {
	case err == nil:
		f.Stopped = stoppedWords(stop, f.Org)
	case !errors.Is(err, bridge.ErrNotFound):
		return fmt.Errorf("frame of a page: %w", err)
	}
	if v.Person.Kind != bridge.Staff {
		f.Nav = v.nav([]Link{{Text: "Messages", Href: "/"}, {Text: "Account", Href: "/account"}})
		return nil
	}
	waiting, err := v.site.gateway.CountWaiting(v.Context(), v.Actor())
	if err != nil {
		return fmt.Errorf("frame of a page: %w", err)
	}
	mode, err := v.site.gateway.Mode(v.Context(), v.Actor())
	if err != nil {
		return fmt.Errorf("frame of a page: %w", err)
	}
	f.Mode = string(mode.Organization)
	stopped, err := v.site.gateway.CountStopped(v.Context(), v.Actor())
	if err != nil {
		return fmt.Errorf("frame of a page: %w", err)
	}
	nav := []Link{
		{Text: "Conversations", Href: "/desk"},
		{Text: "Contacts", Href: "/desk/contacts"},
		{Text: "Held mail", Href: "/desk/held", Count: waiting, CountOf: "waiting"},
	}
	if stopped > 0 {
		nav = append(nav, Link{Text: "Not sent", Href: "/desk/out", Count: stopped, CountOf: "could not be sent"})
	}
	if v.Person.Role == bridge.RoleAdmin {
		nav = append(nav, Link{Text: "Administration", Href: "/admin"})
		if f.Trouble, err = v.trouble(); err != nil {
			return fmt.Errorf("frame of a page: %w", err)
		}
	}
	f.Nav = v.nav(append(nav, Link{Text: "Account", Href: "/account"}))
	return nil
}

// nav marks the entry under which the present page is: the longest that begins its path.
func (v *Visit) nav(links []Link) []Link {
	path, best := v.R.URL.Path, -1
	for i, l := range links {
		under := path == l.Href || strings.HasPrefix(path, strings.TrimSuffix(l.Href, "/")+"/")
		if under && (best < 0 || len(l.Href) > len(links[best].Href)) {
			best = i
		}
	}
	if best >= 0 {
		links[best].Here = true
	}
	return links
}

// LocalPath returns path if it leads to a page of ours, else "/". It keeps a link from sending people elsewhere after sign-in.
func LocalPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") || len(path) > 500 {
		return "/"
	}
	return path
}

// fail answers with the error page that fits, or the way to sign in.
func (v *Visit) fail(err error) {
	ctx := v.R.Context()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return // the browser went away
	}
	if errors.Is(err, bridge.ErrSignedOut) && (v.R.Method == http.MethodGet || v.R.Method == http.MethodHead) {
		to := "/sign-in"
		if v.R.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(LocalPath(v.R.URL.RequestURI()))
		}
		_ = v.Redirect(to)
		return
	}
	p := problemOf(err)
	if p.status >= http.StatusInternalServerError {
		v.site.log.ErrorContext(ctx, "page failed", "request", Reference(ctx), "method", v.R.Method, "route", v.R.Pattern, "error", err)
	}
	v.problem(p)
}

func (v *Visit) problem(p problem) {
	f := p.view
	if p.status >= http.StatusInternalServerError {
		f.Reference = Reference(v.R.Context())
	}
	if f.Href == "" {
		f.Href, f.Link = "/", "To your messages"
		if v.Person.ID.IsZero() {
			f.Href, f.Link = "/sign-in", "Sign in"
		}
	}
	if p.retryAfter > 0 {
		v.W.Header().Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	frame := Frame{Title: f.Heading, Shape: "card", View: f}
	if err := v.RenderStatus(p.status, v.site.errors, "error", frame); err != nil {
		// The frame itself can't be had, for instance because the store is gone: the page without it.
		v.Person = bridge.Person{}
		if err := v.RenderStatus(p.status, v.site.errors, "error", frame); err != nil {
			http.Error(v.W, f.Heading, p.status)
		}
	}
}

// Fail answers a request with the error page for err. It is for middleware; a Handler returns its error.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, err error) {
	(&Visit{W: w, R: r, site: s}).fail(err)
}
