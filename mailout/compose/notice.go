package compose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// logoID is the Content-ID of the organization's logo, the same in every mail.
const logoID = "letterlock-logo@letterlock.invalid"

// noticeLetter makes a content-free letter. It reads no content field of o: subject, author, text, HTML and attachments.
func noticeLetter(l *wording.Language, o bridge.Outgoing) (letter, error) {
	kind := o.Words()
	t, ok := l.Mails[kind]
	if !ok {
		return letter{}, fmt.Errorf("a delivery of unknown kind: %w", bridge.ErrInvalid)
	}
	if o.Template != nil {
		t = *o.Template
	}
	if kind == wording.Code && o.Code == "" {
		return letter{}, fmt.Errorf("a code mail without a code: %w", bridge.ErrInvalid)
	}
	link, err := linkOf(o)
	if err != nil {
		return letter{}, err
	}

	out := letter{automatic: "auto-generated", fromName: oneLine(o.Organization)}
	if o.Delivery.Kind == bridge.DeliverAnswer {
		out.automatic = "auto-replied"
		// RFC 3834, section 3.1.5: the Message-ID of the mail that is answered.
		out.refs = o.References
		if o.InReplyTo != "" {
			out.inReplyTo = []string{o.InReplyTo}
		}
	}
	sheet := wording.Sheet{Phrase: oneLine(o.Phrase), Postal: oneLine(o.Letterhead.Postal), Contact: oneLine(o.Letterhead.Contact)}
	if logo := o.Letterhead.Logo; len(logo.Content) > 0 {
		sheet.LogoSource, sheet.LogoWidth, sheet.LogoHeight = "cid:"+logoID, logo.Width, logo.Height
		out.logo = &file{
			Attachment: bridge.Attachment{Filename: logo.Filename(), ContentType: logo.Type, ContentID: logoID},
			related:    true, content: logo.Content,
		}
	}
	set := l.Set(t, wording.Values{
		Organization: organization(o),
		Link:         link,
		Code:         oneLine(o.Code),
		Minutes:      minutes(o.CodeLife),
		Reason:       oneLine(o.Reason),
		When:         o.Date.UTC().Format("2006-01-02 15:04") + " UTC",
		New:          strconv.Itoa(o.Tally.New),
		Waiting:      strconv.Itoa(o.Tally.Waiting),
		Held:         strconv.Itoa(o.Tally.Held),
		Unopened:     strconv.Itoa(o.Tally.Unopened),
	}, sheet)
	out.subject, out.text, out.html = set.Subject, set.Text, set.HTML
	if o.Delivery.Kind == bridge.DeliverSample {
		out.subject = l.Test + " " + out.subject
	}
	return out, nil
}

// organization returns the name to call ourselves: the organization's, else our domain.
func organization(o bridge.Outgoing) string {
	if s := oneLine(o.Organization); s != "" {
		return s
	}
	return o.From.Addr[strings.LastIndexByte(o.From.Addr, '@')+1:]
}

// linkOf returns the address that the recipient is to open. It must be an absolute URL that can stand in text as it is.
func linkOf(o bridge.Outgoing) (string, error) {
	link := o.Link
	if link == "" {
		link = o.BaseURL
	}
	if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") || !plainLink(link) {
		return "", fmt.Errorf("the link is no web address: %w", bridge.ErrInvalid)
	}
	return link, nil
}

// plainLink reports whether a link can stand in text, and between angle brackets, as it is.
func plainLink(link string) bool {
	for i := range len(link) {
		if c := link[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			return false
		}
	}
	return len(link) <= 900
}

// unsubscribe adds how a mail such as this one is turned off: by one request to the link, which is https and the only way that is named
// (RFC 8058, section 3.1). It is for a mail that is signed, since both fields must be covered (section 4).
func unsubscribe(h *header, link string) error {
	if !strings.HasPrefix(link, "https://") || !plainLink(link) || strings.ContainsAny(link, ",") {
		return fmt.Errorf("the link that turns mails off is no web address with https: %w", bridge.ErrInvalid)
	}
	h.add("List-Unsubscribe", "<"+link+">")
	h.add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	return nil
}

// minutes rounds down, so that nothing is promised that does not hold.
func minutes(d time.Duration) string {
	return strconv.FormatInt(max(int64(d/time.Minute), 1), 10)
}
