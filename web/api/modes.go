package api

import (
	"context"
	"net/http"
	"time"

	"letterlock/bridge"
)

// OrganizationMode is how much mail that leaves may carry, unless a thread or contact is stricter.
type OrganizationMode struct {
	Mode    string       `json:"mode" enum:"secure,convenience" doc:"secure: mail is a notice without content. convenience: mail is a copy with everything." example:"secure"`
	Changes []ModeChange `json:"changes" nullable:"false" doc:"The last changes, newest first, at most 20."`
}

// ModeChange is one change of the organization's mode.
type ModeChange struct {
	At     time.Time `json:"at" doc:"When." example:"2026-11-20T08:00:00Z"`
	Actor  string    `json:"actor" enum:"person,key,operator,anonymous,system" doc:"What kind of actor changed it." example:"person"`
	By     string    `json:"by,omitempty" doc:"The person's or key's id." example:"019a9f3d-1111-7222-8333-444455556666"`
	Detail string    `json:"detail" doc:"The change in words." example:"convenience → secure, by Ben Bell"`
}

// OrganizationModeSet is the request to set the organization's mode.
type OrganizationModeSet struct {
	Mode string `json:"mode" enum:"secure,convenience" doc:"The mode that the organization shall have." example:"secure"`
}

// OwnModeSet is the request to set the mode of a thread or contact.
type OwnModeSet struct {
	Mode string `json:"mode" enum:"inherit,secure,convenience" doc:"inherit leaves the choice to the organization. No choice here is looser than the organization's." example:"secure"`
}

type organizationModeAnswer struct{ Body OrganizationMode }

func (s *server) registerModes() {
	register(s, operation{
		id: "get-mode", method: http.MethodGet, path: "/mode", tag: "Modes", summary: "Read the organization's mode",
		about: "The mode and how it came to be.",
	}, s.getMode)
	register(s, operation{
		id: "set-mode", method: http.MethodPut, path: "/mode", tag: "Modes", summary: "Set the organization's mode",
		about: "It needs an admin's key, and holds for every mail that leaves from then on, those that wait in the queue included. In convenience mode content travels by ordinary email: where the law requires it to be kept confidential, stay with secure. Secure also stops reply addresses from accepting mail.",
	}, s.setMode)
	register(s, operation{
		id: "set-thread-mode", method: http.MethodPut, path: "/threads/{thread}/mode", tag: "Modes", summary: "Set a thread's own mode",
		about: "Any key may make a thread secure; taking that back needs an admin's.",
	}, s.setThreadMode)
	register(s, operation{
		id: "set-contact-mode", method: http.MethodPut, path: "/contacts/{contact}/mode", tag: "Modes", summary: "Set a contact's own mode",
		about: "Any key may make all mail to a contact secure; taking that back needs an admin's.",
	}, s.setContactMode)
}

func (s *server) getMode(ctx context.Context, c caller, _ *struct{}) (*organizationModeAnswer, error) {
	v, err := s.gateway.Mode(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	out := OrganizationMode{Mode: string(v.Organization), Changes: make([]ModeChange, 0, len(v.Changes))}
	for _, e := range v.Changes {
		out.Changes = append(out.Changes, ModeChange{At: e.At.UTC(), Actor: e.Actor, By: e.By.String(), Detail: e.Detail})
	}
	return &organizationModeAnswer{out}, nil
}

func (s *server) setMode(ctx context.Context, c caller, in *struct{ Body OrganizationModeSet }) (*organizationModeAnswer, error) {
	if err := s.gateway.SetMode(ctx, c.actor, bridge.Mode(in.Body.Mode)); err != nil {
		return nil, err
	}
	return s.getMode(ctx, c, nil)
}

func (s *server) setThreadMode(ctx context.Context, c caller, in *struct {
	ThreadPath
	Body OwnModeSet
},
) (*threadAnswer, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	if err := s.gateway.SetThreadMode(ctx, c.actor, thread, modeOf(in.Body.Mode)); err != nil {
		return nil, err
	}
	return s.threadNow(ctx, c, thread)
}

func (s *server) setContactMode(ctx context.Context, c caller, in *struct {
	ContactPath
	Body OwnModeSet
},
) (*contactAnswer, error) {
	person, err := id(in.Contact)
	if err != nil {
		return nil, err
	}
	if err := s.gateway.SetContactMode(ctx, c.actor, person, modeOf(in.Body.Mode)); err != nil {
		return nil, err
	}
	return s.contactNow(ctx, c, person)
}
