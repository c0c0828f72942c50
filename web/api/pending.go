package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"letterlock/bridge"
)

// Pending is a message that has not gone out.
type Pending struct {
	ID       string         `json:"id" format:"uuid" doc:"Its id, which the message has too once it has gone out." example:"019a9f3e-7c1b-7a00-8d11-2e3f4a5b6c7d"`
	ThreadID string         `json:"thread_id,omitempty" doc:"The thread that it is for. One that it starts is not there before it goes out." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Starts   bool           `json:"starts_thread" doc:"Whether it starts its thread." example:"false"`
	State    string         `json:"state" enum:"waiting,held,stopped,sent" doc:"It waits for its time, was taken back, could not go out, or has gone out: then the rest is to be read in the thread." example:"waiting"`
	At       time.Time      `json:"at" doc:"When it goes out or went out; where it does not wait, since when." example:"2026-11-21T08:00:00Z"`
	MadeAt   *time.Time     `json:"made_at,omitempty" doc:"When it was written." example:"2026-11-20T09:30:00Z"`
	Author   Author         `json:"author" doc:"Who wrote it."`
	Why      string         `json:"why,omitempty" doc:"Why it could not go out." example:"ann@example.org is disabled"`
	Subject  string         `json:"subject,omitempty" doc:"The subject of the thread that it starts." example:"Your order 4711"`
	Contacts []RecipientRef `json:"contacts" nullable:"false" doc:"Whom the thread that it starts is with."`
	Begin    string         `json:"begin" doc:"The beginning of its text." example:"It left our house this morning."`
	Text     string         `json:"text,omitempty" doc:"The text, where one is read." example:"It left our house this morning."`
	HTML     string         `json:"html,omitempty" doc:"The formatted text, likewise." example:"<p>It left our house this morning.</p>"`
	Secure   bool           `json:"secure" doc:"Whether it is to be sent securely." example:"false"`
	Files    []PendingFile  `json:"files" nullable:"false" doc:"Its files, without their content."`
}

// PendingFile is a file of a message that has not gone out.
type PendingFile struct {
	Filename    string `json:"filename" doc:"Its name." example:"invoice.pdf"`
	ContentType string `json:"content_type" doc:"Its type, as its sender said." example:"application/pdf"`
	Size        int64  `json:"size" doc:"Octets." example:"48213"`
}

// PendingList is one page of what has not gone out.
type PendingList struct {
	Pending []Pending `json:"pending" nullable:"false" doc:"First what was taken back or could not go out, then what waits, the next first."`
	Next    string    `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"AAZDV9x0cAABmp8-fBp7Up0OPxxae54h"`
}

func pendingOf(p bridge.Pending) Pending {
	out := Pending{
		ID: p.ID.String(), ThreadID: p.Thread.String(), Starts: p.Start != nil, State: string(p.State), At: p.At.UTC(), MadeAt: moment(p.MadeAt), Why: p.Why,
		Author: Author{Kind: string(p.ByKind), Name: p.ByName}, Begin: p.Begin, Text: p.Text, HTML: p.HTML, Secure: p.Secure,
		Contacts: []RecipientRef{}, Files: []PendingFile{},
	}
	if p.ByKind == bridge.ByStaff {
		out.Author.ID = p.By.String()
	}
	if s := p.Start; s != nil {
		out.ThreadID, out.Subject = s.Thread.String(), s.Subject
		for _, r := range s.Contacts {
			out.Contacts = append(out.Contacts, RecipientRef{ID: r.ID.String(), Address: r.Address, Name: r.Name})
		}
	}
	for _, f := range p.Files {
		out.Files = append(out.Files, PendingFile{Filename: f.Filename, ContentType: f.ContentType, Size: f.Blob.Size})
	}
	return out
}

// scheduled is a message that waits, as the answer to posting it.
func scheduled(p bridge.Pending) Message {
	m := messageOf(bridge.Message{
		ID: p.ID, Thread: p.Thread, Kind: bridge.Public, AuthorKind: p.ByKind, AuthorName: p.ByName, Via: p.Via, At: p.MadeAt, Text: p.Text, HTML: p.HTML,
		Secure: p.Secure,
	})
	if p.Start != nil {
		m.ThreadID = p.Start.Thread.String()
	}
	m.SendAt = moment(p.At)
	for _, f := range p.Files {
		m.Attachments = append(m.Attachments, attachmentOf(f))
	}
	for i := range m.Attachments {
		m.Attachments[i].ID, m.Attachments[i].Path = "", ""
	}
	return m
}

// MessagePath holds the parameter of a path to a message that has not gone out.
type MessagePath struct {
	Message string `path:"message" maxLength:"100" doc:"The message's id." example:"019a9f3e-7c1b-7a00-8d11-2e3f4a5b6c7d"`
}

func (s *server) registerPending() {
	register(s, operation{
		id: "list-pending", method: http.MethodGet, path: "/pending", tag: "Messages", summary: "List what has not gone out",
		about: "Messages that go out later, that staff took back, or that could not go out. Contacts know of none of them.",
	}, s.listPending)
	register(s, operation{
		id: "read-pending", method: http.MethodGet, path: "/pending/{message}", tag: "Messages", summary: "Read what has not gone out",
		about: "One such message with its text. Of one that has gone out it tells the thread.",
	}, s.readPending)
	register(s, operation{
		id: "set-pending-state", method: http.MethodPut, path: "/pending/{message}/state", tag: "Messages", summary: "Send it now, or take it back",
		about: "Sends a message now that has not gone out, as its author's, or keeps it from going out until somebody sends or cancels it. " +
			"A conflict says why it can't be sent, or that it has gone out or was stopped and can't be taken back. Asking for the state that it has changes nothing.",
		may: []kind{conflict},
	}, s.setPendingState)
	register(s, operation{
		id: "cancel-pending", method: http.MethodDelete, path: "/pending/{message}", tag: "Messages", summary: "Cancel it", status: http.StatusNoContent,
		about: "Removes a message that has not gone out, with its files, for good. A conflict says that it was sent, or that its thread is on legal hold.",
		may:   []kind{conflict},
	}, s.cancelPending)
}

func (s *server) listPending(ctx context.Context, c caller, in *struct {
	Page
	Thread string `query:"thread_id" maxLength:"100" doc:"Only for this thread." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
},
) (*struct{ Body PendingList }, error) {
	after, err := in.after()
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	l := bridge.PendingList{After: after, Limit: in.Limit}
	if in.Thread != "" {
		if l.Thread, err = bridge.ParseID(in.Thread); err != nil {
			return nil, s.fault("query.thread_id", "expected an id")
		}
	}
	list, next, err := s.gateway.ListPending(ctx, c.actor, l)
	if err != nil {
		return nil, err
	}
	out := PendingList{Pending: make([]Pending, 0, len(list)), Next: next.String()}
	for _, p := range list {
		out.Pending = append(out.Pending, pendingOf(p))
	}
	return &struct{ Body PendingList }{out}, nil
}

