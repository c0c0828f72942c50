package bridge

import (
	"context"
	"io"
	"time"
)

// Store keeps what must last. Package store implements it.
type Store interface {
	// View runs fn on one consistent state. It never waits for a writer.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a transaction and returns once it is durable, or with fn's error and nothing changed.
	// fn may run more than once, so it touches nothing but its Tx.
	Update(ctx context.Context, fn func(Tx) error) error
	Blobs
}

// Blobs keeps content outside of transactions.
type Blobs interface {
	// StageBlob reads r to its end and makes the content durable, or keeps it in Blob.Inline when it is small.
	// What no transaction refers to within a day is swept away. It returns r's error unchanged.
	// What a bytes.Buffer holds may become Blob.Inline without a copy: nobody may change it any more.
	StageBlob(ctx context.Context, r io.Reader) (Blob, error)
	// OpenBlob returns the content, of which any range can be read. The Blob comes from a record that was read.
	OpenBlob(ctx context.Context, b Blob) (io.ReadSeekCloser, error)
	// RemoveDeleted removes the content whose records were deleted.
	RemoveDeleted(ctx context.Context) error
}

// Tx is one transaction, grouped by noun. A method that finds nothing returns ErrNotFound; one that would break a uniqueness
// returns ErrConflict. It is used by one goroutine and not after its function returned.
type Tx interface {
	People
	Choices
	Templates
	Threads
	Messages
	Staging
	Pendings
	ReplyAddresses
	Deliveries
	MailStops
	Looks
	Reminders
	ReceivedMail
	SignIns
	Keys
	Settings
	Audits
	Signing
	TLSCounts
	Searches
	Lives
}

// People keeps persons. Addresses are given normalised.
type People interface {
	Person(ctx context.Context, id ID) (Person, error)
	PersonByAddress(ctx context.Context, address string) (Person, error)
	AddPerson(ctx context.Context, p Person) error
	UpdatePerson(ctx context.Context, p Person) error // all fields but ID, Kind, CreatedAt, Unsubscribe and HasPassword
	// ListPeople returns people of one kind, newest first, after a cursor of (CreatedAt, ID).
	ListPeople(ctx context.Context, kind PersonKind, after Cursor, limit int) ([]Person, error)
	// PasswordHash returns what SetPasswordHash stored, or ErrNotFound.
	PasswordHash(ctx context.Context, id ID) (string, error)
	SetPasswordHash(ctx context.Context, id ID, hash string) error // an empty hash removes the password
}

// ThreadQuery selects threads for a list, newest LastAt first.
type ThreadQuery struct {
	Participant ID           // only threads that this person is in (and has not left); zero for all
	Reader      ID           // whose unread counts are wanted
	Status      ThreadStatus // empty for both
	Awaiting    bool         // only those that wait for staff
	Unopened    bool         // only those with a message of which staff were told that it was never opened
	After       Cursor       // (LastAt, ID) of the last row seen
	Limit       int
}

// ThreadRow is one line of a list of threads.
type ThreadRow struct {
	Thread
	Unread int      // messages the reader has not seen: public ones by others for a contact, all by others for staff
	People []string // names of the contacts in it, at most three; only filled for lists of all threads
	Count  int      // how many contacts there are; likewise
	// Unopened says that staff were told of a message that a contact has never opened, and still has not; likewise.
	Unopened bool
}

// Threads keeps threads and who is in them.
type Threads interface {
	Thread(ctx context.Context, id ID) (Thread, error)
	AddThread(ctx context.Context, t Thread) error
	UpdateThread(ctx context.Context, t Thread) error // Subject, Status, Mode and Awaiting
	ListThreads(ctx context.Context, q ThreadQuery) ([]ThreadRow, error)

	AddParticipant(ctx context.Context, p Participant) error // rejoins one who left: LeftAt is cleared
	Participant(ctx context.Context, thread, person ID) (Participant, error)
	Participants(ctx context.Context, thread ID) ([]Participant, error) // in order of joining, those who left included
	LeaveThread(ctx context.Context, thread, person ID, at time.Time) error
	// MarkRead moves the person's ReadSeq up to seq (never down) and recounts what is unread. It works for staff who are not participants too.
	MarkRead(ctx context.Context, thread, person ID, seq int) error
	// ReadSeq returns what MarkRead last set, for participants and for staff who are none; 0 if it never did.
	ReadSeq(ctx context.Context, thread, person ID) (int, error)
}

