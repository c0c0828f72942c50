package page

import (
	"testing"

	"letterlock/bridge"
)

// A picture that the formatted text does not show must be among the files, or nobody can ever see it.
func TestShowListsPicturesThatTheTextDoesNotShow(t *testing.T) {
	m := bridge.Message{
		HTML: `<p>Look: <img src="cid:shown@example.org" alt=""></p>`,
		Attachments: []bridge.Attachment{
			{ID: bridge.NewID(), Filename: "shown.png", ContentType: "image/png", ContentID: "shown@example.org", Inline: true},
			{ID: bridge.NewID(), Filename: "stray.png", ContentType: "image/png", ContentID: "stray@example.org", Inline: true},
			{ID: bridge.NewID(), Filename: "part.png", ContentType: "image/png", ContentID: "shown@example", Inline: true},
		},
	}
	var got []string
	for _, f := range Show(m, "/t/x").Files {
		got = append(got, f.Name)
	}
	if len(got) != 2 || got[0] != "stray.png" || got[1] != "part.png" {
		t.Errorf("got %q, want stray.png and part.png", got)
	}
}
