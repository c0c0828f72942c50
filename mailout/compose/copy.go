package compose

import (
	"context"
	"fmt"
	"html"
	"strings"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
	"letterlock/bridge/wording"
)

// textMark ends the text of a copy, so that it is recognised when it comes back quoted. The HTML has marks of its own.
const textMark = "(letterlock-copy)"

// copyLetter makes a letter that carries the message itself.
func (c *Composer) copyLetter(ctx context.Context, l *wording.Language, o bridge.Outgoing, maxFiles int64) (letter, error) {
	link, err := linkOf(o)
	if err != nil {
		return letter{}, err
	}
	text, body, images, err := bodies(o)
	if err != nil {
		return letter{}, err
	}
	files, left, err := c.openFiles(ctx, o.Attachments, images, maxFiles)
	if err != nil {
		return letter{}, err
	}

	out := letter{fromName: authorName(l, o), subject: subject(l, o), files: files, refs: o.References}
	if o.InReplyTo != "" {
		out.inReplyTo = []string{o.InReplyTo}
	}

	how := l.Copy.SignIn
	if o.ReplyTo != "" {
		how = l.Copy.Answer
	}
	org := organization(o)
	why := wording.Fill(l.Copy.Why, map[string]string{"organization": l.Isolate(org)})
	before, beforePage := previous(l, o.Previous)

	// "-- " begins a signature (RFC 3676, section 4.3): clients leave it away when they quote.
	var t, f strings.Builder
	t.WriteString(strings.TrimRight(text, "\n"))
	if before != "" {
		t.WriteString("\n\n" + strings.TrimRight(before, "\n"))
	}
	t.WriteString("\n\n-- \n")
	if len(left) > 0 {
		t.WriteString(l.Copy.TooLarge + "\n")
		f.WriteString(`<p style="margin:0 0 4px 0">` + html.EscapeString(l.Copy.TooLarge) + "</p>\n<ul>\n")
		for _, a := range left {
			line := fmt.Sprintf("%s (%s)", filename(a), l.Size(a.Blob.Size))
			t.WriteString("* " + line + "\n")
			f.WriteString("<li>" + html.EscapeString(line) + "</li>\n")
		}
		t.WriteString("\n")
		f.WriteString("</ul>\n")
	}
	t.WriteString(how + "\n" + link + "\n\n" + why + "\n" + textMark + "\n")
	href := html.EscapeString(link)
	f.WriteString(html.EscapeString(how) + "<br>\n" +
		`<a class="letterlock-link" dir="ltr" href="` + href + `" style="color:#0b57a4;text-decoration:underline;word-break:break-all">` + href + "</a><br>\n" +
		wording.Fill(html.EscapeString(l.Copy.Why), map[string]string{"organization": l.IsolateHTML(org)}) + "\n")

	out.text = t.String()
	out.html = copyPage(l, out.subject, body, beforePage, f.String())
	return out, nil
}

// bodies returns the message as text and as HTML, each made from the other where there is only one, and the Content-IDs of the
// images that the HTML shows. HTML is cleaned again, since the rule may have become stricter since it was stored; what can't be
// cleaned any more stays behind.
func bodies(o bridge.Outgoing) (text, body string, images []string, err error) {
	text = lines(o.Text)
	if o.HTML == "" {
		return text, richtext.FromText(text), nil, nil
	}
	r, err := richtext.Clean(o.HTML)
	switch blank := strings.TrimSpace(text) == ""; {
	case err != nil && blank:
		return "", "", nil, fmt.Errorf("clean the message: %w: %w", bridge.ErrInvalid, err)
	case err != nil:
		return text, richtext.FromText(text), nil, nil
	case blank:
		text = richtext.Text(r.HTML)
	}
	return text, r.HTML, r.ContentIDs, nil
}

// authorName is the display name of a copy: whose words these are, and through whom they come. The address after it is ours, so
// the name must not pretend otherwise.
func authorName(l *wording.Language, o bridge.Outgoing) string {
	author, org := oneLine(o.Author), oneLine(o.Organization)
	switch {
	case org == "" || author == org:
		return author
	case author == "":
		return org
	}
	return wording.Fill(l.Via, map[string]string{"author": author, "organization": org})
}

// subject is the thread's, with a mark of reply on all but the first mail, which is how clients write it and what they thread by.
func subject(l *wording.Language, o bridge.Outgoing) string {
	s := oneLine(o.Subject)
	if s == "" {
		s = l.NoSubject
	}
	if o.InReplyTo == "" && len(o.References) == 0 {
		return s
	}
	for _, mark := range []string{l.Reply, "Re:"} {
		mark = strings.TrimSpace(mark)
		if len(s) >= len(mark) && strings.EqualFold(s[:len(mark)], mark) {
			return s
		}
	}
	return l.Reply + s
}
