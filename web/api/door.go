package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"letterlock/bridge"
)

// maxSecret bounds what is taken for a key, in octets.
const maxSecret = 256

// route is what the door must know of an operation before huma sees the request.
type route struct {
	operation string
	maxBody   int64 // octets; 0 where there is no body
	posts     bool  // it takes an Idempotency-Key
}

// asset is a document that needs no key.
type asset struct {
	contentType string
	content     []byte
}

// caller is what the door found out about a request.
type caller struct {
	actor bridge.Actor
	once  bridge.Once
}

type callerKey struct{}

// called returns the caller of the request that ctx belongs to; nobody for a ctx that did not come through the door.
func called(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// ServeHTTP lets a request in: it checks the key, its rate, the path and the body, in that order, and answers with a problem
// otherwise. So a stranger learns nothing about which paths there are, and makes nobody read a body.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if a, ok := s.assets[r.URL.Path]; ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Type", a.contentType)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
		return
	}

	control := http.NewResponseController(w)
	// A writer without deadlines, as in tests, is no reason to fail.
	_ = control.SetWriteDeadline(time.Now().Add(answerTime))
	var c caller
	actor, p := s.authenticate(r)
	if p != nil {
		if p.Status == http.StatusUnauthorized {
			challenge := `Bearer realm="letterlock"`
			if r.Header.Get("Authorization") != "" {
				challenge += `, error="invalid_token"`
			}
			h.Set("WWW-Authenticate", challenge)
		}
		s.refuse(w, p)
		return
	}
	c.actor = actor
	if wait, ok := s.rate.allow(actor); !ok {
		p := s.problem(tooMany, "")
		p.retryAfter = wait
		s.refuse(w, p)
		return
	}
	at, ok := s.find(w, r)
	if !ok {
		return
	}
	if at.posts {
		if c.once.Key, p = s.onceKey(r); p != nil {
			s.refuse(w, p)
			return
		}
	}
	if at.maxBody > 0 {
		if !isJSON(r.Header.Values("Content-Type")) {
			s.refuse(w, s.problem(badType, ""))
			return
		}
		body, release, p := s.read(w, r, at.maxBody)
		if p != nil {
			// What of the body is still on its way would be taken for the next request.
			h.Set("Connection", "close")
			s.refuse(w, p)
			return
		}
		defer release()
		_ = control.SetWriteDeadline(time.Now().Add(answerTime)) // reading may have taken longer
		c.once.Request = fingerprint(r, body)
		r = r.WithContext(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header = r.Header.Clone()
		r.Header.Set("Content-Type", "application/json")
	}
	s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
}

// authenticate reads the bearer key (RFC 6750, section 2.1). Keys in the query or a form are not looked at: logs keep those.
func (s *server) authenticate(r *http.Request) (bridge.Actor, *Problem) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return bridge.Anonymous(), s.problem(signedOut, "")
	}
	scheme, secret, _ := strings.Cut(values[0], " ")
	secret = strings.Trim(secret, " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" || len(secret) > maxSecret {
		return bridge.Anonymous(), s.problem(signedOut, "")
	}
	ctx, cancel := context.WithTimeout(r.Context(), headTime)
	defer cancel()
	actor, err := s.gateway.AuthenticateKey(ctx, secret)
	if err != nil {
		return bridge.Anonymous(), s.explain(ctx, "authenticate", err)
	}
	return actor, nil
}

// find returns the operation for a request, or answers that there is none.
func (s *server) find(w http.ResponseWriter, r *http.Request) (route, bool) {
	if path.Clean(r.URL.Path) == r.URL.Path { // ServeMux would redirect other paths
		h, pattern := s.mux.Handler(r)
		if at, ok := s.routes[pattern]; ok {
			return at, true
		}
		if _, isAsset := s.assets[r.URL.Path]; isAsset {
			w.Header().Set("Allow", "GET, HEAD")
			s.refuse(w, s.problem(badMethod, ""))
			return route{}, false
		}
		// ServeMux knows which methods would fit, and says it only in its answer.
		answer := &statusOnly{header: http.Header{}}
		h.ServeHTTP(answer, r)
		if answer.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", answer.header.Get("Allow"))
			s.refuse(w, s.problem(badMethod, ""))
			return route{}, false
		}
	}
	s.refuse(w, s.problem(notFound, ""))
	return route{}, false
}

// statusOnly is a ResponseWriter that keeps the header.
type statusOnly struct {
	header http.Header
	status int
}

func (o *statusOnly) Header() http.Header         { return o.header }
func (o *statusOnly) WriteHeader(status int)      { o.status = status }
func (o *statusOnly) Write(p []byte) (int, error) { return len(p), nil }

// isJSON reports whether a body of this type is JSON in UTF-8. One without a type is taken for it.
func isJSON(contentType []string) bool {
	if len(contentType) == 0 {
		return true
	}
	kind, params, err := mime.ParseMediaType(contentType[0])
	if err != nil || len(contentType) > 1 {
		return false
	}
	charset, named := params["charset"]
	return (kind == "application/json" || strings.HasSuffix(kind, "+json")) && (!named || strings.EqualFold(charset, "utf-8"))
}

// read takes the whole body into memory. A large one waits for a slot, which release gives back when the request is done with.
func (s *server) read(w http.ResponseWriter, r *http.Request, most int64) (body []byte, release func(), p *Problem) {
	release = func() {}
	limit := fmt.Sprintf("A request to this path has at most %d octets.", most)
	if r.ContentLength > most {
		return nil, release, s.problem(tooLarge, limit)
	}
	patience := headTime
	if r.ContentLength < 0 || r.ContentLength > largeBody {
		select {
		case s.large <- struct{}{}:
		case <-r.Context().Done():
			return nil, release, s.problem(unavailable, "")
		}
		release = func() { <-s.large }
		patience = largeTime
	}
	// A writer without deadlines, as in tests, is no reason to fail.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(patience))
	body, err := s.readAll(r, most)
	_ = control.SetReadDeadline(time.Time{})
	if err == nil {
		return body, release, nil
	}
	release()
	var timeout net.Error
	switch {
	case errors.Is(err, bridge.ErrTooLarge):
		p = s.problem(tooLarge, limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		p = s.problem(slowBody, "")
	default:
		p = s.problem(badRequest, "The body broke off or can't be read.")
	}
	return nil, func() {}, p
}

func (s *server) readAll(r *http.Request, most int64) ([]byte, error) {
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, most+1))
	if err == nil && n > most {
		err = bridge.ErrTooLarge
	}
	return buf.Bytes(), err
}

// fingerprint tells requests apart: the hash of method, path and body, each with its length.
func fingerprint(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range [...]string{r.Method, r.URL.EscapedPath()} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	fmt.Fprintf(h, "%d:", len(body))
	h.Write(body)
	return [32]byte(h.Sum(nil))
}
