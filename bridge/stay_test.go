package bridge_test

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"letterlock/bridge"
	"letterlock/bridge/rules"
)

const aCard = "4111 1111 1111 1111"

// write posts a message as staff in convenience mode, and returns what leaves for Ann.
func (w *world) write(p bridge.Post) bridge.Outgoing {
	w.t.Helper()
	w.must(w.g.SetMode(w.t.Context(), w.operator, bridge.ModeConvenience))
	w.outgoing()
	p.Thread = w.thread.ID
	_, err := w.g.Post(w.t.Context(), bridge.AsPerson(w.staff.ID), p)
	w.must(err)
	return w.forAnn()
}

func (w *world) forAnn() bridge.Outgoing {
	w.t.Helper()
	for _, o := range w.outgoing() {
		if o.Delivery.Person == w.inside.ID {
			return o
		}
	}
	w.t.Fatal("nothing left for Ann")
	return bridge.Outgoing{}
}

// staged hands a file over.
func (w *world) staged(name, content string) []bridge.Attachment {
	w.t.Helper()
	return []bridge.Attachment{try(w, func() (bridge.Attachment, error) {
		return w.g.StageFile(w.t.Context(), bridge.AsPerson(w.staff.ID), name, "application/octet-stream", stringsReader(content))
	})}
}

// contentFields are the fields of a mail that only a copy has; what is in one of them, and not looked through, would leave.
var contentFields = []string{"Subject", "Author", "Text", "HTML", "Attachments", "InReplyTo", "References", "ReplyTo", "Need"}

// cardDigits is more than a time or an id may show by chance.
var cardDigits = regexp.MustCompile(`4111.?1111`)

func isNotice(t *testing.T, o bridge.Outgoing, why string) {
	t.Helper()
	if o.Form != bridge.FormNotice || !strings.Contains(o.Why, why) {
		t.Errorf("got a %s since it %q, want a notice since it %q", o.Form, o.Why, why)
	}
	for _, name := range contentFields {
		if f := reflect.ValueOf(o).FieldByName(name); !f.IsZero() {
			t.Errorf("the notice has %s: %v", name, f)
		}
	}
	if all := fmt.Sprintf("%+v", o); cardDigits.MatchString(all) || strings.Contains(all, "Dear Ann") {
		t.Errorf("the notice carries content: %s", all)
	}
}

func TestWhatStaysIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, r := range []rules.Rule{
		{Kind: rules.Words, Name: "Diagnoses", Values: []string{"diabetes", "糖尿病"}},
		{Kind: rules.Pattern, Name: "Case numbers", Values: []string{`CASE-\d{4}`}},
		{Kind: rules.Files, Name: "Archives", Values: []string{"archive"}},
		{Kind: rules.Names, Name: "Scans", Values: []string{"*.dcm"}},
	} {
		try(w, func() (rules.Rule, error) { return w.g.AddContentRule(ctx, w.operator, r) })
	}
	for name, c := range map[string]struct {
		post bridge.Post
		why  string
	}{
		"a card":                        {bridge.Post{Text: "Dear Ann, your card " + aCard}, "contains a card number"},
		"a card in HTML":                {bridge.Post{Text: "Dear Ann", HTML: "<p>Dear Ann, 4111<b>1111</b><i> 1111</i>&nbsp;1111</p>"}, "contains a card number"},
		"a card in a link":              {bridge.Post{HTML: `<p>Dear Ann, <a href="https://example.com/?c=4111111111111111">see</a></p>`}, "contains a card number"},
		"a card in a numbered list":     {bridge.Post{HTML: `<p>Dear Ann</p><ol><li>4111</li><li>1111</li><li>1111</li><li>1111</li></ol>`}, "contains a card number"},
		"a card as entities":            {bridge.Post{HTML: `<p>Dear Ann &#52;111&#8203;1111&shy;11111111</p>`}, "contains a card number"},
		"a card in a table":             {bridge.Post{HTML: `<table><tr><td>4111</td><td>1111</td><td>1111</td><td>1111</td></tr></table>`}, "contains a card number"},
		"a card as a file's name":       {bridge.Post{Text: "Dear Ann", Files: w.staged("4111-1111-1111-1111.txt", "x")}, "in the name of a file"},
		"an account":                    {bridge.Post{Text: "Dear Ann, DE89 3704 0044 0532 0130 00"}, "contains an IBAN"},
		"a word":                        {bridge.Post{Text: "Dear Ann, it is Ｄｉａｂétes."}, "“Diagnoses”"},
		"a word without spaces":         {bridge.Post{Text: "Dear Ann, 貴方は糖尿病です"}, "“Diagnoses”"},
		"a pattern":                     {bridge.Post{Text: "Dear Ann, CASE-2026 is closed"}, "“Case numbers”"},
		"a file whose name hides it":    {bridge.Post{Text: "Dear Ann", Files: w.staged("letter.txt", "PK\x05\x06"+strings.Repeat("\x00", 18))}, "“Archives”"},
		"a file's name":                 {bridge.Post{Text: "Dear Ann", Files: w.staged("scan.DCM", "x")}, "“Scans”"},
		"its author says so":            {bridge.Post{Text: "Dear Ann", Secure: true}, "marked to be sent securely"},
		"several reasons, each is told": {bridge.Post{Text: aCard + " CASE-2026"}, "contains a card number; contains something like “Case numbers”"},
	} {
		t.Run(name, func(t *testing.T) { isNotice(t, w.write(c.post), c.why) })
	}
	t.Run("nothing of it", func(t *testing.T) {
		if o := w.write(bridge.Post{Text: "Dear Ann, all is well.", Files: w.staged("letter.txt", "a letter")}); o.Form != bridge.FormCopy || o.Why != "" || o.Text == "" {
			t.Errorf("got a %s since it %q, want a copy", o.Form, o.Why)
		}
	})
}

// A subject with the tag, or with what a rule finds, keeps in whatever is written under it.
func TestSubjectsKeepIn(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.outgoing()
	for subject, why := range map[string]string{"[Secure] Your results": "[secure] in its subject", "Card " + aCard: "a card number in its subject"} {
		th, _, err := w.g.StartThread(ctx, bridge.AsPerson(w.staff.ID), bridge.ThreadStart{Subject: subject, Text: "Dear Ann", Contacts: []bridge.Recipient{{ID: w.inside.ID}}})
		w.must(err)
		isNotice(t, w.forAnn(), why)
		_, err = w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: th.ID, Text: "Dear Ann, once more"})
		w.must(err)
		isNotice(t, w.forAnn(), why)
	}
}

// What one contact writes by email, with the tag in the subject of that mail, leaves for the others as a notice.
func TestMailKeepsIn(t *testing.T) {
	for name, set := range map[string]func(*bridge.Mail){
		"a tag":  func(m *bridge.Mail) { m.Subject = "Re: [secure] Your results" },
		"a card": func(m *bridge.Mail) { m.Reply = "My card: " + aCard },
	} {
		w := newWorld(t)
		to := w.replyAddress(w.second)
		w.outgoing()
		m := w.mail(w.second.Address, "Dear Ann and all")
		set(m)
		if r := w.receive(m, to); r.Disposition != bridge.Appended {
			t.Fatalf("%s: the mail is %s", name, r.Disposition)
		}
		if o := w.forAnn(); o.Form != bridge.FormNotice || o.Text != "" {
			t.Errorf("%s: got a %s, want a notice", name, o.Form)
		}
	}
}

