package page

import (
	"strings"

	"letterlock/bridge"
)

// Show returns a message as a page shows it to one of its readers. base is the path of its thread.
func Show(m bridge.Message, base string) Message {
	v := Message{
		ID: m.ID.String(), Author: m.AuthorName, At: m.At, Note: m.Kind == bridge.Note,
		Text: m.Text, Quoted: joinFolded(m.Quoted, m.Signature),
	}
	if len(v.Text) > maxShown || len(v.Quoted) > maxShown {
		v.Text, v.Quoted = cutText(v.Text), cutText(v.Quoted)
		v.Whole = base + "/text/" + v.ID
	}
	if m.HTML != "" {
		v.HTMLURL = base + "/formatted/" + v.ID
	}
	if m.Via == bridge.ViaSMTP || m.Via == bridge.ViaIMAP {
		v.Via = "By email"
	}
	for _, a := range m.Attachments {
		if a.Inline && a.ContentID != "" && CanPreview(a.ContentType) && strings.Contains(m.HTML, `"cid:`+a.ContentID+`"`) {
			continue // it is shown where it belongs, in the formatted text
		}
		v.Files = append(v.Files, ShowFile(a))
	}
	return v
}

// maxShown bounds the octets of one text on a page that has many.
const maxShown = 64 << 10

// cutText returns the beginning of a text that is too long, cut at a line where one ends nearby.
func cutText(s string) string {
	if len(s) <= maxShown {
		return s
	}
	s = s[:maxShown]
	if at := strings.LastIndexByte(s, '\n'); at > maxShown-2000 {
		s = s[:at]
	}
	return strings.ToValidUTF8(s, "") + "\n…"
}

// ShowFile returns an attachment as a page shows it.
func ShowFile(a bridge.Attachment) File {
	f := File{Name: a.Filename, Type: a.ContentType, Size: a.Blob.Size, URL: "/files/" + a.ID.String()}
	if CanPreview(a.ContentType) && a.Blob.Size <= maxPreview {
		f.PreviewURL = f.URL + "/preview"
	}
	return f
}

// maxPreview bounds the octets of an image that a page shows small.
const maxPreview = 8 << 20

// CanPreview reports whether a browser may show a file of this type by itself: raster images, which run nothing.
func CanPreview(contentType string) bool {
	switch contentType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	return false
}

// MarkNew marks the last messages that are not the reader's own, as many as were unread.
func MarkNew(shown []Message, from []bridge.Message, reader bridge.ID, unread int) {
	for i := len(shown) - 1; i >= 0 && unread > 0; i-- {
		if from[i].Author == reader {
			continue
		}
		shown[i].New = true
		unread--
	}
}

func joinFolded(quoted, signature string) string {
	quoted, signature = strings.Trim(quoted, "\r\n"), strings.Trim(signature, "\r\n")
	if quoted == "" || signature == "" {
		return quoted + signature
	}
	return quoted + "\n\n" + signature
}
