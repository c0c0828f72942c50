package web_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"letterlock/bridge"
)

const aCard = "4111 1111 1111 1111"

// Staff see before they send who gets the content and who a notice, and why; and they see it afterwards.
func TestComposerTellsWhatLeaves(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience))
	w.outgoing()
	b := w.as(w.staff)
	path := "/desk/t/" + w.thread.ID.String()
	b.get(path).want(200, "Send securely", "What will leave?").without("is-notice", aCard)

	ask := url.Values{"kind": {"reply"}, "text": {"Your card " + aCard}, "step": {"check"}}
	b.letter(path, ask).want(200, "Mina Okafor</bdi> will get a notice, without content: contains a card number", "Your card "+aCard)
	ask.Set("text", "All is well.")
	b.letter(path, ask).want(200, "Mina Okafor</bdi> will get it by email", "All is well.")
	ask.Set("secure", "yes")
	b.letter(path, ask).want(200, "was marked to be sent securely", `name="secure" value="yes" checked`)
	b.letter(path, url.Values{"kind": {"reply"}, "text": {"x"}, "step": {"check"}}, file{"a.txt", "text/plain", "x"}).want(200, "Files have to be chosen again.")
	if out := w.outgoing(); len(out) != 0 {
		t.Fatalf("asking sent %d mails", len(out))
	}

	// The script asks the same.
	for _, c := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"text": {"All is well."}}, `[{"who":"Mina Okafor","what":"will get it by email","notice":false}]`},
		{url.Values{"text": {aCard}}, `[{"who":"Mina Okafor","what":"will get a notice, without content: contains a card number","notice":true}]`},
		{url.Values{"text": {"x"}, "name": {"4111-1111-1111-1111.pdf"}}, `[{"who":"Mina Okafor","what":"will get a notice, without content: has a card number in the name of a file","notice":true}]`},
	} {
		if a := b.letter(path+"/leaving", c.form).want(200); strings.TrimSpace(a.body) != c.want {
			t.Errorf("got %s, want %s", a.body, c.want)
		}
	}
	b.letter("/desk/new/leaving", url.Values{"to": {"Nora <nora@example.net>, half"}, "subject": {"[secure] Hello"}, "text": {"x"}}).
		want(200, `"who":"Nora"`, "has [secure] in its subject")
	w.as(w.mina).letter(path+"/leaving", url.Values{"text": {"x"}}).want(403)

	// It is told when it is sent, and stays told.
	b.letter(path, url.Values{"kind": {"reply"}, "text": {"Your card " + aCard}}).want(200, "The email is a notice, without content: it contains a card number.")
	out := w.outgoing()
	if len(out) != 1 || out[0].Form != bridge.FormNotice || out[0].Text != "" {
		t.Fatalf("got %+v, want one notice", out)
	}
	b.get(path).want(200, "was sent a notice", "No content left: contains a card number.")
	w.as(w.mina).get("/t/"+w.thread.ID.String()).want(200, aCard).without("contains a card number")
	b.letter(path, url.Values{"kind": {"reply"}, "text": {"All is well."}, "secure": {"yes"}}).want(200, "it was marked to be sent securely")
	notices := 0
	for _, o := range w.outgoing() { // also of Mina's sign-in at a browser that was not seen before
		if o.Delivery.Kind == bridge.DeliverMessage {
			notices++
			if o.Form != bridge.FormNotice || o.Text != "" {
				t.Errorf("got %s, want a notice", o.Form)
			}
		}
	}
	if notices != 1 {
		t.Errorf("%d mails of the message left, want one", notices)
	}
}

// The same for whoever begins a conversation.
func TestStartTellsWhatLeaves(t *testing.T) {
	w := newWorld(t)
	w.must(w.g.SetMode(t.Context(), bridge.AsOperator(), bridge.ModeConvenience))
	w.outgoing()
	b := w.as(w.staff)
	form := url.Values{"to": {"mina@example.org, nora@example.net"}, "subject": {"Your account"}, "text": {"DE89 3704 0044 0532 0130 00"}, "step": {"check"}}
	b.letter("/desk/new", form).want(200, "Mina Okafor</bdi> will get a notice, without content: contains an IBAN", "nora@example.net</bdi> will get a notice", "Your account")
	b.letter("/desk/new", url.Values{"subject": {"s"}, "text": {"t"}, "step": {"check"}}).want(200, "Nobody would get it")
	form.Del("step")
	b.letter("/desk/new", form).want(200, "Your message is on its way. The email is a notice, without content: it contains an IBAN.")
	for _, o := range w.outgoing() {
		if o.Form != bridge.FormNotice || o.Text != "" || o.Subject != "" {
			t.Errorf("got %+v, want a notice", o)
		}
	}
}

func TestContentRulesPage(t *testing.T) {
	w := newWorld(t)
	w.as(w.staff).get("/admin/rules").want(403)
	w.as(w.staff).post("/admin/rules/known", nil).want(403)
	w.as(w.staff).letter("/admin/rules", url.Values{"kind": {"words"}, "name": {"n"}, "values": {"v"}}).want(403)
	w.as(w.staff).letter("/admin/rules/try", url.Values{"text": {"v"}}).want(403)
	b := w.as(w.admin)
	b.get("/admin/rules").want(200, `value="card" checked`, `value="iban" checked`, `value="gb-nhs">`, "None yet.")
	b.post("/admin/rules/known", url.Values{"rule": {"card", "gb-nhs"}}).want(200, "Saved.", `value="gb-nhs" checked`, `value="iban">`)
	b.post("/admin/rules/known", url.Values{"rule": {"telepathy"}}).want(200, "is-bad", `value="gb-nhs" checked`)

	b.letter("/admin/rules", url.Values{"kind": {"words"}, "name": {"Diagnoses"}, "values": {"diabetes\n\nasthma\ndiabetes"}}).want(200, "The rule is added.", "Diagnoses", "diabetes</bdi>, <bdi>asthma")
	b.letter("/admin/rules", url.Values{"kind": {"pattern"}, "name": {"Broken"}, "values": {"("}}).want(400, "can&#39;t be read", "Broken", `value="pattern" selected`)
	b.letter("/admin/rules", url.Values{"kind": {"files"}, "name": {"Films"}, "values": {"films"}}).want(400, "is no kind of files")
	b.letter("/admin/rules/try", url.Values{"text": {"An ASTHMA attack, 943 476 5919"}}).want(200, "It contains a UK NHS number, and it contains a word of the list “Diagnoses”.")
	b.letter("/admin/rules/try", url.Values{"text": {"All is well."}}).want(200, "No rule matches")

	remove := regexp.MustCompile(`action="(/admin/rules/[^"]+/remove)"`).FindStringSubmatch(b.get("/admin/rules").body)[1]
	b.post(remove, nil).want(200, "The rule is removed.", "None yet.")
	b.post(remove, nil).want(404)
	b.post("/admin/rules/card/remove", nil).want(404)
	b.get("/admin/audit").want(200, "Changed which known content rules hold", "Added a content rule", "Removed a content rule", "card, iban → card, gb-nhs").without("asthma", "Diagnoses")
}
