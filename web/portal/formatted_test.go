package portal

import (
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/richtext"
)

func TestShowImages(t *testing.T) {
	id := bridge.NewID()
	files := []bridge.Attachment{
		{ID: id, ContentID: "dot@example.org", ContentType: "image/png"},
		{ID: bridge.NewID(), ContentID: "page@example.org", ContentType: "text/html"},
		{ID: bridge.NewID(), ContentID: "drawing@example.org", ContentType: "image/svg+xml"},
	}
	url := "/files/" + id.String() + "/preview"
	for in, want := range map[string]string{
		`<p>no image, cid: or not</p>`:                                  `<p>no image, cid: or not</p>`,
		`<p><img src="cid:dot@example.org" alt="a dot" width="9"/></p>`: `<p><img src="` + url + `" alt="a dot" width="9"/></p>`,
		`a<img src="cid:absent@example.org" alt="x">b`:                  `ab`,
		`a<img src="cid:page@example.org">b`:                            `ab`,
		`a<img src="cid:drawing@example.org">b`:                         `ab`,
		`cid:<a href="https://x.example/?cid:dot@example.org">x</a>`:    `cid:<a href="https://x.example/?cid:dot@example.org">x</a>`,
	} {
		if got := showImages(in, files); got != want {
			t.Errorf("showImages(%q):\n got %q\nwant %q", in, got, want)
		}
	}
}

// Whatever a mail says, its frame shows images of that mail and nothing else, and no script or handler.
func FuzzShowImages(f *testing.F) {
	f.Add(`<img src="cid:dot@example.org"><img src=cid:x onerror=alert(1)><img/src="https://x/">`)
	id := bridge.NewID()
	files := []bridge.Attachment{{ID: id, ContentID: "dot@example.org", ContentType: "image/png"}}
	f.Fuzz(func(t *testing.T, html string) {
		clean, err := richtext.Clean(html)
		if err != nil {
			return
		}
		out := showImages(clean.HTML, files)
		rest := strings.ReplaceAll(out, `src="/files/`+id.String()+`/preview"`, "")
		if strings.Contains(rest, "<img") && strings.Contains(rest, ` src="`) {
			t.Errorf("%q shows another image: %q", html, out)
		}
		if strings.Contains(strings.ToLower(out), "<script") {
			t.Errorf("%q lets a script through: %q", html, out)
		}
	})
}
