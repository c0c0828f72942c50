package api

import (
	"context"
	"net/http"
	"time"

	"letterlock/bridge"
)

// Participant is a person in a thread.
type Participant struct {
	PersonID string    `json:"person_id" format:"uuid" doc:"The person's id." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Kind     string    `json:"kind" enum:"contact,staff" doc:"On which side they are." example:"contact"`
	Name     string    `json:"name" doc:"Their name; may be empty." example:"Ann Ardern"`
	Address  string    `json:"address" doc:"Their email address." example:"ann@example.org"`
	Mode     string    `json:"effective_mode" enum:"secure,convenience" doc:"The strictest of organization, thread and contact: what mail to them in this thread may carry." example:"secure"`
	Disabled bool      `json:"disabled" doc:"Whether they can't sign in or write any more." example:"false"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when they are in it." example:"2026-11-20T09:30:00Z"`
	ReadSeq  int       `json:"read_seq" doc:"The seq of the last message they have seen in the viewer." example:"0"`
}

func participantOf(p bridge.ParticipantView) Participant {
	return Participant{
		PersonID: p.Person.String(), Kind: string(p.Kind), Name: p.Name, Address: p.Address, Mode: string(p.Mode), Disabled: p.Disabled,
		JoinedAt: p.JoinedAt.UTC(), ReadSeq: p.ReadSeq,
	}
}

type participantAnswer struct {
	Created
	Body Participant
}

func (s *server) registerParticipants() {
	register(s, operation{
		id: "add-participant", method: http.MethodPost, path: "/threads/{thread}/participants", tag: "Threads", summary: "Let a contact into a thread",
		about:  "The contact then sees all public messages, the earlier ones too. Adding somebody who is in it already changes nothing.",
		status: http.StatusCreated, may: []kind{conflict},
	}, s.addParticipant)
	register(s, operation{
		id: "remove-participant", method: http.MethodDelete, path: "/threads/{thread}/participants/{person}", tag: "Threads", summary: "Take a participant out of a thread",
		about:  "They see nothing of it any more, and their reply address stops working. Taking out somebody who has left already changes nothing.",
		status: http.StatusNoContent,
	}, s.removeParticipant)
}

func (s *server) addParticipant(ctx context.Context, c caller, in *struct {
	ThreadPath
	Body RecipientRef
},
) (*participantAnswer, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	who, err := s.recipient("body", in.Body)
	if err != nil {
		return nil, err
	}
	var p bridge.Participant
	replayed, err := s.repeatable(c.once, func(once bridge.Once) (err error) {
		p, err = s.gateway.AddParticipant(ctx, c.actor, thread, who, once)
		return err
	})
	if err != nil {
		return nil, err
	}
	body, err := s.participantNow(ctx, c, thread, p.Person)
	if err != nil {
		return nil, err
	}
	out := &participantAnswer{Body: body}
	out.Location = Prefix + "/threads/" + thread.String()
	out.replayed(replayed)
	return out, nil
}

// participantNow returns a participant as a read of the thread shows them.
func (s *server) participantNow(ctx context.Context, c caller, thread, person bridge.ID) (Participant, error) {
	v, err := s.gateway.ReadThread(ctx, c.actor, bridge.ThreadRead{Thread: thread, AfterSeq: 1 << 30, Limit: 1})
	if err != nil {
		return Participant{}, err
	}
	for _, p := range v.Participants {
		if p.Person == person {
			return participantOf(p), nil
		}
	}
	return Participant{}, bridge.ErrNotFound // taken out again at the same moment
}

func (s *server) removeParticipant(ctx context.Context, c caller, in *struct {
	ThreadPath
	Person string `path:"person" maxLength:"100" doc:"The person's id." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
},
) (*struct{}, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	person, err := id(in.Person)
	if err != nil {
		return nil, err
	}
	return nil, s.gateway.RemoveParticipant(ctx, c.actor, thread, person)
}

// recipient reads a reference to a contact; location says where in the request it stands.
func (s *server) recipient(location string, r RecipientRef) (bridge.Recipient, error) {
	switch {
	case (r.ID == "") == (r.Address == ""):
		return bridge.Recipient{}, s.fault(location, "expected either id or address")
	case r.ID != "":
		person, err := s.bodyID(location+".id", r.ID)
		return bridge.Recipient{ID: person}, err
	}
	return bridge.Recipient{Address: r.Address, Name: r.Name}, nil
}