// ListOctets bounds the octets of text, in all its forms and as stored, that one list of messages holds: one mail may have many millions.
const ListOctets = 16 << 20

// Messages keeps messages, their attachments and their receipts.
type Messages interface {
	// AddMessage appends m to its thread and sets m.Seq; it brings the thread's LastAt, Preview (from Message.Preview), Seq and
	// Awaiting and the participants' unread counts up to date; a note changes Seq only. The ReadSeq of
	// its author moves with it, unless they are a contact who has something unread before it.
	AddMessage(ctx context.Context, m *Message) error
	Message(ctx context.Context, id ID) (Message, error)
	// MessageSeq returns a message's Seq, and reads nothing of its content.
	MessageSeq(ctx context.Context, id ID) (int, error)
	// ListMessages returns messages in order, with their attachments (without content), from after seq on; notes only if asked for.
	// It returns fewer than limit where their texts would have more than ListOctets together, but one at least.
	ListMessages(ctx context.Context, thread ID, notes bool, afterSeq, limit int) ([]Message, error)
	// LastMessages is ListMessages for the last ones of those after seq, in order too.
	LastMessages(ctx context.Context, thread ID, notes bool, afterSeq, limit int) ([]Message, error)
	Attachment(ctx context.Context, id ID) (Attachment, error)

	// AddReceipts records that the person opened all public messages by others from fromSeq to seq, for those not recorded before.
	AddReceipts(ctx context.Context, thread, person ID, fromSeq, seq int, at time.Time) error
	// LacksReceipts reports whether AddReceipts would record anything.
	LacksReceipts(ctx context.Context, thread, person ID, fromSeq, seq int) (bool, error)
	// Receipts returns those of the messages from fromSeq to seq.
	Receipts(ctx context.Context, thread ID, fromSeq, seq int) ([]Receipt, error)
}

// ReplyAddress is one participant's address in one thread. Its token is made from its ID (see Issuer).
type ReplyAddress struct {
	ID        ID
	Thread    ID
	Person    ID
	CreatedAt time.Time
	RevokedAt time.Time // zero while it works
}

// Standing is all that decides whether a person may answer in a thread by email now.
type Standing struct {
	Address      ReplyAddress // zero if it was not asked by one
	Person       Person       // ID, Kind, Name, Address, Mode and Disabled
	In           bool         // a participant, who has not left
	Thread       Thread       // ID, Status and Mode
	Organization Mode         // as set; empty if it never was
}

// ReplyAddresses keeps them.
type ReplyAddresses interface {
	// StandingAt returns what a reply address leads to, and Standing the same for a thread and a person.
	StandingAt(ctx context.Context, replyAddress ID) (Standing, error)
	Standing(ctx context.Context, thread, person ID) (Standing, error)
	AddReplyAddress(ctx context.Context, a ReplyAddress) error
	ReplyAddress(ctx context.Context, id ID) (ReplyAddress, error)
	// ReplyAddressOf returns the participant's newest address that is not revoked.
	ReplyAddressOf(ctx context.Context, thread, person ID) (ReplyAddress, error)
	RevokeReplyAddresses(ctx context.Context, thread, person ID, at time.Time) error
}

// Letter is one mail of the correspondence between us and one participant in a thread, for In-Reply-To and References.
type Letter struct {
	At       time.Time
	Delivery ID     // ours
	MailID   string // theirs
}

// DeliveryQuery selects deliveries for a list, newest first.
type DeliveryQuery struct {
	State DeliveryState // empty for all
	After Cursor        // (CreatedAt, ID)
	Limit int
}

