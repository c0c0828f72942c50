// Package api is the JSON API for programs, at /api/v1.
//
// Its description is made from the code with huma: OpenAPI 3.1 at openapi.json and openapi.yaml, and a page for people at docs.
// Errors are problem documents (RFC 9457), keys are bearer tokens (RFC 6750), times are RFC 3339 in UTC, ids are strings.
//
// The package turns requests into calls of a [bridge.Gateway] and results into its own response types, so that the API stays
// as it is when the domain changes. It decides nothing about who may do what, and it knows nothing of SQL or mail.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"letterlock/bridge"
)

// Prefix is where the handler expects to be mounted, without stripping anything.
const Prefix = "/api/v1"

// Config is what New needs. Only Gateway must be set.
type Config struct {
	Gateway  *bridge.Gateway
	MaxFiles int64            // octets of all files of one message, as the Gateway has it; 25 MiB if zero
	Rate     float64          // requests a second that one key may make in the long run; 20 if zero
	Burst    int              // requests that one key may make at once; 60 if zero
	Now      func() time.Time // time.Now if nil
	Log      *slog.Logger     // discarded if nil
}

const (
	defaultMaxFiles = 25 << 20
	defaultRate     = 20
	defaultBurst    = 60

	maxKeys     = 10_000 // keys whose rate is remembered
	smallBody   = 64 << 10
	largeBody   = 1 << 20 // from here on a body waits for a slot
	bodyRoom    = 8 << 20 // for what a request with files carries beside them: texts, names, JSON's own characters
	largeBodies = 2       // requests with large bodies that are read and handled at once

	headTime   = 30 * time.Second // to read a small body, and to handle any request
	largeTime  = 3 * time.Minute  // to read a large one
	answerTime = time.Minute      // to handle a request and write its answer
	chunkTime  = 30 * time.Second // to write each piece of a download
)

// server is the API. Everything in it is set by New and safe for concurrent use.
type server struct {
	gateway *bridge.Gateway
	now     func() time.Time
	log     *slog.Logger

	mux    *http.ServeMux
	huma   huma.API
	routes map[string]route // by the pattern in mux
	order  []place          // of the documentation
	assets map[string]asset // by path: what needs no key

	rate  *limiter
	large chan struct{} // a slot for each large body in memory

	maxFiles int64
}

// New returns the handler of everything under Prefix. It serves its own problem documents for paths it does not know.
func New(c Config) (http.Handler, error) {
	if c.Gateway == nil {
		return nil, errors.New("the API needs a gateway")
	}
	if c.MaxFiles < 0 || c.Rate < 0 || c.Burst < 0 {
		return nil, errors.New("the API's limits can't be negative")
	}
	s := &server{
		gateway: c.Gateway, now: c.Now, log: c.Log, maxFiles: c.MaxFiles,
		mux: http.NewServeMux(), routes: make(map[string]route), assets: make(map[string]asset),
		large: make(chan struct{}, largeBodies),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.maxFiles == 0 {
		s.maxFiles = defaultMaxFiles
	}
	if c.Rate == 0 {
		c.Rate = defaultRate
	}
	if c.Burst == 0 {
		c.Burst = defaultBurst
	}
	s.rate = newLimiter(c.Rate, c.Burst, maxKeys, s.now)

	config := s.description()
	s.huma = humago.NewWithPrefix(s.mux, Prefix, config)
	s.registerThreads()
	s.registerSearch()
	s.registerMessages()
	s.registerPending()
	s.registerLeaving()
	s.registerParticipants()
	s.registerModes()
	s.registerRules()
	s.registerKeeping()
	s.registerContacts()
	s.registerTiming()
	s.registerDeliveries()
	s.registerReceived()
	if err := s.publish(); err != nil {
		return nil, err
	}
	return s, nil
}
