package compose

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"letterlock/bridge"
)

// noticeLetter makes a content-free letter. It reads no content field of o: subject, author, text, HTML and attachments.
func noticeLetter(l *language, o bridge.Outgoing) (letter, error) {
	var t template
	out := letter{automatic: "auto-generated"}
	switch o.Delivery.Kind {
	case bridge.DeliverMessage:
		t = l.Notice
		if o.ToStaff {
			t = l.StaffNotice
		}
	case bridge.DeliverCode:
		t = l.Code
		if o.Code == "" {
			return letter{}, fmt.Errorf("a code mail without a code: %w", bridge.ErrInvalid)
		}
	case bridge.DeliverAlert:
		t = l.Alert
	case bridge.DeliverAnswer:
		t = l.Answer
		out.automatic = "auto-replied"
		// RFC 3834, section 3.1.5: the Message-ID of the mail that is answered.
		out.refs = o.References
		if o.InReplyTo != "" {
			out.inReplyTo = []string{o.InReplyTo}
		}
	default:
		return letter{}, fmt.Errorf("a delivery of unknown kind: %w", bridge.ErrInvalid)
	}

	link, err := linkOf(o)
	if err != nil {
		return letter{}, err
	}
	v := values{
		"organization": organization(o),
		"link":         link,
		"code":         oneLine(o.Code),
		"minutes":      minutes(o.CodeLife),
		"reason":       oneLine(o.Reason),
	}
	out.fromName = oneLine(o.Organization)
	out.subject = v.fill(t.Subject)

	var text, page strings.Builder
	for _, b := range t.Body {
		s := strings.TrimSpace(v.fill(b.text()))
		if s == "" {
			// An answer without a reason.
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\n\n")
		}
		text.WriteString(s)
		writeBlock(&page, b, s)
	}
	text.WriteString("\n")
	out.text = text.String()
	out.html = cardPage(l, out.subject, page.String())
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
	if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") || len(link) > 900 {
		return "", fmt.Errorf("the link is no web address: %w", bridge.ErrInvalid)
	}
	for i := range len(link) {
		if c := link[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			return "", fmt.Errorf("the link is no web address: %w", bridge.ErrInvalid)
		}
	}
	return link, nil
}

// minutes rounds down, so that nothing is promised that does not hold.
func minutes(d time.Duration) string {
	return strconv.FormatInt(max(int64(d/time.Minute), 1), 10)
}

func writeBlock(w *strings.Builder, b block, s string) {
	s = html.EscapeString(s)
	switch {
	case b.Lead != "":
		fmt.Fprintf(w, `<p class="letterlock-ink" style="margin:0 0 16px 0;font-size:18px;line-height:26px;font-weight:bold;color:#1d2329">%s</p>`+"\n", s)
	case b.Link != "":
		fmt.Fprintf(w, `<p style="margin:0 0 20px 0;font-size:16px;line-height:24px;word-break:break-all"><a class="letterlock-link" href="%s" style="color:#0b57a4;text-decoration:underline">%s</a></p>`+"\n", s, s)
	case b.Code != "":
		fmt.Fprintf(w, `<p class="letterlock-ink" style="margin:0 0 20px 0;font-family:Consolas,Menlo,monospace;font-size:30px;line-height:38px;font-weight:bold;letter-spacing:4px;color:#1d2329">%s</p>`+"\n", s)
	case b.Small != "":
		fmt.Fprintf(w, `<p class="letterlock-faint" style="margin:24px 0 0 0;font-size:13px;line-height:20px;color:#5a6570">%s</p>`+"\n", s)
	default:
		fmt.Fprintf(w, `<p class="letterlock-ink" style="margin:0 0 16px 0;font-size:16px;line-height:24px;color:#1d2329">%s</p>`+"\n", s)
	}
}
