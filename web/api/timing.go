package api

import (
	"context"
	"net/http"
	"time"
)

// Timing is when mails leave.
type Timing struct {
	NoticeDelay int64   `json:"notice_delay_seconds" doc:"How long a notice waits: who reads the message meanwhile gets none. 0 sends one for each message at once." example:"30"`
	Reminders   []int64 `json:"reminders_after_hours" nullable:"false" doc:"The ages, growing, at which a message that was not opened is called to mind: 1 to 8760 hours each; none for no reminders." example:"[72,168]"`
	Unopened    int64   `json:"never_opened_after_hours" doc:"The age at which staff are told that a message was never opened, after the last reminder; 0 for never." example:"240"`
	Undo        int64   `json:"undo_seconds" doc:"For how long staff can take a message back that they send from the desk; 0 sends it at once." example:"10"`
	EmailOff    bool    `json:"portal_only" doc:"Whether nothing but sign-in codes is mailed to anybody." example:"false"`
}

// TimingSet is the request to set when mails leave.
type TimingSet struct {
	NoticeDelay int64   `json:"notice_delay_seconds" minimum:"0" maximum:"86400" doc:"How long a notice waits: who reads the message meanwhile gets none. 0 sends one for each message at once." example:"30"`
	Reminders   []int64 `json:"reminders_after_hours" maxItems:"5" nullable:"false" doc:"The ages, growing, at which a message that was not opened is called to mind: 1 to 8760 hours each; none for no reminders." example:"[72,168]"`
	Unopened    int64   `json:"never_opened_after_hours" minimum:"0" maximum:"8760" doc:"The age at which staff are told that a message was never opened, after the last reminder; 0 for never." example:"240"`
	Undo        *int64  `json:"undo_seconds,omitempty" minimum:"0" maximum:"60" doc:"For how long staff can take a message back that they send from the desk; 0 sends it at once. It stays as it is if absent." example:"10"`
	EmailOff    bool    `json:"portal_only" doc:"Whether nothing but sign-in codes is mailed to anybody." example:"false"`
}

type timingAnswer struct{ Body Timing }

func (s *server) registerTiming() {
	register(s, operation{
		id: "get-timing", method: http.MethodGet, path: "/timing", tag: "Mail", summary: "Read when mails leave",
		about: "The delay before a notice, the reminders, and whether mail leaves at all. Parts of an hour that the gateway's configuration may have are cut off.",
	}, s.getTiming)
	register(s, operation{
		id: "set-timing", method: http.MethodPut, path: "/timing", tag: "Mail", summary: "Set when mails leave",
		about: "It needs an admin's key, and holds for what is written from then on; portal_only holds for what waits in the queue too. Each age must be later than the one before it.",
	}, s.setTiming)
}

func (s *server) getTiming(ctx context.Context, c caller, _ *struct{}) (*timingAnswer, error) {
	t, err := s.gateway.Timing(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	out := Timing{NoticeDelay: int64(t.NoticeDelay / time.Second), Reminders: []int64{}, Unopened: int64(t.Unopened / time.Hour), EmailOff: t.EmailOff, Undo: int64(t.Undo / time.Second)}
	for _, after := range t.Reminders {
		out.Reminders = append(out.Reminders, int64(after/time.Hour))
	}
	return &timingAnswer{out}, nil
}

func (s *server) setTiming(ctx context.Context, c caller, in *struct{ Body TimingSet }) (*timingAnswer, error) {
	// What there is besides stays as it is.
	t, err := s.gateway.Timing(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	t.NoticeDelay, t.Unopened, t.EmailOff = time.Duration(in.Body.NoticeDelay)*time.Second, time.Duration(in.Body.Unopened)*time.Hour, in.Body.EmailOff
	if in.Body.Undo != nil {
		t.Undo = time.Duration(*in.Body.Undo) * time.Second
	}
	t.Reminders = nil
	for i, hours := range in.Body.Reminders {
		if hours < 1 || hours > maxReminderHours {
			return nil, s.fault(indexed("body.reminders_after_hours", i), "expected 1 to 8760")
		}
		t.Reminders = append(t.Reminders, time.Duration(hours)*time.Hour)
	}
	if err := s.gateway.SetTiming(ctx, c.actor, t); err != nil {
		return nil, err
	}
	return s.getTiming(ctx, c, nil)
}

// maxReminderHours is a year.
const maxReminderHours = 8760
