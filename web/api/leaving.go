package api

import (
	"context"
	"net/http"

	"letterlock/bridge"
)

// Leaving is what one recipient of a message gets by email.
type Leaving struct {
	PersonID string   `json:"person_id,omitempty" doc:"The contact's id; absent for somebody who is no contact yet." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Address  string   `json:"address" doc:"Where the mail goes." example:"ann@example.org"`
	Form     string   `json:"form,omitempty" enum:"notice,copy" doc:"A notice without content, or a copy; absent for no mail at all." example:"notice"`
	Why      []string `json:"why" nullable:"false" doc:"Why it is no copy, in words, without anything of the message." example:"contains a card number"`
}

// LeavingList is what all recipients get.
type LeavingList struct {
	Leaving []Leaving `json:"leaving" nullable:"false" doc:"One entry for each recipient."`
}

// PreviewDraft is a message that was not posted yet.
type PreviewDraft struct {
	ThreadID  string         `json:"thread_id,omitempty" maxLength:"100" doc:"The thread it would answer in; absent for the first message of a new one." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Subject   string         `json:"subject,omitempty" maxLength:"300" doc:"The subject of a new thread." example:"Your order 4711"`
	Contacts  []RecipientRef `json:"contacts,omitempty" maxItems:"50" nullable:"false" doc:"Whom a new thread is with. Nobody becomes a contact by being named here."`
	Mode      string         `json:"mode,omitempty" enum:"inherit,secure,convenience" default:"inherit" doc:"The mode of a new thread." example:"inherit"`
	Text      string         `json:"text,omitempty" doc:"The text." example:"It left our house this morning."`
	HTML      string         `json:"html,omitempty" doc:"The formatted text." example:"<p>It left our house this morning.</p>"`
	FileNames []string       `json:"file_names,omitempty" maxItems:"100" nullable:"false" doc:"The names of its files. What is in them is looked at when they are posted." example:"invoice.pdf"`
	Secure    bool           `json:"secure,omitempty" doc:"Whether it is to be sent securely." example:"false"`
}

func leavingOf(all []bridge.Leaving) []Leaving {
	out := make([]Leaving, 0, len(all))
	for _, l := range all {
		one := Leaving{PersonID: l.Person.String(), Address: l.Address, Form: string(l.Form), Why: l.Why}
		if one.Why == nil {
			one.Why = []string{}
		}
		out = append(out, one)
	}
	return out
}

func (s *server) registerLeaving() {
	register(s, operation{
		id: "preview-message", method: http.MethodPost, path: "/preview", tag: "Messages", summary: "Ask what a message would become",
		about: "What each recipient would get by email if the message left now, a notice or a copy, and why. Nothing is kept. " +
			"It is decided once more when the mail leaves, and can only have become stricter or looser with the mode, the rules and the way there.",
		files: true,
	}, s.preview)
}

func (s *server) preview(ctx context.Context, c caller, in *struct{ Body PreviewDraft }) (*struct{ Body LeavingList }, error) {
	d := bridge.Draft{
		Subject: in.Body.Subject, Mode: modeOf(in.Body.Mode), Text: in.Body.Text, HTML: in.Body.HTML, Names: in.Body.FileNames, Secure: in.Body.Secure,
	}
	if in.Body.ThreadID != "" {
		var err error
		if d.Thread, err = bridge.ParseID(in.Body.ThreadID); err != nil {
			return nil, s.fault("body.thread_id", "expected an id")
		}
	}
	for i, r := range in.Body.Contacts {
		who, err := s.recipient(indexed("body.contacts", i), r)
		if err != nil {
			return nil, err
		}
		d.Contacts = append(d.Contacts, who)
	}
	all, err := s.gateway.Preview(ctx, c.actor, d)
	if err != nil {
		return nil, err
	}
	return &struct{ Body LeavingList }{LeavingList{leavingOf(all)}}, nil
}

// leaving adds to a message that was just posted what each recipient gets.
func (s *server) leaving(ctx context.Context, c caller, m bridge.Message, out *Message) error {
	if m.Kind != bridge.Public {
		return nil
	}
	all, err := s.gateway.PreviewMessage(ctx, c.actor, m.ID)
	if err != nil {
		return err
	}
	out.Leaving = leavingOf(all)
	return nil
}
