package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"letterlock/bridge"
	"letterlock/web/download"
)

// Message is one entry in a thread.
type Message struct {
	ID          string       `json:"id" format:"uuid" doc:"The message's id." example:"019a9f3e-7c1b-7a00-8d11-2e3f4a5b6c7d"`
	ThreadID    string       `json:"thread_id" format:"uuid" doc:"The thread it is in." example:"019a9f3e-7c1a-7b52-9d0e-3f1c5a7b9e21"`
	Seq         int          `json:"seq" doc:"Its place in the thread; the first is 1." example:"1"`
	Kind        string       `json:"kind" enum:"public,note" doc:"A note is internal: contacts never see it." example:"public"`
	Author      Author       `json:"author" doc:"Who wrote it."`
	Via         string       `json:"via" enum:"web,api,smtp,imap" doc:"How it came in." example:"api"`
	At          time.Time    `json:"at" doc:"When it was written or came in." example:"2026-11-20T09:30:00Z"`
	SendAt      *time.Time   `json:"send_at,omitempty" doc:"When it goes out; absent once it has. Before, its seq is 0." example:"2026-11-21T08:00:00Z"`
	Text        string       `json:"text" doc:"The text. Of a received mail, what is new in it." example:"It left our house this morning."`
	HTML        string       `json:"html,omitempty" doc:"The formatted text, cleaned; absent where there is none." example:"<p>It left our house this morning.</p>"`
	Quoted      string       `json:"quoted,omitempty" doc:"What a received mail quoted." example:"> Where is my order?"`
	Signature   string       `json:"signature,omitempty" doc:"The signature of a received mail." example:"Sent from my phone"`
	Attachments []Attachment `json:"attachments" nullable:"false" doc:"Its files, without their content."`
	Secure      bool         `json:"secure" doc:"Whether its author had it sent securely: no copy leaves." example:"false"`
	Stays       []string     `json:"stays" nullable:"false" doc:"Why no copy of it leaves, as it was decided when it was written; empty if nothing was found." example:"contains a card number"`
	Leaving     []Leaving    `json:"leaving,omitempty" nullable:"false" doc:"What each recipient gets by email as things are. Filled in the answer to posting it."`
	Deliveries  []Delivery   `json:"deliveries" nullable:"false" doc:"The mails that it caused. Filled where a thread is read."`
	Receipts    []Receipt    `json:"receipts" nullable:"false" doc:"Who opened it in the viewer. Filled where a thread is read."`
}

// Author is who wrote a message.
type Author struct {
	Kind string `json:"kind" enum:"contact,staff,program" doc:"On which side it was written." example:"program"`
	ID   string `json:"id,omitempty" doc:"The person's id; absent for a program." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	Name string `json:"name" doc:"The name at that time." example:"Example Org"`
}

// Attachment is a file of a message.
type Attachment struct {
	ID          string `json:"id,omitempty" format:"uuid" doc:"The attachment's id; absent while its message has not gone out." example:"019a9f3e-7c1c-7bb0-9a2b-3c4d5e6f7a8b"`
	Filename    string `json:"filename" doc:"Its name, safe to save under." example:"invoice.pdf"`
	ContentType string `json:"content_type" doc:"Its type, as its sender said." example:"application/pdf"`
	Size        int64  `json:"size" doc:"Octets." example:"48213"`
	SHA256      string `json:"sha256" doc:"The SHA-256 of its content, in hex." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Inline      bool   `json:"inline" doc:"Whether the formatted text shows it." example:"false"`
	ContentID   string `json:"content_id,omitempty" doc:"Its Content-ID, where the formatted text shows it." example:"logo@example.org"`
	Path        string `json:"path,omitempty" doc:"Where to download it; likewise." example:"/api/v1/attachments/019a9f3e-7c1c-7bb0-9a2b-3c4d5e6f7a8b"`
}

// Receipt says that a person opened a message in the viewer.
type Receipt struct {
	PersonID string    `json:"person_id" format:"uuid" doc:"Who." example:"019a9f3e-0b1c-7d3e-8f4a-5b6c7d8e9f01"`
	At       time.Time `json:"at" doc:"When." example:"2026-11-20T10:02:11Z"`
}

