package web

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"letterlock/web/page"
)

// policy is the Content Security Policy of all pages: only our own style sheet, script, images and frames, and forms to us.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

// How long a request may take. Uploads and downloads set longer times themselves.
const (
	readTime  = 30 * time.Second
	writeTime = 60 * time.Second
)

// protect sets the header fields that every answer has, and the bounds of time. What serves something special sets its own
// over them.
func (s *Site) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Cache-Control", "no-store")
		if s.https {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		rc := http.NewResponseController(w)
		now := time.Now()
		for _, err := range []error{rc.SetReadDeadline(now.Add(readTime)), rc.SetWriteDeadline(now.Add(writeTime))} {
			if err != nil && !errors.Is(err, http.ErrNotSupported) {
				s.log.WarnContext(r.Context(), "connection has no deadline", "error", err)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// observe logs each request, without its path's secrets, query, header fields or body, and turns a panic into an error page.
func (s *Site) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.cfg.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			fault := recover()
			if fault != nil && fault != http.ErrAbortHandler {
				// The panic's value may quote what somebody wrote, so only its type is logged, and the place.
				s.log.ErrorContext(r.Context(), "request panicked", "request", page.Reference(r.Context()), "path", loggedPath(r.URL.Path), "panic", fmt.Sprintf("%T", fault), "stack", string(debug.Stack()))
				if rec.status == 0 {
					s.pages.Fail(rec, r, errPanic)
				}
			}
			s.log.InfoContext(r.Context(), "request", "request", page.Reference(r.Context()), "method", loggedMethod(r.Method),
				"path", loggedPath(r.URL.Path), "status", rec.status, "octets", rec.octets, "took", s.cfg.Now().Sub(began).Round(time.Microsecond))
			if fault == http.ErrAbortHandler {
				panic(fault) // net/http breaks the connection off
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

var errPanic = errors.New("the handler panicked")

// loggedPath leaves out what a link carries, and cuts what nobody needs. A link that was pasted askew, such as //m/TOKEN, still works
// after a redirect, so its token is one wherever it stands.
func loggedPath(path string) string {
	for _, link := range []string{"/m/", "/u/"} {
		if i := strings.Index(path, link); i >= 0 {
			path = path[:i] + link + "…"
		}
	}
	if len(path) > 120 {
		return path[:120] + "…"
	}
	return path
}

// loggedMethod keeps invented methods out of the log.
func loggedMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	octets int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.octets += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
