package archive

import (
	"encoding/hex"
	"time"

	"letterlock/bridge"
)

// What the JSON in an archive has. Its names are those of the API where it has them.

type threadRecord struct {
	ID           string              `json:"id"`
	Subject      string              `json:"subject"`
	Status       string              `json:"status"`
	CreatedAt    time.Time           `json:"created_at"`
	LastAt       time.Time           `json:"last_at"`
	Participants []participantRecord `json:"participants"`
	Messages     []messageRecord     `json:"messages"`
	Deliveries   []deliveryRecord    `json:"deliveries"`
	Receipts     []receiptRecord     `json:"receipts"`
}

type personRecord struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	Name      string    `json:"name,omitempty"`
	Address   string    `json:"address"`
	Locale    string    `json:"locale,omitempty"`
	Mode      string    `json:"mode,omitempty"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
}

// knownPerson is all that is known of a person beside their threads.
type knownPerson struct {
	personRecord
	Mails mailsRecord `json:"mails"`
}

// mailsRecord is which mails somebody chose to get.
type mailsRecord struct {
	Notify         string     `json:"notify"`
	Reminders      *bool      `json:"reminders,omitempty"` // of contacts
	Zone           string     `json:"zone,omitempty"`      // of staff, like Hour, where they chose summaries
	Hour           *int       `json:"hour,omitempty"`
	UnsubscribedAt *time.Time `json:"unsubscribed_at,omitempty"`
}

type participantRecord struct {
	personRecord
	JoinedAt time.Time  `json:"joined_at"`
	LeftAt   *time.Time `json:"left_at,omitempty"`
}

type messageRecord struct {
	ID         string       `json:"id"`
	Seq        int          `json:"seq"`
	Kind       string       `json:"kind"`
	AuthorID   string       `json:"author_id,omitempty"`
	AuthorKind string       `json:"author_kind"`
	AuthorName string       `json:"author_name"`
	Via        string       `json:"via"`
	At         time.Time    `json:"at"`
	Text       string       `json:"text"`
	HTML       string       `json:"html,omitempty"`
	Quoted     string       `json:"quoted,omitempty"`
	Signature  string       `json:"signature,omitempty"`
	MessageID  string       `json:"message_id,omitempty"`
	Files      []fileRecord `json:"files,omitempty"`
}

type fileRecord struct {
	ID          string `json:"id"`
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
	Path        string `json:"path,omitempty"`
}

type deliveryRecord struct {
	MessageID string    `json:"message_id"`
	PersonID  string    `json:"person_id"`
	State     string    `json:"state"`
	Form      string    `json:"form,omitempty"`
	At        time.Time `json:"at"`
}

type receiptRecord struct {
	MessageID string    `json:"message_id"`
	PersonID  string    `json:"person_id"`
	At        time.Time `json:"at"`
}

func personOf(p bridge.Person) personRecord {
	return personRecord{
		ID: p.ID.String(), Kind: string(p.Kind), Name: p.Name, Address: p.Address, Locale: p.Locale, Mode: string(p.Mode),
		Disabled: p.Disabled, CreatedAt: p.CreatedAt,
	}
}

func mailsOf(p bridge.ExportedPerson) mailsRecord {
	c := p.Choices
	r := mailsRecord{Notify: string(c.Notify)}
	switch {
	case p.Kind == bridge.Contact:
		reminders := c.Reminders()
		r.Reminders = &reminders
	case c.Notify == bridge.NotifyDaily || c.Notify == bridge.NotifyWeekly:
		r.Zone, r.Hour = c.Zone, &c.Hour
	}
	if !c.OffAt.IsZero() {
		r.UnsubscribedAt = &c.OffAt
	}
	return r
}

func recordOf(e bridge.ExportedThread) threadRecord {
	r := threadRecord{
		ID: e.Thread.ID.String(), Subject: e.Thread.Subject, Status: string(e.Thread.Status), CreatedAt: e.Thread.CreatedAt, LastAt: e.Thread.LastAt,
		Participants: []participantRecord{}, Messages: []messageRecord{}, Deliveries: []deliveryRecord{}, Receipts: []receiptRecord{},
	}
	for _, p := range e.Participants {
		one := participantRecord{personRecord: personOf(e.People[p.Person]), JoinedAt: p.JoinedAt}
		if !p.LeftAt.IsZero() {
			one.LeftAt = &p.LeftAt
		}
		r.Participants = append(r.Participants, one)
	}
	shown := map[bridge.ID]bool{}
	for _, m := range e.Messages {
		shown[m.ID] = true
		one := messageRecord{
			ID: m.ID.String(), Seq: m.Seq, Kind: string(m.Kind), AuthorID: m.Author.String(), AuthorKind: string(m.AuthorKind),
			AuthorName: m.AuthorName, Via: string(m.Via), At: m.At, Text: m.Text, HTML: m.HTML, Quoted: m.Quoted, Signature: m.Signature, MessageID: m.MailID,
		}
		for _, a := range m.Attachments {
			one.Files = append(one.Files, fileRecord{
				ID: a.ID.String(), Filename: a.Filename, ContentType: a.ContentType, Size: a.Blob.Size, SHA256: hex.EncodeToString(a.Blob.SHA256[:]),
			})
		}
		r.Messages = append(r.Messages, one)
	}
	for _, d := range e.Deliveries {
		if shown[d.Message] {
			r.Deliveries = append(r.Deliveries, deliveryRecord{d.Message.String(), d.Person.String(), string(d.State), string(d.Form), d.CreatedAt})
		}
	}
	for _, one := range e.Receipts {
		if shown[one.Message] {
			r.Receipts = append(r.Receipts, receiptRecord{one.Message.String(), one.Person.String(), one.At})
		}
	}
	return r
}
