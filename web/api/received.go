package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"letterlock/bridge"
)

// ReceivedMail is the record of one mail that came in: what became of it, and why.
type ReceivedMail struct {
	ID            string      `json:"id" format:"uuid" doc:"The record's id." example:"019a9f40-2b3c-7d4e-9f50-6a7b8c9d0e1f"`
	At            time.Time   `json:"at" doc:"When it came." example:"2026-11-20T11:12:13Z"`
	Route         string      `json:"route" enum:"smtp,imap" doc:"The way it came." example:"smtp"`
	Peer          string      `json:"peer" doc:"The SMTP client, or the IMAP account." example:"203.0.113.7:52114"`
	ReversePath   string      `json:"reverse_path" doc:"The envelope's sender; empty for the null reverse-path." example:"ann@example.org"`
	ForwardPath   string      `json:"forward_path" doc:"The envelope's recipient." example:"reply+abcdefgh@mail.example.com"`
	Disposition   string      `json:"disposition" enum:"appended,new_thread,held,refused,duplicate,report,auto_reply" doc:"What became of it." example:"appended"`
	Reasons       []string    `json:"reasons" nullable:"false" doc:"Why, in words." example:"the reply address is this participant's"`
	Verdict       Verdict     `json:"verdict" doc:"What is known about who really sent it."`
	Kind          string      `json:"kind" enum:"message,auto_reply,bounce,complaint,receipt," doc:"What kind of mail it is; empty if it was refused unread." example:"message"`
	From          string      `json:"from" doc:"The author that it names, which is only a claim." example:"Ann Ardern <ann@example.org>"`
	Subject       string      `json:"subject" doc:"Its subject." example:"Re: Your order 4711"`
	MailMessageID string      `json:"mail_message_id,omitempty" doc:"Its own Message-ID, without angle brackets." example:"CAF1a2b3@mail.example.org"`
	Size          int64       `json:"size" doc:"Octets." example:"4096"`
	ThreadID      string      `json:"thread_id,omitempty" doc:"The thread it went into, or is held for." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	MessageID     string      `json:"message_id,omitempty" doc:"The message it became." example:"019a9f40-2b3d-7e4f-8a61-7b8c9d0e1f2a"`
	PersonID      string      `json:"person_id,omitempty" doc:"Whose reply address it used." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	DuplicateOf   string      `json:"duplicate_of,omitempty" doc:"The first record of the same mail." example:"019a9f40-0000-7000-8000-000000000001"`
	Resolution    *Resolution `json:"resolution,omitempty" doc:"What was decided about a held mail; absent while it waits."`
}

// Verdict is what is known about who really sent a mail.
type Verdict struct {
	Result  string   `json:"result" enum:"pass,none,fail,reject,temporary," doc:"Whether the author is proven; empty if nobody looked." example:"pass"`
	Address string   `json:"address,omitempty" doc:"The author that is proven." example:"ann@example.org"`
	Method  string   `json:"method,omitempty" doc:"What proved it." example:"dmarc"`
	Reasons []string `json:"reasons" nullable:"false" doc:"What was looked at and found." example:"dmarc=pass"`
}

// Resolution is what staff did with a held mail.
type Resolution struct {
	Result string    `json:"result" enum:"released,discarded" doc:"released: it is in the thread. discarded: it stays out." example:"released"`
	By     string    `json:"by,omitempty" doc:"Who decided it." example:"019a9f3d-1111-7222-8333-444455556666"`
	At     time.Time `json:"at" doc:"When." example:"2026-11-20T12:00:00Z"`
}

// ReceivedList is one page of the log of received mail.
type ReceivedList struct {
	Received []ReceivedMail `json:"received" nullable:"false" doc:"Newest first."`
	Next     string         `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"AAZDV9x0cAABmp8-fBp7Up0OPxxae54h"`
}

// dispositions are the domain's words as the API writes them.
var dispositions = [...]struct {
	word  string
	value bridge.Disposition
}{
	{"appended", bridge.Appended},
	{"new_thread", bridge.NewThread},
	{"held", bridge.Held},
	{"refused", bridge.Refused},
	{"duplicate", bridge.Duplicate},
	{"report", bridge.Reported},
	{"auto_reply", bridge.AutoReplied},
}

func dispositionWord(d bridge.Disposition) string {
	for _, w := range dispositions {
		if w.value == d {
			return w.word
		}
	}
	return strings.ReplaceAll(string(d), " ", "_")
}

func dispositionOf(word string) bridge.Disposition {
	for _, w := range dispositions {
		if w.word == word {
			return w.value
		}
	}
	return bridge.Disposition(word)
}

func receivedOf(r bridge.Received) ReceivedMail {
	out := ReceivedMail{
		ID: r.ID.String(), At: r.Envelope.At.UTC(), Route: string(r.Envelope.Route), Peer: r.Envelope.Peer,
		ReversePath: r.Envelope.ReversePath, ForwardPath: r.Envelope.ForwardPath,
		Disposition: dispositionWord(r.Disposition), Reasons: words(r.Reasons),
		Verdict: Verdict{Result: string(r.Verdict.Result), Address: r.Verdict.Address, Method: r.Verdict.Method, Reasons: words(r.Verdict.Reasons)},
		Kind:    string(r.Kind), From: r.From, Subject: r.Subject, MailMessageID: r.MailID, Size: r.Size,
		ThreadID: r.Thread.String(), MessageID: r.Message.String(), PersonID: r.Person.String(), DuplicateOf: r.Original.String(),
	}
	if r.Resolution != "" {
		out.Resolution = &Resolution{Result: string(r.Resolution), By: r.ResolvedBy.String(), At: r.ResolvedAt.UTC()}
	}
	return out
}

// words is a list that JSON never shows as null.
func words(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (s *server) registerReceived() {
	register(s, operation{
		id: "list-received", method: http.MethodGet, path: "/received", tag: "Mail", summary: "Read the log of received mail",
		about: "Every mail that came in, newest first, with what became of it and why. Reply addresses in it are secrets of the participants they belong to.",
	}, s.listReceived)
}

func (s *server) listReceived(ctx context.Context, c caller, in *struct {
	Page
	Disposition string `query:"disposition" enum:"appended,new_thread,held,refused,duplicate,report,auto_reply" doc:"Only mail with this disposition." example:"held"`
	Waiting     bool   `query:"waiting" doc:"Only held mail that nobody has decided about yet." example:"true"`
},
) (*struct{ Body ReceivedList }, error) {
	after, err := in.after()
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	list, next, err := s.gateway.ListReceived(ctx, c.actor, bridge.ReceivedQuery{
		Disposition: dispositionOf(in.Disposition), Waiting: in.Waiting, After: after, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := ReceivedList{Received: make([]ReceivedMail, 0, len(list)), Next: next.String()}
	for _, r := range list {
		out.Received = append(out.Received, receivedOf(r))
	}
	return &struct{ Body ReceivedList }{out}, nil
}
