package api

import (
	"context"
	"net/http"
	"time"

	"letterlock/bridge"
)

// Delivery is one mail to one recipient. What it carries is not part of it.
type Delivery struct {
	ID         string     `json:"id" format:"uuid" doc:"The delivery's id." example:"019a9f3e-7c1d-7cc1-8b3c-4d5e6f7a8b9c"`
	Kind       string     `json:"kind" enum:"message,code,device,reminder,unopened,digest,alert,trouble,answer,sample" doc:"Why the mail leaves: a message in a thread, a sign-in code, a sign-in by a new browser, a reminder of what is unread; to staff, a message that was never opened or a summary; to admins, held mail, or trouble with a mailbox; an answer to a sender; or a test of a template." example:"message"`
	ThreadID   string     `json:"thread_id,omitempty" doc:"The thread." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	MessageID  string     `json:"message_id,omitempty" doc:"The message." example:"019a9f3e-7c1b-7a00-8d11-2e3f4a5b6c7d"`
	PersonID   string     `json:"person_id,omitempty" doc:"The recipient, if they are known." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Recipient  string     `json:"recipient,omitempty" doc:"The address, where it is not simply the person's." example:"ann@example.org"`
	State      string     `json:"state" enum:"queued,deferred,held,relayed,failed,suppressed" doc:"held is kept back by an admin; relayed, failed and suppressed are final." example:"relayed"`
	Form       string     `json:"form,omitempty" enum:"notice,copy" doc:"What left: a notice without content, or a copy." example:"notice"`
	Path       string     `json:"path,omitempty" enum:"clear,encrypted,tls,verified" doc:"What was proven of the way that it left by: nothing (clear), TLS with somebody unproven (encrypted), TLS with a valid certificate (tls), or also that the recipient's domain is proven, or the relay asks for TLS onwards (verified)." example:"tls"`
	Why        string     `json:"why,omitempty" doc:"Why a notice left where the mode would have let a copy go." example:"contains a card number"`
	Attempts   int        `json:"attempts" doc:"How often it was tried." example:"1"`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was queued." example:"2026-11-20T09:30:00Z"`
	NextAt     *time.Time `json:"next_at,omitempty" doc:"When it is tried next; absent once it is final." example:"2026-11-20T09:35:00Z"`
	DoneAt     *time.Time `json:"done_at,omitempty" doc:"When it became final." example:"2026-11-20T09:30:02Z"`
	Diagnostic string     `json:"diagnostic,omitempty" doc:"What the next hop said last, or why it was not sent." example:"250 2.0.0 Ok: queued as 4ZxYw"`
}

// DeliveryList is one page of the list of deliveries.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false" doc:"Newest first."`
	Next       string     `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"AAZDV9x0cAABmp8-fBp7Up0OPxxae54h"`
}

func deliveryOf(d bridge.Delivery) Delivery {
	out := Delivery{
		ID: d.ID.String(), Kind: string(d.Kind), ThreadID: d.Thread.String(), MessageID: d.Message.String(), PersonID: d.Person.String(),
		Recipient: d.Recipient, State: string(d.State), Form: string(d.Form), Attempts: d.Attempts,
		CreatedAt: d.CreatedAt.UTC(), DoneAt: moment(d.DoneAt), Diagnostic: d.Diagnostic, Why: d.Why, Path: string(d.Path),
	}
	if d.State == bridge.Queued || d.State == bridge.Deferred {
		out.NextAt = moment(d.NextAt)
	}
	return out
}

func (s *server) registerDeliveries() {
	register(s, operation{
		id: "list-deliveries", method: http.MethodGet, path: "/deliveries", tag: "Mail", summary: "List deliveries",
		about: "The mails that left or are to leave, newest first.",
	}, s.listDeliveries)
}

func (s *server) listDeliveries(ctx context.Context, c caller, in *struct {
	Page
	State string `query:"state" enum:"queued,deferred,held,relayed,failed,suppressed" doc:"Only deliveries in this state." example:"failed"`
},
) (*struct{ Body DeliveryList }, error) {
	after, err := in.after()
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	list, next, err := s.gateway.ListDeliveries(ctx, c.actor, bridge.DeliveryQuery{State: bridge.DeliveryState(in.State), After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := DeliveryList{Deliveries: make([]Delivery, 0, len(list)), Next: next.String()}
	for _, d := range list {
		out.Deliveries = append(out.Deliveries, deliveryOf(d))
	}
	return &struct{ Body DeliveryList }{out}, nil
}
