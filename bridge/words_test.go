package bridge_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"

	"letterlock/bridge"
	"letterlock/bridge/wording"
)

// mailsTo prepares all mail that waits for a person, whenever it is due, and records that it left.
func (w *world) mailsTo(person bridge.ID) []bridge.Outgoing {
	w.t.Helper()
	ctx := w.t.Context()
	var out []bridge.Outgoing
	w.clock.forward(time.Minute) // notices wait for a moment
	list, err := w.g.ClaimDeliveries(ctx, "words", time.Minute, 200)
	w.must(err)
	for _, d := range list {
		o, err := w.g.Prepare(ctx, "words", d)
		var s *bridge.Suppression
		if errors.As(err, &s) {
			continue
		}
		w.must(err)
		w.must(w.g.RecordRelayed(ctx, "words", d.ID, bridge.Departure{Form: o.Form}))
		if d.Person == person {
			out = append(out, o)
		}
	}
	return out
}

func TestOwnWordsAreVersionedAndCanBeReset(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	admin := bridge.AsPerson(w.admin.ID)
	w.mailsTo(w.inside.ID)
	last := func() *wording.Template {
		t.Helper()
		_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "Again."})
		w.must(err)
		mails := w.mailsTo(w.inside.ID)
		if len(mails) != 1 {
			t.Fatalf("got %d mails, want 1", len(mails))
		}
		return mails[0].Template
	}
	if got := last(); got != nil {
		t.Fatalf("got %v before anybody wrote words", got)
	}
	// Ann has never signed in, so hers is the first notice.
	w.must(w.g.SetTemplate(ctx, admin, wording.Activation, "en", "One", "First.\n\n{link}"))
	w.must(w.g.SetTemplate(ctx, admin, wording.Activation, "de", "Eins", "Erstens.\n\n{link}"))
	if got := last(); got == nil || got.Subject != "One" {
		t.Errorf("got %v, want the first version", got)
	}
	w.must(w.g.SetTemplate(ctx, admin, wording.Activation, "en", "Two", "Second.\n\n{link}"))
	w.must(w.g.SetTemplate(ctx, admin, wording.Activation, "en", " Two ", "Second.\r\n\r\n{link}\n"))
	if got := last(); got == nil || got.Subject != "Two" {
		t.Errorf("got %v, want the second version", got)
	}
	w.must(w.g.Rename(ctx, w.operator, w.inside.ID, "Ann", "de-AT"))
	if got := last(); got == nil || got.Subject != "Eins" {
		t.Errorf("got %v, want the German words", got)
	}
	w.must(w.g.Rename(ctx, w.operator, w.inside.ID, "Ann", ""))
	w.must(w.g.ResetTemplate(ctx, admin, wording.Activation, "en"))
	w.must(w.g.ResetTemplate(ctx, admin, wording.Activation, "en"))
	if got := last(); got != nil {
		t.Errorf("got %v after the reset", got)
	}
	v := try(w, func() (bridge.TemplateView, error) { return w.g.Template(ctx, admin, wording.Activation, "en", 0) })
	if len(v.Versions) != 3 || !v.Versions[0].Reset || v.Own || v.Versions[1].By != w.admin.ID {
		t.Errorf("got %+v, want three versions, the last a reset", v)
	}
	v = try(w, func() (bridge.TemplateView, error) { return w.g.Template(ctx, admin, wording.Activation, "en", 1) })
	if v.Subject != "One" || v.Source != "First.\n\n{link}" {
		t.Errorf("got %q, %q, want the first version", v.Subject, v.Source)
	}
	if _, err := w.g.Template(ctx, admin, wording.Activation, "en", 9); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("a version that there is not: got %v", err)
	}
	err := w.g.SetTemplate(ctx, admin, wording.Notice, "en", "About {subject}", "{link}")
	if !errors.Is(err, bridge.ErrInvalid) || !strings.Contains(err.Error(), "says nothing about the message") {
		t.Errorf("words that would tell: got %v", err)
	}
	if err := w.g.SetTemplate(ctx, admin, wording.Notice, "xx", "News", "{link}"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("a language that there is not: got %v", err)
	}
}

func TestASampleGoesToItsAdmin(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	admin := bridge.AsPerson(w.admin.ID)
	w.mailsTo(w.admin.ID)
	w.must(w.g.SendSample(ctx, admin, wording.Code, "ar", "x", "{code}"))
	mails := w.mailsTo(w.admin.ID)
	if len(mails) != 1 || mails[0].Words() != wording.Code || mails[0].Locale != "ar" || mails[0].Template.Subject != "x" || mails[0].Code == "" {
		t.Fatalf("got %+v", mails)
	}
	for range 9 {
		w.must(w.g.SendSample(ctx, admin, wording.Code, "ar", "x", "{code}"))
	}
	if err := w.g.SendSample(ctx, admin, wording.Code, "ar", "x", "{code}"); !errors.Is(err, bridge.ErrTooMany) {
		t.Errorf("the eleventh: got %v", err)
	}
}