// Deliveries is the outbox.
type Deliveries interface {
	AddDelivery(ctx context.Context, d Delivery) error
	Delivery(ctx context.Context, id ID) (Delivery, error)
	// UpdateDelivery writes State, Form, Path, Attempts, NextAt, LeaseBy, LeaseUntil, DoneAt, Diagnostic, Why and Payload.
	UpdateDelivery(ctx context.Context, d Delivery) error
	// ClaimDeliveries leases up to limit deliveries that are due (queued or deferred, NextAt reached, no live lease), in order of Priority, then NextAt.
	ClaimDeliveries(ctx context.Context, worker string, now time.Time, lease time.Duration, limit int) ([]Delivery, error)
	// ReleaseLeases gives back all that a worker holds.
	ReleaseLeases(ctx context.Context, worker string) error
	// NextDelivery returns when the earliest waiting delivery is due or its lease ends, or ErrNotFound.
	NextDelivery(ctx context.Context) (time.Time, error)
	ListDeliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error)
	// ThreadDeliveries returns those of the messages from fromSeq to seq. Such a delivery's CreatedAt is its message's At.
	ThreadDeliveries(ctx context.Context, thread ID, fromSeq, seq int) ([]Delivery, error)
	CountDeliveries(ctx context.Context) (map[DeliveryState]int, error)
	// Correspondence returns the first letter and the last ones before a moment, oldest first, at most limit.
	Correspondence(ctx context.Context, thread, person ID, before time.Time, limit int) ([]Letter, error)
}

// ReceivedQuery selects received mail for a list, newest first.
type ReceivedQuery struct {
	Disposition Disposition // empty for all
	Waiting     bool        // only held mail that nobody has decided yet
	After       Cursor      // (Envelope.At, ID)
	Limit       int
}

// ReceivedMail is the log of received mail and, for mail that was kept, its raw form.
type ReceivedMail interface {
	// AddReceived records r; raw may be the zero Blob. It returns ErrConflict if the Identity is taken.
	AddReceived(ctx context.Context, r Received, raw Blob) error
	Received(ctx context.Context, id ID) (Received, error)
	ReceivedByIdentity(ctx context.Context, identity [32]byte) (Received, error)
	UpdateReceived(ctx context.Context, r Received) error // Disposition, Thread, Message, Person and the resolution
	RawMail(ctx context.Context, id ID) (Blob, error)
	ListReceived(ctx context.Context, q ReceivedQuery) ([]Received, error)
	CountWaiting(ctx context.Context) (int, error)
}

// SignIns keeps what sign-in needs.
type SignIns interface {
	AddLoginCode(ctx context.Context, c LoginCode) error
	// LoginCodeOf returns the newest code that a browser asked for.
	LoginCodeOf(ctx context.Context, browser [32]byte) (LoginCode, error)
	UpdateLoginCode(ctx context.Context, c LoginCode) error // Attempts and UsedAt
	// AddAttempt and CountAttempts are a rate limit's memory. A key is hashed before it is stored.
	AddAttempt(ctx context.Context, key string, at time.Time) error
	CountAttempts(ctx context.Context, key string, since time.Time) (int, error)
	// SweepSignIns removes codes and attempts older than a moment.
	SweepSignIns(ctx context.Context, before time.Time) error
}

// Keys keeps programs' keys and their idempotency records.
type Keys interface {
	AddKey(ctx context.Context, k APIKey) error
	Key(ctx context.Context, id ID) (APIKey, error)
	UpdateKey(ctx context.Context, k APIKey) error // Name, LastUsedAt and RevokedAt
	ListKeys(ctx context.Context) ([]APIKey, error)
	AddOnce(ctx context.Context, o OnceRecord) error
	Once(ctx context.Context, owner ID, key string) (OnceRecord, error)
	SweepOnce(ctx context.Context, before time.Time) error
}

// Settings keeps the organization's settings by name.
type Settings interface {
	Setting(ctx context.Context, name string) (string, error)
	SetSetting(ctx context.Context, name, value string) error
}

// Audits keeps the audit log.
type Audits interface {
	// AddAudit appends an entry, and gives it its Seq and its Link.
	AddAudit(ctx context.Context, e AuditEntry) error
	// ListAudit returns entries newest first; an empty action means all.
	ListAudit(ctx context.Context, action string, after Cursor, limit int) ([]AuditEntry, error)
	// AuditFrom returns entries in the order of their numbers, from after one on.
	AuditFrom(ctx context.Context, after int64, limit int) ([]AuditEntry, error)
}

// Keyring makes and checks keyed codes. Package store/seal implements it; keys that were rotated out still verify.
type Keyring interface {
	// Sign returns a code of at least 16 octets over data. A code made for one purpose never verifies for another.
	Sign(purpose string, data []byte) []byte
	// Verify reports, in constant time, whether code begins a code that Sign made (of this or an earlier key): code may be cut to 10 octets or more.
	Verify(purpose string, data, code []byte) bool
}