func (s *server) readPending(ctx context.Context, c caller, in *struct{ MessagePath }) (*struct{ Body Pending }, error) {
	which, err := id(in.Message)
	if err != nil {
		return nil, err
	}
	p, err := s.gateway.PendingMessage(ctx, c.actor, which)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Pending }{pendingOf(p)}, nil
}

// PendingState is the request to send a message, or to take it back.
type PendingState struct {
	State string `json:"state" enum:"sent,held" doc:"The state that the message shall have." example:"sent"`
}

func (s *server) setPendingState(ctx context.Context, c caller, in *struct {
	MessagePath
	Body PendingState
},
) (*struct{ Body Pending }, error) {
	which, err := id(in.Message)
	if err != nil {
		return nil, err
	}
	p, err := s.gateway.PendingMessage(ctx, c.actor, which)
	switch {
	case err != nil:
		return nil, err
	case string(p.State) == in.Body.State:
	case in.Body.State == string(bridge.PendingHeld):
		p, err = s.gateway.TakeBack(ctx, c.actor, which)
		if err == nil && p.State == bridge.PendingStopped {
			err = fmt.Errorf("it could not go out, so there is nothing to take back: %w", bridge.ErrConflict)
		}
	default:
		_, err = s.gateway.SendPending(ctx, c.actor, which)
	}
	if err != nil {
		return nil, err
	}
	return s.readPending(ctx, c, &struct{ MessagePath }{in.MessagePath})
}

func (s *server) cancelPending(ctx context.Context, c caller, in *struct{ MessagePath }) (*struct{}, error) {
	which, err := id(in.Message)
	if err != nil {
		return nil, err
	}
	return nil, s.gateway.DiscardPending(ctx, c.actor, which)
}

// schedule has a message kept for its time, and answers with it: with the message itself where a repeated request finds that it has gone out.
func (s *server) schedule(ctx context.Context, c caller, at time.Time, keep func(bridge.Later, bridge.Once) (bridge.Pending, error)) (out createdMessage, p bridge.Pending, err error) {
	if at.IsZero() { // which the gateway takes for no time at all
		return out, p, s.fault("body.send_at", "expected a time to come")
	}
	replayed, err := s.repeatable(c.once, func(once bridge.Once) (err error) {
		p, err = keep(bridge.Later{At: at}, once)
		return err
	})
	if err != nil {
		return out, p, err
	}
	out.replayed(replayed)
	if p.State == bridge.PendingSent {
		m, err := s.gateway.Message(ctx, c.actor, p.Thread, p.ID)
		out.Body, out.Location = messageOf(m), fmt.Sprintf("%s/threads/%s?after_seq=%d&limit=1", Prefix, m.Thread, m.Seq-1)
		return out, p, err
	}
	out.Body, out.Location = scheduled(p), Prefix+"/pending/"+p.ID.String()
	return out, p, nil
}