func TestLetterheadAndPhraseStandInNotices(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	admin := bridge.AsPerson(w.admin.ID)
	var logo bytes.Buffer
	w.must(png.Encode(&logo, image.NewGray(image.Rect(0, 0, 480, 100))))
	for name, bad := range map[string]bridge.LetterheadChange{
		"a second link":     {Contact: "www.elsewhere.example"},
		"a mail address":    {Postal: "info@clinic.example"},
		"a logo that is no": {Logo: []byte("<svg/>")},
		"a damaged logo":    {Logo: logo.Bytes()[:60]},
		"a huge logo":       {Logo: make([]byte, bridge.MaxLogo+1)},
	} {
		if err := w.g.SetLetterhead(ctx, admin, bad); !errors.Is(err, bridge.ErrInvalid) && !errors.Is(err, bridge.ErrTooLarge) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	w.must(w.g.SetLetterhead(ctx, admin, bridge.LetterheadChange{Postal: "Quay 1", Contact: "+49 40 1234", Logo: append(logo.Bytes(), "hidden behind the end"...)}))
	for _, bad := range []string{"see elsewhere.example", "a@b", "x/y", "<b>", strings.Repeat("long ", 20)} {
		if err := w.g.SetPhrase(ctx, bridge.AsPerson(w.inside.ID), bad); !errors.Is(err, bridge.ErrInvalid) {
			t.Errorf("the phrase %q: got %v", bad, err)
		}
	}
	w.must(w.g.SetPhrase(ctx, bridge.AsPerson(w.inside.ID), " blue  whale 🐋 "))
	mails := w.mailsTo(w.inside.ID)
	if len(mails) != 1 {
		t.Fatalf("got %d mails", len(mails))
	}
	o := mails[0]
	if o.Phrase != "blue whale 🐋" || o.Letterhead.Postal != "Quay 1" || o.Letterhead.Contact != "+49 40 1234" || !o.First {
		t.Errorf("got %+v", o)
	}
	if l := o.Letterhead.Logo; l.Width != 240 || l.Height != 50 || l.Type != "image/png" || bytes.Contains(l.Content, []byte("hidden")) {
		t.Errorf("logo: %d × %d, %s", l.Width, l.Height, l.Type)
	}
	if got := try(w, func() (string, error) { return w.g.Phrase(ctx, bridge.AsPerson(w.second.ID)) }); got != "" {
		t.Errorf("Ben's phrase: got %q", got)
	}
}

func TestASignInWithANewBrowserIsTold(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	ann := bridge.AsPerson(w.inside.ID)
	w.mailsTo(w.inside.ID)
	w.must(w.g.NoteSignIn(ctx, ann, "", "de-AT,de;q=0.9"))
	if mails := w.mailsTo(w.inside.ID); len(mails) != 0 {
		t.Errorf("the first sign-in was told: %+v", mails)
	}
	me := try(w, func() (bridge.Person, error) { return w.g.Me(ctx, ann) })
	if me.Locale != "de-at" || me.SignedInAt.IsZero() {
		t.Errorf("got %q, %v", me.Locale, me.SignedInAt)
	}
	w.must(w.g.NoteSignIn(ctx, ann, "made up", "fr"))
	mails := w.mailsTo(w.inside.ID)
	if len(mails) != 1 || mails[0].Words() != wording.Device || mails[0].Link != "https://portal.example.com/account" || mails[0].Locale != "de-at" {
		t.Fatalf("got %+v", mails)
	}
	for range 20 {
		w.must(w.g.NoteSignIn(ctx, ann, "", ""))
	}
	if mails := w.mailsTo(w.inside.ID); len(mails) != 4 {
		t.Errorf("got %d mails more, want 4: they have been told", len(mails))
	}
	_, err := w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: "Now."})
	w.must(err)
	if mails := w.mailsTo(w.inside.ID); len(mails) != 1 || mails[0].Words() != wording.Notice {
		t.Errorf("after a sign-in: got %+v", mails)
	}
}

// TestTheMessageBeforeIsQuotedIfItCrossedEmail posts one message in secure mode and two more as copies: only what left as a copy is quoted.
func TestTheMessageBeforeIsQuotedIfItCrossedEmail(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	staff := bridge.AsPerson(w.staff.ID)
	w.mailsTo(w.inside.ID) // the thread's first message leaves as a notice
	w.must(w.g.SetLetterhead(ctx, w.operator, bridge.LetterheadChange{Previous: true}))
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	post := func(text string) bridge.Outgoing {
		t.Helper()
		_, err := w.g.Post(ctx, staff, bridge.Post{Thread: w.thread.ID, Text: text})
		w.must(err)
		mails := w.mailsTo(w.inside.ID)
		if len(mails) != 1 || mails[0].Form != bridge.FormCopy {
			t.Fatalf("%s: got %+v, want a copy", text, mails)
		}
		return mails[0]
	}
	if got := post("The second.").Previous; got != nil {
		t.Errorf("what left as a notice is quoted: %+v", got)
	}
	if got := post("The third, " + strings.Repeat("long ", 1000)).Previous; got == nil || got.Text != "The second." || got.Author == "" {
		t.Errorf("got %+v, want the second", got)
	}
	if got := post("The fourth.").Previous; got == nil || len(got.Text) > 2010 || !strings.HasSuffix(got.Text, "…") {
		t.Errorf("got %d octets", len(got.Text))
	}
	w.must(w.g.SetLetterhead(ctx, w.operator, bridge.LetterheadChange{}))
	if got := post("The fifth.").Previous; got != nil {
		t.Errorf("nobody wants it any more: %+v", got)
	}
}
