package web

import (
	"net/http"
	"strings"

	"letterlock/bridge"
	"letterlock/web/page"
)

// withErrors answers with our own pages where the mux knows no such page, or not for this method.
func withErrors(pages *page.Site, mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// The mux answers 404, 405 with Allow, or a redirect to a clean path. Only its status and fields are of use.
		probe := &statusOnly{header: http.Header{}}
		mux.ServeHTTP(probe, r)
		switch {
		case probe.status == http.StatusMethodNotAllowed:
			w.Header().Set("Allow", probe.header.Get("Allow"))
			pages.Open(func(*page.Visit) error { return page.ErrMethod }).ServeHTTP(w, r)
		case probe.status/100 == 3 && strings.HasPrefix(probe.header.Get("Location"), "/"):
			http.Redirect(w, r, page.LocalPath(probe.header.Get("Location")), probe.status)
		default:
			pages.Open(func(*page.Visit) error { return bridge.ErrNotFound }).ServeHTTP(w, r)
		}
	})
}

// statusOnly is a ResponseWriter that keeps the status and the header fields.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header { return s.header }

func (s *statusOnly) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

func (s *statusOnly) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return len(b), nil
}
