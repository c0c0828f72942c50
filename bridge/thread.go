package bridge

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// ThreadStatus is open or closed.
type ThreadStatus string

// The states of a thread. A customer's answer opens a closed one again.
const (
	Open   ThreadStatus = "open"
	Closed ThreadStatus = "closed"
)

// Thread is a conversation with a subject.
type Thread struct {
	ID        ID
	Subject   string
	Status    ThreadStatus
	Mode      Mode // it can only make things stricter
	CreatedAt time.Time
	// What follows is kept up to date by Messages.AddMessage, so that a list needs no counting.
	LastAt   time.Time // when the last public message came
	Preview  string    // the beginning of the last public message
	Seq      int       // of the last message, notes included
	Awaiting bool      // the last public message is a contact's: staff should answer
}

// Participant is a person in a thread.
type Participant struct {
	Thread   ID
	Person   ID
	Kind     PersonKind
	JoinedAt time.Time
	LeftAt   time.Time // zero while in it
	ReadSeq  int       // the last message this person has seen
	Unread   int       // public messages by others since then
}

// Message is one entry in a thread.
type Message struct {
	ID         ID
	Thread     ID
	Seq        int // 1 is the thread's first; set by Messages.AddMessage
	Kind       MessageKind
	Author     ID // zero for a program or the organization itself
	AuthorKind AuthorKind
	AuthorName string // as it was when the message was written
	Via        Via
	At         time.Time

	Text        string   // plain text: the visible part of a received mail
	HTML        string   // cleaned rich text; empty where the message is plain
	Quoted      string   // what a reply quoted, shown folded
	Signature   string   // shown folded
	Secure      bool     // its author wants it to stay in: no copy leaves
	Stays       []string // why no copy leaves, as it was decided when it was written: clauses for staff, without anything of the message
	MailID      string   // the Message-ID of the received mail this came from, without angle brackets
	Received    ID       // that received mail
	Attachments []Attachment
}

// MessageKind tells what everybody in the thread sees from what only staff see.
type MessageKind string

// The kinds of messages.
const (
	Public MessageKind = "public"
	Note   MessageKind = "note"
)

// AuthorKind says on which side a message was written.
type AuthorKind string

// The kinds of authors.
const (
	ByContact AuthorKind = "contact"
	ByStaff   AuthorKind = "staff"
	ByProgram AuthorKind = "program"
)

// Via is the way by which a message came in.
type Via string

// The ways in.
const (
	ViaWeb  Via = "web"
	ViaAPI  Via = "api"
	ViaSMTP Via = "smtp"
	ViaIMAP Via = "imap"
)

// Attachment is a file of a message.
type Attachment struct {
	ID          ID
	Message     ID
	Thread      ID
	Filename    string // safe to show and to save under
	ContentType string // type/subtype
	ContentID   string // without angle brackets, for images that the HTML shows
	Inline      bool
	Note        bool // it belongs to an internal note
	Blob        Blob
}

// Blob is content that was stored before the transaction that refers to it. Small content travels in Inline and is kept in
// the database, so that it shares its commit; larger content waits under Key, already durable.
type Blob struct {
	Key    string // names the stored content; empty when it is Inline
	Size   int64  // octets of the content
	SHA256 [32]byte
	Inline []byte
}

// Receipt says that a person opened a message in the viewer.
type Receipt struct {
	Message ID
	Person  ID
	At      time.Time
}

// Cursor is a place in a list that is sorted by time and then ID, newest first. The zero Cursor is the beginning.
type Cursor struct {
	At time.Time
	ID ID
}

// IsZero reports whether the cursor is the beginning of a list.
func (c Cursor) IsZero() bool { return c.ID.IsZero() }

// String returns the form for a URL or a program: opaque, and nothing for the beginning.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	var b [24]byte
	binary.BigEndian.PutUint64(b[:8], uint64(c.At.UnixMicro()))
	copy(b[8:], c.ID[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseCursor reads what String wrote. Its error wraps ErrInvalid.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 24 {
		return Cursor{}, fmt.Errorf("this place in the list can't be read: %w", ErrInvalid)
	}
	c := Cursor{At: time.UnixMicro(int64(binary.BigEndian.Uint64(b[:8]))).UTC()}
	copy(c.ID[:], b[8:])
	return c, nil
}
