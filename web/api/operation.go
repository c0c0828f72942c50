package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"letterlock/bridge"
)

// operation is one thing a program can do, as the code below declares it.
type operation struct {
	id, method, path string // path below Prefix
	tag              string
	summary          string // one line
	about            string // all there is to know, Markdown-free paragraphs
	status           int    // of success; 200 if zero
	files            bool   // its body may carry files
	may              []kind // problems besides those that any operation with its parameters can have
}

// place is where an operation is found.
type place struct{ method, path string }

// register declares an operation: to huma, which describes and routes it, and to the door.
func register[I, O any](s *server, o operation, handle func(context.Context, caller, *I) (*O, error)) {
	withBody := o.method == http.MethodPost || o.method == http.MethodPut
	at := route{operation: o.id, posts: o.method == http.MethodPost}
	may := append([]kind{signedOut, forbidden, invalid, tooMany, internal, unavailable}, o.may...)
	if strings.Contains(o.path, "{") {
		may = append(may, notFound)
	}
	if withBody {
		may = append(may, badRequest, slowBody, tooLarge, badType)
		at.maxBody = smallBody
		if o.files {
			at.maxBody = s.maxFiles/3*4 + bodyRoom
		}
	}
	if at.posts {
		may = append(may, keyReused)
	}
	s.routes[o.method+" "+Prefix+o.path] = at
	s.order = append(s.order, place{o.method, o.path})

	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.about, Tags: []string{o.tag},
		DefaultStatus: o.status, Responses: s.problems(may), RejectUnknownQueryParameters: true,
		Security: []map[string][]string{{"key": {}}},
		// The body was read by the door, under its own bounds.
		MaxBodyBytes: at.maxBody + 1, BodyReadTimeout: -1,
	}
	if at.posts {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: onceField, In: "header", Schema: &huma.Schema{Type: "string", MinLength: ptr(1), MaxLength: ptr(maxOnceKey), Pattern: "^[!-~]+$"},
			Description: "Your own name for this request, new for each one. Repeating the request with it gives the first answer again, with " + replayedField + ": true.",
			Example:     "order-4711-shipped",
		})
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, headTime)
		defer cancel()
		out, err := handle(ctx, called(ctx), in)
		if err != nil {
			return nil, s.explain(ctx, o.id, err)
		}
		return out, nil
	})
}

// problems documents the errors of an operation, one response for each status.
func (s *server) problems(may []kind) map[string]*huma.Response {
	out := make(map[string]*huma.Response)
	for _, k := range kinds { // in their order, so that the description is the same each time
		for _, m := range may {
			if m != k {
				continue
			}
			status := strconv.Itoa(k.status)
			if r := out[status]; r != nil {
				if !strings.Contains(r.Description, k.code) {
					r.Description += "; " + k.title + " (" + k.code + ")"
				}
				break
			}
			out[status] = &huma.Response{
				Description: k.title + " (" + k.code + ")",
				Content: map[string]*huma.MediaType{problemType: {
					Schema:  &huma.Schema{Ref: "#/components/schemas/Problem"},
					Example: s.problem(k, ""),
				}},
			}
			break
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// Page holds the parameters of every list.
type Page struct {
	Cursor string `query:"cursor" maxLength:"100" doc:"Where to go on: next of the page before. Without it the list begins."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many entries at most."`
}

func (p Page) after() (bridge.Cursor, error) { return bridge.ParseCursor(p.Cursor) }

// Created holds the fields of an answer to a POST.
type Created struct {
	Location string `header:"Location" doc:"The path of what was made."`
	Replayed string `header:"Idempotency-Replayed" doc:"true if this is the answer to an earlier request with the same Idempotency-Key."`
}

func (c *Created) replayed(yes bool) {
	if yes {
		c.Replayed = "true"
	}
}

// moment is a time for JSON, or nothing for a time that never came.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// modeWord and modeOf translate the mode that leaves the choice to a wider level, which has no name in bridge.
func modeWord(m bridge.Mode) string {
	if m == bridge.ModeInherit {
		return "inherit"
	}
	return string(m)
}

func modeOf(word string) bridge.Mode {
	if word == "inherit" {
		return bridge.ModeInherit
	}
	return bridge.Mode(word)
}

// id reads the id of something that is there or not: what is no id at all names nothing.
func id(s string) (bridge.ID, error) { return bridge.ParseID(s) }

// bodyID reads an id inside a body, where a wrong one is the sender's mistake.
func (s *server) bodyID(location, text string) (bridge.ID, error) {
	v, err := bridge.ParseID(text)
	if err != nil || v.IsZero() {
		return bridge.ID{}, s.fault(location, "expected an id")
	}
	return v, nil
}

// repeatable runs a call that the Gateway keeps an idempotency record of. Of two such calls at once one may lose the race to write
// that record, which is a conflict; on the second try it finds the winner's, and a conflict then means that the key was reused.
// It tells whether the result is an earlier request's.
func (s *server) repeatable(once bridge.Once, call func(bridge.Once) error) (replayed bool, err error) {
	once.Replayed = &replayed
	if err = call(once); once.Key == "" || !errors.Is(err, bridge.ErrConflict) {
		return replayed, err
	}
	if err = call(once); errors.Is(err, bridge.ErrKeyReused) {
		return false, s.problem(keyReused, "")
	}
	return replayed, err
}
