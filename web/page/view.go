package page

import (
	"path"
	"strings"
	"time"
)

// Frame is what stands around a page.
type Frame struct {
	Title string // beside the organization's name in the browser's title; for customers never a subject
	Shape string // "" for a column, "card" for a single sealed card, "wide" for the desk and the office
	View  any    // the page's own view struct

	// Filled by Site.Render.
	Org, Lang, Dir string
	Nav            []Link
	Who            string
	Mode           string
	Flash          Flash
	// Stopped says that nothing is mailed to the person any more; empty where it is.
	Stopped string
	// Trouble is what admins must know about mail that does not come in or leave.
	Trouble Trouble
}

// Link is an entry of a navigation.
type Link struct {
	Text, Href string
	Here       bool
	Count      int    // shown when it is not 0
	CountOf    string // what is counted, for screen readers
}

// Turn links to the neighbouring pages of a list.
type Turn struct{ Newest, Older string }

// Message is one message as a page shows it.
type Message struct {
	ID      string
	Author  string
	Role    string // such as the organization; empty for the obvious
	Via     string // such as "by email"
	At      time.Time
	Note    bool
	New     bool
	Text    string
	Quoted  string // shown folded: what a reply quoted, and its signature
	Whole   string // where the whole text is, if it is too long for the page
	HTMLURL string // where the frame with its formatting is; empty if it has none
	Files   []File
	Fates   []Fate
}

// File is an attachment as a page shows it.
type File struct {
	Name, Type string
	Size       int64
	URL        string
	PreviewURL string // for raster images only
}

// Short returns up to four letters for the file's icon.
func (f File) Short() string {
	ext := strings.TrimPrefix(path.Ext(f.Name), ".")
	if ext == "" || len(ext) > 4 {
		return "file"
	}
	for _, r := range ext {
		if r > 'z' || !('0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') {
			return "file"
		}
	}
	return ext
}

// Kind returns what a file is in a word or two.
func (f File) Kind() string {
	major, minor, _ := strings.Cut(f.Type, "/")
	switch {
	case f.Type == "application/pdf":
		return "PDF"
	case major == "image":
		return "Image"
	case major == "audio":
		return "Sound"
	case major == "video":
		return "Video"
	case major == "text" && minor == "calendar":
		return "Calendar"
	case major == "text":
		return "Text"
	case strings.Contains(minor, "spreadsheet") || strings.Contains(minor, "excel"):
		return "Spreadsheet"
	case strings.Contains(minor, "word") || strings.Contains(minor, "opendocument.text"):
		return "Document"
	case strings.Contains(minor, "presentation") || strings.Contains(minor, "powerpoint"):
		return "Slides"
	case minor == "zip" || minor == "gzip" || minor == "x-7z-compressed":
		return "Archive"
	case f.Type == "message/rfc822":
		return "Email"
	}
	return "File"
}

// Fate is what became of a message on its way to one person, for staff.
type Fate struct {
	Who    string
	Words  string // such as "left as a notice"
	Reason string // why not, where it failed or waits
	Tone   string // "", "good", "warn" or "bad"; never the only sign
	At     time.Time
}

// Sign returns a character that says the same as the tone does, for those who don't see colours.
func (f Fate) Sign() string {
	switch f.Tone {
	case "good":
		return "✓"
	case "warn":
		return "…"
	case "bad":
		return "✕"
	}
	return "→"
}

// Failure is the view of an error page.
type Failure struct {
	Heading, Words string
	Detail         string // what exactly was wrong with the request, where that helps
	Link, Href     string
	Reference      string // finds the log line
}

// Flash is one line that the next page shows once.
type Flash struct {
	Text string
	Bad  bool
	Sent string // the draft that was sent, so that the script forgets it
}
