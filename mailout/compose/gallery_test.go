package compose

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// TestGallery writes the page of every kind of mail in every language to the folder that LETTERLOCK_GALLERY names, to be looked at.
func TestGallery(t *testing.T) {
	dir := os.Getenv("LETTERLOCK_GALLERY")
	if dir == "" {
		t.Skip("LETTERLOCK_GALLERY names no folder to write to")
	}
	all, err := wording.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all.All() {
		tag := l.Tag
		for _, kind := range slices.Concat(kinds, []bridge.DeliveryKind{"activation", "copy", "staff"}) {
			o := dressed(t)
			o.CodeLife = bridge.CodeLife
			switch kind {
			case "staff":
				kind, o.ToStaff = bridge.DeliverMessage, true
			case "activation":
				kind, o.First, o.Phrase, o.Letterhead.Logo = bridge.DeliverMessage, true, "", bridge.Logo{}
			case "copy":
				logo := o.Letterhead
				o = full()
				o.Letterhead = logo
				o.Previous = &bridge.Previous{Author: "Ann Berg", At: when, Text: "Dear doctor,\n\nis all well?\n\nAnn"}
				o.Attachments = append(o.Attachments, bridge.Attachment{Filename: "Röntgen.dcm", Blob: bridge.Blob{Size: 23_456_789}})
				kind = bridge.DeliverMessage
			}
			o.Locale, o.Delivery.Kind, o.Code, o.Reason = tag, kind, "1234 5678", "Replies by email are not accepted here."
			o.Link = "https://portal.clinic.example/m/mr4vcnzrgiztinjwg44dsmbrgiztinjwg44dsmbrgi"
			name := string(kind)
			switch {
			case o.Form == bridge.FormCopy:
				name = "copy"
			case o.First:
				name = "activation"
			case o.ToStaff:
				name = "staff"
			}
			html := read(t, compose(t, o).Data).html
			if l := o.Letterhead.Logo; len(l.Content) > 0 {
				html = strings.ReplaceAll(html, "cid:"+logoID, "data:"+l.Type+";base64,"+base64.StdEncoding.EncodeToString(l.Content))
			}
			if err := os.WriteFile(filepath.Join(dir, "mail-"+tag+"-"+name+".html"), []byte(html), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
