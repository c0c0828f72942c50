package api

import (
	"context"
	"net/http"

	"letterlock/bridge"
)

// Keeping is for how long threads are kept.
type Keeping struct {
	Days int `json:"days" minimum:"0" maximum:"36525" doc:"Threads are deleted so many days after their last message; 0 for never." example:"3650"`
}

// ThreadKeeping is for how long one thread is kept.
type ThreadKeeping struct {
	Days int  `json:"days" minimum:"0" maximum:"36525" doc:"It is deleted so many days after its last message; 0 for as long as all." example:"0"`
	Hold bool `json:"hold" doc:"A legal hold: nothing deletes it." example:"true"`
}

// KeepingSet is the request to set for how long threads are kept.
type KeepingSet struct {
	Days int `json:"days" minimum:"0" maximum:"36525" doc:"Delete threads so many days after their last message; 0 for never." example:"3650"`
}

// ThreadKeepingSet is the request to set for how long one thread is kept.
type ThreadKeepingSet struct {
	Days int  `json:"days,omitempty" minimum:"0" maximum:"36525" doc:"Delete it so many days after its last message; 0 for as long as all." example:"0"`
	Hold bool `json:"hold,omitempty" doc:"A legal hold: nothing deletes it." example:"true"`
}

type (
	keepingAnswer       struct{ Body Keeping }
	threadKeepingAnswer struct{ Body ThreadKeeping }
)

func (s *server) registerKeeping() {
	register(s, operation{
		id: "get-retention", method: http.MethodGet, path: "/retention", tag: "Keeping", summary: "Read for how long threads are kept",
		about: "What holds for all threads about which nothing else was decided.",
	}, s.getKeeping)
	register(s, operation{
		id: "set-retention", method: http.MethodPut, path: "/retention", tag: "Keeping", summary: "Set for how long threads are kept",
		about: "It needs an admin's key. What is older is deleted within the hour, and nothing brings it back but a backup.",
	}, s.setKeeping)
	register(s, operation{
		id: "get-thread-retention", method: http.MethodGet, path: "/threads/{thread}/retention", tag: "Keeping", summary: "Read for how long a thread is kept",
		about: "What was decided about this thread alone.",
	}, s.getThreadKeeping)
	register(s, operation{
		id: "set-thread-retention", method: http.MethodPut, path: "/threads/{thread}/retention", tag: "Keeping", summary: "Set for how long a thread is kept",
		about: "It needs an admin's key. A legal hold stops every deletion of the thread, by hand too.",
	}, s.setThreadKeeping)
	register(s, operation{
		id: "delete-thread", method: http.MethodDelete, path: "/threads/{thread}", tag: "Keeping", summary: "Delete a thread for good",
		about:  "It needs an admin's key. All messages, notes and files go, with the mail they came from; the audit log keeps that it happened. A thread on legal hold is a conflict.",
		status: http.StatusNoContent, may: []kind{conflict},
	}, s.deleteThread)
}

func (s *server) getKeeping(ctx context.Context, c caller, _ *struct{}) (*keepingAnswer, error) {
	days, err := s.gateway.RetentionDays(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	return &keepingAnswer{Keeping{Days: days}}, nil
}

func (s *server) setKeeping(ctx context.Context, c caller, in *struct{ Body KeepingSet }) (*keepingAnswer, error) {
	if err := s.gateway.SetRetentionDays(ctx, c.actor, in.Body.Days); err != nil {
		return nil, err
	}
	return s.getKeeping(ctx, c, nil)
}

func (s *server) getThreadKeeping(ctx context.Context, c caller, in *struct{ ThreadPath }) (*threadKeepingAnswer, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	r, err := s.gateway.ThreadRetention(ctx, c.actor, thread)
	if err != nil {
		return nil, err
	}
	return &threadKeepingAnswer{ThreadKeeping{Days: r.Days, Hold: r.Hold}}, nil
}

func (s *server) setThreadKeeping(ctx context.Context, c caller, in *struct {
	ThreadPath
	Body ThreadKeepingSet
},
) (*threadKeepingAnswer, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	r := bridge.Retention{Days: in.Body.Days, Hold: in.Body.Hold}
	if err := s.gateway.SetThreadRetention(ctx, c.actor, thread, r); err != nil {
		return nil, err
	}
	return s.getThreadKeeping(ctx, c, &struct{ ThreadPath }{in.ThreadPath})
}

func (s *server) deleteThread(ctx context.Context, c caller, in *struct{ ThreadPath }) (*struct{}, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	return nil, s.gateway.DeleteThread(ctx, c.actor, thread)
}
