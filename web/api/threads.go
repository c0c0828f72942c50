package api

import (
	"context"
	"net/http"
	"time"

	"letterlock/bridge"
)

// Thread is a conversation with a subject.
type Thread struct {
	ID        string    `json:"id" format:"uuid" doc:"The thread's id." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Subject   string    `json:"subject" doc:"The subject." example:"Your order 4711"`
	Status    string    `json:"status" enum:"open,closed" doc:"A contact's message opens a closed thread again." example:"open"`
	Mode      string    `json:"mode" enum:"inherit,secure,convenience" doc:"The thread's own mode; the strictest of organization, thread and contact holds." example:"inherit"`
	CreatedAt time.Time `json:"created_at" doc:"When it was started." example:"2026-11-20T09:30:00Z"`
	LastAt    time.Time `json:"last_at" doc:"When its last public message was written." example:"2026-11-20T09:30:00Z"`
	LastSeq   int       `json:"last_seq" doc:"The seq of its last message, notes included." example:"3"`
	Awaiting  bool      `json:"awaiting_staff" doc:"Whether the last public message is a contact's, so that somebody should answer." example:"false"`
}

// ThreadSummary is one entry of a list of threads.
type ThreadSummary struct {
	Thread
	Preview      string   `json:"preview" doc:"The beginning of the last public message." example:"It left our house this morning."`
	Contacts     []string `json:"contacts" nullable:"false" doc:"Names of contacts in it, at most three." example:"Ann Ardern"`
	ContactCount int      `json:"contact_count" doc:"How many contacts there are." example:"1"`
	NeverOpened  bool     `json:"never_opened" doc:"Whether a contact has still not opened a message of which staff were told that it was never opened." example:"false"`
}

// ThreadList is one page of a list of threads.
type ThreadList struct {
	Threads []ThreadSummary `json:"threads" nullable:"false" doc:"The one with the newest public message first."`
	Next    string          `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"AAZDV9x0cAABmp8-fBp7Up0OPxxae54h"`
}

// ThreadDetail is a thread with who is in it and a page of its messages.
type ThreadDetail struct {
	Thread
	EffectiveMode string        `json:"effective_mode" enum:"secure,convenience" doc:"The stricter of the organization's and the thread's mode." example:"secure"`
	Participants  []Participant `json:"participants" nullable:"false" doc:"Who is in it now."`
	Messages      []Message     `json:"messages" nullable:"false" doc:"In order of seq."`
	Pending       []Pending     `json:"pending" nullable:"false" doc:"What has not gone out in it: the first 50, without texts."`
	NextAfterSeq  int           `json:"next_after_seq,omitempty" doc:"Where to go on with after_seq; absent if these are the last messages." example:"200"`
}

// ThreadCreated is a thread that was just started, with its first message. What may change later is not part of it, so that the
// answer to a repeated request is the same.
type ThreadCreated struct {
	ID        string    `json:"id" format:"uuid" doc:"The thread's id." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Subject   string    `json:"subject" doc:"The subject, as it is kept." example:"Your order 4711"`
	CreatedAt time.Time `json:"created_at" doc:"When it was started, or will be, if send_at says so." example:"2026-11-20T09:30:00Z"`
	Message   Message   `json:"message" doc:"Its first message."`
}

// RecipientRef names a contact, by id or by address.
type RecipientRef struct {
	ID      string `json:"id,omitempty" doc:"The contact's id." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Address string `json:"address,omitempty" maxLength:"320" doc:"Or the contact's email address; whoever is new becomes a contact." example:"ann@example.org"`
	Name    string `json:"name,omitempty" maxLength:"200" doc:"The name of a new contact." example:"Ann Ardern"`
}

// ThreadDraft is the request to start a thread.
type ThreadDraft struct {
	Subject  string         `json:"subject" minLength:"1" maxLength:"300" doc:"The subject." example:"Your order 4711"`
	Contacts []RecipientRef `json:"contacts" minItems:"1" maxItems:"50" nullable:"false" doc:"Whom it is with; each as id or address. All of them see all public messages."`
	Mode     string         `json:"mode,omitempty" enum:"inherit,secure,convenience" default:"inherit" doc:"The thread's own mode; it can only be stricter than the organization's." example:"inherit"`
	MessageText
}

func threadOf(t bridge.Thread) Thread {
	return Thread{
		ID: t.ID.String(), Subject: t.Subject, Status: string(t.Status), Mode: modeWord(t.Mode),
		CreatedAt: t.CreatedAt.UTC(), LastAt: t.LastAt.UTC(), LastSeq: t.Seq, Awaiting: t.Awaiting,
	}
}

// ThreadPath holds the parameter of every path below a thread.
type ThreadPath struct {
	Thread string `path:"thread" maxLength:"100" doc:"The thread's id." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
}

