package page

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"letterlock/bridge"
)

// What a session holds. The store sees only a hash of its token.
const (
	keyPerson   = "person"   // who signed in
	keySignedIn = "signedin" // when, in Unix nanoseconds: a session older than the person's last sign-out everywhere is void
	keyByCode   = "bycode"   // that they did so by a one-time code
	keySeen     = "seen"     // when it was last used, in Unix seconds, to the minute
	keyFlash    = "flash"
	keyFlashBad = "flashbad"
	keySent     = "sent"
)

// seenEvery bounds how often a session is written only because it was used, so that reading stays reading.
const seenEvery = time.Minute

func newSessions(cfg Config, secure bool) *scs.SessionManager {
	m := scs.New()
	if cfg.Sessions != nil {
		m.Store = cfg.Sessions
	}
	m.HashTokenInStore = true
	m.Lifetime = cfg.FullLife
	// The idle limit is kept in the session (keySeen): the manager's own would write the session at every request.
	m.IdleTimeout = 0
	m.Cookie.Name = CookieName("letterlock", secure)
	m.Cookie.Secure = secure
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Path = "/"
	m.Cookie.Persist = false // closing the browser ends it: many portals are read on somebody else's computer
	return m
}

// CookieName returns a cookie's name with the __Host- prefix (RFC 6265bis, section 4.1.3.2) where the portal is reached by https.
func CookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// LoadSessions is middleware: it loads the session of each request and saves what changed.
func (s *Site) LoadSessions(next http.Handler) http.Handler { return s.sessions.LoadAndSave(next) }

// sessionFault answers when the store of sessions fails.
func (s *Site) sessionFault(w http.ResponseWriter, r *http.Request, err error) {
	s.log.ErrorContext(r.Context(), "session store failed", "request", Reference(r.Context()), "error", err)
	w.Header().Set("Retry-After", "10")
	http.Error(w, "This page is not available for a moment. Please try again.", http.StatusServiceUnavailable)
}

// SignIn begins the session of a person who has proven who they are. The token is new, so that one planted before is worth nothing.
func (v *Visit) SignIn(in bridge.SignedIn) error {
	ctx := v.R.Context()
	m := v.site.sessions
	if in.Device != "" {
		err := v.site.gateway.NoteSignIn(ctx, bridge.AsPerson(in.Person.ID), v.Device(), v.R.Header.Get("Accept-Language"))
		if err != nil {
			return err
		}
	}
	if err := m.RenewToken(ctx); err != nil {
		return err
	}
	if err := m.Clear(ctx); err != nil {
		return err
	}
	m.SetDeadline(ctx, time.Now().Add(v.site.cfg.FullLife).UTC())
	m.Put(ctx, keyPerson, in.Person.ID.String())
	m.Put(ctx, keySignedIn, in.At.UnixNano())
	if in.ByCode {
		m.Put(ctx, keyByCode, true)
	}
	m.Put(ctx, keySeen, v.site.cfg.Now().Unix())
	v.Person, v.SignedIn = in.Person, in.At
	if err := v.tellTurnedOff(in); err != nil {
		return err
	}
	if in.Device != "" {
		http.SetCookie(v.W, &http.Cookie{
			Name: v.deviceName(), Value: in.Device, Path: "/", MaxAge: int(deviceLife / time.Second),
			Secure: v.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	return nil
}

// tellTurnedOff says at sign-in that a link in a mail turned mails off, until the person chooses for themself. They may not know of it: whoever
// has the mail has the link.
func (v *Visit) tellTurnedOff(in bridge.SignedIn) error {
	if in.Device == "" {
		return nil
	}
	c, err := v.site.gateway.MailChoices(v.R.Context(), v.Actor(), in.Person.ID)
	if err == nil && !c.OffAt.IsZero() {
		v.Flash(Flash{Text: "Emails about new messages are off: the link in one of them was used. Under “Account” you can turn them on again."})
	}
	return err
}

// deviceLife is how long a browser remembers that somebody signed in with it.
const deviceLife = 365 * 24 * time.Hour

func (v *Visit) deviceName() string { return CookieName("letterlock-device", v.Secure()) }

// Device returns what this browser was given when somebody last signed in with it, or nothing. It is no session: package bridge counts
// the tries of a browser that it knows by themselves.
func (v *Visit) Device() string {
	c, err := v.R.Cookie(v.deviceName())
	if err != nil {
		return ""
	}
	return c.Value
}

// CodeAt returns when the visitor signed in, if that was by a one-time code, or the zero time.
func (v *Visit) CodeAt() time.Time {
	if !v.site.sessions.GetBool(v.R.Context(), keyByCode) {
		return time.Time{}
	}
	return v.SignedIn
}

// SignOut ends the session and forgets it.
func (v *Visit) SignOut() error {
	v.Person = bridge.Person{}
	return v.site.sessions.Destroy(v.R.Context())
}

// person returns who the session belongs to, or the zero Person. A session that is idle too long, or whose person was
// disabled or signed out everywhere, is destroyed.
func (s *Site) person(ctx context.Context) (bridge.Person, time.Time, error) {
	text := s.sessions.GetString(ctx, keyPerson)
	if text == "" {
		return bridge.Person{}, time.Time{}, nil
	}
	now := s.cfg.Now()
	seen := time.Unix(s.sessions.GetInt64(ctx, keySeen), 0)
	id, err := bridge.ParseID(text)
	if err != nil || now.Sub(seen) > s.cfg.IdleLife {
		return bridge.Person{}, time.Time{}, s.sessions.Destroy(ctx)
	}
	at := time.Unix(0, s.sessions.GetInt64(ctx, keySignedIn)).UTC()
	p, err := s.gateway.SessionPerson(ctx, id, at)
	switch {
	case errors.Is(err, bridge.ErrSignedOut), errors.Is(err, bridge.ErrNotFound):
		return bridge.Person{}, time.Time{}, s.sessions.Destroy(ctx)
	case err != nil:
		return bridge.Person{}, time.Time{}, err
	}
	if now.Sub(seen) >= min(seenEvery, s.cfg.IdleLife/10) {
		s.sessions.Put(ctx, keySeen, now.Unix())
	}
	return p, at, nil
}

// Flash keeps a line for the next page.
func (v *Visit) Flash(f Flash) {
	ctx := v.R.Context()
	v.site.sessions.Put(ctx, keyFlash, f.Text)
	v.site.sessions.Put(ctx, keyFlashBad, f.Bad)
	v.site.sessions.Put(ctx, keySent, f.Sent)
}

func (v *Visit) takeFlash() Flash {
	ctx := v.R.Context()
	m := v.site.sessions
	if v.Person.ID.IsZero() || !m.Exists(ctx, keyFlash) {
		return Flash{}
	}
	return Flash{Text: m.PopString(ctx, keyFlash), Bad: m.PopBool(ctx, keyFlashBad), Sent: m.PopString(ctx, keySent)}
}
