package mailin

import (
	"encoding/hex"
	"time"

	"letterlock/bridge"
)

// Parsed is a mail as programs see it: the output of "letterlock parse". Fields without content are absent.
type Parsed struct {
	Path        string             `json:"path,omitempty"` // set by the caller where many files are read
	Kind        bridge.MailKind    `json:"kind"`
	List        bool               `json:"list,omitempty"`
	From        []ParsedAddress    `json:"from,omitempty"`
	To          []ParsedAddress    `json:"to,omitempty"`
	Cc          []ParsedAddress    `json:"cc,omitempty"`
	Subject     string             `json:"subject,omitempty"`
	Date        string             `json:"date,omitempty"` // RFC 3339
	MessageID   string             `json:"message_id,omitempty"`
	InReplyTo   []string           `json:"in_reply_to,omitempty"`
	References  []string           `json:"references,omitempty"`
	Reply       string             `json:"reply,omitempty"`
	Quoted      string             `json:"quoted,omitempty"`
	Signature   string             `json:"signature,omitempty"`
	HTML        string             `json:"html,omitempty"`
	Attachments []ParsedAttachment `json:"attachments,omitempty"`
	Report      []ParsedReport     `json:"report,omitempty"`
	Tokens      []string           `json:"tokens,omitempty"`
	Defects     []string           `json:"defects,omitempty"`
}

// ParsedAddress is one mailbox.
type ParsedAddress struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// ParsedAttachment describes one attachment. SHA256 is of the decoded content, in lower-case hexadecimal.
type ParsedAttachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`
	Inline      bool   `json:"inline,omitempty"`
	SHA256      string `json:"sha256"`
}

// ParsedReport is what a delivery status notification says of one recipient.
type ParsedReport struct {
	Recipient  string `json:"recipient,omitempty"`
	Action     string `json:"action,omitempty"`
	Status     string `json:"status,omitempty"`
	Diagnostic string `json:"diagnostic,omitempty"`
	Class      string `json:"class,omitempty"`
}

// Describe puts a mail into the form that programs see. A bound that was met stands among the defects.
func Describe(m *bridge.Mail) Parsed {
	p := Parsed{
		Kind: m.Kind, List: m.List,
		From: describeAddresses(m.From), To: describeAddresses(m.To), Cc: describeAddresses(m.Cc),
		Subject: m.Subject, MessageID: m.MessageID, InReplyTo: m.InReplyTo, References: m.References,
		Reply: m.Reply, Quoted: m.Quoted, Signature: m.Signature, HTML: m.HTML,
		Tokens: Tokens(m), Defects: m.Defects,
	}
	if !m.Date.IsZero() {
		p.Date = m.Date.Format(time.RFC3339)
	}
	for _, a := range m.Attachments {
		p.Attachments = append(p.Attachments, ParsedAttachment{Filename: a.Filename, ContentType: a.ContentType, Size: len(a.Content), Inline: a.Inline, SHA256: hex.EncodeToString(a.SHA256[:])})
	}
	for _, r := range m.Report {
		p.Report = append(p.Report, ParsedReport(r))
	}
	if m.OverBound != "" {
		p.Defects = append(p.Defects[:len(p.Defects):len(p.Defects)], "not read to its end: "+m.OverBound)
	}
	return p
}

func describeAddresses(as []bridge.Address) []ParsedAddress {
	var list []ParsedAddress
	for _, a := range as {
		list = append(list, ParsedAddress{Name: a.Name, Address: a.Addr})
	}
	return list
}
