package bridge

import "time"

// MailKind is what a received mail is.
type MailKind string

// The kinds of mail.
const (
	KindMessage   MailKind = "message"    // a person wrote it
	KindAutoReply MailKind = "auto_reply" // a machine answered (RFC 3834)
	KindBounce    MailKind = "bounce"     // a delivery status notification (RFC 3464) or a home-made one
	KindComplaint MailKind = "complaint"  // an abuse report (RFC 5965)
	KindReceipt   MailKind = "receipt"    // a message disposition notification (RFC 8098)
)

// Route is the way a mail came to us.
type Route string

// The routes.
const (
	RouteSMTP Route = "smtp"
	RouteIMAP Route = "imap"
)

// Mail is one received mail as package mailin read it. Its strings are valid UTF-8 without NUL; its sizes are in octets.
// It belongs to whoever got it: nobody changes it after it was parsed.
type Mail struct {
	Kind MailKind
	List bool // mailing-list mail (RFC 2369, RFC 2919)

	From       []Address // as the From field has it; a mail fit for a thread has exactly one
	To, Cc     []Address
	Subject    string
	Date       time.Time // zero where absent or unreadable
	MessageID  string    // without angle brackets
	InReplyTo  []string  // Message-IDs without angle brackets
	References []string

	Reply     string // the new text as plain text, also when it came as HTML; inline answers stand next to what they answer
	Quoted    string // what was folded away: quotes, attributions, forwarded mail
	Signature string // a delimited or mobile signature
	HTML      string // the whole HTML body, sanitised; empty where there was none

	Attachments []MailPart
	Report      []ReportedRecipient // for bounces
	ReportedID  []string            // Message-IDs named in the part that a report returns
	// ReportedEnvelope is the envelope id (RFC 3461, section 4.4) that a report names.
	ReportedEnvelope string
	Defects          []string // what was wrong with the mail, in words; never its content
	OverBound        string   // not empty if a limit stopped the reading: the mail is held with this reason

	// Delivered lists the addresses that trace fields say this was delivered to: Delivered-To, X-Original-To, Envelope-To.
	Delivered []string
	// AutoSubmitted is true where answering automatically is forbidden (RFC 3834, section 2).
	AutoSubmitted bool

	// Digest is SHA-256 over what stays the same however the mail travelled: author, date, Message-ID, subject, the decoded
	// text and attachments. Trace fields and transfer encodings don't count.
	Digest [32]byte
	Raw    []byte // as received, CRLF line endings
}

// Address is a mailbox (RFC 5322, section 3.4): an optional display name and an addr-spec.
type Address struct {
	Name string
	Addr string // as written; compare with NormalizeAddress
}

// MailPart is an attachment of a received mail.
type MailPart struct {
	Filename    string // safe to show and to save under: no path, no control characters; never empty
	ContentType string // type/subtype in lower case, without parameters
	ContentID   string // without angle brackets
	Inline      bool
	SHA256      [32]byte // of the decoded content
	Content     []byte   // decoded
}

// ReportedRecipient is what a delivery status notification says of one recipient (RFC 3464, section 2.3).
type ReportedRecipient struct {
	Recipient  string // the Final-Recipient, else the Original-Recipient
	Action     string // failed, delayed, delivered, relayed or expanded
	Status     string // RFC 3463, such as 5.1.1
	Diagnostic string
	Class      string // permanent, temporary or success
}

// Envelope is how one mail reached us (RFC 5321, section 2.3.1), with one forward-path: a mail to two of our addresses is received twice.
type Envelope struct {
	Route       Route
	ReversePath string // empty for <>
	ForwardPath string // the recipient. Empty on IMAP where no field named one of our addresses
	Peer        string // host:port of the SMTP client, or the IMAP account; for the log of received mail
	At          time.Time
}

// Verdict is what is known about who really sent a mail. The mail's own From field is only a claim.
type Verdict struct {
	Result  VerdictResult
	Address string   // the author that is proven, normalised; empty unless Result is VerdictPass
	Method  string   // what proved it, such as "address" or "dmarc"
	Reasons []string // for staff: what was looked at and found
}

// MethodAddress is the Method of a verdict that rests on nothing but the mail's own From field.
const MethodAddress = "address"

// VerdictResult is the outcome of judging the sender.
type VerdictResult string

// The outcomes. VerdictTemporary means that asking again later may tell more, so the mail is to be deferred. VerdictReject means that the mail is
// made to deceive, or that the domain it names asks to refuse it.
const (
	VerdictPass      VerdictResult = "pass"
	VerdictNone      VerdictResult = "none"
	VerdictFail      VerdictResult = "fail"
	VerdictReject    VerdictResult = "reject"
	VerdictTemporary VerdictResult = "temporary"
)

// Disposition is what became of one received mail. Each has exactly one.
type Disposition string

// The dispositions.
const (
	Appended    Disposition = "appended"
	NewThread   Disposition = "new thread"
	Held        Disposition = "held"
	Refused     Disposition = "refused"
	Duplicate   Disposition = "duplicate"
	Reported    Disposition = "report"
	AutoReplied Disposition = "auto-reply"
)