// MessageText is what a message that is to be written says.
type MessageText struct {
	Text   string     `json:"text,omitempty" doc:"The text, up to 1 MiB unless the gateway is set otherwise. A message needs a text, a formatted text or a file." example:"It left our house this morning."`
	HTML   string     `json:"html,omitempty" doc:"A formatted text beside the text, or instead of it. Scripts, forms, remote images and the like are taken out." example:"<p>It left our house this morning.</p>"`
	Secure bool       `json:"secure,omitempty" doc:"Send it securely: its email is a notice, whatever the mode." example:"false"`
	SendAt *time.Time `json:"send_at,omitempty" doc:"When it is to go out, within a year; at once if absent. Until then contacts know nothing of it." example:"2026-11-21T08:00:00Z"`
	Files  []File     `json:"files,omitempty" maxItems:"100" nullable:"false" doc:"Files, up to 25 MiB together unless the gateway is set otherwise."`
}

// File is a file to attach.
type File struct {
	Filename    string `json:"filename" minLength:"1" maxLength:"500" doc:"Its name; folders are taken off." example:"invoice.txt"`
	ContentType string `json:"content_type,omitempty" maxLength:"200" doc:"Its type; application/octet-stream if absent." example:"text/plain"`
	Content     string `json:"content" doc:"Its content in base64 (RFC 4648, section 4)." example:"SW52b2ljZSA0NzEx"`
}

// MessageDraft is the request to post a message.
type MessageDraft struct {
	MessageText
	Note bool `json:"note,omitempty" doc:"Makes it an internal note, which contacts never see." example:"false"`
}

func messageOf(m bridge.Message) Message {
	out := Message{
		ID: m.ID.String(), ThreadID: m.Thread.String(), Seq: m.Seq, Kind: string(m.Kind),
		Author: Author{Kind: string(m.AuthorKind), ID: m.Author.String(), Name: m.AuthorName},
		Via:    string(m.Via), At: m.At.UTC(), Text: m.Text, HTML: m.HTML, Quoted: m.Quoted, Signature: m.Signature,
		Attachments: make([]Attachment, 0, len(m.Attachments)), Deliveries: []Delivery{}, Receipts: []Receipt{},
		Secure: m.Secure, Stays: append([]string{}, m.Stays...),
	}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, attachmentOf(a))
	}
	return out
}

func attachmentOf(a bridge.Attachment) Attachment {
	return Attachment{
		ID: a.ID.String(), Filename: a.Filename, ContentType: a.ContentType, Size: a.Blob.Size, SHA256: hex.EncodeToString(a.Blob.SHA256[:]),
		Inline: a.Inline, ContentID: a.ContentID, Path: Prefix + "/attachments/" + a.ID.String(),
	}
}

func (s *server) registerMessages() {
	register(s, operation{
		id: "post-message", method: http.MethodPost, path: "/threads/{thread}/messages", tag: "Messages", summary: "Post a message or a note",
		about: "Adds a public message, which the contacts get a mail about, or an internal note, which they don't. With send_at it is kept until then: " +
			"who gets it, and in which form, is decided when it goes out, and its id stays the same.",
		status: http.StatusCreated, files: true,
	}, s.postMessage)
	register(s, operation{
		id: "download-attachment", method: http.MethodGet, path: "/attachments/{attachment}", tag: "Messages", summary: "Download an attachment",
		about: "The file itself, with its own Content-Type. It comes from whoever wrote the message: treat it as hostile. " +
			"One range of it can be asked for (RFC 9110, section 14), and If-Range and If-None-Match are heeded: a file never changes.",
		may: []kind{badRange},
	}, s.download)
	// huma does not know what a body that is streamed is made of.
	answers := s.huma.OpenAPI().Paths["/attachments/{attachment}"].Get.Responses
	whole := answers["200"]
	whole.Description = "The file"
	whole.Content = map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}
	field := func(kind, doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: kind}}
	}
	whole.Headers["Content-Length"] = field("integer", "Octets.")
	whole.Headers["ETag"] = field("string", "The SHA-256 of the whole content, in hex.")
	part := &huma.Response{Description: "The part of the file that Range asks for", Content: whole.Content, Headers: maps.Clone(whole.Headers)}
	part.Headers["Content-Range"] = field("string", "Which part it is, and the size of the whole.")
	answers["206"] = part
}