type threadAnswer struct{ Body Thread }

func (s *server) registerThreads() {
	register(s, operation{
		id: "list-threads", method: http.MethodGet, path: "/threads", tag: "Threads", summary: "List threads",
		about: "All threads, the one with the newest public message first.",
	}, s.listThreads)
	register(s, operation{
		id: "start-thread", method: http.MethodPost, path: "/threads", tag: "Threads", summary: "Start a thread", status: http.StatusCreated, files: true,
		about: "Starts a thread with contacts and a first public message. Each of them gets a mail: a notice without content, or a copy, as the mode that holds when it leaves says. " +
			"With send_at the thread begins then: before, its id leads nowhere, and nobody becomes a contact.",
	}, s.startThread)
	register(s, operation{
		id: "read-thread", method: http.MethodGet, path: "/threads/{thread}", tag: "Threads", summary: "Read a thread",
		about: "A thread, who is in it, and its messages with their deliveries and receipts. Reading marks nothing as read.",
	}, s.readThread)
	register(s, operation{
		id: "set-thread-status", method: http.MethodPut, path: "/threads/{thread}/status", tag: "Threads", summary: "Close a thread or open it again",
		about: "Setting the status that the thread has already changes nothing.",
	}, s.setThreadStatus)
}

func (s *server) listThreads(ctx context.Context, c caller, in *struct {
	Page
	Status   string `query:"status" enum:"open,closed" doc:"Only threads with this status." example:"open"`
	Awaiting bool   `query:"awaiting_staff" doc:"Only threads that wait for an answer." example:"true"`
	Unopened bool   `query:"never_opened" doc:"Only threads with a message of which staff were told that a contact never opened it, and still has not." example:"true"`
},
) (*struct{ Body ThreadList }, error) {
	after, err := in.after()
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	list, err := s.gateway.ListThreads(ctx, c.actor, bridge.ThreadList{
		Status: bridge.ThreadStatus(in.Status), Awaiting: in.Awaiting, Unopened: in.Unopened, After: after, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := ThreadList{Threads: make([]ThreadSummary, 0, len(list.Threads)), Next: list.Next.String()}
	for _, row := range list.Threads {
		t := ThreadSummary{Thread: threadOf(row.Thread), Preview: row.Preview, Contacts: row.People, ContactCount: row.Count, NeverOpened: row.Unopened}
		if t.Contacts == nil {
			t.Contacts = []string{}
		}
		out.Threads = append(out.Threads, t)
	}
	return &struct{ Body ThreadList }{out}, nil
}

// createdThread is the answer of start-thread.
type createdThread struct {
	Created
	Body ThreadCreated
}

func (s *server) startThread(ctx context.Context, c caller, in *struct{ Body ThreadDraft }) (*createdThread, error) {
	start := bridge.ThreadStart{
		Subject: in.Body.Subject, Text: in.Body.Text, HTML: in.Body.HTML, Mode: modeOf(in.Body.Mode), Secure: in.Body.Secure, Via: bridge.ViaAPI,
	}
	for i, r := range in.Body.Contacts {
		who, err := s.recipient(indexed("body.contacts", i), r)
		if err != nil {
			return nil, err
		}
		start.Contacts = append(start.Contacts, who)
	}
	var err error
	if start.Files, err = s.stage(ctx, c, in.Body.Files); err != nil {
		return nil, err
	}
	if in.Body.SendAt != nil {
		made, p, err := s.schedule(ctx, c, *in.Body.SendAt, func(later bridge.Later, once bridge.Once) (bridge.Pending, error) {
			start.Once = once
			return s.gateway.ScheduleStart(ctx, c.actor, start, later)
		})
		if err != nil {
			return nil, err
		}
		out := &createdThread{Created: made.Created, Body: ThreadCreated{ID: made.Body.ThreadID, CreatedAt: p.At.UTC(), Message: made.Body}}
		if p.Start != nil {
			out.Body.Subject = p.Start.Subject
			return out, nil
		}
		v, err := s.gateway.ReadThread(ctx, c.actor, bridge.ThreadRead{Thread: p.Thread, AfterSeq: 1 << 30, Limit: 1})
		out.Body.Subject, out.Body.CreatedAt = v.Thread.Subject, v.Thread.CreatedAt.UTC()
		return out, err
	}
	var t bridge.Thread
	var m bridge.Message
	replayed, err := s.repeatable(c.once, func(once bridge.Once) (err error) {
		start.Once = once
		t, m, err = s.gateway.StartThread(ctx, c.actor, start)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &createdThread{Body: ThreadCreated{ID: t.ID.String(), Subject: t.Subject, CreatedAt: t.CreatedAt.UTC(), Message: messageOf(m)}}
	if err := s.leaving(ctx, c, m, &out.Body.Message); err != nil {
		return nil, err
	}
	out.Location = Prefix + "/threads/" + t.ID.String()
	out.replayed(replayed)
	return out, nil
}

func (s *server) readThread(ctx context.Context, c caller, in *struct {
	ThreadPath
	AfterSeq int `query:"after_seq" minimum:"0" maximum:"2147483647" doc:"Only messages with a greater seq." example:"0"`
	Limit    int `query:"limit" minimum:"1" maximum:"200" default:"200" doc:"How many messages at most."`
},
) (*struct{ Body ThreadDetail }, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	v, err := s.gateway.ReadThread(ctx, c.actor, bridge.ThreadRead{Thread: thread, AfterSeq: in.AfterSeq, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := ThreadDetail{
		Thread: threadOf(v.Thread), EffectiveMode: string(v.Mode),
		Participants: make([]Participant, 0, len(v.Participants)), Messages: make([]Message, 0, len(v.Messages)),
	}
	for _, p := range v.Participants {
		out.Participants = append(out.Participants, participantOf(p))
	}
	at := make(map[bridge.ID]int, len(v.Messages))
	for i, m := range v.Messages {
		out.Messages = append(out.Messages, messageOf(m))
		at[m.ID] = i
	}
	out.Pending = make([]Pending, 0, len(v.Pending))
	for _, p := range v.Pending {
		out.Pending = append(out.Pending, pendingOf(p))
	}
	for _, d := range v.Deliveries {
		if i, ok := at[d.Message]; ok {
			out.Messages[i].Deliveries = append(out.Messages[i].Deliveries, deliveryOf(d))
		}
	}
	for _, r := range v.Receipts {
		if i, ok := at[r.Message]; ok {
			out.Messages[i].Receipts = append(out.Messages[i].Receipts, Receipt{PersonID: r.Person.String(), At: r.At.UTC()})
		}
	}
	if v.More && len(v.Messages) > 0 {
		out.NextAfterSeq = v.Messages[len(v.Messages)-1].Seq
	}
	return &struct{ Body ThreadDetail }{out}, nil
}

// ThreadStatus is the request to close a thread or open it again.
type ThreadStatus struct {
	Status string `json:"status" enum:"open,closed" doc:"The status that the thread shall have." example:"closed"`
}

func (s *server) setThreadStatus(ctx context.Context, c caller, in *struct {
	ThreadPath
	Body ThreadStatus
},
) (*threadAnswer, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	set := s.gateway.ReopenThread
	if in.Body.Status == string(bridge.Closed) {
		set = s.gateway.CloseThread
	}
	if err := set(ctx, c.actor, thread); err != nil {
		return nil, err
	}
	return s.threadNow(ctx, c, thread)
}

// threadNow answers with a thread as it is after a change.
func (s *server) threadNow(ctx context.Context, c caller, thread bridge.ID) (*threadAnswer, error) {
	v, err := s.gateway.ReadThread(ctx, c.actor, bridge.ThreadRead{Thread: thread, AfterSeq: 1 << 30, Limit: 1})
	if err != nil {
		return nil, err
	}
	return &threadAnswer{threadOf(v.Thread)}, nil
}
