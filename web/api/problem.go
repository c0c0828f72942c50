package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"letterlock/bridge"
)

// Problem is the body of every answer that is an error (RFC 9457).
type Problem struct {
	Type   string  `json:"type" format:"uri" doc:"A page that explains this kind of problem. Compare code instead." example:"https://portal.example.org/api/v1/docs#problem-not-found"`
	Code   string  `json:"code" doc:"The kind of problem. It never changes." example:"not_found"`
	Title  string  `json:"title" doc:"The kind of problem in words." example:"Not found"`
	Status int     `json:"status" doc:"The HTTP status." example:"404"`
	Detail string  `json:"detail" doc:"What is wrong with this request, for people." example:"There is no such thing, or this key may not know of it."`
	Errors []Fault `json:"errors,omitempty" nullable:"false" doc:"What is wrong where in the request; at most 20."`

	retryAfter int // seconds, for the field of that name
}

// Fault is one thing that is wrong in a request.
type Fault struct {
	Location string `json:"location" doc:"Where: body, path, query or header, and the way to the field." example:"body.contacts[0].address"`
	Message  string `json:"message" doc:"What is wrong there." example:"expected required property address to be present"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

const (
	problemType = "application/problem+json"
	maxFaults   = 20
	maxDetail   = 500 // octets
	retryLater  = 5   // seconds, where nothing better is known
)

// kind is one kind of problem, as the documentation lists it.
type kind struct {
	status int
	code   string
	title  string
	detail string // what is said where there is nothing more precise
}

// The kinds of problems. The codes are part of the API.
var (
	badRequest  = kind{400, "bad_request", "The request can't be read", "The request can't be read."}
	signedOut   = kind{401, "key_needed", "A key is needed", "Send a key that works: Authorization: Bearer KEY."}
	forbidden   = kind{403, "forbidden", "Not permitted", "This key may not do this."}
	notFound    = kind{404, "not_found", "Not found", "There is no such thing, or this key may not know of it."}
	badMethod   = kind{405, "method_not_allowed", "The method does not fit", "This path takes other methods; see the Allow field."}
	slowBody    = kind{408, "body_too_slow", "The request came too slowly", "The body did not arrive in time."}
	conflict    = kind{409, "conflict", "It contradicts what is there", "This contradicts what is there already."}
	tooLarge    = kind{413, "too_large", "Too large", "The request is larger than it may be."}
	badType     = kind{415, "not_json", "The body is not JSON", "Send the body as application/json."}
	badRange    = kind{416, "no_such_range", "No such part", "The file has no such part; see the Content-Range field."}
	invalid     = kind{422, "invalid", "The request is not valid", "Something in the request is not valid; see errors."}
	keyReused   = kind{422, "idempotency_key_reused", "The idempotency key was used before", "This Idempotency-Key was used for another request. Use a new one for each new request."}
	tooMany     = kind{429, "too_many_requests", "Too many requests", "This key makes too many requests; see the Retry-After field."}
	internal    = kind{500, "internal", "Something went wrong here", "Something went wrong here. It was logged; whether anything was done is not known."}
	unavailable = kind{503, "unavailable", "Not available just now", "Nothing was done; try the same again, see the Retry-After field."}
)

// kinds is all of them, in the order of the documentation.
var kinds = [...]kind{
	badRequest, signedOut, forbidden, notFound, badMethod, slowBody, conflict,
	tooLarge, badType, badRange, invalid, keyReused, tooMany, internal, unavailable,
}

// fromBridge says which kind of problem each of the Gateway's errors is; say is true where its own words are for the caller.
var fromBridge = [...]struct {
	err  error
	kind kind
	say  bool
}{
	{bridge.ErrNotFound, notFound, false},
	{bridge.ErrForbidden, forbidden, false},
	{bridge.ErrSignedOut, signedOut, false},
	{bridge.ErrInvalid, invalid, true},
	{bridge.ErrConflict, conflict, true},
	{bridge.ErrTooMany, tooMany, false},
	{bridge.ErrTooLarge, tooLarge, true},
	{bridge.ErrUnavailable, unavailable, false},
	{context.DeadlineExceeded, unavailable, false},
	{context.Canceled, unavailable, false},
}

// problem makes a Problem of a kind; an empty detail means the kind's own.
func (s *server) problem(k kind, detail string, faults ...Fault) *Problem {
	if detail == "" {
		detail = k.detail
	}
	p := &Problem{
		Type: s.gateway.BaseURL() + Prefix + "/docs#problem-" + strings.ReplaceAll(k.code, "_", "-"),
		Code: k.code, Title: k.title, Status: k.status, Detail: clip(detail, maxDetail),
	}
	for i, f := range faults {
		if i == maxFaults {
			break
		}
		p.Errors = append(p.Errors, Fault{Location: clip(f.Location, maxDetail), Message: clip(f.Message, maxDetail)})
	}
	if k == tooMany || k == unavailable {
		p.retryAfter = retryLater
	}
	return p
}

// fault is a request that is not valid in one place.
func (s *server) fault(location, message string) *Problem {
	return s.problem(invalid, "", Fault{Location: location, Message: message})
}

// explain makes a Problem of any error. What it does not know is logged and told to nobody.
func (s *server) explain(ctx context.Context, operation string, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, e := range fromBridge {
		if !errors.Is(err, e.err) {
			continue
		}
		if !e.say {
			return s.problem(e.kind, "")
		}
		return s.problem(e.kind, sentence(err, e.err))
	}
	s.log.ErrorContext(ctx, "api request failed", "operation", operation, "error", err)
	return s.problem(internal, "")
}

// sentence is what an error says besides the sentinel at its end: "post: the text is empty: invalid" becomes "The text is empty."
func sentence(err, sentinel error) string {
	text := err.Error()
	if text == sentinel.Error() {
		return ""
	}
	text = strings.TrimSuffix(text, ": "+sentinel.Error())
	// The first words name the operation, which the caller knows.
	if operation, rest, ok := strings.Cut(text, ": "); ok && len(strings.Fields(operation)) <= 3 && !strings.ContainsAny(operation, "\"'") {
		text = rest
	}
	first, size := utf8.DecodeRuneInString(text)
	text = strings.ToUpper(string(first)) + text[size:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// transform replaces huma's own errors, which show what was sent, by Problems, which don't.
func (s *server) transform(_ huma.Context, _ string, v any) (any, error) {
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	var faults []Fault
	for i, d := range e.Errors {
		if i == maxFaults {
			break
		}
		if d != nil {
			faults = append(faults, Fault{Location: d.Location, Message: d.Message})
		}
	}
	for _, k := range kinds {
		if k.status == e.Status {
			return s.problem(k, "", faults...), nil
		}
	}
	return s.problem(internal, ""), nil
}

// refuse answers with a problem before huma has seen the request.
func (s *server) refuse(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	// The status is sent: a peer that is gone needs no answer.
	_ = json.NewEncoder(w).Encode(p)
}

// clip cuts text to n octets at a character's border.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