// createdMessage is the answer of post-message.
type createdMessage struct {
	Created
	Body Message
}

func (s *server) postMessage(ctx context.Context, c caller, in *struct {
	ThreadPath
	Body MessageDraft
},
) (*createdMessage, error) {
	thread, err := id(in.Thread)
	if err != nil {
		return nil, err
	}
	post := bridge.Post{Thread: thread, Text: in.Body.Text, HTML: in.Body.HTML, Note: in.Body.Note, Secure: in.Body.Secure, Via: bridge.ViaAPI}
	if post.Files, err = s.stage(ctx, c, in.Body.Files); err != nil {
		return nil, err
	}
	if in.Body.SendAt != nil {
		out, _, err := s.schedule(ctx, c, *in.Body.SendAt, func(later bridge.Later, once bridge.Once) (bridge.Pending, error) {
			post.Once = once
			return s.gateway.Schedule(ctx, c.actor, post, later)
		})
		return &out, err
	}
	var m bridge.Message
	replayed, err := s.repeatable(c.once, func(once bridge.Once) (err error) {
		post.Once = once
		m, err = s.gateway.Post(ctx, c.actor, post)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &createdMessage{Body: messageOf(m)}
	if err := s.leaving(ctx, c, m, &out.Body); err != nil {
		return nil, err
	}
	out.Location = fmt.Sprintf("%s/threads/%s?after_seq=%d&limit=1", Prefix, m.Thread, m.Seq-1)
	out.replayed(replayed)
	return out, nil
}

// stage hands files over, decoding them as they are read.
func (s *server) stage(ctx context.Context, c caller, files []File) ([]bridge.Attachment, error) {
	var out []bridge.Attachment
	var total int64
	for i, f := range files {
		content := base64.NewDecoder(base64.StdEncoding, strings.NewReader(f.Content))
		a, err := s.gateway.StageFile(ctx, c.actor, f.Filename, f.ContentType, content)
		var corrupt base64.CorruptInputError
		switch {
		case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, s.fault(indexed("body.files", i)+".content", "expected base64 with padding")
		case err != nil:
			return nil, err
		}
		if total += a.Blob.Size; total > s.maxFiles {
			return nil, s.problem(tooLarge, fmt.Sprintf("The files of one message may have %d octets together.", s.maxFiles))
		}
		out = append(out, a)
	}
	return out, nil
}

func indexed(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

type attachmentAnswer struct {
	ContentDisposition string `header:"Content-Disposition" doc:"attachment, with the file's name."`
	Body               func(huma.Context)
}

func (s *server) download(ctx context.Context, c caller, in *struct {
	Attachment string `path:"attachment" maxLength:"100" doc:"The attachment's id." example:"019a9f3e-7c1c-7bb0-9a2b-3c4d5e6f7a8b"`
},
) (*attachmentAnswer, error) {
	which, err := id(in.Attachment)
	if err != nil {
		return nil, err
	}
	// The content is read after this function's ctx ended; what is left of the request's own is enough for it.
	file, content, err := s.gateway.OpenAttachment(context.WithoutCancel(ctx), c.actor, which)
	if err != nil {
		return nil, err
	}
	return &attachmentAnswer{
		ContentDisposition: disposition(file.Filename),
		Body: func(hc huma.Context) {
			defer content.Close()
			r, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", file.ContentType)
			switch err := download.Serve(w, r, file.Blob, content); {
			case errors.Is(err, download.ErrRange):
				s.refuse(w, s.problem(badRange, ""))
			case err != nil:
				if r.Context().Err() == nil {
					s.log.WarnContext(r.Context(), "download broke off", "attachment", which, "error", err)
				}
				// Part of the file was sent: only a broken connection tells the client.
				panic(http.ErrAbortHandler)
			}
		},
	}, nil
}

// disposition is a Content-Disposition that saves the file under its name (RFC 6266).
func disposition(name string) string {
	if v := mime.FormatMediaType("attachment", map[string]string{"filename": name}); v != "" {
		return v
	}
	return "attachment"
}
