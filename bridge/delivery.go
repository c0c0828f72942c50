package bridge

import (
	"time"

	"letterlock/bridge/wording"
)

// DeliveryKind is why a mail leaves.
type DeliveryKind string

// The kinds of deliveries.
const (
	DeliverMessage DeliveryKind = "message" // a message in a thread, to one participant
	DeliverCode    DeliveryKind = "code"    // a one-time sign-in code
	DeliverAlert   DeliveryKind = "alert"   // to admins: mail is waiting to be looked at
	DeliverAnswer  DeliveryKind = "answer"  // to a sender whose mail came by IMAP and was refused (RFC 3834)
)

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states. Relayed, failed and suppressed are final.
const (
	Queued     DeliveryState = "queued"
	Deferred   DeliveryState = "deferred"   // tried, to be tried again
	OnHold     DeliveryState = "held"       // kept back by an admin until one lets it go
	Relayed    DeliveryState = "relayed"    // the next hop took it (RFC 5321, section 4.2.5)
	Failed     DeliveryState = "failed"     // refused for good, or given up
	Suppressed DeliveryState = "suppressed" // not sent, on purpose; Diagnostic says why
)

// Form is how much a mail that left carried.
type Form string

// The forms. A Notice is content-free; a Copy carries the message.
const (
	FormNotice Form = "notice"
	FormCopy   Form = "copy"
)

// Delivery is one mail to one recipient and its state. It is made in the transaction of what causes it.
type Delivery struct {
	ID         ID
	Kind       DeliveryKind
	Thread     ID
	Message    ID
	Person     ID     // zero for an answer to somebody who is nobody here
	Recipient  string // addr-spec; empty means the person's address when it leaves
	Domain     string // where it is to go; filled in by Gateway.ClaimDeliveries alone, and not stored
	Payload    string // a sign-in code, an answer's reason or what a summary tells; erased once the delivery is final
	Priority   int    // lower leaves earlier: 0 codes, 5 messages, 9 the rest
	State      DeliveryState
	Form       Form   // set when it is relayed, as Path and Why
	Path       Path   // how well the way was protected; a worker sets it before Gateway.Prepare, to that of the connection it has
	Why        string // why it was a notice where the mode would have let a copy go: a clause for staff
	Attempts   int
	CreatedAt  time.Time
	NextAt     time.Time // not before this
	LeaseBy    string    // the worker that holds it; empty if nobody does
	LeaseUntil time.Time
	DoneAt     time.Time // when it became final
	Diagnostic string    // the last thing the next hop said, or why it was not sent
}

// Outgoing is all that is needed to compose one mail. What a notice must not carry is absent from it, not merely unused:
// the content fields are empty unless Form is FormCopy.
type Outgoing struct {
	Delivery Delivery
	Form     Form // for DeliverMessage; codes, alerts and answers are content-free too

	ReversePath string    // the envelope's; empty for <> (answers, RFC 3834 section 3.3)
	Recipient   Address   // its name is the recipient's own
	From        Address   // at our domain
	ReplyTo     string    // addr-spec; empty for none
	MessageID   string    // without angle brackets; the same at each attempt
	Date        time.Time // the same at each attempt
	Locale      string

	Organization string
	BaseURL      string
	Why          string // for a notice: as Delivery.Why
	Need         Need   // for a copy: what the connection must be that it crosses
	Link         string // where the recipient reads the message, or signs in
	Unsubscribe  string // where the recipient turns off mails such as this one; empty for those that can't be, and where the portal is not reached by https
	ToStaff      bool   // the recipient is staff
	First        bool   // a contact who has never signed in
	Code         string // for DeliverCode
	CodeLife     time.Duration
	Tally        Tally        // for DeliverDigest
	Reason       string       // for DeliverAnswer: a sentence for the sender
	Sample       wording.Kind // for DeliverSample

	// What content-free mails are set with: the same for every message to one person.
	Letterhead Letterhead
	Phrase     string            // the recipient's own; empty if they chose none
	Template   *wording.Template // the organization's own words for this kind and language; nil for those that come with the program

	// Copies only.
	Subject     string
	Author      string // display name
	Text        string
	HTML        string // cleaned
	InReplyTo   string
	References  []string
	Attachments []Attachment
	Previous    *Previous // the message before, where the organization wants it quoted
}

// Suppression says why a delivery is not to be sent after all. It is an error so that it can't be overlooked.
type Suppression struct{ Reason string }

// Error implements error.
func (s *Suppression) Error() string { return "not to be sent: " + s.Reason }