// Rules make stricter only. A message that had to stay in when it was written does so when the rule is gone, and one that waits is held to a rule
// that came after it.
func TestRulesAreAskedTwice(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.outgoing()
	post := func(text string) bridge.Message {
		return try(w, func() (bridge.Message, error) {
			return w.g.Post(ctx, bridge.AsPerson(w.staff.ID), bridge.Post{Thread: w.thread.ID, Text: text})
		})
	}
	m := post("Dear Ann, " + aCard)
	if want := []string{"contains a card number"}; !reflect.DeepEqual(m.Stays, want) {
		t.Errorf("posted: got %q, want %q", m.Stays, want)
	}
	w.must(w.g.SetKnownRules(ctx, w.operator, nil))
	isNotice(t, w.forAnn(), "contains a card number")
	if post("Dear Ann, " + aCard); w.forAnn().Form != bridge.FormCopy {
		t.Error("without the rule a card stays in")
	}
	if m := post("Dear Ann, the plum is ripe"); m.Stays != nil {
		t.Errorf("got %q, want nothing", m.Stays)
	}
	r := try(w, func() (rules.Rule, error) {
		return w.g.AddContentRule(ctx, w.operator, rules.Rule{Kind: rules.Words, Name: "Fruit", Values: []string{"plum"}})
	})
	isNotice(t, w.forAnn(), "“Fruit”")
	w.must(w.g.RemoveContentRule(ctx, w.operator, r.ID))

	// Staff see why; the customer sees the message, and nothing of rules.
	for _, c := range []struct {
		actor string
		want  bool
	}{{"staff", true}, {"inside", false}} {
		v, err := w.g.ReadThread(ctx, w.actor(c.actor), bridge.ThreadRead{Thread: w.thread.ID})
		w.must(err)
		seen := false
		for _, one := range v.Messages {
			seen = seen || len(one.Stays) > 0
		}
		if seen != c.want {
			t.Errorf("%s sees why: %v, want %v", c.actor, seen, c.want)
		}
	}
}

// Rules that nobody can read keep everything in.
func TestUnreadableRules(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"{", `[{"id":"a","kind":"telepathy","name":"n","values":["v"]}]`} {
		w.must(w.db.Update(t.Context(), func(tx bridge.Tx) error { return tx.SetSetting(t.Context(), "content_rules", text) }))
		isNotice(t, w.write(bridge.Post{Text: "Dear Ann"}), "can't be read")
	}
}

func TestPreview(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.g.SetMode(ctx, w.operator, bridge.ModeConvenience))
	w.must(w.g.SetContactMode(ctx, w.operator, w.second.ID, bridge.ModeSecure))
	for _, c := range []struct {
		draft bridge.Draft
		want  string
	}{
		{bridge.Draft{Thread: w.thread.ID, Text: "All is well."}, "ann@example.org copy; ben@example.org notice this contact was set to notices only; eve@example.org  the person is disabled"},
		{bridge.Draft{Thread: w.thread.ID, Text: aCard}, "ann@example.org notice contains a card number; ben@example.org notice this contact was set to notices only; eve@example.org  the person is disabled"},
		{bridge.Draft{Subject: "s", Text: "t", Secure: true, Contacts: []bridge.Recipient{{Address: "new@example.net"}}}, "new@example.net notice was marked to be sent securely"},
		{bridge.Draft{Subject: "[secure] s", HTML: "<p>t</p>", Contacts: []bridge.Recipient{{ID: w.inside.ID}, {Address: "ANN@example.org"}}}, "ann@example.org notice has [secure] in its subject"},
		{bridge.Draft{Subject: "s", Text: "t", Mode: bridge.ModeSecure, Contacts: []bridge.Recipient{{ID: w.inside.ID}}}, "ann@example.org notice this conversation was set to notices only"},
	} {
		all, err := w.g.Preview(ctx, bridge.AsPerson(w.staff.ID), c.draft)
		w.must(err)
		var got []string
		for _, l := range all {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", l.Address, l.Form, strings.Join(l.Why, ", "))))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("got %q, want %q", s, c.want)
		}
	}
	if _, err := w.g.Preview(ctx, bridge.AsPerson(w.staff.ID), bridge.Draft{Contacts: []bridge.Recipient{{Address: "no address"}}}); !errors.Is(err, bridge.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if _, err := w.g.PersonByAddress(ctx, w.operator, "new@example.net"); !errors.Is(err, bridge.ErrNotFound) {
		t.Errorf("a preview made a contact: %v", err)
	}
}
