package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/query"
)

// SearchHit is a conversation in which something was found, by the newest message of it that was.
type SearchHit struct {
	ThreadID  string    `json:"thread_id" format:"uuid" doc:"The thread." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Status    string    `json:"status" enum:"open,closed" doc:"The thread's status." example:"open"`
	MessageID string    `json:"message_id" format:"uuid" doc:"The message." example:"019a9f3e-7c1b-7a00-8d11-2e3f4a5b6c7d"`
	Seq       int       `json:"seq" doc:"The message's place in the thread." example:"3"`
	Kind      string    `json:"kind" enum:"public,note" doc:"A note is internal: contacts never see it." example:"public"`
	Author    string    `json:"author" doc:"The name of who wrote it." example:"Ann Ardern"`
	At        time.Time `json:"at" doc:"When it was written or came in." example:"2026-11-20T09:30:00Z"`
	Subject   []Piece   `json:"subject" nullable:"false" doc:"The thread's subject, in pieces."`
	Snippet   []Piece   `json:"snippet" nullable:"false" doc:"The part of the text around what was found, in pieces."`
	Files     []string  `json:"files" nullable:"false" doc:"Names of attachments that were found." example:"invoice.pdf"`
	More      int       `json:"more" doc:"How many other messages of the same thread this page would hold." example:"2"`
}

// Piece is a part of a text.
type Piece struct {
	Text  string `json:"text" doc:"The words, as they stand in the text." example:"invoice"`
	Found bool   `json:"found" doc:"Whether they were looked for." example:"true"`
}

// SearchResult is one page of what was found.
type SearchResult struct {
	Hits    []SearchHit `json:"hits" nullable:"false" doc:"The thread with the newest message that was found first."`
	Notices []string    `json:"notices" nullable:"false" doc:"What in q was not understood." example:"in: knows in:open and in:closed."`
	Next    string      `json:"next,omitempty" doc:"The cursor of the next page; absent at the end." example:"1x7k3m9q2d"`
}

func piecesOf(parts []query.Part) []Piece {
	out := make([]Piece, 0, len(parts))
	for _, p := range parts {
		out = append(out, Piece{p.Text, p.Found})
	}
	return out
}

func whole(parts []query.Part) (s string) {
	for _, p := range parts {
		s += p.Text
	}
	return s
}

func (s *server) registerSearch() {
	register(s, operation{
		id: "search", method: http.MethodGet, path: "/search", tag: "Threads", summary: "Search messages", may: []kind{notFound},
		about: `All words must be in a message, its subject, the names of its files or its author's name. "Words in quotes" stand together, -word must not be there, ` +
			`inv* is the beginning of a word. from:name, from:address, before:2026-03-31, after:2026-03, has:attachment, in:open and in:closed narrow it down. ` +
			`A message is found about a second after it was added. Where the organization keeps no index the answer is not_found.`,
	}, s.search)
}

func (s *server) search(ctx context.Context, c caller, in *struct {
	Q      string `query:"q" maxLength:"1000" doc:"What to look for; it must be given." example:"invoice from:ann"`
	Cursor string `query:"cursor" maxLength:"100" doc:"Where to go on: next of the page before. Without it the list begins."`
	Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"20" doc:"How many threads at most."`
},
) (*struct{ Body SearchResult }, error) {
	if in.Q == "" {
		return nil, s.fault("query.q", "expected what to look for")
	}
	after, err := bridge.ParsePlace(in.Cursor)
	if err != nil {
		return nil, s.fault("query.cursor", "expected what next said")
	}
	page, err := s.gateway.Search(ctx, c.actor, bridge.SearchRequest{Text: in.Q, After: after, Limit: in.Limit})
	if errors.Is(err, bridge.ErrSearchOff) {
		return nil, s.problem(notFound, "This organization keeps no search index.")
	}
	if err != nil {
		return nil, err
	}
	out := SearchResult{Hits: make([]SearchHit, 0, len(page.Hits)), Notices: words(page.Notices), Next: page.Next.String()}
	for _, h := range page.Hits {
		hit := SearchHit{
			ThreadID: h.Thread.String(), Status: string(h.Status), MessageID: h.Message.String(), Seq: h.Seq, Kind: string(h.Kind), Author: h.Author,
			At: h.At.UTC(), Subject: piecesOf(h.Subject), Snippet: piecesOf(h.Snippet), Files: make([]string, 0, len(h.Files)), More: h.More,
		}
		for _, f := range h.Files {
			hit.Files = append(hit.Files, whole(f))
		}
		out.Hits = append(out.Hits, hit)
	}
	return &struct{ Body SearchResult }{out}, nil
}
