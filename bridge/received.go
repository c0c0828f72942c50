package bridge

import "time"

// Received is the record of one mail that came in, to one forward-path: what became of it, and why.
type Received struct {
	ID          ID
	Envelope    Envelope
	Disposition Disposition
	Reasons     []string // in words, for staff
	Refusal     error    // for Refused: the sentinel to answer with. Not stored
	Verdict     Verdict
	Kind        MailKind
	From        string // as claimed
	Subject     string
	MailID      string // the mail's own Message-ID
	Size        int64
	Thread      ID // the thread it went into, or is held for
	Message     ID // the message it became
	Person      ID // the participant whose reply address it used
	Original    ID // for Duplicate: the first record
	// Identity is equal for the same mail to the same place, however it came. Zero for refused mail, which is judged anew each time, and for duplicates.
	Identity [32]byte

	// For Held: who decided it, when, and how it was decided.
	ResolvedBy ID
	ResolvedAt time.Time
	Resolution Resolution
}

// inThread reports whether the mail became a message, by itself or because staff released it.
func (r Received) inThread() bool {
	return r.Disposition == Appended || r.Disposition == NewThread || r.Resolution == Released
}

// waits reports whether the mail is held and nobody has decided about it.
func (r Received) waits() bool { return r.Disposition == Held && r.Resolution == "" }

// Resolution is what staff did with a held mail.
type Resolution string

// The resolutions. An empty one means that the mail still waits.
const (
	Released  Resolution = "released"  // it is in the thread now
	Discarded Resolution = "discarded" // it stays out; the record is kept. Nobody decided it where the same mail came again and could be taken
)

// MailboxState is how far an IMAP mailbox has been read (RFC 9051, section 2.3.1.1).
type MailboxState struct {
	Account     string // the name from the configuration
	Mailbox     string
	UIDValidity uint32
	LastUID     uint32     // messages up to here have been dealt with, but for those in Missing
	Missing     []UIDRange // in order, apart from each other, none above LastUID. Most of them name no message
	// FirstUID, if not zero, says that the mailbox is being read for the first time and only mail since a day is wanted, up to the UID before this one.
	FirstUID uint32
	// ModSeq is the highest mod-sequence (RFC 7162) when all of the mailbox was looked through; zero where the server has none.
	ModSeq uint64
}

// UIDRange is a range of UIDs, both ends included.
type UIDRange struct{ First, Last uint32 }

// AuditEntry records who did what. Its Detail is sealed at rest like any content.
type AuditEntry struct {
	ID     ID
	At     time.Time
	Actor  string // "person", "key", "operator", "anonymous" or "system"
	By     ID     // the person or key
	Action string // such as "mode.set"
	Thread ID
	Person ID
	Detail string
	// Seq numbers the entries from 1 on, without gaps; Link is a keyed code over the entry and the Link before it. The store sets both.
	Seq  int64
	Link []byte
}

// LoginCode is a one-time code that waits to be typed into the browser that asked for it.
type LoginCode struct {
	ID        ID
	Browser   [32]byte // hash of the secret in that browser's cookie
	Person    ID       // zero if the address is nobody's, which looks the same from outside
	Thread    ID       // where to go afterwards; zero for the list
	CodeHash  [32]byte // keyed
	Attempts  int
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time
}

// OnceRecord remembers what an Idempotency-Key led to.
type OnceRecord struct {
	Owner     ID // the person or key that used it
	Key       string
	Request   [32]byte // hash of the request: the same key with another request is a conflict
	Thread    ID
	Message   ID
	Person    ID
	CreatedAt time.Time
}
