package web_test

import (
	"bytes"
	"image"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"letterlock/bridge"
)

func TestWords(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.admin)
	b.get("/admin/words").want(200, "Letterhead", "First notice", "Português", "العربية", "/admin/words/notice/ar")
	const path = "/admin/words/notice/de"
	b.get(path).want(200, "Notice", "Deutsch", "{organization}", "Neue Nachricht von {organization}", "come with Letterlock", "Nobody has changed these words.")

	// What a template becomes is shown without a script: the button's answer goes into the frame.
	ours := url.Values{"subject": {"Post von {organization}"}, "words": {"# Es ist <Post> da.\n\n{link}\n\n~ Klein."}}
	shown := b.post(path+"/preview", ours).want(200, "Es ist &lt;Post&gt; da.", w.url+"/m/", "Post von")
	if got := shown.header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "sandbox") || strings.Contains(got, "script") {
		t.Errorf("policy of the preview: %q", got)
	}
	b.get(path+"/preview").want(200, "Sie haben eine neue Nachricht", `lang="de"`)
	b.get("/admin/words/notice/ar/preview").want(200, `dir="rtl"`)

	// What would tell of a message is refused, and stays on the page to be mended.
	for words, why := range map[string]string{
		"{author} schrieb.\n\n{link}":          "this mail says nothing about the message",
		"Es ist Post da.":                      "{link} is missing",
		"{link}\n\n{link}":                     "second {link}",
		"{wetter}\n\n{link}":                   "{wetter} can&#39;t be used here",
		"Siehe https://x.example\n\n\n{link}":  "second link",
		strings.Repeat("lang ", 2000) + "link": "more than 6000",
	} {
		bad := url.Values{"subject": {"Post"}, "words": {words}}
		a := b.post(path, bad).want(400, why)
		if first, _, _ := strings.Cut(words, "\n"); !strings.Contains(a.body, first) {
			t.Errorf("%q was typed and is gone", first)
		}
		b.post(path+"/preview", bad).want(200, "This can't be sent:", why)
	}

	b.post(path, ours).want(200, "Saved.", "your own words", "Post von {organization}").at(path)
	b.get("/admin/words").want(200, "Own")
	test := url.Values{"do": {"test"}, "subject": {"Noch anders"}, "words": {"Anders.\n\n{link}"}}
	b.post(path, test).want(200, "A test is on its way to you.", "Noch anders")
	found := false
	for _, o := range w.outgoing() {
		if o.Delivery.Kind == bridge.DeliverSample {
			found = o.Recipient.Addr == w.admin.Address && o.Template.Subject == "Noch anders"
		}
	}
	if !found {
		t.Error("no test left for the admin")
	}
	b.get(path).want(200, "Post von {organization}").without("Noch anders")
	b.post(path, url.Values{"do": {"reset"}}).want(200, "Back to the words", "come with Letterlock", "?version=1")
	b.get(path+"?version=1").want(200, "Post von {organization}", "You see version 1")
	for _, nothing := range []string{"/admin/words/spam/de", "/admin/words/notice/xx", path + "?version=7", path + "?version=x"} {
		b.get(nothing).want(404)
	}
	b.get("/admin/audit").want(200, "Changed the words of a mail", "Went back to the words", "notice in de, version 1")

	var logo bytes.Buffer
	w.must(png.Encode(&logo, image.NewGray(image.Rect(0, 0, 30, 10))))
	b.letter("/admin/words", url.Values{"postal": {"Quay 1"}, "contact": {"www.x.example"}}).want(400, "second link", "Quay 1")
	b.letter("/admin/words", url.Values{"postal": {"Quay 1"}}, file{"x.png", "image/png", "no picture"}).want(400, "neither a PNG nor a JPEG")
	b.letter("/admin/words", url.Values{"postal": {"Quay 1"}, "contact": {"+49 40 1"}}, file{"x.png", "image/png", logo.String()}).want(200, "Saved.", "30 × 10 pixels")
	b.get(path+"/preview").want(200, "Quay 1", "data:image/png;base64,")
	b.letter("/admin/words", url.Values{"no_logo": {"1"}}).want(200, "Saved.").without("30 × 10 pixels")

	for _, somebody := range []*browser{w.as(w.staff), w.as(w.mina)} {
		for _, page := range []string{"/admin/words", path, path + "/preview"} {
			somebody.get(page).want(403)
			somebody.post(page, ours).want(403)
		}
	}
}

func TestPhraseAndLanguage(t *testing.T) {
	w := newWorld(t)
	b := w.as(w.mina)
	b.get("/account").want(200, "Your phrase", "Deutsch")
	b.post("/account/mails", url.Values{"phrase": {"see elsewhere.example"}, "language": {"de"}}).want(400, "made of words and pictures")
	b.post("/account/mails", url.Values{"phrase": {"blue whale"}, "language": {"de"}}).want(200, "Saved.", "blue whale", `value="de" lang="de" selected`)
	for _, o := range w.outgoing() {
		if o.Recipient.Addr == w.mina.Address && o.Form == bridge.FormNotice && (o.Phrase != "blue whale" || o.Locale != "de") {
			t.Errorf("got %q in %q", o.Phrase, o.Locale)
		}
	}
	staff := w.as(w.staff)
	contact := "/desk/contacts/" + w.mina.ID.String()
	staff.get(contact).want(200, "Language of emails").without("blue whale")
	staff.post(contact+"/language", url.Values{"language": {"pl"}}).want(200, "in that language", `value="pl" selected`)
	staff.post(contact+"/language", url.Values{"language": {"klingon"}}).want(200, "no emails in that language")
}
